/** What a worker of `faultline sim` is told and tells back: plain data, as it travels between threads. */
import { type Mutant, mutantOf } from "../mutants/catalogue.ts";
import { applyEdit, type Edit } from "../sim/edit.ts";
import type { SeedResult } from "../sim/model.ts";
import { scenarioOf } from "../sim/scenario.ts";
import { simulate } from "../sim/simulation.ts";
import type { Story } from "../sim/world.ts";

export interface SimWork {
  readonly mutant: string | null;
}

/** One seed from its number to its result; `edit` leaves parts of it out. */
export function runSeed(seed: number, edit: Edit, mutant: Mutant | null, story: Story): Promise<SeedResult> {
  return simulate(applyEdit(scenarioOf(seed), edit), mutant ?? {}, story);
}

export function mutantNamed(name: string | null): Mutant | null {
  return name === null ? null : mutantOf(name);
}
