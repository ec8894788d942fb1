/**
 * Loaded into a server before its own code (`node --import`): how long its event loop stands still. A timer is due every
 * millisecond; when it comes later, the loop was busy, or its thread waited for a core that another process had: Linux says for how
 * long. In an idle process all of it takes 10 % of a core, 6 of them the timer alone; the server itself knows nothing of it.
 *
 * Loaded as `pause-meter.js?where` it also says in which functions the longest pause was spent: a sample of the stack every half
 * millisecond, which makes pauses a little longer.
 */

import { openSync, readSync } from "node:fs";
import { Session } from "node:inspector";
import { constants, type NodeGCPerformanceDetail, PerformanceObserver } from "node:perf_hooks";
import { callersWithin } from "./pause-profile.ts";

/** Milliseconds; the answer to the message "pauses", which also begins anew. */
export interface Pauses {
  /** Between two turns of the loop, by the clock: at most one millisecond more than the pause. */
  readonly wallMs: number;
  /**
   * The longest without the time that others took from it: for which its thread was ready to run and had no core, or for which the
   * loop had nothing to do and was woken late, as it is where the host takes a core from the machine. Which of the two overlap is not
   * known, so the longer one is taken off: no pause is shorter than it was. A thread that never gave up its core and neither ran nor
   * was ready to run had its core taken by the host: that is not counted either.
   */
  readonly ownMs: number;
  /** Of that one: for how long its thread had a core. In the rest it waited, be it for the disk or for a thread that had no core. */
  readonly onCoreMs: number;
  /** Of that one: what the collector of garbage took, and which kinds of it; it waits for helpers that may have no core either. */
  readonly collectionMs: number;
  readonly collections: readonly string[];
  /** The longest collection, wherever it was, and of which kind. */
  readonly longestCollectionMs: number;
  readonly longestCollection: string;
  /** How many pauses were longer than `LONG_MS`. */
  readonly longCount: number;
  /** Where the longest one was spent; empty unless asked for. */
  readonly where: readonly string[];
}

interface Interval {
  readonly startMs: number;
  readonly endMs: number;
}

/** Of a thread, since it began. */
interface Scheduled {
  readonly onCoreMs: number;
  readonly waitedMs: number;
}

interface Collection extends Interval {
  readonly kind: string;
}

export const LONG_MS = 20;
const EVERY_MS = 1;
const SAMPLE_MICROS = 500;
const TOLD_LATER_MS = 20;
const LOOK_MAX_MS = 0.2;
const LOOKS_MAX = 20;
/** More of them between two questions are not told apart: the oldest are forgotten. */
const COLLECTIONS_MAX = 10_000;
/** Of the main thread: nanoseconds on a core, nanoseconds waiting for one, and how often. */
const SCHEDSTAT = "/proc/self/schedstat";
const STATUS = "/proc/thread-self/status";
/** Of a thread that runs, time on a core is counted at ticks of the kernel, 10 ms apart in the slowest: so much may not be told yet. */
const TICK_MS = 10;
const KINDS: ReadonlyMap<number | undefined, string> = new Map([
  [constants.NODE_PERFORMANCE_GC_MINOR, "minor"],
  [constants.NODE_PERFORMANCE_GC_MAJOR, "major"],
  [constants.NODE_PERFORMANCE_GC_INCREMENTAL, "incremental"],
  [constants.NODE_PERFORMANCE_GC_WEAKCB, "weak"],
]);

const schedstat = openSync(SCHEDSTAT, "r");
const status = openSync(STATUS, "r");
const scratch = Buffer.alloc(4096);

function scheduled(): Scheduled {
  const length = readSync(schedstat, scratch, 0, scratch.length, 0);
  const [onCore, waited] = scratch.toString("latin1", 0, length).split(" ");
  return { onCoreMs: Number(onCore) / 1e6, waitedMs: Number(waited) / 1e6 };
}

function gaveUp(): number {
  const length = readSync(status, scratch, 0, scratch.length, 0);
  return Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(scratch.toString("latin1", 0, length))?.[1]);
}

interface Moment extends Scheduled {
  readonly nowMs: number;
  /** How often the thread gave up its core, since it began. */
  readonly gaveUp: number;
  /** For how long the loop had nothing to do, since it began. */
  readonly idleMs: number;
}

/** Both of one moment: where the thread loses its core between the two looks, the wait would count as a pause. */
function momentNow(): Moment {
  for (let looks = 1; ; looks++) {
    const beforeMs = performance.now();
    const found = scheduled();
    const nowMs = performance.now();
    if (nowMs - beforeMs < LOOK_MAX_MS || looks === LOOKS_MAX)
      return { nowMs, ...found, gaveUp: gaveUp(), idleMs: performance.eventLoopUtilization().idle };
  }
}

let wallMs = 0;
let ownMs = 0;
let onCoreMs = 0;
let longCount = 0;
let longest: Interval = { startMs: 0, endMs: 0 };
let collections: Collection[] = [];
let last = momentNow();

function look(): void {
  const moment = momentNow();
  const passedMs = moment.nowMs - last.nowMs;
  const ranMs = moment.onCoreMs - last.onCoreMs;
  const heldMs = passedMs - Math.max(moment.waitedMs - last.waitedMs, moment.idleMs - last.idleMs);
  const pauseMs = moment.gaveUp === last.gaveUp ? Math.min(heldMs, ranMs + TICK_MS) : heldMs;
  if (pauseMs > LONG_MS) longCount++;
  if (pauseMs > ownMs) {
    ownMs = pauseMs;
    onCoreMs = ranMs;
    longest = { startMs: last.nowMs, endMs: moment.nowMs };
  }
  last = moment;
  wallMs = Math.max(wallMs, passedMs);
}

setInterval(look, EVERY_MS).unref();

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) {
    // Its type does not declare what it has beside.
    const {
      startTime: startMs,
      duration,
      detail,
    } = entry as typeof entry & { readonly detail: NodeGCPerformanceDetail };
    const kind = KINDS.get(detail.kind) ?? "other";
    collections.push({ kind, startMs, endMs: startMs + duration });
  }
  if (collections.length > COLLECTIONS_MAX) collections = collections.slice(-COLLECTIONS_MAX / 2);
}).observe({ entryTypes: ["gc"] });

const session = new URL(import.meta.url).searchParams.has("where") ? new Session() : null;
session?.connect();
session?.post("Profiler.enable");
session?.post("Profiler.setSamplingInterval", { interval: SAMPLE_MICROS });
session?.post("Profiler.start");

/** In the profiler's clock. */
function microsOf(ms: number): number {
  return Number(process.hrtime.bigint()) / 1000 + (ms - performance.now()) * 1000;
}

function whereWas({ startMs, endMs }: Interval): readonly string[] {
  let where: readonly string[] = [];
  // A session of one's own thread answers before `post` returns.
  session?.post("Profiler.stop", (error, { profile }) => {
    if (error === null) where = callersWithin(profile, microsOf(startMs), microsOf(endMs));
  });
  session?.post("Profiler.start");
  return where;
}

function found(): Pauses {
  const within = collections.filter(({ startMs, endMs }) => startMs < longest.endMs && endMs > longest.startMs);
  const lasted = ({ startMs, endMs }: Interval): number => endMs - startMs;
  const top = collections.reduce<Collection | null>(
    (most, each) => (most === null || lasted(each) > lasted(most) ? each : most),
    null,
  );
  return {
    wallMs,
    ownMs,
    onCoreMs,
    collectionMs: within.reduce((sum, each) => sum + lasted(each), 0),
    collections: within.map((each) => `${each.kind} ${lasted(each).toFixed(1)}`),
    longestCollectionMs: top === null ? 0 : lasted(top),
    longestCollection: top?.kind ?? "none",
    longCount,
    where: whereWas(longest),
  };
}

process.on("message", (message) => {
  if (message !== "pauses") return;
  look();
  // Collections are told some turns of the loop later than they were.
  setTimeout(() => {
    const answer = found();
    wallMs = 0;
    ownMs = 0;
    longCount = 0;
    collections = [];
    last = momentNow();
    process.send?.(answer);
  }, TOLD_LATER_MS);
});
// Whoever asks must not keep the server alive, nor end it by going away.
process.channel?.unref();
