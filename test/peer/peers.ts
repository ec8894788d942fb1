/** Transports of one member each, on real sockets of 127.0.0.1, and what arrives there. */
import type { TestContext } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { SILENT, type Trace } from "../../src/env/trace.ts";
import type { ClusterTransportHandler, SnapshotSink, SnapshotSource } from "../../src/env/transport.ts";
import type { Message } from "../../src/etcd/model.ts";
import { PeerTransport } from "../../src/etcd/peer/transport.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { eventually } from "../support/etcd-server.ts";

export const CLUSTER: ClusterId = 0xc1n as ClusterId;
export const A: MemberId = 1n as MemberId;
export const B: MemberId = 2n as MemberId;

export interface Peer {
  readonly transport: PeerTransport;
  readonly received: { from: MemberId; message: Message }[];
  readonly unreachable: MemberId[];
  /** How often it was told that it does not belong to the cluster any more. */
  readonly removals: () => number;
  stop(): Promise<void>;
}

export interface PeerSpec {
  readonly id: MemberId;
  readonly port: number;
  readonly peers: readonly (readonly [MemberId, number])[];
  /** What it says of itself; default: its port. */
  readonly peerUrls?: readonly string[];
  readonly cluster?: ClusterId;
  readonly trace?: Trace;
  readonly snapshot?: ClusterTransportHandler<Message>["snapshot"];
  readonly request?: ClusterTransportHandler<Message>["request"];
}

export function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

export async function startPeer(context: TestContext, spec: PeerSpec): Promise<Peer> {
  const { id, port, peers, cluster = CLUSTER, trace = SILENT } = spec;
  const transport = new PeerTransport({
    identity: { cluster, member: id },
    peerUrls: spec.peerUrls ?? [urlOf(port)],
    addressesOf: (_, urls) => urls.map((url) => ({ host: "127.0.0.1", port: Number(new URL(url).port) })),
    heartbeatMs: 20,
    electionMs: 200,
    network: nodeStreams,
    clock: nodeClock,
    trace,
    prng: new Prng(Number(id)),
  });
  transport.setPeers(new Map(peers.map(([peer, at]) => [peer, [urlOf(at)]])), new Set());
  const server = new GrpcServer({ trace, clock: nodeClock });
  transport.serve(server);
  const listener = await nodeStreams.listen({ host: "127.0.0.1", port }, (stream) => server.accept(stream));
  const received: Peer["received"] = [];
  const unreachable: MemberId[] = [];
  let removals = 0;
  transport.receive({
    messages: (from, messages) => {
      for (const message of messages) received.push({ from, message });
    },
    unreachable: (peer) => unreachable.push(peer),
    snapshot: spec.snapshot ?? (async () => null),
    request: spec.request ?? (async () => null),
    removed: () => {
      removals++;
    },
  });
  let stopped: Promise<void> | null = null;
  const stop = async (): Promise<void> => {
    await listener.close();
    await transport.close();
    await server.close(0);
  };
  const peer = { transport, received, unreachable, removals: () => removals, stop: () => (stopped ??= stop()) };
  context.after(() => peer.stop());
  return peer;
}

export function heartbeat(from: MemberId, to: MemberId, commit: number): Message {
  return { kind: "heartbeat", from, to, term: 1 as Term, commit: commit as LogIndex, readRound: 0 };
}

/** Messages may be lost: they are repeated, as raft does, until one arrives. */
export function arrives(sender: Peer, receiver: Peer, from: MemberId, to: MemberId, commit: number): Promise<void> {
  return eventually(() => {
    sender.transport.send(to, [heartbeat(from, to, commit)]);
    return receiver.received.some(({ message }) => message.kind === "heartbeat" && message.commit === commit);
  }, `message ${commit}`);
}

/** A file in memory, and whether it was closed, once. */
export class MemorySource implements SnapshotSource {
  readonly header: Uint8Array = Buffer.from("header");
  readonly bytes: number;
  closed = 0;
  /** Called before each read. */
  before: (offset: number) => void | Promise<void> = () => {};
  readonly #content: Uint8Array;

  constructor(content: Uint8Array, bytes: number = content.length) {
    this.#content = content;
    this.bytes = bytes;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    await this.before(offset);
    return this.#content.slice(offset, offset + length);
  }

  async close(): Promise<void> {
    this.closed++;
  }
}

/** What a receiver got, and how it ended. */
export class MemorySink implements SnapshotSink {
  readonly pieces: Uint8Array[] = [];
  bytes = 0;
  end: "open" | "finished" | "discarded" | "twice" = "open";
  /** Called before each write. */
  before: () => void | Promise<void> = () => {};

  async write(bytes: Uint8Array): Promise<void> {
    await this.before();
    this.pieces.push(bytes);
    this.bytes += bytes.length;
  }

  async finish(): Promise<boolean> {
    this.#end("finished");
    return true;
  }

  async discard(): Promise<void> {
    this.#end("discarded");
  }

  #end(end: "finished" | "discarded"): void {
    this.end = this.end === "open" ? end : "twice";
  }
}

/** Bytes that no two places share. */
export function contentOf(bytes: number): Uint8Array {
  const content = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) content.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
  return content;
}
