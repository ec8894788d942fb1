/** env's Transport over gRPC: a PeerSender for each other member, and the service that takes in what they send here. */
import { CodecError } from "../../base/codec.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { Prng } from "../../base/prng.ts";
import type { Clock } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import type { Trace } from "../../env/trace.ts";
import type { Transport, TransportHandler } from "../../env/transport.ts";
import type { GrpcServer, ServerStream } from "../../grpc/server.ts";
import { GrpcError, StatusCode } from "../../grpc/status.ts";
import type { Frame, Hello } from "../../proto/gen/peerpb.ts";
import { Welcome } from "../../proto/gen/peerpb.ts";
import { Peer } from "../../proto/gen/rpc.ts";
import type { Identity, Message } from "../model.ts";
import { PeerSender, type PeerTimes, PROTOCOL_VERSION } from "./sender.ts";
import { fromWire } from "./wire.ts";

export interface PeerTransportOptions extends PeerTimes {
  readonly identity: Identity;
  /** Every other member: where to dial it. */
  readonly peers: ReadonlyMap<MemberId, readonly StreamAddress[]>;
  readonly network: StreamNetwork;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly prng: Prng;
}

export class PeerTransport implements Transport<Message> {
  readonly #options: PeerTransportOptions;
  readonly #senders = new Map<MemberId, PeerSender>();
  #handler: TransportHandler<Message> | null = null;

  constructor(options: PeerTransportOptions) {
    this.#options = options;
  }

  /** Answers peers on a server of its own: clients have no business there. */
  serve(server: GrpcServer): void {
    server.streaming(Peer.Messages, (stream) => this.#accept(stream));
  }

  receive(handler: TransportHandler<Message>): void {
    this.#handler = handler;
    const unreachable = (peer: MemberId): void => handler.unreachable(peer);
    for (const [peer, addresses] of this.#options.peers) {
      const prng = this.#options.prng.fork();
      this.#senders.set(peer, new PeerSender({ ...this.#options, peer, addresses, prng, unreachable }));
    }
  }

  send(to: MemberId, messages: readonly Message[]): void {
    this.#senders.get(to)?.send(messages);
  }

  async close(): Promise<void> {
    for (const sender of this.#senders.values()) sender.close();
  }

  /** The first frame says who dials; a stranger's stream ends with the reason. */
  #accept(stream: ServerStream<Frame, Welcome>): void {
    let from: MemberId | null = null;
    const refuse = (reason: string): void => {
      this.#options.trace.warn("rejected connection on peer endpoint", { "remote-addr": stream.remote, error: reason });
      stream.end(new GrpcError(StatusCode.FAILED_PRECONDITION, reason));
    };
    stream.receive({
      message: (frame) => {
        if (from === null) {
          const refusal = this.#refusal(frame.hello);
          if (refusal !== null) return refuse(refusal);
          from = frame.hello?.from as MemberId;
          stream.send(Welcome.create());
          this.#senders.get(from)?.peerDialled();
        }
        if (frame.messages.length > 0) this.#deliver(from, frame, refuse);
      },
      ended: () => stream.end(),
      cancelled: () => {},
    });
  }

  #deliver(from: MemberId, frame: Frame, refuse: (reason: string) => void): void {
    const { member } = this.#options.identity;
    try {
      this.#handler?.messages(
        from,
        frame.messages.map((message) => fromWire(message, from, member)),
      );
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      refuse(error.message);
    }
  }

  #refusal(hello: Hello | null): string | null {
    const { identity, peers } = this.#options;
    if (hello === null) return "the first frame of a peer's stream says who sends it";
    const { protocolVersion, clusterId, from, to } = hello;
    if (protocolVersion !== PROTOCOL_VERSION)
      return `peer speaks protocol version ${protocolVersion}, this member ${PROTOCOL_VERSION}`;
    if (clusterId !== identity.cluster)
      return `cluster ID mismatch: peer ${hex(from)} belongs to ${hex(clusterId)}, this member to ${hex(identity.cluster)}`;
    if (to !== identity.member) return `peer ${hex(from)} looks for member ${hex(to)}, this is ${hex(identity.member)}`;
    return peers.has(from as MemberId) ? null : `member ${hex(from)} is not part of this cluster`;
  }
}
