import type { ByteStream } from "../env/streams.ts";
import { Flag, FRAME_HEADER_BYTES, FrameType, writeFrameHeader } from "./frames.ts";

const SLAB_MIN_BYTES = 4 * 1024;
const SLAB_MAX_BYTES = 64 * 1024;
const SLAB_KEPT_BYTES = 2 * SLAB_MAX_BYTES;
/** A gRPC message's compression flag and length. */
export const MESSAGE_PREFIX_BYTES = 5;

export interface OutputSource {
  /** The stream took everything and would take more. */
  writable(): void;
}

/**
 * The frames a connection wants to send. Everything written in one turn of the event loop leaves in one `stream.write`: at the
 * end of `data` for what answers the bytes just read, otherwise behind the promises that it settles. Where the
 * stream copies what it is given, one slab serves again and again, and what would not fit into it leaves before the turn is over;
 * elsewhere written bytes are never touched again: the next frames go behind them until the slab is used up.
 */
export class Output {
  readonly #stream: ByteStream;
  readonly #source: OutputSource;
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_MIN_BYTES);
  #start = 0;
  #end = 0;
  #corked = false;
  #scheduled = false;
  #closed = false;
  #dataFrames = 0;

  constructor(stream: ByteStream, source: OutputSource) {
    this.#stream = stream;
    this.#source = source;
  }

  /** Bytes that wait here and in the stream. */
  get queuedBytes(): number {
    return this.#end - this.#start + this.#stream.queuedBytes;
  }

  /** Until `uncork`, nothing leaves. */
  cork(): void {
    this.#corked = true;
  }

  uncork(): void {
    this.#corked = false;
    this.flush();
  }

  flush(): void {
    while (this.#start !== this.#end && !this.#closed) {
      if (this.#write()) this.#source.writable();
    }
  }

  /** Hands over what waits. True: the stream would take more. */
  #write(): boolean {
    const bytes = this.#slab.subarray(this.#start, this.#end);
    this.#start = this.#end;
    const more = this.#stream.write(bytes);
    if (this.#stream.copies === true && this.#stream.queuedBytes === 0) {
      this.#start = 0;
      this.#end = 0;
      // One large message must not hold its memory for as long as the connection lives.
      if (this.#slab.length > SLAB_KEPT_BYTES) this.#slab = Buffer.allocUnsafeSlow(SLAB_MAX_BYTES);
    }
    return more;
  }

  /** Drops what is queued, now and later. */
  close(): void {
    this.#closed = true;
    this.#start = this.#end;
  }

  /** HEADERS, with CONTINUATION when the block does not fit into one frame. */
  headers(streamId: number, block: Uint8Array, endStream: boolean, maxFrameBytes: number): void {
    const endFlag = endStream ? Flag.END_STREAM : Flag.NONE;
    if (block.length <= maxFrameBytes) {
      this.#frame(FrameType.HEADERS, endFlag | Flag.END_HEADERS, streamId, block, 0, block.length);
      return;
    }
    this.#frame(FrameType.HEADERS, endFlag, streamId, block, 0, maxFrameBytes);
    for (let offset = maxFrameBytes; offset < block.length; offset += maxFrameBytes) {
      const end = Math.min(block.length, offset + maxFrameBytes);
      const flags = end === block.length ? Flag.END_HEADERS : Flag.NONE;
      this.#frame(FrameType.CONTINUATION, flags, streamId, block, offset, end);
    }
  }

  /** How many DATA frames were written since it was last asked. */
  takeDataFrames(): number {
    const count = this.#dataFrames;
    this.#dataFrames = 0;
    return count;
  }

  /** The head of a DATA frame. Its `length` bytes are to be brought by `append` before anything else is written. */
  dataHead(streamId: number, length: number, endStream: boolean): void {
    this.#dataFrames++;
    this.#reserve(FRAME_HEADER_BYTES + length);
    const flags = endStream ? Flag.END_STREAM : Flag.NONE;
    this.#end = writeFrameHeader(this.#slab, this.#end, length, FrameType.DATA, flags, streamId);
  }

  /** The bytes `start` to `end` (not included). */
  append(bytes: Uint8Array, start: number, end: number): void {
    this.#end = copy(this.#slab, this.#end, bytes, start, end);
  }

  /** One DATA frame with one whole message. */
  message(streamId: number, message: Uint8Array, endStream: boolean): void {
    this.dataHead(streamId, MESSAGE_PREFIX_BYTES + message.length, endStream);
    this.#end = writeMessagePrefix(this.#slab, this.#end, message.length);
    this.append(message, 0, message.length);
  }

  /** The same with a message that lies in pieces, `length` bytes together. */
  pieces(streamId: number, pieces: readonly Uint8Array[], length: number): void {
    this.dataHead(streamId, MESSAGE_PREFIX_BYTES + length, false);
    this.#end = writeMessagePrefix(this.#slab, this.#end, length);
    for (const piece of pieces) this.append(piece, 0, piece.length);
  }

  reset(streamId: number, code: number): void {
    this.#uint32(FrameType.RST_STREAM, streamId, code);
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#uint32(FrameType.WINDOW_UPDATE, streamId, increment);
  }

  ping(ack: boolean, payload: Uint8Array): void {
    this.#frame(FrameType.PING, ack ? Flag.ACK : Flag.NONE, 0, payload, 0, payload.length);
  }

  settings(payload: Uint8Array): void {
    this.#frame(FrameType.SETTINGS, Flag.NONE, 0, payload, 0, payload.length);
  }

  settingsAck(): void {
    this.#frame(FrameType.SETTINGS, Flag.ACK, 0, EMPTY, 0, 0);
  }

  goaway(lastStreamId: number, code: number): void {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(lastStreamId, 0);
    payload.writeUInt32BE(code, 4);
    this.#frame(FrameType.GOAWAY, Flag.NONE, 0, payload, 0, payload.length);
  }

  /** Bytes that are no frame: the preface. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#end = copy(this.#slab, this.#end, bytes, 0, bytes.length);
  }

  #uint32(type: number, streamId: number, value: number): void {
    this.#reserve(FRAME_HEADER_BYTES + 4);
    const offset = writeFrameHeader(this.#slab, this.#end, 4, type, Flag.NONE, streamId);
    this.#end = this.#slab.writeUInt32BE(value, offset);
  }

  #frame(type: number, flags: number, streamId: number, bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(FRAME_HEADER_BYTES + end - start);
    const offset = writeFrameHeader(this.#slab, this.#end, end - start, type, flags, streamId);
    this.#end = copy(this.#slab, offset, bytes, start, end);
  }

  /** Makes room for `bytes` more and sees to it that they leave. */
  #reserve(bytes: number): void {
    if (!this.#corked && !this.#scheduled) this.#schedule();
    if (this.#end + bytes <= this.#slab.length) return;
    if (this.#end - this.#start + bytes > SLAB_MAX_BYTES && this.#spill(bytes)) return;
    const waiting = this.#end - this.#start;
    const size = Math.min(SLAB_MAX_BYTES, this.#slab.length * 2);
    const slab = Buffer.allocUnsafeSlow(Math.max(size, 2 * (waiting + bytes)));
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#start = 0;
    this.#end = waiting;
  }

  /** Gets rid of a slab's worth early, if that makes room for `bytes` more. The source is not told: it is in the middle of things. */
  #spill(bytes: number): boolean {
    if (this.#stream.copies !== true || this.#closed || this.#start === this.#end) return false;
    this.#write();
    return this.#end + bytes <= this.#slab.length;
  }

  #schedule(): void {
    this.#scheduled = true;
    process.nextTick(flushScheduled, this);
  }

  /** Called when the turn is over. */
  leave(): void {
    this.#scheduled = false;
    if (!this.#corked) this.flush();
  }
}

const EMPTY = new Uint8Array(0);
/** Below this, a loop is faster than the call into the runtime. */
const COPY_LOOP_MAX_BYTES = 32;

function flushScheduled(output: Output): void {
  output.leave();
}

/** What stands before a message of this length. */
export function messagePrefix(length: number): Uint8Array {
  const prefix = Buffer.allocUnsafe(MESSAGE_PREFIX_BYTES);
  writeMessagePrefix(prefix, 0, length);
  return prefix;
}

function writeMessagePrefix(target: Buffer, offset: number, length: number): number {
  target[offset] = 0;
  target[offset + 1] = length >>> 24;
  target[offset + 2] = length >>> 16;
  target[offset + 3] = length >>> 8;
  target[offset + 4] = length;
  return offset + MESSAGE_PREFIX_BYTES;
}

/** Copies bytes[start, end) and returns the offset behind the copy. */
function copy(target: Buffer, offset: number, bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length > COPY_LOOP_MAX_BYTES) {
    target.set(length === bytes.length ? bytes : bytes.subarray(start, end), offset);
  } else {
    for (let i = 0; i < length; i++) target[offset + i] = bytes[start + i]!;
  }
  return offset + length;
}
