import type { Answered } from "./facts.ts";

/** The highest revision anybody had been answered with at a moment, while time is swept forward once. */
export class Acknowledged {
  readonly #byEnd: readonly Answered[];
  #next = 0;
  #highest: Answered | null = null;

  constructor(operations: readonly Answered[]) {
    this.#byEnd = [...operations].sort((a, b) => a.operation.endNs - b.operation.endNs);
  }

  /** The first answer with the highest revision among those that came strictly before `ns`; calls go forward in time. */
  before(ns: number): Answered | null {
    for (; this.#next < this.#byEnd.length; this.#next++) {
      const next = this.#byEnd[this.#next] as Answered;
      if (next.operation.endNs >= ns) break;
      if (next.response.revision > (this.#highest?.response.revision ?? -1)) this.#highest = next;
    }
    return this.#highest;
  }
}
