/** etcd's Hash: CRC-32C over every bucket's name, keys and values. Only backends that hold the same have the same. */
import { bytesAfter } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import { SLICE } from "../model.ts";
import { BUCKETS, type BucketReader } from "./backend.ts";

/** In slices, with `pause` between: what is written meanwhile may be in it or not. Null when `pause` has said false: the state is gone. */
export async function hashBuckets(reader: BucketReader, pause: () => Promise<boolean>): Promise<number | null> {
  let hash = 0;
  for (const bucket of BUCKETS) {
    hash = crc32c(Buffer.from(bucket), hash);
    let from: Uint8Array = new Uint8Array(0);
    for (;;) {
      const last = reader.scan(bucket, { from, ...SLICE }, (key, value) => {
        hash = crc32c(value, crc32c(key, hash));
      });
      if (last === null) break;
      from = bytesAfter(last);
      if (!(await pause())) return null;
    }
  }
  return hash;
}
