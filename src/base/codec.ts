/** Turns one message into bytes and back. `decode` throws `CodecError` on malformed input and never keeps `bytes`' buffer alive
 * longer than the message itself (byte fields may be views into it: whoever stores one copies it). */
export interface Codec<Message> {
  encode(message: Message): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

export class CodecError extends Error {
  override readonly name = "CodecError";
}

/** One RPC of a gRPC service: proto/ declares them, grpc/ serves and calls them without knowing what they carry. */
export interface Method<Request, Response> {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}
