import type { CheckName } from "./plan.ts";
import type { WindowSummary } from "./samples.ts";

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
