import type { Clock } from "../env/clock.ts";
import { GrpcError, StatusCode } from "../grpc/status.ts";
import {
  LeaseGrantRequest,
  type LeaseGrantResponse,
  LeaseKeepAliveRequest,
  type LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  type LeaseLeasesResponse,
  LeaseRevokeRequest,
  type LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponse,
} from "../proto/gen/etcdserverpb.ts";
import { Lease } from "../proto/gen/rpc.ts";
import type { Balancer } from "./balancer.ts";
import {
  type KeepAliveStream,
  type KeepAliveStreamHandler,
  type Keeping,
  type LeaseHandler,
  LeaseKeeper,
} from "./lease-keeper.ts";
import { type Caller, type CallOptions, isRetriable, ROUND_PAUSE_MS } from "./retry.ts";

export interface LeaseClientOptions {
  readonly caller: Caller;
  readonly balancer: Balancer;
  readonly clock: Clock;
  /** Of a single keepalive, all attempts included. */
  readonly timeoutMs: number;
}

/** Leases. Every method that gives a promise rejects with GrpcError. */
export class LeaseClient {
  readonly #options: LeaseClientOptions;
  readonly #keeper: LeaseKeeper;

  constructor(options: LeaseClientOptions) {
    this.#options = options;
    const open = (handler: KeepAliveStreamHandler): KeepAliveStream => this.#open(handler);
    this.#keeper = new LeaseKeeper({ clock: options.clock, open });
  }

  /** Without an id the store chooses one. It may grant more time than asked for, never less. */
  grant(request: Partial<LeaseGrantRequest>, options?: CallOptions): Promise<LeaseGrantResponse> {
    return this.#options.caller.call(Lease.LeaseGrant, LeaseGrantRequest.create(request), "write", options);
  }

  /** Ends a lease at once and deletes its keys. */
  revoke(id: bigint, options?: CallOptions): Promise<LeaseRevokeResponse> {
    return this.#options.caller.call(Lease.LeaseRevoke, LeaseRevokeRequest.create({ id }), "write", options);
  }

  /** Of a lease that is gone the time to live is -1. */
  timeToLive(request: Partial<LeaseTimeToLiveRequest>, options?: CallOptions): Promise<LeaseTimeToLiveResponse> {
    return this.#options.caller.call(Lease.LeaseTimeToLive, LeaseTimeToLiveRequest.create(request), "read", options);
  }

  list(options?: CallOptions): Promise<LeaseLeasesResponse> {
    return this.#options.caller.call(Lease.LeaseLeases, LeaseLeasesRequest.create(), "read", options);
  }

  /** Keeps a lease alive until `stop` or until it is lost; all leases of the client share one stream. */
  keepAlive(id: bigint, handler: LeaseHandler, ttlSeconds?: number): Keeping {
    return this.#keeper.keep(id, handler, ttlSeconds);
  }

  /** Renews a lease once. Of one that is gone the time to live is 0. */
  async keepAliveOnce(id: bigint): Promise<LeaseKeepAliveResponse> {
    const { balancer, clock, timeoutMs } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      const result = await this.#renew(id, Math.max(1, Math.ceil(deadlineMs - clock.monotonicMs())));
      if (!(result instanceof GrpcError)) return result;
      const late = clock.monotonicMs() + ROUND_PAUSE_MS >= deadlineMs;
      if (late || balancer.closed || !isRetriable(result, "read")) throw result;
      await new Promise<void>((resume) => clock.after(ROUND_PAUSE_MS, resume));
    }
  }

  close(): void {
    this.#keeper.close();
  }

  #renew(id: bigint, timeoutMs: number): Promise<LeaseKeepAliveResponse | GrpcError> {
    const { balancer } = this.#options;
    const route = balancer.pick();
    return new Promise((settle) => {
      const stream = route.channel.stream(
        Lease.LeaseKeepAlive,
        { timeoutMs },
        {
          message: (response) => {
            settle(response);
            stream.cancel();
          },
          closed: (error) => {
            if (error?.code === StatusCode.UNAVAILABLE) balancer.failed(route);
            settle(error ?? new GrpcError(StatusCode.UNAVAILABLE, "the member ended the stream of keepalives"));
          },
        },
      );
      stream.send(LeaseKeepAliveRequest.create({ id }));
    });
  }

  #open(handler: KeepAliveStreamHandler): KeepAliveStream {
    const { balancer } = this.#options;
    const route = balancer.pick();
    const stream = route.channel.stream(
      Lease.LeaseKeepAlive,
      {},
      {
        message: (response) => handler.message(response),
        drained: () => handler.drained(),
        closed: (error) => handler.closed(error),
      },
    );
    return {
      send: (request) => stream.send(request),
      close(isFault) {
        if (isFault) balancer.failed(route);
        stream.cancel();
      },
    };
  }
}
