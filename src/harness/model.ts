/**
 * READ FIRST. The words of the harness. A run goes plan -> cluster -> load and faults -> history -> checks -> report -> gate, and
 * after the load each stage reads only what the stage before it wrote (D12):
 *
 *   plan.json          Plan: what was asked, seed included
 *   events.jsonl       RunEvent a line: phases, faults, leaders, processes
 *   history.jsonl.gz   HistoryHeader, then a HistoryRecord a line
 *   samples.json       Samples: rates and latencies over time and for each window
 *   verdict.json       Verdict: what the checks found and the exit code that follows
 *   report.html, logs/
 *
 * All times are whole nanoseconds since the run began, on one monotonic clock, unless a name says otherwise.
 */

// ----------------------------------------------------------------------------------------------------------------- plan

export interface Plan {
  readonly name: string;
  readonly description: string;
  readonly target: Target;
  readonly runtime: Runtime;
  readonly proxy: ProxyChoice;
  readonly members: number;
  readonly resources: Resources;
  readonly logLevel: LogLevel;
  readonly seed: number;
  readonly keys: KeySpace;
  readonly clients: ClientPlan;
  /** Null: the run holds no leases. */
  readonly leases: LeasePlan | null;
  /** Null: nobody uses the store as Kubernetes' API server does. */
  readonly kubernetes: KubernetesPlan | null;
  readonly phases: readonly Phase[];
  readonly faults: readonly PlannedFault[];
  readonly checks: readonly CheckName[];
}

/** Members as processes on 127.0.0.1, or as containers. */
export type Runtime = "process" | "docker";

/**
 * Which Toxiproxy stands between the members. `auto`: in containers Shopify's, where its image is here or can be pulled, unless the
 * plan needs what only the embedded one has; otherwise the embedded one.
 */
export type ProxyChoice = "auto" | "toxiproxy" | "embedded";

/** How much members write into their logs: what they write by default, or all they have. */
export type LogLevel = "info" | "debug";

/** What each container may use; null: as much as there is. The process runtime sets no limits. */
export interface Resources {
  readonly cpus: number | null;
  readonly memoryMegabytes: number | null;
  /** The data directory is a file system in memory of this size: a small one gets full. It counts as memory, and does not outlive the run. */
  readonly dataMegabytes: number | null;
}

/** `ts` is this package's own server. Mutants join with the issue that needs them. */
export type Target =
  | { readonly kind: "ts" }
  | { readonly kind: "etcd"; readonly source: EtcdSource }
  /** Members that run already, as URLs with a port, all http or all https: load and checks only, and others may write, too. */
  | { readonly kind: "endpoints"; readonly endpoints: readonly string[] };

/** A target that a run launches itself. */
export type LaunchedTarget = Exclude<Target, { kind: "endpoints" }>;

/** Which Go etcd. */
export type EtcdSource =
  /** A path, or a name looked up on the PATH. */
  | { readonly kind: "binary"; readonly binary: string }
  /** A release, "3.7.3". */
  | { readonly kind: "version"; readonly version: string };

export interface KeySpace {
  readonly prefix: string;
  readonly count: number;
  readonly distribution: "uniform" | "zipfian";
  /** Size of each value; its first bytes hold the number that makes it unique. */
  readonly valueBytes: number;
}

export interface ClientPlan {
  /** Connections to each member. A client stays with its member: no failover, so a cut member goes on answering. */
  readonly connectionsPerMember: number;
  /** After this an operation is over for its client: a write's outcome is unknown. */
  readonly deadlineMs: number;
  /** Watch streams on each member, each over the whole key space. */
  readonly watchersPerMember: number;
}

/** Leases that clients hold while the phases run, granted before the first and never revoked by their holders. */
export interface LeasePlan {
  readonly count: number;
  readonly ttlSeconds: number;
  readonly keepAliveEveryMs: number;
  /**
   * Who is asked to keep a lease: one member, of all in turn (`any`) or of those that were followers when the load began
   * (`followers`), or each member, by a client there (`every`). A client stays with its member.
   */
  readonly through: "any" | "followers" | "every";
}

/**
 * API servers that, while the phases run, list in pages at one revision and as a stream, count, ask for progress and compact. The last
 * key of the run is what they agree on compaction by (Kubernetes' `compact_rev_key`), and the load leaves it alone.
 */
export interface KubernetesPlan {
  /** One on each member in turn. */
  readonly apiServers: number;
  readonly pageKeys: number;
  readonly listEveryMs: number;
  readonly compactEveryMs: number;
  /** So many writes of the load share a lease, which outlives the run. */
  readonly keysPerLease: number;
}

/** What the load driver can do, and how results are grouped everywhere: request type and read mode. */
export const OPERATION_CLASSES = [
  "get-linearizable",
  "get-serializable",
  "put",
  "delete",
  // Transactions: a put, or a delete, if the key's MOD_REVISION is what was seen last, else a range.
  "update",
  "remove",
] as const;
export type OperationClass = (typeof OPERATION_CLASSES)[number];

export interface Phase {
  readonly name: string;
  readonly loop: /** `concurrency` operations in flight over all connections, each followed by the next: the most the system can do. */
    | { readonly kind: "closed"; readonly concurrency: number }
    /** Operations start when they are due, however long earlier ones take; latency counts from the intended start. */
    | { readonly kind: "open"; readonly ratePerSecond: number; readonly arrivals: "even" | "poisson" };
  readonly durationMs: number;
  /** Relative weights; absent means 0. */
  readonly mix: Readonly<Partial<Record<OperationClass, number>>>;
  /** False: warm-up, kept in the history but left out of every figure. */
  readonly measured: boolean;
}

export interface PlannedFault {
  readonly fault: Fault;
  readonly phase: string;
  /** After the start of that phase. */
  readonly atMs: number;
  readonly durationMs: number;
}

/** Who is meant is resolved when the fault begins. */
export type MemberChoice = "leader" | "follower";

export type Fault =
  /** Cuts a member off from its peers; clients still reach it. */
  | { readonly kind: "partition"; readonly isolate: MemberChoice }
  /** Freezes a member: it does nothing, its connections stay open, time goes on. */
  | { readonly kind: "pause"; readonly member: MemberChoice };

export const CHECK_NAMES = ["linearizable", "serializable", "watch", "converged", "lease", "lists"] as const;
export type CheckName = (typeof CHECK_NAMES)[number];

// -------------------------------------------------------------------------------------------------------------- history

export interface HistoryHeader {
  readonly type: "history";
  readonly version: 1;
  readonly run: string;
  readonly members: readonly string[];
  /** Revision of the store when the run began and none of its keys had been written: 1 for an empty store. */
  readonly initialRevision: number;
  /** Numbered from 0; each must be heard of. */
  readonly watchers: number;
  /** Watch events that came after the recorder was full: above 0 no check of watches can pass. */
  readonly watchEventsLost: number;
  /** False when others may write to the store, too, under other keys: revisions then move by themselves. Absent: true. */
  readonly exclusive?: boolean;
}

/** What a client asked. Keys and values are text; a value is its unique head, padding left out. */
export type OperationRequest =
  | { readonly kind: "get"; readonly key: string; readonly serializable: boolean; readonly condition?: Condition }
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly condition?: Condition }
  | { readonly kind: "delete"; readonly key: string; readonly condition?: Condition };

/**
 * Of a transaction that compared before it wrote. One whose comparison failed stands in the history as the get that it was instead:
 * so all that is known of gets, puts and deletes holds for it, too.
 */
export interface Condition {
  readonly target: "mod-revision" | "version";
  /** 0: the key must not be there. */
  readonly equals: number;
  readonly wanted: "put" | "delete";
}

export interface ObservedKeyValue {
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** What the store said. `revision` is the header's. */
export type OperationResponse =
  | { readonly kind: "get"; readonly revision: number; readonly kv: ObservedKeyValue | null }
  | { readonly kind: "put"; readonly revision: number }
  | { readonly kind: "delete"; readonly revision: number; readonly deleted: number };

/** D9. `failed` certainly had no effect; `unknown` may take effect, even later. */
export type Outcome =
  | { readonly kind: "ok"; readonly response: OperationResponse }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** The phase, not of the plan, in which every key is read through each member when the load is over. */
export const FINAL_PHASE = "final";

export interface OperationRecord {
  readonly type: "operation";
  /** Position in the order of starts. */
  readonly id: number;
  readonly client: number;
  readonly member: string;
  /** One of the plan's, or FINAL_PHASE. */
  readonly phase: string;
  readonly request: OperationRequest;
  /** When the schedule wanted it; equals `startNs` in a closed loop. */
  readonly intendedNs: number;
  readonly startNs: number;
  /** When the answer, the error or the deadline came. For an unknown outcome the effect may still come later. */
  readonly endNs: number;
  readonly outcome: Outcome;
}

/** One change delivered to one watcher. */
export interface WatchEventRecord {
  readonly type: "event";
  readonly watcher: number;
  readonly member: string;
  readonly atNs: number;
  readonly kind: "put" | "delete";
  readonly key: string;
  /** Empty for a delete. */
  readonly value: string;
  readonly revision: number;
  readonly version: number;
  /** Absent: not recorded. */
  readonly createRevision?: number;
  /** What the event says the key held before; null: it says nothing. Absent: that was not asked for. */
  readonly previous?: ObservedKeyValue | null;
  /** Counts what was sent to its watcher, a response in fragments as one: events of one number came together. Absent: not recorded. */
  readonly response?: number;
}

/** What a watch asked for. */
export interface WatchSelection {
  /** The first key. */
  readonly from: string;
  /** The first key behind the range; null: there is none. */
  readonly to: string | null;
  readonly kinds: "all" | "puts" | "deletes";
}

/** The life of one watcher: opened from a revision on, and how it ended. */
export interface WatcherRecord {
  readonly type: "watcher";
  readonly watcher: number;
  readonly member: string;
  readonly atNs: number;
  /** `opened`: `revision` is the first revision it will deliver. `progress`: nothing up to `revision` is still to come. `closed`: the last. */
  readonly what: "opened" | "progress" | "closed";
  readonly revision: number;
  readonly reason: string;
  /** As in events; absent for what is no response. */
  readonly response?: number;
  /** Of `opened`; absent: every key that the history knows. */
  readonly selects?: WatchSelection;
}

/**
 * One request about one lease. `time-to-live` asks without renewing, and 0 is less than a second left. A keepalive answered with 0
 * or less, a time-to-live answered with -1: the store does not know the lease.
 */
export interface LeaseRecord {
  readonly type: "lease";
  /** Hex, as etcdctl prints it. */
  readonly lease: string;
  readonly action: "grant" | "keepalive" | "time-to-live";
  readonly member: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | { readonly kind: "ok"; readonly ttlSeconds: number }
    | { readonly kind: "failed"; readonly reason: string }
    | { readonly kind: "unknown"; readonly reason: string };
}

/** One range over several keys, or one stream of such; of a list in pages, one page. Linearizable. */
export interface ListRecord {
  readonly type: "list";
  readonly member: string;
  readonly request: {
    readonly from: string;
    /** The first key behind the range. */
    readonly to: string;
    /** 0: all. */
    readonly limit: number;
    /** 0: the newest. */
    readonly revision: number;
    readonly countOnly: boolean;
    readonly stream: boolean;
  };
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | {
        readonly kind: "ok";
        /** The header's: the store's newest, also where an older one was read; of a stream the one that was read. */
        readonly revision: number;
        readonly count: number;
        readonly more: boolean;
        readonly kvs: readonly (ObservedKeyValue & { readonly key: string })[];
      }
    | { readonly kind: "failed"; readonly reason: string }
    | { readonly kind: "unknown"; readonly reason: string };
}

/** One request to forget what was before `revision`. */
export interface CompactionRecord {
  readonly type: "compaction";
  readonly member: string;
  readonly revision: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | { readonly kind: "ok" }
    | { readonly kind: "failed"; readonly reason: string }
    | { readonly kind: "unknown"; readonly reason: string };
}

export type HistoryRecord =
  | OperationRecord
  | WatchEventRecord
  | WatcherRecord
  | LeaseRecord
  | ListRecord
  | CompactionRecord;

// --------------------------------------------------------------------------------------------------------------- events

export type RunEvent = { readonly atNs: number } & (
  | { readonly kind: "phase-started"; readonly phase: string }
  | { readonly kind: "phase-ended"; readonly phase: string }
  | { readonly kind: "member-started"; readonly member: string; readonly pid: number }
  /** `planned` false: nobody in the plan asked for it. `crashed`: nobody at all did, it ended by itself. */
  | {
      readonly kind: "member-exited";
      readonly member: string;
      readonly code: number | null;
      readonly signal: string | null;
      readonly planned: boolean;
      readonly crashed: boolean;
    }
  | { readonly kind: "leader"; readonly member: string; readonly term: number }
  | {
      readonly kind: "fault-injected";
      readonly fault: string;
      readonly members: readonly string[];
      readonly description: string;
    }
  /** Its effect was not seen, so having withstood it means nothing. */
  | { readonly kind: "fault-unproven"; readonly fault: string; readonly reason: string }
  | { readonly kind: "fault-healed"; readonly fault: string }
  | { readonly kind: "interrupted"; readonly signal: "SIGINT" | "SIGTERM" }
  /**
   * After the load: every member shows the same revision, or did not within the limit; -1 for one that does not answer. Where
   * others write, too, revisions never stand still: there every member has reached `needed`, the newest change of the run's keys.
   */
  | {
      readonly kind: "converged";
      readonly converged: boolean;
      readonly revisions: Readonly<Record<string, number>>;
      readonly needed?: number;
    }
  /** After that: every watcher has delivered the newest change of the run's keys that any answer showed, or has not within the limit. */
  | { readonly kind: "watchers-waited"; readonly caughtUp: boolean }
  /**
   * After the phases: how many leases each member had revoked because they had run out, by its own counter, since the load began;
   * -1 for one that does not say.
   */
  | { readonly kind: "leases-revoked"; readonly counts: Readonly<Record<string, number>> }
  /** Something of ours failed: nothing follows from this run. */
  | { readonly kind: "harness-broke"; readonly reason: string }
  | { readonly kind: "note"; readonly text: string }
);

// -------------------------------------------------------------------------------------------------------------- samples

/**
 * Latencies in nanoseconds from the intended start, of ok and unknown outcomes (a time-out counts at its deadline, a refusal not at
 * all); null where there are too few samples to say (p50 10, p99 1,000, p99.9 10,000).
 */
export interface LatencySummary {
  readonly count: number;
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
  readonly p999Ns: number | null;
  readonly maxNs: number | null;
}

export interface ClassSummary {
  readonly class: OperationClass;
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  /** ok operations a second. */
  readonly perSecond: number;
  readonly latency: LatencySummary;
}

/**
 * The measured open-loop phases on one side of the faults: before the first injection, until the last heal, or after it. An
 * operation belongs where it was meant to start. Without a fault everything is `before`.
 */
export interface WindowSummary {
  readonly name: "before" | "during" | "after";
  readonly startNs: number;
  readonly endNs: number;
  readonly classes: readonly ClassSummary[];
  /** Put called to event delivered, over all watchers. */
  readonly watchDelivery: LatencySummary;
}

/** One closed-loop phase: the most the system did. */
export interface CapacitySummary {
  readonly phase: string;
  readonly concurrency: number;
  readonly classes: readonly ClassSummary[];
  /** CPU of all members, user and system, for each ok operation; null where it could not be read. */
  readonly serverCpuMicrosPerOperation: number | null;
  readonly clientCpuMicrosPerOperation: number | null;
}

/**
 * One column of time, `bucketNs` wide, for the charts: the operations meant to start in it, of the measured open-loop phases (of the
 * closed ones when there are no others). Every class of the mix has a point in every column. p99 from 100 samples on.
 */
export interface SeriesPoint {
  readonly atNs: number;
  readonly class: OperationClass;
  readonly ok: number;
  readonly failed: number;
  readonly unknown: number;
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
}

/** Log-spaced latency distribution of one class in one window: `counts[i]` lies in [edgesNs[i], edgesNs[i + 1]). */
export interface Distribution {
  readonly window: WindowSummary["name"];
  readonly class: OperationClass;
  readonly edgesNs: readonly number[];
  readonly counts: readonly number[];
}

/** The longest time without an acknowledged write, among those that overlap the fault or follow it, within the open-loop phases. */
export interface Outage {
  readonly startNs: number;
  readonly endNs: number;
}

export interface Environment {
  readonly faultlineVersion: string;
  readonly target: string;
  readonly proxy: string;
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly filesystem: string;
  /** Measured in the data directory before the run. */
  readonly fsyncP99Ns: number | null;
  readonly warnings: readonly string[];
}

export interface Samples {
  readonly run: string;
  readonly command: string;
  readonly startedAt: string;
  readonly durationNs: number;
  readonly environment: Environment;
  readonly capacity: readonly CapacitySummary[];
  readonly windows: readonly WindowSummary[];
  readonly bucketNs: number;
  readonly series: readonly SeriesPoint[];
  readonly distributions: readonly Distribution[];
  readonly outage: Outage | null;
  /** How late the driver itself started operations: the noise of the measuring machine. */
  readonly startLag: LatencySummary;
  /** Operations that were due but could not be started because too many were in flight. */
  readonly unsent: number;
}

// -------------------------------------------------------------------------------------------------------------- verdict

export type VerdictKind = "valid" | "invalid" | "unknown";

export interface Finding {
  readonly text: string;
  /** History ids of the operations that show it. */
  readonly operations: readonly number[];
  readonly atNs: number | null;
}

export interface CheckResult {
  readonly check: CheckName;
  readonly verdict: VerdictKind;
  /** One sentence a person reads. */
  readonly summary: string;
  /** At most 20; `findingsTotal` counts all. */
  readonly findings: readonly Finding[];
  readonly findingsTotal: number;
  readonly tookMs: number;
}

/** The run's serializable reads judged as if they had been linearizable: what the cheaper mode costs in freshness. */
export interface StalenessSummary {
  readonly window: WindowSummary["name"];
  readonly member: string;
  readonly reads: number;
  readonly stale: number;
  /** How long a newer revision had been acknowledged before the read was called. */
  readonly worstNs: number;
  readonly worstRevisions: number;
}

export interface Verdict {
  readonly run: string;
  readonly verdict: VerdictKind;
  readonly headline: string;
  readonly exitCode: number;
  readonly interrupted: boolean;
  readonly checks: readonly CheckResult[];
  readonly staleness: readonly StalenessSummary[];
  /** The same reads under the linearizability checker: `invalid` when the partition made them stale. */
  readonly serializableAsLinearizable: VerdictKind;
}
