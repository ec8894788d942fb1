import type { HpackEncoder } from "./hpack.ts";
import { encodeMessage, type GrpcError, StatusCode } from "./status.ts";

/** A header block that is written once and sent many times, until the encoder's table changes. */
interface CachedBlock {
  block: Buffer;
  generation: number;
}

type Fields = readonly (readonly [name: string, value: string])[];

const HEAD: Fields = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];
const OK_TRAILERS: Fields = [["grpc-status", "0"]];

/** The header blocks of a server's gRPC responses. Each must be sent before another is encoded. */
export class ResponseBlocks {
  readonly #encoder: HpackEncoder;
  readonly #head: CachedBlock = { block: Buffer.alloc(0), generation: -1 };
  readonly #ok: CachedBlock = { block: Buffer.alloc(0), generation: -1 };

  constructor(encoder: HpackEncoder) {
    this.#encoder = encoder;
  }

  head(): Buffer {
    return this.#cached(this.#head, HEAD);
  }

  /** Trailers, or a whole trailers-only response when no head has been sent. */
  trailers(error: GrpcError | null, headSent: boolean): Buffer {
    if (error === null && headSent) return this.#cached(this.#ok, OK_TRAILERS);
    const encoder = this.#encoder;
    if (!headSent) for (const [name, value] of HEAD) encoder.field(name, value, "index");
    encoder.field("grpc-status", String(error?.code ?? StatusCode.OK), "index");
    if (error !== null && error.message !== "") encoder.field("grpc-message", encodeMessage(error.message), "plain");
    return encoder.finish();
  }

  #cached(cache: CachedBlock, fields: Fields): Buffer {
    const encoder = this.#encoder;
    if (cache.generation === encoder.generation) return cache.block;
    const generation = encoder.generation;
    for (const [name, value] of fields) encoder.field(name, value, "index");
    const block = encoder.finish();
    if (generation === encoder.generation) {
      cache.block = block;
      cache.generation = generation;
    }
    return block;
  }
}
