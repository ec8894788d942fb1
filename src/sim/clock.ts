/** The clock of one machine: its monotonic time runs a little fast or slow, its wall time may be moved at any moment. */
import type { Clock, Timer } from "../env/clock.ts";
import type { Scheduler } from "./scheduler.ts";

/** 2023-11-14, when nothing in particular happened. */
const EPOCH_MS = 1_700_000_000_000;

export class MachineClock {
  readonly #scheduler: Scheduler;
  readonly #rate: number;
  #wallOffsetMs = 0;
  #startedWallMs = EPOCH_MS;

  constructor(scheduler: Scheduler, rate: number) {
    this.#scheduler = scheduler;
    this.#rate = rate;
  }

  monotonicMs(): number {
    return 1000 + (this.#scheduler.nowUs / 1000) * this.#rate;
  }

  wallMs(): number {
    return EPOCH_MS + this.#wallOffsetMs + this.#scheduler.nowUs / 1000;
  }

  /** Null: back to where it stood when the process started. */
  jump(byMs: number | null): void {
    this.#wallOffsetMs += byMs ?? this.#startedWallMs - this.wallMs();
  }

  /** The clock as a process sees it from its start on; `run` decides whether, and when, what is due may run. */
  forProcess(run: (action: () => void) => void): Clock {
    this.#startedWallMs = this.wallMs();
    return {
      monotonicMs: () => this.monotonicMs(),
      wallMs: () => this.wallMs(),
      after: (delayMs, action): Timer => {
        let cancelled = false;
        const event = this.#scheduler.after(Math.max(0, (delayMs * 1000) / this.#rate), () =>
          run(() => {
            // A process that was paused may cancel what was already due.
            if (!cancelled) action();
          }),
        );
        return {
          cancel: () => {
            cancelled = true;
            event.action = null;
          },
        };
      },
    };
  }
}
