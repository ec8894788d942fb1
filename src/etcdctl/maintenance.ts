/** compaction, alarm and defrag. */
import { Command } from "commander";
import {
  AlarmAction,
  type AlarmMember,
  AlarmResponse,
  AlarmType,
  CompactionResponse,
} from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { clusterFlag, type EndpointOptions, endpointsOf } from "./endpoint.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { print } from "./print.ts";

interface CompactionOptions {
  readonly physical?: boolean;
}

export function compactionCommand(): Command {
  return new Command("compaction")
    .description("Compacts the event history in etcd")
    .argument("[revision]")
    .option("--physical", "'true' to wait for compaction to physically remove all old revisions")
    .allowExcessArguments();
}

export async function compaction(
  context: Context,
  args: readonly string[],
  { physical = false }: CompactionOptions,
): Promise<void> {
  const [text] = args;
  if (text === undefined || args.length !== 1) throw badArguments("compaction command needs 1 argument");
  if (!/^[+-]?\d+$/.test(text))
    throw new CommandError(ExitCode.ERROR, `strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  const response = await context.client().kv.compact({ revision: Number(text), physical });
  print(context, CompactionResponse, response, () => context.line(`compacted revision ${Number(text)}`));
}

// --------------------------------------------------------------------------------------------------------------- alarms

export function alarmListCommand(): Command {
  return new Command("list").description("Lists all alarms");
}

export async function alarmList(context: Context): Promise<void> {
  print(context, AlarmResponse, await context.client().maintenance.alarm({}), printAlarms);
}

export function alarmDisarmCommand(): Command {
  return new Command("disarm").description("Disarms all alarms");
}

/** Each that is raised, one after the other: told are those that this has disarmed. */
export async function alarmDisarm(context: Context): Promise<void> {
  const { maintenance } = context.client();
  const raised = await maintenance.alarm({});
  const disarmed: AlarmMember[] = [];
  for (const { memberId, alarm } of raised.alarms) {
    const { alarms } = await maintenance.alarm({ action: AlarmAction.DEACTIVATE, memberId, alarm });
    disarmed.push(...alarms);
  }
  print(context, AlarmResponse, { ...raised, alarms: disarmed }, printAlarms);
}

function printAlarms(context: Context, { alarms }: AlarmResponse): void {
  for (const { memberId, alarm } of alarms) context.line(`memberID:${memberId} alarm:${nameOf(alarm)} `);
}

function nameOf(alarm: AlarmType): string {
  return Object.entries(AlarmType).find(([, value]) => value === alarm)?.[0] ?? String(alarm);
}

// --------------------------------------------------------------------------------------------------------------- defrag

export function defragCommand(): Command {
  return new Command("defrag")
    .description("Defragments the storage of the etcd members with given endpoints")
    .option(...clusterFlag);
}

export async function defrag(context: Context, _args: readonly string[], options: EndpointOptions): Promise<void> {
  let failed = false;
  for (const endpoint of await endpointsOf(context, options)) {
    try {
      await context.client([endpoint]).maintenance.defragment();
      context.line(`Finished defragmenting etcd member[${endpoint}]`);
    } catch (error) {
      failed = true;
      context.world.error(`Failed to defragment etcd member[${endpoint}] (${(error as Error).message})`);
    }
  }
  if (failed) throw new CommandError(ExitCode.ERROR, "");
}
