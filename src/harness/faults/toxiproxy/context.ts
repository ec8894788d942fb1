import type { Clock, Timer } from "../../../env/clock.ts";
import type { EventLog } from "./events.ts";
import type { Metrics } from "./metrics.ts";

/** What every proxy of one server shares. */
export interface Context {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly metrics: Metrics;
}

/** Node's timers take no more (24.8 days): a longer delay would fire at once. */
const TIMER_MAX_MS: number = 2 ** 31 - 1;

/** `clock` for delays that any client may ask for: what is longer than the timers' limit waits that long. */
export function boundedClock(clock: Clock): Clock {
  return {
    monotonicMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    after: (delayMs: number, action: () => void): Timer => clock.after(Math.min(delayMs, TIMER_MAX_MS), action),
  };
}
