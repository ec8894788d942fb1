import { type Command, InvalidArgumentError } from "commander";
import type { LaunchedTarget, ProxyChoice, Runtime } from "../harness/model/plan.ts";
import { MEMBERS_MAX } from "../harness/plan/plan.ts";
import { parseTarget, TARGET_FORMS } from "../harness/plan/target.ts";
import { CommandError, EXIT } from "./exit.ts";
import { Interrupt, stoppedBy } from "./interrupt.ts";
import { Progress } from "./progress.ts";
import { proxyOption, runtimeOption } from "./runtime-options.ts";
import { UpSession } from "./up-session.ts";

interface UpFlags {
  readonly members: number;
  readonly target?: LaunchedTarget;
  readonly runtime: Runtime;
  readonly proxy: ProxyChoice;
  readonly out: string;
  readonly keep?: true;
}

/** `faultline up`: a cluster to play with, until Ctrl-C. */
export function addUp(program: Command, exit: (code: number) => void): void {
  program
    .command("up")
    .description("launch a cluster to play with; it stays until Ctrl-C")
    .option("--members <n>", "size of the cluster", readMembers, 3)
    .option("--target <target>", `${TARGET_FORMS} (default: ts)`, readTarget)
    .addOption(runtimeOption().default("process"))
    .addOption(proxyOption().default("auto"))
    .option("--out <dir>", "where its folder goes", "reports")
    .option("--keep", "keep the members' data and logs afterwards")
    .action(async (flags: UpFlags) => exit(await up(flags)));
}

/** Being told to stop is how it is meant to end: 0. */
async function up({ target = { kind: "ts" }, keep, ...flags }: UpFlags): Promise<number> {
  const progress = new Progress();
  const interrupt = new Interrupt((signal) => progress.say(`${signal}: healing and stopping`));
  const session = new UpSession({ ...flags, target, keep: keep === true, progress, interrupt });
  try {
    const insisted = await Promise.race([session.run(), interrupt.again]);
    if (insisted === undefined) return EXIT.pass;
    session.kill();
    throw new CommandError("stopped at once; the next start removes what it left", stoppedBy(insisted));
  } finally {
    interrupt.close();
  }
}

function readMembers(text: string): number {
  const members = Number(text);
  if (!/^\d+$/.test(text) || members < 1 || members > MEMBERS_MAX)
    throw new InvalidArgumentError(`a cluster has 1 to ${MEMBERS_MAX} members.`);
  return members;
}

function readTarget(text: string): LaunchedTarget {
  const target = parseTarget(text);
  if (target?.kind === "endpoints") throw new InvalidArgumentError("endpoints run already.");
  if (target === null) throw new InvalidArgumentError(`a target is ${TARGET_FORMS}.`);
  return target;
}
