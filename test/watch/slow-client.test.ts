/** A client that does not read its watch holds a bounded part of what it is owed, keeps nobody waiting, and gets everything later. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import { LedStreams } from "../../src/etcd/api/led-streams.ts";
import { WatchService } from "../../src/etcd/api/watch.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { MvccStore } from "../../src/etcd/mvcc/store.ts";
import { WatchHub } from "../../src/etcd/watch/hub.ts";
import type { WatchSink } from "../../src/etcd/watch/stream.ts";
import { type ClientStream, GrpcConnection } from "../../src/grpc/connection.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { WatchCreateRequest, WatchRequest, type WatchResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { Watch } from "../../src/proto/gen/rpc.ts";
import { MemoryStream } from "../support/streams.ts";

const KEY = Buffer.from("k");
const VALUE_BYTES = 10_000;
const WRITES = 1500;

class Served {
  readonly store = new MvccStore(new MemoryBuckets());
  /** By stream, in the order in which they were opened: what was handed to gRPC. */
  readonly handedBytes: number[] = [];
  readonly hub: WatchHub;
  readonly #server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  readonly #connections: GrpcConnection[] = [];

  constructor(context: TestContext) {
    const catchUp = (): void => {
      if (this.hub.work()) setImmediate(catchUp);
    };
    this.hub = new WatchHub({
      view: this.store,
      makeHeader: (revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 }),
      onWork: () => setImmediate(catchUp),
    });
    const watches = {
      streamCount: 0,
      watcherCount: 0,
      openStream: (sink: WatchSink) => this.hub.openStream(this.#counted(sink)),
    };
    // The service asks for nothing else.
    const member = { watches, whenServing: () => null } as unknown as ConstructorParameters<typeof WatchService>[1];
    const led = new LedStreams({ clock: nodeClock, electionMs: 1000, hasLeader: () => true });
    new WatchService(this.#server, member, led);
    context.after(async () => {
      for (const connection of this.#connections) connection.close();
      await this.#server.close(0);
    });
  }

  #counted(sink: WatchSink): WatchSink {
    const number = this.handedBytes.push(0) - 1;
    return {
      send: (response) => {
        this.handedBytes[number] = (this.handedBytes[number] as number) + response.own.length + response.shared.length;
        return sink.send(response);
      },
    };
  }

  connect(): GrpcConnection {
    const [client, accepted] = MemoryStream.pair();
    this.#server.accept(accepted);
    const connection = new GrpcConnection(client, { clock: nodeClock });
    this.#connections.push(connection);
    return connection;
  }

  write(): Revision {
    this.store.put(KEY, Buffer.alloc(VALUE_BYTES, this.store.revision & 0xff), 0n);
    const events = this.store.commit();
    this.hub.publish(events, this.store.revision);
    this.hub.flush();
    return this.store.revision;
  }
}

interface Reader {
  readonly stream: ClientStream<WatchRequest>;
  readonly revisions: number[];
  created: boolean;
}

function watch(connection: GrpcConnection): Reader {
  const reader: Reader = {
    revisions: [],
    created: false,
    stream: connection.stream(
      Watch.Watch,
      {},
      {
        message: (response: WatchResponse) => {
          if (response.created) reader.created = true;
          for (const { kv } of response.events) reader.revisions.push(kv?.modRevision ?? 0);
        },
        closed: () => undefined,
      },
    ),
  };
  const value = WatchCreateRequest.create({ key: KEY });
  reader.stream.send(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
  return reader;
}

async function until(holds: () => boolean): Promise<void> {
  const endMs = nodeClock.monotonicMs() + 30_000;
  while (!holds()) {
    assert.ok(nodeClock.monotonicMs() < endMs, "waited too long");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test("a client that stops reading is owed, not sent, what it does not take; the others wait for nothing; it misses nothing", async (context) => {
  const served = new Served(context);
  const connection = served.connect();
  // On one connection, so that they share all but their streams.
  const slow = watch(connection);
  await until(() => slow.created);
  const quick = watch(connection);
  await until(() => quick.created);
  slow.stream.pause();
  for (let i = 0; i < WRITES; i++) {
    const revision = served.write();
    if (i % 20 === 19) await until(() => quick.revisions.at(-1) === revision);
  }
  const all = Array.from({ length: WRITES }, (_, i) => i + 2);
  assert.deepEqual(quick.revisions, all);
  const [held, taken] = served.handedBytes as [number, number];
  assert.ok(taken > WRITES * VALUE_BYTES);
  assert.ok(held < 4 * 1024 * 1024, `${held} bytes for a client that reads nothing`);
  assert.equal(served.hub.behindCount, 1);
  slow.stream.resume();
  await until(() => slow.revisions.length === WRITES);
  assert.deepEqual(slow.revisions, all);
  assert.equal(served.hub.behindCount, 0);
  served.write();
  await until(() => slow.revisions.length === WRITES + 1 && quick.revisions.length === WRITES + 1);
});
