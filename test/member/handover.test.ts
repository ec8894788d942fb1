import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import { ETCD_ERRORS, isEtcdError } from "../../src/etcd/errors.ts";
import { PutRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { ELECTION_MS, HEARTBEAT_MS, MemberCluster, REQUEST_TIMEOUT_MS, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A promise one can look at. */
function watched<Value>(promise: Promise<Value>): { value: Value | undefined } {
  const holder: { value: Value | undefined } = { value: undefined };
  void promise.then((value) => {
    holder.value = value;
  });
  return holder;
}

function other(cluster: MemberCluster, node: TestNode): TestNode {
  const found = cluster.nodes.find((each) => each !== node);
  assert.ok(found !== undefined);
  return found;
}

test("the leader hands over to the member that it is told to, before a heartbeat is missed, and no write is lost", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const target = other(cluster, leader);
  const write = (node: TestNode, key: string): { value: object | undefined } =>
    watched(Promise.resolve(node.requests.put(PutRequest.create({ key: bytes(key), value: bytes("v") }))));
  const before = write(leader, "before");
  const moved = watched(leader.member.moveLeader(target.id));
  const meanwhile = cluster.nodes.map((node) => write(node, `through ${node.id}`));
  await cluster.advance(HEARTBEAT_MS / 2);
  assert.equal(moved.value, null);
  assert.equal(cluster.leader(), target);
  const writes = [before, ...meanwhile];
  await cluster.until(() => writes.every(({ value }) => value !== undefined), "all writes are answered");
  for (const { value } of writes) assert.ok(value !== undefined && !isEtcdError(value));
  await cluster.stop();
});

test("only the leader hands over, and only to a voter that there is; to itself it need not", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  assert.equal(await other(cluster, leader).member.moveLeader(leader.id), ETCD_ERRORS.notLeader);
  assert.equal(await leader.member.moveLeader(99n as MemberId), ETCD_ERRORS.badTransferee);
  assert.equal(await leader.member.moveLeader(leader.id), null);
  await cluster.stop();
});

test("a target that cannot be reached is given up: writes go on, and whoever asked is told in the end", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const target = other(cluster, leader);
  cluster.isolate(target);
  // The target lacks this, so it is not asked before it is back.
  const first = watched(Promise.resolve(leader.requests.put(PutRequest.create({ key: bytes("a") }))));
  await cluster.until(() => first.value !== undefined, "a write is answered");
  const moved = watched(leader.member.moveLeader(target.id));
  const write = watched(Promise.resolve(leader.requests.put(PutRequest.create({ key: bytes("b") }))));
  await cluster.advance(ELECTION_MS / 2);
  assert.equal(write.value, undefined, "it waits for the next leader, or for this one to stay");
  await cluster.until(() => write.value !== undefined, "the write is answered");
  assert.ok(write.value !== undefined && !isEtcdError(write.value));
  assert.equal(cluster.leader(), leader);
  await cluster.advance(REQUEST_TIMEOUT_MS);
  assert.equal(moved.value, ETCD_ERRORS.timeoutLeaderTransfer);
  await cluster.stop();
});

test("a leader that is about to stop leaves first: the others have a leader at once", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const rest = cluster.nodes.filter((node) => node !== leader);
  const left = watched(leader.member.leave().then(() => true));
  await cluster.advance(HEARTBEAT_MS / 2);
  assert.equal(left.value, true);
  assert.notEqual(cluster.leader(rest), null);
  await cluster.stop();
});

test("a leader that nobody can follow, and a follower, stop without waiting for long", async () => {
  const alone = new MemberCluster(1);
  await (await alone.serving()).member.leave();
  await alone.stop();
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  await other(cluster, leader).member.leave();
  cluster.isolate(leader);
  const left = watched(leader.member.leave().then(() => true));
  await cluster.advance(ELECTION_MS + HEARTBEAT_MS);
  assert.equal(left.value, true);
  await cluster.stop();
});
