import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { Partition } from "../../../src/harness/faults/partition.ts";
import { type FakeCluster, fakeCluster } from "./support.ts";
import { dial, type Peer } from "./toxiproxy/support.ts";

const timeout = 30_000;

interface Link {
  readonly name: string;
  readonly peer: Peer;
}

async function dialAll(t: TestContext, { listen }: FakeCluster): Promise<readonly Link[]> {
  const links = await Promise.all([...listen].map(async ([name, address]) => ({ name, peer: await dial(t, address) })));
  for (const { peer } of links) peer.socket.write("1");
  await Promise.all(links.map(({ peer }) => peer.until(() => peer.length === 1)));
  return links;
}

test("an isolated leader hears and reaches no peer, its clients and the others go on, and healing restores all", {
  timeout,
}, async (t) => {
  const fake = await fakeCluster(t);
  const before = await dialAll(t, fake);
  const partition = new Partition("p", "leader");
  const injected = await partition.inject({ ...fake, prng: new Prng(1) });
  assert.deepEqual(injected.members, ["n2"]);
  assert.equal(await injected.verify(), null);
  const isCut = (name: string): boolean => name.startsWith("peer-") && name.includes("n2");
  for (const { peer } of before) peer.socket.write("2");
  const open = before.filter(({ name }) => !isCut(name));
  assert.equal(open.length, 5, "three for clients, two between the others");
  await Promise.all(open.map(({ peer }) => peer.until(() => peer.length === 2)));
  await partition.heal();
  const cut = before.filter(({ name }) => isCut(name));
  await Promise.all(cut.map(({ peer }) => peer.until(() => peer.closed)));
  assert.deepEqual(
    cut.map(({ peer }) => peer.length),
    [1, 1, 1, 1],
  );
  await dialAll(t, fake);
});

test("a follower is drawn from the seed and is never the leader", { timeout }, async (t) => {
  const fake = await fakeCluster(t);
  for (let seed = 0; seed < 6; seed++) {
    const partition = new Partition(`p${seed}`, "follower");
    const { members } = await partition.inject({ ...fake, prng: new Prng(seed) });
    assert.ok(members[0] === "n1" || members[0] === "n3", `seed ${seed}`);
    await partition.heal();
  }
});

test("a partition that leaks is told, in words", { timeout }, async (t) => {
  const fake = await fakeCluster(t);
  const partition = new Partition("p", "leader");
  const { verify } = await partition.inject({ ...fake, prng: new Prng(1) });
  fake.claims.servesLinearizable = true;
  assert.equal(await verify(), "n2 still confirmed a read with a quorum");
  fake.claims.servesLinearizable = false;
  fake.claims.revision = null;
  assert.equal(await verify(), "n2 did not answer past the proxies");
  let revision = 10;
  Object.defineProperty(fake.claims, "revision", { get: () => revision++ });
  assert.match((await verify()) ?? "", /^n2 went on from revision \d+ to \d+$/);
  await partition.heal();
});

test("healing undoes a half-made cut, and may be repeated", { timeout }, async (t) => {
  const fake = await fakeCluster(t);
  await fake.toxiproxy.removeProxy("peer-n3-n2");
  const partition = new Partition("p", "leader");
  await partition.heal();
  await assert.rejects(partition.inject({ ...fake, prng: new Prng(1) }), /proxy not found/);
  await partition.heal();
  await partition.heal();
  const toxics = await fetch(`${fake.toxiproxy.url}/proxies`).then((answer) => answer.text());
  assert.equal(toxics.includes('"timeout"'), false);
});

test("without a leader there is nothing to isolate", { timeout }, async (t) => {
  const fake = await fakeCluster(t);
  fake.claims.leader = null;
  await assert.rejects(new Partition("p", "leader").inject({ ...fake, prng: new Prng(1) }), /there is no leader/);
});
