import type { Clock } from "../env/clock.ts";

/**
 * Counts frames that cost us work and the peer nothing (pings, settings, resets, empty frames): `burst` at once, `perSecond`
 * for ever. More than that is an attack (RFC 9113, section 10.5).
 */
export class FloodGuard {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #countedAtMs: number;

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
    this.#countedAtMs = clock.monotonicMs();
  }

  /** So many frames that were worth their work: they pay for as many that are not. */
  earn(frames: number): void {
    this.#left = Math.min(this.#burst, this.#left + frames);
  }

  /** False: one too many. */
  allow(): boolean {
    if (this.#left < 1) {
      const nowMs = this.#clock.monotonicMs();
      this.#left = Math.min(this.#burst, this.#left + ((nowMs - this.#countedAtMs) / 1_000) * this.#perSecond);
      this.#countedAtMs = nowMs;
      if (this.#left < 1) return false;
    }
    this.#left--;
    return true;
  }
}
