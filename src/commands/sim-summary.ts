/** What many seeds come to: figures added up, for people and for machines. */
import type { SeedResult } from "../sim/model.ts";
import { formatTable } from "./table.ts";

export interface SimFigures {
  readonly wallSeconds: number;
  readonly seedsPerMinute: number;
  readonly simulatedSeconds: number;
  readonly events: number;
  readonly operations: { readonly ok: number; readonly failed: number; readonly unknown: number };
  /** The fewest of any seed that ran to its end. */
  readonly operationsMin: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly coverage: Readonly<Record<string, number>>;
  readonly undecided: readonly string[];
}

export class SimSummary {
  readonly failures: SeedResult[] = [];
  readonly undecided: string[] = [];
  seeds = 0;
  readonly #startMs = performance.now();
  readonly #operations = { ok: 0, failed: 0, unknown: 0 };
  readonly #faults = new Map<string, number>();
  readonly #coverage = new Map<string, number>();
  #operationsMin = Number.POSITIVE_INFINITY;
  #simulatedMs = 0;
  #events = 0;

  add(result: SeedResult): void {
    const { ok, failed, unknown } = result.operations;
    this.seeds++;
    this.#simulatedMs += result.simulatedMs;
    this.#events += result.events;
    this.#operations.ok += ok;
    this.#operations.failed += failed;
    this.#operations.unknown += unknown;
    if (result.failure !== null) this.failures.push(result);
    else this.#operationsMin = Math.min(this.#operationsMin, ok + failed + unknown);
    for (const text of result.undecided) this.undecided.push(`seed ${result.seed}: ${text}`);
    addAll(this.#faults, result.faults);
    addAll(this.#coverage, result.coverage);
  }

  figures(): SimFigures {
    const wallSeconds = (performance.now() - this.#startMs) / 1000;
    return {
      wallSeconds,
      seedsPerMinute: (this.seeds / wallSeconds) * 60,
      simulatedSeconds: this.#simulatedMs / 1000,
      events: this.#events,
      operations: this.#operations,
      operationsMin: Number.isFinite(this.#operationsMin) ? this.#operationsMin : 0,
      faults: sorted(this.#faults),
      coverage: sorted(this.#coverage),
      undecided: this.undecided,
    };
  }
}

export function summaryText(summary: SimSummary, base: number): string {
  const figures = summary.figures();
  const { ok, failed, unknown } = figures.operations;
  const mean = Math.round((ok + failed + unknown) / Math.max(1, summary.seeds));
  const table = (counts: Readonly<Record<string, number>>): string[][] =>
    Object.entries(counts).map(([name, count]) => [`  ${name}`, count.toLocaleString("en")]);
  const rows = [["faults"], ...table(figures.faults), ["met on the way"], ...table(figures.coverage)];
  const undecided = summary.undecided.length > 0 ? `, ${summary.undecided.length} checks not decided` : "";
  return [
    formatTable(rows),
    ...summary.undecided,
    `${summary.seeds} seeds from ${base}: ${summary.failures.length} failed${undecided}`,
    `${(figures.simulatedSeconds / 3600).toFixed(1)} simulated hours in ${figures.wallSeconds.toFixed(1)} s, ${figures.seedsPerMinute.toFixed(0)} seeds a minute, ${figures.events.toLocaleString("en")} events`,
    `${(ok + failed + unknown).toLocaleString("en")} operations (${ok.toLocaleString("en")} ok, ${failed.toLocaleString("en")} failed, ${unknown.toLocaleString("en")} of unknown outcome), ${mean} a seed, at least ${figures.operationsMin}`,
  ].join("\n");
}

function addAll(totals: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, count] of Object.entries(counts)) totals.set(name, (totals.get(name) ?? 0) + count);
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
