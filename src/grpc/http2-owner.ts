import type { Clock } from "../env/clock.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { SenderOwner } from "./sender.ts";

export interface Http2Options {
  readonly clock: Clock;
  readonly role: "client" | "server";
  /** Peer-opened streams at a time; 0 for a client, whose server must not push. */
  readonly maxConcurrentStreams: number;
  /** A stream's queue above which `send` says to wait. */
  readonly streamQueueBytes: number;
}

/** The half above: a server's or a client's calls. `Head` is what a header block means to it. */
export interface Http2Owner<S extends Http2Stream, Head> extends SenderOwner<S> {
  interpret(fields: readonly string[], tooLarge: boolean): Head;
  /** The peer opens a stream; null refuses it. Servers only. */
  open(id: number, sendWindow: number, receiveWindow: number): S | null;
  /** A complete field section; `stream.remoteClosed` says whether anything follows. */
  head(stream: S, head: Head): void;
  /** Body bytes [start, end), without padding. Called with an empty range when only END_STREAM arrives. */
  data(stream: S, bytes: Buffer, start: number, end: number): void;
  /** The stream ended before its time; it is detached already. `byPeer` false: we saw it break the protocol. */
  reset(stream: S, code: number, byPeer: boolean): void;
  /** The peer's settings have arrived or changed. */
  settled(): void;
  /** The peer takes no stream above `lastStreamId` any more. */
  goaway(lastStreamId: number, code: number): void;
  pong(payload: Buffer): void;
  /** A stream is gone: there is room for another, or nothing left. Called in the middle of things. */
  released(stream: S): void;
  /** Last call. Every stream is still attached. */
  closed(error: Error | null): void;
}
