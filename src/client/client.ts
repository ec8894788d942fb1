import type { Prng } from "../base/prng.ts";
import type { Clock } from "../env/clock.ts";
import type { StreamNetwork } from "../env/streams.ts";
import { Balancer } from "./balancer.ts";
import { ClusterClient } from "./cluster.ts";
import { type Endpoint, EndpointError, parseEndpoint } from "./endpoints.ts";
import { KvClient } from "./kv.ts";
import { LeaseClient } from "./lease.ts";
import { MaintenanceClient } from "./maintenance.ts";
import { ATTEMPTS_MAX, Caller } from "./retry.ts";
import { WatchClient } from "./watch.ts";

export interface ClientOptions {
  /** `host:port` or URL, at least one. */
  readonly endpoints: readonly string[];
  readonly network: StreamNetwork;
  /** Dials https endpoints; without it they are refused. */
  readonly secureNetwork?: StreamNetwork;
  readonly clock: Clock;
  readonly prng: Prng;
  /** Deadline of a unary call, all its attempts included. Default 5000. */
  readonly timeoutMs?: number;
  /** How long a member may take to answer a new connection. Default 2000. */
  readonly dialTimeoutMs?: number;
  /** One endpoint, one attempt a call: what a call did is then known exactly. Default false. */
  readonly pinned?: boolean;
}

/** An etcd v3 client. Dials on first use; `close` ends its connections, watchers and calls in flight. */
export class EtcdClient {
  readonly kv: KvClient;
  readonly watch: WatchClient;
  readonly lease: LeaseClient;
  readonly cluster: ClusterClient;
  readonly maintenance: MaintenanceClient;
  readonly #balancer: Balancer;

  /** Throws EndpointError. */
  constructor(options: ClientOptions) {
    const { clock, prng, pinned = false, timeoutMs = 5000, dialTimeoutMs = 2000 } = options;
    const endpoints = parseAll(options.endpoints);
    const networkOf = ({ secure, text }: Endpoint): StreamNetwork => {
      const network = secure ? options.secureNetwork : options.network;
      if (network === undefined) throw new EndpointError(`"${text}": https endpoints are not supported here`);
      return network;
    };
    if (pinned && endpoints.length !== 1) throw new EndpointError("a pinned client has exactly one endpoint");
    const balancer = new Balancer({ endpoints, networkOf, clock, prng, dialTimeoutMs });
    const caller = new Caller({ balancer, clock, prng, timeoutMs, attemptsMax: pinned ? 1 : ATTEMPTS_MAX });
    this.#balancer = balancer;
    this.kv = new KvClient(caller);
    this.watch = new WatchClient({ balancer, clock, prng });
    this.lease = new LeaseClient({ caller, balancer, clock, timeoutMs });
    this.cluster = new ClusterClient(caller);
    this.maintenance = new MaintenanceClient(caller, balancer);
  }

  close(): void {
    this.watch.close();
    this.lease.close();
    this.#balancer.close();
  }
}

function parseAll(texts: readonly string[]): Endpoint[] {
  if (texts.length === 0) throw new EndpointError("no endpoint given");
  return texts.map(parseEndpoint);
}
