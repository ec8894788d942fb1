/**
 * The multi-version store: the versions of every key since the last compaction, readable at any revision. Values lie in the storage,
 * by revision; the index of keys lies in memory, rebuilt from there by `load`.
 *
 *   store.put(key, value, lease)        one change of the revision being written
 *   store.deleteRange(range)            one change a deleted key
 *   store.commit()                      closes that revision, returns its events; a revision without change does not exist
 *   store.compact(revision)             at once for readers; then `compactStep` again and again until it returns false
 *
 * All else is in `StoreView`: what readers (ranges, watches, status) may do. Reads between a change and its commit see the
 * change: that is how a transaction reads its own writes. Keys and values handed in are copied.
 */
import { AssertionError, assert } from "../../base/assert.ts";
import type { BlockMemory } from "../../base/block-memory.ts";
import { bytesAfter } from "../../base/bytes.ts";
import type { Revision } from "../../base/ids.ts";
import type { KeyValue } from "../backend/backend.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { StoredKeyValue, StoreEvent } from "../model.ts";
import { Compaction, type StepLimits } from "./compaction.ts";
import { EncodedKeyValues } from "./encoded.ts";
import { HASH_OF_NOTHING, hashOf, type RevisionHash } from "./hash.ts";
import type { KeyRange } from "./key.ts";
import type { KeyTable, KeyVersion, Slot } from "./key-table.ts";
import { type LoadOptions, loadNames } from "./load.ts";
import { Names } from "./names.ts";
import { Recent } from "./recent.ts";
import { mainOf, revisionKey, subOf } from "./revision-key.ts";
import {
  decodeVersion,
  KEY_BUCKET,
  peekVersion,
  readChange,
  readVersion,
  type StoreStorage,
  writeChange,
} from "./storage.ts";

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

export interface SliceOptions extends RangeOptions {
  /** The slice ends with the key-value whose key and value reach it, together with those before. */
  readonly maxBytes: number;
  /** Of `encoded`: where it puts what it returns; absent: into memory of its own. */
  readonly memory?: BlockMemory;
}

/** The first key-values of a range. */
export interface EncodedSlice {
  /** The field `kvs` of a RangeResponse, as often as there are key-values. */
  readonly kvs: Uint8Array;
  readonly keys: number;
  /** The name of the key-value behind them; null: there is none. */
  readonly next: string | null;
}

export interface RangeResult {
  readonly kvs: readonly StoredKeyValue[];
  /** Keys in the range at that revision, whatever the limit. */
  readonly count: number;
}

/** Changes of whole revisions, in order. */
export interface ChangeSpan {
  readonly changes: readonly StoredKeyValue[];
  /** Everything below it that was asked for is there. */
  readonly next: Revision;
}

export interface SpanLimit {
  /** Roughly: the span ends with the revision that reaches one of them, and holds one revision at least. */
  readonly changes: number;
  readonly bytes: number;
}

export interface StoreView {
  /** The last committed revision; 1 before the first write. */
  readonly revision: Revision;
  /** `revision`, or one more while a revision with changes is being written. */
  readonly writeRevision: Revision;
  /** Revisions below this one cannot be read; -1: nothing was ever compacted. */
  readonly compactedRevision: Revision;
  /** What the store takes from the disk: for the quota, never for a decision in apply. */
  readonly sizeBytes: number;
  /** Of that, what is not free to be written again. */
  readonly sizeInUseBytes: number;
  get(key: Uint8Array, at: Revision): StoredKeyValue | null;
  range(range: KeyRange, options: RangeOptions): RangeResult;
  /** The first key-values of a range, without looking at those behind them. */
  encoded(range: KeyRange, options: SliceOptions): EncodedSlice;
  /** Visits the same; the bytes of what is visited are there only until `visit` returns. The name of the one behind them, or null. */
  scan(range: KeyRange, options: SliceOptions, visit: (kv: StoredKeyValue) => void): string | null;
  count(range: KeyRange, at: Revision): number;
  /** The same over the first `names` keys that ever were in the range; `next` is where to go on, null behind the last. */
  countSome(range: KeyRange, at: Revision, names: number): { readonly count: number; readonly next: string | null };
  /** Another object whenever all that is held was replaced; null while there is nothing to read. For work in slices. */
  readonly contents: object | null;
  /** What changed at one committed revision above 1, in order of sub revision; tombstones have version 0. */
  changesAt(revision: Revision): readonly StoredKeyValue[];
  /** What changed from a revision on, the compacted one or a later one, up to the newest; by one scan of the storage. */
  changesFrom(revision: Revision, limit: SpanLimit): ChangeSpan;
  /** What a change replaced; null when the key was absent before, or the version before it may not be read any more. */
  previousOf(change: StoredKeyValue): StoredKeyValue | null;
  /**
   * etcd's HashKV of everything up to a revision (0: the newest), in slices with `pause` between, while requests go on; or that the
   * revision is compacted or in the future.
   */
  hashByRevision(revision: number, pause: () => Promise<void>): Promise<RevisionHash | EtcdError>;
  /** Until the returned function is called everything that may be read now stays. Not for longer than a request of bounded time. */
  pin(): () => void;
}

export interface StoreOptions {
  /** There is something to remove where there was nothing: call `compactStep` soon, and again as long as it returns true. */
  readonly onCompaction?: () => void;
}

const FIRST_REVISION = 1 as Revision;
const NO_BYTES = new Uint8Array(0);
const NO_STORAGE = {
  get: detached,
  peek: detached,
  range: detached,
  scan: detached,
  put: detached,
  delete: detached,
  unlogged: detached,
} as const;

export class MvccStore implements StoreView {
  #storage: StoreStorage;
  #names = new Names();
  #recent = new Recent();
  readonly #compaction: Compaction;
  #openEvents: StoreEvent[] = [];
  #revision: Revision = FIRST_REVISION;
  /** Between two storages. */
  #isDetached = false;

  /** Over an empty storage; over any other one only after `load`. */
  constructor(storage: StoreStorage, options: StoreOptions = {}) {
    this.#storage = storage;
    this.#compaction = new Compaction(storage, this.#names, () => options.onCompaction?.());
  }

  /**
   * Before the storage is closed and another opened: lets go of it and forgets the index. Until the `load` that follows has resolved
   * nothing may be read or written but the revisions and the sizes, which stay as they were.
   */
  detach(): void {
    assert(this.#openEvents.length === 0, "nothing is being written when the storage changes");
    this.#isDetached = true;
    this.#names = new Names();
    this.#recent = new Recent();
    const { sizeBytes, sizeInUseBytes } = this.#storage;
    this.#storage = { ...NO_STORAGE, sizeBytes, sizeInUseBytes };
  }

  /**
   * Begins anew with what `storage` holds, forgetting everything: at the start, and after another's state took the place of this
   * one's. Removal that was not finished there goes on by itself.
   */
  async load(storage: StoreStorage, options: LoadOptions): Promise<void> {
    this.detach();
    const last = await loadNames(storage, this.#names, options);
    this.#storage = storage;
    this.#isDetached = false;
    this.#compaction.moveTo(storage, this.#names);
    this.#revision = Math.max(FIRST_REVISION, last) as Revision;
    // Of the revision it compacts at a compaction leaves every key's last change, tombstones too: no restart goes back in time.
    assert(this.#revision >= this.compactedRevision, "the compacted revision has a change", {
      revision: this.#revision,
    });
  }

  get revision(): Revision {
    return this.#revision;
  }

  get writeRevision(): Revision {
    return this.#openEvents.length === 0 ? this.#revision : this.#nextRevision();
  }

  get compactedRevision(): Revision {
    return this.#compaction.revision;
  }

  get sizeBytes(): number {
    return this.#storage.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#storage.sizeInUseBytes;
  }

  // -------------------------------------------------------------------------------------------------------------- reading

  get(key: Uint8Array, at: Revision): StoredKeyValue | null {
    const slot = this.#namesNow().get(key);
    const version = slot === null ? null : this.#table.at(slot, at);
    if (slot === null || version === null) return null;
    const kv = this.#load(slot, version);
    // Ranges leave no trace: one of them would drive out all that is read often.
    if (version.main === this.#table.main(slot)) this.#recent.keep(slot, kv);
    return kv;
  }

  range(range: KeyRange, options: RangeOptions): RangeResult {
    const kvs: StoredKeyValue[] = [];
    const limit = options.limit > 0 ? options.limit : Number.POSITIVE_INFINITY;
    let count = 0;
    this.#eachLiving(range, options.at, (slot, version) => {
      if (count++ >= limit) return;
      kvs.push(this.#answer(slot, version, options));
    });
    return { kvs, count };
  }

  encoded(range: KeyRange, options: SliceOptions): EncodedSlice {
    const kvs = new EncodedKeyValues();
    let keys = 0;
    const next = this.#slice(range, options, (slot, version) => {
      if (options.keysOnly === true) kvs.addKey(this.#table, slot, version);
      else kvs.add(peekVersion(this.#storage, version));
      keys++;
      return kvs.length;
    });
    return { kvs: kvs.take(options.memory), keys, next };
  }

  scan(range: KeyRange, options: SliceOptions, visit: (kv: StoredKeyValue) => void): string | null {
    let bytes = 0;
    return this.#slice(range, options, (slot, version) => {
      const kv =
        options.keysOnly === true
          ? withoutValue(this.#table.key(slot), version)
          : decodeVersion(peekVersion(this.#storage, version), version.main);
      bytes += kv.key.length + kv.value.length;
      visit(kv);
      return bytes;
    });
  }

  /** Visits the first living keys of a range, told how many bytes they are by now; the name of the one behind them, or null. */
  #slice(range: KeyRange, options: SliceOptions, visit: (slot: Slot, version: KeyVersion) => number): string | null {
    let left = options.limit;
    let bytes = 0;
    let next: string | null = null;
    this.#namesNow().ascend(range.from, range.to, (slot) => {
      const version = this.#table.at(slot, options.at);
      if (version === null) return true;
      if (left-- === 0 || bytes >= options.maxBytes) {
        next = this.#table.name(slot);
        return false;
      }
      bytes = visit(slot, version);
      return true;
    });
    return next;
  }

  count(range: KeyRange, at: Revision): number {
    let count = 0;
    this.#eachLiving(range, at, () => {
      count++;
    });
    return count;
  }

  countSome(range: KeyRange, at: Revision, names: number): { readonly count: number; readonly next: string | null } {
    let count = 0;
    let left = names;
    let next: string | null = null;
    this.#namesNow().ascend(range.from, range.to, (slot) => {
      if (left-- === 0) {
        next = this.#table.name(slot);
        return false;
      }
      if (this.#table.isAliveAt(slot, at)) count++;
      return true;
    });
    return { count, next };
  }

  get contents(): object | null {
    return this.#isDetached ? null : this.#names;
  }

  changesAt(revision: Revision): readonly StoredKeyValue[] {
    assert(revision > FIRST_REVISION && revision <= this.#revision, "history holds committed revisions", { revision });
    return this.changesFrom(revision, { changes: 1, bytes: 1 }).changes.filter((kv) => kv.modRevision === revision);
  }

  changesFrom(revision: Revision, limit: SpanLimit): ChangeSpan {
    assert(revision >= this.compactedRevision, "history goes back to the compacted revision", { revision });
    assert(!this.#isDetached, "nothing is read or written before it is loaded");
    const end = (this.#revision + 1) as Revision;
    const bounds = { limit: limit.changes, maxBytes: limit.bytes };
    const to = revisionKey(end, 0, false);
    const found = this.#storage.range(KEY_BUCKET, { from: revisionKey(revision, 0, false), to, ...bounds });
    const last = found.at(-1);
    if (last === undefined) return { changes: [], next: Math.max(revision, end) as Revision };
    // The last revision may have been cut: however large it is, it stays whole.
    const next = (mainOf(last.key) + 1) as Revision;
    const rest = this.#storage.range(KEY_BUCKET, { from: bytesAfter(last.key), to: revisionKey(next, 0, false) });
    const whole = rest.length === 0 ? found : [...found, ...rest];
    return { changes: whole.filter((each) => !this.#isRemovable(each)).map(readChange), next };
  }

  previousOf(change: StoredKeyValue): StoredKeyValue | null {
    const at = (change.modRevision - 1) as Revision;
    if (change.version === 1 || at < this.compactedRevision) return null;
    return this.get(change.key, at);
  }

  async hashByRevision(asked: number, pause: () => Promise<void>): Promise<RevisionHash | EtcdError> {
    for (;;) {
      while (this.#isDetached) await pause();
      if (asked > 0 && asked < this.compactedRevision) return ETCD_ERRORS.compacted;
      // Taken literally, as by etcd: nothing is that old.
      if (asked < 0) {
        const hashRevision = asked as Revision;
        return { hash: HASH_OF_NOTHING, compactedRevision: this.compactedRevision, hashRevision };
      }
      if (asked > this.#revision) return ETCD_ERRORS.futureRevision;
      const [names, revision] = [this.#names, (asked > 0 ? asked : this.#revision) as Revision];
      const state = { storage: this.#storage, names, revision, compactedRevision: this.compactedRevision };
      const unpin = this.pin();
      const found = await hashOf(state, async () => {
        await pause();
        return this.#names === names;
      }).finally(unpin);
      // Null: the store was loaded anew meanwhile, and what is hashed is what it holds now.
      if (found !== null) return found;
    }
  }

  pin(): () => void {
    return this.#compaction.pin();
  }

  // -------------------------------------------------------------------------------------------------------------- writing

  /** Writes one key in the open revision; returns the version before. */
  put(key: Uint8Array, value: Uint8Array, lease: bigint): StoredKeyValue | null {
    assert(key.length > 0, "a key has at least one byte");
    const main = this.#nextRevision();
    const sub = this.#openEvents.length;
    let slot = this.#namesNow().get(key);
    let previous: StoredKeyValue | null = null;
    if (slot === null) {
      slot = this.#names.add(key, { main, sub, created: main, version: 1 });
    } else {
      if (this.#table.version(slot) > 0) previous = this.#load(slot, this.#table.newest(slot));
      this.#table.put(slot, main, sub);
    }
    const { created, version } = this.#table.newest(slot);
    const change = { key, createRevision: created as Revision, modRevision: main, version, value, lease };
    const kv = writeChange(this.#storage, main, sub, change);
    this.#recent.keep(slot, kv);
    this.#openEvents.push({ kind: "put", kv, previous });
    return previous;
  }

  /** Deletes every living key of the range in the open revision; returns them in key order. */
  deleteRange(range: KeyRange): readonly StoredKeyValue[] {
    const doomed: Slot[] = [];
    this.#eachLiving(range, NEWEST, (slot) => {
      doomed.push(slot);
    });
    return doomed.map((slot) => {
      const previous = this.#load(slot, this.#table.newest(slot));
      const main = this.#nextRevision();
      const sub = this.#openEvents.length;
      this.#table.tombstone(slot, main, sub);
      this.#recent.forget(slot);
      const kv = writeChange(this.#storage, main, sub, tombstone(previous.key));
      // Watchers are told of revisions: what this one put and deletes again was never there.
      const replaced = previous.modRevision === main ? this.get(previous.key, this.#revision) : previous;
      this.#openEvents.push({ kind: "delete", kv, previous: replaced });
      return previous;
    });
  }

  /** Closes the open revision. No events: nothing changed, and the revision stays. */
  commit(): readonly StoreEvent[] {
    const events = this.#openEvents;
    if (events.length === 0) return events;
    this.#revision = this.#nextRevision();
    this.#openEvents = [];
    return events;
  }

  // ----------------------------------------------------------------------------------------------------------- compaction

  /** Part of an entry: from now on nothing below `revision` may be read. Null, or why not. Makes no revision. */
  compact(revision: number): EtcdError | null {
    assert(this.#openEvents.length === 0 && !this.#isDetached, "a compaction is an entry of its own", { revision });
    return this.#compaction.schedule(revision as Revision, this.#revision);
  }

  /** Between entries: removes a bounded slice of what nobody may read any more. True: call again soon. */
  compactStep(limits?: StepLimits): boolean {
    return !this.#isDetached && this.#compaction.step(limits);
  }

  /** Calls `done`, at once or from a `compactStep`, when what is compacted at `revision` is removed; then a `commit` of the buffer shows it. */
  whenCompacted(revision: number, done: () => void): void {
    this.#compaction.whenFinished(revision as Revision, done);
  }

  #nextRevision(): Revision {
    return (this.#revision + 1) as Revision;
  }

  #namesNow(): Names {
    assert(!this.#isDetached, "nothing is read or written before it is loaded");
    return this.#names;
  }

  get #table(): KeyTable {
    return this.#names.table;
  }

  #answer(slot: Slot, version: KeyVersion, { keysOnly }: RangeOptions): StoredKeyValue {
    return keysOnly === true ? withoutValue(this.#table.key(slot), version) : this.#load(slot, version);
  }

  #load(slot: Slot, version: KeyVersion): StoredKeyValue {
    const main = this.#table.main(slot);
    const recent = version.main === main ? this.#recent.get(slot, main) : null;
    return recent ?? readVersion(this.#storage, version);
  }

  /** Replaced within the compacted revision itself: gone already, or soon. */
  #isRemovable(change: KeyValue): boolean {
    if (mainOf(change.key) !== this.compactedRevision) return false;
    const slot = this.#names.get(readChange(change).key);
    const last = slot === null ? null : this.#table.changeAt(slot, this.compactedRevision);
    return last?.sub !== subOf(change.key);
  }

  #eachLiving(range: KeyRange, at: Revision, visit: (slot: Slot, version: KeyVersion) => void): void {
    this.#namesNow().ascend(range.from, range.to, (slot) => {
      const version = this.#table.at(slot, at);
      if (version !== null) visit(slot, version);
      return true;
    });
  }
}

function detached(): never {
  throw new AssertionError("nothing is read or written between two storages", {});
}

function withoutValue(key: Uint8Array, version: KeyVersion): StoredKeyValue {
  return {
    key,
    createRevision: version.created as Revision,
    modRevision: version.main as Revision,
    version: version.version,
    value: NO_BYTES,
    lease: 0n,
  };
}

/** As etcd writes it: the key alone. */
function tombstone(key: Uint8Array): StoredKeyValue {
  const none = 0 as Revision;
  return { key, createRevision: none, modRevision: none, version: 0, value: NO_BYTES, lease: 0n };
}
