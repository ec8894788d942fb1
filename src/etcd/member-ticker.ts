import type { Clock, Timer } from "../env/clock.ts";

/** The member's pulse. */
export class Ticker {
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #tick: (nowMs: number) => void;
  #timer: Timer | null = null;
  #dueMs = 0;

  constructor(clock: Clock, intervalMs: number, tick: (nowMs: number) => void) {
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#tick = tick;
  }

  /** The first tick comes at once. */
  start(): void {
    this.#dueMs = this.#clock.monotonicMs();
    this.#beat();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  /** However late: one tick. Time this process did not have is no evidence against a leader. */
  #beat(): void {
    const nowMs = this.#clock.monotonicMs();
    this.#dueMs = Math.max(this.#dueMs + this.#intervalMs, nowMs + this.#intervalMs / 2);
    this.#timer = this.#clock.after(this.#dueMs - nowMs, () => this.#beat());
    this.#tick(nowMs);
  }
}
