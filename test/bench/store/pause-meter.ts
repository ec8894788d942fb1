/**
 * Loaded into a server before its own code (`node --import`): how long its event loop stands still. A timer is due every
 * millisecond; when it comes later, the loop was busy, or its thread waited for a core that another process had: Linux says for how
 * long. The timer, a look at the clock and one at that file cost about 1 % of a core, and the server itself knows nothing of it.
 */
import { openSync, readSync } from "node:fs";
import { PerformanceObserver } from "node:perf_hooks";

/** Milliseconds; the answer to the message "pauses", which also begins anew. */
export interface Pauses {
  /** Between two turns of the loop, by the clock: at most one millisecond more than the pause. */
  readonly wallMs: number;
  /** The longest without the time for which its thread was ready to run and had no core: what no other process did. */
  readonly ownMs: number;
  /** The longest collection of garbage; part of those, and it waits for helpers that may have no core either. */
  readonly collectionMs: number;
}

const EVERY_MS = 1;
/** Of the main thread: nanoseconds on a core, nanoseconds waiting for one, and how often. */
const SCHEDSTAT = "/proc/self/schedstat";

const schedstat = openSync(SCHEDSTAT, "r");
const scratch = Buffer.alloc(128);

function waitedMs(): number {
  const length = readSync(schedstat, scratch, 0, scratch.length, 0);
  return Number(scratch.toString("latin1", 0, length).split(" ")[1]) / 1e6;
}

let wallMs = 0;
let ownMs = 0;
let collectionMs = 0;
let lastMs = performance.now();
let lastWaitedMs = waitedMs();

setInterval(() => {
  const nowMs = performance.now();
  const passedMs = nowMs - lastMs;
  lastMs = nowMs;
  const waited = waitedMs();
  ownMs = Math.max(ownMs, passedMs - (waited - lastWaitedMs));
  lastWaitedMs = waited;
  wallMs = Math.max(wallMs, passedMs);
}, EVERY_MS).unref();

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectionMs = Math.max(collectionMs, duration);
}).observe({ entryTypes: ["gc"] });

process.on("message", (message) => {
  if (message !== "pauses") return;
  process.send?.({ wallMs, ownMs, collectionMs } satisfies Pauses);
  wallMs = 0;
  ownMs = 0;
  collectionMs = 0;
});
// Whoever asks must not keep the server alive, nor end it by going away.
process.channel?.unref();
