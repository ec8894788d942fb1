import type { Timer } from "../env/clock.ts";
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
import {
  type BlockSink,
  checkPriority,
  HEADER_LIST_MAX_BYTES,
  HEADER_TABLE_BYTES,
  HeaderBlocks,
} from "./header-blocks.ts";
import { HpackEncoder } from "./hpack.ts";
import type { Http2Options, Http2Owner } from "./http2-owner.ts";
import type { Http2Stream } from "./http2-stream.ts";
import { OpenStreams } from "./open-streams.ts";
import { Output, type OutputSource } from "./output.ts";
import { ReceiveWindows, STREAM_WINDOW_BYTES } from "./receive-windows.ts";
import { Sender } from "./sender.ts";
import { applySettings, defaultSettings, encodeSettings, type PeerSettings, Setting } from "./settings.ts";

/** What we announce. Frames stay at the smallest maximum: larger ones would only be gathered from several reads. */
const FRAME_MAX_BYTES = 16_384;
/** How long a peer may take to acknowledge our settings (RFC 9113, section 6.5.3); a client's dialling is part of it. */
const SETTINGS_ACK_MS = 20_000;
const CONTROL_BURST = 1_000;
const CONTROL_PER_SECOND = 200;

/**
 * One HTTP/2 connection (RFC 9113) over a byte stream: takes its frames apart, says hello and goodbye, and hands
 * everything else to who knows: `HeaderBlocks`, `OpenStreams`, `ReceiveWindows`, `Sender`. It owns the byte stream; a peer that
 * breaks a rule gets RST_STREAM or GOAWAY as the RFC demands.
 */
export class Http2Connection<S extends Http2Stream, Head> implements FrameSink, BlockSink<Head>, OutputSource {
  readonly encoder: HpackEncoder = new HpackEncoder(HEADER_TABLE_BYTES);
  readonly peer: PeerSettings = defaultSettings();
  readonly output: Output;
  readonly sender: Sender<S>;
  readonly streams: OpenStreams<S>;
  readonly #stream: ByteStream;
  readonly #owner: Http2Owner<S, Head>;
  readonly #options: Http2Options;
  readonly #blocks: HeaderBlocks<Head>;
  readonly #windows: ReceiveWindows;
  readonly #parser: FrameParser;
  readonly #control: FloodGuard;
  #settingsSeen = false;
  /** Runs until the peer has acknowledged our settings. */
  #ackTimer: Timer | null = null;
  #closed = false;
  #readPaused = false;

  constructor(stream: ByteStream, owner: Http2Owner<S, Head>, options: Http2Options) {
    this.#stream = stream;
    this.#owner = owner;
    this.#options = options;
    this.output = new Output(stream, this);
    this.sender = new Sender<S>(this.output, this.peer, owner, options.streamQueueBytes);
    this.streams = new OpenStreams<S>(options, owner, this.output, this.sender, this.peer);
    this.#parser = new FrameParser(FRAME_MAX_BYTES, this);
    this.#blocks = new HeaderBlocks<Head>((fields, tooLarge) => owner.interpret(fields, tooLarge), this);
    this.#windows = new ReceiveWindows(this.output);
    this.#control = new FloodGuard(options.clock, CONTROL_BURST, CONTROL_PER_SECOND);
  }

  /** The peer's settings have arrived. */
  get greeted(): boolean {
    return this.#settingsSeen;
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
    this.#windows.open();
    this.#ackTimer = this.#options.clock.after(SETTINGS_ACK_MS, () => {
      this.fail(new ConnectionError(ErrorCode.SETTINGS_TIMEOUT, "our settings were not acknowledged"));
    });
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
    this.#ackTimer?.cancel();
    this.output.close();
    this.#owner.closed(error);
  }

  // ------------------------------------------------------------------------------------------------------ for the owner

  headers(stream: S, block: Uint8Array, endStream: boolean): void {
    this.output.headers(stream.id, block, endStream, this.peer.maxFrameBytes);
    if (endStream) this.streams.localEnd(stream);
  }

  /** Gives received bytes back to the peer's window again. */
  resumeCredit(stream: S): void {
    stream.creditPaused = false;
    this.#windows.credit(stream, 0);
  }

  /** Takes no new streams from now on; those that run go on. */
  goaway(code: number): void {
    if (!this.#closed && this.streams.ids.stop()) this.output.goaway(this.streams.ids.lastPeerStream, code);
  }

  /** Ends the connection because the peer broke it. */
  fail(error: ConnectionError): void {
    if (this.#closed) return;
    this.output.goaway(this.streams.ids.lastPeerStream, error.code);
    this.close(error);
  }

  /** Sends what is written, then closes; `error` is what the owner's calls get to hear. */
  close(error: Error | null): void {
    if (this.#closed) return;
    this.output.flush();
    this.#closed = true;
    this.#ackTimer?.cancel();
    this.output.close();
    this.#stream.end();
    this.#owner.closed(error);
  }

  // ----------------------------------------------------------------------------------------------------------- frames

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (this.#closed) return;
    const open = this.#blocks.openStream;
    if (open !== 0 && (type !== FrameType.CONTINUATION || open !== streamId)) {
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
        if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "HEADERS on stream 0");
        this.#blocks.headers(flags, streamId, bytes, start, end);
        return;
      case FrameType.PRIORITY:
        checkPriority(streamId, bytes, start, end);
        this.#countControl();
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
        this.#blocks.continuation(flags, bytes, start, end);
        return;
      default: // unknown types are ignored (RFC 9113, section 4.1)
        this.#countControl();
        return;
    }
  }

  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "DATA on stream 0");
    const size = end - start;
    this.#windows.received(size);
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      this.streams.ids.checkClosed(streamId, "DATA on a closed stream");
      return;
    }
    if (stream.remoteClosed) {
      this.streams.broken(stream, ErrorCode.STREAM_CLOSED);
      return;
    }
    if ((flags & Flag.PADDED) !== 0) {
      const padding = size > 0 ? bytes[start++]! : 0;
      if (start + padding > end) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "padding beyond the frame");
      end -= padding;
    }
    stream.receiveWindow -= size;
    if (stream.receiveWindow < 0) {
      this.streams.broken(stream, ErrorCode.FLOW_CONTROL_ERROR);
      return;
    }
    if ((flags & Flag.END_STREAM) !== 0) {
      stream.remoteClosed = true;
    } else {
      if (start === end) this.#countControl();
      this.#windows.credit(stream, size);
    }
    if (start !== end) this.#control.earn(1);
    this.#owner.data(stream, bytes, start, end);
    this.streams.detachIfDone(stream);
  }

  block(streamId: number, endStream: boolean, head: Head): void {
    let stream = this.streams.get(streamId);
    if (stream === undefined) {
      const opened = this.streams.openByPeer(streamId);
      if (opened === null) return;
      stream = opened;
    } else if (stream.remoteClosed) {
      this.streams.broken(stream, ErrorCode.STREAM_CLOSED);
      return;
    }
    stream.remoteClosed = endStream;
    this.#owner.head(stream, head);
    this.streams.detachIfDone(stream);
  }

  #onReset(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "RST_STREAM on stream 0");
    if (end - start !== 4) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is 4 bytes long");
    this.streams.ids.checkNotIdle(streamId);
    this.streams.countReset("too many RST_STREAM");
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    this.streams.detach(stream);
    this.#owner.reset(stream, bytes.readUInt32BE(start), true);
  }

  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "SETTINGS on a stream");
    this.#countControl();
    if ((flags & Flag.ACK) !== 0) {
      if (start !== end) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS acknowledgement is empty");
      this.#ackTimer?.cancel();
      return;
    }
    const windowBefore = this.peer.initialWindowBytes;
    applySettings(this.peer, bytes, start, end);
    this.encoder.setPeerLimit(this.peer.headerTableBytes);
    const growth = this.peer.initialWindowBytes - windowBefore;
    if (growth !== 0) this.sender.adjust(this.streams.values(), growth);
    this.output.settingsAck();
    this.#settingsSeen = true;
    this.#owner.settled();
    this.sender.pump();
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
      this.sender.grow(increment);
      return;
    }
    this.streams.ids.checkNotIdle(streamId);
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    if (increment === 0) {
      this.streams.broken(stream, ErrorCode.PROTOCOL_ERROR);
      return;
    }
    if (!this.sender.growStream(stream, increment)) this.streams.broken(stream, ErrorCode.FLOW_CONTROL_ERROR);
  }

  /** Go's grpc sends a PING for about every frame of data in either direction, to learn the connection's bandwidth: those are none too many. */
  #countControl(): void {
    this.#control.earn(this.output.takeDataFrames());
    if (!this.#control.allow()) throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "too many control frames");
  }
}
