import type { MemberId } from "../base/ids.ts";

/**
 * How members talk: raft messages and forwarded requests (and, from the next issues on, snapshots). Promises neither order nor
 * delivery, and never blocks: what cannot be sent is dropped, because raft repeats what matters. `Message` is immutable.
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
