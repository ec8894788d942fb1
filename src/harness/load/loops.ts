import type { Clock } from "../../env/clock.ts";
import type { Calls } from "./calls.ts";
import type { Arrivals, OperationSource } from "./schedule.ts";

/** Deadlines are looked for this often. */
const TICK_MS = 10;
/** A lane whose member cannot be reached waits before it tries again. */
const UNREACHABLE_PAUSE_MS = 10;

/** What both loops need. The loops own their timers and end when nothing is in flight any more. */
export interface LoopOptions {
  readonly calls: Calls;
  readonly clock: Clock;
  readonly nowNs: () => number;
  readonly phase: number;
  /** Stops starting; what is in flight ends by itself, by its deadline at the latest. */
  readonly signal: AbortSignal;
  /** Called when the last operation has been started, before those in flight have ended. */
  readonly stopped: () => void;
}

/**
 * Starts operations when they are due, however long earlier ones take, over all clients in turn. Timers are coarse, so each
 * wake-up starts everything that is due by then. Resolves with the number of operations due but not sent, because too many
 * were in flight.
 */
export function runOpenLoop(
  options: LoopOptions,
  source: OperationSource,
  arrivals: Arrivals,
  clients: number,
  durationNs: number,
): Promise<number> {
  const { calls, clock, nowNs, phase, signal } = options;
  const beganNs = nowNs();
  let dueNs = arrivals.next();
  let started = 0;
  let unsent = 0;
  let starting = false;
  let stopped = false;

  const startDue = (now: number): void => {
    starting = true;
    while (dueNs <= now - beganNs && dueNs < durationNs && !signal.aborted) {
      source.next();
      if (calls.room) calls.begin(phase, started % clients, source.kind, source.key, beganNs + dueNs, 0);
      else unsent++;
      started++;
      dueNs = arrivals.next();
    }
    starting = false;
  };

  return new Promise((resolve) => {
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      options.stopped();
    };
    calls.ended = (_lane, now) => {
      // An answer is a wake-up, too.
      if (!starting && dueNs <= now - beganNs) startDue(now);
    };
    const wake = (): void => {
      const now = nowNs();
      startDue(now);
      calls.expire();
      if (signal.aborted || (dueNs >= durationNs && now - beganNs >= durationNs)) stop();
      if (stopped && calls.inFlight === 0) {
        resolve(unsent);
        return;
      }
      const aheadMs = (Math.min(dueNs, durationNs) - (now - beganNs)) / 1e6;
      clock.after(stopped ? TICK_MS : Math.min(TICK_MS, Math.max(0, aheadMs)), wake);
    };
    wake();
  });
}

/** Names the next operation of a lane by setting `client`, `kind` and `key`; false when there is none left. */
export interface LaneSource {
  client: number;
  kind: number;
  key: number;
  next(lane: number): boolean;
}

/**
 * Keeps one operation in flight in each lane, each followed by the next, until the source has none, `endNs` has come or the
 * signal stops it.
 */
export function runLanes(options: LoopOptions, lanes: number, source: LaneSource, endNs: number): Promise<void> {
  const { calls, clock, nowNs, phase, signal } = options;
  /** Lanes with an operation in flight or a pause running. */
  let busy = 0;
  let stopped = false;

  return new Promise((resolve) => {
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      options.stopped();
    };
    const step = (lane: number, now: number): void => {
      if (stopped) return;
      if (signal.aborted || now >= endNs || !calls.room || !source.next(lane)) {
        stop();
        return;
      }
      busy++;
      calls.begin(phase, source.client, source.kind, source.key, null, lane);
    };
    calls.ended = (lane, now, sent) => {
      if (sent) {
        busy--;
        return step(lane, now);
      }
      clock.after(UNREACHABLE_PAUSE_MS, () => {
        busy--;
        step(lane, nowNs());
      });
    };
    const tick = (): void => {
      calls.expire();
      if (signal.aborted || nowNs() >= endNs) stop();
      if (stopped && busy === 0) resolve();
      else clock.after(TICK_MS, tick);
    };
    for (let lane = 0; lane < lanes; lane++) step(lane, nowNs());
    tick();
  });
}
