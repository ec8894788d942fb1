/**
 * READ FIRST. The words of the harness. A run goes plan -> cluster -> load and faults -> history -> checks -> report -> gate, and
 * after the load each stage reads only what the stage before it wrote (D12):
 *
 *   plan.json          Plan, in this file: what was asked, seed included
 *   events.jsonl       RunEvent a line, in events.ts: phases, faults, leaders, processes
 *   history.jsonl.gz   HistoryHeader, then a HistoryRecord a line, in history.ts
 *   samples.json       Samples, in samples.ts: rates and latencies over time and for each window
 *   verdict.json       Verdict, in verdict.ts: what the checks found and the exit code that follows
 *   report.html, logs/
 *
 * All times are whole nanoseconds since the run began, on one monotonic clock, unless a name says otherwise.
 */

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
  /** How often each of them asks how far it is. Null or absent: never, for not every etcd's answer may be believed (etcd-io/etcd 15220). */
  readonly progressEveryMs?: number | null;
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
