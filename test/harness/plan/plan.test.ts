import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { parseDurationMs } from "../../../src/harness/plan/duration.ts";
import { PlanError, parsePlan } from "../../../src/harness/plan/plan.ts";

const quickstart = readFileSync("workloads/quickstart.yaml", "utf8");

function mistake(from: string, to: string): string {
  const text = quickstart.replace(from, to);
  assert.notEqual(text, quickstart, "the test changes the plan");
  try {
    parsePlan(text, "w.yaml", () => 7);
  } catch (error) {
    assert.ok(error instanceof PlanError, String(error));
    return error.message;
  }
  return assert.fail(`accepted: ${to}`);
}

test("the plans that ship are valid, and a seed is drawn only when the plan names none", () => {
  const plan = parsePlan(quickstart, "w.yaml", () => 7);
  assert.equal(plan.seed, 7);
  assert.equal(parsePlan(`${quickstart}\nseed: 9\n`, "w.yaml", () => 7).seed, 9);
  assert.deepEqual(plan.phases[3]?.loop, { kind: "open", ratePerSecond: 2400, arrivals: "poisson" });
  assert.deepEqual(plan.faults[0], {
    fault: { kind: "partition", isolate: "leader" },
    phase: "steady",
    atMs: 11_000,
    durationMs: 5_000,
  });
  parsePlan(readFileSync("workloads/short.yaml", "utf8"), "short.yaml", () => 1);
});

test("each mistake is one line with file, line and column, and says what to do", () => {
  assert.match(mistake("members: 3", "member: 3"), /^w\.yaml:6:1 member: unknown setting; remove or correct it$/);
  assert.match(
    mistake("deadline: 2s", "deadline: 2 sec"),
    /^w\.yaml:16:3 clients\.deadline: "2 sec" is not a duration/,
  );
  assert.match(mistake("  count: 512\n", ""), /^w\.yaml:8:1 keys\.count|^w\.yaml:9:3 keys\.count: is missing/);
  assert.match(mistake("phase: steady", "phase: stedy"), /^w\.yaml:42:5 faults\.0\.phase: no phase is named "stedy"/);
  assert.match(mistake("at: 11s", "at: 25s"), /the fault ends after its phase/);
  assert.match(mistake("put: 9", "putt: 9"), /^w\.yaml:38:\d+ phases\.3\.mix\.putt: unknown setting/);
  assert.match(mistake("members: 3", "members: 1"), /at least three members/);
  assert.match(mistake("name: steady", "name: warm-up"), /names an earlier phase/);
  assert.match(mistake("watchersPerMember: 1", "watchersPerMember: 0"), /w\.yaml:\d+:\d+ checks\.2: without watchers/);
  const unwritten = quickstart.replaceAll(/, put: \d+/g, "");
  assert.throws(() => parsePlan(unwritten, "w.yaml", () => 7), /checks\.3: no phase's mix has a put/);
  assert.match(mistake("members: 3", "members: [3"), /^w\.yaml:\d+:\d+ /);
  assert.match(mistake("valueBytes: 256", "valueBytes: 4"), /w\.yaml:12:3 keys\.valueBytes: /);
});

test("a plan may hold leases and pause members; what makes no sense is one line, too", () => {
  const text = readFileSync("workloads/bugs/etcd-15247.yaml", "utf8");
  const plan = parsePlan(text, "b.yaml", () => 7);
  assert.deepEqual(plan.leases, { count: 64, ttlSeconds: 3, keepAliveEveryMs: 400, through: "every" });
  assert.deepEqual(plan.faults[0]?.fault, { kind: "pause", member: "leader" });
  assert.equal(plan.logLevel, "debug");
  const load = plan.phases.reduce((sum, { durationMs }) => sum + durationMs, 0);
  assert.ok(load <= 45_000, "with its launch and its end a run stays under a minute");
  const wrong = (from: string, to: string, error: RegExp): void =>
    assert.throws(() => parsePlan(text.replace(from, to), "b.yaml", () => 7), error);
  wrong("ttl: 3s", "ttl: 1500ms", /leases\.ttl: a lease lives for whole seconds/);
  wrong("keepAliveEvery: 400ms", "keepAliveEvery: 3s", /leases\.keepAliveEvery: at least 10ms and less than the ttl/);
  wrong(
    "leases: { count: 64,",
    "leases: { count: 64000,",
    /leases\.count: \d+ keepalives in one run are more than 500000/,
  );
  wrong("through: every", "through: all", /leases\.through/);
  wrong("leases: {", "# {", /checks\.0: without leases there is nothing to judge/);
  wrong(
    "pause: { member: leader }",
    "pause: { member: leader }, partition: { isolate: leader }",
    /either a `partition` or a `pause`/,
  );
});

test("a plan says whether watchers ask for progress: by itself none does", () => {
  assert.equal(parsePlan(quickstart, "w.yaml", () => 7).clients.progressEveryMs, null);
  const text = readFileSync("workloads/bugs/etcd-15220.yaml", "utf8");
  assert.equal(parsePlan(text, "b.yaml", () => 7).clients.progressEveryMs, 5);
  assert.throws(
    () => parsePlan(text.replace("progressEvery: 5ms", "progressEvery: 1ms"), "b.yaml", () => 7),
    /b\.yaml:\d+:\d+ clients\.progressEvery: at least 5ms/,
  );
});

test("anything that is not a plan is refused, never thrown at", () => {
  for (const text of ["", "null", "[]", "7", "- a\n- b", "a: &x [*x]", "\u0000", "name: {}", "phases: 3"]) {
    assert.throws(() => parsePlan(text, "w.yaml", () => 1), PlanError, JSON.stringify(text));
  }
});

test("durations", () => {
  assert.equal(parseDurationMs("1.5s"), 1500);
  assert.equal(parseDurationMs("250ms"), 250);
  assert.equal(parseDurationMs("2m"), 120_000);
  for (const text of ["", "5", "s", "-1s", "1 s", "1s2"]) assert.equal(parseDurationMs(text), null, text);
});
