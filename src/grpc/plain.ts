import { AssertionError } from "../base/assert.ts";
import type { Trace } from "../env/trace.ts";
import type { RequestHead } from "./heads.ts";
import type { Http1Handler, Http1Request, Http1Response } from "./http1.ts";
import type { Http2Connection } from "./http2.ts";
import type { ServerRpc } from "./server-call.ts";

export interface PlainOptions {
  readonly trace: Trace;
  readonly http1: Http1Handler | null;
  readonly maxRequestBytes: number;
}

/** Requests over HTTP/2 that are not gRPC: the same handler serves them as serves HTTP/1.1. */
export class PlainCalls {
  readonly #http2: Http2Connection<ServerRpc, RequestHead>;
  readonly #options: PlainOptions;

  constructor(http2: Http2Connection<ServerRpc, RequestHead>, options: PlainOptions) {
    this.#http2 = http2;
    this.#options = options;
  }

  /** Takes a part of the body. False: nothing was kept. */
  data(call: ServerRpc, bytes: Buffer, start: number, end: number): boolean {
    if (call.finished || start === end) return false;
    if (call.bodyBytes > this.#options.maxRequestBytes) {
      this.answer(call, { status: 413, body: "request body too large" });
      return false;
    }
    call.body ??= [];
    call.body.push(bytes.subarray(start, end));
    return true;
  }

  /** The request is complete. */
  run(call: ServerRpc, head: RequestHead): void {
    const handler = this.#options.http1;
    if (handler === null) return;
    let response: Http1Response | Promise<Http1Response>;
    try {
      response = handler(requestOf(head, call.body ?? []));
    } catch (error) {
      this.#failed(call, error);
      return;
    }
    if (!(response instanceof Promise)) {
      this.answer(call, response);
      return;
    }
    response.then(
      (value) => this.answer(call, value),
      (error) => this.#failed(call, error),
    );
  }

  #failed(call: ServerRpc, error: unknown): void {
    if (error instanceof AssertionError) throw error;
    this.#options.trace.error("an HTTP handler failed", { path: call.head?.path ?? "", error: String(error) });
    this.answer(call, { status: 500, body: "internal error" });
  }

  /** Answers and ends the call, unless it has ended. */
  answer(call: ServerRpc, response: Http1Response): void {
    if (call.finished) return;
    call.finished = true;
    if (call.detached) return;
    const body = typeof response.body === "string" ? Buffer.from(response.body, "utf8") : response.body;
    const encoder = this.#http2.encoder;
    encoder.field(":status", String(response.status), "plain");
    for (const [name, value] of Object.entries(response.headers ?? {})) {
      encoder.field(name.toLowerCase(), value, "plain");
    }
    encoder.field("content-length", String(body.length), "plain");
    const bodiless = body.length === 0 || call.head?.method === "HEAD";
    call.headSent = true;
    call.framed = false;
    this.#http2.headers(call, encoder.finish(), bodiless);
    if (!bodiless) this.#http2.sender.send(call, body, true);
  }
}

function requestOf(head: RequestHead, body: readonly Uint8Array[]): Http1Request {
  const mark = head.path.indexOf("?");
  return {
    method: head.method,
    path: mark < 0 ? head.path : head.path.slice(0, mark),
    query: new URLSearchParams(mark < 0 ? "" : head.path.slice(mark + 1)),
    headers: head.metadata,
    body: Buffer.concat(body),
  };
}
