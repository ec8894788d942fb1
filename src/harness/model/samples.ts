import type { OperationClass } from "./plan.ts";

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

/** What of the machine decides about the figures. */
export interface MachineEnvironment {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly filesystem: string;
  /** Measured in the data directory before the run. */
  readonly fsyncP99Ns: number | null;
  readonly warnings: readonly string[];
}

export interface Environment extends MachineEnvironment {
  readonly faultlineVersion: string;
  readonly target: string;
  readonly proxy: string;
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
