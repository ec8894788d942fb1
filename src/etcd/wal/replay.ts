/** What the batches of a log come to when they are replayed in order, from the first segment that is still there. Pure. */
import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Entry, HardState } from "../model.ts";
import type { SnapshotRecord, WalBatch } from "./record.ts";

export interface Replayed {
  /** Term 0, no vote and commit 0 when none was written. `commit` lies between the snapshot and the last entry. */
  readonly hardState: HardState;
  /** From where the log begins; null: from index 1 on. */
  readonly snapshot: SnapshotRecord | null;
  /** Contiguous, from the one behind the snapshot on. */
  readonly entries: readonly Entry[];
}

const NO_HARD_STATE: HardState = { term: 0 as Term, vote: 0n as MemberId, commit: 0 as LogIndex };

export class Replay {
  /** Entries up to this index are not there, or no longer needed. */
  #base: number;
  #lastIndex: number;
  #entries: Entry[] = [];
  #hardState: HardState | null = null;
  #snapshot: SnapshotRecord | null = null;

  /** `firstIndex`: of the first segment. */
  constructor(firstIndex: LogIndex) {
    this.#base = firstIndex - 1;
    this.#lastIndex = this.#base;
  }

  take({ snapshot, entries, hardState }: WalBatch): void {
    if (snapshot != null) this.#takeSnapshot(snapshot);
    for (const entry of entries) {
      assert(entry.index >= 1 && entry.index <= this.#lastIndex + 1, "a logged entry leaves no gap", {
        index: entry.index,
      });
      this.#lastIndex = entry.index;
      this.#entries.length = Math.min(this.#entries.length, Math.max(0, entry.index - this.#base - 1));
      // An overwritten one that a removed segment held, too.
      if (entry.index > this.#base) this.#entries.push(entry);
    }
    if (hardState !== null) this.#hardState = hardState;
  }

  #takeSnapshot(snapshot: SnapshotRecord): void {
    const { index } = snapshot.base;
    this.#snapshot = snapshot;
    // In an empty log: what the cluster was founded with.
    if (snapshot.kind === "received" || this.#lastIndex === 0) {
      this.#entries = [];
      this.#base = index;
      this.#lastIndex = index;
    } else if (index > this.#base) {
      assert(index <= this.#lastIndex, "a state that was made here comes from this log", { index });
      this.#entries.splice(0, index - this.#base);
      this.#base = index;
    }
  }

  /** The index the log would have to begin behind; null when it is complete. */
  get missingUpTo(): number | null {
    return (this.#snapshot?.base.index ?? 0) === this.#base ? null : this.#base;
  }

  finish(): Replayed {
    assert(this.missingUpTo === null, "a log is complete before it is used", { missing: this.missingUpTo });
    const saved = this.#hardState ?? NO_HARD_STATE;
    assert(saved.commit <= this.#lastIndex, "what was committed here was logged here", { commit: saved.commit });
    const hardState = { ...saved, commit: Math.max(saved.commit, this.#base) as LogIndex };
    return { hardState, snapshot: this.#snapshot, entries: this.#entries };
  }
}
