import { type Command, InvalidArgumentError } from "commander";
import { parseTarget, TARGET_FORMS } from "../harness/plan/target.ts";
import { CommandError, EXIT } from "./exit.ts";
import { Interrupt, stoppedBy } from "./interrupt.ts";
import { loadPlan } from "./plan-file.ts";
import { print } from "./print.ts";
import { Progress } from "./progress.ts";
import { type AccessOptions, accessArguments, accessOf } from "./run-endpoints.ts";
import { RunSession } from "./run-session.ts";
import { summaryText } from "./summary.ts";

interface RunOptions extends AccessOptions {
  readonly target?: string;
  readonly seed?: number;
  readonly out: string;
  readonly keep?: true;
  readonly json?: true;
}

const DEFAULT_OUT = "reports";

/** `faultline run <plan>`: cluster, load, faults, checks, report; the exit code is the verdict's. */
export function addRun(program: Command, exit: (code: number) => void): void {
  program
    .command("run")
    .description("launch a cluster, load it, break it, check it and write a report")
    .argument("<plan>", "a plan file, or the name of one that ships: quickstart")
    .option("--target <target>", `${TARGET_FORMS}: wins over the plan's`, checkTarget)
    .option("--seed <n>", "repeat a run: wins over the plan's seed", parseSeed)
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
  const plan = loadPlan(planArgument, { target, seed: options.seed ?? null });
  const tls = accessOf(plan, options);
  const progress = new Progress();
  const interrupt = new Interrupt((signal) => progress.say(`${signal}: healing, stopping, writing down what there is`));
  const session = new RunSession({
    plan,
    tls,
    repeatArguments: [
      "run",
      planArgument,
      ...(target === null ? [] : ["--target", options.target as string]),
      "--seed",
      String(plan.seed),
      ...(options.out === DEFAULT_OUT ? [] : ["--out", options.out]),
      ...(options.keep === true ? ["--keep"] : []),
      ...accessArguments(options),
    ],
    reportsDir: options.out,
    keep: options.keep === true,
    progress,
    interrupt,
  });
  try {
    const outcome = await Promise.race([session.run(), interrupt.again]);
    if (typeof outcome === "string") {
      session.kill();
      throw new CommandError("stopped at once; what was left unwritten is lost", stoppedBy(outcome));
    }
    const { samples, verdict, reportPath } = outcome;
    await print(
      options.json ? JSON.stringify({ samples, verdict }, null, 2) : summaryText(samples, verdict, reportPath),
    );
    // A Ctrl-C that came while the report was written: whoever pressed it does not want what follows a pass.
    if (interrupt.by !== null && verdict.exitCode !== EXIT.safety) return stoppedBy(interrupt.by);
    return verdict.exitCode;
  } finally {
    interrupt.close();
  }
}

function checkTarget(text: string): string {
  if (parseTarget(text) === null) throw new InvalidArgumentError(`a target is ${TARGET_FORMS}.`);
  return text;
}

function parseSeed(text: string): number {
  const seed = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(seed) || seed < 0)
    throw new InvalidArgumentError("a seed is a whole number, 0 or more.");
  return seed;
}
