import { type Codec, CodecError, type Method } from "../../src/base/codec.ts";

/** A message of bytes, as itself: what tests and benchmarks send, so that no generated code is needed. */
export const BYTES: Codec<Uint8Array> = {
  encode: (message) => message,
  decode: (bytes) => {
    if (bytes.length > 0 && bytes[0] === 0xff) throw new CodecError("starts with 0xff");
    return bytes;
  },
};

export const ECHO: Method<Uint8Array, Uint8Array> = method("/test.Echo/Unary", false, false);
export const EXPAND: Method<Uint8Array, Uint8Array> = method("/test.Echo/Expand", false, true);
export const CHAT: Method<Uint8Array, Uint8Array> = method("/test.Echo/Chat", true, true);

export function method(path: string, requestStream: boolean, responseStream: boolean): Method<Uint8Array, Uint8Array> {
  return { path, requestStream, responseStream, request: BYTES, response: BYTES };
}
