/** What the simulator found in the server, each as the short schedule that showed it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mutantOf } from "../../src/mutants/catalogue.ts";
import type { LeaseMix, PlannedFault, Scenario, SeedResult, SimFault } from "../../src/sim/model.ts";
import { simulate } from "../../src/sim/simulation.ts";

/** Three members, a quiet network, a light load: nothing but the faults disturbs. */
function quiet(faults: readonly PlannedFault[]): Scenario {
  return {
    seed: 1,
    members: 3,
    spares: 0,
    heartbeatMs: 100,
    electionMs: 1000,
    clockRates: [1, 1, 1],
    network: {
      delayMs: 1,
      lateChance: 0,
      lateMs: 0,
      dropChance: 0,
      duplicateChance: 0,
      splitChance: 0,
      breakChance: 0,
    },
    disk: { writeMs: 0.1, syncMs: 2, segmentMaxBytes: 64 * 1024 * 1024 },
    cuts: { snapshotCount: 20, catchUpEntries: 5, commitMs: 100 },
    snapshotPieces: 3,
    limits: { appendBytes: 512 * 1024, windowAppends: 64 },
    load: {
      clients: 3,
      thinkMs: 200,
      deadlineMs: 3_000,
      keys: 2,
      mix: { put: 2, delete: 1, linearizable: 1, serializable: 1, cas: 1, multi: 0 },
      valueMaxBytes: 16,
      watchersPerMember: 1,
    },
    leases: null,
    history: null,
    faults,
    healMs: 10_000,
    liveWithinMs: 10_000,
    endMs: 24_000,
  };
}

async function survives(
  faults: readonly Omit<PlannedFault, "number">[],
  changes: Partial<Scenario> = {},
): Promise<SeedResult> {
  const result = await simulate({ ...quiet(faults.map((fault, number) => ({ number, ...fault }))), ...changes });
  assert.equal(result.failure, null, result.failure?.text);
  return result;
}

test("a member restarted with its wall clock set back serves again", async () => {
  // Its leader took what it forwarded for something old, because it was numbered from the wall clock.
  for (const target of [0, 1, 2]) {
    await survives([
      { atMs: 4_000, durationMs: 10, fault: { kind: "wall-jump", target, byMs: -3_600_000 } },
      { atMs: 4_500, durationMs: 500, fault: { kind: "crash", target, how: "kill" } },
    ]);
  }
});

test("a member whose disk fails under a snapshot takes the next one", async () => {
  // It took none ever after: what it could not finish counted as under way.
  let broken = 0;
  for (const target of [0, 1, 2]) {
    const links = [0, 1, 2].flatMap((other): (readonly [number, number])[] =>
      other === target
        ? []
        : [
            [target, other],
            [other, target],
          ],
    );
    const { coverage } = await survives(
      [
        { atMs: 2_000, durationMs: 2_000, fault: { kind: "cut", shape: "symmetric", links, flapMs: 0, holds: false } },
        { atMs: 3_900, durationMs: 3_000, fault: { kind: "failed-sync", target } },
      ],
      { cuts: { snapshotCount: 3, catchUpEntries: 0, commitMs: 100 } },
    );
    broken += coverage["snapshots broken"] ?? 0;
  }
  assert.ok(broken > 0, "a snapshot met the failing sync");
});

test("a log that is cut while a member is cut off costs that member a snapshot", async () => {
  const links = [0, 1].flatMap((other): (readonly [number, number])[] => [
    [2, other],
    [other, 2],
  ]);
  const cut: SimFault = { kind: "cut", shape: "symmetric", links, flapMs: 0, holds: false };
  const compactions = [0, 1].map((target) => {
    const fault: SimFault = { kind: "compact-log", target, catchUpEntries: 0 };
    return { atMs: 4_000, durationMs: 1_000, fault };
  });
  const changes = { cuts: { snapshotCount: 100_000, catchUpEntries: 50, commitMs: 100 } };
  const without = await survives([{ atMs: 3_000, durationMs: 3_000, fault: cut }], changes);
  assert.equal(without.coverage["logs cut"], undefined);
  assert.equal(without.coverage["snapshots installed"], undefined);
  const { coverage, faults } = await survives(
    [{ atMs: 3_000, durationMs: 3_000, fault: cut }, ...compactions],
    changes,
  );
  assert.equal(faults["compact-log"], 2);
  assert.ok((coverage["logs cut by a fault on a leader"] ?? 0) > 0, JSON.stringify(coverage));
  assert.equal(coverage["snapshots installed"], 1);
});

test("a leader that stood still neither renews nor ends the leases that its successor counts", async () => {
  // etcd issue 15247: what it knows of time is old, and only a quorum can tell it.
  const stoodStill: PlannedFault = {
    number: 0,
    atMs: 3_000,
    durationMs: 3_600,
    fault: { kind: "pause", target: "leader" },
  };
  const scenario: Scenario = {
    ...quiet([stoodStill]),
    electionMs: 500,
    leases: {
      everyMs: 100,
      ttlSeconds: [1, 2, 5],
      keptMs: 4_000,
      checkpointSeconds: 300,
      mix: { grant: 1, keepAlive: 8, timeToLive: 1, revoke: 0, put: 1 },
    },
  };
  const { failure, coverage } = await simulate(scenario);
  assert.equal(failure, null, failure?.text);
  assert.ok((coverage["leases renewed"] ?? 0) > 0 && (coverage["leases expired"] ?? 0) > 0, JSON.stringify(coverage));
  for (const name of ["lease-unproven", "lease-forwarded"]) {
    const broken = await simulate(scenario, mutantOf(name) ?? assert.fail(name));
    assert.notEqual(broken.failure, null, `${name} goes unnoticed`);
  }
});

test("what checkpoints leave of leases is what the next leader gives them, and never less than was acknowledged", async () => {
  const pauses = [4_000, 7_000].map((atMs, number): PlannedFault => {
    return { number, atMs, durationMs: 1_500, fault: { kind: "pause", target: "leader" } };
  });
  const scenario = (everyMs: number, mix: Partial<LeaseMix>): Scenario => ({
    ...quiet(pauses),
    electionMs: 500,
    leases: {
      everyMs,
      ttlSeconds: [4, 600],
      keptMs: 4_000,
      checkpointSeconds: 1,
      mix: { grant: 1, keepAlive: 0, timeToLive: 0, revoke: 0, put: 0, ...mix },
    },
  });
  const looked = await simulate(scenario(300, { timeToLive: 4 }));
  assert.equal(looked.failure, null, looked.failure?.text);
  const kept = await simulate(scenario(800, { keepAlive: 2 }));
  assert.equal(kept.failure, null, kept.failure?.text);
  const met = [
    ...["checkpoints", "checkpoints that a new leader heeds", "leases expired that a checkpoint had shortened"].map(
      (what) => looked.coverage[what],
    ),
    ...["checkpoints", "checkpoints taken back"].map((what) => kept.coverage[what]),
  ];
  assert.ok(
    met.every((times) => times !== undefined),
    met.join(),
  );
  const mutant = mutantOf("lease-checkpoint-kept") ?? assert.fail("there is such a mutant");
  const { failure } = await simulate(scenario(800, { keepAlive: 2 }), mutant);
  assert.equal(failure?.kind, "lease promise", failure?.text);
});
