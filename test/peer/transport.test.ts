import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { SILENT, type Trace } from "../../src/env/trace.ts";
import type { Message } from "../../src/etcd/model.ts";
import { PeerTransport } from "../../src/etcd/peer/transport.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { eventually, freePorts } from "../support/etcd-server.ts";
import { TcpLink } from "../support/tcp-link.ts";

const CLUSTER = 0xc1n as ClusterId;
const A = 1n as MemberId;
const B = 2n as MemberId;

interface Peer {
  readonly transport: PeerTransport;
  readonly received: { from: MemberId; message: Message }[];
  readonly unreachable: MemberId[];
  stop(): Promise<void>;
}

interface PeerSpec {
  readonly id: MemberId;
  readonly port: number;
  readonly peers: readonly (readonly [MemberId, number])[];
  readonly cluster?: ClusterId;
  readonly trace?: Trace;
}

async function start(context: TestContext, spec: PeerSpec): Promise<Peer> {
  const { id, port, peers, cluster = CLUSTER, trace = SILENT } = spec;
  const transport = new PeerTransport({
    identity: { cluster, member: id },
    peers: new Map(peers.map(([peer, at]) => [peer, [{ host: "127.0.0.1", port: at }]])),
    heartbeatMs: 20,
    electionMs: 200,
    network: nodeStreams,
    clock: nodeClock,
    trace,
    prng: new Prng(Number(id)),
  });
  const server = new GrpcServer({ trace, clock: nodeClock });
  transport.serve(server);
  const listener = await nodeStreams.listen({ host: "127.0.0.1", port }, (stream) => server.accept(stream));
  const received: Peer["received"] = [];
  const unreachable: MemberId[] = [];
  transport.receive({
    messages: (from, messages) => {
      for (const message of messages) received.push({ from, message });
    },
    unreachable: (peer) => unreachable.push(peer),
  });
  let stopped: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    await listener.close();
    await transport.close();
    await server.close(0);
  };
  const peer = { transport, received, unreachable, stop: () => (stopped ??= stop()) };
  context.after(() => peer.stop());
  return peer;
}

function heartbeat(from: MemberId, to: MemberId, commit: number): Message {
  return { kind: "heartbeat", from, to, term: 1 as Term, commit: commit as LogIndex, readRound: 0 };
}

/** Messages may be lost: they are repeated, as raft does, until one arrives. */
function arrives(sender: Peer, receiver: Peer, from: MemberId, to: MemberId, commit: number): Promise<void> {
  return eventually(() => {
    sender.transport.send(to, [heartbeat(from, to, commit)]);
    return receiver.received.some(({ message }) => message.kind === "heartbeat" && message.commit === commit);
  }, `message ${commit}`);
}

test("each side's messages arrive, in order, over the connection it dialled", async (context) => {
  const [portA, portB] = (await freePorts(2)) as [number, number];
  const a = await start(context, { id: A, port: portA, peers: [[B, portB]] });
  const b = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, b, A, B, 1);
  await arrives(b, a, B, A, 1);
  b.received.length = 0;
  const batch = Array.from({ length: 100 }, (_, i) => heartbeat(A, B, 10 + i));
  for (const message of batch) a.transport.send(B, [message]);
  await eventually(() => last(b) === 109, "the batch");
  const commits = b.received
    .map(({ message }) => (message.kind === "heartbeat" ? message.commit : 0))
    .filter((c) => c >= 10);
  assert.deepEqual(
    commits,
    Array.from({ length: 100 }, (_, i) => 10 + i),
  );
  assert.ok(b.received.every(({ from }) => from === A));
});

function last(peer: Peer): number {
  const message = peer.received.at(-1)?.message;
  return message?.kind === "heartbeat" ? message.commit : 0;
}

test("a peer that went away is told as unreachable and dialled again", async (context) => {
  const [portA, portB] = (await freePorts(2)) as [number, number];
  const a = await start(context, { id: A, port: portA, peers: [[B, portB]] });
  const first = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, first, A, B, 1);
  a.unreachable.length = 0;
  await first.stop();
  await eventually(() => a.unreachable.includes(B), "told that B is unreachable");
  const second = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, second, A, B, 2);
});

test("a silent cut is noticed within an election time-out or so, and healed by a new connection", async (context) => {
  const [portA, portB] = (await freePorts(2)) as [number, number];
  const link = await TcpLink.open(portB);
  context.after(() => link.close());
  const a = await start(context, { id: A, port: portA, peers: [[B, link.port]] });
  const b = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, b, A, B, 1);
  a.unreachable.length = 0;
  link.cut();
  await eventually(() => a.unreachable.includes(B), "told that B is unreachable");
  await arrives(b, a, B, A, 2);
  link.heal();
  await arrives(a, b, A, B, 3);
});

test("a stranger is refused, and the log says who and why", async (context) => {
  const [portA, portB] = (await freePorts(2)) as [number, number];
  const warnings: string[] = [];
  const trace: Trace = { ...SILENT, warn: (message, fields) => warnings.push(`${message}: ${fields?.["error"]}`) };
  const b = await start(context, { id: B, port: portB, peers: [[A, portA]], trace });
  const stranger = await start(context, { id: A, port: portA, peers: [[B, portB]], cluster: 0xbadn as ClusterId });
  await eventually(() => stranger.unreachable.length > 0, "refused");
  assert.ok(
    warnings.includes(
      "rejected connection on peer endpoint: cluster ID mismatch: peer 1 belongs to bad, this member to c1",
    ),
    warnings.join("\n"),
  );
  assert.deepEqual(b.received, []);
});
