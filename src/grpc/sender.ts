import type { Pieces } from "../base/codec.ts";
import { ConnectionError, ErrorCode } from "./frames.ts";
import type { Http2Stream } from "./http2-stream.ts";
import { MESSAGE_PREFIX_BYTES, messagePrefix, type Output } from "./output.ts";
import { type PeerSettings, WINDOW_MAX_BYTES } from "./settings.ts";

/**
 * While more than this waits for the kernel, DATA stays in the queues of its streams. It lies above every byte stream's
 * high-water mark, so that `drained` always follows.
 */
const OUTPUT_HIGH_BYTES = 512 * 1024;
/** What one stream may send before the next has its turn. */
const QUANTUM_BYTES = 64 * 1024;

export interface SenderOwner<S> {
  /** The block that ends the stream; called at the moment it leaves, because blocks must be encoded in the order they leave. */
  trailers(stream: S): Uint8Array;
  /** The queue of a stream that was `blocked` is empty again. */
  drained(stream: S): void;
  /** Less may be queued than before. Called in the middle of things. */
  relieved(): void;
  /** END_STREAM has been sent. */
  sent(stream: S): void;
}

/**
 * Sends messages within the peer's windows (RFC 9113, section 5.2) and takes turns between streams that have to wait.
 * Whatever fits leaves at once, without entering a queue.
 */
export class Sender<S extends Http2Stream> {
  readonly #output: Output;
  readonly #settings: PeerSettings;
  readonly #owner: SenderOwner<S>;
  readonly #streamQueueBytes: number;
  /** Streams with something to send and window to send it in, in the order of their turns. */
  readonly #ready = new Set<S>();
  connectionWindow = 65_535;
  /** Over all streams. */
  queuedBytes = 0;

  constructor(output: Output, settings: PeerSettings, owner: SenderOwner<S>, streamQueueBytes: number) {
    this.#output = output;
    this.#settings = settings;
    this.#owner = owner;
    this.#streamQueueBytes = streamQueueBytes;
  }

  /** Too much waits for the kernel to put more in front of it. */
  get congested(): boolean {
    return this.#output.queuedBytes > OUTPUT_HIGH_BYTES;
  }

  /** Sends or queues one item; `last` puts END_STREAM behind it. False: the stream's queue is above its limit. */
  send(stream: S, item: Uint8Array, last: boolean): boolean {
    if (this.#goesAtOnce(stream, item.length)) {
      this.#output.message(stream.id, item, last);
      if (last) this.#owner.sent(stream);
      return true;
    }
    if (stream.framed) this.#enqueue(stream, messagePrefix(item.length));
    this.#enqueue(stream, item);
    return this.#queued(stream, last);
  }

  /** The same with one message that lies in pieces, which are never put together. */
  sendPieces(stream: S, { pieces, length, done }: Pieces): boolean {
    if (this.#goesAtOnce(stream, length)) {
      this.#output.pieces(stream.id, pieces, length);
      if (done !== null) for (const piece of pieces) done(piece);
      return true;
    }
    if (done !== null) stream.pieceDone = done;
    this.#enqueue(stream, messagePrefix(length));
    for (const piece of pieces) this.#enqueue(stream, piece);
    return this.#queued(stream, false);
  }

  /** A message of this length leaves now: its bytes are taken from the windows. */
  #goesAtOnce(stream: S, length: number): boolean {
    const bytes = length + MESSAGE_PREFIX_BYTES;
    if (
      stream.queue !== null ||
      !stream.framed ||
      bytes > this.connectionWindow ||
      bytes > stream.sendWindow ||
      bytes > this.#settings.maxFrameBytes ||
      this.congested
    )
      return false;
    this.connectionWindow -= bytes;
    stream.sendWindow -= bytes;
    return true;
  }

  /** Nothing more will be queued on the stream: send trailers, or a bare END_STREAM, when the queue is empty. */
  end(stream: S, ending: "data" | "trailers"): void {
    stream.ending = ending;
    if (stream.queue === null) this.#finish(stream);
  }

  /** The peer lets us send `increment` more bytes over all streams. */
  grow(increment: number): void {
    this.connectionWindow += increment;
    if (this.connectionWindow > WINDOW_MAX_BYTES) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window overflows");
    }
    this.pump();
  }

  /** The same on one stream. False: more than a window may be. */
  growStream(stream: S, increment: number): boolean {
    stream.sendWindow += increment;
    if (stream.sendWindow > WINDOW_MAX_BYTES) return false;
    if (stream.queue !== null) this.#ready.add(stream);
    this.pump();
    return true;
  }

  /** The initial window has changed, and with it those of open streams: they may become negative (RFC 9113, section 6.9.2). */
  adjust(streams: Iterable<S>, growth: number): void {
    for (const stream of streams) {
      stream.sendWindow += growth;
      if (stream.sendWindow > WINDOW_MAX_BYTES) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window overflows");
      }
      if (growth > 0 && stream.queue !== null) this.#ready.add(stream);
    }
  }

  /** The stream is gone and with it what it had to send. */
  forget(stream: S): void {
    if (this.#ready.size > 0) this.#ready.delete(stream);
    this.queuedBytes -= stream.queuedBytes;
    stream.queuedBytes = 0;
    stream.queue = null;
    this.#owner.relieved();
  }

  /** Sends what windows and the kernel allow. */
  pump(): void {
    if (this.#ready.size === 0) return;
    this.#takeTurns();
    this.#owner.relieved();
  }

  #takeTurns(): void {
    // Streams that are added again during the loop come up again: each turn ends with progress or without the stream.
    for (const stream of this.#ready) {
      if (this.congested) return;
      this.#ready.delete(stream);
      if (this.#turn(stream)) this.#ready.add(stream);
      if (this.connectionWindow <= 0 && stream.queue !== null) return;
    }
  }

  #enqueue(stream: S, bytes: Uint8Array): void {
    if (stream.queue === null) {
      stream.queue = [];
      stream.sentBytes = 0;
    }
    stream.queue.push(bytes);
    stream.queuedBytes += bytes.length;
    this.queuedBytes += bytes.length;
  }

  #queued(stream: S, last: boolean): boolean {
    if (last) stream.ending = "data";
    this.#ready.add(stream);
    this.pump();
    stream.blocked = stream.queuedBytes > this.#streamQueueBytes;
    return !stream.blocked;
  }

  /** One stream's turn. True: it could send more and goes to the end of the line. */
  #turn(stream: S): boolean {
    let quantum = QUANTUM_BYTES;
    while (stream.queue !== null && quantum > 0) {
      const sent = this.#sendFrame(stream, stream.queue);
      if (sent < 0) return this.connectionWindow <= 0 && stream.sendWindow > 0;
      quantum -= Math.max(sent, 1);
    }
    if (stream.queue !== null) return true;
    if (stream.ending !== "open") {
      this.#finish(stream);
    } else if (stream.blocked) {
      stream.blocked = false;
      this.#owner.drained(stream);
    }
    return false;
  }

  /** Everything queued has left: end the stream, unless its last DATA has done so. */
  #finish(stream: S): void {
    if (stream.localClosed || stream.detached) return;
    if (stream.ending === "trailers") {
      const block = this.#owner.trailers(stream);
      this.#output.headers(stream.id, block, true, this.#settings.maxFrameBytes);
    } else {
      this.#output.dataHead(stream.id, 0, true);
    }
    this.#owner.sent(stream);
  }

  /** Sends one DATA frame of what is queued and returns its size, or -1 when a window is used up. */
  #sendFrame(stream: S, queue: Uint8Array[]): number {
    const room = Math.min(this.connectionWindow, stream.sendWindow, this.#settings.maxFrameBytes);
    if (room <= 0 && stream.queuedBytes > 0) return -1;
    const size = Math.max(0, Math.min(room, stream.queuedBytes));
    const last = size === stream.queuedBytes && stream.ending === "data";
    this.#output.dataHead(stream.id, size, last);
    this.#appendQueued(stream, queue, size);
    this.connectionWindow -= size;
    stream.sendWindow -= size;
    stream.queuedBytes -= size;
    this.queuedBytes -= size;
    if (queue.length === 0) stream.queue = null;
    if (last) this.#owner.sent(stream);
    return size;
  }

  /** Takes `size` bytes out of the queue: what has left is let go piece by piece. */
  #appendQueued(stream: S, queue: Uint8Array[], size: number): void {
    let left = size;
    for (let piece = queue[0]; piece !== undefined; piece = queue[0]) {
      const start = stream.sentBytes;
      const end = Math.min(piece.length, start + left);
      this.#output.append(piece, start, end);
      left -= end - start;
      if (end < piece.length) {
        stream.sentBytes = end;
        return;
      }
      queue.shift();
      stream.sentBytes = 0;
      stream.pieceDone?.(piece);
    }
  }
}
