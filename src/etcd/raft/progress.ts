import { assert } from "../../base/assert.ts";
import type { LogIndex } from "../../base/ids.ts";
import { plus } from "./log.ts";

export type ProgressState = "probe" | "replicate" | "snapshot";

/**
 * What a leader knows of one peer's log, and how it sends to it:
 *
 *   probe      where the logs part is not known (or the last message may be lost): one append, then wait for its answer
 *   replicate  the logs match up to `match`: appends follow one another unanswered, up to a window of messages
 *   snapshot   the entries the peer needs are gone: no append goes until it was told what became of the snapshot
 *
 * Invariant: match < next.
 */
export class Progress {
  readonly #window: number;
  #match = 0 as LogIndex;
  #next: LogIndex;
  #state: ProgressState = "probe";
  #probeSent = false;
  /** Last indexes of the unanswered appends, oldest first. */
  #inFlight: LogIndex[] = [];
  #advanced = false;
  #stalled = false;
  #nudged = false;
  #active = false;
  #wasActive = false;
  /** In `snapshot`: a match from here on is what appends can build on. */
  #base = 0 as LogIndex;
  /** The highest commit index sent, whether or not it arrived: heartbeats repeat it. */
  commitSent = 0 as LogIndex;

  constructor(next: LogIndex, window: number) {
    assert(next >= 1 && window >= 1, "progress starts at an entry with a window", { next, window });
    this.#next = next;
    this.#window = window;
  }

  get match(): LogIndex {
    return this.#match;
  }

  get next(): LogIndex {
    return this.#next;
  }

  get state(): ProgressState {
    return this.#state;
  }

  get inFlight(): number {
    return this.#inFlight.length;
  }

  /** Whether the peer answered in this election time or the one before. */
  get isLive(): boolean {
    return this.#active || this.#wasActive;
  }

  /** Whether an append with entries may go now. */
  get maySend(): boolean {
    if (this.#state === "replicate") return this.#inFlight.length < this.#window;
    return this.#state === "probe" && !this.#probeSent;
  }

  /** Whether an append should go even without entries: to probe, or to find out if what was sent has arrived. */
  get mustSend(): boolean {
    return this.#state === "probe" ? !this.#probeSent : this.#nudged;
  }

  /** An append up to `last` is on its way; `last` is `next - 1` when it carries no entry. */
  sent(last: LogIndex): void {
    assert(last >= this.#next - 1, "appends go forward", { last, next: this.#next });
    assert(this.#state !== "snapshot", "no append passes a snapshot");
    this.#nudged = false;
    if (this.#state === "probe") {
      assert(!this.#probeSent, "one probe at a time");
      this.#probeSent = true;
      return;
    }
    if (last < this.#next) return;
    assert(this.#inFlight.length < this.#window, "the window holds what is unanswered", { window: this.#window });
    this.#inFlight.push(last);
    this.#next = plus(last, 1);
  }

  /** The peer holds everything up to `index`. Answers may come late, twice and out of order. */
  accepted(index: LogIndex): void {
    this.heard();
    if (index > this.#match) {
      this.#match = index;
      this.#advanced = true;
      this.#stalled = false;
    }
    while (this.#inFlight.length > 0 && (this.#inFlight[0] as LogIndex) <= index) this.#inFlight.shift();
    // An answer to an older append tells nothing about this probe, unless it shows that the probe's place matches.
    const isFound = this.#state === "snapshot" ? index >= this.#base : index >= this.#next - 1;
    if (this.#state !== "replicate" && isFound) this.#replicate();
    this.#next = Math.max(this.#next, this.#match + 1) as LogIndex;
  }

  #replicate(): void {
    this.#state = "replicate";
    this.#probeSent = false;
    this.#inFlight = [];
    this.#next = plus(this.#match, 1);
  }

  /** The peer has no match at `index`; the logs may agree at `hint`. False when that is old news. */
  rejected(index: LogIndex, hint: LogIndex): boolean {
    this.heard();
    if (index <= this.#match || this.#state === "snapshot") return false;
    if (this.#state === "replicate") {
      this.probe();
      return true;
    }
    if (index !== this.#next - 1) return false;
    this.#next = Math.max(Math.min(index, hint + 1), this.#match + 1) as LogIndex;
    this.#probeSent = false;
    return true;
  }

  /** What was in flight may be lost: begin again where the logs are known to match. A probe goes on waiting for its answer. */
  probe(): void {
    if (this.#state !== "replicate") return;
    this.#probeFrom(plus(this.#match, 1), false);
  }

  /** A snapshot is to be sent, since the log begins behind `base` and the peer needs what lies before. */
  snapshot(base: LogIndex): void {
    assert(this.#state !== "snapshot", "one snapshot at a time");
    assert(this.#next <= base, "a snapshot is for whom the log cannot help", { next: this.#next, base });
    this.#probeFrom(this.#next, false);
    this.#state = "snapshot";
    this.#base = base;
  }

  /**
   * The snapshot has ended: the peer took one of `index`, or none. Either way the next word is the peer's: that it has installed it,
   * or that it lives, when another attempt is made.
   */
  snapshotEnded(index: LogIndex | null): void {
    if (this.#state !== "snapshot") return;
    this.#stalled = false;
    this.#advanced = true;
    this.#probeFrom(index === null ? this.#next : plus(Math.max(index, this.#match) as LogIndex, 1), true);
  }

  #probeFrom(next: LogIndex, isSent: boolean): void {
    this.#state = "probe";
    this.#probeSent = isSent;
    this.#next = next;
    this.#inFlight = [];
    this.#nudged = false;
  }

  /** A heartbeat interval has passed: has anything unanswered been answered in it? */
  beat(): void {
    this.#stalled = !this.#advanced && (this.#probeSent || this.#match < this.#next - 1);
    this.#advanced = false;
  }

  heard(): void {
    this.#active = true;
  }

  /** An election time has passed: did the peer answer in it? */
  takeActive(): boolean {
    this.#wasActive = this.#active;
    this.#active = false;
    return this.#wasActive;
  }

  /** The peer lives. If it has answered no append for a whole heartbeat interval, the append or its answer may be lost. */
  alive(): void {
    this.heard();
    if (!this.#stalled || this.#state === "snapshot") return;
    this.#stalled = false;
    if (this.#state === "probe") this.#probeSent = false;
    else this.#nudged = true;
  }
}
