/**
 * The newest versions that were written or read last, decoded: reading a key that is read or written often does not go to the storage.
 * In two halves: what is kept again moves from the older to the younger; when that is full, it becomes the older and what is still
 * there is let go.
 */
import { assert } from "../../base/assert.ts";
import type { StoredKeyValue } from "../model.ts";
import type { Slot } from "./key-table.ts";

/** Of a half. */
const KEYS_MAX = 8192;
const BYTES_MAX = 4 * 1024 * 1024;

export class Recent {
  #younger = new Map<Slot, StoredKeyValue>();
  #older = new Map<Slot, StoredKeyValue>();
  /** Put into the younger half, what was replaced there since included. */
  #bytes = 0;

  /** The newest version of a living key, which is of the revision `main`, if it is at hand. */
  get(slot: Slot, main: number): StoredKeyValue | null {
    const kv = this.#younger.get(slot) ?? this.#older.get(slot);
    if (kv === undefined) return null;
    assert(kv.modRevision === main, "what is kept is the newest", { main });
    return kv;
  }

  /** What is the newest version of the key from now on. */
  keep(slot: Slot, kv: StoredKeyValue): void {
    if (this.#younger.get(slot) === kv) return;
    this.#younger.set(slot, kv);
    this.#bytes += kv.key.length + kv.value.length;
    if (this.#younger.size < KEYS_MAX && this.#bytes < BYTES_MAX) return;
    this.#older = this.#younger;
    this.#younger = new Map();
    this.#bytes = 0;
  }

  /** The key is deleted. */
  forget(slot: Slot): void {
    this.#younger.delete(slot);
    this.#older.delete(slot);
  }
}
