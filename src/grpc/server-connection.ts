import { AssertionError } from "../base/assert.ts";
import { CodecError, type Pieces } from "../base/codec.ts";
import type { Clock } from "../env/clock.ts";
import type { ByteStream } from "../env/streams.ts";
import type { Trace } from "../env/trace.ts";
import type { Deadlines } from "./deadlines.ts";
import { ErrorCode } from "./frames.ts";
import { type RequestHead, readRequestHead } from "./heads.ts";
import type { Http1Handler } from "./http1.ts";
import { Http2Connection } from "./http2.ts";
import type { Http2Owner } from "./http2-owner.ts";
import { type AnswerTime, LateAnswers, type LateAnswersOwner } from "./late-answers.ts";
import { MessageReader } from "./messages.ts";
import { MESSAGE_PREFIX_BYTES } from "./output.ts";
import { PlainCalls } from "./plain.ts";
import { ResponseBlocks } from "./response-blocks.ts";
import { type CallOwner, type Route, ServerRpc } from "./server-call.ts";
import { GrpcError, StatusCode } from "./status.ts";

/** What etcd sends at most in one message, with gRPC's text where it is more. */
const MESSAGE_MAX_BYTES = 2 ** 31 - 1;

export interface ServerConnectionOptions {
  readonly trace: Trace;
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly answerTime: AnswerTime;
  readonly routes: ReadonlyMap<string, Route>;
  readonly http1: Http1Handler | null;
  readonly maxRequestBytes: number;
  readonly maxConcurrentStreams: number;
  readonly streamQueueBytes: number;
  /** Responses that wait for windows, over all streams, above which late answers wait and new calls are refused; also the most for one stream, and for incomplete requests. */
  readonly connectionQueueBytes: number;
}

/** The gRPC server's half of one HTTP/2 connection: from header blocks and DATA to handlers and back. */
export class ServerConnection implements Http2Owner<ServerRpc, RequestHead>, CallOwner, LateAnswersOwner {
  readonly remote: string;
  readonly http2: Http2Connection<ServerRpc, RequestHead>;
  readonly #options: ServerConnectionOptions;
  readonly #blocks: ResponseBlocks;
  readonly #plain: PlainCalls;
  readonly #late: LateAnswers;
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
    this.#plain = new PlainCalls(this.http2, options);
    this.#late = new LateAnswers(options.answerTime, this);
    this.#blocks = new ResponseBlocks(this.http2.encoder);
    this.http2.start();
  }

  /** The client has made a call, or tried to. */
  get hadCalls(): boolean {
    return this.http2.streams.ids.lastPeerStream > 0;
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
    if (!this.hasRoom) return null;
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
      this.#plain.answer(call, { status: 431, body: "header fields too large" });
    } else if (head.grpc) {
      this.#startCall(call, head);
    } else if (this.#options.http1 === null) {
      this.#plain.answer(call, { status: 415, body: "this server speaks application/grpc" });
    }
    if (call.remoteClosed && !call.detached) this.#requestEnded(call);
  }

  #startCall(call: ServerRpc, head: RequestHead): void {
    if (head.method !== "POST") {
      this.#plain.answer(call, { status: 405, body: "gRPC calls are POST requests" });
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
    // The time runs while the request is still on its way, too.
    if (head.timeoutMs !== null) this.#options.deadlines.add(call, head.timeoutMs);
    if (route.kind === "stream") this.#run(call, () => route.handler(call));
  }

  data(call: ServerRpc, bytes: Buffer, start: number, end: number): void {
    call.bodyBytes += end - start;
    const route = call.route;
    const length = end - start - MESSAGE_PREFIX_BYTES;
    if (route === null) {
      if (this.#plain.data(call, bytes, start, end)) this.#hold(call, call.bodyBytes);
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
      this.#plain.run(call, head);
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
    response.then(
      (answer) => this.#late.add(call, answer),
      (error) => this.#failed(call, error),
    );
  }

  answerLate(call: ServerRpc, answer: unknown): void {
    const route = call.route as Route;
    this.#run(call, () => this.#answer(call, route, typeof answer === "function" ? answer() : answer));
  }

  #answer(call: ServerRpc, route: Route, response: unknown): void {
    if (call.finished) return;
    const { response: codec } = route.method;
    const message = codec.pieces?.(response) ?? null;
    if (message === null) this.sendResponse(call, codec.encode(response));
    else this.sendPieces(call, checked(message));
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
    this.#sendHead(call);
    return this.#sentOne(call, this.http2.sender.send(call, bytes, false));
  }

  sendPieces(call: ServerRpc, message: Pieces): boolean {
    if (call.detached) return true;
    this.#sendHead(call);
    return this.#sentOne(call, this.http2.sender.sendPieces(call, message));
  }

  #sendHead(call: ServerRpc): void {
    if (call.headSent) return;
    call.headSent = true;
    this.http2.headers(call, this.#blocks.head(), false);
  }

  #sentOne(call: ServerRpc, more: boolean): boolean {
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

  trailers(call: ServerRpc): Uint8Array {
    return this.#blocks.trailers(call.error, call.headSent);
  }

  sent(call: ServerRpc): void {
    this.http2.streams.localEnd(call);
  }

  drained(call: ServerRpc): void {
    const handler = call.handler;
    if (handler?.drained !== undefined) this.#run(call, () => handler.drained?.());
  }

  get hasRoom(): boolean {
    return this.http2.sender.queuedBytes <= this.#options.connectionQueueBytes;
  }

  relieved(): void {
    this.#late.relieved();
  }

  resumeCredit(call: ServerRpc): void {
    if (!call.detached) this.http2.resumeCredit(call);
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
    this.#late.close();
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

/** Refused as etcd refuses it, where it is longer than one message may be. */
function checked(message: Pieces): Pieces {
  const { length } = message;
  if (length <= MESSAGE_MAX_BYTES) return message;
  const text = `grpc: trying to send message larger than max (${length} vs. ${MESSAGE_MAX_BYTES})`;
  throw new GrpcError(StatusCode.RESOURCE_EXHAUSTED, text);
}
