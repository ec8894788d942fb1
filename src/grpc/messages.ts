import { MESSAGE_PREFIX_BYTES } from "./output.ts";
import { GrpcError, StatusCode } from "./status.ts";

/** Receives the whole messages of one stream, in order. Views into what was pushed where possible. */
export interface MessageSink {
  message(bytes: Uint8Array): void;
}

/**
 * Cuts the DATA of one stream into gRPC messages (a flag, a length, the bytes), however they are split. Throws `GrpcError` for
 * a compressed message (UNIMPLEMENTED) and for one above the limit (RESOURCE_EXHAUSTED), as soon as its prefix is there.
 */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #prefix: Buffer = Buffer.alloc(MESSAGE_PREFIX_BYTES);
  #prefixLength = 0;
  #body: Buffer | null = null;
  #bodyLength = 0;
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of an incomplete message are held. */
  get partial(): boolean {
    return this.#prefixLength > 0;
  }

  /** Memory that the incomplete message takes. */
  get heldBytes(): number {
    return this.#body === null ? 0 : this.#body.length;
  }

  push(bytes: Buffer, start: number, end: number, sink: MessageSink): void {
    while (start < end) {
      if (this.#prefixLength < MESSAGE_PREFIX_BYTES) {
        const taken = Math.min(MESSAGE_PREFIX_BYTES - this.#prefixLength, end - start);
        bytes.copy(this.#prefix, this.#prefixLength, start, start + taken);
        this.#prefixLength += taken;
        start += taken;
        if (this.#prefixLength < MESSAGE_PREFIX_BYTES) return;
        this.#length = messageLength(this.#prefix, 0, this.#maxBytes);
      }
      const rest = this.#length - this.#bodyLength;
      if (this.#body === null && end - start >= rest) {
        this.#prefixLength = 0;
        sink.message(bytes.subarray(start, start + rest));
        start += rest;
        continue;
      }
      start = this.#gather(bytes, start, end, sink);
    }
  }

  #gather(bytes: Buffer, start: number, end: number, sink: MessageSink): number {
    const taken = Math.min(this.#length - this.#bodyLength, end - start);
    this.#reserve(this.#bodyLength + taken);
    const body = this.#body as Buffer;
    bytes.copy(body, this.#bodyLength, start, start + taken);
    this.#bodyLength += taken;
    if (this.#bodyLength === this.#length) {
      this.#body = null;
      this.#bodyLength = 0;
      this.#prefixLength = 0;
      sink.message(body.subarray(0, this.#length));
    }
    return start + taken;
  }

  /** Grows with what has arrived, not with what was announced: a length costs the peer nothing. */
  #reserve(bytes: number): void {
    const body = this.#body;
    if (body !== null && body.length >= bytes) return;
    const larger = Buffer.allocUnsafeSlow(Math.min(this.#length, Math.max(2 * bytes, 64 * 1024)));
    body?.copy(larger, 0, 0, this.#bodyLength);
    this.#body = larger;
  }
}

/** Reads a message's prefix at `offset`. */
function messageLength(bytes: Buffer, offset: number, maxBytes: number): number {
  if (bytes[offset] !== 0) throw new GrpcError(StatusCode.UNIMPLEMENTED, "compressed messages are not supported");
  const length = bytes.readUInt32BE(offset + 1);
  if (length > maxBytes) {
    const text = `grpc: received message larger than max (${length} vs. ${maxBytes})`;
    throw new GrpcError(StatusCode.RESOURCE_EXHAUSTED, text);
  }
  return length;
}
