/** The index anew out of what the storage holds: one scan, in slices. */
import { assert } from "../../base/assert.ts";
import { bytesAfter } from "../../base/bytes.ts";
import type { Revision } from "../../base/ids.ts";
import { SLICE, type StoredKeyValue } from "../model.ts";
import type { Names } from "./names.ts";
import { mainOf, subOf } from "./revision-key.ts";
import { KEY_BUCKET, readWithoutValue, type StoreStorage } from "./storage.ts";

export interface LoadOptions {
  /** Awaited between slices: others go on meanwhile. */
  readonly pause: () => Promise<void>;
  /** The key is there only until it returns. Told every change in order of revision, lease 0 for a tombstone; but none without a lease that is the first known of its key. */
  readonly changed?: (key: Uint8Array, lease: bigint) => void;
}

/** Fills `names`, which is empty; the last revision that has a change, 0 when none has. */
export async function loadNames(storage: StoreStorage, names: Names, options: LoadOptions): Promise<Revision> {
  let from: Uint8Array = new Uint8Array(0);
  let revision = 0 as Revision;
  for (;;) {
    const last = storage.scan(KEY_BUCKET, { from, ...SLICE }, (key, value) => {
      const change = readWithoutValue({ key, value });
      const isFirst = addChange(names, change, subOf(key));
      if (!isFirst || change.lease !== 0n) options.changed?.(change.key, change.lease);
    });
    if (last === null) return revision;
    revision = mainOf(last) as Revision;
    from = bytesAfter(last);
    await options.pause();
  }
}

/** Whether it is the first that is known of its key; that may be any put or tombstone of its life: compaction took what was before. */
function addChange(names: Names, change: StoredKeyValue, sub: number): boolean {
  const { modRevision: main, createRevision: created, version } = change;
  const slot = names.get(change.key);
  if (slot === null) {
    names.add(change.key, { main, sub, created, version });
    return true;
  }
  const { table } = names;
  if (version === 0) table.tombstone(slot, main, sub);
  else table.put(slot, main, sub);
  const newest = table.newest(slot);
  assert(newest.version === version && newest.created === created, "a key's changes follow from each other", { main });
  return false;
}
