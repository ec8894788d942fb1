import { ConnectionError, ErrorCode } from "./frames.ts";
import { WINDOW_MAX_BYTES } from "./settings.ts";

/** Streams we have reset whose late frames we still ignore. */
const RECENT_RESETS_MAX = 1_024;
/** Stream ids have 31 bits, as windows have. */
const STREAM_ID_MAX = WINDOW_MAX_BYTES;

/**
 * Which stream ids have been used, and so what a frame means whose stream is not open: early, late or wrong (RFC 9113, section
 * 5.1). Only clients open streams here: nobody pushes.
 */
export class StreamIds {
  readonly #role: "client" | "server";
  readonly #recentResets = new Set<number>();
  #lastPeerStream = 0;
  #next = 1;
  #goawaySent = false;

  constructor(role: "client" | "server") {
    this.#role = role;
  }

  /** The last stream of the peer's that we have taken, or refused by a reset. */
  get lastPeerStream(): number {
    return this.#lastPeerStream;
  }

  /** The id of the next stream we open, or 0 when they are used up. */
  next(): number {
    if (this.#next > STREAM_ID_MAX) return 0;
    const id = this.#next;
    this.#next += 2;
    return id;
  }

  /** HEADERS on an unknown stream. True: the peer opens it. False: it is late, or too late, and ignored. */
  opens(streamId: number): boolean {
    if (this.#role === "client" || streamId <= this.#lastPeerStream) {
      this.checkClosed(streamId, "HEADERS on a closed stream");
      return false;
    }
    if (streamId % 2 === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a client's streams are odd");
    if (this.#goawaySent) return false;
    this.#lastPeerStream = streamId;
    return true;
  }

  /** A frame for a stream that is not open: idle breaks the connection; after our own reset the frame was on its way. */
  checkClosed(streamId: number, message: string): void {
    this.checkNotIdle(streamId);
    // A client's own cancelled calls may be many, and a late answer to one harms nobody.
    if (this.#role === "client" || this.#recentResets.has(streamId)) return;
    if (this.#goawaySent && streamId > this.#lastPeerStream) return;
    throw new ConnectionError(ErrorCode.STREAM_CLOSED, message);
  }

  checkNotIdle(streamId: number): void {
    const ours = streamId % 2 === 1 && this.#role === "client";
    const idle = ours ? streamId >= this.#next : streamId > this.#lastPeerStream;
    // Streams refused by our GOAWAY are not idle for the peer.
    if (idle && !(this.#goawaySent && streamId % 2 === 1)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a frame on an idle stream");
    }
  }

  /** We have reset this stream: what the peer sent before it heard of that is no mistake. */
  rememberReset(streamId: number): void {
    this.#recentResets.add(streamId);
    if (this.#recentResets.size > RECENT_RESETS_MAX) {
      for (const oldest of this.#recentResets) {
        this.#recentResets.delete(oldest);
        break;
      }
    }
  }

  /** From now on the peer's new streams are ignored. False: that was so already. */
  stop(): boolean {
    if (this.#goawaySent) return false;
    this.#goawaySent = true;
    return true;
  }
}
