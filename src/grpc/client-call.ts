import type { Method } from "../base/codec.ts";
import type { ResponseHead } from "./heads.ts";
import { Http2Stream } from "./http2-stream.ts";
import type { MessageReader, MessageSink } from "./messages.ts";
import { GrpcError, StatusCode } from "./status.ts";

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this; the server is told. */
  readonly timeoutMs?: number;
  /** Lower-case names, visible ASCII values. */
  readonly metadata?: ReadonlyMap<string, string>;
}

export interface ClientCall {
  /** Ends the call with CANCELLED unless it has ended; the server is told. */
  cancel(): void;
}

export interface ClientStream<Request> extends ClientCall {
  /** False: above the stream's queue limit, wait for `drained`. What is sent after the end is dropped. */
  send(request: Request): boolean;
  /** Nothing more will be sent. */
  end(): void;
  readonly queuedBytes: number;
  /** Stops and resumes the server: what it may still send is bounded by the stream's window. */
  pause(): void;
  resume(): void;
}

export interface ClientStreamHandler<Response> {
  message(response: Response): void;
  /** The queue is empty again after `send` has returned false. */
  drained?(): void;
  /** Exactly once, last; null means status OK. */
  closed(error: GrpcError | null): void;
}

export type UnaryDone<Response> = (error: GrpcError | null, response: Response | null) => void;

/** The connection a call belongs to, as the call needs it. */
export interface ClientCallOwner {
  sendRequest(call: ClientRpc, bytes: Uint8Array, last: boolean): boolean;
  endRequest(call: ClientRpc): void;
  finish(call: ClientRpc, error: GrpcError | null): void;
  received(call: ClientRpc, bytes: Uint8Array): void;
  resumeCredit(call: ClientRpc): void;
}

/** One call on a client: the HTTP/2 stream, and what the caller holds. */
export class ClientRpc extends Http2Stream implements ClientStream<unknown>, MessageSink {
  readonly owner: ClientCallOwner;
  readonly method: Method<unknown, unknown>;
  readonly options: CallOptions;
  /** One of the two hears how the call ends. */
  readonly done: UnaryDone<unknown> | null;
  readonly handler: ClientStreamHandler<unknown> | null;
  /** Requests made before the stream could be opened. */
  early: Uint8Array[] | null = null;
  requestEnded = false;
  finished = false;
  head: ResponseHead | null = null;
  response: Uint8Array | null = null;
  reader: MessageReader | null = null;

  constructor(
    owner: ClientCallOwner,
    method: Method<unknown, unknown>,
    options: CallOptions,
    done: UnaryDone<unknown> | null,
    handler: ClientStreamHandler<unknown> | null,
  ) {
    super(0, 0, 0);
    this.owner = owner;
    this.method = method;
    this.options = options;
    this.done = done;
    this.handler = handler;
  }

  /** The request may have reached the application: its HEADERS were handed to the connection. */
  get opened(): boolean {
    return this.id > 0;
  }

  send(request: unknown): boolean {
    if (this.finished || this.requestEnded) return true;
    return this.owner.sendRequest(this, this.method.request.encode(request), false);
  }

  end(): void {
    if (this.finished || this.requestEnded) return;
    this.requestEnded = true;
    this.owner.endRequest(this);
  }

  cancel(): void {
    if (this.finished) return;
    this.owner.finish(this, new GrpcError(StatusCode.CANCELLED, "cancelled by the caller", this.opened));
  }

  pause(): void {
    this.creditPaused = true;
  }

  resume(): void {
    this.owner.resumeCredit(this);
  }

  message(bytes: Uint8Array): void {
    this.owner.received(this, bytes);
  }

  expired(): void {
    if (this.finished) return;
    this.owner.finish(this, new GrpcError(StatusCode.DEADLINE_EXCEEDED, "deadline exceeded", this.opened));
  }
}
