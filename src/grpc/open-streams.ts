import { FloodGuard } from "./flood.ts";
import { ConnectionError, ErrorCode } from "./frames.ts";
import type { Http2Options, Http2Owner } from "./http2-owner.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { Output } from "./output.ts";
import { STREAM_WINDOW_BYTES } from "./receive-windows.ts";
import type { Sender } from "./sender.ts";
import type { PeerSettings } from "./settings.ts";
import { StreamIds } from "./stream-ids.ts";

const RESET_BURST = 20_000;
const RESETS_PER_SECOND = 2_000;

/** The streams of one connection: how they are opened by either end, closed in two halves, reset, and forgotten. */
export class OpenStreams<S extends Http2Stream> {
  readonly ids: StreamIds;
  readonly #streams = new Map<number, S>();
  readonly #options: Http2Options;
  readonly #owner: Http2Owner<S, unknown>;
  readonly #output: Output;
  readonly #sender: Sender<S>;
  readonly #peer: PeerSettings;
  readonly #resets: FloodGuard;

  constructor(
    options: Http2Options,
    owner: Http2Owner<S, unknown>,
    output: Output,
    sender: Sender<S>,
    peer: PeerSettings,
  ) {
    this.ids = new StreamIds(options.role);
    this.#options = options;
    this.#owner = owner;
    this.#output = output;
    this.#sender = sender;
    this.#peer = peer;
    this.#resets = new FloodGuard(options.clock, RESET_BURST, RESETS_PER_SECOND);
  }

  get size(): number {
    return this.#streams.size;
  }

  get(streamId: number): S | undefined {
    return this.#streams.get(streamId);
  }

  values(): MapIterator<S> {
    return this.#streams.values();
  }

  /** The connection is gone: nothing is sent any more, and the owner knows. */
  clear(): void {
    this.#streams.clear();
  }

  /** Registers a stream that we open; HEADERS must follow at once. */
  attach(stream: S): void {
    stream.sendWindow = this.#peer.initialWindowBytes;
    stream.receiveWindow = STREAM_WINDOW_BYTES;
    this.#streams.set(stream.id, stream);
  }

  /** HEADERS on a stream that is not open. Null: it stays closed. */
  openByPeer(streamId: number): S | null {
    if (!this.ids.opens(streamId)) return null;
    const stream =
      this.#streams.size < this.#options.maxConcurrentStreams
        ? this.#owner.open(streamId, this.#peer.initialWindowBytes, STREAM_WINDOW_BYTES)
        : null;
    if (stream === null) {
      this.countReset("too many refused streams");
      this.ids.rememberReset(streamId);
      this.#output.reset(streamId, ErrorCode.REFUSED_STREAM);
      return null;
    }
    this.#streams.set(streamId, stream);
    return stream;
  }

  /** END_STREAM has been sent on this stream. */
  localEnd(stream: S): void {
    stream.localClosed = true;
    if (stream.remoteClosed) {
      this.detach(stream);
    } else if (this.#options.role === "server") {
      // The answer is complete, so the rest of the request is of no interest (RFC 9113, section 8.1).
      this.reset(stream, ErrorCode.NO_ERROR);
    }
  }

  detachIfDone(stream: S): void {
    if (stream.remoteClosed && stream.localClosed && !stream.detached) this.detach(stream);
  }

  /** Ends a stream from our side; the owner hears nothing. */
  reset(stream: S, code: number): void {
    if (stream.detached) return;
    this.detach(stream);
    this.ids.rememberReset(stream.id);
    this.#output.reset(stream.id, code);
  }

  /** The peer has broken a rule on this stream alone: it is reset, and the owner hears of it. */
  broken(stream: S, code: number): void {
    this.countReset("too many stream errors");
    this.reset(stream, code);
    this.#owner.reset(stream, code, false);
  }

  /** A reset that the peer has sent or is the reason for: cheap for it, not for us. */
  countReset(message: string): void {
    if (!this.#resets.allow()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, message);
  }

  detach(stream: S): void {
    stream.detached = true;
    this.#streams.delete(stream.id);
    this.#sender.forget(stream);
    this.#owner.released(stream);
  }
}
