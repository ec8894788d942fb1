import { Command } from "commander";
import type { LeaseLost } from "../client/lease-keeper.ts";
import { GrpcError, StatusCode } from "../grpc/status.ts";
import {
  type LeaseGrantResponse,
  type LeaseKeepAliveResponse,
  type LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseStatus,
  type LeaseTimeToLiveResponse,
  ResponseHeader,
} from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { goJson, goString } from "./json.ts";
import { leaseName, parseInt64, parseLease } from "./text.ts";

export interface TimeToLiveOptions {
  readonly keys?: true;
}

export interface KeepAliveOptions {
  readonly once?: true;
}

export function leaseGrantCommand(): Command {
  return new Command("grant").description("Creates leases").argument("[arguments...]", "<ttl> in seconds");
}

export function leaseRevokeCommand(): Command {
  return new Command("revoke").description("Revokes leases").argument("[arguments...]", "<leaseID>");
}

export function leaseTimeToLiveCommand(): Command {
  return new Command("timetolive")
    .description("Get lease information")
    .argument("[arguments...]", "<leaseID>")
    .option("--keys", "Get keys attached to this lease");
}

export function leaseListCommand(): Command {
  return new Command("list").description("List all active leases").argument("[arguments...]");
}

export function leaseKeepAliveCommand(): Command {
  return new Command("keep-alive")
    .description("Keeps leases alive (renew)")
    .argument("[arguments...]", "<leaseID>")
    .option("--once", "Resets the keep-alive time to its original value and exits immediately");
}

export async function leaseGrant(context: Context, args: readonly string[]): Promise<void> {
  const [text] = args;
  if (text === undefined || args.length !== 1) throw badArguments("lease grant command needs TTL argument");
  const ttl = parseInt64(text, 10);
  if (typeof ttl === "string") throw badArguments(`bad TTL (${ttl})`);
  const response = await context
    .client()
    .lease.grant({ ttl: Number(ttl) })
    .catch(explain("failed to grant lease"));
  if (context.flags.format === "json") context.line(grantJson(response));
  else context.line(`lease ${leaseName(response.id)} granted with TTL(${response.ttl}s)`);
}

export async function leaseRevoke(context: Context, args: readonly string[]): Promise<void> {
  const id = leaseOf(args, "lease revoke command needs 1 argument");
  const response = await context.client().lease.revoke(id).catch(explain("failed to revoke lease"));
  if (context.flags.format === "json") context.line(goJson(LeaseRevokeResponse, response));
  else context.line(`lease ${leaseName(id)} revoked`);
}

export async function leaseTimeToLive(
  context: Context,
  args: readonly string[],
  options: TimeToLiveOptions,
): Promise<void> {
  const id = leaseOf(args, "lease timetolive command needs lease ID as argument");
  const { keys = false } = options;
  const response = await context.client().lease.timeToLive({ id, keys }).catch(connectionFailed);
  if (context.flags.format === "json") context.line(timeToLiveJson(response));
  else context.line(...timeToLiveText(response, keys));
}

export async function leaseList(context: Context): Promise<void> {
  const response = await context.client().lease.list().catch(connectionFailed);
  if (context.flags.format === "json") {
    context.line(listJson(response));
    return;
  }
  context.line(`found ${response.leases.length} leases`);
  for (const { id } of response.leases) context.line(leaseName(id));
}

/** Without --once until the lease is lost or the program is ended. */
export async function leaseKeepAlive(
  context: Context,
  args: readonly string[],
  options: KeepAliveOptions,
): Promise<void> {
  const id = leaseOf(args, "lease keep-alive command needs lease ID as argument");
  const { lease } = context.client();
  const show = (response: LeaseKeepAliveResponse): void => {
    if (context.flags.format === "json") context.line(keepAliveJson(response));
    else context.line(`lease ${leaseName(id)} keepalived with TTL(${response.ttl})`);
  };
  if (options.once) {
    const response = await lease.keepAliveOnce(id).catch(connectionFailed);
    if (response.ttl <= 0) throw new CommandError(ExitCode.BAD_CONNECTION, "etcdserver: requested lease not found");
    show(response);
    return;
  }
  await new Promise<LeaseLost>((lost) => lease.keepAlive(id, { renewed: show, lost }));
  if (context.flags.format === "simple") context.line(`lease ${leaseName(id)} expired or revoked.`);
}

function leaseOf(args: readonly string[], usage: string): bigint {
  const [text] = args;
  if (text === undefined || args.length !== 1) throw badArguments(usage);
  return parseLease(text, "lease ID arg");
}

function explain(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof GrpcError) throw new CommandError(ExitCode.ERROR, `${what} (${textOf(error)})`);
    throw error;
  };
}

function connectionFailed(error: unknown): never {
  if (error instanceof GrpcError) throw new CommandError(ExitCode.BAD_CONNECTION, textOf(error));
  throw error;
}

function textOf(error: GrpcError): string {
  return error.code === StatusCode.DEADLINE_EXCEEDED ? "context deadline exceeded" : error.message;
}

function timeToLiveText(
  { id, ttl, grantedTtl, keys }: LeaseTimeToLiveResponse,
  withKeys: boolean,
): readonly (string | Uint8Array)[] {
  if (grantedTtl === 0 && ttl === -1) return [`lease ${leaseName(id)} already expired`];
  const times = `lease ${leaseName(id)} granted with TTL(${grantedTtl}s), remaining(${ttl}s)`;
  const names = keys.flatMap((key, i) => (i === 0 ? [key] : [" ", key]));
  return withKeys ? [times, ", attached keys([", ...names, "])"] : [times];
}

// ------------------------------------------------- JSON, in the shapes of Go's client library: not the protocol's messages

function flatHeader(header: ResponseHeader | null): string {
  const text = goJson(ResponseHeader, header ?? ResponseHeader.create()).slice(1, -1);
  return text === "" ? "" : `${text},`;
}

function grantJson({ header, id, ttl, error }: LeaseGrantResponse): string {
  return `{${flatHeader(header)}"ID":${id},"TTL":${ttl},"Error":${goString(error)}}`;
}

function timeToLiveJson({ header, id, ttl, grantedTtl, keys }: LeaseTimeToLiveResponse): string {
  const list =
    keys.length === 0 ? "null" : `[${keys.map((key) => `"${Buffer.from(key).toString("base64")}"`).join(",")}]`;
  return `{${flatHeader(header)}"id":${id},"ttl":${ttl},"granted-ttl":${grantedTtl},"keys":${list}}`;
}

function listJson({ header, leases }: LeaseLeasesResponse): string {
  const list = leases.map((lease) => goJson(LeaseStatus, lease).replace('"ID"', '"id"')).join(",");
  return `{${flatHeader(header)}"leases":[${list}]}`;
}

function keepAliveJson({ header, id, ttl }: LeaseKeepAliveResponse): string {
  return `{${flatHeader(header)}"ID":${id},"TTL":${ttl}}`;
}
