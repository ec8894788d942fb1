import { Command, CommanderError, Option } from "commander";
import { parseDurationMs } from "../base/duration.ts";
import { EndpointError, splitEndpoints } from "../client/endpoints.ts";
import { GrpcError, StatusCode } from "../grpc/status.ts";
import { Context, type GlobalFlags, type World } from "./context.ts";
import { del, delCommand } from "./del.ts";
import {
  endpointHashKv,
  endpointHashKvCommand,
  endpointHealth,
  endpointHealthCommand,
  endpointStatus,
  endpointStatusCommand,
} from "./endpoint.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { get, getCommand } from "./get.ts";
import {
  leaseGrant,
  leaseGrantCommand,
  leaseKeepAlive,
  leaseKeepAliveCommand,
  leaseList,
  leaseListCommand,
  leaseRevoke,
  leaseRevokeCommand,
  leaseTimeToLive,
  leaseTimeToLiveCommand,
} from "./lease.ts";
import {
  alarmDisarm,
  alarmDisarmCommand,
  alarmList,
  alarmListCommand,
  compaction,
  compactionCommand,
  defrag,
  defragCommand,
} from "./maintenance.ts";
import {
  memberAdd,
  memberAddCommand,
  memberList,
  memberListCommand,
  memberPromote,
  memberPromoteCommand,
  memberRemove,
  memberRemoveCommand,
  memberUpdate,
  memberUpdateCommand,
} from "./member.ts";
import { moveLeader, moveLeaderCommand } from "./move-leader.ts";
import { put, putCommand } from "./put.ts";
import { snapshotSave, snapshotSaveCommand, snapshotStatus, snapshotStatusCommand } from "./snapshot.ts";
import { txn, txnCommand } from "./txn.ts";
import { version, versionCommand } from "./version.ts";
import { watch, watchCommand } from "./watch.ts";

/** Each command names the type of its own options; commander knows them only as an object. */
type Run<Options> = (context: Context, args: readonly string[], options: Options) => Promise<void>;

const GLOBAL_OPTIONS: readonly Option[] = [
  new Option("--endpoints <list>", "gRPC endpoints").default("127.0.0.1:2379"),
  new Option("--command-timeout <duration>", "timeout for short running command").default("5s"),
  new Option("--dial-timeout <duration>", "dial timeout for client connections").default("2s"),
  new Option("--hex", "print byte strings as hex encoded strings"),
  new Option("-w, --write-out <format>", "set the output format (json, simple, table)").default("simple"),
];

/** What every command can print; some draw tables too. */
const FORMATS: readonly GlobalFlags["format"][] = ["simple", "json"];

/** Runs one command line (without the program's name) and gives the exit code. Prints every error itself. */
export async function run(argv: readonly string[], world: World): Promise<number> {
  try {
    await buildProgram(world).parseAsync(spellOutBooleans(argv), { from: "user" });
    return ExitCode.SUCCESS;
  } catch (error) {
    return report(error, world);
  }
}

function buildProgram(world: World): Command {
  const program = new Command("etcdctl").description("A simple command line client for etcd3.");
  const add = <Options>(parent: Command, command: Command, action: Run<Options>, formats = FORMATS): void => {
    for (const option of GLOBAL_OPTIONS) command.addOption(option);
    command.action(async () => {
      const context = new Context(world, globalFlags(command, world.environment, formats));
      try {
        await action(context, command.args, command.opts() as Options);
      } finally {
        context.close();
      }
    });
    parent.addCommand(command);
  };
  add(program, getCommand(), get);
  add(program, putCommand(), put);
  add(program, delCommand(), del);
  add(program, txnCommand(), txn);
  add(program, watchCommand(), watch);
  add(program, compactionCommand(), compaction);
  add(program, defragCommand(), defrag);
  add(program, moveLeaderCommand(), moveLeader);
  add(program, versionCommand(), version);
  const lease = new Command("lease").description("Lease related commands");
  add(lease, leaseGrantCommand(), leaseGrant);
  add(lease, leaseRevokeCommand(), leaseRevoke);
  add(lease, leaseTimeToLiveCommand(), leaseTimeToLive);
  add(lease, leaseListCommand(), leaseList);
  add(lease, leaseKeepAliveCommand(), leaseKeepAlive);
  const member = new Command("member").description("Membership related commands");
  add(member, memberListCommand(), memberList, [...FORMATS, "table"]);
  add(member, memberAddCommand(), memberAdd);
  add(member, memberRemoveCommand(), memberRemove);
  add(member, memberUpdateCommand(), memberUpdate);
  add(member, memberPromoteCommand(), memberPromote);
  const endpoint = new Command("endpoint").description("Endpoint related commands");
  add(endpoint, endpointHealthCommand(), endpointHealth);
  add(endpoint, endpointStatusCommand(), endpointStatus, [...FORMATS, "table"]);
  add(endpoint, endpointHashKvCommand(), endpointHashKv, [...FORMATS, "table"]);
  const alarm = new Command("alarm").description("Alarm related commands");
  add(alarm, alarmListCommand(), alarmList);
  add(alarm, alarmDisarmCommand(), alarmDisarm);
  const snapshot = new Command("snapshot").description("Manages etcd node snapshots");
  add(snapshot, snapshotSaveCommand(), snapshotSave);
  add(snapshot, snapshotStatusCommand(), snapshotStatus, [...FORMATS, "table"]);
  for (const group of [lease, member, endpoint, alarm, snapshot]) program.addCommand(group);
  for (const option of GLOBAL_OPTIONS) program.addOption(option);
  overrideExit(program, world);
  return program;
}

/** Commander must neither end the process nor print errors: both are `report`'s. */
function overrideExit(command: Command, world: World): void {
  const writeOut = (text: string): void => world.out(text);
  command.exitOverride().configureOutput({ writeOut, writeErr: writeOut, outputError() {} });
  for (const child of command.commands) overrideExit(child, world);
}

function globalFlags(
  command: Command,
  environment: World["environment"],
  formats: readonly GlobalFlags["format"][],
): GlobalFlags {
  const values = GLOBAL_OPTIONS.map((option) => readFlag(command, environment, option));
  const [endpoints, commandTimeout, dialTimeout, hex, format] = values as [string, string, string, unknown, string];
  const commandTimeoutMs = duration(commandTimeout, "command-timeout");
  const dialTimeoutMs = duration(dialTimeout, "dial-timeout");
  const known = formats.find((candidate) => candidate === format);
  if (known === undefined) throw new CommandError(ExitCode.BAD_FEATURE, `${format} not supported as output format`);
  const isHex = hex === true || hex === "true";
  return { endpoints: splitEndpoints(endpoints), commandTimeoutMs, dialTimeoutMs, format: known, hex: isHex };
}

/** A global flag from before or after the command's name, else from the environment; both at once is an error. */
function readFlag(command: Command, environment: World["environment"], option: Option): unknown {
  const name = option.attributeName();
  const variable = `ETCDCTL_${(option.long as string).slice(2).toUpperCase().replaceAll("-", "_")}`;
  const fromEnvironment = environment[variable];
  let at: Command | null = command;
  while (at !== null && at.getOptionValueSource(name) !== "cli") at = at.parent;
  if (at === null) return fromEnvironment ?? command.getOptionValue(name);
  if (fromEnvironment === undefined) return at.getOptionValue(name);
  const conflict = `conflicting environment variable "${variable}" is shadowed by corresponding command-line flag`;
  throw new CommandError(ExitCode.ERROR, `${conflict} (either unset environment variable or disable flag)`);
}

function duration(text: string, flag: string): number {
  const ms = parseDurationMs(text);
  if (ms === null || ms === 0)
    throw badArguments(`invalid argument "${text}" for "--${flag}" flag: not a duration like 5s`);
  return ms;
}

/** `--prefix=true` is `--prefix`, `--prefix=false` is nothing, as Go's flags have it. */
function spellOutBooleans(argv: readonly string[]): string[] {
  const end = argv.indexOf("--");
  return argv.flatMap((argument, i) => {
    const match = end === -1 || i < end ? /^(--[a-z-]+)=(true|false)$/.exec(argument) : null;
    if (match === null) return [argument];
    return match[2] === "true" ? [match[1] as string] : [];
  });
}

function report(error: unknown, world: World): number {
  if (error instanceof CommandError) {
    if (error.message !== "") world.error(`Error: ${error.message}`);
    return error.exitCode;
  }
  if (error instanceof CommanderError) return reportUsage(error, world);
  if (error instanceof GrpcError) {
    world.error(`Error: ${error.code === StatusCode.DEADLINE_EXCEEDED ? "context deadline exceeded" : error.message}`);
    return ExitCode.ERROR;
  }
  if (error instanceof EndpointError) {
    world.error(`Error: ${error.message}`);
    return ExitCode.BAD_ARGUMENTS;
  }
  throw error;
}

/** What commander refused, in etcdctl's words. */
function reportUsage(error: CommanderError, world: World): number {
  const subject = /'(.*)'/s.exec(error.message)?.[1] ?? "";
  switch (error.code) {
    case "commander.helpDisplayed":
    case "commander.help":
      return ExitCode.SUCCESS;
    case "commander.unknownOption":
      world.error(`Error: unknown flag: ${subject}`);
      return ExitCode.ERROR;
    case "commander.unknownCommand":
      world.error(`Error: unknown command "${subject}" for "etcdctl"\nRun 'etcdctl --help' for usage.`);
      return ExitCode.ERROR;
    default:
      world.error(`Error: ${error.message.replace(/^error: /, "")}`);
      return ExitCode.ERROR;
  }
}
