import assert from "node:assert/strict";
import { test } from "node:test";
import { ETCD_ERRORS, isEtcdError } from "../../src/etcd/errors.ts";
import type { Answer } from "../../src/etcd/member.ts";
import type { Requests, Soon } from "../../src/etcd/requests.ts";
import {
  AlarmRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RangeResponse,
  TxnRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { MemberCluster, REQUEST_TIMEOUT_MS, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function put(requests: Requests, key: string, value: string): Settled<object> {
  return settled(requests.put(PutRequest.create({ key: bytes(key), value: bytes(value) })));
}

function get(requests: Requests, key: string, serializable = false): Settled<RangeResponse> {
  return settled(requests.range(RangeRequest.create({ key: bytes(key), serializable })));
}

/** An answer one can look at without waiting for it. */
interface Settled<Response> {
  answer: Response | { code: number; message: string } | undefined;
}

function settled<Response>(soon: Soon<Response>): Settled<Response> {
  const holder: Settled<Response> = { answer: undefined };
  void Promise.resolve(soon).then((answer) => {
    holder.answer = typeof answer === "function" ? (answer as () => Answer<Response>)() : answer;
  });
  return holder;
}

async function value<Response extends object>(cluster: MemberCluster, pending: Settled<Response>): Promise<Response> {
  await cluster.until(() => pending.answer !== undefined, "an answer");
  const { answer } = pending;
  assert.ok(answer !== undefined);
  if (isEtcdError(answer)) assert.fail(answer.message);
  return answer as Response;
}

function text(response: RangeResponse): string | null {
  const kv = response.kvs[0];
  return kv === undefined ? null : new TextDecoder().decode(kv.value);
}

function others(cluster: MemberCluster, node: TestNode): TestNode[] {
  return cluster.nodes.filter((other) => other !== node);
}

test("a single member answers what was written, with the revision it was written at", async () => {
  const cluster = new MemberCluster(1);
  const { requests } = await cluster.serving();
  await value(cluster, put(requests, "a", "1"));
  const response = await value(cluster, get(requests, "a"));
  assert.equal(text(response), "1");
  assert.equal(response.header?.revision, 2);
  assert.equal(response.header?.memberId, 1n);
  assert.equal(response.header?.clusterId, 0xc1n);
  await cluster.stop();
});

test("every member takes writes and linearizable reads, and each sees what was acknowledged anywhere", async () => {
  const cluster = new MemberCluster(3);
  await cluster.serving();
  for (const [i, writer] of cluster.nodes.entries()) {
    await value(cluster, put(writer.requests, "k", String(i)));
    for (const reader of cluster.nodes)
      assert.equal(
        text(await value(cluster, get(reader.requests, "k"))),
        String(i),
        `written at ${i}, read at ${reader.id}`,
      );
  }
  assert.deepEqual(
    cluster
      .node(2)
      .member.members.list()
      .map((member) => [member.name, member.clientUrls]),
    [1, 2, 3].map((i) => [`n${i}`, [`http://n${i}:2379`]]),
  );
  await cluster.stop();
});

test("a write is acknowledged only after it was synced on a quorum", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  for (const node of cluster.nodes) node.log.held = true;
  const pending = put(leader.requests, "a", "1");
  await cluster.advance(500);
  assert.equal(pending.answer, undefined, "no sync, no answer");
  leader.log.release();
  await cluster.advance(300);
  assert.equal(pending.answer, undefined, "the leader's own disk is no quorum");
  others(cluster, leader)[0]?.log.release();
  await value(cluster, pending);
  await cluster.stop();
});

test("reads are served while a sync is under way", async () => {
  const cluster = new MemberCluster(1);
  const { requests, log } = await cluster.serving();
  await value(cluster, put(requests, "a", "1"));
  log.held = true;
  const write = put(requests, "a", "2");
  assert.equal(text(await value(cluster, get(requests, "a"))), "1");
  assert.equal(write.answer, undefined);
  await cluster.stop();
});

test("a leader cut off from its peers answers serializable reads and no linearizable ones", async () => {
  const cluster = new MemberCluster(3);
  const old = await cluster.serving();
  await value(cluster, put(old.requests, "a", "old"));
  cluster.isolate(old);
  const read = get(old.requests, "a");
  const write = put(old.requests, "a", "lost");
  const rest = others(cluster, old);
  await cluster.until(() => cluster.leader(rest) !== null, "the others elect a leader");
  const next = cluster.leader(rest) as TestNode;
  await value(cluster, put(next.requests, "a", "new"));
  assert.equal(text(await value(cluster, get(next.requests, "a"))), "new");
  const stale = old.requests.range(RangeRequest.create({ key: bytes("a"), serializable: true }));
  assert.ok(!(stale instanceof Promise), "a serializable read is answered at once");
  assert.ok(!isEtcdError(stale));
  assert.equal(text(stale), "old");
  assert.equal(read.answer, undefined);
  await cluster.advance(REQUEST_TIMEOUT_MS);
  assert.deepEqual(read.answer, ETCD_ERRORS.timeout);
  assert.deepEqual(
    write.answer,
    ETCD_ERRORS.timeoutLeaderFailed,
    "the write's outcome is unknown, and the text says why",
  );
  cluster.heal();
  const healed = get(old.requests, "a");
  assert.equal(text(await value(cluster, healed)), "new");
  await cluster.stop();
});

test("reads asked for during an election are answered after it", async () => {
  const cluster = new MemberCluster(3);
  const old = await cluster.serving();
  const rest = others(cluster, old);
  cluster.isolate(old);
  const reads = rest.map((node) => get(node.requests, "missing"));
  for (const read of reads) assert.equal(text(await value(cluster, read)), null);
  await cluster.stop();
});

test("without a leader a write waits, and is certainly not done when its time is up", async () => {
  const cluster = new MemberCluster(3);
  const old = await cluster.serving();
  cluster.isolate(old);
  await cluster.until(() => old.member.status.leader === 0n, "the cut leader steps down");
  const write = put(old.requests, "a", "never");
  await cluster.advance(REQUEST_TIMEOUT_MS + 200);
  assert.deepEqual(write.answer, ETCD_ERRORS.noLeader);
  const waiting = put(old.requests, "a", "late");
  await cluster.advance(500);
  cluster.heal();
  await value(cluster, waiting);
  await cluster.stop();
});

test("a failed log ends the member: no write is acknowledged, nothing is served", async () => {
  const cluster = new MemberCluster(1);
  const node = await cluster.serving();
  node.log.held = true;
  const write = put(node.requests, "a", "1");
  await cluster.advance(50);
  node.log.error = new Error("EIO");
  node.log.release();
  await cluster.settle();
  assert.equal(node.failure?.message, "EIO");
  assert.deepEqual(write.answer, ETCD_ERRORS.stopped);
  const after = get(node.requests, "a", true);
  await cluster.settle();
  assert.deepEqual(after.answer, ETCD_ERRORS.stopped);
});

test("after a crash everything acknowledged is there, and nothing is served before it is", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  for (let i = 0; i < 20; i++) await value(cluster, put(leader.requests, `k${i}`, String(i)));
  for (const node of cluster.nodes) cluster.restart(node);
  for (const node of cluster.nodes) cluster.isolate(node);
  const early = get(cluster.node(0).requests, "k0", true);
  await cluster.advance(3000);
  assert.equal(early.answer, undefined, "alone it cannot know how old its state is");
  await cluster.advance(REQUEST_TIMEOUT_MS);
  assert.deepEqual(early.answer, ETCD_ERRORS.noLeader);
  cluster.heal();
  await cluster.serving();
  for (let i = 0; i < 20; i++)
    assert.equal(text(await value(cluster, get(cluster.node(i % 3).requests, `k${i}`, true))), String(i));
  await cluster.stop();
});

test("however many linearizable reads wait, they share a round", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const before = cluster.sent.length;
  const reads = Array.from({ length: 1000 }, () => get(leader.requests, "a"));
  await cluster.settle();
  assert.ok(reads.every((read) => read.answer !== undefined));
  const sent = cluster.sent.slice(before).length;
  assert.ok(sent <= 16, `1000 reads took ${sent} messages`);
  await cluster.stop();
});

test("a linearizable read is run by whoever asked, when there is room for the answer, and never sees less than it must", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  await value(cluster, put(leader.requests, "a", "1"));
  const ready: (() => Answer<RangeResponse>)[] = [];
  void Promise.resolve(leader.requests.range(RangeRequest.create({ key: bytes("a") }))).then((read) => {
    assert.ok(typeof read === "function");
    ready.push(read);
  });
  await cluster.until(() => ready.length === 1, "the read may be run");
  await value(cluster, put(leader.requests, "a", "2"));
  const answer = ready[0]?.() as RangeResponse;
  assert.equal(text(answer), "2");
  await cluster.stop();
});

test("a read-only transaction never enters the log", async () => {
  const cluster = new MemberCluster(1);
  const { requests, member } = await cluster.serving();
  const range = RangeRequest.create({ key: bytes("a") });
  const before = member.status.appliedIndex;
  const txn = TxnRequest.create({ success: [{ request: { kind: "requestRange", value: range } }] });
  await value(cluster, settled(requests.txn(txn)));
  assert.equal(member.status.appliedIndex, before);
  await cluster.stop();
});

test("what is too large is refused at the door", async () => {
  const cluster = new MemberCluster(1);
  const { requests } = await cluster.serving();
  const large = put(requests, "a", "x".repeat(1.5 * 1024 ** 2));
  await cluster.settle();
  assert.deepEqual(large.answer, ETCD_ERRORS.requestTooLarge);
  await cluster.stop();
});

test("who is over quota tells the cluster: then nothing that takes space is written anywhere until the alarm is disarmed", async () => {
  const cluster = new MemberCluster(3, { quotaBytes: 5_000 });
  const leader = await cluster.serving();
  const { requests } = leader;
  const other = others(cluster, leader)[0] as TestNode;
  await value(cluster, put(requests, "a", "x".repeat(3000)));
  await cluster.advance(200);
  const full = put(requests, "b", "y".repeat(4000));
  await cluster.until(() => full.answer !== undefined, "the put is refused");
  assert.deepEqual(full.answer, ETCD_ERRORS.noSpace);
  const memberId = leader.id;
  const alarms = [{ memberId, alarm: 1 }];
  await cluster.until(() => other.member.alarms.raised.length === 1, "the alarm is everywhere");
  assert.deepEqual(other.member.status.alarms, alarms);
  const small = put(other.requests, "b", "y");
  await cluster.until(() => small.answer !== undefined, "the put is refused");
  assert.deepEqual(small.answer, ETCD_ERRORS.noSpace);
  assert.equal(text(await value(cluster, get(requests, "a")))?.length, 3000, "reads go on");
  const deletion = DeleteRangeRequest.create({ key: bytes("zz") });
  await value(cluster, settled(requests.deleteRange(deletion)));
  const disarm = AlarmRequest.create({ action: 2, memberId, alarm: 1 });
  assert.deepEqual((await value(cluster, settled(requests.alarm(disarm)))).alarms, alarms);
  await value(cluster, put(other.requests, "b", "y"));
  await cluster.stop();
});

test("while the store's disk does not keep up applying waits, and what is too far ahead of it is refused", async () => {
  const cluster = new MemberCluster(1);
  const { requests, member, log } = await cluster.serving();
  const release = log.holdCommits();
  const puts = Array.from({ length: 6000 }, (_, i) => put(requests, `k${i}`, "v"));
  await cluster.settle();
  const { appliedIndex, commitIndex } = member.status;
  assert.ok(appliedIndex < 500 && commitIndex > 6000, `${appliedIndex} of ${commitIndex} applied`);
  const late = put(requests, "late", "v");
  await cluster.settle();
  assert.deepEqual(late.answer, ETCD_ERRORS.tooManyRequests);
  assert.equal(text(await value(cluster, get(requests, "k0", true))), "v", "what is applied can be read");
  const read = get(requests, "k5999");
  await cluster.settle();
  assert.equal(read.answer, undefined, "what is not yet applied has to be waited for");
  release();
  for (const each of puts) await value(cluster, each);
  assert.equal(text(await value(cluster, read)), "v");
  await cluster.stop();
});

test("stopping answers everything that waits", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  for (const node of others(cluster, leader)) cluster.isolate(node);
  const waiting = [put(leader.requests, "a", "1"), get(leader.requests, "a")];
  await cluster.advance(50);
  await cluster.stop();
  for (const { answer } of waiting) assert.deepEqual(answer, ETCD_ERRORS.stopped);
  assert.ok(leader.log.closed);
});
