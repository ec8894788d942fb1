import { Command } from "commander";
import { hex } from "../base/ids.ts";
import { HashKVResponse, StatusResponse } from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { CommandError, ExitCode } from "./errors.ts";
import { goJson, goString } from "./json.ts";
import { printTable } from "./table.ts";
import { bytesOf, formatDuration, formatSize } from "./text.ts";

export interface EndpointOptions {
  readonly cluster?: true;
}

export const clusterFlag: readonly [string, string] = ["--cluster", "use all endpoints from the cluster member list"];

export function endpointHealthCommand(): Command {
  return new Command("health")
    .description("Checks the healthiness of endpoints specified in `--endpoints` flag")
    .option(...clusterFlag);
}

export function endpointStatusCommand(): Command {
  return new Command("status")
    .description("Prints out the status of endpoints specified in `--endpoints` flag")
    .option(...clusterFlag);
}

/** The flag's endpoints, or with --cluster every client URL the members advertise. */
export async function endpointsOf(context: Context, options: EndpointOptions): Promise<readonly string[]> {
  if (!options.cluster) return context.flags.endpoints;
  const { members } = await context.client().cluster.memberList();
  return members.flatMap((member) => member.clientUrls);
}

interface Health {
  readonly endpoint: string;
  readonly took: string;
  /** Null when healthy. */
  readonly error: string | null;
}

/** Healthy is who answers a linearizable read: that takes a quorum. */
export async function endpointHealth(
  context: Context,
  _args: readonly string[],
  options: EndpointOptions,
): Promise<void> {
  const results = await Promise.all((await endpointsOf(context, options)).map((endpoint) => probe(context, endpoint)));
  if (context.flags.format === "json") context.line(`[${results.map(healthJson).join(",")}]`);
  else for (const result of results) context.world.error(healthLine(result));
  if (results.some((result) => result.error !== null)) throw new CommandError(ExitCode.ERROR, "unhealthy cluster");
}

async function probe(context: Context, endpoint: string): Promise<Health> {
  const { clock } = context.world;
  const startMs = clock.monotonicMs();
  const took = (): string => formatDuration(clock.monotonicMs() - startMs);
  try {
    await context.client([endpoint]).kv.range({ key: bytesOf("health") });
    return { endpoint, took: took(), error: null };
  } catch (error) {
    return { endpoint, took: took(), error: (error as Error).message };
  }
}

function healthLine({ endpoint, took, error }: Health): string {
  if (error !== null) return `${endpoint} is unhealthy: failed to commit proposal: ${error}`;
  return `${endpoint} is healthy: successfully committed proposal: took = ${took}`;
}

function healthJson({ endpoint, took, error }: Health): string {
  const failure = error === null ? "" : `,"error":${goString(error)}`;
  return `{"endpoint":${goString(endpoint)},"health":${error === null},"took":"${took}"${failure}}`;
}

export async function endpointStatus(
  context: Context,
  _args: readonly string[],
  options: EndpointOptions,
): Promise<void> {
  const statuses: { readonly endpoint: string; readonly status: StatusResponse }[] = [];
  let failed = false;
  for (const endpoint of await endpointsOf(context, options)) {
    try {
      statuses.push({ endpoint, status: await context.client([endpoint]).maintenance.status() });
    } catch (error) {
      failed = true;
      context.world.error(`Failed to get the status of endpoint ${endpoint} (${(error as Error).message})`);
    }
  }
  if (context.flags.format === "json") {
    const items = statuses.map(
      (item) => `{"Endpoint":${goString(item.endpoint)},"Status":${goJson(StatusResponse, item.status)}}`,
    );
    context.line(`[${items.join(",")}]`);
  } else {
    const rows = statuses.map(({ endpoint, status }) => statusRow(endpoint, status));
    if (context.flags.format === "table") printTable(context, STATUS_COLUMNS, rows);
    else for (const row of rows) context.line(row.join(", "));
  }
  if (failed) throw new CommandError(ExitCode.ERROR, "");
}

const STATUS_COLUMNS = [
  "ENDPOINT",
  "ID",
  "VERSION",
  "DB SIZE",
  "IS LEADER",
  "IS LEARNER",
  "RAFT TERM",
  "RAFT INDEX",
  "RAFT APPLIED INDEX",
  "ERRORS",
];

function statusRow(endpoint: string, status: StatusResponse): readonly string[] {
  const { header, version, dbSize, leader, isLearner, raftTerm, raftIndex, raftAppliedIndex, errors } = status;
  const member = header?.memberId ?? 0n;
  const state = [hex(member), version, formatSize(dbSize), leader === member, isLearner];
  return [endpoint, ...state, raftTerm, raftIndex, raftAppliedIndex, errors.join(", ")].map(String);
}

interface HashOptions extends EndpointOptions {
  readonly rev: string;
}

export function endpointHashKvCommand(): Command {
  return new Command("hashkv")
    .description("Prints the KV history hash for each endpoint in --endpoints")
    .option(...clusterFlag)
    .option("--rev <revision>", "maximum revision to hash (default: all revisions)", "0");
}

export async function endpointHashKv(context: Context, _args: readonly string[], options: HashOptions): Promise<void> {
  if (!/^[+-]?\d+$/.test(options.rev))
    throw new CommandError(
      ExitCode.ERROR,
      `invalid argument "${options.rev}" for "--rev" flag: strconv.ParseInt: parsing "${options.rev}": invalid syntax`,
    );
  const hashes: { readonly endpoint: string; readonly hash: HashKVResponse }[] = [];
  let failure: string | null = null;
  for (const endpoint of await endpointsOf(context, options)) {
    try {
      const revision = Number(options.rev);
      hashes.push({ endpoint, hash: await context.client([endpoint]).maintenance.hashKv({ revision }) });
    } catch (error) {
      failure = (error as Error).message;
      context.world.error(`Failed to get the hash of endpoint ${endpoint} (${failure})`);
    }
  }
  const rows = hashes.map(({ endpoint, hash }) => [endpoint, String(hash.hash)]);
  if (context.flags.format === "table") printTable(context, ["ENDPOINT", "HASH"], rows);
  else if (context.flags.format === "simple") for (const row of rows) context.line(row.join(", "));
  else {
    const items = hashes.map(
      (item) => `{"Endpoint":${goString(item.endpoint)},"HashKV":${goJson(HashKVResponse, item.hash)}}`,
    );
    context.line(`[${items.join(",")}]`);
  }
  if (failure !== null) throw new CommandError(ExitCode.ERROR, failure);
}
