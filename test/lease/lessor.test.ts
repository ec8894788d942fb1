/** Who may end a lease and who may say that it was renewed, with leaders that stand still, are replaced, and come back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdError } from "../../src/etcd/errors.ts";
import fc from "../support/fast-check.ts";
import type { Node } from "./world.ts";
import { ELECTION_MS, TIMEOUT_MS, World } from "./world.ts";

interface Asked<Answer> {
  answer: Answer | EtcdError | undefined;
  atMs: number;
}

function asked<Answer>(world: World, soon: Promise<Answer | EtcdError>): Asked<Answer> {
  const holder: Asked<Answer> = { answer: undefined, atMs: 0 };
  void soon.then((answer) => {
    holder.answer = answer;
    holder.atMs = world.nowMs;
  });
  return holder;
}

function refusal({ answer }: Asked<unknown>): string | undefined {
  return (answer as EtcdError | undefined)?.message;
}

const renew = (world: World, node: Node, id: bigint): Asked<number> => asked(world, node.asks.renew(id));

async function worldWith(leases: Readonly<Record<string, number>>): Promise<World> {
  const world = new World(3);
  await world.pass(0);
  for (const [id, ttl] of Object.entries(leases)) world.grant(BigInt(id), ttl);
  await world.pass(0);
  return world;
}

test("a lease that nobody renews is revoked when its time is up, and within a second of it", async () => {
  const world = await worldWith({ 7: 5 });
  await world.pass(4_900);
  assert.equal(world.revokedMs(7n), null);
  await world.pass(1_100);
  assert.notEqual(world.revokedMs(7n), null);
  for (const node of world.nodes) assert.equal(node.leases.size, 0);
});

test("keepalives through any member keep a lease alive, and say what it was granted for", async () => {
  const world = await worldWith({ 7: 5 });
  for (let i = 0; i < 30; i++) {
    const answer = renew(world, world.node((i % 3) + 1), 7n);
    await world.pass(2_000);
    assert.equal(answer.answer, 5);
  }
  assert.equal(world.revokedMs(7n), null);
  const unknown = world.nodes.map((node) => renew(world, node, 8n));
  await world.pass(0);
  assert.deepEqual(
    unknown.map(({ answer }) => answer),
    [0, 0, 0],
  );
});

test("a paused leader that was replaced neither revokes what was renewed elsewhere nor acknowledges a renewal (etcd 15247)", async () => {
  const world = await worldWith(Object.fromEntries(Array.from({ length: 64 }, (_, i) => [i + 1, 4])));
  const old = world.node(1);
  // Renewals that the old leader has taken in and not answered.
  const stale = [1n, 2n].map((id) => renew(world, old, id));
  old.isPaused = true;
  await world.pass(1_500);
  world.elect(2);
  for (let i = 0; i < 8; i++) {
    const answers = world.log.flatMap(({ command }) =>
      command !== null && "leaseGrant" in command ? [renew(world, world.node(3), command.leaseGrant.id)] : [],
    );
    await world.pass(1_000);
    assert.ok(answers.every(({ answer }) => answer === 4));
  }
  assert.deepEqual(
    stale.map(({ answer }) => answer),
    [undefined, undefined],
  );
  // It wakes up: by its clock all leases ran out long ago, and its timers come before anything it is told.
  old.isPaused = false;
  for (let i = 0; i < 20; i++) {
    old.run();
    await world.exchange();
    await world.run();
    world.nowMs += 100;
  }
  assert.equal(world.log.filter(({ command }) => command !== null && "leaseRevoke" in command).length, 0);
  assert.equal(old.leases.size, 64);
  assert.ok(
    stale.every(({ answer }) => answer === undefined || typeof answer === "object"),
    "no stale acknowledgement",
  );
  await world.pass(6_000);
  assert.equal(world.node(2).leases.size, 0, "left alone they run out, once the leader that counts says so");
});

test("a quorum's consent from before a long pause is no consent", async () => {
  const world = await worldWith({ 7: 4 });
  const leader = world.node(1);
  const answer = renew(world, leader, 7n);
  await world.exchange();
  // The quorum has answered; the process stands still before it looks.
  leader.isPaused = true;
  await world.pass(1_500);
  world.elect(2);
  await world.pass(1_000);
  leader.isPaused = false;
  leader.run();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(answer.answer, undefined, "it asks the quorum again");
  await world.pass(500);
  assert.equal(answer.answer, 4, "and then the member that leads now");
});

test("a revocation that was proposed and not committed before its leader was replaced never takes effect", async () => {
  const world = await worldWith({ 7: 2 });
  const old = world.node(1);
  // Everything but the last step: the old leader has proof and hands its proposal out.
  world.nowMs += 2_600;
  old.run();
  await world.exchange();
  old.run();
  await new Promise((resolve) => setImmediate(resolve));
  old.isPaused = true;
  world.elect(2);
  const answer = renew(world, world.node(3), 7n);
  await world.pass(300);
  assert.equal(answer.answer, 2);
  old.isPaused = false;
  await world.pass(1_000);
  assert.equal(world.revokedMs(7n), null);
});

test("a new leader gives every lease its whole time and one election time-out", async () => {
  const world = await worldWith({ 7: 5 });
  await world.pass(4_000);
  world.elect(2);
  const electedMs = world.nowMs;
  await world.pass(5_000 + ELECTION_MS + 1_000);
  const revokedMs = world.revokedMs(7n);
  assert.ok(revokedMs !== null && revokedMs >= electedMs + 5_000 + ELECTION_MS, `${revokedMs}`);
});

test("a renewal at the new leader cuts short none that the leader before acknowledges after it", async () => {
  const world = await worldWith({ 7: 4 });
  const old = world.node(1);
  const stale = renew(world, old, 7n);
  await world.exchange();
  // The quorum has answered; the process stands still, but not for an election time-out.
  old.isPaused = true;
  world.elect(2);
  const renewed = renew(world, world.node(3), 7n);
  await world.pass(100);
  assert.equal(renewed.answer, 4);
  await world.pass(700);
  old.isPaused = false;
  old.run();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(stale.answer, 4, "its proof is not too old");
  const acknowledgedMs = world.nowMs;
  await world.pass(10_000);
  const revokedMs = world.revokedMs(7n);
  assert.ok(revokedMs !== null && revokedMs >= acknowledgedMs + 4_000, `${revokedMs} after ${acknowledgedMs}`);
});

test("a new leader's time begins when it has applied what earlier leaders committed", async () => {
  const world = await worldWith({});
  world.grant(7n, 5);
  world.elect(2);
  // It knows that it leads, and not of the lease.
  world.node(2).hear();
  await world.exchange();
  const electedMs = world.nowMs;
  await world.pass(5_000 + ELECTION_MS + 1_000);
  const revokedMs = world.revokedMs(7n);
  assert.ok(revokedMs !== null && revokedMs >= electedMs + 5_000 + ELECTION_MS, `${revokedMs}`);
});

test("a renewal of a lease that has run out waits for its revocation and then does not know it", async () => {
  const world = await worldWith({ 7: 2 });
  world.nowMs += 2_001;
  const answers = [renew(world, world.node(1), 7n), renew(world, world.node(2), 7n)];
  world.node(1).isPaused = true;
  await world.pass(50);
  assert.deepEqual(
    answers.map(({ answer }) => answer),
    [undefined, undefined],
  );
  world.node(1).isPaused = false;
  await world.pass(2_000);
  assert.deepEqual(
    answers.map(({ answer }) => answer),
    [0, 0],
  );
  assert.ok(answers.every(({ atMs }) => atMs >= (world.revokedMs(7n) ?? 0)));
});

test("without a quorum nothing runs out and nothing is acknowledged; afterwards what ran out meanwhile is revoked", async () => {
  const world = await worldWith({ 7: 2 });
  for (const i of [2, 3]) world.node(i).isPaused = true;
  const answer = renew(world, world.node(1), 7n);
  await world.pass(TIMEOUT_MS - 100);
  assert.equal(answer.answer, undefined);
  assert.equal(world.revokedMs(7n), null);
  await world.pass(200);
  assert.equal(refusal(answer), "etcdserver: request timed out");
  for (const i of [2, 3]) world.node(i).isPaused = false;
  await world.pass(4_000);
  assert.notEqual(world.revokedMs(7n), null);
});

test("without a leader a question waits for one until its time is up", async () => {
  const world = await worldWith({ 7: 60 });
  const forget = (): void => {
    for (const node of world.nodes) {
      node.leader = 0n as Node["leader"];
      node.lessor.follower();
    }
  };
  const step = async (ms: number): Promise<void> => {
    for (let i = 0; i < ms / 100; i++) {
      forget();
      await world.run();
      await world.exchange();
      world.nowMs += 100;
    }
  };
  forget();
  const patient = renew(world, world.node(2), 7n);
  const late = renew(world, world.node(3), 7n);
  await step(3_000);
  assert.equal(patient.answer, undefined);
  world.elect(2);
  world.node(2).hear();
  await world.settle();
  assert.equal(patient.answer, 60);
  world.nowMs += TIMEOUT_MS;
  forget();
  await world.run();
  assert.equal(refusal(late), "etcdserver: no leader");
  world.node(1).asks.stop();
});

test("time to live counts down to below zero until the revocation, tells keys in order, and does not know what is gone", async () => {
  const world = await worldWith({ 7: 10 });
  for (const node of world.nodes) for (const key of ["b", "a\0", "a"]) node.leases.attach(key, 7n);
  const ask = async (node: number, keys: boolean): Promise<unknown> => {
    const answer = asked(world, world.node(node).asks.timeLeft(7n, keys));
    await world.pass(0);
    return answer.answer;
  };
  await world.pass(1_500);
  const names = ["a", "a\0", "b"].map((name) => Buffer.from(name));
  assert.deepEqual(await ask(1, true), { kind: 2, ttl: 8, grantedTtl: 10, keys: names });
  assert.deepEqual(
    ((await ask(2, true)) as { keys: Uint8Array[] }).keys.map((key) => Buffer.from(key)),
    names,
  );
  assert.deepEqual(await ask(1, false), { kind: 2, ttl: 8, grantedTtl: 10, keys: [] });
  await world.pass(20_000);
  assert.equal(await ask(1, true), null);
  assert.equal(await ask(3, true), null);
});

test("what is left of a long lease is recorded every five minutes, survives the leader, and a renewal takes it back first", async () => {
  const world = await worldWith({ 7: 1_000, 8: 300 });
  await world.pass(301_000, 500);
  for (const node of world.nodes) {
    assert.equal(node.leases.get(7n)?.remainingSeconds, 700);
    assert.equal(node.leases.get(8n), null, "the short one has run out");
  }
  await world.pass(301_000, 500);
  assert.equal(world.node(3).leases.get(7n)?.remainingSeconds, 400);
  const answer = renew(world, world.node(2), 7n);
  await world.pass(0);
  assert.equal(answer.answer, 1_000);
  for (const node of world.nodes) assert.equal(node.leases.get(7n)?.remainingSeconds, null);
  await world.pass(301_000, 500);
  world.elect(3);
  const electedMs = world.nowMs;
  await world.pass(702_000, 500);
  const aliveMs = (world.revokedMs(7n) ?? 0) - electedMs;
  assert.ok(aliveMs >= 700_000 + ELECTION_MS && aliveMs <= 702_000, `${aliveMs}`);
});

test("many leases that run out at once are revoked in bounded batches, a thousand a second, and a new leader spreads them", async () => {
  const world = await worldWith(Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [i + 1, 2])));
  world.nowMs += 2_000;
  const left: number[] = [];
  for (let i = 0; i < 8; i++) {
    await world.pass(500, 500);
    left.push(world.node(2).leases.size);
  }
  for (const [i, size] of left.entries()) assert.ok(size >= 3_000 - 500 * (i + 2), `${size} left after ${i + 1} scans`);
  assert.equal(left.at(-1), 0);
  const second = await worldWith(Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [i + 1, 2])));
  second.elect(2);
  await second.pass(0);
  const electedMs = second.nowMs;
  await second.pass(4_500);
  assert.ok(second.node(2).leases.size > 1_500, "after one and a half seconds of them about 1,125 are gone");
  await second.pass(3_500);
  assert.equal(second.node(2).leases.size, 0, `spread from ${electedMs}`);
});

// ------------------------------------------------------------------------------------------------------------ at random

type Step =
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "pause" | "resume" | "elect" | "hear"; readonly node: number }
  | { readonly kind: "renew"; readonly node: number; readonly lease: bigint }
  | { readonly kind: "exchange" | "run" | "settle" };

const node = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(50, 300, 900, 2_500) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("pause" as const, "resume" as const), node }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("elect" as const), node }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("hear" as const), node }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("renew" as const), node, lease: fc.constantFrom(1n, 2n) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("exchange" as const, "run" as const) }) },
  { weight: 4, arbitrary: fc.constant({ kind: "settle" as const }) },
);

test("whatever is paused and whoever is elected, a lease lives as long as was acknowledged", async () => {
  const seen = { revoked: 0, acknowledged: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
      const world = new World(3);
      const ttls = [2, 4];
      for (const [i, ttl] of ttls.entries()) world.grant(BigInt(i + 1), ttl);
      const grantedMs = world.nowMs;
      const acks: Acknowledgement[] = [];
      for (const each of steps) await take(world, each, acks);
      for (const [i, ttl] of ttls.entries()) {
        const revokedMs = world.revokedMs(BigInt(i + 1));
        if (revokedMs === null) continue;
        seen.revoked++;
        assert.ok(revokedMs >= grantedMs + ttl * 1_000);
        for (const { fromMs } of acks.filter(({ lease }) => lease === BigInt(i + 1))) {
          seen.acknowledged++;
          assert.ok(revokedMs >= fromMs + ttl * 1_000, `renewed at ${fromMs}, revoked at ${revokedMs}`);
        }
      }
      for (const { asks } of world.nodes) asks.stop();
    }),
    { numRuns: 400 },
  );
  assert.ok(seen.revoked > 40 && seen.acknowledged > 40, `the walk meets what it is about: ${JSON.stringify(seen)}`);
});

interface Acknowledgement {
  readonly lease: bigint;
  readonly fromMs: number;
}

/** Counts from the answer where the member itself gave it; through another its way takes time, so then from the question. */
function collect(world: World, member: Node, lease: bigint, acks: Acknowledgement[]): void {
  const { leader, term } = member;
  const askedMs = world.nowMs;
  void member.asks.renew(lease).then((answer) => {
    const own = leader === member.id && member.leader === leader && member.term === term;
    if (answer === 2 || answer === 4) acks.push({ lease, fromMs: own ? world.nowMs : askedMs });
  });
}

async function take(world: World, each: Step, acks: Acknowledgement[]): Promise<void> {
  switch (each.kind) {
    case "pass":
      world.nowMs += each.ms;
      break;
    case "pause":
    case "resume":
      world.node(each.node).isPaused = each.kind === "pause";
      break;
    case "elect":
      if (world.hasQuorum() && !world.node(each.node).isPaused) world.elect(each.node);
      break;
    case "hear":
      world.node(each.node).hear();
      break;
    case "renew":
      if (!world.node(each.node).isPaused) collect(world, world.node(each.node), each.lease, acks);
      break;
    case "exchange":
      await world.exchange();
      break;
    case "run":
      await world.run();
      break;
    case "settle":
      await world.settle();
  }
}
