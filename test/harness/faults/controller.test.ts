import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { FaultController } from "../../../src/harness/faults/controller.ts";
import { watchLeaders } from "../../../src/harness/faults/leaders.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import type { PlannedFault } from "../../../src/harness/model/plan.ts";
import { type FakeCluster, fakeCluster } from "./support.ts";
import { eventually } from "./toxiproxy/support.ts";

const timeout = 30_000;

interface Controlled extends FakeCluster {
  readonly controller: FaultController;
  readonly events: RunEvent[];
  readonly toxics: () => Promise<boolean>;
}

async function control(t: TestContext): Promise<Controlled> {
  const fake = await fakeCluster(t);
  const events: RunEvent[] = [];
  const nowNs = (): number => Math.round(performance.now() * 1e6);
  const controller = new FaultController({ ...fake, prng: new Prng(5), nowNs, record: (event) => events.push(event) });
  const toxics = async (): Promise<boolean> =>
    (await fetch(`${fake.toxiproxy.url}/proxies`).then((answer) => answer.text())).includes('"timeout"');
  return { ...fake, controller, events, toxics };
}

const partition = (atMs: number, durationMs: number): PlannedFault => ({
  fault: { kind: "partition", isolate: "leader" },
  phase: "steady",
  atMs,
  durationMs,
});
const kinds = (events: readonly RunEvent[]): readonly string[] => events.map((event) => event.kind);

test("a fault comes at its time, is proven, lasts and heals", { timeout }, async (t) => {
  const { controller, events, toxics } = await control(t);
  const results = await controller.run([partition(5, 600)], new AbortController().signal);
  assert.deepEqual(results, [{ fault: "partition-leader", members: ["n2"], unproven: null, healed: true }]);
  assert.deepEqual(kinds(events), ["fault-injected", "fault-healed"]);
  const [injected, healed] = events as [RunEvent, RunEvent];
  assert.ok(healed.atNs - injected.atNs >= 599e6);
  assert.equal(await toxics(), false);
});

test("an abort heals at once and keeps later faults from starting", { timeout }, async (t) => {
  const { controller, events, toxics } = await control(t);
  const abort = new AbortController();
  const running = controller.run([partition(0, 3_600_000), partition(3_600_000, 1)], abort.signal);
  await eventually(() => kinds(events).includes("fault-injected"));
  assert.equal(await toxics(), true);
  abort.abort();
  const results = await running;
  assert.equal(await toxics(), false);
  assert.deepEqual(
    results.map(({ fault, members, healed }) => [fault, members, healed]),
    [
      ["partition-leader", ["n2"], true],
      ["partition-leader-2", [], true],
    ],
  );
  assert.deepEqual(kinds(events), ["fault-injected", "fault-healed"]);
});

test("a fault that fails or cannot be proven is recorded and told, never silent", { timeout }, async (t) => {
  const { controller, events, claims } = await control(t);
  claims.leader = null;
  const { signal } = new AbortController();
  const [failed] = await controller.run([partition(0, 1)], signal);
  assert.match(failed?.unproven ?? "", /could not be injected: there is no leader/);
  claims.leader = { member: "n1", term: 4 };
  claims.servesLinearizable = true;
  const [leaky] = await controller.run([partition(0, 50)], signal);
  assert.equal(leaky?.unproven, "n1 still confirmed a read with a quorum");
  claims.servesLinearizable = false;
  const [short] = await controller.run([partition(0, 1)], signal);
  assert.equal(short?.unproven, "it ended before its effect could be seen");
  assert.equal(kinds(events).filter((kind) => kind === "fault-unproven").length, 3);
});

test("a heal that fails is tried again", { timeout }, async (t) => {
  const { controller, toxiproxy, toxics } = await control(t);
  const removeToxic = toxiproxy.removeToxic.bind(toxiproxy);
  let failures = 3;
  toxiproxy.removeToxic = async (proxy, toxic) => {
    if (failures-- > 0) throw new Error("out of reach");
    await removeToxic(proxy, toxic);
  };
  const [result] = await controller.run([partition(0, 1)], new AbortController().signal);
  assert.equal(result?.healed, true);
  assert.equal(await toxics(), false);
});

test("leaders are recorded once a term, and an old leader's claim is no news", { timeout }, async () => {
  const abort = new AbortController();
  const events: RunEvent[] = [];
  const answers = [
    null,
    { member: "n1", term: 2 },
    { member: "n1", term: 2 },
    { member: "n3", term: 5 },
    { member: "n1", term: 2 },
  ];
  let asked = 0;
  const leader = async () => {
    if (asked === answers.length) abort.abort();
    return answers[asked++] ?? null;
  };
  await watchLeaders({
    cluster: { leader },
    nowNs: () => 1,
    record: (event) => events.push(event),
    signal: abort.signal,
  });
  assert.deepEqual(events, [
    { atNs: 1, kind: "leader", member: "n1", term: 2 },
    { atNs: 1, kind: "leader", member: "n3", term: 5 },
  ]);
});
