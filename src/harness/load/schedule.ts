import { assert } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";
import { OPERATION_CLASSES, type Phase } from "../model/plan.ts";
import type { KeyPicker } from "./keys.ts";

/** What a phase does next: class and key, each from a stream of its own, so that one seed repeats the sequence (D11). */
export class OperationSource {
  /** Set by `next`: an index into OPERATION_CLASSES. */
  kind = 0;
  /** Set by `next`. */
  key = 0;
  readonly #upTo: readonly number[];
  readonly #pick: KeyPicker;
  readonly #classes: Prng;
  readonly #keys: Prng;

  constructor(mix: Phase["mix"], pick: KeyPicker, prng: Prng) {
    let total = 0;
    this.#upTo = OPERATION_CLASSES.map((name) => {
      total += mix[name] ?? 0;
      return total;
    });
    assert(total > 0, "a mix has at least one weight above 0");
    this.#pick = pick;
    this.#classes = prng.fork();
    this.#keys = prng.fork();
  }

  next(): void {
    const upTo = this.#upTo;
    const drawn = this.#classes.float() * (upTo[upTo.length - 1] as number);
    let kind = 0;
    while ((upTo[kind] as number) <= drawn) kind++;
    this.kind = kind;
    this.key = this.#pick(this.#keys);
  }
}

/** When operations of an open loop are due, in nanoseconds after the phase began: evenly, or as a Poisson process. */
export class Arrivals {
  readonly #gapNs: number;
  readonly #prng: Prng | null;
  #dueNs = 0;

  constructor(ratePerSecond: number, arrivals: "even" | "poisson", prng: Prng) {
    assert(ratePerSecond > 0, "a rate is above 0", { ratePerSecond });
    this.#gapNs = 1e9 / ratePerSecond;
    this.#prng = arrivals === "poisson" ? prng : null;
  }

  next(): number {
    this.#dueNs += this.#prng === null ? this.#gapNs : this.#prng.exponential(this.#gapNs);
    return Math.round(this.#dueNs);
  }
}
