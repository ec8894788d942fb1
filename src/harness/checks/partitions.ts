import type { VerdictKind } from "../model/verdict.ts";

/** How much work a check may do; it says unknown when that is not enough. */
export interface Budget {
  /** Search steps over all partitions, tens of nanoseconds each. */
  readonly steps: number;
  /** True when the time is up; asked between slices of work. */
  readonly expired: () => boolean;
}

export const DEFAULT_STEPS: number = 100_000_000;

interface Resumable {
  readonly steps: number;
  run(steps: number): VerdictKind;
}

const FIRST_SLICE = 1 << 14;
/** A slice is also how long nobody asks whether the time is up. */
const SLICE_MAX = 1 << 22;

/**
 * Runs independent searches round by round, each round with twice the slice: one hard partition cannot keep the others from
 * being decided, and costs at most about four times what it would alone. Verdicts in the order of `searches`.
 */
export function runPartitions(searches: readonly Resumable[], budget: Budget): VerdictKind[] {
  const verdicts: VerdictKind[] = searches.map(() => "unknown");
  let open = searches.map((_, i) => i);
  let left = budget.steps;
  for (let slice = FIRST_SLICE; open.length > 0 && left > 0; slice = Math.min(2 * slice, SLICE_MAX)) {
    const undecided: number[] = [];
    for (const i of open) {
      if (left <= 0 || budget.expired()) return verdicts;
      const search = searches[i] as Resumable;
      const before = search.steps;
      const verdict = search.run(Math.min(slice, left));
      left -= search.steps - before;
      verdicts[i] = verdict;
      if (verdict === "unknown" && search.steps > before) undecided.push(i);
    }
    open = undecided;
  }
  return verdicts;
}
