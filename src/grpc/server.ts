import { assert } from "../base/assert.ts";
import type { Method } from "../base/codec.ts";
import type { Clock } from "../env/clock.ts";
import type { ByteStream, StreamHandler } from "../env/streams.ts";
import type { Trace } from "../env/trace.ts";
import { Deadlines, Expiring } from "./deadlines.ts";
import { PREFACE } from "./frames.ts";
import { Http1Connection, type Http1Handler } from "./http1.ts";
import { AnswerTime } from "./late-answers.ts";
import type { Route, ServerStream, UnaryHandler } from "./server-call.ts";
import { ServerConnection, type ServerConnectionOptions } from "./server-connection.ts";

export type { ServerCall, ServerStream, ServerStreamHandler, UnaryHandler } from "./server-call.ts";

export interface GrpcServerOptions {
  readonly trace: Trace;
  readonly clock: Clock;
  /** Largest request message, and largest body of a plain HTTP request. Default 4 MiB, as in grpc. */
  readonly maxRequestBytes?: number;
  /** Calls at a time on one connection. Default 4,096. */
  readonly maxConcurrentStreams?: number;
  /** Above this much unsent, a stream's `send` says to wait. Default 1 MiB. */
  readonly streamQueueBytes?: number;
  /** Responses waiting for their windows on one connection, above which late answers wait and new calls are refused; a single stream above it is cut. Default 64 MiB. */
  readonly connectionQueueBytes?: number;
  /** Connections at a time; more are closed at once. Default 10,000. */
  readonly maxConnections?: number;
}

/** How long a connection may take to its first whole request (HTTP/1.1) or to the client's SETTINGS (HTTP/2). */
const GREETING_MS = 10_000;
/** How long an HTTP/1.1 connection may take from one answer to the next whole request, however many bytes of it have come. */
const HTTP1_IDLE_MS = 60_000;
/** How long an HTTP/2 connection may stay before its first call. One that had calls stays: clients keep idle channels for hours. */
const FIRST_CALL_MS = 60_000;

/** A gRPC server over byte streams that somebody else accepts. Each stream's first bytes decide between HTTP/2 and HTTP/1.1. */
export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #routes = new Map<string, Route>();
  readonly #accepted = new Set<Accepted>();
  readonly #deadlines: Deadlines;
  readonly #answerTime: AnswerTime;
  #http1: Http1Handler | null = null;
  #closing = false;
  #whenEmpty: (() => void) | null = null;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    this.#deadlines = new Deadlines(options.clock);
    this.#answerTime = new AnswerTime(options.clock);
  }

  /** Serves a unary method. The handler's synchronous answer takes the fast path; it throws `GrpcError` to fail the call. */
  unary<Request, Response>(method: Method<Request, Response>, handler: UnaryHandler<Request, Response>): void {
    assert(!method.requestStream && !method.responseStream, "a unary method", { path: method.path });
    this.#register({
      kind: "unary",
      method: method as Method<unknown, unknown>,
      handler: handler as UnaryHandler<unknown, unknown>,
    });
  }

  /** Serves a server-streaming, client-streaming or bidirectional method. */
  streaming<Request, Response>(
    method: Method<Request, Response>,
    handler: (stream: ServerStream<Request, Response>) => void,
  ): void {
    assert(method.requestStream || method.responseStream, "a streaming method", { path: method.path });
    this.#register({
      kind: "stream",
      method: method as Method<unknown, unknown>,
      handler: handler as (stream: ServerStream<unknown, unknown>) => void,
    });
  }

  #register(route: Route): void {
    assert(!this.#routes.has(route.method.path), "one handler for each method", { path: route.method.path });
    this.#routes.set(route.method.path, route);
  }

  /** Serves everything that is not gRPC. Without it, such requests get 404 (HTTP/1.1) or 415 (HTTP/2). */
  http1(handler: Http1Handler): void {
    this.#http1 = handler;
  }

  /** Takes over a stream that was just accepted. */
  accept(stream: ByteStream): void {
    if (this.#closing || this.#accepted.size >= (this.#options.maxConnections ?? 10_000)) {
      stream.destroy();
      return;
    }
    const accepted = new Accepted(stream, this.#connectionOptions(), (gone) => this.#gone(gone));
    this.#accepted.add(accepted);
    this.#deadlines.add(accepted, GREETING_MS);
    stream.handle(accepted);
  }

  #connectionOptions(): ServerConnectionOptions {
    const options = this.#options;
    return {
      trace: options.trace,
      clock: options.clock,
      deadlines: this.#deadlines,
      answerTime: this.#answerTime,
      routes: this.#routes,
      http1: this.#http1,
      maxRequestBytes: options.maxRequestBytes ?? 4 * 1024 * 1024,
      maxConcurrentStreams: options.maxConcurrentStreams ?? 4_096,
      streamQueueBytes: options.streamQueueBytes ?? 1024 * 1024,
      connectionQueueBytes: options.connectionQueueBytes ?? 64 * 1024 * 1024,
    };
  }

  #gone(accepted: Accepted): void {
    this.#deadlines.remove(accepted);
    this.#accepted.delete(accepted);
    if (this.#accepted.size === 0) this.#whenEmpty?.();
  }

  /** Refuses new calls, lets the running ones end for `graceMs`, then cuts what is left. Resolves when nothing is open. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true;
    for (const accepted of this.#accepted) accepted.drain();
    if (this.#accepted.size > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.#options.clock.after(graceMs, () => {
          for (const accepted of this.#accepted) accepted.destroy();
        });
        this.#whenEmpty = () => {
          timer.cancel();
          resolve();
        };
      });
    }
    this.#deadlines.close();
  }
}

/** An accepted stream: undecided until its first bytes differ from HTTP/2's preface or complete it. */
class Accepted extends Expiring implements StreamHandler {
  readonly #stream: ByteStream;
  readonly #options: ServerConnectionOptions;
  readonly #gone: (accepted: Accepted) => void;
  #http2: ServerConnection | null = null;
  #http1: Http1Connection | null = null;
  #first: Buffer = Buffer.alloc(0);
  /** An HTTP/2 client's SETTINGS came in time: now it has some longer for its first call. */
  #greeted = false;

  constructor(stream: ByteStream, options: ServerConnectionOptions, gone: (accepted: Accepted) => void) {
    super();
    this.#stream = stream;
    this.#options = options;
    this.#gone = gone;
  }

  data(bytes: Uint8Array): void {
    const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#http2 !== null) this.#http2.http2.data(buffer);
    else if (this.#http1 !== null) this.#http1.data(buffer);
    else this.#decide(buffer);
  }

  #decide(bytes: Buffer): void {
    const first = this.#first.length === 0 ? bytes : Buffer.concat([this.#first, bytes]);
    const length = Math.min(first.length, PREFACE.length);
    if (first.compare(PREFACE, 0, length, 0, length) !== 0) {
      this.#first = Buffer.alloc(0);
      this.#http1 = this.#makeHttp1();
      this.#http1.data(first);
    } else if (length === PREFACE.length) {
      this.#first = Buffer.alloc(0);
      this.#http2 = new ServerConnection(this.#stream, this.#options);
      this.#http2.http2.data(first.subarray(PREFACE.length));
    } else {
      this.#first = first;
    }
  }

  #makeHttp1(): Http1Connection {
    const { trace, http1, maxRequestBytes, deadlines } = this.#options;
    return new Http1Connection(this.#stream, {
      trace,
      handler: http1,
      maxBodyBytes: maxRequestBytes,
      received: () => deadlines.remove(this),
      answered: () => deadlines.add(this, HTTP1_IDLE_MS),
    });
  }

  drained(): void {
    this.#http2?.http2.drained();
    this.#http1?.drained();
  }

  closed(error: Error | null): void {
    this.#http2?.http2.disconnected(error);
    this.#http1?.closed();
    this.#gone(this);
  }

  drain(): void {
    if (this.#http2 !== null) this.#http2.drain();
    else if (this.#http1 !== null) this.#http1.drain();
    else this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  expired(): void {
    const http2 = this.#http2;
    if (http2?.hadCalls) return;
    if (http2?.http2.greeted && !this.#greeted) {
      this.#greeted = true;
      this.#options.deadlines.add(this, FIRST_CALL_MS - GREETING_MS);
      return;
    }
    this.#options.trace.debug("a connection asked for nothing", { remote: this.#stream.remote });
    if (http2?.http2.greeted) http2.drain();
    else this.#stream.destroy();
  }
}
