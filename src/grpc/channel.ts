import type { Method } from "../base/codec.ts";
import type { Prng } from "../base/prng.ts";
import type { Clock, Timer } from "../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../env/streams.ts";
import {
  type CallOptions,
  type ClientCall,
  type ClientStream,
  type ClientStreamHandler,
  GrpcConnection,
  type UnaryDone,
} from "./connection.ts";
import { GrpcError, StatusCode } from "./status.ts";

export interface ChannelOptions {
  readonly network: StreamNetwork;
  readonly address: StreamAddress;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly authority?: string;
  /** As `ConnectionOptions.scheme`. */
  readonly scheme?: "http" | "https";
  readonly maxResponseBytes?: number;
  /** A dialled server that has not said hello by then is given up. Default 5 s. */
  readonly dialTimeoutMs?: number;
}

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 3_000;

/**
 * Calls to one address over one connection at a time: dialled by the first call, and again by the first call after a break.
 * While a broken address is backing off, calls fail at once (UNAVAILABLE, not reached): whether to wait is the caller's choice.
 */
export class GrpcChannel {
  readonly #options: ChannelOptions;
  #connection: GrpcConnection | null = null;
  #dialTimer: Timer | null = null;
  #backoffMs = BACKOFF_FIRST_MS;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
  }

  /** As `GrpcConnection.unary`. */
  unary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions,
    done: UnaryDone<Response>,
  ): ClientCall {
    const connection = this.#usable();
    if (connection !== null) return connection.unary(method, request, options, done);
    queueMicrotask(() => done(this.#refusal(), null));
    return NOTHING_TO_CANCEL;
  }

  /** As `GrpcConnection.stream`. */
  stream<Request, Response>(
    method: Method<Request, Response>,
    options: CallOptions,
    handler: ClientStreamHandler<Response>,
  ): ClientStream<Request> {
    const connection = this.#usable();
    if (connection !== null) return connection.stream(method, options, handler);
    queueMicrotask(() => handler.closed(this.#refusal()));
    return { ...NOTHING_TO_CANCEL, send: () => true, end() {}, queuedBytes: 0, pause() {}, resume() {} };
  }

  /** A unary call as a promise; rejects with `GrpcError`. */
  callUnary<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    options: CallOptions = {},
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.unary(method, request, options, (error, response) => {
        if (error === null) resolve(response as Response);
        else reject(error);
      });
    });
  }

  /** Null while there is none: never dialled, backing off, or closed. */
  get connection(): GrpcConnection | null {
    return this.#connection;
  }

  close(): void {
    this.#closed = true;
    this.#dialTimer?.cancel();
    this.#connection?.close();
    this.#connection = null;
  }

  #usable(): GrpcConnection | null {
    if (this.#closed) return null;
    const connection = this.#connection;
    if (connection !== null && connection.state !== "closed" && !connection.draining) return connection;
    if (this.#options.clock.monotonicMs() < this.#retryAtMs) return null;
    return this.#dial();
  }

  #refusal(): GrpcError {
    const text = this.#closed ? "the channel is closed" : "the address does not answer; backing off";
    return new GrpcError(StatusCode.UNAVAILABLE, text, false);
  }

  #dial(): GrpcConnection {
    const { network, address, clock, prng, authority, scheme, maxResponseBytes } = this.#options;
    const connection = new GrpcConnection(network.connect(address), {
      clock,
      ...(authority === undefined ? {} : { authority }),
      ...(scheme === undefined ? {} : { scheme }),
      ...(maxResponseBytes === undefined ? {} : { maxResponseBytes }),
    });
    this.#connection = connection;
    this.#dialTimer?.cancel();
    const timer = clock.after(this.#options.dialTimeoutMs ?? 5_000, () => connection.close());
    this.#dialTimer = timer;
    connection.onReady(() => {
      timer.cancel();
      this.#backoffMs = BACKOFF_FIRST_MS;
    });
    connection.onClosed(() => {
      timer.cancel();
      if (this.#connection !== connection) return;
      this.#connection = null;
      this.#retryAtMs = clock.monotonicMs() + this.#backoffMs * (0.5 + prng.float() / 2);
      this.#backoffMs = Math.min(BACKOFF_MAX_MS, this.#backoffMs * 2);
    });
    return connection;
  }
}

const NOTHING_TO_CANCEL: ClientCall = { cancel() {} };
