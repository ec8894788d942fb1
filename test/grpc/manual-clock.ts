import type { Clock } from "../../src/env/clock.ts";

/** A clock that a test turns by hand. */
export class ManualClock implements Clock {
  nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly action: () => void }>();
  started = 0;

  monotonicMs(): number {
    return this.nowMs;
  }
  wallMs(): number {
    return this.nowMs;
  }
  after(delayMs: number, action: () => void): { cancel(): void } {
    const timer = { atMs: this.nowMs + delayMs, action };
    this.started++;
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }
  advance(ms: number): void {
    const endMs = this.nowMs + ms;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined || next.atMs > endMs) break;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      this.#timers.delete(next);
      next.action();
    }
    this.nowMs = endMs;
  }
}
