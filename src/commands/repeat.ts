import type { CheckName } from "../harness/model/plan.ts";
import type { Verdict } from "../harness/model/verdict.ts";
import { formatCount, formatDuration } from "../harness/report/format.ts";
import type { LeaseEvidence } from "../harness/report/lease-evidence.ts";
import { CommandError, EXIT } from "./exit.ts";
import { type Interrupt, stoppedBy } from "./interrupt.ts";
import { leaseLines } from "./lease-text.ts";
import type { SessionResult } from "./run-session.ts";
import { paint } from "./table.ts";

/** The exit code of several runs is the first of these that any of them had. */
const WORST_FIRST: readonly number[] = [
  EXIT.safety,
  EXIT.bug,
  EXIT.environment,
  EXIT.inconclusive,
  EXIT.gate,
  EXIT.pass,
];

/** A run that can be started once. `run` rejects as a single run does. */
export interface RepeatableRun {
  readonly seed: number;
  /** Repeats this one run. */
  readonly command: string;
  run(): Promise<SessionResult>;
  /** Ends everything at once. */
  kill(): void;
}

export interface RepeatOptions {
  readonly times: number;
  /** The `index`th run, from 0. */
  readonly make: (index: number) => RepeatableRun;
  readonly interrupt: Interrupt;
  readonly json: boolean;
  /** Takes the results: lines as they come, or one document. */
  readonly out: (text: string) => Promise<void>;
}

/** What became of one run; its samples are in its folder. */
interface Repeated {
  readonly seed: number;
  readonly command: string;
  readonly exitCode: number;
  readonly tookMs: number;
  /** Why there is no verdict; null when there is one. */
  readonly error: string | null;
  readonly report: string | null;
  readonly verdict: Verdict | null;
  readonly leases: LeaseEvidence | null;
}

/**
 * Runs one after the other, says what became of each, and how often a promise was broken. Returns the exit code. A first run that
 * cannot begin ends it, because no other would; so does a signal, when the run it came in has been written down.
 */
export async function repeatRuns({ times, make, interrupt, json, out }: RepeatOptions): Promise<number> {
  const runs: Repeated[] = [];
  while (runs.length < times && interrupt.by === null) {
    const one = await runOne(make(runs.length), interrupt);
    runs.push(one);
    if (!json) await out(runLines(one, runs.length, times).join("\n"));
    if (runs.length === 1 && one.error !== null) break;
  }
  const exitCode = worst(runs, interrupt);
  const broken = countBroken(runs);
  if (json) await out(JSON.stringify({ planned: times, exitCode, broken, runs }, null, 2));
  else await out(rateLines(runs, broken).join("\n"));
  return exitCode;
}

async function runOne(one: RepeatableRun, interrupt: Interrupt): Promise<Repeated> {
  const { seed, command } = one;
  const startMs = performance.now();
  const took = (): number => Math.round(performance.now() - startMs);
  try {
    const outcome = await Promise.race([one.run(), interrupt.again]);
    if (typeof outcome === "string") {
      one.kill();
      throw new CommandError("stopped at once; what was left unwritten is lost", stoppedBy(outcome));
    }
    const { verdict, leases, reportPath: report } = outcome;
    return { seed, command, exitCode: verdict.exitCode, tookMs: took(), error: null, report, verdict, leases };
  } catch (error) {
    // Of a bug the whole stack: the runs that follow would otherwise push it out of sight.
    const [exitCode, text] =
      error instanceof CommandError ? [error.exitCode, error.message] : [EXIT.bug, String((error as Error).stack)];
    const none = { report: null, verdict: null, leases: null };
    return { seed, command, exitCode, tookMs: took(), error: text, ...none };
  }
}

function worst(runs: readonly Repeated[], { by }: Interrupt): number {
  const codes = runs.map(({ exitCode }) => exitCode);
  if (by !== null && !codes.includes(EXIT.safety)) return stoppedBy(by);
  // Another code, of usage say, is that of the only run there was.
  return WORST_FIRST.find((code) => codes.includes(code)) ?? codes[0] ?? EXIT.inconclusive;
}

/** In how many runs each check was broken. */
function countBroken(runs: readonly Repeated[]): Partial<Record<CheckName, number>> {
  const broken: Partial<Record<CheckName, number>> = {};
  for (const { verdict } of runs)
    for (const { check, verdict: kind } of verdict?.checks ?? [])
      if (kind === "invalid") broken[check] = (broken[check] ?? 0) + 1;
  return broken;
}

function runLines(one: Repeated, number: number, times: number): string[] {
  const { seed, verdict, error, tookMs, report, leases, command, exitCode } = one;
  const title = `run ${number} of ${times}  seed ${seed}  ${formatDuration(tookMs * 1e6)}`;
  if (verdict === null) return [`${title}  ${paint(`NO VERDICT (${exitCode})`, "yellow")}  ${error ?? ""}`];
  const colour = { valid: "green", invalid: "red", unknown: "yellow" } as const;
  const line = `${title}  ${paint(verdict.verdict.toUpperCase(), colour[verdict.verdict])}  ${verdict.headline}`;
  if (exitCode !== EXIT.safety) return [line];
  const broken = verdict.checks.filter((check) => check.verdict === "invalid");
  const shown = [
    ...broken.map((check) => `${check.check.padEnd(8)} ${check.summary}`),
    ...(leases === null ? [] : leaseLines(leases)),
    `report   ${report}`,
    `repeat   ${command}`,
  ];
  return [line, ...shown.flatMap((text) => text.split("\n")).map((text) => `  ${text}`)];
}

function rateLines(runs: readonly Repeated[], broken: Partial<Record<CheckName, number>>): string[] {
  const codes = runs.map(({ exitCode }) => exitCode);
  const times = (wanted: number): number => codes.filter((code) => code === wanted).length;
  const which = Object.entries(broken).map(([check, count]) => `${check} in ${count}`);
  const rest = [
    [times(EXIT.pass), "passed"],
    [times(EXIT.inconclusive), "inconclusive"],
    [times(EXIT.gate), "with a member that crashed"],
    [runs.filter(({ verdict }) => verdict === null).length, "without a verdict"],
  ] as const;
  const others = rest.flatMap(([count, what]) => (count > 0 ? [`${formatCount(count)} ${what}`] : []));
  const rate = `${times(EXIT.safety)} of ${runs.length} runs broke a promise${which.length > 0 ? `: ${which.join(", ")}` : ""}`;
  return ["", [rate, ...others].join("; ")];
}
