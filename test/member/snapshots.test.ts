import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { encodeBase } from "../../src/etcd/backend/base-codec.ts";
import { isEtcdError } from "../../src/etcd/errors.ts";
import { PutRequest, RangeRequest, WatchCreateRequest, type WatchResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { holdInstall, MemberCluster, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** Logs that are cut often. */
const CUT_OFTEN = { member: { snapshotCount: 10, catchUpEntries: 3 } };
/** Longer than a commit of the store is put off. */
const COMMIT_MS = 150;

async function put(cluster: MemberCluster, node: TestNode, key: string, value: string): Promise<void> {
  let answer: object | null = null;
  void Promise.resolve(node.requests.put(PutRequest.create({ key: bytes(key), value: bytes(value) }))).then((found) => {
    answer = found;
  });
  await cluster.until(() => answer !== null, `${key} is written`);
  assert.ok(answer !== null && !isEtcdError(answer), inspect(answer));
}

/** Writes so much that the leader's log begins behind what the others had before. */
async function putMany(cluster: MemberCluster, node: TestNode, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await put(cluster, node, `k${i % 7}`, String(i));
    await cluster.advance(COMMIT_MS / 5);
  }
  await cluster.advance(COMMIT_MS);
}

function follower(cluster: MemberCluster, leader: TestNode): TestNode {
  const found = cluster.nodes.find((node) => node !== leader);
  assert.ok(found !== undefined);
  return found;
}

/** Every key with its newest value and revision, as this member has it. */
function contents(node: TestNode): readonly string[] {
  const answer = node.requests.range(
    RangeRequest.create({ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0), serializable: true }),
  );
  assert.ok(!(answer instanceof Promise) && !isEtcdError(answer), "the member serves");
  return answer.kvs.map(({ key, value, modRevision }) => `${text(key)}=${text(value)}@${modRevision}`);
}

async function agree(cluster: MemberCluster): Promise<void> {
  await cluster.serving();
  const same = (): boolean => {
    const revisions = cluster.nodes.map(({ member }) => `${member.status.revision} ${member.status.appliedIndex}`);
    return cluster.nodes.every((node) => node.member.isServing) && new Set(revisions).size === 1;
  };
  await cluster.until(same, "all have applied the same");
  const [first, ...rest] = cluster.nodes.map(contents);
  for (const each of rest) assert.deepEqual(each, first);
}

test("a follower whose entries the log no longer has gets a snapshot; whoever watches it misses nothing and sees nothing twice", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = follower(cluster, leader);
  await put(cluster, leader, "k0", "first");
  const seen: string[] = [];
  const collect = ({ events }: WatchResponse): void => {
    for (const { kv } of events) seen.push(`${text(kv?.key ?? bytes(""))}@${kv?.modRevision}`);
  };
  const stream = lagging.member.watches.openStream({
    send: (response) => {
      collect(response as WatchResponse);
      return true;
    },
  });
  stream.create(WatchCreateRequest.create({ key: bytes("k"), rangeEnd: bytes("l"), startRevision: 2 as never }));
  cluster.isolate(lagging);
  await putMany(cluster, leader, 40);
  const before = lagging.member.status.revision;
  cluster.heal();
  let lowest = Number.POSITIVE_INFINITY;
  await cluster.until(() => {
    lowest = Math.min(lowest, lagging.member.status.revision);
    return lagging.member.status.revision === leader.member.status.revision;
  }, "the follower has caught up");
  assert.equal(lowest, before, "nothing went back on the way");
  assert.equal(cluster.snapshotsTaken, 1);
  await agree(cluster);
  await cluster.settle();
  assert.deepEqual(
    seen.map((event) => Number(event.split("@")[1])),
    Array.from({ length: 41 }, (_, i) => i + 2),
  );
  await put(cluster, leader, "k0", "last");
  await agree(cluster);
  await cluster.settle();
  assert.equal(seen.at(-1), "k0@43");
  await cluster.stop();
});

test("a few long entries fill the log as many short ones do: it is cut, and no more is kept for who lags", async () => {
  const cluster = new MemberCluster(3, { member: { logBytes: 8_000 } });
  const leader = await cluster.serving();
  const lagging = follower(cluster, leader);
  for (const [count, snapshots] of [
    [4, 0],
    [30, 1],
  ] as const) {
    cluster.isolate(lagging);
    for (let i = 0; i < count; i++) {
      await put(cluster, leader, `k${i}`, "x".repeat(1_000));
      await cluster.advance(COMMIT_MS / 5);
    }
    await cluster.advance(COMMIT_MS);
    cluster.heal();
    await agree(cluster);
    assert.equal(cluster.snapshotsTaken, snapshots, `after ${count} entries`);
  }
  cluster.restart(leader);
  assert.ok(leader.log.entries.length < 20, `${leader.log.entries.length} entries are left on the disk`);
  await agree(cluster);
  await cluster.stop();
});

test("a snapshot that breaks on its way is sent again, until one arrives", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = follower(cluster, leader);
  cluster.isolate(lagging);
  await putMany(cluster, leader, 40);
  cluster.breaksStreams = true;
  cluster.heal();
  await cluster.advance(5000);
  assert.equal(cluster.snapshotsTaken, 0);
  assert.notEqual(lagging.member.status.revision, leader.member.status.revision);
  cluster.breaksStreams = false;
  await agree(cluster);
  assert.equal(cluster.snapshotsTaken, 1);
  await cluster.stop();
});

test("a snapshot that brings nothing new is not taken, and its sender is told how far this member is", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  await putMany(cluster, leader, 12);
  const other = follower(cluster, leader);
  await agree(cluster);
  const base = other.log.buffer.durableBase;
  assert.ok(base !== null);
  const before = cluster.sent.length;
  assert.equal(await other.handler?.snapshot(leader.id, encodeBase(base)), null);
  await cluster.settle();
  const answer = cluster.sent.slice(before).find(({ kind, from }) => kind === "append-response" && from === other.id);
  assert.ok(answer?.kind === "append-response" && answer.rejected === null);
  assert.equal(answer.index, other.member.status.commitIndex);
  await cluster.stop();
});

test("several followers that lag are sent one copy", async () => {
  const cluster = new MemberCluster(5, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = cluster.nodes.filter((node) => node !== leader).slice(0, 2);
  for (const node of lagging) cluster.isolate(node);
  await putMany(cluster, leader, 40);
  let copies = 0;
  const make = leader.log.makeSnapshot.bind(leader.log);
  leader.log.makeSnapshot = () => {
    copies++;
    return make();
  };
  cluster.heal();
  await agree(cluster);
  assert.equal(cluster.snapshotsTaken, 2);
  assert.equal(copies, 1);
  await cluster.stop();
});

test("a crash at any step of catching up by a snapshot loses nothing, and the follower catches up after it", async () => {
  for (let steps = 0; steps < 60; steps += 3) {
    const cluster = new MemberCluster(3, CUT_OFTEN);
    const leader = await cluster.serving();
    const lagging = follower(cluster, leader);
    cluster.isolate(lagging);
    await putMany(cluster, leader, 25);
    cluster.heal();
    await cluster.until(() => lagging.member.status.leader === leader.id, "the follower hears the leader");
    await cluster.steps(steps);
    cluster.restart(lagging);
    await agree(cluster);
    await cluster.stop();
  }
});

test("after a restart a member goes on from what its store holds, its log cut: nothing is lost, nothing applied twice", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  await putMany(cluster, leader, 33);
  const expected = contents(leader);
  const { revision } = leader.member.status;
  for (const node of cluster.nodes) cluster.restart(node);
  for (const node of cluster.nodes) {
    assert.ok((node.log.base?.index ?? 0) > 10, "its log begins behind the cut");
    assert.ok(node.log.entries.length < 30, `${node.log.entries.length} entries`);
  }
  const next = await cluster.serving();
  assert.deepEqual(contents(next), expected);
  assert.equal(next.member.status.revision, revision);
  await put(cluster, next, "k0", "more");
  assert.equal(next.member.status.revision, revision + 1);
  await agree(cluster);
  await cluster.stop();
});

test("entries that come while a snapshot takes the place of the state are applied, and published, after watchers heard of it", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = follower(cluster, leader);
  const seen: number[] = [];
  const stream = lagging.member.watches.openStream({
    send: (response) => {
      for (const { kv } of (response as WatchResponse).events) seen.push(kv?.modRevision as number);
      return true;
    },
  });
  stream.create(WatchCreateRequest.create({ key: bytes("k"), rangeEnd: bytes("l") }));
  cluster.isolate(lagging);
  await putMany(cluster, leader, 40);
  cluster.heal();
  const release = holdInstall(lagging);
  await cluster.until(() => !lagging.member.isServing, "the snapshot is about to be installed");
  for (const value of ["a", "b"]) await put(cluster, leader, "k0", value);
  const { commitIndex } = leader.member.status;
  await cluster.until(() => lagging.member.status.commitIndex === commitIndex, "the follower has the entries");
  await cluster.advance(COMMIT_MS);
  assert.ok(lagging.member.status.appliedIndex < commitIndex, "and has not applied them");
  release();
  await agree(cluster);
  await cluster.settle();
  assert.equal(lagging.failure, null);
  assert.deepEqual(
    seen,
    Array.from({ length: 42 }, (_, i) => i + 2),
  );
  await cluster.stop();
});

test("while a snapshot takes the place of the state, reads wait, and see the new one", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = follower(cluster, leader);
  cluster.isolate(lagging);
  await putMany(cluster, leader, 40);
  cluster.heal();
  const release = holdInstall(lagging);
  await cluster.until(() => !lagging.member.isServing, "the snapshot is about to be installed");
  let answer: object | null = null;
  void Promise.resolve(lagging.requests.range(RangeRequest.create({ key: bytes("k4"), serializable: true }))).then(
    (read) => {
      answer = typeof read === "function" ? read() : read;
    },
  );
  await cluster.advance(500);
  assert.equal(answer, null);
  release();
  await cluster.until(() => answer !== null, "the read is answered");
  assert.ok(answer !== null && "kvs" in answer);
  const [kv] = (answer as { kvs: readonly { value: Uint8Array }[] }).kvs;
  assert.equal(text(kv?.value ?? bytes("")), "39");
  await agree(cluster);
  await cluster.stop();
});
