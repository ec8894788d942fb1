/**
 * The multi-version store: every version of every key since the beginning, readable at any revision. In memory, rebuilt from
 * the log at start.
 *
 *   store.put(key, value, lease)        one change of the revision being written
 *   store.deleteRange(range)            one change a deleted key
 *   store.commit()                      closes that revision, returns its events; a revision without change does not exist
 *
 * All else is in `StoreView`: what readers (ranges, watches, status) may do. Reads between a change and its commit see the
 * change: that is how a transaction reads its own writes. Keys and values handed in are copied.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import type { StoredKeyValue, StoreEvent } from "../model.ts";
import { HashIndex } from "./hash-index.ts";
import type { KeyRange } from "./key.ts";
import { keyName } from "./key.ts";
import type { KeyVersion } from "./key-index.ts";
import { KeyIndex } from "./key-index.ts";
import { TreeIndex } from "./tree-index.ts";

/** Reads a revision this high or higher as the newest. */
export const NEWEST = Number.MAX_SAFE_INTEGER as Revision;

export interface RangeOptions {
  /** NEWEST, or a revision between the compacted one and the current one. */
  readonly at: Revision;
  /** At most so many key-values; 0 for all. */
  readonly limit: number;
  /** Answered by the index alone: no values and no leases. */
  readonly keysOnly?: boolean;
}

export interface RangeResult {
  readonly kvs: readonly StoredKeyValue[];
  /** Keys in the range at that revision, whatever the limit. */
  readonly count: number;
}

export interface StoreView {
  /** The last committed revision; 1 before the first write. */
  readonly revision: Revision;
  /** `revision`, or one more while a revision with changes is being written. */
  readonly writeRevision: Revision;
  /** Revisions below this one cannot be read; -1: nothing was ever compacted. */
  readonly compactedRevision: Revision;
  /** What the store's contents take, roughly, in bytes: for the quota, never for a decision in apply. */
  readonly sizeBytes: number;
  get(key: Uint8Array, at: Revision): StoredKeyValue | null;
  range(range: KeyRange, options: RangeOptions): RangeResult;
  count(range: KeyRange, at: Revision): number;
  /** What changed at one committed revision above 1, in order of sub revision; tombstones have version 0. */
  changesAt(revision: Revision): readonly StoredKeyValue[];
  /** What a change replaced; null when the key was absent before. */
  previousOf(change: StoredKeyValue): StoredKeyValue | null;
}

const FIRST_REVISION = 1 as Revision;
const NEVER_COMPACTED = -1 as Revision;
const NO_REVISION = 0 as Revision;
const NO_BYTES = new Uint8Array(0);
/** Objects and array slots that one version costs beside its bytes, measured. */
const VERSION_OVERHEAD_BYTES = 350;
/** And a key beside its name: index entries, once in the tree and once by hash. */
const KEY_OVERHEAD_BYTES = 250;

export class MvccStore implements StoreView {
  readonly compactedRevision: Revision = NEVER_COMPACTED;
  /** Every key that ever was, twice: by hash for single keys, in order for ranges. */
  readonly #byName = new HashIndex<KeyIndex>();
  readonly #inOrder = new TreeIndex<KeyIndex>();
  /** By main revision, from FIRST_REVISION + 1; within one by sub revision. */
  readonly #changes: (readonly StoredKeyValue[])[] = [];
  #open: StoredKeyValue[] = [];
  #openEvents: StoreEvent[] = [];
  #revision: Revision = FIRST_REVISION;
  #sizeBytes = 0;

  get revision(): Revision {
    return this.#revision;
  }

  get writeRevision(): Revision {
    return this.#open.length === 0 ? this.#revision : this.#nextRevision();
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(key: Uint8Array, at: Revision): StoredKeyValue | null {
    const index = this.#byName.get(keyName(key));
    if (index === undefined) return null;
    const version = at === NEWEST ? index.newest() : index.at(at);
    return version === null ? null : this.#load(version);
  }

  range(range: KeyRange, options: RangeOptions): RangeResult {
    const kvs: StoredKeyValue[] = [];
    const limit = options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY;
    let count = 0;
    this.#eachLiving(range, options.at, (index, version) => {
      if (count++ >= limit) return;
      kvs.push(options.keysOnly === true ? withoutValue(index.key, version) : this.#load(version));
    });
    return { kvs, count };
  }

  count(range: KeyRange, at: Revision): number {
    let count = 0;
    this.#eachLiving(range, at, () => {
      count++;
    });
    return count;
  }

  changesAt(revision: Revision): readonly StoredKeyValue[] {
    assert(revision > FIRST_REVISION && revision <= this.#revision, "history holds committed revisions", { revision });
    return this.#changes[revision - FIRST_REVISION - 1] as readonly StoredKeyValue[];
  }

  previousOf(change: StoredKeyValue): StoredKeyValue | null {
    if (change.version === 1) return null;
    return this.get(change.key, (change.modRevision - 1) as Revision);
  }

  /** Writes one key in the open revision; returns the version before. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): StoredKeyValue | null {
    assert(key.length > 0, "a key has at least one byte");
    const name = keyName(key);
    const main = this.#nextRevision();
    const sub = this.#open.length;
    let index = this.#byName.get(name);
    let previous: StoredKeyValue | null = null;
    if (index === undefined) {
      index = new KeyIndex(copy(key), main, sub);
      this.#byName.set(name, index);
      this.#inOrder.add(name, index);
      this.#sizeBytes += key.length + name.length + KEY_OVERHEAD_BYTES;
    } else {
      const newest = index.newest();
      if (newest !== null) previous = this.#load(newest);
      index.put(main, sub);
    }
    this.#record("put", previous, {
      key: index.key,
      createRevision: previous?.createRevision ?? main,
      modRevision: main,
      version: (previous?.version ?? 0) + 1,
      value: copy(value),
      lease,
    });
    return previous;
  }

  /** Deletes every living key of the range in the open revision; returns them in key order. */
  deleteRange(range: KeyRange): readonly StoredKeyValue[] {
    const doomed: KeyIndex[] = [];
    this.#eachLiving(range, NEWEST, (index) => {
      doomed.push(index);
    });
    return doomed.map((index) => {
      const previous = this.#load(index.newest() as KeyVersion);
      const main = this.#nextRevision();
      index.tombstone(main, this.#open.length);
      this.#record("delete", previous, tombstone(index.key, main));
      return previous;
    });
  }

  /** Closes the open revision. No events: nothing changed, and the revision stays. */
  commit(): readonly StoreEvent[] {
    const events = this.#openEvents;
    if (events.length === 0) return events;
    // A copy has no spare slots: an array that grew by `push` has sixteen.
    this.#changes.push(this.#open.slice());
    this.#revision = this.#nextRevision();
    this.#open = [];
    this.#openEvents = [];
    assert(this.#changes.length === this.#revision - FIRST_REVISION, "history has no gap");
    return events;
  }

  #nextRevision(): Revision {
    return (this.#revision + 1) as Revision;
  }

  #record(kind: StoreEvent["kind"], previous: StoredKeyValue | null, kv: StoredKeyValue): void {
    this.#open.push(kv);
    this.#openEvents.push({ kind, kv, previous });
    this.#sizeBytes += kv.value.length + VERSION_OVERHEAD_BYTES;
  }

  #load(version: KeyVersion): StoredKeyValue {
    const changes = version.main > this.#revision ? this.#open : this.#changes[version.main - FIRST_REVISION - 1];
    const kv = changes?.[version.sub];
    assert(kv !== undefined && kv.version === version.version, "the index and the values agree");
    return kv;
  }

  #eachLiving(range: KeyRange, at: Revision, visit: (index: KeyIndex, version: KeyVersion) => void): void {
    this.#inOrder.ascend(range.from, range.to, (index) => {
      const version = at === NEWEST ? index.newest() : index.at(at);
      if (version !== null) visit(index, version);
      return true;
    });
  }
}

function withoutValue(key: Uint8Array, version: KeyVersion): StoredKeyValue {
  return {
    key,
    createRevision: version.created,
    modRevision: version.main,
    version: version.version,
    value: NO_BYTES,
    lease: 0n,
  };
}

function tombstone(key: Uint8Array, main: Revision): StoredKeyValue {
  return { key, createRevision: NO_REVISION, modRevision: main, version: 0, value: NO_BYTES, lease: 0n };
}

/** So that no request's buffer is kept alive; small ones share a slab, a view of which costs half of a buffer of its own. */
function copy(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? NO_BYTES : Buffer.from(bytes);
}
