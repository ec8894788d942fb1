/** Writes on their way through the log: each is answered once, when its entry is applied here or when its time is up. */
import { assert } from "../base/assert.ts";
import { equalBytes } from "../base/bytes.ts";
import type { MemberId, Term } from "../base/ids.ts";
import { InternalRaftRequest, RequestHeader } from "../proto/gen/etcdserverpb.ts";
import type { Outcome } from "./apply/applier.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";

export type Command = Partial<Omit<InternalRaftRequest, "id" | "header">>;
export type ProposalAnswer = (outcome: Outcome) => void;

interface Pending {
  readonly id: number;
  readonly data: Uint8Array;
  readonly answer: ProposalAnswer;
  readonly startedMs: number;
  /** Not null: for this member as the leader of that term, or nobody. */
  readonly term: Term | null;
  /** False while no leader takes it: nobody but this member knows of it. */
  handedOver: boolean;
}

export interface ProposalLimits {
  readonly requestMaxBytes: number;
  readonly timeoutMs: number;
}

/** What is known of the cluster when a proposal's time is up. */
export interface Troubles {
  readonly leaderChangedMs: number;
  readonly connectionLostMs: number;
}

/** Spread, not `create`: looking up forty fields that are not given costs more than all else here. */
const NO_COMMAND: InternalRaftRequest = InternalRaftRequest.create();
const PENDING_MAX = 20_000;
const PENDING_MAX_BYTES = 256 * 1024 * 1024;
const TIME_BITS = 40;
const COUNTER_BITS = 8n;
const SUFFIX_BITS = 48n;

export class Proposals {
  readonly #limits: ProposalLimits;
  readonly #prefix: bigint;
  /** In order of start, so also of deadline. */
  readonly #pending = new Map<number, Pending>();
  #pendingBytes = 0;
  #lastId: number;
  #failedTotal = 0;

  /**
   * Request ids are etcd's: 16 low bits of the member, 40 of the milliseconds at its start, 8 to count on from, so that none
   * comes twice, over restarts too.
   */
  constructor(member: MemberId, startMs: number, limits: ProposalLimits) {
    this.#limits = limits;
    this.#prefix = BigInt.asUintN(16, member);
    this.#lastId = Number(BigInt.asUintN(TIME_BITS, BigInt(Math.floor(startMs))) << COUNTER_BITS);
  }

  get size(): number {
    return this.#pending.size;
  }

  get failedTotal(): number {
    return this.#failedTotal;
  }

  /** An id as a request would get it, which none gets then. */
  newId(): bigint {
    this.#lastId++;
    return (this.#prefix << SUFFIX_BITS) | BigInt(this.#lastId);
  }

  /** Takes a command in; what it returns goes to the raft core. Answers at once, and returns null, when there is no room. */
  add(
    command: Command,
    nowMs: number,
    answer: ProposalAnswer,
    term: Term | null = null,
  ): { readonly id: number; readonly data: Uint8Array } | null {
    if (this.#pending.size >= PENDING_MAX || this.#pendingBytes >= PENDING_MAX_BYTES) {
      this.#refuse(answer, ETCD_ERRORS.tooManyRequests);
      return null;
    }
    const id = this.#lastId + 1;
    const header = RequestHeader.create({ id: (this.#prefix << SUFFIX_BITS) | BigInt(id) });
    const data = InternalRaftRequest.encode({ ...NO_COMMAND, ...command, header });
    if (data.length > this.#limits.requestMaxBytes) {
      this.#refuse(answer, ETCD_ERRORS.requestTooLarge);
      return null;
    }
    this.#lastId = id;
    this.#pending.set(id, { id, data, answer, startedMs: nowMs, term, handedOver: true });
    this.#pendingBytes += data.length;
    return { id, data };
  }

  /**
   * An entry was applied: answers if it was proposed here, in this life, and still waits. Another member may share the 16 bits of
   * this one's id and so give out the same request ids: only the bytes tell whose entry it is.
   */
  applied(requestId: bigint, data: Uint8Array, outcome: Outcome): void {
    if (requestId >> SUFFIX_BITS !== this.#prefix) return;
    const id = Number(BigInt.asUintN(Number(SUFFIX_BITS), requestId));
    const pending = this.#pending.get(id);
    if (pending !== undefined && equalBytes(pending.data, data)) this.#takeKnown(id).answer(outcome);
  }

  /** The core found nobody to take it. A leader that refuses is full; without one it waits for the next, unless it was for one term. */
  dropped(id: number, leads: boolean): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    pending.handedOver = false;
    if (pending.term !== null) this.#refuse(this.#takeKnown(id).answer, ETCD_ERRORS.notLeader);
    else if (leads) this.#refuse(this.#takeKnown(id).answer, ETCD_ERRORS.tooManyRequests);
  }

  /** There is a leader: what waited for one goes to the core again. */
  takeWaiting(): readonly { readonly id: number; readonly data: Uint8Array }[] {
    const waiting = [...this.#pending.values()].filter((pending) => !pending.handedOver);
    for (const pending of waiting) pending.handedOver = true;
    return waiting;
  }

  /** Answers those whose time is up. Unless nobody ever took it, a proposal may still be applied: the texts do not say no. */
  expire(nowMs: number, troubles: Troubles): void {
    for (const { id, startedMs, handedOver } of this.#pending.values()) {
      if (nowMs - startedMs < this.#limits.timeoutMs) return;
      this.#refuse(this.#takeKnown(id).answer, reasonFor(startedMs, handedOver, troubles));
    }
  }

  stop(): void {
    for (const id of [...this.#pending.keys()]) this.#refuse(this.#takeKnown(id).answer, ETCD_ERRORS.stopped);
  }

  #refuse(answer: ProposalAnswer, error: EtcdError): void {
    this.#failedTotal++;
    answer({ kind: "refused", error });
  }

  #take(id: number): Pending | null {
    const pending = this.#pending.get(id);
    if (pending === undefined) return null;
    this.#pending.delete(id);
    this.#pendingBytes -= pending.data.length;
    return pending;
  }

  #takeKnown(id: number): Pending {
    const pending = this.#take(id);
    assert(pending !== null, "a proposal that is answered was pending", { id });
    return pending;
  }
}

function reasonFor(startedMs: number, handedOver: boolean, troubles: Troubles): EtcdError {
  if (!handedOver) return ETCD_ERRORS.noLeader;
  if (troubles.leaderChangedMs >= startedMs) return ETCD_ERRORS.timeoutLeaderFailed;
  return troubles.connectionLostMs >= startedMs ? ETCD_ERRORS.timeoutConnectionLost : ETCD_ERRORS.timeout;
}
