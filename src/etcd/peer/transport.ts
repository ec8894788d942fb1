/** env's ClusterTransport over gRPC: a PeerSender for each other member, and the service that takes in what they send here. */
import { assert } from "../../base/assert.ts";
import { CodecError } from "../../base/codec.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { Prng } from "../../base/prng.ts";
import type { Clock } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import type { Trace } from "../../env/trace.ts";
import type { ClusterTransport, ClusterTransportHandler, SnapshotSource } from "../../env/transport.ts";
import type { GrpcServer, ServerStream } from "../../grpc/server.ts";
import { GrpcError, StatusCode } from "../../grpc/status.ts";
import type { Frame, Hello, Question, Reply } from "../../proto/gen/peerpb.ts";
import { Welcome } from "../../proto/gen/peerpb.ts";
import { Peer } from "../../proto/gen/rpc.ts";
import type { Message } from "../model.ts";
import { type Introduced, makeHello, refusalOf } from "./hello.ts";
import { PeerSender, type PeerTimes } from "./sender.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { fromWire } from "./wire.ts";

export interface PeerTransportOptions extends PeerTimes, Introduced {
  /** Where to dial a member that has these peer URLs; none: it cannot be dialled. */
  readonly addressesOf: (peer: MemberId, peerUrls: readonly string[]) => readonly StreamAddress[];
  readonly network: StreamNetwork;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly prng: Prng;
}

/** Members that others have added while this one lagged behind. */
const NEWCOMERS_MAX = 16;

type MessageStream = ServerStream<Frame, Welcome>;

/** Of one peer, since it has been known at these URLs. */
export interface PeerCounts {
  snapshotsSent: number;
  snapshotSendFailures: number;
  snapshotsInFlight: number;
  snapshotsReceived: number;
  snapshotReceiveFailures: number;
}

interface Known {
  readonly peerUrls: readonly string[];
  readonly counts: PeerCounts;
  /** Null before the member receives, and for a peer that cannot be dialled. */
  sender: PeerSender | null;
}

export class PeerTransport implements ClusterTransport<Message> {
  readonly #options: PeerTransportOptions;
  readonly #peers = new Map<MemberId, Known>();
  /**
   * Members of this cluster by their own word, of which this one was not told yet. One of them may lead: unanswered it could never
   * bring the entries that tell of it. Each is forgotten with the stream on which it introduced itself.
   */
  readonly #newcomers = new Map<MemberId, Known>();
  #removed: ReadonlySet<MemberId> = new Set();
  /** The stream on which each peer talks; a newer one ends the one before, which a cut may have left. */
  readonly #incoming = new Map<MemberId, MessageStream>();
  readonly #snapshots = new Set<SnapshotSender>();
  readonly #receiver: SnapshotReceiver;
  #handler: ClusterTransportHandler<Message> | null = null;
  #toldRemoved = false;
  #closed = false;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
    this.#receiver = new SnapshotReceiver({
      ...options,
      refusal: ({ hello }) => this.#refusal(hello),
      open: async (from, header) => this.#handler?.snapshot(from, header) ?? null,
      ended: (from, taken) => {
        const counts = this.#peers.get(from)?.counts;
        if (counts === undefined) return;
        if (taken) counts.snapshotsReceived++;
        else counts.snapshotReceiveFailures++;
      },
    });
  }

  /** Answers peers on a server of its own: clients have no business there. */
  serve(server: GrpcServer): void {
    server.streaming(Peer.Messages, (stream) => this.#accept(stream));
    server.streaming(Peer.Snapshot, (stream) => this.#receiver.accept(stream));
    server.unary(Peer.Ask, (question) => this.#answer(question));
  }

  receive(handler: ClusterTransportHandler<Message>): void {
    assert(this.#handler === null, "a transport has one handler");
    this.#handler = handler;
    for (const [peer, known] of this.#peers) known.sender = this.#dial(peer, known.peerUrls);
  }

  setPeers(peers: ReadonlyMap<MemberId, readonly string[]>, removed: ReadonlySet<MemberId>): void {
    if (this.#closed) return;
    this.#removed = new Set(removed);
    for (const [peer, known] of this.#peers) {
      const peerUrls = peers.get(peer);
      if (peerUrls !== undefined && isSame(peerUrls, known.peerUrls)) continue;
      known.sender?.close();
      this.#peers.delete(peer);
      for (const snapshot of this.#snapshots) if (snapshot.peer === peer) snapshot.close();
    }
    for (const [peer, peerUrls] of peers) {
      if (peer === this.#options.identity.member || this.#peers.has(peer)) continue;
      this.#forgetNewcomer(peer);
      this.#peers.set(peer, { peerUrls, counts: noCounts(), sender: this.#dial(peer, peerUrls) });
    }
    for (const [peer, stream] of this.#incoming) {
      const refusal = this.#refusalOfMember(peer);
      if (refusal !== null) this.#refuse(stream, refusal);
    }
  }

  /** Every other member by id, with its peer URLs, as told last. */
  get peers(): ReadonlyMap<MemberId, readonly string[]> {
    return new Map([...this.#peers].map(([peer, { peerUrls }]) => [peer, peerUrls]));
  }

  /** For metrics. */
  get counts(): ReadonlyMap<MemberId, Readonly<PeerCounts>> {
    return new Map([...this.#peers].map(([peer, { counts }]) => [peer, counts]));
  }

  /** Since when this peer has been reached without a break, by the monotonic clock; null: it is not. */
  connectedSinceMs(peer: MemberId): number | null {
    return this.#peers.get(peer)?.sender?.connectedSinceMs ?? null;
  }

  send(to: MemberId, messages: readonly Message[]): void {
    this.#known(to)?.sender?.send(messages);
  }

  async sendSnapshot(to: MemberId, source: SnapshotSource): Promise<boolean> {
    const known = this.#peers.get(to);
    const address = known?.sender?.address;
    if (known === undefined || address === undefined) {
      await source.close().catch(() => {});
      return false;
    }
    const sender = new SnapshotSender({ ...this.#options, peer: to, address }, source);
    this.#snapshots.add(sender);
    known.counts.snapshotsInFlight++;
    const taken = await sender.run();
    known.counts.snapshotsInFlight--;
    if (taken) known.counts.snapshotsSent++;
    else known.counts.snapshotSendFailures++;
    this.#snapshots.delete(sender);
    return taken;
  }

  async request(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    return this.#known(to)?.sender?.ask(request, timeoutMs) ?? null;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const known of [this.#peers, this.#newcomers]) {
      for (const { sender } of known.values()) sender?.close();
      known.clear();
    }
    for (const snapshot of this.#snapshots) snapshot.close();
    await this.#receiver.close();
  }

  #known(peer: MemberId): Known | undefined {
    return this.#peers.get(peer) ?? this.#newcomers.get(peer);
  }

  #forgetNewcomer(peer: MemberId): void {
    this.#newcomers.get(peer)?.sender?.close();
    this.#newcomers.delete(peer);
  }

  /** Null before this member receives, and where there is no address. */
  #dial(peer: MemberId, peerUrls: readonly string[]): PeerSender | null {
    const handler = this.#handler;
    if (handler === null) return null;
    const addresses = this.#options.addressesOf(peer, peerUrls);
    if (addresses.length === 0) {
      this.#options.trace.warn("peer cannot be dialled", { "remote-peer-id": hex(peer), "peer-urls": peerUrls });
      return null;
    }
    return new PeerSender({
      ...this.#options,
      peer,
      addresses,
      prng: this.#options.prng.fork(),
      unreachable: () => handler.unreachable(peer),
      removed: () => {
        if (!this.#toldRemoved) handler.removed();
        this.#toldRemoved = true;
      },
    });
  }

  /** The first frame says who dials; a stranger's stream ends with the reason. */
  #accept(stream: MessageStream): void {
    let from: MemberId | null = null;
    const forget = (): void => {
      if (from === null || this.#incoming.get(from) !== stream) return;
      this.#incoming.delete(from);
      this.#forgetNewcomer(from);
    };
    stream.receive({
      message: (frame) => {
        if (from === null) {
          const refusal = this.#refusal(frame.hello);
          if (refusal !== null) return this.#refuse(stream, refusal);
          from = frame.hello?.from as MemberId;
          this.#welcome(from, frame.hello?.peerUrls ?? [], stream);
        }
        // What a stream that was ended still brings is nobody's.
        if (frame.messages.length > 0 && this.#incoming.get(from) === stream) this.#deliver(from, frame, stream);
      },
      ended: () => {
        forget();
        stream.end();
      },
      cancelled: forget,
    });
  }

  #welcome(from: MemberId, peerUrls: readonly string[], stream: MessageStream): void {
    const before = this.#incoming.get(from);
    this.#incoming.set(from, stream);
    before?.end(new GrpcError(StatusCode.ABORTED, "the peer has dialled again"));
    stream.send(Welcome.create());
    if (!this.#peers.has(from)) {
      this.#forgetNewcomer(from);
      this.#newcomers.set(from, { peerUrls, counts: noCounts(), sender: this.#dial(from, peerUrls) });
    }
    this.#known(from)?.sender?.peerDialled();
  }

  #deliver(from: MemberId, frame: Frame, stream: MessageStream): void {
    const { member } = this.#options.identity;
    try {
      this.#handler?.messages(
        from,
        frame.messages.map((message) => fromWire(message, from, member)),
      );
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#refuse(stream, error.message);
    }
  }

  async #answer({ hello, question }: Question): Promise<Reply> {
    const refusal = this.#refusal(hello);
    if (refusal !== null) throw new GrpcError(StatusCode.FAILED_PRECONDITION, refusal);
    const answer = (await this.#handler?.request(hello?.from as MemberId, question.slice())) ?? null;
    return { answered: answer !== null, answer: answer ?? new Uint8Array() };
  }

  #refuse(stream: MessageStream, reason: string): void {
    for (const [peer, incoming] of this.#incoming) {
      if (incoming !== stream) continue;
      this.#incoming.delete(peer);
      this.#forgetNewcomer(peer);
    }
    this.#options.trace.warn("rejected connection on peer endpoint", { "remote-addr": stream.remote, error: reason });
    stream.end(new GrpcError(StatusCode.FAILED_PRECONDITION, reason));
  }

  #refusal(hello: Hello | null): string | null {
    return refusalOf(hello, {
      identity: this.#options.identity,
      isWelcome: (id) => this.#known(id) !== undefined || (hello !== null && this.#mayCome(hello)),
      isRemoved: (id) => this.#removed.has(id),
    });
  }

  /** Whoever says where it can be dialled, as long as there are few of them. */
  #mayCome({ peerUrls }: Hello): boolean {
    return peerUrls.length > 0 && this.#newcomers.size < NEWCOMERS_MAX;
  }

  /** As if it introduced itself now. */
  #refusalOfMember(from: MemberId): string | null {
    const identity = { cluster: this.#options.identity.cluster, member: from };
    return this.#refusal(makeHello({ identity, peerUrls: [] }, this.#options.identity.member));
  }
}

function noCounts(): PeerCounts {
  return {
    snapshotsSent: 0,
    snapshotSendFailures: 0,
    snapshotsInFlight: 0,
    snapshotsReceived: 0,
    snapshotReceiveFailures: 0,
  };
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((text, i) => text === others[i]);
}
