import { assert } from "../base/assert.ts";
import type { Prng } from "../base/prng.ts";
import type { Clock } from "../env/clock.ts";
import type { StreamNetwork } from "../env/streams.ts";
import { GrpcChannel } from "../grpc/channel.ts";
import type { Endpoint } from "./endpoints.ts";

export interface BalancerOptions {
  readonly endpoints: readonly Endpoint[];
  readonly networkOf: (endpoint: Endpoint) => StreamNetwork;
  readonly clock: Clock;
  readonly prng: Prng;
  /** How long a member may take to answer a new connection. */
  readonly dialTimeoutMs: number;
}

/** One member the client can call, and whether to leave it alone for a while. */
export interface Route {
  readonly endpoint: Endpoint;
  readonly channel: GrpcChannel;
}

/** How long a member that could not be reached is passed over while another is there. */
const REST_MS = 1000;

/** Spreads calls over the endpoints in turn and passes over those that failed lately. Owns their channels. */
export class Balancer {
  readonly #routes: readonly Route[];
  readonly #restUntilMs: number[];
  readonly #clock: Clock;
  #next: number;
  #closed = false;

  constructor({ endpoints, networkOf, clock, prng, dialTimeoutMs }: BalancerOptions) {
    assert(endpoints.length > 0, "a client has an endpoint");
    this.#clock = clock;
    this.#routes = endpoints.map((endpoint) => ({
      endpoint,
      channel: new GrpcChannel({
        network: networkOf(endpoint),
        address: endpoint.address,
        clock,
        prng: prng.fork(),
        dialTimeoutMs,
        scheme: endpoint.secure ? "https" : "http",
      }),
    }));
    this.#restUntilMs = endpoints.map(() => 0);
    // Many clients with the same list must not all begin with its first member.
    this.#next = prng.below(endpoints.length);
  }

  get size(): number {
    return this.#routes.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** The next member in turn that is not resting, or the next in turn when all rest. */
  pick(): Route {
    const count = this.#routes.length;
    if (count === 1) return this.#routes[0] as Route;
    const nowMs = this.#clock.monotonicMs();
    let chosen = this.#next % count;
    for (let i = 0; i < count; i++) {
      const candidate = (this.#next + i) % count;
      if ((this.#restUntilMs[candidate] as number) > nowMs) continue;
      chosen = candidate;
      break;
    }
    this.#next = (chosen + 1) % count;
    return this.#routes[chosen] as Route;
  }

  /** The member could not serve a call: the next ones go elsewhere. */
  failed(route: Route): void {
    this.#restUntilMs[this.#routes.indexOf(route)] = this.#clock.monotonicMs() + REST_MS;
  }

  /** Ends all connections; calls in flight end with an error. */
  close(): void {
    this.#closed = true;
    for (const route of this.#routes) route.channel.close();
  }
}
