/**
 * Loaded into a server before its own code (`node --import`): how long its event loop stands still. A timer is due every
 * millisecond; when it comes later, the loop was busy, or its process had no core. CPU time tells the two apart. The timer and two
 * looks at clocks cost about 1 % of a core, and the server itself knows nothing of it.
 */
import { PerformanceObserver } from "node:perf_hooks";

/** Milliseconds; the answer to the message "pauses", which also begins anew. */
export interface Pauses {
  /** Between two turns of the loop, by the clock: at most one millisecond more than the pause. */
  readonly wallMs: number;
  /** The longest by the clock and by the CPU time that the whole process used in it, whichever is less: what no other process did. */
  readonly busyMs: number;
  /** The longest collection of garbage; part of those. */
  readonly collectionMs: number;
}

const EVERY_MS = 1;

let wallMs = 0;
let busyMs = 0;
let collectionMs = 0;
let lastMs = performance.now();
let lastCpu = process.cpuUsage();

setInterval(() => {
  const nowMs = performance.now();
  const passedMs = nowMs - lastMs;
  lastMs = nowMs;
  const cpu = process.cpuUsage();
  const cpuMs = (cpu.user - lastCpu.user + cpu.system - lastCpu.system) / 1000;
  lastCpu = cpu;
  wallMs = Math.max(wallMs, passedMs);
  busyMs = Math.max(busyMs, Math.min(passedMs, cpuMs));
}, EVERY_MS).unref();

new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) collectionMs = Math.max(collectionMs, duration);
}).observe({ entryTypes: ["gc"] });

process.on("message", (message) => {
  if (message !== "pauses") return;
  process.send?.({ wallMs, busyMs, collectionMs } satisfies Pauses);
  wallMs = 0;
  busyMs = 0;
  collectionMs = 0;
});
// Whoever asks must not keep the server alive, nor end it by going away.
process.channel?.unref();
