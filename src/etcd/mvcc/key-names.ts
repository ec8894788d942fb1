/**
 * The names of so many keys, their bytes behind each other in one buffer: a million strings or arrays of their own would cost twice
 * the memory, and the collector of garbage would have to look at each of them again and again.
 */
import { assert } from "../../base/assert.ts";

/** Room for all names is made at once when it is no more than that. */
const SMALL_BYTES = 64 * 1024;

export class KeyNames {
  readonly #starts: Uint32Array;
  readonly #lengths: Uint32Array;
  #bytes: Uint8Array = new Uint8Array(0);
  /** Where the next name goes. */
  #end = 0;
  #count = 0;
  /** Before `#end`, of names that are gone. */
  #wasted = 0;

  constructor(capacity: number) {
    this.#starts = new Uint32Array(capacity);
    this.#lengths = new Uint32Array(capacity);
  }

  /** At a place that has none. */
  set(place: number, name: Uint8Array): void {
    const { length } = name;
    assert(length > 0 && this.#lengths[place] === 0, "a key has at least one byte, and a place one name", { place });
    this.#count++;
    if (this.#end + length > this.#bytes.length) this.#move(length);
    this.#bytes.set(name, this.#end);
    this.#starts[place] = this.#end;
    this.#lengths[place] = length;
    this.#end += length;
  }

  /** From a place that has one. */
  delete(place: number): void {
    const length = this.#lengths[place] as number;
    assert(length > 0, "only a name that is there is forgotten", { place });
    this.#lengths[place] = 0;
    this.#count--;
    this.#wasted += length;
  }

  /** Stays as it is when names come and go; its owner may not write to it. */
  copy(place: number): Uint8Array {
    const start = this.#starts[place] as number;
    return Uint8Array.prototype.slice.call(this.#bytes, start, start + (this.#lengths[place] as number));
  }

  length(place: number): number {
    return this.#lengths[place] as number;
  }

  copyTo(place: number, target: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    const start = this.#starts[place] as number;
    const length = this.#lengths[place] as number;
    for (let i = 0; i < length; i++) target[at + i] = bytes[start + i] as number;
  }

  text(place: number): string {
    const start = this.#starts[place] as number;
    return Buffer.prototype.latin1Slice.call(this.#bytes, start, start + (this.#lengths[place] as number));
  }

  equals(place: number, name: Uint8Array): boolean {
    const { length } = name;
    if (this.#lengths[place] !== length) return false;
    const bytes = this.#bytes;
    const start = this.#starts[place] as number;
    // From the end: there keys differ most.
    for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== name[i]) return false;
    return true;
  }

  /** Below 0 when the name at `place` comes before `name`, 0 when it is that. */
  compare(place: number, name: Uint8Array): number {
    const bytes = this.#bytes;
    const start = this.#starts[place] as number;
    const length = this.#lengths[place] as number;
    const shared = Math.min(length, name.length);
    for (let i = 0; i < shared; i++) {
      const difference = (bytes[start + i] as number) - (name[i] as number);
      if (difference !== 0) return difference;
    }
    return length - name.length;
  }

  /** Into a buffer with room for `length` bytes more and for places without a name, should theirs be as long; without what is gone. */
  #move(length: number): void {
    const needed = this.#end - this.#wasted + length;
    const expected = Math.ceil((needed / this.#count) * this.#starts.length);
    const moved = new Uint8Array(Math.max(needed, Math.min(expected, 2 * needed + SMALL_BYTES)));
    let end = 0;
    for (let place = 0; place < this.#starts.length; place++) {
      const size = this.#lengths[place] as number;
      if (size === 0) continue;
      const start = this.#starts[place] as number;
      moved.set(this.#bytes.subarray(start, start + size), end);
      this.#starts[place] = end;
      end += size;
    }
    this.#bytes = moved;
    this.#end = end;
    this.#wasted = 0;
  }
}
