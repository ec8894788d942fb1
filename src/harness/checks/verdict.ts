import type { CheckName, CheckResult, StalenessSummary, Verdict, VerdictKind } from "../model.ts";

export interface VerdictInput {
  readonly run: string;
  /** What the plan asked for: a check without a result counts as unknown. */
  readonly planned: readonly CheckName[];
  readonly checks: readonly CheckResult[];
  readonly staleness: readonly StalenessSummary[];
  readonly serializableAsLinearizable: VerdictKind;
  /** The signal that cut the run short; null when it ran to its end. */
  readonly interruptedBy: "SIGINT" | "SIGTERM" | null;
}

/** Invalid wins over unknown wins over valid; nothing at all is unknown. */
export function worstOf(verdicts: readonly VerdictKind[]): VerdictKind {
  if (verdicts.includes("invalid")) return "invalid";
  return verdicts.length === 0 || verdicts.includes("unknown") ? "unknown" : "valid";
}

/** The run's verdict and exit code: 0 valid, 2 invalid (wins over all), 3 unknown, 130 or 143 interrupted and not invalid. */
export function combine(input: VerdictInput): Verdict {
  const missing = input.planned.filter((name) => !input.checks.some((result) => result.check === name));
  const checks = [...input.checks, ...missing.map((name) => undecided(name, "It was planned and did not run."))];
  const verdict = worstOf(checks.map((result) => result.verdict));
  const interrupted = input.interruptedBy !== null;
  return {
    run: input.run,
    verdict,
    headline: headline(verdict, checks, interrupted),
    exitCode: exitCode(verdict, input.interruptedBy),
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

function exitCode(verdict: VerdictKind, interruptedBy: VerdictInput["interruptedBy"]): number {
  if (verdict === "invalid") return 2;
  if (interruptedBy !== null) return interruptedBy === "SIGINT" ? 130 : 143;
  return verdict === "valid" ? 0 : 3;
}

function headline(verdict: VerdictKind, checks: readonly CheckResult[], interrupted: boolean): string {
  const named = (kind: VerdictKind): string =>
    checks
      .filter((result) => result.verdict === kind)
      .map((result) => result.check)
      .join(", ");
  const cut = interrupted ? " (the run was interrupted)" : "";
  switch (verdict) {
    case "invalid":
      return `A promise was broken: ${named("invalid")}${cut}`;
    case "unknown":
      return checks.length === 0 ? `Nothing was checked${cut}` : `Not decided: ${named("unknown")}${cut}`;
    case "valid":
      return `Every promise was kept: ${named("valid")}${cut}`;
  }
}
