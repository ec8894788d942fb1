import { assert } from "../../base/assert.ts";
import { type LogIndex, type MemberId, NO_MEMBER } from "../../base/ids.ts";
import type { Message } from "../model.ts";
import type { RaftState } from "./state.ts";

type ReadRequest = Extract<Message, { readonly kind: "read-index" }>;
type ReadResponse = Extract<Message, { readonly kind: "read-index-response" }>;

/** Who waits: a client of this member, or a follower's request of that id. */
interface Reader {
  readonly origin: MemberId;
  readonly id: number;
}

interface Round {
  readonly number: number;
  /** The commit index when the round began: at or beyond every write acknowledged before it. */
  readonly index: LogIndex;
  readonly readers: readonly Reader[];
  readonly confirmed: Set<MemberId>;
}

interface Forwarded {
  readonly id: number;
  readonly reads: readonly number[];
  ticks: number;
}

/**
 * Linearizable reads (D4; Raft dissertation, section 6.4). Reads gather until the turn's end, then share one round: the leader notes
 * its commit index and, once a majority has answered a heartbeat that carries the round's number, it knows that it still led when the
 * round began. One round is in flight and one gathers, however many reads there are. A follower does the same with one request to
 * its leader in flight.
 */
export class ReadIndex {
  readonly #state: RaftState;
  readonly #repeatTicks: number;
  #gathering: Reader[] = [];
  #round: Round | null = null;
  #rounds = 0;
  #forwarded: Forwarded | null = null;
  #sequence: number;

  constructor(state: RaftState, repeatTicks: number, firstSequence: number) {
    assert(repeatTicks >= 1, "a lost request is repeated after a while", { repeatTicks });
    this.#state = state;
    this.#repeatTicks = repeatTicks;
    this.#sequence = firstSequence;
  }

  /** What heartbeats carry: the round in flight, 0 when there is none. */
  get roundInFlight(): number {
    return this.#round?.number ?? 0;
  }

  /** A client of this member wants to read. */
  read(id: number): void {
    const { leader, limits, outbox, id: self } = this.#state;
    if (leader === NO_MEMBER || this.#gathering.length >= limits.waitingReads) outbox.droppedReads.push(id);
    else this.#gathering.push({ origin: self, id });
  }

  /** A follower asks. It has one request in flight, so a new id replaces an old one that nobody waits for any more. */
  request(message: ReadRequest): void {
    const reader: Reader = { origin: message.from, id: message.id };
    if (this.#state.role !== "leader") {
      this.#answer(reader, null);
      return;
    }
    const same = (other: Reader): boolean => other.origin === reader.origin && other.id === reader.id;
    if (this.#round?.readers.some(same)) return;
    this.#gathering = this.#gathering.filter((other) => other.origin !== reader.origin);
    this.#gathering.push(reader);
  }

  /** Role, term or leader change: nobody can confirm any more what waits here. */
  reset(): void {
    for (const reader of [...(this.#round?.readers ?? []), ...this.#gathering]) this.#answer(reader, null);
    for (const id of this.#forwarded?.reads ?? []) this.#state.outbox.droppedReads.push(id);
    this.#round = null;
    this.#gathering = [];
    this.#forwarded = null;
  }

  /**
   * As leader, at the end of a turn. True when a round began, whose heartbeats must go at once. Waits for the first commit of
   * the leader's term: before it, its commit index may lie behind what an earlier leader acknowledged.
   */
  startRound(): boolean {
    const { log, term, id, role } = this.#state;
    assert(role === "leader", "only a leader confirms reads");
    // A change of the members may have left a majority that has answered already.
    if (this.#round !== null) this.#finish();
    if (this.#round !== null || this.#gathering.length === 0 || log.termAt(log.committed) !== term) return false;
    this.#rounds++;
    const confirmed = new Set([id]);
    this.#round = { number: this.#rounds, index: log.committed, readers: this.#gathering, confirmed };
    this.#gathering = [];
    this.#finish();
    return this.#round !== null;
  }

  /** As leader: a peer answered a heartbeat that carried this round. */
  confirm(peer: MemberId, round: number): void {
    assert(round <= this.#rounds, "peers answer rounds that were begun", { round, rounds: this.#rounds });
    if (this.#round === null || this.#round.number !== round) return;
    this.#round.confirmed.add(peer);
    this.#finish();
  }

  #finish(): void {
    const round = this.#round;
    assert(round !== null, "a round is in flight");
    if (!this.#state.decisions.readConfirmed(this.#state.voters, round.confirmed)) return;
    for (const reader of round.readers) this.#answer(reader, round.index);
    this.#round = null;
  }

  #answer(reader: Reader, index: LogIndex | null): void {
    const { outbox, id: self } = this.#state;
    if (reader.origin !== self) {
      outbox.messages.push({
        kind: "read-index-response",
        ...this.#state.address(reader.origin),
        id: reader.id,
        index,
      });
    } else if (index === null) outbox.droppedReads.push(reader.id);
    else outbox.readStates.push({ id: reader.id, index });
  }

  /** As follower, at the end of a turn: what has gathered goes to the leader in one request. */
  forward(): void {
    if (this.#forwarded !== null || this.#gathering.length === 0) return;
    this.#sequence++;
    this.#forwarded = { id: this.#sequence, reads: this.#gathering.map((reader) => reader.id), ticks: 0 };
    this.#gathering = [];
    this.#sendForwarded(this.#forwarded);
  }

  /** As follower: a request unanswered for a while may be lost. Asking again does no harm: a later answer is as good. */
  tick(): void {
    if (this.#forwarded === null) return;
    this.#forwarded.ticks++;
    if (this.#forwarded.ticks % this.#repeatTicks === 0) this.#sendForwarded(this.#forwarded);
  }

  #sendForwarded(forwarded: Forwarded): void {
    const address = this.#state.address(this.#state.leader);
    this.#state.outbox.messages.push({ kind: "read-index", ...address, id: forwarded.id });
  }

  /** As follower: the leader's answer. */
  answered(message: ReadResponse): void {
    const forwarded = this.#forwarded;
    if (forwarded === null || forwarded.id !== message.id || message.from !== this.#state.leader) return;
    for (const id of forwarded.reads) this.#answer({ origin: this.#state.id, id }, message.index);
    this.#forwarded = null;
  }
}
