/**
 * Linearizable reads (D4): those that gather while one ReadIndex round is under way share the next. A read runs when this member
 * has applied up to its round's index; a round that could not be confirmed is asked for again, for a read does no harm twice.
 */
import { assert } from "../base/assert.ts";
import type { LogIndex } from "../base/ids.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import type { MemberDecisions } from "./member-decisions.ts";

/** Null: read now. */
export type ReadTurn = (refusal: EtcdError | null) => void;

interface Waiting {
  readonly turn: ReadTurn;
  readonly deadlineMs: number;
}

interface Confirmed {
  readonly index: LogIndex;
  readonly reads: readonly Waiting[];
}

const WAITING_MAX = 50_000;

export class Reads {
  readonly #timeoutMs: number;
  readonly #decisions: MemberDecisions;
  /** In order of deadline, as everywhere here. */
  #gathering: Waiting[] = [];
  #round: { readonly id: number; reads: readonly Waiting[] } | null = null;
  #confirmed: Confirmed[] = [];
  #rounds = 0;
  #size = 0;
  /** A round was dropped: the next begins with the next tick, not in a circle. */
  #resting = false;

  constructor(timeoutMs: number, decisions: MemberDecisions) {
    this.#timeoutMs = timeoutMs;
    this.#decisions = decisions;
  }

  get size(): number {
    return this.#size;
  }

  add(nowMs: number, turn: ReadTurn): void {
    if (this.#size >= WAITING_MAX) {
      turn(ETCD_ERRORS.tooManyRequests);
      return;
    }
    this.#size++;
    this.#gathering.push({ turn, deadlineMs: nowMs + this.#timeoutMs });
  }

  /** The id of a round to ask the core for; null when none is due. Only while there is a leader to ask. */
  begin(): number | null {
    if (this.#round !== null || this.#gathering.length === 0 || this.#resting) return null;
    this.#rounds++;
    this.#round = { id: this.#rounds, reads: this.#gathering };
    this.#gathering = [];
    return this.#rounds;
  }

  confirmed(id: number, index: LogIndex): void {
    const round = this.#takeRound(id);
    this.#confirmed.push({ index, reads: round });
  }

  dropped(id: number): void {
    this.#gathering = [...this.#takeRound(id), ...this.#gathering];
    this.#resting = true;
  }

  /** Runs the reads whose index is applied. */
  applied(index: LogIndex): void {
    while (this.#confirmed.length > 0 && this.#decisions.mayRead((this.#confirmed[0] as Confirmed).index, index))
      this.#answer((this.#confirmed.shift() as Confirmed).reads, null);
  }

  /** Once a tick, and when a leader was found: what was dropped may be asked for again. */
  retry(): void {
    this.#resting = false;
  }

  expire(nowMs: number): void {
    const late: Waiting[] = [];
    const keep = (reads: readonly Waiting[]): readonly Waiting[] => {
      if (reads.length === 0 || (reads[0] as Waiting).deadlineMs > nowMs) return reads;
      const end = reads.findIndex((read) => read.deadlineMs > nowMs);
      late.push(...(end === -1 ? reads : reads.slice(0, end)));
      return end === -1 ? [] : reads.slice(end);
    };
    this.#confirmed = this.#confirmed.map(({ index, reads }) => ({ index, reads: keep(reads) }));
    if (this.#round !== null) this.#round.reads = keep(this.#round.reads);
    this.#gathering = [...keep(this.#gathering)];
    this.#answer(late, ETCD_ERRORS.timeout);
  }

  stop(): void {
    const all = [...this.#confirmed.flatMap(({ reads }) => reads), ...(this.#round?.reads ?? []), ...this.#gathering];
    this.#confirmed = [];
    this.#round = null;
    this.#gathering = [];
    this.#answer(all, ETCD_ERRORS.stopped);
  }

  #takeRound(id: number): readonly Waiting[] {
    assert(this.#round !== null && this.#round.id === id, "the core answers the round in flight", { id });
    const { reads } = this.#round;
    this.#round = null;
    return reads;
  }

  #answer(reads: readonly Waiting[], refusal: EtcdError | null): void {
    this.#size -= reads.length;
    for (const read of reads) read.turn(refusal);
  }
}
