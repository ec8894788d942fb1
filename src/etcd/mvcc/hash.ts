/**
 * etcd's HashKV (3.7): CRC-32C over "key" and then, in order of revision, the name and value of every change up to a revision. Of
 * changes that a compaction may remove only those count that it would not, were it made at that revision: so members agree however
 * far each has got with removing. A tombstone of the compacted revision itself never counts.
 *
 * When no key at all is alive at that revision, etcd counts what it still has: here, what a finished compaction leaves.
 */
import { assert } from "../../base/assert.ts";
import { bytesAfter } from "../../base/bytes.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { Revision } from "../../base/ids.ts";
import type { BucketReader, KeyValue } from "../backend/backend.ts";
import { SLICE } from "../model.ts";
import type { Names } from "./names.ts";
import { mainOf, revisionKey, subOf } from "./revision-key.ts";
import { KEY_BUCKET, readChange } from "./storage.ts";

export interface RevisionHash {
  readonly hash: number;
  readonly compactedRevision: Revision;
  readonly hashRevision: Revision;
}

/** What does not change while it is read: nothing up to `revision` is removed. */
export interface HashedState {
  readonly storage: BucketReader;
  readonly names: Names;
  readonly revision: Revision;
  readonly compactedRevision: Revision;
}

/** Between slices; false: the state is gone, and there will be no hash. */
export type PauseWhileThere = () => Promise<boolean>;

const SLICE_KEYS = 5000;
export const HASH_OF_NOTHING: number = crc32c(Buffer.from(KEY_BUCKET));

export async function hashOf(state: HashedState, pause: PauseWhileThere): Promise<RevisionHash | null> {
  const { storage, names, revision, compactedRevision } = state;
  let keptAt = compactedRevision;
  if (compactedRevision > 0) {
    const isAlive = await isAnyAlive(names, revision, pause);
    if (isAlive === null) return null;
    if (isAlive) keptAt = revision;
  }
  let hash = HASH_OF_NOTHING;
  let from: Uint8Array = new Uint8Array(0);
  const to = revisionKey(revision + 1, 0, false);
  for (;;) {
    const last = storage.scan(KEY_BUCKET, { from, to, ...SLICE }, (key, value) => {
      if (mainOf(key) <= compactedRevision && !isKept(names, { key, value }, keptAt)) return;
      hash = crc32c(value, crc32c(key, hash));
    });
    if (last === null) return { hash, compactedRevision, hashRevision: revision };
    from = bytesAfter(last);
    if (!(await pause())) return null;
  }
}

/** Whether it is the newest version of a key that is there at that revision: so never a tombstone. */
function isKept(names: Names, found: KeyValue, at: Revision): boolean {
  const slot = names.get(readChange(found).key);
  assert(slot !== null, "every change is of a key in the index");
  const main = mainOf(found.key);
  const newest = names.table.at(slot, at);
  return newest !== null && newest.main === main && newest.sub === subOf(found.key);
}

/** Whether any key is there at `revision`; null when the state is gone. */
async function isAnyAlive(names: Names, revision: Revision, pause: PauseWhileThere): Promise<boolean | null> {
  let from: string | null = "";
  while (from !== null) {
    let isAlive = false;
    let left = SLICE_KEYS;
    let next: string | null = null;
    names.ascend(from, null, (slot) => {
      isAlive = names.table.isAliveAt(slot, revision);
      if (left-- > 0) return !isAlive;
      next = names.table.name(slot);
      return false;
    });
    if (isAlive) return true;
    from = next;
    if (from !== null && !(await pause())) return null;
  }
  return false;
}
