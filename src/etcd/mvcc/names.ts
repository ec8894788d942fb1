/** Every key that has a change, twice: by hash for single keys, in order for ranges. Both hold the one string. */
import { HashIndex } from "./hash-index.ts";
import type { KeyIndex } from "./key-index.ts";
import { TreeIndex } from "./tree-index.ts";

export class Names {
  readonly #byName = new HashIndex<KeyIndex>();
  readonly #inOrder = new TreeIndex<KeyIndex>();

  get size(): number {
    return this.#inOrder.size;
  }

  get(name: string): KeyIndex | undefined {
    return this.#byName.get(name);
  }

  /** A key that is not there yet. */
  add(index: KeyIndex): void {
    this.#byName.set(index.name, index);
    this.#inOrder.add(index.name, index);
  }

  /** A key that is there. */
  remove(name: string): void {
    this.#byName.delete(name);
    this.#inOrder.remove(name);
  }

  /** Visits from <= name < to (null: no end) in order until `visit` returns false. Nothing may be added or removed meanwhile. */
  ascend(from: string, to: string | null, visit: (index: KeyIndex) => boolean): void {
    this.#inOrder.ascend(from, to, visit);
  }
}
