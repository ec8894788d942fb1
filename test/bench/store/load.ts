/** Closed-loop load of unary calls that costs next to nothing: requests are bytes that exist already, answers stay bytes. */
import type { Codec, Method } from "../../../src/base/codec.ts";
import { Histogram } from "../../../src/base/histogram.ts";
import type { GrpcConnection } from "../../../src/grpc/connection.ts";
import type { BenchMember } from "./servers.ts";

const BYTES: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };

/** `method` with requests and answers left as bytes. */
export function rawMethod<Request, Response>(method: Method<Request, Response>): Method<Uint8Array, Uint8Array> {
  return { ...method, request: BYTES, response: BYTES };
}

export interface Calls {
  readonly method: Method<Uint8Array, Uint8Array>;
  /** Of the next call. */
  readonly next: () => Uint8Array;
}

export interface Loaded {
  readonly calls: number;
  readonly seconds: number;
  readonly latency: Histogram;
}

/** So many connections to one member; closed by their owner. */
export function connectAll(member: BenchMember, count: number): Promise<readonly GrpcConnection[]> {
  return Promise.all(Array.from({ length: count }, () => member.connect()));
}

/**
 * `inFlight` calls on each connection, each followed by the next, for `durationMs`; with `callsMax` until so many have been made.
 * Resolves when all have been answered; rejects with the first error.
 */
export function load(
  connections: readonly GrpcConnection[],
  inFlight: number,
  calls: Calls,
  until: { readonly durationMs: number; readonly callsMax?: number },
): Promise<Loaded> {
  const { method, next } = calls;
  const latency = new Histogram();
  const startMs = performance.now();
  const endMs = startMs + until.durationMs;
  const callsMax = until.callsMax ?? Number.POSITIVE_INFINITY;
  let started = 0;
  let open = 0;
  return new Promise((resolve, reject) => {
    const begin = (connection: GrpcConnection, nowMs: number): void => {
      if (nowMs >= endMs || started >= callsMax) {
        if (open === 0) resolve({ calls: latency.count, seconds: (nowMs - startMs) / 1000, latency });
        return;
      }
      started++;
      open++;
      connection.unary(method, next(), {}, (error) => {
        open--;
        if (error !== null) return reject(error);
        const doneMs = performance.now();
        latency.record((doneMs - nowMs) * 1e6);
        begin(connection, doneMs);
      });
    };
    for (const connection of connections) for (let lane = 0; lane < inFlight; lane++) begin(connection, startMs);
  });
}

/** One unary call. */
export function call<Request, Response>(
  connection: GrpcConnection,
  method: Method<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    connection.unary(method, request, {}, (error, response) =>
      error === null ? resolve(response as Response) : reject(error),
    );
  });
}
