import assert from "node:assert/strict";
import net from "node:net";
import { type TestContext, test } from "node:test";
import type { ClusterId } from "../../src/base/ids.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { GrpcConnection } from "../../src/grpc/connection.ts";
import type { GrpcError } from "../../src/grpc/status.ts";
import type { SnapshotPart } from "../../src/proto/gen/peerpb.ts";
import { Peer as PeerService } from "../../src/proto/gen/rpc.ts";
import { eventually, freePorts } from "../support/etcd-server.ts";
import { TcpLink } from "../support/tcp-link.ts";
import {
  A,
  arrives,
  B,
  CLUSTER,
  contentOf,
  heartbeat,
  MemorySink,
  MemorySource,
  type Peer,
  startPeer,
} from "./peers.ts";

interface Pair {
  readonly a: Peer;
  readonly b: Peer;
  readonly sinks: MemorySink[];
  readonly link: TcpLink;
  readonly portB: number;
}

/** A sends to B over a link that can be cut. */
async function pair(context: TestContext, prepare: (sink: MemorySink) => void = () => {}): Promise<Pair> {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const link = await TcpLink.open(portB);
  context.after(() => link.close());
  const sinks: MemorySink[] = [];
  const a = await startPeer(context, { id: A, port: portA, peers: [[B, link.port]] });
  const b = await startPeer(context, {
    id: B,
    port: portB,
    peers: [[A, portA]],
    snapshot: async (from, header) => {
      assert.deepEqual([from, Buffer.from(header).toString()], [A, "header"]);
      const sink = new MemorySink();
      prepare(sink);
      sinks.push(sink);
      return sink;
    },
  });
  await arrives(a, b, A, B, 1);
  return { a, b, sinks, link, portB };
}

test("a snapshot arrives byte for byte, whatever its size", async (context) => {
  const { a, sinks } = await pair(context);
  for (const bytes of [0, 1, 256 * 1024, 256 * 1024 + 1, 5_000_001]) {
    const content = contentOf(bytes);
    const source = new MemorySource(content);
    assert.equal(await a.transport.sendSnapshot(B, source), true);
    const sink = sinks.at(-1) as MemorySink;
    assert.deepEqual([sink.end, sink.bytes, source.closed], ["finished", bytes, 1]);
    assert.ok(Buffer.concat(sink.pieces).equals(content));
  }
});

test("a receiver that takes its time holds the sender back, and messages pass meanwhile", async (context) => {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const { a, b, sinks } = await pair(context, (sink) => {
    sink.before = () => gate;
  });
  let readBytes = 0;
  const source = new MemorySource(contentOf(32 * 1024 * 1024));
  source.before = (offset) => {
    readBytes = offset;
  };
  const sent = a.transport.sendSnapshot(B, source);
  await eventually(() => sinks.length === 1 && readBytes > 1024 * 1024, "the stream is full");
  for (let commit = 2; commit < 20; commit++) await arrives(a, b, A, B, commit);
  assert.ok(readBytes < 8 * 1024 * 1024, `${readBytes} bytes were read for a receiver that takes none`);
  open();
  assert.equal(await sent, true);
  assert.equal(sinks[0]?.bytes, source.bytes);
});

test("a stream that breaks in the middle is discarded and told; the next one begins anew", async (context) => {
  const { a, sinks, link } = await pair(context);
  const source = new MemorySource(contentOf(8 * 1024 * 1024));
  source.before = (offset) => {
    if (offset >= 4 * 1024 * 1024) link.heal();
  };
  assert.equal(await a.transport.sendSnapshot(B, source), false);
  await eventually(() => sinks[0]?.end === "discarded", "discarded");
  assert.equal(source.closed, 1);
  assert.equal(await a.transport.sendSnapshot(B, new MemorySource(contentOf(1000))), true);
});

test("a silent cut in the middle is given up, and a new stream replaces what the cut left", async (context) => {
  const { a, sinks, link } = await pair(context);
  const source = new MemorySource(contentOf(32 * 1024 * 1024));
  source.before = (offset) => {
    if (offset >= 4 * 1024 * 1024) link.cut();
  };
  assert.equal(await a.transport.sendSnapshot(B, source), false);
  assert.equal(sinks[0]?.end, "open", "nobody has told the receiver yet");
  link.heal();
  await eventually(() => a.transport.sendSnapshot(B, new MemorySource(contentOf(1000))), "sent");
  assert.deepEqual(
    sinks.map(({ end }) => end),
    ["discarded", "finished"],
  );
});

test("a peer that accepts and never reads is given up", async (context) => {
  const deaf = net.createServer((socket) => socket.pause().on("error", () => {}));
  await new Promise<void>((resolve) => deaf.listen(0, "127.0.0.1", resolve));
  const sockets = new Set<net.Socket>();
  deaf.on("connection", (socket) => sockets.add(socket));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    deaf.close();
  });
  const [portA] = (await freePorts(context, 1)) as [number];
  const a = await startPeer(context, { id: A, port: portA, peers: [[B, (deaf.address() as net.AddressInfo).port]] });
  const source = new MemorySource(contentOf(32 * 1024 * 1024));
  assert.equal(await a.transport.sendSnapshot(B, source), false);
  assert.equal(source.closed, 1);
});

test("who has no room for it, does not want it, or is nobody does not take it", async (context) => {
  const { a, sinks } = await pair(context, (sink) => {
    sink.before = () => {
      if (sink.bytes > 1024 * 1024) throw new Error("ENOSPC: no space left on device");
    };
  });
  assert.equal(await a.transport.sendSnapshot(B, new MemorySource(contentOf(8 * 1024 * 1024))), false);
  assert.equal(sinks[0]?.end, "discarded");
  const short = new MemorySource(contentOf(1000), 2000);
  assert.equal(await a.transport.sendSnapshot(B, short), false, "the file became shorter");
  const broken = new MemorySource(contentOf(1000));
  broken.before = () => {
    throw new Error("EIO");
  };
  assert.equal(await a.transport.sendSnapshot(B, broken), false);
  const nobody = new MemorySource(contentOf(1000));
  assert.equal(await a.transport.sendSnapshot(A, nobody), false);
  assert.deepEqual([short.closed, broken.closed, nobody.closed], [1, 1, 1]);
  await eventually(() => sinks.every(({ end }) => end === "discarded"), "discarded");
});

test("a file that cannot be synced is not taken, and the next one is", async (context) => {
  let isFull = true;
  const { a, b, sinks } = await pair(context, (sink) => {
    sink.finish = async () => {
      sink.end = "finished";
      if (isFull) throw new Error("ENOSPC: no space left on device, fsync");
      return true;
    };
  });
  assert.equal(await a.transport.sendSnapshot(B, new MemorySource(contentOf(1000))), false);
  isFull = false;
  assert.equal(await a.transport.sendSnapshot(B, new MemorySource(contentOf(1000))), true);
  assert.deepEqual(
    sinks.map(({ end }) => end),
    ["finished", "finished"],
    "nothing is discarded that was finished",
  );
  const none = { snapshotSendFailures: 0, snapshotsInFlight: 0, snapshotsReceived: 0, snapshotReceiveFailures: 0 };
  assert.deepEqual(a.transport.counts.get(B), { ...none, snapshotsSent: 1, snapshotSendFailures: 1 });
  assert.deepEqual(b.transport.counts.get(A), {
    ...none,
    snapshotsSent: 0,
    snapshotsReceived: 1,
    snapshotReceiveFailures: 1,
  });
});

test("a member that stops ends its snapshots, coming and going", async (context) => {
  const { a, b, sinks } = await pair(context, (sink) => {
    sink.before = () => new Promise((resolve) => setTimeout(resolve, 5));
  });
  const sent = a.transport.sendSnapshot(B, new MemorySource(contentOf(64 * 1024 * 1024)));
  await eventually(() => (sinks[0]?.bytes ?? 0) > 0, "under way");
  await b.transport.close();
  assert.equal(sinks[0]?.end, "discarded");
  assert.equal(await sent, false);
  const again = a.transport.sendSnapshot(B, new MemorySource(contentOf(64 * 1024 * 1024)));
  await a.transport.close();
  assert.equal(await again, false);
});

// ------------------------------------------------------------------------------------------------------ hostile senders

type Part = NonNullable<SnapshotPart["part"]>;

/** Sends these parts as whoever; how the stream ended, or null: taken. */
async function sendParts(context: TestContext, port: number, parts: readonly Part[]): Promise<string | null> {
  const connection = new GrpcConnection(nodeStreams.connect({ host: "127.0.0.1", port }), { clock: nodeClock });
  context.after(() => connection.close());
  return new Promise((resolve) => {
    let taken = false;
    const stream = connection.stream(
      PeerService.Snapshot,
      {},
      {
        message: (answer) => {
          taken = answer.taken;
        },
        closed: (error: GrpcError | null) => resolve(taken ? null : (error?.message ?? "not taken")),
      },
    );
    for (const part of parts) stream.send({ part });
    stream.end();
  });
}

function startPart(over: { cluster?: bigint; from?: bigint; bytes?: number }): Part {
  const { cluster = CLUSTER, from = A, bytes = 4 } = over;
  const hello = { protocolVersion: 1, clusterId: cluster as ClusterId, from, to: B, peerUrls: [] };
  return { kind: "start", value: { hello, header: Buffer.from("header"), bytes } };
}

test("only what came whole, in order and from a member is taken", async (context) => {
  const { b, sinks, portB, a } = await pair(context);
  const bytes: Part = { kind: "bytes", value: Buffer.from("abcd") };
  const end: Part = { kind: "end", value: { checksum: 0x92c80a31 } };
  const cases: readonly (readonly [string | null, readonly Part[]])[] = [
    [null, [startPart({}), bytes, end]],
    ["the snapshot's checksum is wrong", [startPart({}), bytes, { kind: "end", value: { checksum: 1 } }]],
    ["the snapshot is shorter than announced", [startPart({ bytes: 5 }), bytes, end]],
    ["the snapshot is longer than announced", [startPart({ bytes: 3 }), bytes, end]],
    ["the stream ended before the snapshot did", [startPart({}), bytes]],
    ["the snapshot's parts are out of order", [bytes, end]],
    ["the snapshot's parts are out of order", [startPart({}), startPart({})]],
    ["member 9 is not part of this cluster", [startPart({ from: 9n })]],
    ["cluster ID mismatch: peer 1 belongs to bad, this member to c1", [startPart({ cluster: 0xbadn })]],
  ];
  for (const [expected, parts] of cases) assert.equal(await sendParts(context, portB, parts), expected);
  await eventually(() => sinks.every(({ end: how }) => how !== "open"), "every sink ended");
  assert.deepEqual(sinks.filter(({ end: how }) => how === "finished").length, 1);
  assert.ok(sinks.every(({ end: how }) => how !== "twice"));
  a.transport.send(B, [heartbeat(A, B, 7)]);
  await arrives(a, b, A, B, 8);
});

test("garbage on the peers' port ends that connection and nothing else", async (context) => {
  const { a, b, portB } = await pair(context);
  for (const garbage of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), Buffer.alloc(100_000, 0xff)]) {
    const socket = net.connect(portB, "127.0.0.1");
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.end(garbage);
    socket.resume();
    await closed;
  }
  await arrives(a, b, A, B, 9);
});
