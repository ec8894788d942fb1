/**
 * READ FIRST. The words of the simulator. One seed makes one Scenario; running it makes one SeedResult, always the same:
 *
 *   seed -> Scenario        pure data: what is simulated, which faults, when              scenario.ts, edit.ts
 *        -> Simulation      machines, network, disks, clients on one scheduler            simulation.ts
 *        -> World           what all parts share: time, chance, story, the first failure  world.ts
 *        -> Ledger, Twin    what must hold after every event, and what answers must say   ledger.ts, twin.ts
 *        -> SeedResult      figures, coverage, and the failure if there is one
 *
 * Machines are numbered from 0 and called n1, n2, ... Simulated time is in whole microseconds since the beginning.
 */
import type { Disk } from "../env/disk.ts";
import type { LeaseRequests } from "../etcd/lease-requests.ts";
import type { Member } from "../etcd/member.ts";
import type { MemberOptions } from "../etcd/member-options.ts";
import type { Change, Message } from "../etcd/model.ts";
import type { Requests } from "../etcd/requests.ts";

// ------------------------------------------------------------------------------------------------------------- scenario

/** Who is meant is resolved when the fault begins; "leader" is nobody while there is none. */
export type Target = number | "leader";

export type SimFault =
  /** Messages on these directed links (from, to) are lost, or held back until the link is whole again. */
  | {
      readonly kind: "cut";
      readonly shape: "symmetric" | "one-way" | "bridge" | "ring" | "flapping";
      readonly links: readonly (readonly [number, number])[];
      /** On and off for so long each; 0: on all the time. */
      readonly flapMs: number;
      readonly holds: boolean;
    }
  /** The leader of the moment is asked to hand over to this one. */
  | { readonly kind: "transfer"; readonly target: number }
  /** The operator asks for a change of the membership; `leader`: about the leader of the moment. */
  | { readonly kind: "membership"; readonly change: Change["kind"]; readonly leader: boolean }
  /** The leader of the moment is cut off: in both directions, or it is only not heard, or hears nothing. */
  | { readonly kind: "isolate-leader"; readonly direction: "both" | "in" | "out"; readonly holds: boolean }
  /** Whoever comes to lead loses its peers or its process soon after: logs that disagree, terms that fly by. */
  | { readonly kind: "hunt-leaders" }
  /**
   * `kill`: what was written stays. `power`: any subset of what was not synced is lost. `mid-sync`: power goes while the disk is at
   * work. `stop`: in good order.
   */
  | { readonly kind: "crash"; readonly target: Target; readonly how: "kill" | "power" | "mid-sync" | "stop" }
  /** Power goes everywhere at once; each machine comes back at a moment of its own. */
  | { readonly kind: "blackout" }
  | { readonly kind: "pause"; readonly target: Target }
  | { readonly kind: "slow-disk"; readonly target: Target; readonly factor: number }
  | { readonly kind: "full-disk"; readonly target: Target }
  /** The next sync fails; what it should have saved may be lost. */
  | { readonly kind: "failed-sync"; readonly target: Target }
  /** Null: back to where it stood when the process started, as on a machine whose clock has no battery. */
  | { readonly kind: "wall-jump"; readonly target: Target; readonly byMs: number | null }
  /** Messages of one kind are lost, others pass: of appends those with entries, or those without. */
  | { readonly kind: "picky-loss"; readonly lost: LostKind; readonly chance: number }
  /** More of the network's noise than usual. */
  | { readonly kind: "storm"; readonly dropChance: number }
  /** The log is cut whenever it can be, and so many entries stay for those that lag. */
  | { readonly kind: "compact-log"; readonly target: Target; readonly catchUpEntries: number };

export type LostKind = Exclude<Message["kind"], "append"> | "entries" | "empty-append";

export type FaultKind = SimFault["kind"];

/** Those that a seed's main stream of chance chooses from. */
export type ShuffledKind = Exclude<FaultKind, "compact-log">;

export const SHUFFLED_KINDS: readonly ShuffledKind[] = [
  "cut",
  "isolate-leader",
  "transfer",
  "membership",
  "hunt-leaders",
  "crash",
  "blackout",
  "pause",
  "slow-disk",
  "full-disk",
  "failed-sync",
  "wall-jump",
  "picky-loss",
  "storm",
];

export interface PlannedFault {
  /** Position in the seed's full list: stays the same when a shorter schedule leaves others out. */
  readonly number: number;
  readonly atMs: number;
  readonly durationMs: number;
  readonly fault: SimFault;
}

/** Chances are between 0 and 1 and for each packet. */
export interface NetworkPlan {
  readonly delayMs: number;
  /** Some packets take much longer: that is what reorders them. */
  readonly lateChance: number;
  readonly lateMs: number;
  readonly dropChance: number;
  readonly duplicateChance: number;
  /** A batch of messages arrives one by one, each with a delay of its own. */
  readonly splitChance: number;
  /** A connection breaks under a piece of a snapshot, or a question. */
  readonly breakChance: number;
}

/** Of the raft core: small ones split what would travel together. */
export interface LimitsPlan {
  readonly appendBytes: number;
  readonly windowAppends: number;
}

/** When a log is cut without a fault, and what stays for those that lag: little, so that snapshots are needed all the time. */
export interface CutsPlan {
  readonly snapshotCount: number;
  readonly catchUpEntries: number;
  /** How often what was applied goes into the store: the later, the more is applied again after a restart. */
  readonly commitMs: number;
}

export interface DiskPlan {
  readonly writeMs: number;
  readonly syncMs: number;
  readonly segmentMaxBytes: number;
}

/** How often each operation is chosen; 0: never. */
export interface OperationMix {
  readonly put: number;
  readonly delete: number;
  readonly linearizable: number;
  readonly serializable: number;
  /** Puts if the key is as the client saw it last, otherwise reads it. */
  readonly cas: number;
  /** Several keys at once, of a key space of their own: judged by the slow twin alone. */
  readonly multi: number;
}

export type OperationKind = keyof OperationMix;

export interface LoadPlan {
  readonly clients: number;
  /** Mean pause between an answer and the next request. */
  readonly thinkMs: number;
  readonly deadlineMs: number;
  readonly keys: number;
  readonly mix: OperationMix;
  readonly valueMaxBytes: number;
  readonly watchersPerMember: number;
}

/** How often each of them is chosen; 0: never. */
export interface LeaseMix {
  readonly grant: number;
  readonly keepAlive: number;
  readonly timeToLive: number;
  readonly revoke: number;
  /** Puts of keys that hang on a lease, some of two keys at once; and of some that cease to. */
  readonly put: number;
}

export interface LeasePlan {
  /** Mean pause between two requests, whatever became of the first. */
  readonly everyMs: number;
  /** One of them is asked for; the server may give more. */
  readonly ttlSeconds: readonly number[];
  /** Mean of how long a lease is kept alive. */
  readonly keptMs: number;
  /** How often what is left of a lease is recorded. */
  readonly checkpointSeconds: number;
  readonly mix: LeaseMix;
}

/** How often each of them is chosen; 0: never. */
export interface HistoryMix {
  readonly compact: number;
  /** Reads at a revision, linearizable and serializable. */
  readonly read: number;
  /** Transactions that write, and read at a revision. */
  readonly txn: number;
  readonly hash: number;
}

/** Compactions, and whoever meets them. */
export interface HistoryPlan {
  readonly everyMs: number;
  readonly mix: HistoryMix;
  /** How often, of 1, a watcher that begins again does so somewhere else; and how long it stays at most, on average. */
  readonly rewindChance: number;
  readonly watchMs: number;
}

export interface Scenario {
  readonly seed: number;
  /** At the beginning. */
  readonly members: number;
  /** Machines that may join later. */
  readonly spares: number;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  /** How fast each machine's monotonic clock runs; 1 is true time. */
  readonly clockRates: readonly number[];
  readonly network: NetworkPlan;
  readonly disk: DiskPlan;
  readonly limits: LimitsPlan;
  readonly cuts: CutsPlan;
  /** In so many pieces a snapshot travels. */
  readonly snapshotPieces: number;
  readonly load: LoadPlan;
  /** Null: nobody grants any. */
  readonly leases: LeasePlan | null;
  /** Null: nobody compacts. */
  readonly history: HistoryPlan | null;
  readonly faults: readonly PlannedFault[];
  /** All faults end here, and the network is quiet from here on. */
  readonly healMs: number;
  /** At the latest so long after the healing every member serves and all agree. */
  readonly liveWithinMs: number;
  /** It goes on at least to here. */
  readonly endMs: number;
}

// -------------------------------------------------------------------------------------------------------- broken servers

/** How a server broken on purpose differs from the healthy one: it wraps what the member is handed. */
export interface Breakage {
  readonly disk?: (disk: Disk) => Disk;
  /** Also sees what the log gave back at the start. */
  readonly member?: (options: MemberOptions) => MemberOptions;
  readonly requests?: (requests: ClientRequests) => ClientRequests;
  /** The member as those see it who count the time of leases. */
  readonly lessor?: (member: Member) => Member;
}

/** What clients may ask of a member. */
export type ClientRequests = Pick<Requests, "range" | "put" | "deleteRange" | "txn" | "compact">;

/** All that a member answers. */
export interface Door {
  readonly kv: ClientRequests;
  readonly leases: Pick<LeaseRequests, "grant" | "revoke" | "keepAlive" | "timeToLive">;
  readonly maintenance: Pick<Requests, "hashKv">;
}

// -------------------------------------------------------------------------------------------------------------- results

export type FailureKind =
  /** The server's own assertion, or an error nobody expected. */
  | "assertion"
  | "two leaders"
  | "not elected"
  | "vote changed"
  | "committed entries differ"
  | "not on a quorum"
  | "applied before synced"
  | "went back"
  | "changes overlap"
  | "stale transfer"
  | "restart"
  | "state differs from the twin"
  | "answer differs from the twin"
  | "stale read"
  | "lease promise"
  | "not live"
  | "members disagree"
  | "check";

export interface Failure {
  readonly kind: FailureKind;
  readonly text: string;
  readonly atUs: number;
}

export interface SeedResult {
  readonly seed: number;
  readonly failure: Failure | null;
  /** Checks that could not decide. */
  readonly undecided: readonly string[];
  readonly simulatedMs: number;
  readonly events: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  readonly faults: Readonly<Record<string, number>>;
  readonly coverage: Readonly<Record<string, number>>;
  /** Of everything that happened, in order: equal for two runs of one seed. */
  readonly digest: number;
}
