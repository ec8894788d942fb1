import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import type { MemberId } from "../../src/base/ids.ts";
import { encodeMember } from "../../src/etcd/cluster/member-codec.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "../../src/etcd/errors.ts";
import type { Change } from "../../src/etcd/model.ts";
import { PutRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { MemberCluster, memberOf, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const NOTHING = new Uint8Array(0);
const idOf = (number: number): MemberId => BigInt(number) as MemberId;

async function change(
  cluster: MemberCluster,
  node: TestNode,
  kind: Change["kind"],
  number: number,
  isLearner = kind === "add-learner",
): Promise<EtcdError | null> {
  const member = idOf(number);
  const context = kind.startsWith("add") ? encodeMember({ ...memberOf(member), isLearner }) : NOTHING;
  let answer: EtcdError | null | undefined;
  void node.member.changeMembers({ kind, member }, context).then((found) => {
    answer = found;
  });
  await cluster.until(() => answer !== undefined, `${kind} ${number} is answered`);
  return answer ?? null;
}

async function put(cluster: MemberCluster, node: TestNode, key: string): Promise<void> {
  let answer: object | null = null;
  void Promise.resolve(node.requests.put(PutRequest.create({ key: bytes(key) }))).then((found) => {
    answer = found;
  });
  await cluster.until(() => answer !== null, `${key} is written`);
  assert.ok(answer !== null && !isEtcdError(answer), inspect(answer));
}

function others(cluster: MemberCluster, node: TestNode): TestNode[] {
  return cluster.nodes.filter((other) => other !== node);
}

const names = (node: TestNode): string[] =>
  node.member.members.list().map(({ id, name, isLearner }) => `${id} ${name}${isLearner ? " learner" : ""}`);

test("a member is added as a learner, gets everything by a snapshot, is promoted, and then decides with the others", async () => {
  const cluster = new MemberCluster(1);
  const leader = await cluster.serving();
  for (const key of ["a", "b", "c"]) await put(cluster, leader, key);
  assert.equal(await change(cluster, leader, "add-learner", 2), null);
  assert.deepEqual(names(leader), ["1 n1", "2  learner"]);
  const joiner = cluster.join(2);
  await cluster.serving();
  assert.equal(cluster.snapshotsTaken, 1);
  assert.ok(joiner.member.isLearner);
  assert.deepEqual(names(joiner), ["1 n1", "2 n2 learner"]);
  assert.equal(joiner.member.status.revision, 4);
  assert.equal(await change(cluster, joiner, "promote", 2), null);
  assert.ok(!joiner.member.isLearner);
  await put(cluster, joiner, "d");
  cluster.isolate(joiner);
  let answer: object | null = null;
  void Promise.resolve(leader.requests.put(PutRequest.create({ key: bytes("e") }))).then((found) => {
    answer = found;
  });
  await cluster.advance(500);
  assert.equal(answer, null, "alone it is no majority any more");
  cluster.heal();
  await cluster.until(() => answer !== null, "the write goes on");
  await cluster.stop();
});

test("who joins gets a snapshot with itself in it, and so everybody it may have to answer before it has caught up", async () => {
  const cluster = new MemberCluster(1);
  const leader = await cluster.serving();
  for (const number of [2, 3, 4]) {
    await put(cluster, leader, `before ${number}`);
    assert.equal(await change(cluster, leader, "add-learner", number), null);
    const joiner = cluster.join(number);
    await cluster.serving();
    // The log still has everything since the copy that was made for the one before.
    const learners = Array.from({ length: number - 1 }, (_, i) => idOf(i + 2));
    assert.deepEqual(joiner.log.kept().base?.configuration, { voters: [idOf(1)], learners });
  }
  assert.equal(cluster.snapshotsTaken, 3);
  await cluster.stop();
});

test("a new voter may be needed to decide on its own addition: it is dialled as soon as that is in the log", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  cluster.isolate(others(cluster, leader)[0] as TestNode);
  const added = change(cluster, leader, "add-voter", 4);
  await cluster.advance(300);
  assert.equal(leader.member.members.get(idOf(4)), null, "not yet: two of four are no majority");
  assert.deepEqual(leader.peers.get(idOf(4)), memberOf(idOf(4)).peerUrls);
  cluster.join(4);
  assert.equal(await added, null);
  cluster.heal();
  await cluster.serving();
  assert.deepEqual(names(leader), ["1 n1", "2 n2", "3 n3", "4 n4"]);
  await cluster.stop();
});

test("changes go through any member, one after the other, while writes go on", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const [through, third] = others(cluster, leader) as [TestNode, TestNode];
  const ask = (kind: Change["kind"], number: number): (() => EtcdError | null | undefined) => {
    let answer: EtcdError | null | undefined;
    const context = ["remove", "promote"].includes(kind) ? NOTHING : encodeMember(memberOf(idOf(number)));
    void through.member.changeMembers({ kind, member: idOf(number) }, context).then((found) => {
      answer = found;
    });
    return () => answer;
  };
  const asked = [ask("add-learner", 4), ask("add-voter", 5), ask("remove", Number(third.id)), ask("update", 5)];
  let writes = 0;
  for (; asked.some((answer) => answer() === undefined); writes++) {
    await put(cluster, cluster.node(writes % 2 === 0 ? 0 : 1), `k${writes}`);
    // The fifth comes when it is needed: three of four make a majority, and one of them is removed.
    if (writes === 3) cluster.join(5);
    await cluster.advance(20);
    assert.ok(writes < 500, "changes come to an end");
  }
  assert.deepEqual(
    asked.map((answer) => answer()),
    [null, null, null, null],
  );
  await cluster.until(() => third.isRemoved, "the removed one ends");
  assert.deepEqual(
    through.member.members.list().map(({ id, isLearner }) => [id, isLearner]),
    [
      [leader.id, false],
      [through.id, false],
      [4n, true],
      [5n, false],
    ].sort(([a], [b]) => ((a as bigint) < (b as bigint) ? -1 : 1)),
  );
  await cluster.stop();
});

test("what raft refuses comes back as etcd's error", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  assert.equal(await change(cluster, leader, "add-voter", 2), ETCD_ERRORS.memberExists);
  assert.equal(await change(cluster, leader, "remove", 9), ETCD_ERRORS.memberNotFound);
  assert.equal(await change(cluster, leader, "promote", 2), ETCD_ERRORS.memberNotLearner);
  assert.equal(await change(cluster, leader, "promote", 9), ETCD_ERRORS.memberNotFound);
  assert.equal(await change(cluster, leader, "add-learner", 4), null);
  assert.equal(await change(cluster, leader, "promote", 4), ETCD_ERRORS.learnerNotReady, "it never started");
  await cluster.stop();
  const alone = new MemberCluster(1);
  assert.equal(await change(alone, await alone.serving(), "remove", 1), ETCD_ERRORS.notEnoughStarted);
  await alone.stop();
});

test("of two members that come at the same moment, through two others, only one gets the URL that both were given", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const [first, second] = others(cluster, leader) as [TestNode, TestNode];
  const peerUrls = ["http://same:2380"];
  const answers: (EtcdError | null)[] = [];
  const ask = (through: TestNode, kind: Change["kind"], number: number): void => {
    const context = encodeMember({ ...memberOf(idOf(number)), peerUrls });
    void through.member.changeMembers({ kind, member: idOf(number) }, context).then((answer) => answers.push(answer));
  };
  ask(first, "add-voter", 4);
  ask(second, "add-voter", 5);
  await cluster.until(() => answers.length === 2, "both are answered");
  assert.deepEqual(answers, [null, ETCD_ERRORS.peerUrlExists]);
  ask(second, "update", Number(second.id));
  await cluster.until(() => answers.length === 3, "the update is answered");
  assert.equal(answers[2], ETCD_ERRORS.peerUrlExists);
  for (const { member } of cluster.nodes)
    assert.equal(member.members.list().filter((each) => each.peerUrls[0] === peerUrls[0]).length, 1);
  await cluster.stop();
});

test("a leader that has not applied the change before does not say whether the next one clashes with it", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const [first, second] = others(cluster, leader) as [TestNode, TestNode];
  const release = leader.log.holdCommits();
  for (let i = 0; i < 200; i++) void leader.requests.put(PutRequest.create({ key: bytes(`k${i}`) }));
  await cluster.advance(500);
  const { commitIndex, appliedIndex } = leader.member.status;
  assert.ok(appliedIndex < commitIndex, "its store does not keep up");
  const peerUrls = ["http://same:2380"];
  const ask = (through: TestNode, number: number): { answer: EtcdError | null | undefined } => {
    const asked: { answer: EtcdError | null | undefined } = { answer: undefined };
    const context = encodeMember({ ...memberOf(idOf(number)), peerUrls });
    void through.member.changeMembers({ kind: "add-voter", member: idOf(number) }, context).then((answer) => {
      asked.answer = answer;
    });
    return asked;
  };
  const added = ask(first, 4);
  await cluster.until(() => added.answer !== undefined, "the first is applied where it was asked for");
  assert.equal(added.answer, null);
  assert.ok(leader.member.configuration.voters.includes(idOf(4)), "the leader has it in its log");
  assert.equal(leader.member.members.get(idOf(4)), null, "and not in its state");
  const refused = ask(second, 5);
  await cluster.advance(500);
  assert.equal(refused.answer, undefined, "it waits");
  assert.ok(!leader.member.configuration.voters.includes(idOf(5)));
  release();
  await cluster.until(() => refused.answer !== undefined, "the second is answered");
  assert.equal(refused.answer, ETCD_ERRORS.peerUrlExists);
  for (const { member } of cluster.nodes) assert.equal(member.members.get(idOf(5)), null);
  await cluster.stop();
});

test("of two learners that come at the same moment there is one too many where one is allowed", async () => {
  const cluster = new MemberCluster(3, { member: { learnersMax: 1 } });
  const leader = await cluster.serving();
  const [first, second] = others(cluster, leader) as [TestNode, TestNode];
  const answers = await Promise.all([
    change(cluster, first, "add-learner", 4),
    change(cluster, second, "add-learner", 5),
  ]);
  assert.deepEqual(answers, [null, ETCD_ERRORS.tooManyLearners]);
  assert.deepEqual(leader.member.configuration.learners, [idOf(4)]);
  await cluster.stop();
});

test("news of a member are known everywhere, and where it is dialled", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const peerUrls = ["http://elsewhere:2380"];
  const context = encodeMember({ ...memberOf(idOf(2)), peerUrls });
  let answer: EtcdError | null | undefined;
  void leader.member.changeMembers({ kind: "update", member: idOf(2) }, context).then((found) => {
    answer = found;
  });
  await cluster.until(() => answer !== undefined, "the update is answered");
  assert.equal(answer, null);
  await cluster.advance(500);
  for (const node of cluster.nodes) {
    assert.deepEqual(node.member.members.get(idOf(2))?.peerUrls, peerUrls);
    assert.equal(node.member.members.get(idOf(2))?.name, "n2");
    if (node.id !== 2n) assert.deepEqual(node.peers.get(idOf(2)), peerUrls);
  }
  await cluster.stop();
});

test("a leader that removes itself tells the others, answers its client and ends; the others go on", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  assert.equal(await change(cluster, leader, "remove", Number(leader.id)), null);
  await cluster.until(() => leader.isRemoved, "the removed one ends");
  const rest = others(cluster, leader);
  await cluster.until(() => cluster.leader(rest) !== null, "the others have a leader");
  await put(cluster, rest[0] as TestNode, "after");
  for (const node of rest) {
    assert.deepEqual([...node.removedPeers], [leader.id]);
    assert.equal(node.peers.size, 1);
  }
  await cluster.stop();
});

test("a member that was down when it was removed is told when it comes back, and ends", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const [gone] = others(cluster, leader) as [TestNode];
  cluster.isolate(gone);
  assert.equal(await change(cluster, leader, "remove", Number(gone.id)), null);
  await cluster.advance(3000);
  assert.ok(!gone.isRemoved);
  cluster.heal();
  await cluster.until(() => gone.isRemoved, "it is told");
  await cluster.stop();
});

test("who belongs to the cluster survives restarts of everybody, with the log cut and without", async () => {
  for (const snapshotCount of [4, 10_000]) {
    const cluster = new MemberCluster(3, { member: { snapshotCount, catchUpEntries: 1 } });
    const leader = await cluster.serving();
    assert.equal(await change(cluster, leader, "add-learner", 4), null);
    cluster.join(4);
    await cluster.serving();
    for (let i = 0; i < 12; i++) {
      await put(cluster, leader, `k${i}`);
      await cluster.advance(50);
    }
    await cluster.advance(300);
    for (const node of cluster.nodes) cluster.restart(node);
    await cluster.serving();
    for (const node of cluster.nodes) {
      assert.deepEqual(names(node), ["1 n1", "2 n2", "3 n3", "4 n4 learner"]);
      assert.equal(node.peers.size, 3);
    }
    await cluster.stop();
  }
});
