/** Requests to change the membership: each is answered once, when its entry is applied here, when it is refused, or too late. */
import { equalBytes } from "../base/bytes.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import type { Change, ChangeRefusal } from "./model.ts";

export interface ChangeProposal {
  readonly id: number;
  readonly change: Change;
  /** Of the entry: the encoded member for those that add or update one. */
  readonly context: Uint8Array;
}

interface Waiting extends ChangeProposal {
  readonly deadlineMs: number;
  readonly answer: (refusal: EtcdError | null) => void;
  /** False while nobody takes it: it is asked for again. */
  isProposed: boolean;
}

const WAITING_MAX = 64;

/** What etcd says; null: it passes, ask again. */
const REFUSALS: Readonly<Record<ChangeRefusal, EtcdError | null>> = {
  "member-exists": ETCD_ERRORS.memberExists,
  "member-unknown": ETCD_ERRORS.memberNotFound,
  "not-a-learner": ETCD_ERRORS.memberNotLearner,
  "last-voter": ETCD_ERRORS.notEnoughStarted,
  "too-many-members": ETCD_ERRORS.tooManyRequests,
  "peer-url-exists": ETCD_ERRORS.peerUrlExists,
  "too-many-learners": ETCD_ERRORS.tooManyLearners,
  "learner-behind": ETCD_ERRORS.learnerNotReady,
  "change-pending": null,
  "no-leader": null,
};

export class Changes {
  /** In order of deadline. */
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** Comes to null once it is applied. */
  add(change: Change, context: Uint8Array, deadlineMs: number): Promise<EtcdError | null> {
    if (this.#waiting.size >= WAITING_MAX) return Promise.resolve(ETCD_ERRORS.tooManyRequests);
    const id = ++this.#lastId;
    return new Promise((answer) => {
      this.#waiting.set(id, { id, change, context, deadlineMs, answer, isProposed: false });
    });
  }

  /** What goes to the core, for the first time or again. */
  takeWaiting(): readonly ChangeProposal[] {
    const waiting = [...this.#waiting.values()].filter(({ isProposed }) => !isProposed);
    for (const each of waiting) each.isProposed = true;
    return waiting;
  }

  /** Nobody appended it, and nobody will. */
  refused(id: number, reason: ChangeRefusal): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    const refusal = REFUSALS[reason];
    if (refusal === null) waiting.isProposed = false;
    else this.#end(waiting, refusal);
  }

  /** An entry was applied. Whoever wanted the same has it, whosever entry it was. */
  applied({ kind, member }: Change, context: Uint8Array): void {
    for (const waiting of this.#waiting.values()) {
      const { change } = waiting;
      if (change.kind !== kind || change.member !== member) continue;
      if (kind !== "update" || equalBytes(waiting.context, context)) this.#end(waiting, null);
    }
  }

  /** A change that somebody took may still come about: the text does not say no. */
  expire(nowMs: number): void {
    for (const waiting of this.#waiting.values()) {
      if (waiting.deadlineMs > nowMs) return;
      this.#end(waiting, waiting.isProposed ? ETCD_ERRORS.timeout : ETCD_ERRORS.noLeader);
    }
  }

  stop(): void {
    for (const waiting of this.#waiting.values()) this.#end(waiting, ETCD_ERRORS.stopped);
  }

  #end(waiting: Waiting, refusal: EtcdError | null): void {
    this.#waiting.delete(waiting.id);
    waiting.answer(refusal);
  }
}
