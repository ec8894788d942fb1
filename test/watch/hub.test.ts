/** Every watcher gets exactly its events, in order, whole revisions at a time, whatever its stream can take. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { keyName } from "../../src/etcd/mvcc/key.ts";
import { MvccStore, type StoreView } from "../../src/etcd/mvcc/store.ts";
import { WatchHub, type WatchHubOptions } from "../../src/etcd/watch/hub.ts";
import type { WatchStream } from "../../src/etcd/watch/stream.ts";
import { WatchCreateRequest, WatchResponse } from "../../src/proto/gen/etcdserverpb.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const header = (revision: Revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 });

/** A store, its hub and streams whose sinks can be full. */
class World {
  readonly store = new MvccStore(new MemoryBuckets());
  wakeUps = 0;
  readonly hub: WatchHub;
  readonly streams: { stream: WatchStream; received: WatchResponse[]; room: number }[] = [];

  constructor(options: Partial<WatchHubOptions> = {}) {
    this.hub = new WatchHub({
      view: this.store,
      makeHeader: header,
      onWork: () => this.wakeUps++,
      ...options,
    });
  }

  openStream(room = Number.POSITIVE_INFINITY): WatchStream {
    const received: WatchResponse[] = [];
    const state = { received, room, stream: null as unknown as WatchStream };
    state.stream = this.hub.openStream({
      send: (response) => {
        assert.ok(state.room > 0 || response.events.length === 0, "no events for a full stream");
        // What a client would see.
        received.push(WatchResponse.decode(Buffer.concat([response.own, response.shared])));
        state.room--;
        return state.room > 0;
      },
    });
    this.streams.push(state);
    return state.stream;
  }

  put(...keys: readonly string[]): void {
    for (const key of keys) this.store.put(bytes(key), bytes(`value at ${this.store.revision}`), 0n);
    this.commit();
  }

  delete(from: string, to: string | null): void {
    this.store.deleteRange({ from, to });
    this.commit();
  }

  commit(): void {
    this.publish();
    this.hub.flush();
  }

  publish(): void {
    const events = this.store.commit();
    if (events.length > 0) this.hub.publish(events, this.store.revision);
  }

  settle(): void {
    for (const state of this.streams) {
      state.room = Number.POSITIVE_INFINITY;
      state.stream.drained();
    }
    while (this.hub.work()) {}
  }

  received(index = 0): readonly WatchResponse[] {
    return this.streams[index]?.received ?? [];
  }
}

const create = (fields: Partial<WatchCreateRequest>): WatchCreateRequest => WatchCreateRequest.create(fields);

const keysOf = ({ events }: WatchResponse): string[] => events.map(({ kv }) => keyName(kv?.key ?? bytes("")));

test("a live response carries one revision and says so in its header; replay says the current one", () => {
  const world = new World();
  world.put("a", "b");
  world.put("a");
  const stream = world.openStream();
  stream.create(create({ key: bytes("a"), rangeEnd: bytes("\0"), startRevision: 1 }));
  assert.equal(world.wakeUps, 1);
  assert.equal(world.hub.work(), false);
  world.put("b", "c");
  const [created, replay, live] = world.received();
  assert.equal(created?.created, true);
  assert.deepEqual([replay?.header?.revision, replay?.events.length], [3, 3]);
  assert.deepEqual([live?.header?.revision, live && keysOf(live)], [4, ["b", "c"]]);
});

test("revisions published one after another travel in one response, as long as they are not too large together", () => {
  const world = new World({ limits: { gatheredBytes: 40 } });
  const stream = world.openStream();
  const all = { key: bytes("a"), rangeEnd: bytes("\0") };
  stream.create(create(all));
  stream.create(create({ ...all, startRevision: 4 }));
  for (const key of ["a", "b", "c", "d"]) {
    world.store.put(bytes(key), bytes(""), 0n);
    world.publish();
  }
  assert.equal(world.received().length, 2, "nothing leaves before the flush");
  world.hub.flush();
  world.store.put(bytes("e"), bytes("x".repeat(50)), 0n);
  world.publish();
  world.store.put(bytes("f"), bytes("x"), 0n);
  world.publish();
  // Small itself, but what was there before is kept until it is sent, too.
  world.store.put(bytes("e"), bytes("x"), 0n);
  world.publish();
  world.hub.flush();
  world.hub.flush();
  const sent = (id: bigint) => world.received().flatMap((each) => (each.watchId === id ? [keysOf(each).join("")] : []));
  assert.deepEqual(sent(0n), ["", "abcd", "e", "f", "e"]);
  assert.deepEqual(sent(1n), ["", "cd", "e", "f", "e"]);
  assert.deepEqual(
    world.received().flatMap(({ watchId, header }) => (watchId === 0n ? [header?.revision] : [])),
    [1, 5, 6, 7, 8],
  );
});

test("whatever a stream asks, what was published before is sent before", () => {
  const world = new World();
  const stream = world.openStream();
  const other = world.openStream();
  const key = bytes("a");
  stream.create(create({ key }));
  const publish = (): void => {
    world.store.put(key, bytes(""), 0n);
    world.publish();
  };
  publish();
  other.create(create({ key }));
  publish();
  stream.progress();
  publish();
  stream.cancel(0n);
  publish();
  world.hub.notifyProgress();
  const told = (index: number) =>
    world.received(index).map(({ created, canceled, events, header }) => {
      const what = created
        ? "created"
        : canceled
          ? "canceled"
          : events.map(({ kv }) => kv?.modRevision).join() || "progress";
      return `${what} at ${header?.revision}`;
    });
  assert.deepEqual(told(0), ["created at 1", "2 at 2", "3 at 3", "progress at 3", "4 at 4", "canceled at 4"]);
  assert.deepEqual(told(1), ["created at 2", "3 at 3", "4 at 4", "5 at 5"]);
});

test("ids count up from 0 past those in use; a used id, an empty range and a negative start are refused with etcd's texts", () => {
  const world = new World();
  const stream = world.openStream();
  const key = bytes("a");
  stream.create(create({ key, watchId: 1n }));
  for (let i = 0; i < 2; i++) stream.create(create({ key }));
  stream.cancel(0n);
  stream.create(create({ key }));
  assert.deepEqual(
    world.received().map(({ watchId }) => watchId),
    [1n, 0n, 2n, 0n, 3n],
  );
  stream.create(create({ key, watchId: 1n }));
  stream.create(create({ key: bytes("b"), rangeEnd: bytes("b") }));
  stream.create(create({ key, startRevision: -1 }));
  const refusals = world.received().slice(5);
  assert.ok(refusals.every(({ created, canceled, watchId }) => created && canceled && watchId === -1n));
  assert.deepEqual(
    refusals.map(({ cancelReason }) => cancelReason),
    [
      "mvcc: duplicate watch ID provided on the WatchStream",
      "mvcc: watcher range is empty",
      "etcdserver: mvcc: required revision has been compacted",
    ],
  );
});

test("an unknown id is cancelled in silence, a known one with an answer, and its events stop", () => {
  const world = new World();
  const stream = world.openStream();
  stream.create(create({ key: bytes("a") }));
  stream.cancel(7n);
  stream.cancel(0n);
  world.put("a");
  assert.deepEqual(
    world.received().map(({ created, canceled }) => [created, canceled]),
    [
      [true, false],
      [false, true],
    ],
  );
  assert.equal(world.hub.watcherCount, 0);
});

test("a watch from the future begins at its revision", () => {
  const world = new World();
  world.openStream().create(create({ key: bytes("a"), startRevision: 4 }));
  for (let i = 0; i < 3; i++) world.put("a");
  assert.deepEqual(
    world
      .received()
      .slice(1)
      .map(({ events }) => events[0]?.kv?.modRevision),
    [4],
  );
});

test("progress is told only when every watcher of the stream is up to date and has begun", () => {
  const world = new World();
  const stream = world.openStream();
  stream.progress();
  assert.equal(world.received().length, 0, "not without a watcher");
  world.put("a");
  stream.create(create({ key: bytes("b"), startRevision: 1 }));
  stream.progress();
  assert.equal(world.received().length, 1, "not while one reads history");
  world.hub.work();
  stream.progress();
  assert.deepEqual(world.received().at(-1), {
    ...(world.received()[0] as WatchResponse),
    created: false,
    watchId: -1n,
    header: header(2 as Revision),
  });
  stream.create(create({ key: bytes("b"), startRevision: 9 }));
  stream.progress();
  assert.equal(world.received().length, 3, "not before one begins");
});

test("idle watchers that asked for it are told the progress; those with events since are left out once", () => {
  const world = new World();
  const stream = world.openStream();
  stream.create(create({ key: bytes("a"), progressNotify: true }));
  stream.create(create({ key: bytes("b"), progressNotify: true }));
  stream.create(create({ key: bytes("b") }));
  world.put("a");
  const before = world.received().length;
  world.hub.notifyProgress();
  assert.deepEqual(
    world
      .received()
      .slice(before)
      .map(({ watchId }) => watchId),
    [1n],
  );
  world.hub.notifyProgress();
  assert.deepEqual(
    world
      .received()
      .slice(before + 1)
      .map(({ watchId }) => watchId),
    [0n, 1n],
  );
});

test("history is read in slices: 2,500 revisions take more than one call, and other watchers are served between", () => {
  const world = new World();
  for (let i = 0; i < 2500; i++) world.put("a");
  const stream = world.openStream();
  stream.create(create({ key: bytes("a"), startRevision: 2 }));
  stream.create(create({ key: bytes("a"), startRevision: 2490 }));
  let calls = 1;
  while (world.hub.work()) calls++;
  assert.ok(calls >= 3);
  const events = world
    .received()
    .filter(({ watchId }) => watchId === 0n)
    .flatMap((response) => response.events);
  assert.equal(events.length, 2500);
  const firstOfSecond = world.received().findIndex((each) => each.watchId === 1n && each.events.length > 0);
  assert.ok(firstOfSecond < world.received().length - 1, "the short one did not wait for the long one");
});

test("a start below the compacted revision is answered, then cancelled with that revision and a header of 0", () => {
  const store = new MvccStore(new MemoryBuckets());
  const view: StoreView = Object.create(store, { compactedRevision: { value: 5 }, revision: { value: 9 } });
  const world = new World({ view });
  world.openStream().create(create({ key: bytes("a"), startRevision: 4 }));
  world.hub.work();
  const [created, canceled] = world.received();
  assert.deepEqual([created?.created, created?.canceled, created?.header?.revision], [true, false, 9]);
  assert.deepEqual([canceled?.canceled, canceled?.compactRevision, canceled?.header?.revision], [true, 5, 0]);
});

test("a large revision is split only for a watch that allows it, and every part but the last says so", () => {
  const world = new World({ limits: { fragmentBytes: 80 } });
  const stream = world.openStream();
  stream.create(create({ key: bytes("a"), rangeEnd: bytes("\0") }));
  stream.create(create({ key: bytes("a"), rangeEnd: bytes("\0"), fragment: true }));
  world.put("a", "b", "c", "d", "e");
  const responses = world.received().slice(2);
  const sizes = (id: bigint) => responses.filter((each) => each.watchId === id).map(({ events }) => events.length);
  assert.deepEqual(sizes(0n), [5]);
  assert.ok(sizes(1n).length > 1);
  assert.equal(
    sizes(1n).reduce((sum, size) => sum + size),
    5,
  );
  const marks = responses.filter((each) => each.watchId === 1n).map(({ fragment }) => fragment);
  assert.deepEqual(marks, [...marks.slice(1).map(() => true), false]);
});

test("a sink that closes its stream while it is sent to ends that stream alone", () => {
  const world = new World();
  const closing: WatchStream = world.hub.openStream({
    send(response) {
      if (response.events.length > 0) closing.close();
      return true;
    },
  });
  for (let i = 0; i < 2; i++) closing.create(create({ key: bytes("a") }));
  const other = world.openStream();
  other.create(create({ key: bytes("a") }));
  world.put("a");
  assert.equal(world.received().at(-1)?.events.length, 1);
  assert.deepEqual([world.hub.watcherCount, world.hub.streamCount], [1, 1]);
  closing.close();
  closing.drained();
  closing.create(create({ key: bytes("a") }));
  closing.cancel(0n);
  closing.progress();
  assert.equal(world.hub.watcherCount, 1);
});
