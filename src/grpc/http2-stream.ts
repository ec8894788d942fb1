import { Expiring } from "./deadlines.ts";

/**
 * One HTTP/2 stream as the connection sees it: identity, state, both windows, and the bytes that wait to be sent. The two
 * halves of gRPC derive their calls from it, so that a call is one object.
 */
export abstract class Http2Stream extends Expiring {
  /** 0 until the stream is opened. */
  id: number;
  /** Bytes the peer lets us send; negative after it has lowered its initial window. */
  sendWindow: number;
  /** Bytes we still accept. */
  receiveWindow: number;
  /** Received and not yet given back to the peer's window. */
  uncredited = 0;
  /** While true, received bytes are not given back: the peer stops when its window is used up. */
  creditPaused = false;
  /** The peer has sent END_STREAM. */
  remoteClosed = false;
  /** We have sent END_STREAM. */
  localClosed = false;
  /** The connection no longer knows the stream: nothing is sent, nothing arrives. */
  detached = false;
  /** What is sent are gRPC messages, each behind its length prefix; otherwise plain body bytes. */
  framed = true;
  /** Pieces of what is to be sent, prefixes among them. */
  queue: Uint8Array[] | null = null;
  /** Bytes of the first queued piece that are already sent. */
  sentBytes = 0;
  queuedBytes = 0;
  /** To be told of each queued piece that has left. */
  pieceDone: ((piece: Uint8Array) => void) | null = null;
  /** What follows the queue: nothing yet, END_STREAM on the last DATA, or trailers. */
  ending: "open" | "data" | "trailers" = "open";
  /** `send` has said no and `drained` is owed. */
  blocked = false;

  constructor(id: number, sendWindow: number, receiveWindow: number) {
    super();
    this.id = id;
    this.sendWindow = sendWindow;
    this.receiveWindow = receiveWindow;
  }
}
