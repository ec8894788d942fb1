/** Who watches or reads a stream on a running member: progress by the flag, and what a snapshot that becomes the state does to them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { Prng } from "../../src/base/prng.ts";
import { EtcdClient } from "../../src/client/client.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import type { RangeStream } from "../../src/etcd/apply/range-stream.ts";
import { ETCD_ERRORS, isEtcdError } from "../../src/etcd/errors.ts";
import {
  CompactionRequest,
  PutRequest,
  RangeRequest,
  WatchCreateRequest,
  type WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { eventually, freePorts, ServerProcess } from "../support/etcd-server.ts";
import { holdInstall, MemberCluster, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

/** Logs that are cut often. */
const CUT_OFTEN = { member: { snapshotCount: 10, catchUpEntries: 3 } };
/** Longer than a commit of the store is put off. */
const COMMIT_MS = 150;

/** Its revision. */
async function put(cluster: MemberCluster, node: TestNode, key: string, value: string): Promise<number> {
  const answer = await cluster.answerTo(node.requests.put(PutRequest.create({ key: bytes(key), value: bytes(value) })));
  assert.ok(typeof answer === "object" && "header" in answer, inspect(answer));
  return answer.header?.revision ?? 0;
}

function followerOf(cluster: MemberCluster, leader: TestNode): TestNode {
  const found = cluster.nodes.find((node) => node !== leader);
  assert.ok(found !== undefined);
  return found;
}

/** What a watch of all keys from "k" up to "l" was told, a word for each event, progress or end. */
class Audience {
  readonly told: string[] = [];

  constructor(node: TestNode, request: Partial<WatchCreateRequest>) {
    const stream = node.member.watches.openStream({
      send: (response) => {
        this.#hear(response as WatchResponse);
        return true;
      },
    });
    stream.create(WatchCreateRequest.create({ key: bytes("k"), rangeEnd: bytes("l"), ...request }));
  }

  #hear({ header, events, created, canceled, compactRevision }: WatchResponse): void {
    if (created) return;
    if (canceled) this.told.push(`compacted ${compactRevision}`);
    else if (events.length === 0) this.told.push(`progress ${header?.revision}`);
    for (const { kv } of events) this.told.push(`event ${kv?.modRevision}`);
  }
}

const eventsOf = (from: number, to: number): readonly string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `event ${from + i}`);

test("an idle watcher that asked for it is told its progress once in the member's interval, and not in one that had an event", async () => {
  const cluster = new MemberCluster(1, { member: { watchProgressMs: 1000 } });
  const leader = await cluster.serving();
  const other = new Audience(leader, {});
  const { told } = new Audience(leader, { progressNotify: true });
  const next = async (): Promise<number> => {
    const { length } = told;
    await cluster.until(() => told.length > length, "it is told something");
    return cluster.clock.nowMs;
  };
  const first = await next();
  assert.equal((await next()) - first, 1000);
  assert.deepEqual(told, ["progress 1", "progress 1"]);
  assert.equal(await put(cluster, leader, "k", "1"), 2);
  const third = await next();
  assert.equal(third - first, 3000, "the interval in which it was told an event passes");
  assert.deepEqual(told.slice(2), ["event 2", "progress 2"]);
  assert.deepEqual(other.told, ["event 2"], "who did not ask is told no progress");
  await cluster.stop();
});

test("etcd-ts tells idle watchers their progress as often as --watch-progress-notify-interval says", async (context) => {
  const [clientPort = 0] = await freePorts(context, 1);
  const server = new ServerProcess(context, { clientPort, flags: ["--watch-progress-notify-interval=100ms"] });
  server.start();
  await server.ready();
  const options = { network: nodeStreams, clock: nodeClock, prng: new Prng(1), timeoutMs: 20_000 };
  const client = new EtcdClient({ ...options, endpoints: [server.endpoint], pinned: true });
  context.after(() => client.close());
  const told: number[] = [];
  const handler = { events: () => {}, closed: () => {}, progress: (revision: number) => void told.push(revision) };
  client.watch.watch({ key: bytes("k"), progressNotify: true }, handler);
  // Without the flag it would be ten minutes to the first.
  await eventually(() => told.length >= 3, "it is told its progress again and again");
  assert.deepEqual(new Set(told), new Set([1]));
});

/** Cuts the follower off until the leader's log no longer has what it misses: `count` puts. */
async function leaveBehind(cluster: MemberCluster, leader: TestNode, lagging: TestNode, count: number): Promise<void> {
  cluster.isolate(lagging);
  for (let i = 0; i < count; i++) {
    await put(cluster, leader, `k${10 + (i % 40)}`, "new");
    await cluster.advance(COMMIT_MS / 5);
  }
  await cluster.advance(COMMIT_MS);
}

function same(cluster: MemberCluster, one: TestNode, other: TestNode): Promise<void> {
  return cluster.until(() => one.member.status.revision === other.member.status.revision, "it has caught up");
}

test("watchers of a follower that gets a snapshot are told what is left of what they lack, or that it is compacted; whoever comes meanwhile is served after it", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = followerOf(cluster, leader);
  for (const value of ["1", "2", "3"]) await put(cluster, leader, "k10", value);
  await same(cluster, lagging, leader);
  const live = new Audience(lagging, {});
  const later = new Audience(lagging, { startRevision: 30 });
  const elsewhere = new Audience(lagging, { key: bytes("z"), rangeEnd: bytes("") });
  await leaveBehind(cluster, leader, lagging, 40);
  assert.equal(leader.member.status.revision, 44);
  const compacted = await cluster.answerTo(leader.requests.compact(CompactionRequest.create({ revision: 20 })));
  assert.ok(!isEtcdError(compacted), inspect(compacted));
  await leaveBehind(cluster, leader, lagging, 10);
  const release = holdInstall(lagging);
  cluster.heal();
  await cluster.until(() => !lagging.member.isServing, "the snapshot is about to be installed");
  await cluster.settle();
  const fresh = new Audience(lagging, { startRevision: 25 });
  const old = new Audience(lagging, { startRevision: 3 });
  await cluster.settle();
  assert.deepEqual(
    [live, later, elsewhere, fresh, old].flatMap(({ told }) => told),
    [],
  );
  release();
  await same(cluster, lagging, leader);
  await put(cluster, leader, "k10", "last");
  await same(cluster, lagging, leader);
  await cluster.settle();
  assert.deepEqual(live.told, ["compacted 20"]);
  assert.deepEqual(elsewhere.told, ["compacted 20"], "it cannot know that it missed nothing");
  assert.deepEqual(later.told, eventsOf(30, 55));
  assert.deepEqual(fresh.told, eventsOf(25, 55));
  assert.deepEqual(old.told, ["compacted 20"]);
  assert.equal(lagging.failure, null);
  assert.equal(cluster.snapshotsTaken, 1);
  await cluster.stop();
});

/** Keys and values of what is left of the stream. */
function rest(stream: RangeStream): readonly string[] {
  const found: string[] = [];
  for (;;) {
    const chunk = stream.next();
    assert.ok(!(chunk instanceof Promise) && !isEtcdError(chunk), inspect(chunk));
    for (const { key, value } of chunk.response.kvs) found.push(`${text(key)}=${text(value)}`);
    if (chunk.isLast) return found;
  }
}

test("a streamed range is refused while a snapshot takes the place of the state, and goes on at its own revision after it", async () => {
  const cluster = new MemberCluster(3, CUT_OFTEN);
  const leader = await cluster.serving();
  const lagging = followerOf(cluster, leader);
  const keys = Array.from({ length: 40 }, (_, i) => `k${10 + i}`);
  for (const key of keys) await put(cluster, leader, key, "old");
  await same(cluster, lagging, leader);
  const request = RangeRequest.create({ key: bytes("k"), rangeEnd: bytes("l"), serializable: true });
  const open = async (): Promise<RangeStream> => {
    const stream = await cluster.answerTo(lagging.requests.rangeStream(request));
    assert.ok(!isEtcdError(stream), inspect(stream));
    return stream;
  };
  const refused = await open();
  const patient = await open();
  const begun = patient.next();
  assert.ok("response" in begun && !begun.isLast && begun.response.kvs.length < keys.length);
  await leaveBehind(cluster, leader, lagging, keys.length);
  const release = holdInstall(lagging);
  cluster.heal();
  await cluster.until(() => !lagging.member.isServing, "the snapshot is about to be installed");
  await cluster.settle();
  assert.equal(refused.next(), ETCD_ERRORS.timeout);
  release();
  await same(cluster, lagging, leader);
  assert.equal(cluster.snapshotsTaken, 1);
  const left = keys.slice(begun.response.kvs.length);
  assert.deepEqual(
    rest(patient),
    left.map((key) => `${key}=old`),
  );
  assert.deepEqual(
    rest(await open()),
    keys.map((key) => `${key}=new`),
  );
  assert.equal(lagging.failure, null);
  await cluster.stop();
});
