import { Command } from "commander";
import { hex } from "../base/ids.ts";
import { StatusResponse } from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { CommandError, ExitCode } from "./errors.ts";
import { goJson, goString } from "./json.ts";
import { bytesOf, formatDuration, formatSize } from "./text.ts";

export interface EndpointOptions {
  readonly cluster?: true;
}

const clusterFlag = ["--cluster", "use all endpoints from the cluster member list"] as const;

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
async function endpointsOf(context: Context, options: EndpointOptions): Promise<readonly string[]> {
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
  } else for (const { endpoint, status } of statuses) context.line(statusLine(endpoint, status));
  if (failed) throw new CommandError(ExitCode.ERROR, "");
}

function statusLine(endpoint: string, status: StatusResponse): string {
  const { header, version, dbSize, leader, isLearner, raftTerm, raftIndex, raftAppliedIndex, errors } = status;
  const member = header?.memberId ?? 0n;
  const state = [hex(member), version, formatSize(dbSize), leader === member, isLearner];
  return [endpoint, ...state, raftTerm, raftIndex, raftAppliedIndex, errors.join(", ")].join(", ");
}
