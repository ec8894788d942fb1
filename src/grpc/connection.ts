import { assert } from "../base/assert.ts";
import type { Method } from "../base/codec.ts";
import type { Clock } from "../env/clock.ts";
import type { ByteStream } from "../env/streams.ts";
import {
  type CallOptions,
  type ClientCall,
  type ClientCallOwner,
  ClientRpc,
  type ClientStream,
  type ClientStreamHandler,
  type UnaryDone,
} from "./client-call.ts";
import { Deadlines } from "./deadlines.ts";
import { ErrorCode } from "./frames.ts";
import { type ResponseHead, readResponseHead } from "./heads.ts";
import { Http2Connection } from "./http2.ts";
import type { Http2Owner } from "./http2-owner.ts";
import { MESSAGE_PREFIX_BYTES } from "./output.ts";
import { RequestBlocks } from "./request-blocks.ts";
import { answer, type ResponseSink, Responses } from "./responses.ts";
import { codeOfReset, GrpcError, StatusCode } from "./status.ts";

export type { CallOptions, ClientCall, ClientStream, ClientStreamHandler, UnaryDone } from "./client-call.ts";

export interface ConnectionOptions {
  readonly clock: Clock;
  /** The `:authority` of every request. Default: the stream's `remote`. */
  readonly authority?: string;
  /** Default "http"; "https" over TLS. */
  readonly scheme?: "http" | "https";
  /** Largest response message. Default 64 MiB. */
  readonly maxResponseBytes?: number;
  /** Calls that wait for the connection or for the server's limit of streams; more fail at once. Default 10,000. */
  readonly maxWaitingCalls?: number;
  /** Above this much unsent, a stream's `send` says to wait. Default 1 MiB. */
  readonly streamQueueBytes?: number;
}

const PINGS_MAX = 64;

/**
 * The client's half of one HTTP/2 connection, never re-dialled. Calls may start at once; they leave when the server's settings
 * have arrived, so that a call on a connection that never came up is known not to have reached anybody.
 */
export class GrpcConnection implements Http2Owner<ClientRpc, ResponseHead>, ClientCallOwner, ResponseSink {
  readonly #http2: Http2Connection<ClientRpc, ResponseHead>;
  readonly #options: ConnectionOptions;
  readonly #deadlines: Deadlines;
  readonly #blocks: RequestBlocks;
  readonly #responses: Responses;
  readonly #pings: ((error: Error | null) => void)[] = [];
  readonly #onReady: (() => void)[] = [];
  readonly #onClosed: ((error: Error | null) => void)[] = [];
  /** Calls that could not be opened yet, in order. */
  #waiting = new Set<ClientRpc>();
  #state: "connecting" | "ready" | "closed" = "connecting";
  #draining = false;

  constructor(stream: ByteStream, options: ConnectionOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#http2 = new Http2Connection<ClientRpc, ResponseHead>(stream, this, {
      clock: options.clock,
      role: "client",
      maxConcurrentStreams: 0,
      streamQueueBytes: options.streamQueueBytes ?? 1024 * 1024,
    });
    const http2 = this.#http2;
    this.#blocks = new RequestBlocks(http2.encoder, options.scheme ?? "http", options.authority ?? stream.remote);
    this.#responses = new Responses(options.maxResponseBytes ?? 64 * 1024 * 1024, this);
    stream.handle({
      data: (bytes) =>
        http2.data(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
      drained: () => http2.drained(),
      closed: (error) => http2.disconnected(error),
    });
    http2.start();
  }

  get state(): "connecting" | "ready" | "closed" {
    return this.#state;
  }

  /** The server has asked for calls to go elsewhere: new ones fail, running ones may end. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Calls that have not ended. */
  get activeCalls(): number {
    return this.#http2.streams.size + this.#waiting.size;
  }

  onReady(fn: () => void): void {
    this.#onReady.push(fn);
  }

  /** `fn` runs once, after every call has ended; null after an orderly end. */
  onClosed(fn: (error: Error | null) => void): void {
    this.#onClosed.push(fn);
  }

  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
    done: UnaryDone<Response>,
  ): ClientCall {
    const call = new ClientRpc(this, method as Method<unknown, unknown>, options, done as UnaryDone<unknown>, null);
    call.requestEnded = true;
    const bytes = method.request.encode(request);
    if (this.#begin(call)) this.#http2.sender.send(call, bytes, true);
    else call.early = [bytes];
    return call;
  }

  stream<Request, Response>(
    method: Method<Request, Response>,
    options: CallOptions,
    handler: ClientStreamHandler<Response>,
  ): ClientStream<Request> {
    const call = new ClientRpc(
      this,
      method as Method<unknown, unknown>,
      options,
      null,
      handler as ClientStreamHandler<unknown>,
    );
    this.#begin(call);
    return call as ClientStream<unknown> as ClientStream<Request>;
  }

  /** `done` hears of the answer, or of the connection's end. The caller decides how long to wait. */
  ping(done: (error: Error | null) => void): void {
    if (this.#state === "closed" || this.#pings.length >= PINGS_MAX) {
      queueMicrotask(() => done(new GrpcError(StatusCode.UNAVAILABLE, "the connection cannot be asked", false)));
      return;
    }
    this.#pings.push(done);
    this.#http2.output.ping(false, Buffer.alloc(8));
  }

  /** What was sent leaves now, not at the end of this turn. */
  flush(): void {
    this.#http2.output.flush();
  }

  /** Ends every call with UNAVAILABLE and closes. */
  close(): void {
    if (this.#state === "closed") return;
    this.#http2.goaway(ErrorCode.NO_ERROR);
    this.#http2.close(null);
  }

  // --------------------------------------------------------------------------------------------------- calls go out

  /** Opens the call's stream, or lets it wait. False: nothing was written. */
  #begin(call: ClientRpc): boolean {
    const timeoutMs = call.options.timeoutMs;
    if (this.#state === "closed" || this.#draining) {
      this.#failLater(call, new GrpcError(StatusCode.UNAVAILABLE, "the connection is closed", false));
      return false;
    }
    if (timeoutMs !== undefined) this.#deadlines.add(call, timeoutMs);
    if (this.#state === "ready" && this.#waiting.size === 0 && this.#room()) {
      this.#open(call);
      return !call.finished && call.opened;
    }
    if (this.#waiting.size >= (this.#options.maxWaitingCalls ?? 10_000)) {
      this.#failLater(call, new GrpcError(StatusCode.RESOURCE_EXHAUSTED, "too many calls wait", false));
      return false;
    }
    this.#waiting.add(call);
    return false;
  }

  /** Callers hear of a failure only after they hold the call. */
  #failLater(call: ClientRpc, error: GrpcError): void {
    queueMicrotask(() => this.finish(call, error));
  }

  #room(): boolean {
    return this.#http2.streams.size < this.#http2.peer.maxConcurrentStreams;
  }

  #open(call: ClientRpc): void {
    const id = this.#http2.streams.ids.next();
    if (id === 0) {
      // Stream ids are used up: this connection ends like one that was asked to go away.
      this.#draining = true;
      this.#failLater(call, new GrpcError(StatusCode.UNAVAILABLE, "the connection is used up", false));
      return;
    }
    call.id = id;
    this.#http2.streams.attach(call);
    this.#http2.headers(call, this.#blocks.block(call), false);
  }

  #openWaiting(): void {
    for (const call of this.#waiting) {
      if (this.#state !== "ready" || !this.#room()) return;
      this.#waiting.delete(call);
      this.#open(call);
      if (call.opened) this.#sendEarly(call);
    }
  }

  /** Sends what the caller gave before the stream could be opened. */
  #sendEarly(call: ClientRpc): void {
    const early = call.early ?? [];
    const blocked = call.blocked;
    call.early = null;
    call.queuedBytes = 0;
    call.blocked = false;
    for (let i = 0; i < early.length; i++) {
      this.#http2.sender.send(call, early[i]!, call.requestEnded && i === early.length - 1);
    }
    if (early.length === 0 && call.requestEnded) this.#http2.sender.end(call, "data");
    if (!blocked || call.finished) return;
    // The caller was told to wait: it hears of it now or when the rest has left.
    if (call.queue === null) this.drained(call);
    else call.blocked = true;
  }

  sendRequest(call: ClientRpc, bytes: Uint8Array, last: boolean): boolean {
    if (call.opened) return call.detached ? true : this.#http2.sender.send(call, bytes, last);
    call.early ??= [];
    call.early.push(bytes);
    call.queuedBytes += bytes.length + MESSAGE_PREFIX_BYTES;
    call.blocked = call.queuedBytes > (this.#options.streamQueueBytes ?? 1024 * 1024);
    return !call.blocked;
  }

  endRequest(call: ClientRpc): void {
    if (call.opened && !call.detached) this.#http2.sender.end(call, "data");
  }

  // ----------------------------------------------------------------------------------------------- responses come in

  interpret(fields: readonly string[], tooLarge: boolean): ResponseHead {
    return readResponseHead(fields, tooLarge);
  }

  /** Servers open no streams. */
  open(): null {
    return null;
  }

  head(call: ClientRpc, head: ResponseHead): void {
    this.#responses.head(call, head);
  }

  data(call: ClientRpc, bytes: Buffer, start: number, end: number): void {
    this.#responses.data(call, bytes, start, end);
  }

  received(call: ClientRpc, bytes: Uint8Array): void {
    this.#responses.received(call, bytes);
  }

  // ---------------------------------------------------------------------------------------------------------- endings

  /** Ends a call for its caller, once, and lets the server know unless it knows. */
  finish(call: ClientRpc, error: GrpcError | null): void {
    if (call.finished) return;
    call.finished = true;
    this.#deadlines.remove(call);
    if (!call.opened) this.#waiting.delete(call);
    else if (!call.detached && !(call.remoteClosed && call.localClosed))
      this.#http2.streams.reset(call, ErrorCode.CANCEL);
    if (call.done !== null) answer(call, call.done, error);
    else call.handler?.closed(error);
  }

  reset(call: ClientRpc, code: number, byPeer: boolean): void {
    const reached = code !== ErrorCode.REFUSED_STREAM || !byPeer;
    const text = byPeer ? `the server reset the stream (code ${code})` : `the server broke the stream (code ${code})`;
    this.finish(call, new GrpcError(byPeer ? codeOfReset(code) : StatusCode.INTERNAL, text, reached));
  }

  /** END_STREAM was sent; the answer is still to come. */
  sent(call: ClientRpc): void {
    this.#http2.streams.localEnd(call);
  }

  trailers(): Uint8Array {
    assert(false, "requests end without trailers");
  }

  drained(call: ClientRpc): void {
    call.handler?.drained?.();
  }

  resumeCredit(call: ClientRpc): void {
    if (call.opened && !call.detached) this.#http2.resumeCredit(call);
    else call.creditPaused = false;
  }

  relieved(): void {}

  settled(): void {
    if (this.#state === "connecting") {
      this.#state = "ready";
      for (const fn of this.#onReady) fn();
    }
    this.#openWaiting();
  }

  goaway(lastStreamId: number, code: number): void {
    this.#draining = true;
    const error = new GrpcError(StatusCode.UNAVAILABLE, `the server goes away (code ${code})`, false);
    for (const call of [...this.#waiting]) this.finish(call, error);
    for (const call of [...this.#http2.streams.values()]) if (call.id > lastStreamId) this.finish(call, error);
    this.#closeIfDrained();
  }

  /** Later, so that a call hears of its end before anything follows from it. */
  released(): void {
    if (this.#draining) queueMicrotask(() => this.#closeIfDrained());
    else if (this.#waiting.size > 0) queueMicrotask(() => this.#openWaiting());
  }

  #closeIfDrained(): void {
    if (this.#draining && this.#http2.streams.size === 0 && this.#state !== "closed") this.#http2.close(null);
  }

  pong(): void {
    this.#pings.shift()?.(null);
  }

  closed(error: Error | null): void {
    this.#state = "closed";
    const text = error === null ? "the connection was closed" : `the connection broke: ${error.message}`;
    for (const call of [...this.#http2.streams.values()]) {
      call.detached = true;
      this.finish(call, new GrpcError(StatusCode.UNAVAILABLE, text, true));
    }
    this.#http2.streams.clear();
    for (const call of [...this.#waiting]) this.finish(call, new GrpcError(StatusCode.UNAVAILABLE, text, false));
    for (const done of this.#pings.splice(0)) done(error ?? new GrpcError(StatusCode.UNAVAILABLE, text, false));
    this.#deadlines.close();
    for (const fn of this.#onClosed) fn(error);
  }
}
