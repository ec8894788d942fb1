/**
 * Questions about leases (renew this one, how long has that one left), from clients of any member to the one member that counts
 * their time: this one or the leader elsewhere. What gathers while one batch is under way goes with the next; what finds no leader, or
 * one that cannot tell yet, is asked again with the next tick until its time is up, as etcd does.
 */
import { assert } from "../../base/assert.ts";
import { CodecError } from "../../base/codec.ts";
import { type MemberId, NO_MEMBER } from "../../base/ids.ts";
import { type Answer, AnswerKind, Answers, type Question, Questions } from "../../proto/gen/leasepb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { Lessor } from "./lessor.ts";

export interface AsksHost {
  readonly self: MemberId;
  nowMs(): number;
  /** 0 when unknown. */
  leader(): MemberId;
  /** A question to a peer; null when there is no answer in time. Never rejects. */
  request(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null>;
}

export interface AsksLimits {
  /** How long a client's question may take. */
  readonly timeoutMs: number;
  /** How long a peer may take to answer one batch. */
  readonly peerTimeoutMs: number;
}

/** What is left of a lease, in whole seconds, and the keys attached if they were asked for. */
export type TimeLeft = Pick<Answer, "ttl" | "grantedTtl" | "keys">;

interface Ask {
  readonly question: Question;
  readonly deadlineMs: number;
  /** Null once it is over. */
  settle: ((answer: Answer | EtcdError) => void) | null;
}

interface Batch {
  readonly leader: MemberId;
  readonly asks: readonly Ask[];
}

const WAITING_MAX = 50_000;
const BATCH_MAX = 1_000;

export class Asks {
  readonly #lessor: Lessor;
  readonly #host: AsksHost;
  readonly #limits: AsksLimits;
  /** All that are not over, in order of deadline. */
  readonly #asks = new Set<Ask>();
  /** To be asked, and to be asked again with the next tick. */
  #next: Ask[] = [];
  #again: Ask[] = [];
  #batch: Batch | null = null;
  #isStopped = false;

  constructor(lessor: Lessor, host: AsksHost, limits: AsksLimits) {
    this.#lessor = lessor;
    this.#host = host;
    this.#limits = limits;
  }

  /** Keeps a lease alive: the seconds it was granted for, from a moment after this call on; 0: there is no such lease. */
  async renew(id: bigint): Promise<number | EtcdError> {
    const answer = await this.#ask({ id, renew: true, keys: false });
    if ("code" in answer) return answer;
    return answer.kind === AnswerKind.ALIVE ? answer.grantedTtl : 0;
  }

  /** Null: there is no such lease. */
  async timeLeft(id: bigint, keys: boolean): Promise<TimeLeft | EtcdError | null> {
    const answer = await this.#ask({ id, renew: false, keys });
    return "code" in answer || answer.kind === AnswerKind.ALIVE ? answer : null;
  }

  /** A peer's batch: its answers, or null for what is none. */
  async answer(request: Uint8Array): Promise<Uint8Array | null> {
    const questions = decoded(Questions, request)?.questions ?? null;
    if (questions === null || questions.length > BATCH_MAX) return null;
    return Answers.encode({ answers: await this.#lessor.decide(questions) });
  }

  due(nowMs: number): void {
    for (const ask of this.#asks) {
      if (ask.deadlineMs > nowMs) break;
      this.#end(ask, this.#host.leader() === NO_MEMBER ? ETCD_ERRORS.noLeader : ETCD_ERRORS.timeout);
    }
    const batch = this.#batch;
    if (batch !== null && batch.leader !== this.#host.leader()) {
      // It may never answer; if it does, what it says holds all the same.
      this.#batch = null;
      this.#again.push(...batch.asks);
    }
    // Whose time was up is asked no more: a renewal that nobody waits for would still keep its lease.
    this.#next = [...this.#again, ...this.#next].filter(({ settle }) => settle !== null);
    this.#again = [];
    this.#pump();
  }

  /** Answers all there are and all that come with "server stopped". */
  stop(): void {
    this.#isStopped = true;
    for (const ask of this.#asks) this.#end(ask, ETCD_ERRORS.stopped);
    this.#next = [];
    this.#again = [];
  }

  #ask(question: Question): Promise<Answer | EtcdError> {
    if (this.#isStopped) return Promise.resolve(ETCD_ERRORS.stopped);
    if (this.#asks.size >= WAITING_MAX) return Promise.resolve(ETCD_ERRORS.tooManyRequests);
    return new Promise((settle) => {
      const ask: Ask = { question, deadlineMs: this.#host.nowMs() + this.#limits.timeoutMs, settle };
      this.#asks.add(ask);
      this.#next.push(ask);
      this.#pump();
    });
  }

  #pump(): void {
    const leader = this.#host.leader();
    if (this.#next.length === 0 || this.#batch !== null || leader === NO_MEMBER) return;
    const asks = this.#next.splice(0, BATCH_MAX);
    this.#batch = { leader, asks };
    void this.#carryOut(this.#batch);
  }

  async #carryOut(batch: Batch): Promise<void> {
    const answers = await this.#put(batch);
    const isCurrent = this.#batch === batch;
    if (isCurrent) this.#batch = null;
    for (const [i, ask] of batch.asks.entries()) {
      const answer = answers?.[i];
      if (answer !== undefined && answer.kind !== AnswerKind.AGAIN) this.#end(ask, answer);
      else if (isCurrent && ask.settle !== null) this.#again.push(ask);
    }
    if (isCurrent) this.#pump();
  }

  async #put({ leader, asks }: Batch): Promise<readonly Answer[] | null> {
    const questions = asks.map(({ question }) => question);
    if (leader === this.#host.self) return this.#lessor.decide(questions);
    const reply = await this.#host.request(leader, Questions.encode({ questions }), this.#limits.peerTimeoutMs);
    const answers = reply === null ? null : (decoded(Answers, reply)?.answers ?? null);
    return answers?.length === asks.length ? answers : null;
  }

  #end(ask: Ask, answer: Answer | EtcdError): void {
    if (ask.settle === null) return;
    const { settle } = ask;
    ask.settle = null;
    assert(this.#asks.delete(ask), "a question that is not over is among those that wait");
    settle(answer);
  }
}

/** Null for bytes that are no such message. */
function decoded<Message>(codec: { decode(bytes: Uint8Array): Message }, bytes: Uint8Array): Message | null {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof CodecError) return null;
    throw error;
  }
}
