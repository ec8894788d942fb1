/** Turns one message into bytes and back. `decode` throws `CodecError` on malformed input and never keeps `bytes`' buffer alive
 * longer than the message itself (byte fields may be views into it: whoever stores one copies it). */
export interface Codec<Message> {
  encode(message: Message): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

/** Of what a server answers: a large message may lie in several pieces, which are sent behind each other as they are. */
export interface ResponseCodec<Message> extends Codec<Message> {
  /** They must not change afterwards. Null: this message lies in none, and is to be encoded. */
  pieces?(message: Message): readonly Uint8Array[] | null;
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
  readonly response: ResponseCodec<Response>;
}
