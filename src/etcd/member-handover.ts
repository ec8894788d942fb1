/** Requests to hand leadership over that wait for their end: the target leads, or the time is up. */
import { type MemberId, NO_MEMBER } from "../base/ids.ts";
import type { Clock } from "../env/clock.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import type { Loop } from "./member-loop.ts";

interface Waiting {
  readonly target: MemberId;
  readonly deadlineMs: number;
  /** Any other leader is as good, and the target is given up as soon as it cannot be reached. */
  readonly isHasty: boolean;
  readonly end: (refusal: EtcdError | null) => void;
}

const WAITING_MAX = 64;

export class Handovers {
  readonly #loop: Pick<Loop, "status" | "step">;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];

  constructor(loop: Pick<Loop, "status" | "step">, clock: Clock) {
    this.#loop = loop;
    this.#clock = clock;
  }

  /** Comes to null when `target` leads. */
  begin(target: MemberId, timeoutMs: number, isHasty: boolean): Promise<EtcdError | null> {
    this.#loop.step({ kind: "transfer", target });
    const deadlineMs = this.#clock.monotonicMs() + timeoutMs;
    if (this.#waiting.length >= WAITING_MAX) return Promise.resolve(ETCD_ERRORS.tooManyRequests);
    return new Promise((end) => this.#waiting.push({ target, deadlineMs, isHasty, end }));
  }

  /** A leader leaves to the voter that is furthest; nothing on any other member. */
  async leave(timeoutMs: number): Promise<void> {
    const { role, peers, configuration } = this.#loop.status;
    if (role !== "leader") return;
    const voters = peers.filter(({ id, isLive }) => isLive && configuration.voters.includes(id));
    const furthest = Math.max(...voters.map(({ match }) => match));
    const target = voters.find(({ match }) => match === furthest);
    if (target !== undefined) await this.begin(target.id, timeoutMs, true);
  }

  /** Another member leads, or for the moment none that is known (0). */
  leaderIs(leader: MemberId): void {
    this.#end(({ target, isHasty }) => target === leader || (isHasty && leader !== NO_MEMBER), null);
  }

  unreachable(peer: MemberId): void {
    this.#end(({ target, isHasty }) => isHasty && target === peer, ETCD_ERRORS.timeoutLeaderTransfer);
  }

  expire(nowMs: number): void {
    this.#end(({ deadlineMs }) => deadlineMs <= nowMs, ETCD_ERRORS.timeoutLeaderTransfer);
  }

  stop(): void {
    this.#end(() => true, ETCD_ERRORS.stopped);
  }

  #end(isOver: (waiting: Waiting) => boolean, refusal: EtcdError | null): void {
    if (this.#waiting.length === 0) return;
    const over = this.#waiting.filter(isOver);
    this.#waiting = this.#waiting.filter((waiting) => !over.includes(waiting));
    for (const { end } of over) end(refusal);
  }
}
