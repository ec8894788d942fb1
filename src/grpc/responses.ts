import { CodecError } from "../base/codec.ts";
import type { ClientRpc, UnaryDone } from "./client-call.ts";
import type { ResponseHead } from "./heads.ts";
import { MessageReader } from "./messages.ts";
import { MESSAGE_PREFIX_BYTES } from "./output.ts";
import { codeOfHttpStatus, decodeMessage, GrpcError, StatusCode } from "./status.ts";

export interface ResponseSink {
  /** The call is over: null with the server's OK behind a well-formed response. */
  finish(call: ClientRpc, error: GrpcError | null): void;
}

/** What a gRPC response must look like: head, messages, trailers with a status. Anything else ends its call with an error. */
export class Responses {
  readonly #maxResponseBytes: number;
  readonly #sink: ResponseSink;

  constructor(maxResponseBytes: number, sink: ResponseSink) {
    this.#maxResponseBytes = maxResponseBytes;
    this.#sink = sink;
  }

  /** A header block: the response's head, or its trailers. */
  head(call: ClientRpc, head: ResponseHead): void {
    if (head.malformed || head.tooLarge) {
      this.#broken(call, head.tooLarge ? "the response's header fields are too large" : "malformed response header");
    } else if (call.head !== null) {
      if (head.httpStatus !== null || !call.remoteClosed) this.#broken(call, "a second response header");
      else this.#ended(call, head);
    } else if (head.httpStatus === null) {
      this.#broken(call, "the response starts with trailers");
    } else if (head.httpStatus < 200) {
      if (call.remoteClosed) this.#broken(call, "the response ends with an interim status");
    } else if (!head.grpc) {
      const text = `not a gRPC response: HTTP status ${head.httpStatus}`;
      this.#sink.finish(call, new GrpcError(codeOfHttpStatus(head.httpStatus), text));
    } else if (call.remoteClosed) {
      this.#ended(call, head);
    } else {
      call.head = head;
    }
  }

  /** Body bytes [start, end); the last of them when `remoteClosed`. */
  data(call: ClientRpc, bytes: Buffer, start: number, end: number): void {
    if (call.finished) return;
    if (call.head === null) {
      this.#broken(call, "DATA before the response header");
      return;
    }
    if (start < end) this.#body(call, bytes, start, end);
    if (call.remoteClosed && !call.finished) this.#broken(call, "the response ends without a status");
  }

  #body(call: ClientRpc, bytes: Buffer, start: number, end: number): void {
    const length = end - start - MESSAGE_PREFIX_BYTES;
    const whole = call.reader === null && length >= 0 && bytes[start] === 0 && bytes.readUInt32BE(start + 1) === length;
    try {
      if (whole && length <= this.#maxResponseBytes) {
        this.received(call, bytes.subarray(start + MESSAGE_PREFIX_BYTES, end));
        return;
      }
      call.reader ??= new MessageReader(this.#maxResponseBytes);
      call.reader.push(bytes, start, end, call);
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      this.#sink.finish(call, error);
    }
  }

  /** One whole message. */
  received(call: ClientRpc, bytes: Uint8Array): void {
    if (call.finished) return;
    if (call.handler !== null) {
      const response = this.#decode(call, bytes);
      if (!call.finished) call.handler.message(response);
    } else if (call.response === null) {
      call.response = bytes;
    } else {
      this.#broken(call, "more than one response message");
    }
  }

  #decode(call: ClientRpc, bytes: Uint8Array): unknown {
    try {
      return call.method.response.decode(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#sink.finish(call, new GrpcError(StatusCode.INTERNAL, `malformed response: ${error.message}`));
      return null;
    }
  }

  /** The status has arrived. */
  #ended(call: ClientRpc, head: ResponseHead): void {
    if (head.grpcStatus === null) {
      this.#broken(call, "the response has no status");
    } else if (head.grpcStatus !== StatusCode.OK) {
      this.#sink.finish(call, new GrpcError(head.grpcStatus, decodeMessage(head.grpcMessage)));
    } else if (call.reader?.partial) {
      this.#broken(call, "the response ends inside a message");
    } else if (call.done !== null && call.response === null) {
      this.#broken(call, "the response message is missing");
    } else {
      this.#sink.finish(call, null);
    }
  }

  #broken(call: ClientRpc, message: string): void {
    this.#sink.finish(call, new GrpcError(StatusCode.INTERNAL, message));
  }
}

/** Tells the caller of a unary call how it ended; a response is decoded only now, when its status is known. */
export function answer(call: ClientRpc, done: UnaryDone<unknown>, error: GrpcError | null): void {
  if (error !== null || call.response === null) {
    done(error, null);
    return;
  }
  let response: unknown;
  try {
    response = call.method.response.decode(call.response);
  } catch (cause) {
    if (!(cause instanceof CodecError)) throw cause;
    done(new GrpcError(StatusCode.INTERNAL, `malformed response: ${cause.message}`), null);
    return;
  }
  done(null, response);
}
