import type { Method } from "../base/codec.ts";
import type { Prng } from "../base/prng.ts";
import type { Clock } from "../env/clock.ts";
import { GrpcError, StatusCode } from "../grpc/status.ts";
import type { Balancer } from "./balancer.ts";

/** A read may be repeated at will; a write only when it certainly was not executed. */
export type Effect = "read" | "write";

/**
 * etcd's client rule: reads are retried when a member is unavailable; writes only when the request never reached one. What a
 * server said about the request itself is final.
 */
export function isRetriable(error: GrpcError, effect: Effect): boolean {
  return error.code === StatusCode.UNAVAILABLE && (effect === "read" || !error.reached);
}

/** Between rounds over all endpoints: as long as etcd's client waits, with a tenth of jitter. */
export const ROUND_PAUSE_MS = 25;
/** Attempts of one call, the first included. */
export const ATTEMPTS_MAX = 100;

export interface CallerOptions {
  readonly balancer: Balancer;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Deadline of a call, all its attempts included. */
  readonly timeoutMs: number;
  /** 1: never retry. */
  readonly attemptsMax: number;
}

export interface CallOptions {
  /** Instead of the client's own. */
  readonly timeoutMs?: number;
}

/** Makes unary calls through a balancer and repeats them where that is safe. */
export class Caller {
  readonly #options: CallerOptions;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /**
   * Resolves with the answer or rejects with the GrpcError of the last attempt; its `reached` false means that no attempt had an
   * effect, because a write is only ever repeated after such an error.
   */
  async call<Q, S>(method: Method<Q, S>, request: Q, effect: Effect, options: CallOptions = {}): Promise<S> {
    const { balancer, clock, attemptsMax } = this.#options;
    const totalMs = options.timeoutMs ?? this.#options.timeoutMs;
    const deadlineMs = clock.monotonicMs() + totalMs;
    for (let attempt = 1; ; attempt++) {
      const route = balancer.pick();
      // Always the same the first time: the request's header block is then encoded once and not for every call.
      const timeoutMs = attempt === 1 ? totalMs : Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs()));
      const result = await new Promise<S | GrpcError>((settle) => {
        route.channel.unary(method, request, { timeoutMs }, (error, response) => settle(error ?? (response as S)));
      });
      if (!(result instanceof GrpcError)) return result;
      if (result.code === StatusCode.UNAVAILABLE) balancer.failed(route);
      const pauseMs = attempt % balancer.size === 0 ? ROUND_PAUSE_MS * (0.9 + 0.2 * this.#options.prng.float()) : 0;
      const late = clock.monotonicMs() + pauseMs >= deadlineMs;
      if (attempt >= attemptsMax || late || balancer.closed || !isRetriable(result, effect)) throw result;
      if (pauseMs > 0) await new Promise<void>((resume) => clock.after(pauseMs, resume));
    }
  }
}
