import type { Clock } from "../env/clock.ts";
import type { ByteStream } from "../env/streams.ts";
import { FloodGuard } from "./flood.ts";
import {
  ConnectionError,
  ErrorCode,
  Flag,
  FrameParser,
  type FrameSink,
  FrameType,
  PREFACE,
  uint31At,
} from "./frames.ts";
import { HpackDecoder, HpackEncoder, HpackError } from "./hpack.ts";
import type { Http2Stream } from "./http2-stream.ts";
import { Output, type OutputSource } from "./output.ts";
import { Sender, type SenderOwner } from "./sender.ts";
import {
  applySettings,
  defaultSettings,
  encodeSettings,
  type PeerSettings,
  Setting,
  WINDOW_MAX_BYTES,
} from "./settings.ts";

/** What we announce. Frames stay at the smallest maximum: larger ones would only be gathered from several reads. */
const FRAME_MAX_BYTES = 16_384;
const HEADER_TABLE_BYTES = 4_096;
const HEADER_LIST_MAX_BYTES = 16 * 1024;
/** Compressed, over HEADERS and CONTINUATION. */
const HEADER_BLOCK_MAX_BYTES = 64 * 1024;
const CONTINUATIONS_MAX = 16;
const STREAM_WINDOW_BYTES = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;
/** Streams we have reset whose late frames we still ignore. */
const RECENT_RESETS_MAX = 1_024;
const CONTROL_BURST = 1_000;
const CONTROL_PER_SECOND = 200;
const RESET_BURST = 20_000;
const RESETS_PER_SECOND = 2_000;

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

/**
 * One HTTP/2 connection (RFC 9113) over a byte stream: framing, header compression, settings, flow control and the rules about
 * which frame may come when. It owns the stream; whoever breaks a rule gets RST_STREAM or GOAWAY as the RFC demands.
 */
export class Http2Connection<S extends Http2Stream, Head> implements FrameSink, OutputSource {
  readonly encoder: HpackEncoder = new HpackEncoder(HEADER_TABLE_BYTES);
  readonly peer: PeerSettings = defaultSettings();
  readonly output: Output;
  readonly sender: Sender<S>;
  readonly streams: Map<number, S> = new Map();
  readonly #stream: ByteStream;
  readonly #owner: Http2Owner<S, Head>;
  readonly #options: Http2Options;
  readonly #decoder: HpackDecoder<Head>;
  readonly #parser: FrameParser;
  readonly #control: FloodGuard;
  readonly #resets: FloodGuard;
  readonly #recentResets = new Set<number>();
  #lastPeerStream = 0;
  #nextStream = 1;
  #settingsSeen = false;
  #goawaySent = false;
  #closed = false;
  #readPaused = false;
  #window = CONNECTION_WINDOW_BYTES;
  #uncredited = 0;
  /** A header block that CONTINUATION must complete. */
  #block: { readonly stream: number; readonly endStream: boolean; readonly parts: Buffer[]; bytes: number } | null =
    null;

  constructor(stream: ByteStream, owner: Http2Owner<S, Head>, options: Http2Options) {
    this.#stream = stream;
    this.#owner = owner;
    this.#options = options;
    this.output = new Output(stream, this);
    this.sender = new Sender<S>(this.output, this.peer, owner, options.streamQueueBytes);
    this.#parser = new FrameParser(FRAME_MAX_BYTES, this);
    this.#decoder = new HpackDecoder<Head>({
      tableMaxBytes: HEADER_TABLE_BYTES,
      listMaxBytes: HEADER_LIST_MAX_BYTES,
      interpret: (fields, tooLarge) => owner.interpret(fields, tooLarge),
    });
    this.#control = new FloodGuard(options.clock, CONTROL_BURST, CONTROL_PER_SECOND);
    this.#resets = new FloodGuard(options.clock, RESET_BURST, RESETS_PER_SECOND);
  }

  /** Says hello: the preface (clients), our settings and the connection's window. */
  start(): void {
    const server = this.#options.role === "server";
    if (!server) this.output.raw(PREFACE);
    this.output.settings(
      encodeSettings([
        server ? [Setting.MAX_CONCURRENT_STREAMS, this.#options.maxConcurrentStreams] : [Setting.ENABLE_PUSH, 0],
        [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
        [Setting.MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX_BYTES],
      ]),
    );
    this.output.windowUpdate(0, CONNECTION_WINDOW_BYTES - 65_535);
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The peer's SETTINGS have arrived. */
  get settled(): boolean {
    return this.#settingsSeen;
  }

  // ------------------------------------------------------------------------------------------------- the byte stream

  /** Bytes from the peer, any preface taken off. */
  data(chunk: Buffer): void {
    if (this.#closed) return;
    this.output.cork();
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      this.fail(error);
    } finally {
      this.output.uncork();
    }
    // A server that cannot get its answers out reads no further requests. A client always reads: or both might wait for ever.
    if (this.#options.role === "server" && !this.#readPaused && this.sender.congested) {
      this.#readPaused = true;
      this.#stream.pause();
    }
  }

  drained(): void {
    if (this.#closed) return;
    this.output.cork();
    this.sender.pump();
    this.output.uncork();
    if (this.#readPaused && !this.sender.congested) {
      this.#readPaused = false;
      this.#stream.resume();
    }
  }

  writable(): void {
    this.sender.pump();
  }

  /** The byte stream is gone. */
  disconnected(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.output.close();
    this.#owner.closed(error);
  }

  // ------------------------------------------------------------------------------------------------------ for the owner

  /** The id of the next stream we open, or 0 when they are used up. */
  nextStreamId(): number {
    if (this.#nextStream > WINDOW_MAX_BYTES) return 0;
    const id = this.#nextStream;
    this.#nextStream += 2;
    return id;
  }

  /** Registers a stream that we open; HEADERS must follow at once. */
  attach(stream: S): void {
    stream.sendWindow = this.peer.initialWindowBytes;
    stream.receiveWindow = STREAM_WINDOW_BYTES;
    this.streams.set(stream.id, stream);
  }

  headers(stream: S, block: Uint8Array, endStream: boolean): void {
    this.output.headers(stream.id, block, endStream, this.peer.maxFrameBytes);
    if (endStream) this.localEnd(stream);
  }

  /** END_STREAM has been sent on this stream. */
  localEnd(stream: S): void {
    stream.localClosed = true;
    if (stream.remoteClosed) {
      this.#detach(stream);
    } else if (this.#options.role === "server") {
      // The answer is complete, so the rest of the request is of no interest (RFC 9113, section 8.1).
      this.reset(stream, ErrorCode.NO_ERROR);
    }
  }

  /** Ends a stream from our side; the owner hears nothing. */
  reset(stream: S, code: number): void {
    if (stream.detached) return;
    this.#detach(stream);
    this.#rememberReset(stream.id);
    this.output.reset(stream.id, code);
  }

  /** Gives received bytes back to the peer's window again. */
  resumeCredit(stream: S): void {
    stream.creditPaused = false;
    this.#credit(stream, 0);
  }

  /** Takes no new streams from now on; those that run go on. */
  goaway(code: number): void {
    if (this.#goawaySent || this.#closed) return;
    this.#goawaySent = true;
    this.output.goaway(this.#lastPeerStream, code);
  }

  /** Ends the connection because the peer broke it. */
  fail(error: ConnectionError): void {
    if (this.#closed) return;
    this.output.goaway(this.#lastPeerStream, error.code);
    this.close(error);
  }

  /** Sends what is written, then closes; `error` is what the owner's calls get to hear. */
  close(error: Error | null): void {
    if (this.#closed) return;
    this.output.flush();
    this.#closed = true;
    this.output.close();
    this.#stream.end();
    this.#owner.closed(error);
  }

  // ----------------------------------------------------------------------------------------------------------- frames

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#closed) return;
    if (this.#block !== null && (type !== FrameType.CONTINUATION || this.#block.stream !== streamId)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a header block was interrupted");
    }
    if (!this.#settingsSeen && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "the first frame must be SETTINGS");
    }
    switch (type) {
      case FrameType.DATA:
        this.#onData(flags, streamId, bytes, start, end);
        return;
      case FrameType.HEADERS:
        this.#onHeaders(flags, streamId, bytes, start, end);
        return;
      case FrameType.PRIORITY:
        this.#onPriority(streamId, bytes, start, end);
        return;
      case FrameType.RST_STREAM:
        this.#onReset(streamId, bytes, start, end);
        return;
      case FrameType.SETTINGS:
        this.#onSettings(flags, streamId, bytes, start, end);
        return;
      case FrameType.PUSH_PROMISE:
        throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "nobody may push here");
      case FrameType.PING:
        this.#onPing(flags, streamId, bytes, start, end);
        return;
      case FrameType.GOAWAY:
        this.#onGoaway(streamId, bytes, start, end);
        return;
      case FrameType.WINDOW_UPDATE:
        this.#onWindowUpdate(streamId, bytes, start, end);
        return;
      case FrameType.CONTINUATION:
        this.#onContinuation(flags, bytes, start, end);
        return;
      default: // unknown types are ignored (RFC 9113, section 4.1)
        this.#countControl();
        return;
    }
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0");
    const size = end - start;
    this.#creditConnection(size);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.#onClosedStream(streamId, "DATA on a closed stream");
      return;
    }
    if (stream.remoteClosed) {
      this.#streamError(stream, ErrorCode.STREAM_CLOSED);
      return;
    }
    if ((flags & Flag.PADDED) !== 0) {
      const padding = size > 0 ? bytes[start++]! : 0;
      if (start + padding > end) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "padding beyond the frame");
      end -= padding;
    }
    stream.receiveWindow -= size;
    if (stream.receiveWindow < 0) {
      this.#streamError(stream, ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    if ((flags & Flag.END_STREAM) !== 0) {
      stream.remoteClosed = true;
    } else {
      if (start === end) this.#countControl();
      this.#credit(stream, size);
    }
    this.#owner.data(stream, bytes, start, end);
    this.#detachIfDone(stream);
  }

  #onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
    let padding = 0;
    if ((flags & Flag.PADDED) !== 0) padding = start < end ? bytes[start++]! : end;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < 5) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      this.#checkDependency(streamId, bytes, start);
      start += 5;
    }
    if (start + padding > end) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "padding beyond the frame");
    end -= padding;
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#onBlock(streamId, endStream, bytes, start, end);
      return;
    }
    const part = bytes.subarray(start, end);
    this.#block = { stream: streamId, endStream, parts: [part], bytes: part.length };
  }

  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (block === null) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION continues nothing");
    block.parts.push(bytes.subarray(start, end));
    block.bytes += end - start;
    if (block.bytes > HEADER_BLOCK_MAX_BYTES || block.parts.length > CONTINUATIONS_MAX) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end");
    }
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#block = null;
    this.#onBlock(block.stream, block.endStream, Buffer.concat(block.parts), 0, block.bytes);
  }

  /** Every block is decoded, wanted or not: the compression state must stay in step. */
  #onBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    let head: Head;
    try {
      head = this.#decoder.decode(bytes, start, end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message);
    }
    let stream = this.streams.get(streamId);
    if (stream === undefined) {
      const opened = this.#openByPeer(streamId);
      if (opened === null) return;
      stream = opened;
    } else if (stream.remoteClosed) {
      this.#streamError(stream, ErrorCode.STREAM_CLOSED);
      return;
    }
    stream.remoteClosed = endStream;
    this.#owner.head(stream, head);
    this.#detachIfDone(stream);
  }

  #openByPeer(streamId: number): S | null {
    if (this.#options.role === "client" || streamId <= this.#lastPeerStream) {
      this.#onClosedStream(streamId, "HEADERS on a closed stream");
      return null;
    }
    if (streamId % 2 === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a client's streams are odd");
    if (this.#goawaySent) return null;
    this.#lastPeerStream = streamId;
    const stream =
      this.streams.size < this.#options.maxConcurrentStreams
        ? this.#owner.open(streamId, this.peer.initialWindowBytes, STREAM_WINDOW_BYTES)
        : null;
    if (stream === null) {
      if (!this.#resets.allow()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many refused streams");
      this.#rememberReset(streamId);
      this.output.reset(streamId, ErrorCode.REFUSED_STREAM);
      return null;
    }
    this.streams.set(streamId, stream);
    return stream;
  }

  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0");
    if (end - start !== 5) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is 5 bytes long");
    this.#checkDependency(streamId, bytes, start);
    this.#countControl();
  }

  #onReset(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on stream 0");
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is 4 bytes long");
    this.#checkNotIdle(streamId);
    if (!this.#resets.allow()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many RST_STREAM");
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    this.#detach(stream);
    this.#owner.reset(stream, bytes.readUInt32BE(start), true);
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream");
    this.#countControl();
    if ((flags & Flag.ACK) !== 0) {
      if (start !== end) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS acknowledgement is empty");
      return;
    }
    const windowBefore = this.peer.initialWindowBytes;
    applySettings(this.peer, bytes, start, end);
    this.encoder.setPeerLimit(this.peer.headerTableBytes);
    const growth = this.peer.initialWindowBytes - windowBefore;
    if (growth !== 0) this.#adjustWindows(growth);
    this.output.settingsAck();
    this.#settingsSeen = true;
    this.#owner.settled();
    this.sender.pump();
  }

  /** RFC 9113, section 6.9.2: windows may become negative; they must not overflow. */
  #adjustWindows(growth: number): void {
    for (const stream of this.streams.values()) {
      stream.sendWindow += growth;
      if (stream.sendWindow > WINDOW_MAX_BYTES) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a stream's window overflows");
      }
      if (growth > 0) this.sender.resume(stream);
    }
  }

  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "PING on a stream");
    if (end - start !== 8) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "PING is 8 bytes long");
    const payload = bytes.subarray(start, end);
    if ((flags & Flag.ACK) !== 0) {
      this.#owner.pong(payload);
      return;
    }
    this.#countControl();
    this.output.ping(true, payload);
  }

  #onGoaway(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "GOAWAY on a stream");
    if (end - start < 8) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY has at least 8 bytes");
    this.#countControl();
    this.#owner.goaway(uint31At(bytes, start), bytes.readUInt32BE(start + 4));
  }

  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is 4 bytes long");
    const increment = uint31At(bytes, start);
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a window update of 0");
      this.sender.connectionWindow += increment;
      if (this.sender.connectionWindow > WINDOW_MAX_BYTES) {
        throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window overflows");
      }
      this.sender.pump();
      return;
    }
    this.#checkNotIdle(streamId);
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) {
      this.#streamError(stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    stream.sendWindow += increment;
    if (stream.sendWindow > WINDOW_MAX_BYTES) {
      this.#streamError(stream, ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    this.sender.resume(stream);
    this.sender.pump();
  }

  // ------------------------------------------------------------------------------------------------------------ rules

  /** A frame for a stream that is not open: idle breaks the connection; after our own reset the frame was on its way. */
  #onClosedStream(streamId: number, message: string): void {
    this.#checkNotIdle(streamId);
    // A client's own cancelled calls may be many, and a late answer to one harms nobody.
    if (this.#options.role === "client" || this.#recentResets.has(streamId)) return;
    if (this.#goawaySent && streamId > this.#lastPeerStream) return;
    throw new ConnectionError(ErrorCode.STREAM_CLOSED, message);
  }

  #checkNotIdle(streamId: number): void {
    const ours = streamId % 2 === 1 && this.#options.role === "client";
    const idle = ours ? streamId >= this.#nextStream : streamId > this.#lastPeerStream;
    // Streams refused by our GOAWAY are not idle for the peer.
    if (idle && !(this.#goawaySent && streamId % 2 === 1)) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a frame on an idle stream");
    }
  }

  /** Priorities are ignored, but a stream that depends on itself is still an error (RFC 7540, section 5.3.1). */
  #checkDependency(streamId: number, bytes: Buffer, offset: number): void {
    if (uint31At(bytes, offset) === streamId) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself");
    }
  }

  #streamError(stream: S, code: number): void {
    if (!this.#resets.allow()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many stream errors");
    this.reset(stream, code);
    this.#owner.reset(stream, code, false);
  }

  #countControl(): void {
    if (!this.#control.allow()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many control frames");
  }

  #creditConnection(size: number): void {
    this.#window -= size;
    if (this.#window < 0)
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is exceeded");
    this.#uncredited += size;
    if (this.#uncredited < CONNECTION_WINDOW_BYTES / 4) return;
    this.output.windowUpdate(0, this.#uncredited);
    this.#window += this.#uncredited;
    this.#uncredited = 0;
  }

  #credit(stream: S, size: number): void {
    stream.uncredited += size;
    if (stream.creditPaused || stream.detached || stream.uncredited < STREAM_WINDOW_BYTES / 4) return;
    this.output.windowUpdate(stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }

  #detachIfDone(stream: S): void {
    if (stream.remoteClosed && stream.localClosed && !stream.detached) this.#detach(stream);
  }

  #detach(stream: S): void {
    stream.detached = true;
    this.streams.delete(stream.id);
    this.sender.forget(stream);
    this.#owner.released(stream);
  }

  #rememberReset(streamId: number): void {
    this.#recentResets.add(streamId);
    if (this.#recentResets.size > RECENT_RESETS_MAX) {
      for (const oldest of this.#recentResets) {
        this.#recentResets.delete(oldest);
        break;
      }
    }
  }
}
