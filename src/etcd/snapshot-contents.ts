/** What a copy of a store holds, as `snapshot status` tells of it. */
import { bytesAfter } from "../base/bytes.ts";
import type { BucketReader } from "./backend/backend.ts";
import { hashBuckets } from "./backend/hash.ts";
import { SLICE } from "./model.ts";
import { keyName } from "./mvcc/key.ts";
import { isTombstoneKey, mainOf } from "./mvcc/revision-key.ts";
import { KEY_BUCKET, readChange } from "./mvcc/storage.ts";

export interface SnapshotContents {
  /** etcd's Hash, of all that is stored. */
  readonly hash: number;
  /** The newest; 0: nothing was ever written. */
  readonly revision: number;
  /** Those that are there at that revision. */
  readonly keys: number;
}

export async function contentsOf(reader: BucketReader): Promise<SnapshotContents> {
  const living = new Set<string>();
  let revision = 0;
  let from: Uint8Array = new Uint8Array(0);
  for (;;) {
    const last = reader.scan(KEY_BUCKET, { from, ...SLICE }, (key, value) => {
      const name = keyName(readChange({ key, value }).key);
      if (isTombstoneKey(key)) living.delete(name);
      else living.add(name);
    });
    if (last === null) break;
    revision = mainOf(last);
    from = bytesAfter(last);
  }
  const hash = (await hashBuckets(reader, async () => true)) as number;
  return { hash, revision, keys: living.size };
}
