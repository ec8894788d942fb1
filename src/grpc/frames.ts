/** HTTP/2 frames: RFC 9113, sections 4 and 6. Pure: bytes in, frames out. */

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { NONE: 0, END_STREAM: 1, ACK: 1, END_HEADERS: 4, PADDED: 8, PRIORITY: 0x20 } as const;

export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const;

export const FRAME_HEADER_BYTES = 9;
/** What a client says first (RFC 9113, section 3.4). */
export const PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/** The peer broke the protocol in a way that ends the connection: GOAWAY with this code, then close. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: number;
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

export interface FrameSink {
  /** The payload is bytes[start, end). Whatever it throws comes out of `push`, and the parser is not used again. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void;
}

/**
 * Cuts a byte stream into frames, however it is split. A frame that lies in one chunk is handed on without a copy; one that
 * does not is gathered in a buffer of its own, so views into either stay valid.
 */
export class FrameParser {
  readonly #maxPayloadBytes: number;
  readonly #sink: FrameSink;
  readonly #header: Buffer = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerLength = 0;
  /** The payload being gathered; null between frames and inside a header. */
  #payload: Buffer | null = null;
  #payloadLength = 0;

  constructor(maxPayloadBytes: number, sink: FrameSink) {
    this.#maxPayloadBytes = maxPayloadBytes;
    this.#sink = sink;
  }

  /** Throws `ConnectionError` for a frame above the limit, as soon as its header is there. */
  push(chunk: Buffer): void {
    let offset = 0;
    if (this.#headerLength > 0) {
      offset = this.#finishSplitFrame(chunk);
      if (this.#headerLength > 0) return;
    }
    while (chunk.length - offset >= FRAME_HEADER_BYTES) {
      const length = (chunk[offset]! << 16) | (chunk[offset + 1]! << 8) | chunk[offset + 2]!;
      this.#checkLength(length);
      const start = offset + FRAME_HEADER_BYTES;
      const end = start + length;
      if (end > chunk.length) break;
      this.#sink.frame(chunk[offset + 3]!, chunk[offset + 4]!, streamIdAt(chunk, offset + 5), chunk, start, end);
      offset = end;
    }
    if (offset < chunk.length) this.#finishSplitFrame(offset === 0 ? chunk : chunk.subarray(offset));
  }

  /** Continues the frame that is being gathered, emits it when it is complete, and returns how much of `chunk` it took. */
  #finishSplitFrame(chunk: Buffer): number {
    let offset = 0;
    if (this.#payload === null) {
      offset = Math.min(FRAME_HEADER_BYTES - this.#headerLength, chunk.length);
      chunk.copy(this.#header, this.#headerLength, 0, offset);
      this.#headerLength += offset;
      if (this.#headerLength < FRAME_HEADER_BYTES) return offset;
      const length = this.#header.readUIntBE(0, 3);
      this.#checkLength(length);
      this.#payload = Buffer.allocUnsafe(length);
      this.#payloadLength = 0;
    }
    const payload = this.#payload;
    const taken = Math.min(payload.length - this.#payloadLength, chunk.length - offset);
    chunk.copy(payload, this.#payloadLength, offset, offset + taken);
    this.#payloadLength += taken;
    if (this.#payloadLength < payload.length) return offset + taken;
    this.#payload = null;
    this.#headerLength = 0;
    const header = this.#header;
    this.#sink.frame(header[3]!, header[4]!, streamIdAt(header, 5), payload, 0, payload.length);
    return offset + taken;
  }

  #checkLength(length: number): void {
    if (length > this.#maxPayloadBytes) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame above the announced size");
    }
  }
}

/** The reserved bit is ignored (RFC 9113, section 4.1). */
function streamIdAt(bytes: Buffer, offset: number): number {
  return ((bytes[offset]! & 0x7f) << 24) | (bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!;
}

/** Reads 31 bits, the first bit ignored: a window increment or a stream id. */
export const uint31At: (bytes: Buffer, offset: number) => number = streamIdAt;

/** Writes a frame's header and returns the offset behind it. */
export function writeFrameHeader(
  target: Buffer,
  offset: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  target[offset] = length >>> 16;
  target[offset + 1] = length >>> 8;
  target[offset + 2] = length;
  target[offset + 3] = type;
  target[offset + 4] = flags;
  target[offset + 5] = streamId >>> 24;
  target[offset + 6] = streamId >>> 16;
  target[offset + 7] = streamId >>> 8;
  target[offset + 8] = streamId;
  return offset + FRAME_HEADER_BYTES;
}
