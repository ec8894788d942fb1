/**
 * Random watchers, writes, full and drained streams, compactions and installed snapshots: whatever happens, each watcher gets what an
 * obviously correct twin says it must get, or is cancelled because what it needs was compacted away.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import type { StoredKeyValue, StoreEvent } from "../../src/etcd/model.ts";
import { contains, keyName } from "../../src/etcd/mvcc/key.ts";
import { WatchHub } from "../../src/etcd/watch/hub.ts";
import type { WatchStream } from "../../src/etcd/watch/stream.ts";
import { watchRange } from "../../src/etcd/watch/watcher.ts";
import { FilterType, WatchCreateRequest, WatchResponse } from "../../src/proto/gen/etcdserverpb.ts";
import type { Event } from "../../src/proto/gen/mvccpb.ts";
import fc from "../support/fast-check.ts";
import { Past } from "./past.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const nat = (max: number): fc.Arbitrary<number> => fc.nat(max);
const name = fc.constantFrom("a", "b", "ba", "c");
const STREAMS = 3;

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ put: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }), flush: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.record({ remove: name, flush: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: fc.record({
      watch: fc.record({
        key: fc.constantFrom("", "a", "b").map(bytes),
        rangeEnd: fc.constantFrom("", "\0", "c").map(bytes),
        startRevision: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 40 })),
        filters: fc.constantFrom([], [], [FilterType.NOPUT], [FilterType.NODELETE]),
        prevKv: fc.boolean(),
        progressNotify: fc.boolean(),
        fragment: fc.boolean(),
      }),
      stream: nat(STREAMS - 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ cancel: nat(4), stream: nat(STREAMS - 1) }) },
  { weight: 3, arbitrary: fc.record({ room: fc.integer({ min: 1, max: 4 }), stream: nat(STREAMS - 1) }) },
  { weight: 3, arbitrary: fc.constant({ work: true }) },
  { weight: 2, arbitrary: fc.record({ progress: nat(STREAMS - 1) }) },
  { weight: 1, arbitrary: fc.constant({ notify: true }) },
  // So many revisions are left.
  { weight: 1, arbitrary: fc.record({ compact: nat(8) }) },
  { weight: 2, arbitrary: fc.record({ away: fc.constantFrom("gone", "held", "back") }) },
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** What is known of one watcher without looking into the hub. */
interface Wanted {
  readonly stream: Channel;
  readonly id: bigint;
  readonly request: WatchCreateRequest;
  readonly from: number;
  /** It never had to read history: then no compaction concerns it. */
  alwaysLive: boolean;
  state: "open" | "cancelled" | "compacted";
  /** Of its first response in `received`. */
  readonly since: number;
}

interface Channel {
  stream: WatchStream;
  received: WatchResponse[];
  room: number;
}

class World {
  readonly past = new Past();
  readonly hub: WatchHub = new WatchHub({
    view: this.past,
    makeHeader: (revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 }),
    onWork: () => assert.ok(!this.working, "work is not announced by work"),
    // Small, so that every limit is reached.
    limits: {
      sliceDeliveries: 4,
      sliceBytes: 100,
      span: { changes: 3, bytes: 60 },
      fragmentBytes: 60,
      gatheredBytes: 60,
    },
  });
  readonly channels: readonly Channel[] = [1, 3, 9].map((room) => this.#open(room));
  readonly wanted: Wanted[] = [];
  working = false;
  isAway = false;

  #open(room: number): Channel {
    const channel: Channel = { received: [], room, stream: null as unknown as WatchStream };
    channel.stream = this.hub.openStream({
      send: (response) => {
        const received = WatchResponse.decode(Buffer.concat([response.own, response.shared]));
        // A revision in fragments may fill it more than it holds.
        const isRest = channel.received.at(-1)?.fragment === true;
        assert.ok(channel.room > 0 || isRest || received.events.length === 0, "no events for a full stream");
        channel.received.push(received);
        channel.room--;
        return channel.room > 0;
      },
    });
    return channel;
  }

  take(each: Step): void {
    if ("put" in each) this.#commit(() => each.put.map((key) => this.past.put(key)), each.flush);
    else if ("remove" in each) this.#commit(() => this.past.remove(each.remove), each.flush);
    else if ("watch" in each) this.#watch(this.channels[each.stream] as Channel, WatchCreateRequest.create(each.watch));
    else if ("cancel" in each) this.#cancel(this.channels[each.stream] as Channel, BigInt(each.cancel));
    else if ("room" in each) this.#makeRoom(this.channels[each.stream] as Channel, each.room);
    else if ("work" in each) this.work();
    else if ("progress" in each) this.channels[each.progress]?.stream.progress();
    else if ("compact" in each) this.past.compact(each.compact);
    else if ("notify" in each) this.hub.notifyProgress();
    else if (each.away === "gone") this.isAway = true;
    else if (each.away === "held") this.#hold();
    else this.restore();
    this.#look();
  }

  #commit(change: () => unknown, flush: boolean): void {
    change();
    const events = this.past.commit();
    if (events.length === 0 || this.isAway) return;
    this.past.follow();
    this.hub.publish(events, this.past.revision);
    if (flush) this.hub.flush();
  }

  #watch(channel: Channel, request: WatchCreateRequest): void {
    const { revision } = this.past;
    // What was published for others may come first.
    this.hub.flush();
    const since = channel.received.length;
    channel.stream.create(request);
    const answer = channel.received[since] as WatchResponse;
    assert.ok(answer.created && answer.header?.revision === revision);
    if (answer.canceled) return;
    const from = request.startRevision === 0 ? revision + 1 : request.startRevision;
    const alwaysLive = from > revision;
    this.wanted.push({ stream: channel, id: answer.watchId, request, from, alwaysLive, state: "open", since });
  }

  #cancel(channel: Channel, id: bigint): void {
    channel.stream.cancel(id);
    for (const one of this.#openOf(channel)) if (one.id === id) one.state = "cancelled";
  }

  #makeRoom(channel: Channel, room: number): void {
    channel.room = Math.max(channel.room, 0) + room;
    channel.stream.drained();
  }

  #openOf(channel: Channel): Wanted[] {
    return this.wanted.filter((one) => one.stream === channel && one.state === "open");
  }

  work(): boolean {
    this.working = true;
    const more = this.hub.work();
    this.working = false;
    this.#look();
    return more;
  }

  /** The leader's snapshot begins to take the place of the store. */
  #hold(): void {
    if (!this.isAway || this.past.isHeld) return;
    this.hub.suspend();
    this.past.isHeld = true;
  }

  /** It has: revisions nobody published, and its compaction. */
  restore(): void {
    this.#hold();
    if (!this.isAway) return;
    this.isAway = false;
    this.past.isHeld = false;
    this.past.follow();
    this.hub.restored();
    for (const one of this.wanted) one.alwaysLive = false;
  }

  settle(): void {
    this.hub.flush();
    // Who has filled its stream with that is behind before there is room again.
    this.#look();
    this.restore();
    for (const channel of this.channels) this.#makeRoom(channel, Number.POSITIVE_INFINITY);
    while (this.work()) {}
  }

  /** Notes who is behind by now, and who was told that compaction has overtaken it. */
  #look(): void {
    for (const channel of this.channels) {
      for (const one of this.#openOf(channel)) {
        if (channel.stream.blocked) one.alwaysLive = false;
        const end = channel.received.find((each, i) => i >= one.since && each.watchId === one.id && each.canceled);
        if (end === undefined) continue;
        assert.ok(!one.alwaysLive, "nobody who has everything is cancelled");
        assert.equal(end.compactRevision, this.past.compactedRevision);
        assert.equal(end.header?.revision, 0);
        one.state = "compacted";
      }
    }
  }
}

test("whatever happens each watcher gets its events, once, in order, revisions unsplit, or is cancelled as compacted", () => {
  const seen = { compacted: 0, whole: 0 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const world = new World();
      for (const each of steps) world.take(each);
      world.settle();
      for (const one of world.wanted) {
        checkWatcher(world, one);
        if (one.state === "compacted") seen.compacted++;
        if (one.state === "open") seen.whole++;
      }
      assert.equal(world.hub.watcherCount, world.wanted.filter(({ state }) => state === "open").length);
      assert.equal(world.hub.behindCount, 0);
    }),
    { numRuns: 600 },
  );
  assert.ok(seen.compacted > 50 && seen.whole > 500, JSON.stringify(seen));
});

function checkWatcher({ past }: World, { stream, id, request, from, state, since }: Wanted): void {
  const end = stream.received.findIndex((each, i) => i >= since && each.watchId === id && each.canceled);
  const own = stream.received.slice(since, end < 0 ? undefined : end);
  let last = 0;
  let promised = 0;
  let isRest = false;
  const events: Event[] = [];
  for (const { watchId, events: sent, header, fragment, created } of own) {
    const isNotice = watchId === id && request.progressNotify;
    if (sent.length === 0 && !created && (watchId === -1n || isNotice))
      promised = Math.max(promised, header?.revision ?? 0);
    if (watchId !== id || sent.length === 0) continue;
    const revisions = sent.map(({ kv }) => kv?.modRevision ?? 0);
    assert.ok(isRest || (revisions[0] as number) > last, "a revision is in one response only");
    assert.ok((revisions[0] as number) > promised, "no event after the progress that covers it");
    last = revisions.at(-1) as number;
    assert.ok((header?.revision ?? 0) >= last);
    assert.ok(!fragment || request.fragment);
    isRest = fragment;
    events.push(...sent);
  }
  const all = expected(past, request, from);
  // Who was cancelled got a beginning of it.
  const due = state === "open" ? all : all.slice(0, events.length);
  assert.deepEqual(
    events.map(({ kv }) => plain(kv)),
    due.map(({ kv }) => plain(kv)),
  );
  for (const [i, { prevKv }] of events.entries()) {
    const { previous } = due[i] as StoreEvent;
    const mayBeGone = past.compactedRevision >= (due[i] as StoreEvent).kv.modRevision;
    if (!request.prevKv) assert.equal(prevKv, null);
    else if (prevKv !== null || !mayBeGone) assert.deepEqual(plain(prevKv), plain(previous));
  }
}

function expected(past: Past, request: WatchCreateRequest, from: number): readonly StoreEvent[] {
  return past.events.filter(({ kind, kv }) => {
    if (kv.modRevision < from || kv.modRevision > past.revision) return false;
    if (!contains(watchRange(request), keyName(kv.key))) return false;
    return !request.filters.includes(kind === "delete" ? FilterType.NODELETE : FilterType.NOPUT);
  });
}

const plain = (
  kv: (Omit<StoredKeyValue, "modRevision" | "createRevision"> & { modRevision: number }) | null,
): unknown => kv && [keyName(kv.key), keyName(kv.value), kv.modRevision, kv.version];

test("a thousand watchers that start alike read history once, together", () => {
  const past = new Past();
  for (let i = 0; i < 5000; i++) {
    past.put("a");
    past.commit();
  }
  past.follow();
  const { hub, received } = counting(past);
  for (let i = 0; i < 1000; i++)
    hub.stream(i % 10).create(WatchCreateRequest.create({ key: bytes("a"), startRevision: 2 }));
  while (hub.hub.work()) {}
  assert.equal(received.events, 5_000_000);
  assert.equal(past.scans, 5, "a thousand revisions a scan");
});

test("watchers that start anywhere come together: history is read about twice at most", () => {
  const past = new Past();
  for (let i = 0; i < 5000; i++) {
    past.put("a");
    past.commit();
  }
  past.follow();
  const { hub, received } = counting(past);
  let due = 0;
  for (let i = 0; i < 200; i++) {
    const startRevision = 2 + ((i * 1847) % 5000);
    due += 5002 - startRevision;
    hub.stream(i % 10).create(WatchCreateRequest.create({ key: bytes("a"), startRevision }));
  }
  while (hub.hub.work()) {}
  assert.equal(received.events, due);
  assert.ok(past.scanned <= 15_000, `${past.scanned} changes read in ${past.scans} scans`);
});

/** A hub with ten streams that only count. */
function counting(past: Past) {
  const received = { events: 0 };
  const hub = new WatchHub({
    view: past,
    makeHeader: (revision: Revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 }),
    onWork: () => undefined,
    limits: { span: { changes: 1000, bytes: 1024 * 1024 } },
  });
  const streams = Array.from({ length: 10 }, () =>
    hub.openStream({
      send({ events }) {
        received.events += events.length;
        return true;
      },
    }),
  );
  return { hub: { hub, stream: (i: number) => streams[i] as WatchStream }, received };
}
