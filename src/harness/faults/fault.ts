import type { Prng } from "../../base/prng.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { ToxiproxyClient } from "./toxiproxy/client.ts";

export interface FaultContext {
  readonly cluster: Cluster;
  /** The proxies between the members and before their clients. */
  readonly toxiproxy: ToxiproxyClient;
  readonly prng: Prng;
}

/** What an injected fault did. */
export interface Injected {
  readonly members: readonly string[];
  /** One line for people. */
  readonly description: string;
  /** Looks, past the proxies, whether it took effect: null when that is proven, otherwise what was seen instead. */
  verify(): Promise<string | null>;
  /** Asked when its time is over: null when it was there until then, otherwise what ended it. Absent: nothing but `heal` can. */
  lasted?(): string | null;
}

/** One trouble of one run. Every fault heals: `heal` undoes all that `inject` did, also when that failed half way. */
export interface Fault {
  /** Unique in the run. */
  readonly name: string;
  /** Once. Rejects when it could not be done; `heal` is due all the same. */
  inject(context: FaultContext): Promise<Injected>;
  /** May be called again after it rejected. Does nothing before `inject`. */
  heal(): Promise<void>;
}
