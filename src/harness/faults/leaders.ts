import { setTimeout as delay } from "node:timers/promises";
import type { Cluster } from "../cluster/cluster.ts";
import type { RunEvent } from "../model/events.ts";

const POLL_MS = 100;

export interface LeaderWatchOptions {
  readonly cluster: Pick<Cluster, "leader">;
  /** Nanoseconds since the run began. */
  readonly nowNs: () => number;
  readonly record: (event: RunEvent) => void;
  /** Ends the watch; it resolves soon afterwards. */
  readonly signal: AbortSignal;
}

/** Records the leader at first and in every new term. */
export async function watchLeaders({ cluster, nowNs, record, signal }: LeaderWatchOptions): Promise<void> {
  let knownTerm = 0;
  while (!signal.aborted) {
    const leader = await cluster.leader();
    // A term has one leader; an older one comes from members that have not heard of the newer.
    if (leader !== null && leader.term > knownTerm) {
      knownTerm = leader.term;
      record({ atNs: nowNs(), kind: "leader", ...leader });
    }
    await delay(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
