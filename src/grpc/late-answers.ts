import type { Clock } from "../env/clock.ts";
import type { ServerRpc } from "./server-call.ts";

/** What late answers may take of one turn of the event loop; the last of them may exceed it. */
const SLICE_MS = 10;

export interface LateAnswersOwner {
  /** Little enough is queued on the connection to queue one more answer. */
  readonly hasRoom: boolean;
  /** Makes, encodes and sends. `answer` is what the handler's promise came to. */
  answerLate(call: ServerRpc, answer: unknown): void;
}

/**
 * Answers that were not there when their handlers returned, on one connection, in order. A round of reads may settle thousands at
 * once, so each is made and encoded only when the connection has room for it, and when there is time (`AnswerTime`).
 */
export class LateAnswers {
  readonly #time: AnswerTime;
  readonly #owner: LateAnswersOwner;
  /** At most one for each call that was open when its promise settled. */
  #waiting: { readonly call: ServerRpc; readonly answer: unknown }[] = [];

  constructor(time: AnswerTime, owner: LateAnswersOwner) {
    this.#time = time;
    this.#owner = owner;
  }

  add(call: ServerRpc, answer: unknown): void {
    if (call.finished) return;
    if (this.#waiting.length === 0 && !this.#time.spent && this.#owner.hasRoom) {
      this.#make(call, answer);
      return;
    }
    this.#waiting.push({ call, answer });
    this.relieved();
  }

  /** There may be room again. */
  relieved(): void {
    if (this.#waiting.length > 0 && this.#owner.hasRoom) this.#time.wait(this);
  }

  /** Makes one answer; true: there may be another. */
  makeNext(): boolean {
    for (;;) {
      if (!this.#owner.hasRoom) return false;
      const next = this.#waiting.shift();
      if (next === undefined) return false;
      if (next.call.finished) continue;
      this.#make(next.call, next.answer);
      return true;
    }
  }

  close(): void {
    this.#waiting = [];
  }

  #make(call: ServerRpc, answer: unknown): void {
    const startMs = this.#time.nowMs();
    this.#owner.answerLate(call, answer);
    this.#time.charge(startMs);
  }
}

/** The time that all connections' late answers share: when a slice is used up, ticks and other requests go first. */
export class AnswerTime {
  readonly #clock: Clock;
  /** Connections that could make an answer, in the order of their turns. */
  readonly #ready = new Set<LateAnswers>();
  /** Since the last rest, which may be many turns ago: one rest too many costs nothing. */
  #spentMs = 0;
  #scheduled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get spent(): boolean {
    return this.#spentMs >= SLICE_MS;
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  charge(startMs: number): void {
    this.#spentMs += this.#clock.monotonicMs() - startMs;
  }

  /** Gives `answers` a turn, not now but soon. */
  wait(answers: LateAnswers): void {
    this.#ready.add(answers);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    this.#scheduled = false;
    this.#spentMs = 0;
    // One that is added again during the loop comes up again: it has made an answer, or it is not added.
    for (const answers of this.#ready) {
      if (this.spent) break;
      this.#ready.delete(answers);
      if (answers.makeNext()) this.#ready.add(answers);
    }
    if (this.#ready.size > 0) this.#schedule();
  }
}
