/** Every key that has a change: in a table, found there by hash for single keys and in order for ranges. */
import { HashIndex } from "./hash-index.ts";
import { KeyTable, type KeyVersion, type Slot } from "./key-table.ts";
import { TreeIndex } from "./tree-index.ts";

export class Names {
  readonly table: KeyTable = new KeyTable();
  readonly #byName: HashIndex = new HashIndex((slot, key) => this.table.isOf(slot, key));
  readonly #inOrder: TreeIndex = new TreeIndex(this.table);

  get size(): number {
    return this.table.size;
  }

  get(key: Uint8Array): Slot | null {
    return this.#byName.get(key);
  }

  /** A key that is not there yet, with its first change. */
  add(key: Uint8Array, change: KeyVersion): Slot {
    const slot = this.table.add(key, change);
    this.#byName.add(key, slot);
    this.#inOrder.add(key, slot);
    return slot;
  }

  /** A key that is there. */
  remove(slot: Slot): void {
    const key = this.table.key(slot);
    this.#byName.remove(key, slot);
    this.#inOrder.remove(key);
    this.table.remove(slot);
  }

  /** Visits from <= name < to (null: no end) in order until `visit` returns false. Nothing may be added or removed meanwhile. */
  ascend(from: string, to: string | null, visit: (slot: Slot) => boolean): void {
    this.#inOrder.ascend(Buffer.from(from, "latin1"), to === null ? null : Buffer.from(to, "latin1"), visit);
  }
}
