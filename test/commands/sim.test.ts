/** `faultline sim` as a person runs it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shardOfEnvironment } from "../../src/commands/sim-shard.ts";
import { faultline } from "../support/faultline.ts";

test("a call that cannot be meant is one clear line and exit code 64", async () => {
  for (const [args, line] of [
    [[], /name either --seeds N or --seed N/],
    [["--seed", "1", "--seeds", "2"], /name either --seeds N or --seed N/],
    [["--seeds", "2", "--trace"], /--trace, --shrink and --schedule go with --seed/],
    [["--seed", "1", "--shard", "1/2"], /--base and --shard go with --seeds/],
    [["--seeds", "2", "--shard", "3/2"], /a shard is i\/n/],
    [["--seed", "1", "--schedule", "faults=x"], /a schedule is what --shrink prints/],
    [["--seed", "1", "--mutant", "kind"], /the mutants are skip-sync, /],
  ] as const) {
    const { code, stdout, stderr } = await faultline("sim", ...args);
    assert.equal(code, 64, stderr);
    assert.match(stderr, line);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  }
});

test("seeds are simulated by shards, on all cores, and come to figures", async () => {
  const { code, stdout, stderr } = await faultline("sim", "--seeds", "3", "--base", "100", "--shard", "2/3", "--json");
  assert.equal(code, 0, stderr);
  const figures = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal(figures["seeds"], 1, "101 alone");
  assert.deepEqual(figures["failures"], []);
  assert.ok((figures["simulatedSeconds"] as number) >= 60);
});

test("without --shard the runner's own index says which part is meant, counted from where that runner counts", () => {
  for (const [environment, number, of] of [
    [{}, 1, 1],
    [{ CI_NODE_INDEX: "2", CI_NODE_TOTAL: "5" }, 2, 5],
    [{ CIRCLE_NODE_INDEX: "0", CIRCLE_NODE_TOTAL: "3" }, 1, 3],
    [{ BUILDKITE_PARALLEL_JOB: "2", BUILDKITE_PARALLEL_JOB_COUNT: "3" }, 3, 3],
    [{ JOB_COMPLETION_INDEX: "7", JOB_COMPLETIONS: "8" }, 8, 8],
    // An index of nothing known says nothing.
    [{ JOB_COMPLETION_INDEX: "7" }, 1, 1],
  ] as const)
    assert.deepEqual(shardOfEnvironment(environment).shard, { number, of }, JSON.stringify(environment));
  assert.throws(() => shardOfEnvironment({ CI_NODE_INDEX: "6", CI_NODE_TOTAL: "5" }), /CI_NODE_INDEX=6/);
});

test("a broken promise is exit code 2 and the command that repeats it", async () => {
  const { code, stdout, stderr } = await faultline("sim", "--seeds", "50", "--mutant", "read-locally");
  assert.equal(code, 2, stdout);
  const repeat = /^ +faultline sim (--seed \d+ --mutant read-locally)$/m.exec(stderr)?.[1] ?? assert.fail(stderr);
  const again = await faultline("sim", ...repeat.split(" "), "--trace");
  assert.equal(again.code, 2);
  const lines = again.stdout.trimEnd().split("\n");
  assert.match(lines.at(-1) as string, /^seed \d+ failed after .*: stale read: /);
  assert.ok(
    lines.some((line) => /FAILURE +stale read: /.test(line)),
    "the story tells where",
  );
});
