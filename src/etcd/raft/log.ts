import { assert } from "../../base/assert.ts";
import type { LogIndex, Term } from "../../base/ids.ts";
import type { Entry } from "../model.ts";

/** What a follower and a leader tell each other about where their logs part. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

export function plus(index: LogIndex, count: number): LogIndex {
  const sum = index + count;
  assert(Number.isSafeInteger(sum) && sum >= 0, "an index is a safe natural number", { index, count });
  return sum as LogIndex;
}

/**
 * The entries of this member, from index 1, and four marks on them:
 *
 *   applied <= min(committed, persisted)      applied means: handed out to be applied
 *   persisted <= handedOut <= lastIndex       handed out means: given to the driver to persist
 *   committed <= lastIndex                    may run ahead of persisted, never of the log
 *
 * Entries beyond `committed` may be replaced; `persisted` and `handedOut` then fall back to where the replacement begins.
 */
export class RaftLog {
  readonly #entries: Entry[];
  #committed: LogIndex;
  #persisted: LogIndex;
  #handedOut: LogIndex;
  #applied: LogIndex;

  /** `entries` come from this member's disk and are persisted. They must be contiguous from index 1. */
  constructor(entries: readonly Entry[], committed: LogIndex, applied: LogIndex) {
    for (const [position, entry] of entries.entries()) {
      assert(entry.index === position + 1, "restored entries are contiguous from 1", { position, index: entry.index });
    }
    this.#entries = [...entries];
    this.#persisted = this.lastIndex;
    this.#handedOut = this.lastIndex;
    this.#committed = committed;
    this.#applied = applied;
    this.#check();
  }

  get lastIndex(): LogIndex {
    return this.#entries.length as LogIndex;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? (0 as Term);
  }

  get committed(): LogIndex {
    return this.#committed;
  }

  get persisted(): LogIndex {
    return this.#persisted;
  }

  get handedOut(): LogIndex {
    return this.#handedOut;
  }

  get applied(): LogIndex {
    return this.#applied;
  }

  /** How far entries may be applied: committed, and synced in this member's own log (D3). */
  get applicable(): LogIndex {
    return Math.min(this.#committed, this.#persisted) as LogIndex;
  }

  /** Term of the entry at `index`; 0 at index 0, null beyond the end. */
  termAt(index: LogIndex): Term | null {
    assert(index >= 0, "an index is not negative", { index });
    if (index === 0) return 0 as Term;
    return this.#entries[index - 1]?.term ?? null;
  }

  /** Raft, section 5.4.1: compares the last entries' terms first, then the lengths of the logs. */
  isUpToDate(lastIndex: LogIndex, lastTerm: Term): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  /** Entries from `from` on: at least one, and as many as stay within `maxBytes` of data. Empty beyond the end. */
  slice(from: LogIndex, maxBytes: number): readonly Entry[] {
    assert(from >= 1, "a slice starts at an entry", { from });
    let bytes = 0;
    let end = from - 1;
    for (; end < this.#entries.length; end++) {
      bytes += (this.#entries[end] as Entry).data.length;
      if (bytes > maxBytes && end > from - 1) break;
    }
    return this.#entries.slice(from - 1, end);
  }

  /** Bytes of data in the entries after `from`, up to and including `to`. */
  bytesBetween(from: LogIndex, to: LogIndex): number {
    assert(from <= to && to <= this.lastIndex, "a range lies inside the log", { from, to, last: this.lastIndex });
    let bytes = 0;
    for (let position: number = from; position < to; position++)
      bytes += (this.#entries[position] as Entry).data.length;
    return bytes;
  }

  /** A leader adds to its own log; it never overwrites (leader append-only, Raft, figure 3). */
  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, "a leader appends at the end", { index: entry.index });
    assert(entry.term >= this.lastTerm, "terms never fall along a log", { term: entry.term, last: this.lastTerm });
    this.#entries.push(entry);
  }

  /**
   * A follower takes what a leader sent. Null when the entry before them does not match; otherwise the last index now known
   * to match the leader's log. Entries already there are kept; from the first that differs on, the leader's replace ours.
   */
  tryAppend(previous: LogPosition, entries: readonly Entry[]): LogIndex | null {
    if (this.termAt(previous.index) !== previous.term) {
      assert(previous.index > this.#committed, "no leader contradicts a committed entry", { ...previous });
      return null;
    }
    for (const [offset, entry] of entries.entries()) {
      assert(entry.index === previous.index + 1 + offset, "entries follow one another", { offset, previous });
      if (this.termAt(entry.index) === entry.term) continue;
      if (entry.index <= this.lastIndex) this.#truncate(entry.index);
      this.append(entry);
    }
    return plus(previous.index, entries.length);
  }

  /** The last position at or before `index` whose term is not above `term`: where two logs may still agree. */
  lastNotAbove(index: LogIndex, term: Term): LogPosition {
    let at = Math.min(index, this.lastIndex) as LogIndex;
    while (at > 0 && (this.termAt(at) as Term) > term) at = plus(at, -1);
    return { index: at, term: this.termAt(at) as Term };
  }

  /** Commits up to `index`; never moves back. */
  commitTo(index: LogIndex): void {
    if (index <= this.#committed) return;
    assert(index <= this.lastIndex, "only entries that are here can be committed", { index, last: this.lastIndex });
    this.#committed = index;
  }

  /** Entries not yet given to the driver to persist; from then on they count as given. */
  takeEntriesToPersist(): readonly Entry[] {
    if (this.#handedOut === this.lastIndex) return [];
    const entries = this.#entries.slice(this.#handedOut);
    this.#handedOut = this.lastIndex;
    return entries;
  }

  /** The driver has synced everything up to `index`. */
  persistedTo(index: LogIndex): void {
    assert(index <= this.#handedOut, "only what was handed out comes back synced", {
      index,
      handedOut: this.#handedOut,
    });
    if (index > this.#persisted) this.#persisted = index;
  }

  /** Entries that may be applied and were not yet handed out for it. */
  takeEntriesToApply(): readonly Entry[] {
    const end = this.applicable;
    if (end <= this.#applied) return [];
    const entries = this.#entries.slice(this.#applied, end);
    this.#applied = end;
    return entries;
  }

  #truncate(from: LogIndex): void {
    assert(from > this.#committed, "a committed entry is never replaced", { from, committed: this.#committed });
    this.#entries.length = from - 1;
    this.#handedOut = Math.min(this.#handedOut, from - 1) as LogIndex;
    this.#persisted = Math.min(this.#persisted, from - 1) as LogIndex;
    this.#check();
  }

  #check(): void {
    const marks = {
      applied: this.#applied,
      committed: this.#committed,
      persisted: this.#persisted,
      last: this.lastIndex,
    };
    assert(this.#applied <= this.applicable, "applied entries are committed and persisted", marks);
    assert(this.#committed <= this.lastIndex, "committed entries are in the log", marks);
    assert(this.#persisted <= this.#handedOut, "persisted entries were handed out", marks);
  }
}
