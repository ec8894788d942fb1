/** A failing scenario made shorter as long as it fails in the same way: fewer faults, an earlier end, less of everything else. */
import { applyEdit, EDIT_WORDS, type Edit, NO_EDIT } from "./edit.ts";
import type { FailureKind, Scenario, SeedResult } from "./model.ts";

export interface Shrunk {
  readonly edit: Edit;
  readonly result: SeedResult;
  readonly runs: number;
}

const RUNS_MAX = 200;
/** Room for the failure to show after the last fault. */
const MARGINS_MS: readonly number[] = [100, 1_000, 5_000];

/** `run` simulates; `tried` hears of every run. Null when the scenario does not fail at all. */
export async function shrink(
  scenario: Scenario,
  run: (scenario: Scenario) => Promise<SeedResult>,
  tried: (runs: number, edit: Edit) => void,
): Promise<Shrunk | null> {
  const first = await run(scenario);
  if (first.failure === null) return null;
  return new Shrinker(scenario, run, tried, first, first.failure.kind).shrink();
}

class Shrinker {
  readonly #scenario: Scenario;
  readonly #run: (scenario: Scenario) => Promise<SeedResult>;
  readonly #tried: (runs: number, edit: Edit) => void;
  readonly #kind: FailureKind;
  #edit: Edit = NO_EDIT;
  #result: SeedResult;
  #runs = 1;

  constructor(
    scenario: Scenario,
    run: (scenario: Scenario) => Promise<SeedResult>,
    tried: (runs: number, edit: Edit) => void,
    first: SeedResult,
    kind: FailureKind,
  ) {
    this.#scenario = scenario;
    this.#run = run;
    this.#tried = tried;
    this.#result = first;
    this.#kind = kind;
  }

  async shrink(): Promise<Shrunk> {
    await this.#endEarlier();
    await this.#fewerFaults();
    for (const word of EDIT_WORDS) await this.#try({ ...this.#edit, [word]: true });
    // Each member needs one: that it answers none is a failure of its own.
    for (let { members: clients } = this.#scenario; clients < this.#scenario.load.clients; clients *= 2)
      if (await this.#try({ ...this.#edit, clients })) break;
    // What is left may need less than it did before.
    await this.#fewerFaults();
    await this.#endEarlier();
    return { edit: this.#edit, result: this.#result, runs: this.#runs };
  }

  /** Keeps the edit if the scenario still fails in the same way. */
  async #try(edit: Edit): Promise<boolean> {
    if (this.#runs >= RUNS_MAX) return false;
    this.#runs++;
    const result = await this.#run(applyEdit(this.#scenario, edit));
    const fails = result.failure?.kind === this.#kind;
    if (fails) {
      this.#edit = edit;
      this.#result = result;
    }
    this.#tried(this.#runs, this.#edit);
    return fails;
  }

  async #endEarlier(): Promise<void> {
    const failedMs = (this.#result.failure?.atUs ?? 0) / 1000;
    const current = this.#edit.healMs ?? this.#scenario.healMs;
    for (const margin of MARGINS_MS) {
      const healMs = Math.ceil(failedMs + margin);
      if (healMs < current && (await this.#try({ ...this.#edit, healMs }))) return;
    }
    for (let healMs = Math.ceil(current / 2); healMs < current - 1_000; healMs = Math.ceil((healMs + current) / 2))
      if (await this.#try({ ...this.#edit, healMs })) return;
  }

  /** Delta debugging (Zeller): halves first, then smaller and smaller parts. */
  async #fewerFaults(): Promise<void> {
    let kept = this.#edit.faults ?? this.#scenario.faults.map(({ number }) => number);
    if (kept.length > 0 && (await this.#try({ ...this.#edit, faults: [] }))) return;
    for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let from = 0; from < kept.length; ) {
        const without = kept.filter((_, i) => i < from || i >= from + size);
        if (without.length > 0 && (await this.#try({ ...this.#edit, faults: without }))) kept = without;
        else from += size;
      }
    }
  }
}
