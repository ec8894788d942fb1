/**
 * The life of every key: each change as four numbers, oldest first. The newest lie in columns, a number a key, because most keys have
 * one change; those before in a list of the key's own. A deletion is a change of version 0; what follows it begins again at version 1.
 * Answers "which version was current at revision r" without touching a value.
 *
 * A key is a slot, a row of the columns, given to another key once it is removed. Slots come in chunks, so that growing copies nothing
 * and no array is so large that the event loop would notice. No object a key: a million of them would keep the collector busy.
 *
 * Compaction at revision r keeps of each key the newest change at or below r and all after it; a tombstone only if it is of r
 * itself, so that a watcher that begins at r sees it (etcd since 3.5.16).
 */
import { assert } from "../../base/assert.ts";
import { KeyNames } from "./key-names.ts";

/** One change of a key. */
export interface KeyVersion {
  /** Where its value lies. */
  readonly main: number;
  readonly sub: number;
  /** Main revision of the put that created the key; 0 for a tombstone. */
  readonly created: number;
  /** Puts since creation, from 1; 0 marks a tombstone. */
  readonly version: number;
}

declare const brand: unique symbol;
/** A key of the table. */
export type Slot = number & { readonly [brand]: "Slot" };

const CHUNK_BITS = 10;
const CHUNK_SLOTS: number = 1 << CHUNK_BITS;
const PLACE: number = CHUNK_SLOTS - 1;
/** Numbers a change takes among the past ones. */
const STRIDE = 4;

class Chunk {
  readonly names: KeyNames = new KeyNames(CHUNK_SLOTS);
  readonly main: Float64Array = new Float64Array(CHUNK_SLOTS);
  readonly sub: Uint32Array = new Uint32Array(CHUNK_SLOTS);
  readonly created: Float64Array = new Float64Array(CHUNK_SLOTS);
  readonly version: Float64Array = new Float64Array(CHUNK_SLOTS);
  /** Main, sub, created, version of each change before the newest; null, and none at all, for keys of one change. */
  pasts: (number[] | null)[] | null = null;
}

export class KeyTable {
  readonly #chunks: Chunk[] = [];
  /** Of keys that were removed. */
  readonly #free: Slot[] = [];
  #end = 0;

  /** Keys that are there. */
  get size(): number {
    return this.#end - this.#free.length;
  }

  /** Begins a key's life with a put, or with what compaction has left of an earlier life. */
  add(name: Uint8Array, { main, sub, created, version }: KeyVersion): Slot {
    const slot = this.#free.pop() ?? (this.#end++ as Slot);
    if (slot >> CHUNK_BITS === this.#chunks.length) this.#chunks.push(new Chunk());
    const chunk = this.#chunkOf(slot);
    chunk.names.set(slot & PLACE, name);
    setNewest(chunk, slot & PLACE, main, sub, created, version);
    return slot;
  }

  /** Its slot may be another key's from now on. */
  remove(slot: Slot): void {
    const chunk = this.#chunkOf(slot);
    chunk.names.delete(slot & PLACE);
    if (chunk.pasts !== null) chunk.pasts[slot & PLACE] = null;
    this.#free.push(slot);
  }

  /** The key's bytes, which are the caller's. */
  key(slot: Slot): Uint8Array {
    return this.#chunkOf(slot).names.copy(slot & PLACE);
  }

  keyLength(slot: Slot): number {
    return this.#chunkOf(slot).names.length(slot & PLACE);
  }

  copyKey(slot: Slot, target: Uint8Array, at: number): void {
    this.#chunkOf(slot).names.copyTo(slot & PLACE, target, at);
  }

  /** One character a byte (`keyName`). */
  name(slot: Slot): string {
    return this.#chunkOf(slot).names.text(slot & PLACE);
  }

  isOf(slot: Slot, key: Uint8Array): boolean {
    return this.#chunkOf(slot).names.equals(slot & PLACE, key);
  }

  /** Below 0 when the slot's key comes before `key`, 0 when it is that, else above. */
  compare(slot: Slot, key: Uint8Array): number {
    return this.#chunkOf(slot).names.compare(slot & PLACE, key);
  }

  // -------------------------------------------------------------------------------------------------------------- changes

  /** Of the newest change. */
  main(slot: Slot): number {
    return this.#chunkOf(slot).main[slot & PLACE] as number;
  }

  /** Of the newest change; 0: the key is deleted. */
  version(slot: Slot): number {
    return this.#chunkOf(slot).version[slot & PLACE] as number;
  }

  newest(slot: Slot): KeyVersion {
    return newestOf(this.#chunkOf(slot), slot & PLACE);
  }

  /** Changes that are known of the key, at least 1. */
  changes(slot: Slot): number {
    return pastSize(this.#pastOf(slot)) + 1;
  }

  put(slot: Slot, main: number, sub: number): void {
    const { version, created } = this.newest(slot);
    this.#change(slot, main, sub, version > 0 ? created : main, version + 1);
  }

  tombstone(slot: Slot, main: number, sub: number): void {
    assert(this.version(slot) > 0, "only a living key can be deleted", { main, sub });
    this.#change(slot, main, sub, 0, 0);
  }

  /** The version current at `revision`; null when the key was absent then. */
  at(slot: Slot, revision: number): KeyVersion | null {
    const change = this.changeAt(slot, revision);
    return change === null || change.version === 0 ? null : change;
  }

  isAliveAt(slot: Slot, revision: number): boolean {
    const chunk = this.#chunkOf(slot);
    const place = slot & PLACE;
    return (chunk.main[place] as number) <= revision
      ? (chunk.version[place] as number) > 0
      : this.at(slot, revision) !== null;
  }

  /** The last change at or before `revision`, a tombstone too; null when there was none. */
  changeAt(slot: Slot, revision: number): KeyVersion | null {
    if (this.main(slot) <= revision) return this.newest(slot);
    const past = this.#pastOf(slot);
    const at = lastNotAbove(past, revision);
    return at === -1 ? null : changeOf(past as number[], at);
  }

  /** How many of the oldest changes nobody may ask for once everything below `revision` is compacted. */
  obsoleteAt(slot: Slot, revision: number): number {
    const past = this.#pastOf(slot);
    const size = pastSize(past);
    const last = this.main(slot) <= revision ? size : lastNotAbove(past, revision);
    if (last === -1) return 0;
    const { main, version } = last === size ? this.newest(slot) : changeOf(past as number[], last);
    return version === 0 && main < revision ? last + 1 : last;
  }

  /** Forgets the oldest `count` changes but never the newest, telling each. */
  dropOldest(slot: Slot, count: number, told: (change: KeyVersion) => void): void {
    const past = this.#pastOf(slot);
    const size = pastSize(past);
    const dropped = Math.min(count, size);
    if (past === null || dropped === 0) return;
    for (let at = 0; at < dropped; at++) told(changeOf(past, at));
    if (dropped < size) past.splice(0, dropped * STRIDE);
    else this.#setPast(slot, null);
  }

  #change(slot: Slot, main: number, sub: number, created: number, version: number): void {
    const before = this.newest(slot);
    assert(main > before.main || (main === before.main && sub > before.sub), "revisions of a key ascend", {
      main,
      sub,
    });
    const past = this.#pastOf(slot);
    if (past === null) this.#setPast(slot, [before.main, before.sub, before.created, before.version]);
    else past.push(before.main, before.sub, before.created, before.version);
    setNewest(this.#chunkOf(slot), slot & PLACE, main, sub, created, version);
  }

  #chunkOf(slot: Slot): Chunk {
    return this.#chunks[slot >> CHUNK_BITS] as Chunk;
  }

  #pastOf(slot: Slot): number[] | null {
    return this.#chunkOf(slot).pasts?.[slot & PLACE] ?? null;
  }

  #setPast(slot: Slot, past: number[] | null): void {
    const chunk = this.#chunkOf(slot);
    chunk.pasts ??= new Array<number[] | null>(CHUNK_SLOTS).fill(null);
    chunk.pasts[slot & PLACE] = past;
  }
}

function newestOf(chunk: Chunk, place: number): KeyVersion {
  return {
    main: chunk.main[place] as number,
    sub: chunk.sub[place] as number,
    created: chunk.created[place] as number,
    version: chunk.version[place] as number,
  };
}

function setNewest(chunk: Chunk, place: number, main: number, sub: number, created: number, version: number): void {
  chunk.main[place] = main;
  chunk.sub[place] = sub;
  chunk.created[place] = created;
  chunk.version[place] = version;
  assert(chunk.sub[place] === sub, "a revision has less than 2^32 changes", { sub });
}

function pastSize(past: readonly number[] | null): number {
  return past === null ? 0 : past.length / STRIDE;
}

function changeOf(past: readonly number[], position: number): KeyVersion {
  const at = position * STRIDE;
  return {
    main: past[at] as number,
    sub: past[at + 1] as number,
    created: past[at + 2] as number,
    version: past[at + 3] as number,
  };
}

/** Position of the last change whose main revision is at most `revision`; -1: none. */
function lastNotAbove(past: readonly number[] | null, revision: number): number {
  if (past === null) return -1;
  let low = -1;
  let high = past.length / STRIDE - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((past[middle * STRIDE] as number) <= revision) low = middle;
    else high = middle - 1;
  }
  return low;
}
