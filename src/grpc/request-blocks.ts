import { assert } from "../base/assert.ts";
import type { Method } from "../base/codec.ts";
import type { ClientRpc } from "./client-call.ts";
import { isMetadata } from "./heads.ts";
import type { HpackEncoder } from "./hpack.ts";
import { formatTimeout } from "./timeout.ts";

/** So many distinct time-outs enter the compression table; after that they travel as literals and push nothing out of it. */
const INDEXED_TIMEOUTS_MAX = 8;

interface CachedRequest {
  readonly timeoutMs: number;
  readonly block: Buffer;
  readonly generation: number;
}

/** The header blocks of a client's requests: one for each method is kept and sent again, until the encoder's table changes. */
export class RequestBlocks {
  readonly #encoder: HpackEncoder;
  readonly #scheme: "http" | "https";
  readonly #authority: string;
  readonly #blocks = new Map<Method<unknown, unknown>, CachedRequest>();
  readonly #timeouts = new Set<string>();

  constructor(encoder: HpackEncoder, scheme: "http" | "https", authority: string) {
    this.#encoder = encoder;
    this.#scheme = scheme;
    this.#authority = authority;
  }

  /** The block must be sent before another is encoded. */
  block(call: ClientRpc): Buffer {
    const timeoutMs = call.options.timeoutMs ?? -1;
    const plain = call.options.metadata === undefined;
    const cached = plain ? this.#blocks.get(call.method) : undefined;
    const generation = this.#encoder.generation;
    if (cached !== undefined && cached.generation === generation && cached.timeoutMs === timeoutMs) return cached.block;
    const block = this.#encode(call, timeoutMs);
    if (plain && generation === this.#encoder.generation) {
      this.#blocks.set(call.method, { timeoutMs, block, generation });
    }
    return block;
  }

  #encode(call: ClientRpc, timeoutMs: number): Buffer {
    const encoder = this.#encoder;
    encoder.field(":method", "POST", "index");
    encoder.field(":scheme", this.#scheme, "index");
    encoder.field(":path", call.method.path, "index");
    encoder.field(":authority", this.#authority, "index");
    encoder.field("te", "trailers", "index");
    encoder.field("content-type", "application/grpc", "index");
    encoder.field("user-agent", "grpc-ts-faultline/0.1", "index");
    if (timeoutMs >= 0) {
      const text = formatTimeout(timeoutMs);
      const indexed = this.#timeouts.has(text) || this.#timeouts.size < INDEXED_TIMEOUTS_MAX;
      if (indexed) this.#timeouts.add(text);
      encoder.field("grpc-timeout", text, indexed ? "index" : "plain");
    }
    for (const [name, value] of call.options.metadata ?? []) {
      assert(isMetadata(name, value), "metadata is made of what gRPC allows", { name });
      encoder.field(name, value, "plain");
    }
    return encoder.finish();
  }
}
