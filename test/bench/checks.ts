import { parseArgs } from "node:util";
import { Prng } from "../../src/base/prng.ts";
import { judge } from "../../src/harness/checks/judge.ts";
import { CHECK_NAMES } from "../../src/harness/model/plan.ts";
import { simulate } from "../harness/checks/simulated.ts";

/** How long the checks take for a run like the quickstart: 60,000 operations, 512 keys, 24 clients, 3 watchers, 350 unknown puts. */
const { values } = parseArgs({
  options: { smoke: { type: "boolean", default: false }, seed: { type: "string", default: "1" } },
});
const operations = values.smoke ? 3_000 : 60_000;

const records = simulate(new Prng(Number(values.seed)), {
  operations,
  keys: values.smoke ? 64 : 512,
  clients: 24,
  members: 3,
  watchers: 3,
  // Of these a third failed, a third took effect; half of the operations are writes.
  unknown: 1.75,
  serializable: 50,
  writes: 50,
});
const unknown = records.operations.filter(
  ({ outcome, request }) => outcome.kind === "unknown" && request.kind !== "get",
);
const header = {
  type: "history",
  version: 1,
  run: "bench",
  members: ["n1", "n2", "n3"],
  initialRevision: 1,
  watchers: 3,
  watchEventsLost: 0,
} as const;

const startedMs = performance.now();
const startedCpu = process.cpuUsage();
const verdict = judge(
  { header, ...records, leases: [] },
  {
    checks: CHECK_NAMES.filter((name) => name !== "lease" && name !== "lists"),
    windows: [{ name: "during", startNs: 0, endNs: Number.MAX_SAFE_INTEGER }],
    interruptedBy: null,
    nowMs: () => performance.now(),
  },
);
const tookMs = performance.now() - startedMs;
const cpu = process.cpuUsage(startedCpu);

console.log(
  `${records.operations.length} operations, ${unknown.length} unknown writes, ${records.watchEvents.length} watch events`,
);
for (const { check, verdict: kind, tookMs: ms, summary } of verdict.checks) {
  console.log(`${check.padEnd(14)}${kind.padEnd(9)}${ms.toFixed(0).padStart(6)} ms  ${summary}`);
}
console.log(`serializable reads as if linearizable: ${verdict.serializableAsLinearizable}`);
console.log(
  `all checks     ${verdict.verdict.padEnd(9)}${tookMs.toFixed(0).padStart(6)} ms  (${((cpu.user + cpu.system) / 1e3).toFixed(0)} ms CPU)`,
);
