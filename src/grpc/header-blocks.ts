import { ConnectionError, ErrorCode, Flag, uint31At } from "./frames.ts";
import { HpackDecoder, HpackError } from "./hpack.ts";

export const HEADER_TABLE_BYTES = 4_096;
export const HEADER_LIST_MAX_BYTES: number = 16 * 1024;
/** Compressed, over HEADERS and CONTINUATION. */
const HEADER_BLOCK_MAX_BYTES = 64 * 1024;
const CONTINUATIONS_MAX = 16;
const PRIORITY_BYTES = 5;

export interface BlockSink<Head> {
  /** The fields of one HEADERS frame and what continues it. */
  block(streamId: number, endStream: boolean, head: Head): void;
}

/** From HEADERS and CONTINUATION to complete, decompressed field sections (RFC 9113, section 4.3), with a limit on both. */
export class HeaderBlocks<Head> {
  readonly #decoder: HpackDecoder<Head>;
  readonly #sink: BlockSink<Head>;
  /** A block that CONTINUATION must complete. */
  #open: { readonly stream: number; readonly endStream: boolean; readonly parts: Buffer[]; bytes: number } | null =
    null;

  constructor(interpret: (fields: readonly string[], tooLarge: boolean) => Head, sink: BlockSink<Head>) {
    this.#decoder = new HpackDecoder<Head>({
      tableMaxBytes: HEADER_TABLE_BYTES,
      listMaxBytes: HEADER_LIST_MAX_BYTES,
      interpret,
    });
    this.#sink = sink;
  }

  /** The stream whose block is incomplete: until it ends, nothing but its CONTINUATION may come. 0: none. */
  get openStream(): number {
    return this.#open === null ? 0 : this.#open.stream;
  }

  headers(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    let padding = 0;
    if ((flags & Flag.PADDED) !== 0) padding = start < end ? bytes[start++]! : end;
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < PRIORITY_BYTES) {
        throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "HEADERS too short for its priority");
      }
      checkDependency(streamId, bytes, start);
      start += PRIORITY_BYTES;
    }
    if (start + padding > end) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "padding beyond the frame");
    end -= padding;
    const endStream = (flags & Flag.END_STREAM) !== 0;
    if ((flags & Flag.END_HEADERS) !== 0) {
      this.#complete(streamId, endStream, bytes, start, end);
      return;
    }
    const part = bytes.subarray(start, end);
    this.#open = { stream: streamId, endStream, parts: [part], bytes: part.length };
  }

  continuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const open = this.#open;
    if (open === null) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "CONTINUATION continues nothing");
    open.parts.push(bytes.subarray(start, end));
    open.bytes += end - start;
    if (open.bytes > HEADER_BLOCK_MAX_BYTES || open.parts.length > CONTINUATIONS_MAX) {
      throw new ConnectionError(ErrorCode.ENHANCE_YOUR_CALM, "a header block without end");
    }
    if ((flags & Flag.END_HEADERS) === 0) return;
    this.#open = null;
    this.#complete(open.stream, open.endStream, Buffer.concat(open.parts), 0, open.bytes);
  }

  /** Every block is decoded, wanted or not: the compression state must stay in step. */
  #complete(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    let head: Head;
    try {
      head = this.#decoder.decode(bytes, start, end);
    } catch (error) {
      if (!(error instanceof HpackError)) throw error;
      throw new ConnectionError(ErrorCode.COMPRESSION_ERROR, error.message);
    }
    this.#sink.block(streamId, endStream, head);
  }
}

/** The rules for a PRIORITY frame, which otherwise is ignored. */
export function checkPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
  if (streamId === 0) throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "PRIORITY on stream 0");
  if (end - start !== PRIORITY_BYTES) throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is 5 bytes long");
  checkDependency(streamId, bytes, start);
}

/** Priorities are ignored, but a stream that depends on itself is still an error (RFC 7540, section 5.3.1). */
function checkDependency(streamId: number, bytes: Buffer, offset: number): void {
  if (uint31At(bytes, offset) === streamId) {
    throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "a stream depends on itself");
  }
}
