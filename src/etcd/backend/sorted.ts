/**
 * Keys as strings of one character a byte: they compare as the bytes do, and a Map takes them. And a map that keeps them in order:
 * an array and a binary search, for thousands of keys, not millions.
 */
export function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString("latin1");
}

export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

export class SortedMap<Value> {
  readonly #keys: string[] = [];
  readonly #values = new Map<string, Value>();

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  set(key: string, value: Value): void {
    if (!this.#values.has(key)) this.#keys.splice(this.#placeOf(key), 0, key);
    this.#values.set(key, value);
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#keys.splice(this.#placeOf(key), 1);
  }

  /** From `from` (inclusive) up to `to` (exclusive; null: to the last). */
  *entries(from: string, to: string | null): Generator<readonly [string, Value]> {
    for (let at = this.#placeOf(from); at < this.#keys.length; at++) {
      const key = this.#keys[at] as string;
      if (to !== null && key >= to) return;
      yield [key, this.#values.get(key) as Value];
    }
  }

  each(visit: (key: string, value: Value) => void): void {
    for (const key of this.#keys) visit(key, this.#values.get(key) as Value);
  }

  /** Of the first key that is not less. */
  #placeOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
