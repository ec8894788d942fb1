import type { Codec, Method } from "../../../src/base/codec.ts";

/** About what an etcd Range asks and answers: a 32-byte key; a header's worth of numbers, the key and a 256-byte value. */
export interface Answer {
  readonly revision: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export const KEY_BYTES = 32;
const VALUE_BYTES = 256;
export const KEY: Buffer = Buffer.alloc(KEY_BYTES, "k");
export const VALUE: Buffer = Buffer.alloc(VALUE_BYTES, "v");

const REQUEST: Codec<Uint8Array> = { encode: (message) => message, decode: (bytes) => bytes };

const RESPONSE: Codec<Answer> = {
  encode(message) {
    const bytes = Buffer.allocUnsafe(4 + KEY_BYTES + VALUE_BYTES);
    bytes.writeUInt32BE(message.revision, 0);
    bytes.set(message.key, 4);
    bytes.set(message.value, 4 + KEY_BYTES);
    return bytes;
  },
  decode(bytes) {
    return {
      revision: ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0,
      key: bytes.subarray(4, 4 + KEY_BYTES),
      value: bytes.subarray(4 + KEY_BYTES),
    };
  },
};

export const RANGE: Method<Uint8Array, Answer> = {
  path: "/bench.KV/Range",
  requestStream: false,
  responseStream: false,
  request: REQUEST,
  response: RESPONSE,
};

export const KINDS = ["faultline", "node:http2", "grpc-js"] as const;
export type Kind = (typeof KINDS)[number];

/** What the benchmark's own process asks of its children, and what they answer. */
export type Ask =
  | { readonly ask: "listen"; readonly kind: Kind }
  | { readonly ask: "cpu" }
  | { readonly ask: "connect"; readonly kind: Kind; readonly port: number; readonly connections: number }
  | { readonly ask: "load"; readonly inFlight: number; readonly durationMs: number }
  | { readonly ask: "disconnect" };

export interface Reply {
  readonly port?: number;
  readonly cpuMicros?: number;
  readonly calls?: number;
}

/** A length-prefixed gRPC message, for the one who does the framing by hand. */
export function frame(message: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(5 + message.length);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}
