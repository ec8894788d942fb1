import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SeedResult } from "../sim/model.ts";
import type { SimWork } from "./sim-work.ts";

/** Room for most of what a seed needs for a moment: collecting it piece by piece is a twentieth of the time. */
const YOUNG_MB = 64;

/**
 * Simulates seeds on all cores, each thread one at a time; `took` hears of every result as it comes and may say that it is enough.
 * Rejects when a thread dies: that is a bug of the simulator's.
 */
export async function simulateAll(
  seeds: Iterable<number>,
  work: SimWork,
  took: (result: SeedResult) => "go on" | "enough",
): Promise<void> {
  const next = seeds[Symbol.iterator]();
  let enough = false;
  const runOne = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL("./sim-worker.js", import.meta.url), {
        workerData: work,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      });
      const feed = (): void => {
        const { value, done } = next.next();
        if (done === true || enough) void worker.terminate().then(() => resolve());
        else worker.postMessage(value);
      };
      worker.on("message", (result: SeedResult) => {
        if (!enough) enough = took(result) === "enough";
        feed();
      });
      worker.on("error", reject);
      feed();
    });
  await Promise.all(Array.from({ length: availableParallelism() }, runOne));
}
