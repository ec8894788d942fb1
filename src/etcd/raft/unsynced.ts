import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";

/** What a Ready asked to make durable: term and vote, and the log up to `index`. */
export interface Batch {
  readonly number: number;
  readonly term: Term;
  readonly vote: MemberId;
  readonly index: LogIndex;
}

/**
 * What was handed out to be persisted and has not come back yet, oldest first. When the log is cut, older batches no longer
 * vouch for what was cut: an entry of the same index and term may return later, written anew and not yet synced.
 */
export class Unsynced {
  #batches: Batch[] = [];

  handOut(batch: Batch): void {
    const previous = this.#batches.at(-1);
    assert(previous === undefined || batch.number > previous.number, "batches are numbered upwards", { batch });
    assert(previous === undefined || batch.index >= previous.index, "a later batch covers the earlier", { batch });
    this.#batches.push(batch);
  }

  /** The log was cut: nothing handed out so far vouches for an entry beyond `last`. */
  truncated(last: LogIndex): void {
    if (this.#batches.every((batch) => batch.index <= last)) return;
    this.#batches = this.#batches.map((batch) => (batch.index > last ? { ...batch, index: last } : batch));
  }

  /** The newest batch up to `number`, which is now durable with all before it; null when they were all known to be. */
  complete(number: number): Batch | null {
    let count = 0;
    while (count < this.#batches.length && (this.#batches[count] as Batch).number <= number) count++;
    const completed = this.#batches.splice(0, count);
    return completed.at(-1) ?? null;
  }
}
