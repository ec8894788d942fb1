/** A thread that simulates the seeds it is sent, one after the other. */
import { parentPort, workerData } from "node:worker_threads";
import { NO_EDIT } from "../sim/edit.ts";
import type { SeedResult } from "../sim/model.ts";
import { mutantNamed, runSeed, type SimWork } from "./sim-work.ts";

const mutant = mutantNamed((workerData as SimWork).mutant);
/** Thrown inside a promise that nobody waits for: still the server's failure. */
let stray: unknown = null;
process.on("unhandledRejection", (error) => {
  stray ??= error;
});

parentPort?.on("message", (seed: number) => void work(seed));

async function work(seed: number): Promise<void> {
  stray = null;
  const result = await runSeed(seed, NO_EDIT, mutant, null);
  // Node tells of strays only when nothing else is left to do.
  await new Promise((resolve) => setImmediate(resolve));
  parentPort?.postMessage(withStray(result));
}

function withStray(result: SeedResult): SeedResult {
  if (stray === null || result.failure !== null) return result;
  const text = `in a promise: ${stray instanceof Error ? stray.stack : String(stray)}`;
  return { ...result, failure: { kind: "assertion", text, atUs: result.simulatedMs * 1000 } };
}
