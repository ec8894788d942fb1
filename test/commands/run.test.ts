import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { isRunning } from "../../src/harness/cluster/identity.ts";
import { readRegistry } from "../../src/harness/cluster/registry.ts";
import { readEvents, readPlan, readSamples, readVerdict } from "../../src/harness/history/run-files.ts";
import { whyNot } from "../support/etcd-server.ts";
import { faultline, Workplace } from "../support/faultline.ts";

const places: Workplace[] = [];
after(() => {
  for (const place of places) place.remove();
});

function workplace(): Workplace {
  const place = new Workplace();
  places.push(place);
  return place;
}

test("two runs side by side: each proves the partition and leaves a report, files that every later stage reads, and no data", async () => {
  const place = workplace();
  const [first, second] = await Promise.all([place.run("--seed", "7").ended, place.run("--json").ended]);
  assert.equal(first.code, 0, first.stderr + first.stdout);
  assert.equal(second.code, 0, second.stderr + second.stdout);
  assert.match(first.stdout, /^VERDICT VALID {2}Every promise was kept/m);
  assert.match(first.stdout, /^repeat .* --seed 7 --out \S+$/m);
  assert.equal((JSON.parse(second.stdout) as { verdict: { verdict: string } }).verdict.verdict, "valid");
  for (const run of place.runs()) {
    for (const name of [
      "plan.json",
      "events.jsonl",
      "history.jsonl.gz",
      "samples.json",
      "verdict.json",
      "report.html",
      "logs",
    ])
      assert.ok(existsSync(join(run, name)), name);
    assert.equal(existsSync(join(run, "data")), false);
    assert.equal(readRegistry(run), null);
    const kinds = readEvents(run).map((event) => event.kind);
    for (const kind of ["leader", "fault-injected", "fault-healed", "converged"] as const)
      assert.ok(kinds.includes(kind), kind);
    assert.equal(kinds.includes("fault-unproven"), false, "the partition was proven");
    const { staleness, serializableAsLinearizable } = readVerdict(run);
    assert.equal(serializableAsLinearizable, "invalid", "the cut member's serializable reads were stale");
    assert.ok(staleness.some((one) => one.window === "during" && one.stale > 0 && one.worstRevisions > 0));
  }
  const [run] = place.runs() as [string];
  const before = readVerdict(run);
  const check = await faultline("check", run);
  assert.equal(check.code, 0, check.stderr);
  assert.deepEqual({ ...readVerdict(run), checks: [] }, { ...before, checks: [] });
  const alone = await faultline("check", join(run, "history.jsonl.gz"));
  assert.match(alone.stdout, /^VERDICT VALID/);
  assert.equal((await faultline("report", run)).stdout, `${join(run, "report.html")}\n`);
});

test("Go etcd under the same plan: the partition is proven, every promise is kept, and the report names its version", async (t) => {
  const unavailable = whyNot("etcd");
  if (unavailable !== null) return t.skip(unavailable);
  const place = workplace();
  const { code, stdout, stderr } = await place.run("--target", "etcd", "--seed", "7").ended;
  assert.equal(code, 0, stderr + stdout);
  assert.match(stdout, /^repeat .* --target etcd --seed 7 --out \S+$/m);
  const [run] = place.runs() as [string];
  assert.equal(
    readEvents(run).some((event) => event.kind === "fault-unproven"),
    false,
  );
  assert.match(readSamples(run).environment.target, /^etcd 3\.\d+\.\d+ \(go\S+\), 3 members, processes$/);
  assert.deepEqual(readPlan(run).target, { kind: "etcd", source: { kind: "binary", binary: "etcd" } });
});

for (const [how, signals, expected] of [
  ["Ctrl-C, delivered twice as npm does,", ["SIGINT", "SIGINT"], 130],
  ["SIGTERM", ["SIGTERM"], 143],
] as const)
  test(`${how} heals, stops every process and still writes a report`, async () => {
    const place = workplace();
    const running = place.run();
    await running.says(/cut off from its peers/);
    const [run] = place.runs() as [string];
    const processes = readRegistry(run)?.processes ?? [];
    assert.equal(processes.length, 4, "three members and the proxy");
    for (const signal of signals) running.process.kill(signal);
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, expected, stderr + stdout);
    assert.match(stderr, new RegExp(`${signals[0]}: healing, stopping, writing down what there is`));
    assert.ok(existsSync(join(run, "report.html")));
    assert.equal(readVerdict(run).interrupted, true);
    assert.ok(readEvents(run).some((event) => event.kind === "fault-healed"));
    assert.deepEqual(processes.filter(isRunning), []);
    assert.equal(readRegistry(run), null);
  });

test("a harness that was killed leaves processes behind, and the next start sweeps them up", async () => {
  const place = workplace();
  const killed = place.run();
  await killed.says(/phase "steady" begins/);
  const [run] = place.runs() as [string];
  const processes = readRegistry(run)?.processes ?? [];
  killed.process.kill("SIGKILL");
  await killed.ended;
  assert.equal(processes.filter(isRunning).length, 4, "nobody has ended them yet");
  const next = place.run();
  await next.says(/swept up: .* was killed in the middle: stopped .*n1/);
  assert.deepEqual(processes.filter(isRunning), []);
  assert.equal(existsSync(join(run, "data")), false);
  next.process.kill("SIGTERM");
  assert.equal((await next.ended).code, 143);
});

test("a member killed by hand is brought back, said so, and the verdict is still right", async () => {
  const place = workplace();
  const running = place.run();
  await running.says(/phase "steady" begins/);
  const [run] = place.runs() as [string];
  await running.says(/n\d leads term/);
  const leader = /(n\d) leads term/.exec(running.progress)?.[1];
  // A follower: the partition that follows then still isolates somebody who lives.
  const victim = readRegistry(run)?.processes.find(({ name }) => name !== "toxiproxy" && name !== leader);
  assert.ok(victim !== undefined);
  process.kill(victim.pid, "SIGKILL");
  const { code, stdout, stderr } = await running.ended;
  const events = readEvents(run);
  const exit = events.find((event) => event.kind === "member-exited");
  assert.ok(exit?.member === victim.name && exit.signal === "SIGKILL" && !exit.planned, JSON.stringify(exit));
  assert.equal(events.filter((event) => event.kind === "member-started" && event.member === victim.name).length, 2);
  assert.match(stderr, /n\d was ended by SIGKILL, which the plan did not ask for/);
  const verdict = readVerdict(run);
  assert.deepEqual(
    verdict.checks.map((check) => [check.check, check.verdict]),
    [
      ["linearizable", "valid"],
      ["serializable", "valid"],
      ["watch", "valid"],
      ["converged", "valid"],
    ],
    stdout,
  );
  assert.ok(readFileSync(join(run, "report.html"), "utf8").includes("SIGKILL"));
  assert.equal(code, 0, stderr);
});
