/** Proof that this member leads: those who want it while one quorum round is under way share the next. */
import type { Term } from "../../base/ids.ts";

export interface RoundsOptions {
  readonly nowMs: () => number;
  /**
   * Comes to the term in which this member led at some moment after the call, as a quorum said, once it has applied everything
   * committed by then, an entry of that term included; null: it does not lead, or nobody says so. Never rejects.
   */
  readonly confirm: () => Promise<Term | null>;
  readonly electionMs: number;
}

export interface Proof {
  readonly term: Term;
  /** The member led after this moment, so nobody else can have led before it in a later term. */
  readonly sinceMs: number;
}

type Waiting = (proof: Proof | null) => void;

export class Rounds {
  readonly #options: RoundsOptions;
  #waiting: Waiting[] = [];
  #isRunning = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  /** Of a round begun after the call, and not older than an election time-out: this process may have stood still meanwhile. */
  prove(): Promise<Proof | null> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    const { nowMs, confirm, electionMs } = this.#options;
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      const sinceMs = nowMs();
      const term = await confirm();
      if (term !== null && nowMs() - sinceMs >= electionMs) this.#waiting = [...waiting, ...this.#waiting];
      else for (const resolve of waiting) resolve(term === null ? null : { term, sinceMs });
    }
    this.#isRunning = false;
  }
}
