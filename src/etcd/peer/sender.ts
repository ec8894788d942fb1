/**
 * One direction of talk between two members: everything this one sends to that one travels on connections that this one dialled (D7).
 *
 *   idle -> dialling -> greeted (hello sent, messages follow) -> broken -> back-off -> dialling ...
 *
 * Messages wait in a queue of limited size only while a connection is up or coming up; what does not fit is dropped, because
 * raft repeats what matters. A ping goes out every so often: one unanswered for a whole election time-out means that the way is
 * cut, whatever TCP believes.
 */
import { hex, type MemberId } from "../../base/ids.ts";
import type { Prng } from "../../base/prng.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import type { Trace } from "../../env/trace.ts";
import { type ClientStream, GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcError } from "../../grpc/status.ts";
import { Frame } from "../../proto/gen/peerpb.ts";
import { Peer } from "../../proto/gen/rpc.ts";
import type { Message } from "../model.ts";
import { type Introduced, makeHello, saysRemoved } from "./hello.ts";
import { sizeOf, toWire } from "./wire.ts";

export interface PeerTimes {
  readonly heartbeatMs: number;
  readonly electionMs: number;
}

export interface SenderOptions extends PeerTimes, Introduced {
  readonly peer: MemberId;
  /** Tried in turn; at least one. */
  readonly addresses: readonly StreamAddress[];
  readonly network: StreamNetwork;
  readonly clock: Clock;
  readonly trace: Trace;
  readonly prng: Prng;
  /** What was sent lately may be lost. */
  readonly unreachable: (peer: MemberId) => void;
  /** The peer says that this member belongs to the cluster no more. */
  readonly removed: () => void;
}

/** Data waiting for a connection, or for a slow one. */
const QUEUE_MAX_BYTES = 64 * 1024 * 1024;
/** Of an election time-out: a peer that is back must not lose its first elections, or what it forwards, to our waiting. */
const BACKOFF_MAX_SHARE = 1 / 4;

export class PeerSender {
  readonly #options: SenderOptions;
  #link: Link | null = null;
  #backoffTimer: Timer | null = null;
  #failures = 0;
  #connectedSinceMs: number | null = null;
  #closed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#dial();
  }

  /** Where the peer was dialled last. */
  get address(): StreamAddress {
    const { addresses } = this.#options;
    return addresses[this.#failures % addresses.length] as StreamAddress;
  }

  /** Since when the peer has been reached without a break, by the monotonic clock; null: it is not. */
  get connectedSinceMs(): number | null {
    return this.#connectedSinceMs;
  }

  send(messages: readonly Message[]): void {
    this.#link?.send(messages);
  }

  /** The answer, or null: no connection, none in time, or the peer has none. Asked at most once. */
  ask(question: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    return this.#link?.ask(question, timeoutMs) ?? Promise.resolve(null);
  }

  /** The peer has dialled us, so it is there: no more waiting. Once for each of its connections, so a one-way cut makes no storm. */
  peerDialled(): void {
    if (this.#backoffTimer === null || this.#closed) return;
    this.#backoffTimer.cancel();
    this.#redial();
  }

  close(): void {
    this.#closed = true;
    this.#backoffTimer?.cancel();
    this.#link?.close();
    this.#link = null;
  }

  #dial(): void {
    const { address } = this;
    this.#link = new Link(this.#options, address, {
      welcomed: () => {
        this.#options.trace.info("established connection to peer", this.#fields(address));
        this.#failures = 0;
        this.#connectedSinceMs = this.#options.clock.monotonicMs();
      },
      broken: (reason) => this.#broken(address, reason),
    });
  }

  #broken(address: StreamAddress, reason: string): void {
    if (this.#closed) return;
    const { trace, clock, prng, heartbeatMs, electionMs, unreachable, peer } = this.#options;
    this.#link = null;
    this.#connectedSinceMs = null;
    const fields = { ...this.#fields(address), error: reason };
    // The first failure is news; that it goes on is not.
    if (this.#failures === 0) trace.warn("lost connection to peer", fields);
    else trace.debug("failed to connect to peer", fields);
    // At first as often as heartbeats, then more slowly, never all at the same moment.
    const delayMs =
      Math.min(heartbeatMs * 2 ** Math.min(this.#failures, 10), electionMs * BACKOFF_MAX_SHARE) *
      (0.5 + prng.float() / 2);
    this.#failures++;
    this.#backoffTimer = clock.after(delayMs, () => this.#redial());
    unreachable(peer);
    if (saysRemoved(reason)) this.#options.removed();
  }

  #redial(): void {
    this.#backoffTimer = null;
    this.#dial();
  }

  #fields(address: StreamAddress): Record<string, unknown> {
    return { "remote-peer-id": hex(this.#options.peer), address: `${address.host}:${address.port}` };
  }
}

interface LinkEvents {
  welcomed(): void;
  /** Exactly once, unless closed first. */
  broken(reason: string): void;
}

/** One connection from dial to break. */
class Link {
  readonly #options: SenderOptions;
  readonly #events: LinkEvents;
  readonly #connection: GrpcConnection;
  readonly #stream: ClientStream<Frame>;
  #waiting: Message[] = [];
  #waitingBytes = 0;
  #blocked = false;
  #over = false;
  #timer: Timer | null = null;
  /** Beats since the last answer. Counted, not measured: time in which this process did not run is no evidence against a peer. */
  #unanswered = 0;

  constructor(options: SenderOptions, address: StreamAddress, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
    const { network, clock, peer } = options;
    this.#connection = new GrpcConnection(network.connect(address), { clock });
    this.#connection.onClosed((error) => this.#break(error?.message ?? "closed by peer"));
    this.#stream = this.#connection.stream(
      Peer.Messages,
      {},
      {
        message: () => events.welcomed(),
        drained: () => this.#drained(),
        closed: (error: GrpcError | null) => this.#break(error?.message ?? "stream ended by peer"),
      },
    );
    this.#write(Frame.create({ hello: makeHello(options, peer) }));
    this.#schedulePing();
  }

  send(messages: readonly Message[]): void {
    if (this.#over) return;
    if (!this.#blocked) {
      this.#write(Frame.create({ messages: messages.map(toWire) }));
      // The peer's disk is to work while this member goes on with its turn.
      this.#connection.flush();
      return;
    }
    let dropped = false;
    for (const message of messages) {
      const bytes = sizeOf(message);
      if (this.#waitingBytes + bytes > QUEUE_MAX_BYTES) {
        dropped = true;
        continue;
      }
      this.#waiting.push(message);
      this.#waitingBytes += bytes;
    }
    if (dropped) this.#options.unreachable(this.#options.peer);
  }

  ask(question: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    const hello = makeHello(this.#options, this.#options.peer);
    return new Promise((resolve) => {
      this.#connection.unary(Peer.Ask, { hello, question }, { timeoutMs }, (_, reply) =>
        resolve(reply?.answered ? reply.answer.slice() : null),
      );
    });
  }

  close(): void {
    this.#over = true;
    this.#timer?.cancel();
    this.#connection.close();
  }

  #write(frame: Frame): void {
    if (!this.#stream.send(frame)) this.#blocked = true;
  }

  #drained(): void {
    this.#blocked = false;
    if (this.#over || this.#waiting.length === 0) return;
    const messages = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.send(messages);
  }

  /** Covers the dial too: a SYN into a cut goes unanswered like anything else. */
  #schedulePing(): void {
    const { clock, heartbeatMs, electionMs } = this.#options;
    this.#timer = clock.after(heartbeatMs, () => {
      this.#unanswered++;
      if (this.#unanswered * heartbeatMs > electionMs) this.#break("ping unanswered");
      else this.#schedulePing();
    });
    if (this.#connection.state !== "ready") return;
    this.#connection.ping((error) => {
      if (error === null) this.#unanswered = 0;
    });
  }

  #break(reason: string): void {
    if (this.#over) return;
    this.close();
    this.#events.broken(reason);
  }
}
