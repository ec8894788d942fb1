import { assert } from "./assert.ts";

/**
 * A seeded stream of random numbers (sfc32, Chris Doty-Humphrey's PractRand): the only source of chance outside test data, so
 * that one seed repeats a run (D11). Not for secrets.
 */
export class Prng {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Any safe integer is a seed; neighbours give unrelated streams. */
  constructor(seed: number) {
    assert(Number.isSafeInteger(seed), "a seed is a safe integer", { seed });
    this.#a = seed >>> 0;
    this.#b = Math.floor(seed / 2 ** 32) >>> 0;
    this.#c = 0x9e3779b9;
    for (let i = 0; i < 15; i++) this.uint32();
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    this.#c |= 0;
    return sum >>> 0;
  }

  /** Uniform in [0, 1), 32 bits of it. */
  float(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Uniform integer in [0, bound). */
  below(bound: number): number {
    assert(Number.isInteger(bound) && bound > 0 && bound <= 2 ** 32, "a bound lies in [1, 2^32]", { bound });
    return Math.floor(this.float() * bound);
  }

  /** Exponentially distributed with the given mean: the gaps of a Poisson process. */
  exponential(mean: number): number {
    return -Math.log(1 - this.float()) * mean;
  }

  pick<Item>(items: readonly Item[]): Item {
    assert(items.length > 0, "nothing to pick from");
    return items[this.below(items.length)] as Item;
  }

  /** A stream of its own, so that one consumer's appetite does not shift another's numbers. */
  fork(): Prng {
    return new Prng(this.uint32() * 2 ** 20 + (this.uint32() >>> 12));
  }
}
