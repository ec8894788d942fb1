import { relative } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import type { ProxyChoice, Runtime } from "../harness/model/plan.ts";
import { parseTarget, TARGET_FORMS } from "../harness/plan/target.ts";
import { CommandError, EXIT } from "./exit.ts";
import { Interrupt, stoppedBy } from "./interrupt.ts";
import { loadPlan } from "./plan-file.ts";
import { print } from "./print.ts";
import { Progress } from "./progress.ts";
import { type RepeatableRun, repeatRuns } from "./repeat.ts";
import { type AccessOptions, accessArguments, accessOf } from "./run-endpoints.ts";
import { RunSession } from "./run-session.ts";
import { proxyOption, runtimeOption } from "./runtime-options.ts";
import { summaryText } from "./summary.ts";

interface RunOptions extends AccessOptions {
  readonly target?: string;
  readonly runtime?: Runtime;
  readonly proxy?: ProxyChoice;
  readonly seed?: number;
  readonly repeat?: number;
  readonly out: string;
  readonly keep?: true;
  readonly json?: true;
}

const DEFAULT_OUT = "reports";
const REPEAT_MAX = 1000;

/** `faultline run <plan>`: cluster, load, faults, checks, report; the exit code is the verdict's. */
export function addRun(program: Command, exit: (code: number) => void): void {
  program
    .command("run")
    .description("launch a cluster, load it, break it, check it and write a report")
    .argument("<plan>", "a plan file, or the name of one that ships: quickstart")
    .option("--target <target>", `${TARGET_FORMS}: wins over the plan's`, checkTarget)
    .addOption(runtimeOption())
    .addOption(proxyOption())
    .option("--seed <n>", "repeat a run: wins over the plan's seed", parseSeed)
    .option("--repeat <n>", "so many runs, each with a seed of its own, and how often a promise was broken", parseTimes)
    .option("--out <dir>", "where the run's folder goes", DEFAULT_OUT)
    .option("--keep", "keep the members' data after a pass")
    .option("--cacert <file>", "of https endpoints: whose certificates to believe")
    .option("--cert <file>", "of https endpoints: this client's certificate")
    .option("--key <file>", "of https endpoints: its key")
    .option("--yes", "endpoints that are not this machine may be put under load")
    .option("--json", "print samples and verdict as JSON instead of the table")
    .action(async (planArgument: string, options: RunOptions) => exit(await run(planArgument, options)));
}

async function run(planArgument: string, options: RunOptions): Promise<number> {
  const target = options.target === undefined ? null : parseTarget(options.target);
  const plan = loadPlan(planArgument, {
    target,
    runtime: options.runtime,
    proxy: options.proxy,
    seed: options.seed ?? null,
  });
  const tls = accessOf(plan, options);
  const progress = new Progress();
  const interrupt = new Interrupt((signal) => progress.say(`${signal}: healing, stopping, writing down what there is`));
  const sessionOf = (seed: number): RunSession =>
    new RunSession({
      plan: { ...plan, seed },
      tls,
      command: commandLine(planArgument, options, seed),
      reportsDir: options.out,
      keep: options.keep === true,
      progress,
      interrupt,
    });
  try {
    if (options.repeat !== undefined) {
      const make = (index: number): RepeatableRun => {
        const seed = (plan.seed + index) % Number.MAX_SAFE_INTEGER;
        const session = sessionOf(seed);
        const command = commandLine(planArgument, options, seed);
        return { seed, command, run: () => session.run(), kill: () => session.kill() };
      };
      return await repeatRuns({ times: options.repeat, make, interrupt, json: options.json === true, out: print });
    }
    const session = sessionOf(plan.seed);
    const outcome = await Promise.race([session.run(), interrupt.again]);
    if (typeof outcome === "string") {
      session.kill();
      throw new CommandError("stopped at once; what was left unwritten is lost", stoppedBy(outcome));
    }
    const { samples, verdict, leases, reportPath } = outcome;
    const result = { samples, verdict, ...(leases === null ? {} : { leases }) };
    await print(options.json ? JSON.stringify(result, null, 2) : summaryText(samples, verdict, leases, reportPath));
    // A Ctrl-C that came while the report was written: whoever pressed it does not want what follows a pass.
    if (interrupt.by !== null && verdict.exitCode !== EXIT.safety) return stoppedBy(interrupt.by);
    return verdict.exitCode;
  } finally {
    interrupt.close();
  }
}

/** The command that repeats one run. */
function commandLine(planArgument: string, options: RunOptions, seed: number): string {
  const words = [
    "run",
    planArgument,
    ...(options.target === undefined ? [] : ["--target", options.target]),
    ...(options.runtime === undefined ? [] : ["--runtime", options.runtime]),
    ...(options.proxy === undefined ? [] : ["--proxy", options.proxy]),
    "--seed",
    String(seed),
    ...(options.out === DEFAULT_OUT ? [] : ["--out", options.out]),
    ...(options.keep === true ? ["--keep"] : []),
    ...accessArguments(options),
  ];
  return `node ${relative(".", process.argv[1] ?? "")} ${words.join(" ")}`;
}

function checkTarget(text: string): string {
  if (parseTarget(text) === null) throw new InvalidArgumentError(`a target is ${TARGET_FORMS}.`);
  return text;
}

function parseTimes(text: string): number {
  const times = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(times) || times < 1 || times > REPEAT_MAX)
    throw new InvalidArgumentError(`a number of runs is a whole number from 1 to ${REPEAT_MAX}.`);
  return times;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(seed) || seed < 0)
    throw new InvalidArgumentError("a seed is a whole number, 0 or more.");
  return seed;
}
