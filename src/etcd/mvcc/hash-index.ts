/**
 * From a key to its slot by hash: what reading and writing single keys goes through, at a quarter of a descent in the tree. Many small
 * tables with open addressing, because a large one would stop the program each time it grows; each entry is the hash and the slot.
 */
import { assert } from "../../base/assert.ts";
import type { Slot } from "./key-table.ts";

const SHARD_BITS = 8;
const SHARDS: number = 1 << SHARD_BITS;
const SMALLEST = 16;

export class HashIndex {
  readonly #isOf: (slot: Slot, key: Uint8Array) => boolean;
  readonly #shards: readonly Shard[] = Array.from({ length: SHARDS }, () => new Shard());

  /** Over slots whose keys are told by `isOf`. */
  constructor(isOf: (slot: Slot, key: Uint8Array) => boolean) {
    this.#isOf = isOf;
  }

  get(key: Uint8Array): Slot | null {
    const hash = hashOf(key);
    const shard = this.#shardOf(hash);
    for (let at = shard.first(hash); ; at = shard.after(at)) {
      const slot = shard.slotAt(at);
      if (slot === null) return null;
      if (shard.hashAt(at) === hash && this.#isOf(slot, key)) return slot;
    }
  }

  /** A key that is not there yet. */
  add(key: Uint8Array, slot: Slot): void {
    const hash = hashOf(key);
    this.#shardOf(hash).add(hash, slot);
  }

  /** A key that is there, with this slot. */
  remove(key: Uint8Array, slot: Slot): void {
    const hash = hashOf(key);
    this.#shardOf(hash).remove(hash, slot);
  }

  #shardOf(hash: number): Shard {
    return this.#shards[hash >>> (32 - SHARD_BITS)] as Shard;
  }
}

/** Linear probing: an entry lies at the place of its hash, or behind it with nothing free in between. */
class Shard {
  /** Hash and slot + 1 of each entry; 0: free. */
  #entries: Uint32Array = new Uint32Array(2 * SMALLEST);
  #count = 0;

  /** The place where a hash would lie. */
  first(hash: number): number {
    return hash & this.#mask;
  }

  after(at: number): number {
    return (at + 1) & this.#mask;
  }

  hashAt(at: number): number {
    return this.#entries[2 * at] as number;
  }

  /** Null: free. */
  slotAt(at: number): Slot | null {
    const entry = this.#entries[2 * at + 1] as number;
    return entry === 0 ? null : ((entry - 1) as Slot);
  }

  add(hash: number, slot: Slot): void {
    this.#count++;
    // At most three quarters full.
    if (this.#count * 8 > this.#entries.length * 3) this.#grow();
    this.#place(hash, slot);
  }

  remove(hash: number, slot: Slot): void {
    let free = this.first(hash);
    while (this.slotAt(free) !== slot) {
      assert(this.slotAt(free) !== null, "only a key that is there is removed");
      free = this.after(free);
    }
    // What was pushed behind by the one that goes moves up.
    for (let at = this.after(free); this.slotAt(at) !== null; at = this.after(at)) {
      const home = this.first(this.hashAt(at));
      if (((at - home) & this.#mask) < ((at - free) & this.#mask)) continue;
      this.#set(free, this.hashAt(at), this.slotAt(at) as Slot);
      free = at;
    }
    this.#entries[2 * free + 1] = 0;
    this.#count--;
  }

  get #mask(): number {
    return this.#entries.length / 2 - 1;
  }

  #place(hash: number, slot: Slot): void {
    let at = this.first(hash);
    while (this.slotAt(at) !== null) at = this.after(at);
    this.#set(at, hash, slot);
  }

  #set(at: number, hash: number, slot: Slot): void {
    this.#entries[2 * at] = hash;
    this.#entries[2 * at + 1] = slot + 1;
  }

  #grow(): void {
    const before = this.#entries;
    this.#entries = new Uint32Array(2 * before.length);
    for (let i = 0; i < before.length; i += 2) {
      const entry = before[i + 1] as number;
      if (entry !== 0) this.#place(before[i] as number, (entry - 1) as Slot);
    }
  }
}

/** FNV-1a, and the last steps of MurmurHash3 so that every bit depends on all. */
function hashOf(key: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ (key[i] as number), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
