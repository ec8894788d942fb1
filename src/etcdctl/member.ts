import { Command } from "commander";
import { hex } from "../base/ids.ts";
import {
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  type ResponseHeader,
} from "../proto/gen/etcdserverpb.ts";
import type { Context } from "./context.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { goString } from "./json.ts";
import { print } from "./print.ts";
import { printTable } from "./table.ts";
import { parseMemberId } from "./text.ts";

const peerUrlsFlag = ["--peer-urls <list>", "comma separated peer URLs for the member"] as const;

interface PeerUrls {
  readonly peerUrls?: string;
}

// ---------------------------------------------------------------------------------------------------------------- list

const COLUMNS = ["ID", "STATUS", "NAME", "PEER ADDRS", "CLIENT ADDRS", "IS LEARNER"];

export function memberListCommand(): Command {
  return new Command("list").description("Lists all members in the cluster");
}

export async function memberList(context: Context): Promise<void> {
  const response = await context.client().cluster.memberList();
  if (context.flags.format === "table") printTable(context, COLUMNS, rowsOf(response));
  else print(context, MemberListResponse, response, printMembers);
}

function printMembers(context: Context, response: MemberListResponse): void {
  for (const row of rowsOf(response)) context.line(row.join(", "));
}

function rowsOf({ members }: MemberListResponse): readonly (readonly string[])[] {
  return members.map(({ id, name, peerUrls, clientUrls, isLearner }) => [
    hex(id),
    name === "" ? "unstarted" : "started",
    name,
    peerUrls.join(","),
    clientUrls.join(","),
    String(isLearner),
  ]);
}

// ----------------------------------------------------------------------------------------------------------------- add

interface AddOptions extends PeerUrls {
  readonly learner?: true;
}

export function memberAddCommand(): Command {
  return new Command("add")
    .description("Adds a member into the cluster")
    .argument("[memberName]")
    .option(...peerUrlsFlag)
    .option("--learner", "indicates if the new member is raft learner")
    .allowExcessArguments();
}

export async function memberAdd(context: Context, args: readonly string[], options: AddOptions): Promise<void> {
  const [name] = args;
  if (name === undefined) throw badArguments("member name not provided");
  if (args.length > 1) {
    const urls = args.filter((word) => word.toLowerCase().startsWith("http"));
    throw badArguments(["too many arguments", ...urls.map((url) => `did you mean --peer-urls=${url}`)].join(", "));
  }
  const peerUrls = peerUrlsOf(options);
  for (const url of peerUrls) checkUrl(url);
  const response = await context.client().cluster.memberAdd({ peerUrls, isLearner: options.learner === true });
  const id = response.member?.id ?? 0n;
  print(context, MemberAddResponse, response, () => printChange(context, id, "added to", response.header));
  if (context.flags.format !== "simple") return;
  const cluster = response.members.flatMap((member) =>
    member.peerUrls.map((url) => `${member.id === id ? name : member.name}=${url}`),
  );
  context.line();
  context.line(`ETCD_NAME=${goString(name)}`);
  context.line(`ETCD_INITIAL_CLUSTER=${goString(cluster.join(","))}`);
  context.line(`ETCD_INITIAL_ADVERTISE_PEER_URLS=${goString(options.peerUrls ?? "")}`);
  context.line('ETCD_INITIAL_CLUSTER_STATE="existing"');
}

/** What Go's client refuses before it asks. */
function checkUrl(text: string): void {
  const [, scheme = "", rest = ""] = /^([a-z]+):\/\/(.*)$/i.exec(text.trim()) ?? [];
  const refuse = (why: string): CommandError => new CommandError(ExitCode.ERROR, `${why}: ${text}`);
  if (!["http", "https", "unix", "unixs"].includes(scheme))
    throw refuse("URL scheme must be http, https, unix, or unixs");
  if (scheme.startsWith("unix")) return;
  const slash = rest.indexOf("/");
  const host = slash === -1 ? rest : rest.slice(0, slash);
  if (!/^(\[[^\]]*\]|[^:]*):\d*$/.test(host)) throw refuse('URL address does not have the form "host:port"');
  if (slash !== -1) throw refuse("URL must not contain a path");
}

// ------------------------------------------------------------------------------------------------------------ by its id

export function memberRemoveCommand(): Command {
  return new Command("remove")
    .description("Removes a member from the cluster")
    .argument("[memberID]")
    .allowExcessArguments();
}

export async function memberRemove(context: Context, args: readonly string[]): Promise<void> {
  const id = idOf(args);
  const response = await context.client().cluster.memberRemove(id);
  print(context, MemberRemoveResponse, response, () => printChange(context, id, "removed from", response.header));
}

export function memberUpdateCommand(): Command {
  return new Command("update")
    .description("Updates a member in the cluster")
    .argument("[memberID]")
    .option(...peerUrlsFlag)
    .allowExcessArguments();
}

export async function memberUpdate(context: Context, args: readonly string[], options: PeerUrls): Promise<void> {
  const id = idOf(args);
  const response = await context.client().cluster.memberUpdate(id, peerUrlsOf(options));
  print(context, MemberUpdateResponse, response, () => printChange(context, id, "updated in", response.header));
}

export function memberPromoteCommand(): Command {
  return new Command("promote")
    .description("Promotes a non-voting member in the cluster")
    .argument("[memberID]")
    .allowExcessArguments();
}

export async function memberPromote(context: Context, args: readonly string[]): Promise<void> {
  const id = idOf(args);
  const response = await context.client().cluster.memberPromote(id);
  print(context, MemberPromoteResponse, response, () => printChange(context, id, "promoted in", response.header));
}

function printChange(context: Context, id: bigint, what: string, header: ResponseHeader | null): void {
  context.line(`Member ${padded(id)} ${what} cluster ${padded(header?.clusterId ?? 0n)}`);
}

function padded(id: bigint): string {
  return hex(id).padStart(16);
}

function idOf(args: readonly string[]): bigint {
  if (args.length !== 1) throw badArguments("member ID is not provided");
  const id = parseMemberId(args[0] as string);
  if (typeof id === "string") throw badArguments(`bad member ID arg (${id}), expecting ID in Hex`);
  return id;
}

function peerUrlsOf({ peerUrls = "" }: PeerUrls): readonly string[] {
  if (peerUrls === "") throw badArguments("member peer urls not provided");
  return peerUrls.split(",");
}
