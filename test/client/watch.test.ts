import assert from "node:assert/strict";
import { test } from "node:test";
import type { EtcdClient } from "../../src/client/client.ts";
import type { WatchError, WatchHandler, Watching } from "../../src/client/watch.ts";
import type { GrpcServer, ServerStream } from "../../src/grpc/server.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import {
  ResponseHeader,
  type WatchCreateRequest,
  type WatchRequest,
  WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { type Event, KeyValue } from "../../src/proto/gen/mvccpb.ts";
import { Watch } from "../../src/proto/gen/rpc.ts";
import { clientOf, type FakeMember, startMember } from "./member.ts";

type Stream = ServerStream<WatchRequest, WatchResponse>;

/** A watch service whose every message the test sends itself. */
class Script {
  readonly streams: Stream[] = [];
  readonly requests: WatchRequest[] = [];
  #waiting: (() => void)[] = [];

  readonly setUp = (server: GrpcServer): void => {
    server.streaming(Watch.Watch, (stream) => {
      this.streams.push(stream);
      stream.receive({
        message: (request) => {
          this.requests.push(request);
          this.changed();
        },
        ended: () => stream.end(),
        cancelled() {},
      });
    });
  };

  changed(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.#waiting.push(wake));
  }

  /** The n-th request, once it has come, as a creation. */
  async creation(index: number): Promise<WatchCreateRequest> {
    await this.until(() => this.requests.length > index);
    const union = this.requests[index]?.requestUnion;
    assert.ok(union?.kind === "createRequest");
    return union.value;
  }
}

interface Seen {
  readonly log: string[];
  readonly handler: WatchHandler;
  error: WatchError | null | undefined;
}

function observer(script: Script): Seen {
  const seen: Seen = {
    log: [],
    error: undefined,
    handler: {
      created: (revision) => note(`created ${revision}`),
      events: (events) => note(`events ${events.map((event) => event.kv?.modRevision).join(" ")}`),
      progress: (revision) => note(`progress ${revision}`),
      closed: (error) => {
        seen.error = error;
        note("closed");
      },
    },
  };
  const note = (text: string): void => {
    seen.log.push(text);
    script.changed();
  };
  return seen;
}

const events = (...revisions: number[]): Event[] =>
  revisions.map((modRevision) => ({ type: 0, kv: KeyValue.create({ modRevision }), prevKv: null }));
const response = (watchId: bigint, revision: number, rest: Partial<WatchResponse> = {}): WatchResponse =>
  WatchResponse.create({ header: ResponseHeader.create({ revision }), watchId, ...rest });

async function withMember(
  body: (script: Script, client: EtcdClient, member: FakeMember) => Promise<void>,
): Promise<void> {
  const script = new Script();
  const member = await startMember(script.setUp);
  const client = clientOf([member.endpoint]);
  try {
    await body(script, client, member);
  } finally {
    client.close();
    await member.close();
  }
}

test("watchers share one stream and each gets its own events", () =>
  withMember(async (script, client) => {
    const [first, second] = [observer(script), observer(script)];
    client.watch.watch({ startRevision: 5 }, first.handler);
    client.watch.watch({}, second.handler);
    const [a, b] = [await script.creation(0), await script.creation(1)];
    assert.equal(script.streams.length, 1);
    assert.notEqual(a.watchId, b.watchId);
    assert.deepEqual([a.startRevision, b.startRevision], [5, 0]);
    const stream = script.streams[0] as Stream;
    stream.send(response(a.watchId, 7, { created: true }));
    stream.send(response(b.watchId, 7, { created: true }));
    stream.send(response(b.watchId, 8, { events: events(8) }));
    stream.send(response(a.watchId, 8, { events: events(5, 8) }));
    stream.send(response(-1n, 9));
    await script.until(() => first.log.length === 3 && second.log.length === 3);
    assert.deepEqual(first.log, ["created 7", "events 5 8", "progress 9"]);
    assert.deepEqual(second.log, ["created 7", "events 8", "progress 9"]);
  }));

test("after a break every watcher goes on behind the last revision it knows of", () =>
  withMember(async (script, client) => {
    const seen = [observer(script), observer(script), observer(script), observer(script)];
    for (const [i, startRevision] of [5, 0, 0, 0].entries())
      client.watch.watch({ startRevision }, (seen[i] as Seen).handler);
    const ids = [];
    for (let i = 0; i < 4; i++) ids.push((await script.creation(i)).watchId);
    const stream = script.streams[0] as Stream;
    for (const id of ids.slice(0, 3)) stream.send(response(id, 7, { created: true }));
    stream.send(response(ids[0] as bigint, 9, { events: events(6, 9) })); // goes on at 10
    stream.send(response(ids[1] as bigint, 12)); // progress: goes on at 13
    // The third has seen nothing since "now" was 7; the fourth has never been created: its now is still to come.
    await script.until(() => seen[1]?.log.length === 2);
    stream.end(new GrpcError(StatusCode.UNAVAILABLE, "going down"));
    const resumed = [];
    for (let i = 4; i < 8; i++) resumed.push((await script.creation(i)).startRevision);
    assert.deepEqual(resumed, [10, 13, 8, 0]);
    assert.equal(script.streams.length, 2);
  }));

test("progress promises nothing to a watcher the server has not answered yet", () =>
  withMember(async (script, client) => {
    const [early, late] = [observer(script), observer(script)];
    client.watch.watch({ startRevision: 5 }, early.handler);
    client.watch.watch({ startRevision: 5 }, late.handler);
    const { watchId } = await script.creation(0);
    await script.creation(1);
    const stream = script.streams[0] as Stream;
    stream.send(response(watchId, 100, { created: true }));
    stream.send(response(-1n, 100));
    await script.until(() => early.log.length === 2);
    stream.end(new GrpcError(StatusCode.UNAVAILABLE, "going down"));
    assert.deepEqual([(await script.creation(2)).startRevision, (await script.creation(3)).startRevision], [101, 5]);
    assert.deepEqual(late.log, []);
  }));

test("a broken connection is survived as well", () =>
  withMember(async (script, client, member) => {
    const seen = observer(script);
    client.watch.watch({ startRevision: 3 }, seen.handler);
    const { watchId } = await script.creation(0);
    script.streams[0]?.send(response(watchId, 4, { created: true }));
    script.streams[0]?.send(response(watchId, 4, { events: events(3, 4) }));
    await script.until(() => seen.log.length === 2);
    await member.stop();
    const again = new Script();
    const second = await startMember(again.setUp, member.port);
    assert.equal((await again.creation(0)).startRevision, 5);
    client.close();
    await second.close();
    assert.equal(seen.error, null);
  }));

test("the parts of a fragmented response are delivered as one, and a break between them loses nothing", () =>
  withMember(async (script, client) => {
    const seen = observer(script);
    client.watch.watch({ startRevision: 1, fragment: true }, seen.handler);
    const { watchId } = await script.creation(0);
    const first = script.streams[0] as Stream;
    first.send(response(watchId, 4, { created: true }));
    first.send(response(watchId, 4, { events: events(1, 2), fragment: true }));
    first.send(response(watchId, 4, { events: events(2, 3) }));
    first.send(response(watchId, 5, { events: events(4), fragment: true }));
    await script.until(() => seen.log.length === 2);
    first.end(new GrpcError(StatusCode.INTERNAL, "broken"));
    const resumed = await script.creation(1);
    assert.equal(resumed.startRevision, 4);
    script.streams[1]?.send(response(watchId, 5, { created: true }));
    script.streams[1]?.send(response(watchId, 5, { events: events(4, 5) }));
    await script.until(() => seen.log.length === 4);
    assert.deepEqual(seen.log, ["created 4", "events 1 2 2 3", "created 5", "events 4 5"]);
  }));

test("a watch below the compaction ends with the revision to go on from, the others stay", () =>
  withMember(async (script, client) => {
    const [old, other] = [observer(script), observer(script)];
    client.watch.watch({ startRevision: 2 }, old.handler);
    client.watch.watch({}, other.handler);
    const { watchId } = await script.creation(0);
    const { watchId: otherId } = await script.creation(1);
    const stream = script.streams[0] as Stream;
    stream.send(response(watchId, 0, { created: true }));
    stream.send(response(watchId, 0, { canceled: true, compactRevision: 6 }));
    stream.send(response(otherId, 9, { created: true }));
    await script.until(() => other.log.length === 1);
    assert.equal(old.error?.compactRevision, 6);
    assert.match(old.error?.message ?? "", /compacted/);
    assert.equal(other.error, undefined);
  }));

test("a creation refused without an id is the oldest unanswered one", () =>
  withMember(async (script, client) => {
    const [first, second] = [observer(script), observer(script)];
    client.watch.watch({}, first.handler);
    client.watch.watch({}, second.handler);
    const { watchId } = await script.creation(0);
    await script.creation(1);
    const stream = script.streams[0] as Stream;
    stream.send(response(watchId, 3, { created: true }));
    stream.send(response(-1n, 3, { created: true, canceled: true, cancelReason: "etcdserver: permission denied" }));
    await script.until(() => second.error !== undefined);
    assert.equal(second.error?.message, "etcdserver: permission denied");
    assert.equal(first.error, undefined);
  }));

test("cancel tells the server and ends the handler once", () =>
  withMember(async (script, client) => {
    const seen = observer(script);
    const watching: Watching = client.watch.watch({}, seen.handler);
    const { watchId } = await script.creation(0);
    watching.cancel();
    watching.cancel();
    await script.until(() => script.requests.length === 2);
    assert.deepEqual(script.requests[1]?.requestUnion, { kind: "cancelRequest", value: { watchId } });
    assert.deepEqual([seen.log, seen.error], [["closed"], null]);
    client.watch.requestProgress();
    await script.until(() => script.requests.length === 3);
    assert.equal(script.requests[2]?.requestUnion?.kind, "progressRequest");
  }));

test("an error that another member would repeat ends the watchers", () =>
  withMember(async (script, client) => {
    const seen = observer(script);
    client.watch.watch({}, seen.handler);
    await script.creation(0);
    script.streams[0]?.end(new GrpcError(StatusCode.PERMISSION_DENIED, "etcdserver: permission denied"));
    await script.until(() => seen.error !== undefined);
    assert.equal(seen.error?.message, "etcdserver: permission denied");
  }));

test("a closed client ends its watchers and takes no more", () =>
  withMember(async (script, client) => {
    const [seen, late] = [observer(script), observer(script)];
    client.watch.watch({}, seen.handler);
    await script.creation(0);
    client.close();
    assert.equal(seen.error, null);
    client.watch.watch({}, late.handler);
    await script.until(() => late.error !== undefined);
    assert.match(late.error?.message ?? "", /closed/);
  }));
