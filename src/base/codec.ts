/** Turns one message into bytes and back. `decode` throws `CodecError` on malformed input and never keeps `bytes`' buffer alive
 * longer than the message itself (byte fields may be views into it: whoever stores one copies it). */
export interface Codec<Message> {
  encode(message: Message): Uint8Array;
  decode(bytes: Uint8Array): Message;
}

/** A message in pieces, which are sent behind each other as they are. They must not change before. */
export interface Pieces {
  readonly pieces: readonly Uint8Array[];
  /** Of all of them, in bytes. */
  readonly length: number;
  /** Called for each in their order when it has left; for none any more once its call has ended. Null: nobody asks. */
  readonly done: ((piece: Uint8Array) => void) | null;
}

/** Of what a server answers. */
export interface ResponseCodec<Message> extends Codec<Message> {
  /** Null: this message does not lie in pieces, and is to be encoded. */
  pieces?(message: Message): Pieces | null;
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
