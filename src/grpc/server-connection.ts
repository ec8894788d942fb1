import { AssertionError } from "../base/assert.ts";
import { CodecError } from "../base/codec.ts";
import type { Clock } from "../env/clock.ts";
import type { ByteStream } from "../env/streams.ts";
import type { Trace } from "../env/trace.ts";
import type { Deadlines } from "./deadlines.ts";
import { ErrorCode } from "./frames.ts";
import { type RequestHead, readRequestHead } from "./heads.ts";
import type { Http1Handler, Http1Response } from "./http1.ts";
import { Http2Connection } from "./http2.ts";
import type { Http2Owner } from "./http2-owner.ts";
import { MessageReader } from "./messages.ts";
import { MESSAGE_PREFIX_BYTES } from "./output.ts";
import { plainRequest, plainResponse } from "./plain.ts";
import { type CallOwner, type Route, ServerRpc } from "./server-call.ts";
import { encodeMessage, GrpcError, StatusCode } from "./status.ts";

export interface ServerConnectionOptions {
  readonly trace: Trace;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly routes: ReadonlyMap<string, Route>;
  readonly http1: Http1Handler | null;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  readonly streamQueueBytes: number;
  /** Responses that wait for windows, over all streams, above which new calls are refused; also the most for one stream, and for incomplete requests. */
  readonly connectionQueueBytes: number;
}

/** A header block that is written once and sent many times, until the encoder's table changes. */
interface CachedBlock {
  block: Buffer;
  generation: number;
}

/** The gRPC server's half of one HTTP/2 connection: from header blocks and DATA to handlers and back. */
export class ServerConnection implements Http2Owner<ServerRpc, RequestHead>, CallOwner {
  readonly remote: string;
  readonly http2: Http2Connection<ServerRpc, RequestHead>;
  readonly #options: ServerConnectionOptions;
  readonly #headBlock: CachedBlock = { block: Buffer.alloc(0), generation: -1 };
  readonly #okBlock: CachedBlock = { block: Buffer.alloc(0), generation: -1 };
  #draining = false;
  /** Of incomplete requests, over all calls. */
  #heldBytes = 0;

  constructor(stream: ByteStream, options: ServerConnectionOptions) {
    this.remote = stream.remote;
    this.#options = options;
    this.http2 = new Http2Connection<ServerRpc, RequestHead>(stream, this, {
      clock: options.clock,
      role: "server",
      maxConcurrentStreams: options.maxConcurrentStreams,
      streamQueueBytes: options.streamQueueBytes,
    });
    this.http2.start();
  }

  /** Refuses new calls and closes when the running ones are done. */
  drain(): void {
    this.#draining = true;
    this.http2.goaway(ErrorCode.NO_ERROR);
    this.#closeIfDrained();
  }

  // ------------------------------------------------------------------------------------------------- requests come in

  interpret(fields: readonly string[], tooLarge: boolean): RequestHead {
    return readRequestHead(fields, tooLarge);
  }

  open(id: number, sendWindow: number, receiveWindow: number): ServerRpc | null {
    if (this.http2.sender.queuedBytes > this.#options.connectionQueueBytes) return null;
    return new ServerRpc(this, id, sendWindow, receiveWindow);
  }

  head(call: ServerRpc, head: RequestHead): void {
    if (call.head !== null) {
      // Trailers carry nothing that gRPC requests need, but they must end the stream.
      if (head.malformed || !head.trailers || !call.remoteClosed) this.#malformed(call);
      else this.#requestEnded(call);
      return;
    }
    call.head = head;
    if (head.malformed || head.trailers) {
      this.#malformed(call);
    } else if (head.tooLarge) {
      this.#answerPlain(call, { status: 431, body: "header fields too large" });
    } else if (head.grpc) {
      this.#startCall(call, head);
    } else if (this.#options.http1 === null) {
      this.#answerPlain(call, { status: 415, body: "this server speaks application/grpc" });
    }
    if (call.remoteClosed && !call.detached) this.#requestEnded(call);
  }

  #startCall(call: ServerRpc, head: RequestHead): void {
    if (head.method !== "POST") {
      this.#answerPlain(call, { status: 405, body: "gRPC calls are POST requests" });
      return;
    }
    const route = this.#options.routes.get(head.path);
    if (route === undefined) {
      this.finish(call, new GrpcError(StatusCode.UNIMPLEMENTED, `unknown method ${head.path}`));
      return;
    }
    if (head.timeoutMalformed) {
      this.finish(call, new GrpcError(StatusCode.INTERNAL, "malformed grpc-timeout"));
      return;
    }
    call.route = route;
    if (route.kind === "stream") this.#startStream(call, route, head.timeoutMs);
  }

  #startStream(call: ServerRpc, route: Route & { kind: "stream" }, timeoutMs: number | null): void {
    if (timeoutMs !== null) this.#options.deadlines.add(call, timeoutMs);
    this.#run(call, () => route.handler(call));
  }

  data(call: ServerRpc, bytes: Buffer, start: number, end: number): void {
    call.bodyBytes += end - start;
    const route = call.route;
    const length = end - start - MESSAGE_PREFIX_BYTES;
    if (route === null) {
      this.#plainData(call, bytes, start, end);
    } else if (
      call.reader === null &&
      route.kind === "unary" &&
      call.request === null &&
      length >= 0 &&
      length <= this.#options.maxRequestBytes &&
      bytes[start] === 0 &&
      bytes.readUInt32BE(start + 1) === length
    ) {
      // The whole request in one frame: the usual case.
      call.request = bytes.subarray(start + MESSAGE_PREFIX_BYTES, end);
    } else if (start < end && !call.finished) {
      this.#gather(call, bytes, start, end);
    }
    if (call.remoteClosed && !call.detached) this.#requestEnded(call);
  }

  #gather(call: ServerRpc, bytes: Buffer, start: number, end: number): void {
    call.reader ??= new MessageReader(this.#options.maxRequestBytes);
    const reader = call.reader;
    this.#run(call, () => reader.push(bytes, start, end, call));
    this.#hold(call, reader.heldBytes);
  }

  /** Incomplete requests are bounded over all calls too, not only each for itself. */
  #hold(call: ServerRpc, heldBytes: number): void {
    if (call.detached) return;
    this.#heldBytes += heldBytes - call.heldBytes;
    call.heldBytes = heldBytes;
    if (this.#heldBytes <= this.#options.connectionQueueBytes) return;
    this.finish(call, new GrpcError(StatusCode.RESOURCE_EXHAUSTED, "too many incomplete requests"));
    this.#cancelled(call);
  }

  /** One whole message of a call whose request did not come in one piece. */
  received(call: ServerRpc, bytes: Uint8Array): void {
    if (call.finished || call.route === null) return;
    if (call.route.kind === "unary") {
      if (call.request !== null) throw new GrpcError(StatusCode.INTERNAL, "more than one request message");
      call.request = bytes;
    } else if (call.handler !== null) {
      call.handler.message(this.#decode(call.route, bytes));
    }
  }

  #decode(route: Route, bytes: Uint8Array): unknown {
    try {
      return route.method.request.decode(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      throw new GrpcError(StatusCode.INTERNAL, `malformed request: ${error.message}`);
    }
  }

  #requestEnded(call: ServerRpc): void {
    const head = call.head as RequestHead;
    if (head.contentLength >= 0 && head.contentLength !== call.bodyBytes) {
      this.#malformed(call);
      return;
    }
    if (call.finished) return;
    const route = call.route;
    if (route === null) {
      this.#runPlain(call, head);
      return;
    }
    if (call.reader?.partial) {
      this.finish(call, new GrpcError(StatusCode.INTERNAL, "the request ends inside a message"));
    } else if (route.kind === "unary") {
      this.#runUnary(call, route);
    } else if (call.handler !== null) {
      const handler = call.handler;
      this.#run(call, () => handler.ended());
    }
  }

  // -------------------------------------------------------------------------------------------------- handlers run

  #runUnary(call: ServerRpc, route: Route & { kind: "unary" }): void {
    if (call.request === null) {
      this.finish(call, new GrpcError(StatusCode.INTERNAL, "the request message is missing"));
      return;
    }
    let response: unknown;
    try {
      response = route.handler(this.#decode(route, call.request), call);
      call.request = null;
      if (!(response instanceof Promise)) {
        this.#answer(call, route, response);
        return;
      }
    } catch (error) {
      this.#failed(call, error);
      return;
    }
    this.#answerLater(call, route, response);
  }

  #answerLater(call: ServerRpc, route: Route, response: Promise<unknown>): void {
    const timeoutMs = call.timeoutMs;
    if (timeoutMs !== null) this.#options.deadlines.add(call, timeoutMs);
    response.then(
      (value) => this.#run(call, () => this.#answer(call, route, value)),
      (error) => this.#failed(call, error),
    );
  }

  #answer(call: ServerRpc, route: Route, response: unknown): void {
    if (call.finished) return;
    this.sendResponse(call, route.method.response.encode(response));
    this.finish(call, null);
  }

  #run(call: ServerRpc, action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#failed(call, error);
    }
  }

  /** A handler or a codec threw. A broken invariant is nobody's status: it goes on up. */
  #failed(call: ServerRpc, error: unknown): void {
    if (error instanceof AssertionError) throw error;
    if (error instanceof GrpcError) {
      this.finish(call, error);
    } else {
      this.#options.trace.error("a handler failed", { method: call.head?.path ?? "", error: String(error) });
      this.finish(call, new GrpcError(StatusCode.INTERNAL, "internal error"));
    }
    if (call.handler !== null && !call.cancelled) this.#cancelled(call);
  }

  // ------------------------------------------------------------------------------------------------ responses go out

  sendResponse(call: ServerRpc, bytes: Uint8Array): boolean {
    if (call.detached) return true;
    if (!call.headSent) {
      call.headSent = true;
      this.http2.headers(call, this.#cached(this.#headBlock, RESPONSE_HEAD), false);
    }
    const more = this.http2.sender.send(call, bytes, false);
    if (!more && call.route?.kind === "stream" && call.queuedBytes > this.#options.connectionQueueBytes) {
      // A handler that does not wait for `drained` must not fill the memory.
      this.#options.trace.warn("a stream's queue overflowed", { method: call.head?.path ?? "", remote: this.remote });
      this.http2.streams.reset(call, ErrorCode.ENHANCE_YOUR_CALM);
      this.#cancelled(call);
    }
    return more;
  }

  /** Ends a call with a status; the first end counts. */
  finish(call: ServerRpc, error: GrpcError | null): void {
    if (call.finished) return;
    call.finished = true;
    call.error = error;
    this.#options.deadlines.remove(call);
    if (call.detached) return;
    this.http2.sender.end(call, "trailers");
  }

  /** Trailers, or a whole trailers-only response when nothing has been sent. */
  trailers(call: ServerRpc): Uint8Array {
    if (call.error === null && call.headSent) return this.#cached(this.#okBlock, OK_TRAILERS);
    const encoder = this.http2.encoder;
    if (!call.headSent) for (const [name, value] of RESPONSE_HEAD) encoder.field(name, value, "index");
    encoder.field("grpc-status", String(call.error?.code ?? StatusCode.OK), "index");
    if (call.error !== null && call.error.message !== "") {
      encoder.field("grpc-message", encodeMessage(call.error.message), "plain");
    }
    return encoder.finish();
  }

  sent(call: ServerRpc): void {
    this.http2.streams.localEnd(call);
  }

  drained(call: ServerRpc): void {
    const handler = call.handler;
    if (handler?.drained !== undefined) this.#run(call, () => handler.drained?.());
  }

  resumeCredit(call: ServerRpc): void {
    if (!call.detached) this.http2.resumeCredit(call);
  }

  #cached(cache: CachedBlock, fields: readonly (readonly [string, string])[]): Buffer {
    const encoder = this.http2.encoder;
    if (cache.generation === encoder.generation) return cache.block;
    const generation = encoder.generation;
    for (const [name, value] of fields) encoder.field(name, value, "index");
    const block = encoder.finish();
    if (generation === encoder.generation) {
      cache.block = block;
      cache.generation = generation;
    }
    return block;
  }

  // ---------------------------------------------------------------------------------------------- plain HTTP requests

  #plainData(call: ServerRpc, bytes: Buffer, start: number, end: number): void {
    if (call.finished || start === end) return;
    if (call.bodyBytes > this.#options.maxRequestBytes) {
      this.#answerPlain(call, { status: 413, body: "request body too large" });
      return;
    }
    call.body ??= [];
    call.body.push(bytes.subarray(start, end));
    this.#hold(call, call.bodyBytes);
  }

  #runPlain(call: ServerRpc, head: RequestHead): void {
    const handler = this.#options.http1;
    if (handler === null) return;
    let response: Http1Response | Promise<Http1Response>;
    try {
      response = handler(plainRequest(head, call.body ?? []));
    } catch (error) {
      this.#plainFailed(call, error);
      return;
    }
    if (!(response instanceof Promise)) {
      this.#answerPlain(call, response);
      return;
    }
    response.then(
      (value) => this.#answerPlain(call, value),
      (error) => this.#plainFailed(call, error),
    );
  }

  #plainFailed(call: ServerRpc, error: unknown): void {
    if (error instanceof AssertionError) throw error;
    this.#options.trace.error("an HTTP handler failed", { path: call.head?.path ?? "", error: String(error) });
    this.#answerPlain(call, { status: 500, body: "internal error" });
  }

  #answerPlain(call: ServerRpc, response: Http1Response): void {
    if (call.finished) return;
    call.finished = true;
    if (call.detached) return;
    const { fields, body } = plainResponse(response);
    for (const [name, value] of fields) this.http2.encoder.field(name, value, "plain");
    const bodiless = body.length === 0 || call.head?.method === "HEAD";
    call.headSent = true;
    call.framed = false;
    this.http2.headers(call, this.http2.encoder.finish(), bodiless);
    if (!bodiless) this.http2.sender.send(call, body, true);
  }

  // ------------------------------------------------------------------------------------------------------- endings

  #malformed(call: ServerRpc): void {
    this.http2.streams.reset(call, ErrorCode.PROTOCOL_ERROR);
    this.#cancelled(call);
  }

  reset(call: ServerRpc, _code: number, _byPeer: boolean): void {
    this.#cancelled(call);
  }

  timedOut(call: ServerRpc): void {
    if (call.finished) return;
    this.finish(call, new GrpcError(StatusCode.DEADLINE_EXCEEDED, "deadline exceeded"));
    this.#cancelled(call);
  }

  #cancelled(call: ServerRpc): void {
    if (call.cancelled) return;
    call.cancelled = true;
    call.finished = true;
    this.#options.deadlines.remove(call);
    const handler = call.handler;
    call.handler = null;
    if (handler !== null) this.#run(call, () => handler.cancelled());
  }

  settled(): void {}

  /** A client's GOAWAY concerns only streams that we would open. */
  goaway(): void {}

  pong(): void {}

  closed(error: Error | null): void {
    if (error !== null) this.#options.trace.debug("connection broke", { remote: this.remote, error: error.message });
    for (const call of this.http2.streams.values()) {
      call.detached = true;
      this.#cancelled(call);
    }
    this.http2.streams.clear();
  }

  released(call: ServerRpc): void {
    this.#heldBytes -= call.heldBytes;
    call.heldBytes = 0;
    if (this.#draining) queueMicrotask(() => this.#closeIfDrained());
  }

  #closeIfDrained(): void {
    if (this.#draining && this.http2.streams.size === 0) this.http2.close(null);
  }
}

const RESPONSE_HEAD: readonly (readonly [string, string])[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
];
const OK_TRAILERS: readonly (readonly [string, string])[] = [["grpc-status", "0"]];
