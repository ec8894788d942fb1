import { SIGNAL_EXITS } from "../harness/checks/verdict.ts";
import type { StopSignal } from "../harness/model/events.ts";

/**
 * Ctrl-C as a run sees it, or another signal that ends programs (SIGHUP: its terminal was closed). npm delivers each SIGINT twice, so a
 * second one within a second is the same.
 */
const SAME_MS = 1000;

/** The exit code that tells a shell which signal ended a program. */
export function stoppedBy(signal: StopSignal): number {
  return SIGNAL_EXITS[signal];
}

export class Interrupt {
  readonly #controller = new AbortController();
  readonly #again: Promise<StopSignal>;
  readonly #listeners: (readonly [StopSignal, () => void])[] = [];
  #firstMs: number | null = null;
  #by: StopSignal | null = null;

  /** `onFirst` runs at the first signal, `again` resolves at the next one a second or more later. */
  constructor(onFirst: (signal: StopSignal) => void) {
    this.#again = new Promise((resolve) => {
      for (const signal of Object.keys(SIGNAL_EXITS) as StopSignal[]) {
        const listener = (): void => {
          const nowMs = performance.now();
          if (this.#firstMs === null) {
            this.#firstMs = nowMs;
            this.#by = signal;
            onFirst(signal);
            this.#controller.abort();
          } else if (nowMs - this.#firstMs > SAME_MS) resolve(signal);
        };
        process.on(signal, listener);
        this.#listeners.push([signal, listener]);
      }
    });
  }

  /** Aborted at the first signal: nothing new begins, everything is healed, stopped and written down. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get by(): StopSignal | null {
    return this.#by;
  }

  /** Resolves when the person insists. */
  get again(): Promise<StopSignal> {
    return this.#again;
  }

  /** Gives the signals back to Node. */
  close(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}
