/**
 * Bugs that etcd had in its store and its watches, by their number in its list of issues: each test asks for what the server that
 * had the bug got wrong.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import { Applier } from "../../src/etcd/apply/applier.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { Alarms } from "../../src/etcd/cluster/alarms.ts";
import { Leases } from "../../src/etcd/lease/leases.ts";
import { keyName, keyRange } from "../../src/etcd/mvcc/key.ts";
import { MvccStore } from "../../src/etcd/mvcc/store.ts";
import type { HistoryView } from "../../src/etcd/watch/history.ts";
import { WatchHub, type WatchLimits } from "../../src/etcd/watch/hub.ts";
import {
  CompactionRequest,
  InternalRaftRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
  WatchCreateRequest,
  WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { EventType } from "../../src/proto/gen/mvccpb.ts";
import { Past } from "./past.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const makeHeader = (revision: Revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 });
const watchOf = (key: string, startRevision: number): WatchCreateRequest =>
  WatchCreateRequest.create({ key: bytes(key), rangeEnd: bytes("\0"), startRevision });

/** "put a @3", "delete a @4", "compacted 5", "progress 6", "created". */
function told({ events, canceled, compactRevision, created, watchId, header }: WatchResponse): string[] {
  if (canceled) return [`compacted ${compactRevision}`];
  if (created) return ["created"];
  if (watchId === -1n) return [`progress ${header?.revision}`];
  return events.map(({ type, kv }) => {
    const what = type === EventType.DELETE ? "delete" : "put";
    return `${what} ${keyName(kv?.key ?? bytes(""))} @${kv?.modRevision}`;
  });
}

function open(view: HistoryView, limits: Partial<WatchLimits> = {}) {
  const hub = new WatchHub({ view, makeHeader, onWork: () => undefined, limits });
  const received: WatchResponse[] = [];
  let room = Number.POSITIVE_INFINITY;
  const stream = hub.openStream({
    send(response) {
      received.push(WatchResponse.decode(Buffer.concat([response.own, response.shared])));
      return --room > 0;
    },
  });
  return {
    hub,
    stream,
    /** All that was sent since the last call, after the hub has done what it could. */
    heard(): string[] {
      while (hub.work()) {}
      return received.splice(0).flatMap(told);
    },
    responses: received,
    makeRoom(size: number): void {
      room = size;
      stream.drained();
    },
  };
}

const noPause = { pause: async () => undefined };

/** A store of its own buckets; a crash leaves those, and a new store begins from them. */
class Disk {
  readonly buckets = new MemoryBuckets();
  store = new MvccStore(this.buckets);

  put(key: string): void {
    this.store.put(bytes(key), bytes("value"), 0n);
    this.store.commit();
  }

  delete(key: string): void {
    this.store.deleteRange(keyRange(bytes(key), bytes("")));
    this.store.commit();
  }

  compact(revision: number): void {
    assert.equal(this.store.compact(revision), null);
  }

  async restart(): Promise<void> {
    this.store = new MvccStore(this.buckets);
    await this.store.load(this.buckets, noPause);
  }
}

test("18089: a watch from the compacted revision is sent the delete that was made at it", () => {
  const disk = new Disk();
  disk.put("a");
  disk.delete("a");
  disk.put("b");
  disk.compact(3);
  for (const isRemoved of [false, true]) {
    while (isRemoved && disk.store.compactStep()) {}
    const { stream, heard } = open(disk.store);
    stream.create(watchOf("a", 3));
    assert.deepEqual(heard(), ["created", "delete a @3", "put b @4"], isRemoved ? "removed" : "not removed yet");
    stream.create(watchOf("a", 2));
    assert.deepEqual(heard(), ["created", "compacted 3"]);
  }
});

test("19179: so it is after a crash in the middle of the removal, whenever it came", async () => {
  const keys = Array.from({ length: 700 }, (_, i) => `key ${String(i).padStart(3, "0")}`);
  for (let crashAfter = 0; ; crashAfter++) {
    const disk = new Disk();
    for (const key of keys) disk.put(key);
    for (const key of keys) disk.delete(key);
    disk.put("z");
    const { revision } = disk.store;
    const at = revision - 1;
    disk.compact(at);
    let more = true;
    for (let i = 0; i < crashAfter && more; i++) more = disk.store.compactStep();
    await disk.restart();
    assert.equal(disk.store.compactedRevision, at);
    for (const isRemoved of [false, true]) {
      while (isRemoved && disk.store.compactStep()) {}
      const { stream, heard } = open(disk.store);
      stream.create(watchOf("k", at));
      assert.deepEqual(heard(), ["created", `delete ${keys.at(-1)} @${at}`, `put z @${revision}`]);
    }
    if (!more) break;
  }
});

test("17780: a crash in the middle of a compaction takes no revision back", async () => {
  for (let crashAfter = 0; ; crashAfter++) {
    const disk = new Disk();
    for (let i = 0; i < 600; i++) disk.put(`key ${i}`);
    for (let i = 0; i < 600; i++) disk.delete(`key ${i}`);
    const { revision } = disk.store;
    disk.compact(revision);
    let more = true;
    for (let i = 0; i < crashAfter && more; i++) more = disk.store.compactStep();
    await disk.restart();
    assert.equal(disk.store.revision, revision);
    while (disk.store.compactStep()) {}
    await disk.restart();
    assert.equal(disk.store.revision, revision, "and once all is removed");
    disk.put("next");
    assert.equal(disk.store.revision, revision + 1);
    if (!more) break;
  }
});

test("15220: progress asked for while a watch reads history is never ahead of its events", () => {
  const disk = new Disk();
  for (let i = 0; i < 2000; i++) disk.put("a");
  const { hub, stream, responses } = open(disk.store, { span: { changes: 100, bytes: 1024 * 1024 } });
  stream.create(watchOf("a", 2));
  stream.progress();
  while (hub.work()) stream.progress();
  stream.progress();
  const all = responses.flatMap(told);
  assert.equal(all.length, 2002);
  assert.deepEqual([all[0], all[1], all[2000], all[2001]], ["created", "put a @2", "put a @2001", "progress 2001"]);
});

test("17529: a watch on a slow stream that compaction overtakes is cancelled, and skips no revision before", () => {
  const disk = new Disk();
  const { hub, stream, responses, makeRoom } = open(disk.store, { sliceDeliveries: 7 });
  const watches = 35;
  for (let i = 0; i < watches; i++) stream.create(watchOf("a", 0));
  makeRoom(3);
  for (let i = 0; i < 200; i++) {
    disk.store.put(bytes("a"), bytes("value"), 0n);
    hub.publish(disk.store.commit(), disk.store.revision);
    hub.flush();
    hub.work();
    if (i % 4 === 3) makeRoom(3);
    if (i % 10 === 9) disk.compact(disk.store.revision - 5);
    while (disk.store.compactStep()) {}
  }
  makeRoom(Number.POSITIVE_INFINITY);
  while (hub.work()) {}
  let cancelled = 0;
  for (let id = 0n; id < watches; id++) {
    const own = responses.filter(({ watchId }) => watchId === id).slice(1);
    const isCancelled = own.at(-1)?.canceled === true;
    if (isCancelled) cancelled++;
    const revisions = own.flatMap(({ events }) => events.map(({ kv }) => kv?.modRevision ?? 0));
    const due = Array.from({ length: isCancelled ? revisions.length : 200 }, (_, i) => i + 2);
    assert.deepEqual(revisions, due, `watch ${id}`);
  }
  assert.ok(cancelled > 0 && cancelled === watches - hub.watcherCount, `${cancelled} cancelled`);
});

test("20221: a watch of a future revision is sent nothing older when a snapshot brings that revision", () => {
  const past = new Past();
  const follower = open(past);
  follower.stream.create(watchOf("a", 8));
  const write = (): void => {
    past.put("a");
    past.commit();
  };
  // While this member was away the others wrote, compacted, and sent it a snapshot.
  for (let i = 0; i < 9; i++) write();
  past.compact(1);
  follower.hub.suspend();
  past.follow();
  follower.hub.restored();
  assert.deepEqual(follower.heard(), ["created", "compacted 9"], "what it wants is compacted");
  follower.stream.create(watchOf("a", 12));
  for (let i = 0; i < 3; i++) write();
  follower.hub.suspend();
  past.follow();
  follower.hub.restored();
  assert.deepEqual(follower.heard(), ["created", "put a @12", "put a @13"]);
});

test("15271: after a snapshot no watch goes back in time, that of idle keys included", () => {
  const past = new Past();
  const follower = open(past);
  const publish = (key: string): void => {
    past.put(key);
    const events = past.commit();
    past.follow();
    follower.hub.publish(events, past.revision);
    follower.hub.flush();
  };
  publish("b");
  follower.stream.create(WatchCreateRequest.create({ key: bytes("b"), startRevision: 2 }));
  follower.stream.create(WatchCreateRequest.create({ key: bytes("a") }));
  assert.deepEqual(follower.heard(), ["created", "created", "put b @2"]);
  for (let i = 0; i < 5; i++) publish("a");
  assert.equal(follower.heard().length, 5);
  past.put("a");
  past.commit();
  past.put("b");
  past.commit();
  follower.hub.suspend();
  past.follow();
  follower.hub.restored();
  assert.deepEqual(follower.heard().sort(), ["put a @8", "put b @9"]);
});

test("18667: a transaction that reads a compacted revision is refused alike, and changes nothing, on every member", () => {
  const members = [false, true].map((removesAtOnce) => {
    const store = new MvccStore(new MemoryBuckets());
    const cluster = { setAttributes() {} };
    const applier = new Applier({ store, leases: new Leases(null), alarms: new Alarms(null), cluster, makeHeader });
    return { store, applier, removesAtOnce };
  });
  const put = PutRequest.create({ key: bytes("a"), value: bytes("1") });
  const old = RangeRequest.create({ key: bytes("a"), revision: 3 });
  const txn = TxnRequest.create({
    success: [{ request: { kind: "requestPut", value: put } }, { request: { kind: "requestRange", value: old } }],
  });
  const outcomes = members.map(({ store, applier, removesAtOnce }) => {
    for (let i = 0; i < 20; i++) applier.apply(InternalRaftRequest.create({ put }));
    applier.apply(InternalRaftRequest.create({ compaction: CompactionRequest.create({ revision: 18 }) }));
    while (removesAtOnce && store.compactStep()) {}
    const { outcome, events } = applier.apply(InternalRaftRequest.create({ txn }));
    assert.deepEqual(events, []);
    assert.equal(outcome.kind, "refused");
    return { outcome, revision: store.revision, version: store.get(bytes("a"), store.revision)?.version };
  });
  assert.deepEqual(outcomes[0], outcomes[1]);
  assert.deepEqual([outcomes[0]?.revision, outcomes[0]?.version], [21, 20]);
});

test("22376: a key deleted and put again by one transaction outlives a compaction at just that revision", async () => {
  const disk = new Disk();
  disk.put("a");
  disk.put("b");
  const { store } = disk;
  store.deleteRange(keyRange(bytes("a"), bytes("\0")));
  store.put(bytes("a"), bytes("again"), 0n);
  store.commit();
  disk.compact(4);
  const values = (): string[] => {
    const { kvs } = disk.store.range(keyRange(bytes("a"), bytes("\0")), { at: disk.store.revision, limit: 0 });
    return kvs.map((kv) => `${keyName(kv.key)}=${keyName(kv.value)}@${kv.modRevision}`);
  };
  assert.deepEqual(values(), ["a=again@4"], "not removed yet");
  while (disk.store.compactStep()) {}
  assert.deepEqual(values(), ["a=again@4"]);
  await disk.restart();
  assert.deepEqual(values(), ["a=again@4"], "after a restart");
});
