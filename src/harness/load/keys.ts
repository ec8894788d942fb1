import { assert } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";
import type { KeySpace } from "../model/plan.ts";

const encoder = new TextEncoder();
const DIGIT_ZERO = 48;

/** The keys of a run: the prefix, then the key's index in as many digits as the last one needs. */
export class Keys {
  readonly count: number;
  readonly prefixBytes: Uint8Array;
  readonly #prefix: string;
  readonly #digits: number;

  constructor(space: Pick<KeySpace, "prefix" | "count">) {
    assert(space.count >= 1, "there is at least one key");
    this.count = space.count;
    this.#prefix = space.prefix;
    this.prefixBytes = encoder.encode(space.prefix);
    this.#digits = String(space.count - 1).length;
  }

  text(index: number): string {
    return this.#prefix + String(index).padStart(this.#digits, "0");
  }

  bytes(index: number): Uint8Array {
    const start = this.prefixBytes.length;
    const out = new Uint8Array(start + this.#digits);
    out.set(this.prefixBytes);
    for (let at = out.length - 1; at >= start; at--) {
      out[at] = DIGIT_ZERO + (index % 10);
      index = Math.floor(index / 10);
    }
    return out;
  }

  /** The index of a key of this run, -1 for any other key. */
  indexOf(bytes: Uint8Array): number {
    const start = this.prefixBytes.length;
    if (bytes.length !== start + this.#digits) return -1;
    for (let at = 0; at < start; at++) if (bytes[at] !== this.prefixBytes[at]) return -1;
    const index = decimal(bytes, start, bytes.length);
    return index < this.count ? index : -1;
  }

  /** The first key after all keys with the prefix, as etcd writes a prefix range; "\0" where there is none. */
  rangeEnd(): Uint8Array {
    const end = this.prefixBytes.slice();
    for (let at = end.length - 1; at >= 0; at--) {
      if ((end[at] as number) === 0xff) continue;
      end[at] = (end[at] as number) + 1;
      return end.subarray(0, at + 1);
    }
    return new Uint8Array(1);
  }
}

/** The number that these digits write, -1 when one of them is none. */
export function decimal(bytes: Uint8Array, start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}

/** Draws key indices. */
export type KeyPicker = (prng: Prng) => number;

/** Zipf's exponent as YCSB sets it (Cooper et al., SoCC 2010). */
const ZIPF_EXPONENT = 0.99;

/** Uniform, or Zipfian: key i is drawn in proportion to 1 / (i + 1)^0.99. */
export function keyPicker(count: number, distribution: KeySpace["distribution"]): KeyPicker {
  if (distribution === "uniform") return (prng) => prng.below(count);
  const upTo = new Float64Array(count);
  let total = 0;
  for (let i = 0; i < count; i++) {
    total += (i + 1) ** -ZIPF_EXPONENT;
    upTo[i] = total;
  }
  return (prng) => {
    const drawn = prng.float() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((upTo[middle] as number) > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
