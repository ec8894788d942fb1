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
    const slice = reader.range(KEY_BUCKET, { from, ...SLICE });
    const last = slice.at(-1);
    if (last === undefined) break;
    for (const change of slice) {
      const name = keyName(readChange(change).key);
      if (isTombstoneKey(change.key)) living.delete(name);
      else living.add(name);
    }
    revision = mainOf(last.key);
    from = bytesAfter(last.key);
  }
  const hash = (await hashBuckets(reader, async () => true)) as number;
  return { hash, revision, keys: living.size };
}
