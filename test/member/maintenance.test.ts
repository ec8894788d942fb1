/** What a member does for its own keeping: compactions that wait for the disk, hashes, alarms, room for leases. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ETCD_ERRORS, isEtcdError } from "../../src/etcd/errors.ts";
import { Requests } from "../../src/etcd/requests.ts";
import { AlarmRequest, CompactionRequest, PutRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { HEARTBEAT_MS, MemberCluster, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a promise has come to, looked at without waiting. */
function watched<Answer>(promise: Promise<Answer> | Answer): { answer: Answer | undefined } {
  const seen: { answer: Answer | undefined } = { answer: undefined };
  void Promise.resolve(promise).then((answer) => {
    seen.answer = answer;
  });
  return seen;
}

async function answerOf<Answer>(cluster: MemberCluster, promise: Promise<Answer> | Answer): Promise<Answer> {
  const seen = watched(promise);
  await cluster.until(() => seen.answer !== undefined, "an answer");
  return seen.answer as Answer;
}

async function putAll(cluster: MemberCluster, requests: Requests, count: number): Promise<void> {
  for (let i = 0; i < count; i++)
    await answerOf(cluster, requests.put(PutRequest.create({ key: bytes("a"), value: bytes(`${i}`) })) as never);
}

const compaction = (revision: number): CompactionRequest => CompactionRequest.create({ revision, physical: true });

test("a physical compaction is answered when a crash would not bring back what it removes", async () => {
  const cluster = new MemberCluster(1);
  const { requests, log, member } = await cluster.serving();
  await putAll(cluster, requests, 10);
  const release = log.holdCommits();
  const compacted = watched(requests.compact(compaction(8)));
  // Whoever only repeats it waits for the same.
  const again = watched(requests.compact(compaction(8)));
  await cluster.settle();
  assert.equal(member.status.compactedRevision, 8, "it has taken effect");
  assert.deepEqual([compacted.answer, again.answer], [undefined, undefined]);
  release();
  await cluster.settle();
  assert.ok(compacted.answer !== undefined && !isEtcdError(compacted.answer));
  assert.equal(again.answer, ETCD_ERRORS.compacted);
  const left = log.kept().state.keys;
  assert.equal([...left.keys()].filter((key) => key.startsWith("key/")).length, 4, "revisions 8 to 11");
  assert.equal((await answerOf(cluster, requests.compact(compaction(99)))) as unknown, ETCD_ERRORS.futureRevision);
  await cluster.stop();
});

test("a physical compaction that waits ends when the member leaves, and when its disk has failed", async () => {
  for (const end of ["leave", "stop"] as const) {
    const cluster = new MemberCluster(1);
    const { requests, log, member } = await cluster.serving();
    await putAll(cluster, requests, 3);
    const release = log.holdCommits();
    const compacted = watched(requests.compact(compaction(3)));
    await cluster.settle();
    assert.equal(compacted.answer, undefined);
    void member[end]();
    await cluster.settle();
    assert.equal(compacted.answer, ETCD_ERRORS.stopped);
    release();
    await cluster.stop();
  }
});

test("members that have applied the same have the same hash, until one of them has more", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  await putAll(cluster, leader.requests, 20);
  await answerOf(cluster, leader.requests.compact(compaction(15)));
  await cluster.advance(10 * HEARTBEAT_MS);
  const hashOf = async ({ requests }: TestNode): Promise<number> => {
    const answer = await answerOf(cluster, requests.hash());
    assert.ok(!isEtcdError(answer) && answer.header?.revision !== undefined);
    return answer.hash;
  };
  const hashes = async (): Promise<number[]> => {
    const found: number[] = [];
    for (const node of cluster.nodes) found.push(await hashOf(node));
    return found;
  };
  const before = new Set(await hashes());
  assert.equal(before.size, 1);
  cluster.isolate(cluster.nodes.find((node) => node !== leader) as TestNode);
  await putAll(cluster, leader.requests, 1);
  assert.equal(new Set(await hashes()).size, 2);
  await cluster.stop();
});

test("alarms are there again after a restart, and heeded", async () => {
  const cluster = new MemberCluster(1);
  const node = await cluster.serving();
  const raise = (alarm: number): AlarmRequest =>
    AlarmRequest.create({ action: 1, memberId: 7n, alarm } as AlarmRequest);
  for (const alarm of [1, 2]) await answerOf(cluster, node.requests.alarm(raise(alarm)));
  // One that is in the store and not in the log any more, and one that is only in the log.
  await cluster.advance(1000);
  await answerOf(cluster, node.requests.alarm(AlarmRequest.create({ action: 2, memberId: 7n, alarm: 2 })));
  cluster.restart(node);
  await cluster.serving();
  assert.deepEqual(node.member.status.alarms, [{ memberId: 7n, alarm: 1 }]);
  const put = PutRequest.create({ key: bytes("a"), value: bytes("1") });
  assert.equal((await answerOf(cluster, node.requests.put(put) as Promise<unknown>)) as unknown, ETCD_ERRORS.noSpace);
  await cluster.stop();
});

test("a lease needs room for 64 bytes, as etcd estimates it; without it the alarm is raised", async () => {
  const cluster = new MemberCluster(1);
  const { member } = await cluster.serving();
  const size = member.store.sizeBytes;
  assert.equal(new Requests(member, size + 65).leaseRefusal(), null);
  const refusal = new Requests(member, size + 64).leaseRefusal();
  assert.ok(refusal !== null);
  assert.equal(await answerOf(cluster, refusal), ETCD_ERRORS.noSpace);
  assert.deepEqual(
    member.alarms.raised.map(({ alarm }) => alarm),
    [1],
  );
  await cluster.stop();
});
