import assert from "node:assert/strict";
import { test } from "node:test";
import { RandomCluster } from "./cluster.ts";

const SEEDS = Number(process.env["RAFT_SEEDS"] ?? 250);
const FIRST_SEED = Number(process.env["RAFT_SEED"] ?? 1);

test("whatever network and disks do, Raft's promises hold, and a healed cluster makes progress", (t) => {
  const total: Record<string, number> = {};
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const cluster = new RandomCluster(seed);
    try {
      for (let phase = 0; phase < 3; phase++) {
        cluster.run(1000);
        cluster.checkLogMatching();
        cluster.heal();
      }
    } catch (error) {
      throw new Error(`seed ${seed} (repeat: RAFT_SEED=${seed} RAFT_SEEDS=1 node --test <this file>)`, {
        cause: error,
      });
    }
    for (const [what, times] of Object.entries(cluster.seen)) total[what] = (total[what] ?? 0) + times;
  }
  t.diagnostic(JSON.stringify(total));
  if (SEEDS < 100) return;
  for (const [what, times] of Object.entries(total)) assert.ok(times > SEEDS / 10, `the seeds reach ${what}: ${times}`);
});

test("the same seed gives the same run", () => {
  const run = (): string => {
    const cluster = new RandomCluster(7);
    cluster.run(800);
    cluster.heal();
    const print = (_: string, value: unknown): unknown => (typeof value === "bigint" ? value.toString(16) : value);
    return JSON.stringify([cluster.seen, cluster.members.map((member) => member.core?.status)], print);
  };
  assert.equal(run(), run());
});
