import type { MemberId } from "../base/ids.ts";

/**
 * How members talk. Messages: promises neither order nor delivery, and never blocks: what cannot be sent is dropped, because raft
 * repeats what matters. `Message` is immutable.
 */
export interface Transport<Message> {
  /** One call a turn and peer: the batch leaves as one write (D2). */
  send(to: MemberId, messages: readonly Message[]): void;
  /** Set once by the member before anything is sent. */
  receive(handler: TransportHandler<Message>): void;
  close(): Promise<void>;
}

export interface TransportHandler<Message> {
  messages(from: MemberId, messages: readonly Message[]): void;
  /** What was sent to this peer lately may be lost: its connection broke, or its queue was full. */
  unreachable(peer: MemberId): void;
}

/** A file on its way to a peer. */
export interface SnapshotSource {
  /** What the receiver must know before the first byte; opaque to the transport. */
  readonly header: Uint8Array;
  readonly bytes: number;
  /** Fewer only at the end. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** In any case, once. */
  close(): Promise<void>;
}

/** Where a file that arrives goes: written piece by piece, then exactly one of the other two. */
export interface SnapshotSink {
  write(bytes: Uint8Array): Promise<void>;
  /** All of it is here. True once it is durable and taken. */
  finish(): Promise<boolean>;
  /** The stream broke. */
  discard(): Promise<void>;
}

/** All that members say to each other, and who they are. */
export interface ClusterTransport<Message> extends Transport<Message> {
  receive(handler: ClusterTransportHandler<Message>): void;
  /** Every other member by id, with its peer URLs: new ones are dialled, others' connections closed. What a removed one says is refused. */
  setPeers(peers: ReadonlyMap<MemberId, readonly string[]>, removed: ReadonlySet<MemberId>): void;
  /** Whether the peer has taken it; never rejects. A stream that stands still is given up. Closes the source. */
  sendSnapshot(to: MemberId, source: SnapshotSource): Promise<boolean>;
  /** A question to one peer (lease renewals): its answer, or null when there is none in time. At most once. */
  request(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null>;
}

export interface ClusterTransportHandler<Message> extends TransportHandler<Message> {
  /** Null: it is not wanted. */
  snapshot(from: MemberId, header: Uint8Array): Promise<SnapshotSink | null>;
  /** Null: no answer. */
  request(from: MemberId, request: Uint8Array): Promise<Uint8Array | null>;
  /** A peer says that this member belongs to the cluster no more. */
  removed(): void;
}
