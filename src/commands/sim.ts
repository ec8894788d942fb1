import { type Command, InvalidArgumentError } from "commander";
import { MUTANTS, type Mutant } from "../mutants/catalogue.ts";
import { type Edit, formatEdit, NO_EDIT, parseEdit } from "../sim/edit.ts";
import type { SeedResult } from "../sim/model.ts";
import { scenarioOf } from "../sim/scenario.ts";
import { shrink } from "../sim/shrink.ts";
import { simulate } from "../sim/simulation.ts";
import { CommandError, EXIT } from "./exit.ts";
import { print } from "./print.ts";
import { Progress } from "./progress.ts";
import { simulateAll } from "./sim-pool.ts";
import { parseShard, type Shard, shardOfEnvironment } from "./sim-shard.ts";
import { SimSummary, summaryText } from "./sim-summary.ts";
import { mutantNamed, runSeed } from "./sim-work.ts";

interface SimOptions {
  readonly seeds?: number;
  readonly base?: number;
  readonly shard?: Shard;
  readonly seed?: number;
  readonly schedule?: Edit;
  readonly trace?: true;
  readonly shrink?: true;
  readonly mutant?: string;
  readonly json?: true;
}

/** Days of work; more go in shards of their own bases. */
const SEEDS_MAX = 10_000_000;

/** `faultline sim`: simulated clusters, many seeds or the story of one; exit code 2 when a promise was broken. */
export function addSim(program: Command, exit: (code: number) => void): void {
  program
    .command("sim")
    .description(
      "simulate whole clusters under faults, each from one seed; judge every answer and what must always hold",
    )
    .option("--seeds <n>", "how many seeds to simulate, on all cores", parseCount)
    .option("--base <n>", "the first of them; default 1", parseSeed)
    .option("--shard <i/n>", "only every n-th of them: this machine's part; default: what CI says", shardOf)
    .option("--seed <n>", "simulate one seed", parseSeed)
    .option("--schedule <text>", "with --seed: the shorter schedule that --shrink found", parseSchedule)
    .option("--trace", "with --seed: print everything that happens")
    .option("--shrink", "with --seed: look for a shorter schedule that fails in the same way")
    .option("--mutant <name>", "simulate a server that is broken on purpose", parseMutant)
    .option("--json", "print the results as JSON")
    .action(async (options: SimOptions) => exit(await sim(options)));
}

async function sim(options: SimOptions): Promise<number> {
  if ((options.seed === undefined) === (options.seeds === undefined))
    throw new CommandError("faultline sim: name either --seeds N or --seed N");
  if (options.seeds !== undefined) {
    if (options.trace === true || options.shrink === true || options.schedule !== undefined)
      throw new CommandError("faultline sim: --trace, --shrink and --schedule go with --seed");
    return simulateMany(options.seeds, options);
  }
  if (options.base !== undefined || options.shard !== undefined)
    throw new CommandError("faultline sim: --base and --shard go with --seeds");
  if (options.shrink === true) return shrinkOne(options.seed as number, options);
  return simulateOne(options.seed as number, options);
}

// ----------------------------------------------------------------------------------------------------------------- many

async function simulateMany(count: number, options: SimOptions): Promise<number> {
  const { base = 1, mutant } = options;
  const { shard, from } = options.shard ? { shard: options.shard, from: null } : shardOfEnvironment(process.env);
  const seeds: number[] = [];
  for (let i = shard.number - 1; i < count; i += shard.of) seeds.push(base + i);
  const summary = new SimSummary();
  const progress = new Progress();
  if (from !== null) progress.say(`shard ${shard.number}/${shard.of}, as ${from} says`);
  await simulateAll(seeds, { mutant: mutant ?? null }, (result) => {
    summary.add(result);
    if (result.failure !== null) progress.say(`${failureText(result)}\n        ${repeatCommand(result.seed, options)}`);
    progress.show(`${summary.seeds} of ${seeds.length} seeds, ${summary.failures.length} failed`);
    // One seed is enough to catch a mutant.
    return mutant !== undefined && result.failure !== null ? "enough" : "go on";
  });
  progress.end();
  const failures = summary.failures.map((result) => ({ ...result, repeat: repeatCommand(result.seed, options) }));
  const figures = { base, seeds: summary.seeds, mutant: mutant ?? null, ...summary.figures(), failures };
  await print(options.json === true ? JSON.stringify(figures, null, 2) : summaryText(summary, base));
  return exitCode(summary.failures.length > 0, summary.undecided.length > 0);
}

// ------------------------------------------------------------------------------------------------------------------ one

async function simulateOne(seed: number, options: SimOptions): Promise<number> {
  const lines: string[] = [];
  const story = options.trace === true ? (line: string) => void lines.push(line) : null;
  const result = await runSeed(seed, options.schedule ?? NO_EDIT, mutantNamed(options.mutant ?? null), story);
  const verdict = result.failure === null ? `seed ${seed}: every promise was kept` : failureText(result);
  if (options.json === true) lines.push(JSON.stringify(result, null, 2));
  else lines.push(...result.undecided.map((text) => `seed ${seed}: not decided: ${text}`), verdict);
  await print(lines.join("\n"));
  return exitCode(result.failure !== null, result.undecided.length > 0);
}

async function shrinkOne(seed: number, options: SimOptions): Promise<number> {
  const mutant: Mutant | null = mutantNamed(options.mutant ?? null);
  const progress = new Progress();
  const shrunk = await shrink(
    scenarioOf(seed),
    (scenario) => simulate(scenario, mutant ?? {}),
    (runs, edit) => progress.show(`${runs} runs, now: ${formatEdit(edit)}`),
  );
  progress.end();
  if (shrunk === null) {
    await print(options.json === true ? JSON.stringify({ seed, shrunk: null }) : `seed ${seed} does not fail`);
    return EXIT.pass;
  }
  const { edit, result, runs } = shrunk;
  const repeat = repeatCommand(seed, options, edit);
  if (options.json === true)
    await print(JSON.stringify({ seed, schedule: formatEdit(edit), runs, repeat, result }, null, 2));
  else
    await print(`${failureText(result)}\nafter ${runs} runs the shortest schedule that fails so:\n${repeat} --trace`);
  return EXIT.safety;
}

// ----------------------------------------------------------------------------------------------------------------- words

function failureText({ seed, failure }: SeedResult): string {
  if (failure === null) return `seed ${seed}: every promise was kept`;
  return `seed ${seed} failed after ${(failure.atUs / 1e6).toFixed(3)} s: ${failure.kind}: ${failure.text}`;
}

function repeatCommand(seed: number, options: SimOptions, edit: Edit = NO_EDIT): string {
  const mutant = options.mutant === undefined ? "" : ` --mutant ${options.mutant}`;
  const text = formatEdit(edit);
  return `faultline sim --seed ${seed}${mutant}${text === "" ? "" : ` --schedule "${text}"`}`;
}

function exitCode(failed: boolean, undecided: boolean): number {
  if (failed) return EXIT.safety;
  return undecided ? EXIT.inconclusive : EXIT.pass;
}

// ----------------------------------------------------------------------------------------------------------------- parsing

function parseSeed(text: string): number {
  const seed = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(seed) || seed < 0)
    throw new InvalidArgumentError("a seed is a whole number, 0 or more.");
  return seed;
}

function parseCount(text: string): number {
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 1 || count > SEEDS_MAX)
    throw new InvalidArgumentError(`a whole number from 1 to ${SEEDS_MAX.toLocaleString("en")} is wanted.`);
  return count;
}

function shardOf(text: string): Shard {
  const shard = parseShard(text);
  if (shard === null) throw new InvalidArgumentError("a shard is i/n, from 1/n to n/n.");
  return shard;
}

function parseSchedule(text: string): Edit {
  const edit = parseEdit(text);
  if (edit === null) throw new InvalidArgumentError("a schedule is what --shrink prints.");
  return edit;
}

function parseMutant(name: string): string {
  if (mutantNamed(name) === null)
    throw new InvalidArgumentError(`the mutants are ${MUTANTS.map((mutant) => mutant.name).join(", ")}.`);
  return name;
}
