import type { Method, Pieces } from "../base/codec.ts";
import type { RequestHead } from "./heads.ts";
import { Http2Stream } from "./http2-stream.ts";
import type { MessageReader, MessageSink } from "./messages.ts";
import type { GrpcError } from "./status.ts";

/** What a handler may know about the call it answers. */
export interface ServerCall {
  /** Lower-case names; a repeated one is joined with ", ". */
  readonly metadata: ReadonlyMap<string, string>;
  /** What the client allowed when it called. */
  readonly timeoutMs: number | null;
  /** "host:port" of the other end. */
  readonly remote: string;
  /** Nobody waits for the answer any more: cancelled, past its deadline, or disconnected. */
  readonly cancelled: boolean;
}

/**
 * The answer, now or later. What comes later may be a function that makes it: it is called when the connection has room for one
 * more, so that answers which a slow client does not fetch take no memory. It throws `GrpcError` to fail the call.
 */
export type UnaryHandler<Request, Response> = (
  request: Request,
  call: ServerCall,
) => Response | Promise<Response | (() => Response)>;

/** What the other end of a stream does. After `cancelled` nothing follows; after `ended` only `cancelled` and `drained` may. */
export interface ServerStreamHandler<Request> {
  message(request: Request): void;
  /** The client will send no more. */
  ended(): void;
  cancelled(): void;
  /** The queue is empty again after `send` has returned false. */
  drained?(): void;
}

/** A server-streaming or bidirectional call. */
export interface ServerStream<Request, Response> extends ServerCall {
  /** Set once, before the method's handler returns. */
  receive(handler: ServerStreamHandler<Request>): void;
  /** False: above the stream's queue limit, wait for `drained`. What is sent after the end is dropped. */
  send(message: Response): boolean;
  /** An already encoded response. Its pieces may be shared between streams. */
  sendEncoded(message: Pieces): boolean;
  readonly queuedBytes: number;
  /** Stops and resumes the client: what it may still send is bounded by the stream's window. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then the status: OK without an error. */
  end(error?: GrpcError): void;
}

export type Route =
  | {
      readonly kind: "unary";
      readonly method: Method<unknown, unknown>;
      readonly handler: UnaryHandler<unknown, unknown>;
    }
  | {
      readonly kind: "stream";
      readonly method: Method<unknown, unknown>;
      readonly handler: (stream: ServerStream<unknown, unknown>) => void;
    };

/** The connection a call belongs to, as the call needs it. */
export interface CallOwner {
  readonly remote: string;
  sendResponse(call: ServerRpc, bytes: Uint8Array): boolean;
  sendPieces(call: ServerRpc, message: Pieces): boolean;
  finish(call: ServerRpc, error: GrpcError | null): void;
  received(call: ServerRpc, bytes: Uint8Array): void;
  resumeCredit(call: ServerRpc): void;
  timedOut(call: ServerRpc): void;
}

const NO_METADATA: ReadonlyMap<string, string> = new Map();

/** One call on a server: the HTTP/2 stream, and the face its handler sees. */
export class ServerRpc extends Http2Stream implements ServerStream<unknown, unknown>, MessageSink {
  readonly owner: CallOwner;
  head: RequestHead | null = null;
  route: Route | null = null;
  cancelled = false;
  /** The response's head has been written. */
  headSent = false;
  /** The handler has answered, or will never be asked to. */
  finished = false;
  /** What the trailers will say. */
  error: GrpcError | null = null;
  handler: ServerStreamHandler<unknown> | null = null;
  /** The one request of a unary or server-streaming call. */
  request: Uint8Array | null = null;
  reader: MessageReader | null = null;
  /** Body bytes so far, held against content-length. */
  bodyBytes = 0;
  /** Of an incomplete request, as counted by the connection. */
  heldBytes = 0;
  /** Parts of a plain HTTP request's body. */
  body: Uint8Array[] | null = null;

  constructor(owner: CallOwner, id: number, sendWindow: number, receiveWindow: number) {
    super(id, sendWindow, receiveWindow);
    this.owner = owner;
  }

  get metadata(): ReadonlyMap<string, string> {
    return this.head === null ? NO_METADATA : this.head.metadata;
  }

  get timeoutMs(): number | null {
    return this.head === null ? null : this.head.timeoutMs;
  }

  get remote(): string {
    return this.owner.remote;
  }

  receive(handler: ServerStreamHandler<unknown>): void {
    this.handler = handler;
  }

  send(message: unknown): boolean {
    if (this.finished || this.route === null) return true;
    return this.owner.sendResponse(this, this.route.method.response.encode(message));
  }

  sendEncoded(message: Pieces): boolean {
    return this.finished ? true : this.owner.sendPieces(this, message);
  }

  pause(): void {
    this.creditPaused = true;
  }

  resume(): void {
    this.owner.resumeCredit(this);
  }

  end(error?: GrpcError): void {
    if (!this.finished) this.owner.finish(this, error ?? null);
  }

  message(bytes: Uint8Array): void {
    this.owner.received(this, bytes);
  }

  expired(): void {
    this.owner.timedOut(this);
  }
}
