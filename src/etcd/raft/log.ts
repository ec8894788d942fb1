import { assert } from "../../base/assert.ts";
import type { LogIndex, Term } from "../../base/ids.ts";
import type { Configuration, Entry, LogBase } from "../model.ts";
import { ConfigurationHistory } from "./configuration.ts";
import type { LogPosition, RaftDecisions } from "./decisions.ts";

export function plus(index: LogIndex, count: number): LogIndex {
  const sum = index + count;
  assert(Number.isSafeInteger(sum) && sum >= 0, "an index is a safe natural number", { index, count });
  return sum as LogIndex;
}

/** What a disk kept of a log. */
export interface RestoredLog {
  readonly base: LogBase;
  /** Contiguous from the base on. */
  readonly entries: readonly Entry[];
  readonly committed: LogIndex;
  readonly applied: LogIndex;
}

/**
 * The entries of this member behind its base (a snapshot's place, or 0), the configurations among them, and four marks:
 *
 *   base <= applied <= min(committed, persisted)      applied means: handed out to be applied
 *   persisted <= handedOut <= lastIndex               handed out means: given to the driver to persist
 *   committed <= lastIndex                            may run ahead of persisted, never of the log
 *
 * Entries beyond `committed` may be replaced; `persisted` and `handedOut` then fall back to where the replacement begins.
 */
export class RaftLog {
  readonly #decisions: RaftDecisions;
  #base: LogPosition;
  #entries: Entry[];
  #history: ConfigurationHistory;
  #committed: LogIndex;
  #persisted: LogIndex;
  #handedOut: LogIndex;
  #applied: LogIndex;

  /** `restored` comes from this member's disk and is persisted. */
  constructor({ base, entries, committed, applied }: RestoredLog, decisions: RaftDecisions) {
    this.#decisions = decisions;
    this.#base = { index: base.index, term: base.term };
    this.#entries = [];
    this.#history = new ConfigurationHistory(base.index, base.configuration);
    for (const entry of entries) this.append(entry);
    this.#persisted = this.lastIndex;
    this.#handedOut = this.lastIndex;
    this.#committed = committed;
    this.#applied = applied;
    this.#check();
  }

  /** The entry before the first that is here; 0 when none was ever forgotten. */
  get base(): LogPosition {
    return this.#base;
  }

  get lastIndex(): LogIndex {
    return (this.#base.index + this.#entries.length) as LogIndex;
  }

  get lastTerm(): Term {
    return this.#entries.at(-1)?.term ?? this.#base.term;
  }

  get last(): LogPosition {
    return { index: this.lastIndex, term: this.lastTerm };
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

  /** The newest in the log, committed or not: the one in effect (D 4.1). */
  get configuration(): Configuration {
    return this.#history.latest;
  }

  /** The entry that made the configuration in effect, or the base. */
  get configurationIndex(): LogIndex {
    return this.#history.latestIndex;
  }

  /** The configuration that the one in effect replaced, as long as the log holds both. */
  get previousConfiguration(): Configuration | null {
    return this.#history.previous;
  }

  /** How far entries may be applied: committed, and synced in this member's own log (D3). */
  get applicable(): LogIndex {
    return Math.min(this.#committed, this.#persisted) as LogIndex;
  }

  /** Term of the entry at `index`, the base included; null before it and beyond the end. */
  termAt(index: LogIndex): Term | null {
    assert(index >= 0, "an index is not negative", { index });
    if (index === this.#base.index) return this.#base.term;
    return this.#entries[index - this.#base.index - 1]?.term ?? null;
  }

  /** A place of the log and the members as of then, as a snapshot of that place names them; null when it is not known here. */
  baseAt(index: LogIndex): LogBase | null {
    const term = this.termAt(index);
    return term === null ? null : { index, term, configuration: this.#history.at(index) };
  }

  /** Entries from `from` on: at least one, and as many as stay within `maxBytes` of data. Empty beyond the end. */
  slice(from: LogIndex, maxBytes: number): readonly Entry[] {
    assert(from > this.#base.index, "a slice starts at an entry that is here", { from, base: this.#base.index });
    const start = from - this.#base.index - 1;
    let bytes = 0;
    let end = start;
    for (; end < this.#entries.length; end++) {
      bytes += (this.#entries[end] as Entry).data.length;
      if (bytes > maxBytes && end > start) break;
    }
    return this.#entries.slice(start, end);
  }

  /** Bytes of data in the entries after `from`, up to and including `to`. */
  bytesBetween(from: LogIndex, to: LogIndex): number {
    const { index: base } = this.#base;
    assert(base <= from && from <= to && to <= this.lastIndex, "a range lies inside the log", { base, from, to });
    let bytes = 0;
    for (let position = from - base; position < to - base; position++)
      bytes += (this.#entries[position] as Entry).data.length;
    return bytes;
  }

  /** The first place from which on the entries up to `to` have no more than `maxBytes` of data. */
  startWithin(to: LogIndex, maxBytes: number): LogIndex {
    const { index: base } = this.#base;
    assert(base <= to && to <= this.lastIndex, "a range ends inside the log", { base, to, last: this.lastIndex });
    let start = to - base;
    for (let bytes = 0; start > 0; start--) {
      bytes += (this.#entries[start - 1] as Entry).data.length;
      if (bytes > maxBytes) break;
    }
    return (base + start) as LogIndex;
  }

  /** A leader adds to its own log; it never overwrites (leader append-only, Raft, figure 3). */
  append(entry: Entry): void {
    assert(entry.index === this.lastIndex + 1, "entries are contiguous", { index: entry.index, last: this.lastIndex });
    assert(entry.term >= this.lastTerm, "terms never fall along a log", { term: entry.term, last: this.lastTerm });
    this.#entries.push(entry);
    this.#history.append(entry);
  }

  /**
   * A follower takes what a leader sent. Null when the entry before them does not match; otherwise the last index now known
   * to match the leader's log. Entries already there are kept; from the first that differs on, the leader's replace ours.
   */
  tryAppend(previous: LogPosition, entries: readonly Entry[]): LogIndex | null {
    // What lies behind the base was committed, so every leader has it too.
    if (previous.index < this.#base.index) {
      const rest = entries.filter((entry) => entry.index > this.#base.index);
      return rest.length === 0 ? this.#base.index : this.tryAppend(this.#base, rest);
    }
    if (!this.#decisions.matches(this.termAt(previous.index), previous.term)) {
      assert(previous.index > this.#committed, "no leader contradicts a committed entry", { ...previous });
      return null;
    }
    for (const [offset, entry] of entries.entries()) {
      assert(entry.index === previous.index + 1 + offset, "entries follow one another", { offset, previous });
      const own = this.termAt(entry.index);
      if (own !== null && !this.#decisions.conflicts(own, entry.term)) continue;
      if (own !== null) this.#truncate(entry.index);
      this.append(entry);
    }
    return plus(previous.index, entries.length);
  }

  /**
   * The last position at or before `index` whose term is not above `term`: where two logs may still agree. One before the base
   * stands for all of what is no longer known.
   */
  lastNotAbove(index: LogIndex, term: Term): LogPosition {
    const { index: base } = this.#base;
    for (let at = Math.min(index, this.lastIndex) as LogIndex; at >= base; at = plus(at, -1)) {
      const own = this.termAt(at) as Term;
      if (own <= term) return { index: at, term: own };
    }
    return { index: Math.min(index, base - 1) as LogIndex, term: 0 as Term };
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
    const entries = this.#entries.slice(this.#handedOut - this.#base.index);
    this.#handedOut = this.lastIndex;
    return entries;
  }

  /** The driver has synced everything up to `index`. */
  persistedTo(index: LogIndex): void {
    const handedOut = this.#handedOut;
    assert(index <= handedOut, "only what was handed out comes back synced", { index, handedOut });
    if (index > this.#persisted) this.#persisted = index;
  }

  /** Entries that may be applied and were not yet handed out for it. */
  takeEntriesToApply(): readonly Entry[] {
    const end = this.applicable;
    if (end <= this.#applied) return [];
    const entries = this.#entries.slice(this.#applied - this.#base.index, end - this.#base.index);
    this.#applied = end;
    return entries;
  }

  /** Forgets the entries up to `index`: never one that is still to be applied. Nothing when they are forgotten already. */
  compact(index: LogIndex): void {
    if (index <= this.#base.index) return;
    assert(index <= this.#applied, "only applied entries are forgotten", { index, applied: this.#applied });
    const term = this.termAt(index);
    assert(term !== null, "an applied entry is here", { index });
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = { index, term };
    this.#history.compact(index);
    this.#check();
  }

  /** Begins anew behind a snapshot that lies beyond everything committed here. Its record goes to disk before any later entry. */
  restore(snapshot: LogBase): void {
    const { index, term, configuration } = snapshot;
    assert(index > this.#committed, "a snapshot never takes back what is committed", {
      index,
      committed: this.#committed,
    });
    this.#base = { index, term };
    this.#entries = [];
    this.#history = new ConfigurationHistory(index, configuration);
    this.#committed = index;
    this.#persisted = index;
    this.#handedOut = index;
    this.#applied = index;
    this.#check();
  }

  #truncate(from: LogIndex): void {
    assert(from > this.#committed, "a committed entry is never replaced", { from, committed: this.#committed });
    this.#entries.length = from - this.#base.index - 1;
    this.#history.truncate(from);
    this.#handedOut = Math.min(this.#handedOut, from - 1) as LogIndex;
    this.#persisted = Math.min(this.#persisted, from - 1) as LogIndex;
    this.#check();
  }

  #check(): void {
    const [base, applied, committed, persisted] = [this.#base.index, this.#applied, this.#committed, this.#persisted];
    const marks = { base, applied, committed, persisted, last: this.lastIndex };
    assert(base <= applied, "nothing is forgotten before it is applied", marks);
    assert(applied <= this.applicable, "applied entries are committed and persisted", marks);
    assert(committed <= this.lastIndex, "committed entries are in the log", marks);
    assert(persisted <= this.#handedOut, "persisted entries were handed out", marks);
  }
}
