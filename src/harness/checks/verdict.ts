import type { StopSignal } from "../model/events.ts";
import type { CheckName } from "../model/plan.ts";
import type { CheckResult, StalenessSummary, Verdict, VerdictKind } from "../model/verdict.ts";

export interface VerdictInput {
  readonly run: string;
  /** What the plan asked for: a check without a result counts as unknown. */
  readonly planned: readonly CheckName[];
  readonly checks: readonly CheckResult[];
  readonly staleness: readonly StalenessSummary[];
  readonly serializableAsLinearizable: VerdictKind;
  /** The signal that cut the run short; null when it ran to its end. */
  readonly interruptedBy: StopSignal | null;
  /** Members that ended by themselves: whatever the checks say, such a build is not available. */
  readonly crashed: readonly string[];
  /** Why having passed decides nothing: a fault without effect, a harness that broke. */
  readonly doubts: readonly string[];
}

/** The exit code of a program that a signal ended, as shells count. */
export const SIGNAL_EXITS: Readonly<Record<StopSignal, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };

/** Invalid wins over unknown wins over valid; nothing at all is unknown. */
export function worstOf(verdicts: readonly VerdictKind[]): VerdictKind {
  if (verdicts.includes("invalid")) return "invalid";
  return verdicts.length === 0 || verdicts.includes("unknown") ? "unknown" : "valid";
}

/**
 * The run's verdict and exit code: 2 invalid (wins over all), 129, 130 or 143 interrupted, 1 a member crashed, 3 unknown, 0 valid.
 */
export function combine(input: VerdictInput): Verdict {
  const missing = input.planned.filter((name) => !input.checks.some((result) => result.check === name));
  const checks = [...input.checks, ...missing.map((name) => undecided(name, "It was planned and did not run."))];
  const kinds = checks.map((result) => result.verdict);
  const verdict = worstOf(input.doubts.length > 0 ? [...kinds, "unknown"] : kinds);
  const interrupted = input.interruptedBy !== null;
  return {
    run: input.run,
    verdict,
    headline: headline(verdict, checks, input),
    exitCode: exitCode(verdict, input),
    interrupted,
    checks,
    staleness: input.staleness,
    serializableAsLinearizable: input.serializableAsLinearizable,
  };
}

/** Runs a check and fills in how long it took; one that throws has decided nothing: unknown, never valid. */
export function guarded(check: CheckName, nowMs: () => number, run: () => CheckResult): CheckResult {
  const startedMs = nowMs();
  const result = attempt(check, run);
  return { ...result, tookMs: nowMs() - startedMs };
}

function attempt(check: CheckName, run: () => CheckResult): CheckResult {
  try {
    return run();
  } catch (error) {
    return undecided(check, `The check itself failed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function undecided(check: CheckName, summary: string): CheckResult {
  return { check, verdict: "unknown", summary, findings: [], findingsTotal: 0, tookMs: 0 };
}

function exitCode(verdict: VerdictKind, { interruptedBy, crashed }: VerdictInput): number {
  if (verdict === "invalid") return 2;
  if (interruptedBy !== null) return SIGNAL_EXITS[interruptedBy];
  if (crashed.length > 0) return 1;
  return verdict === "valid" ? 0 : 3;
}

function headline(verdict: VerdictKind, checks: readonly CheckResult[], input: VerdictInput): string {
  const named = (kind: VerdictKind): string =>
    checks
      .filter((result) => result.verdict === kind)
      .map((result) => result.check)
      .join(", ");
  const crash = input.crashed.length > 0 ? `; ${input.crashed.join(", ")} crashed` : "";
  const cut = `${crash}${input.interruptedBy !== null ? " (the run was interrupted)" : ""}`;
  switch (verdict) {
    case "invalid":
      return `A promise was broken: ${named("invalid")}${cut}`;
    case "unknown":
      if (checks.length === 0) return `Nothing was checked${cut}`;
      return `Not decided: ${[named("unknown"), ...input.doubts].filter((text) => text !== "").join(", ")}${cut}`;
    case "valid":
      return `Every promise was kept: ${named("valid")}${cut}`;
  }
}
