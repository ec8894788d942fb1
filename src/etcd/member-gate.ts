/** Requests that came while this member does not serve: they wait until it does, but not for ever. */
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";

interface Waiting {
  readonly deadlineMs: number;
  readonly enter: (refusal: EtcdError | null) => void;
}

const WAITING_MAX = 50_000;

export class Gate {
  #isOpen = false;
  /** In order of deadline. */
  #waiting: Waiting[] = [];

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Comes to null when the gate opens. Only while it is closed. */
  wait(deadlineMs: number): EtcdError | Promise<EtcdError | null> {
    if (this.#waiting.length >= WAITING_MAX) return ETCD_ERRORS.tooManyRequests;
    return new Promise((enter) => this.#waiting.push({ deadlineMs, enter }));
  }

  open(): void {
    this.#isOpen = true;
    this.#answer(this.#waiting.splice(0), null);
  }

  close(): void {
    this.#isOpen = false;
  }

  expire(nowMs: number): void {
    if (this.#waiting.length === 0 || (this.#waiting[0] as Waiting).deadlineMs > nowMs) return;
    const end = this.#waiting.findIndex(({ deadlineMs }) => deadlineMs > nowMs);
    this.#answer(this.#waiting.splice(0, end === -1 ? this.#waiting.length : end), ETCD_ERRORS.noLeader);
  }

  stop(): void {
    this.#isOpen = false;
    this.#answer(this.#waiting.splice(0), ETCD_ERRORS.stopped);
  }

  #answer(waiting: readonly Waiting[], refusal: EtcdError | null): void {
    for (const { enter } of waiting) enter(refusal);
  }
}
