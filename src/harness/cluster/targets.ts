import { basename, join } from "node:path";
import { unreachable } from "../../base/assert.ts";
import { MEMBER_NODE_OPTIONS } from "../../base/node-options.ts";
import type { LogLevel } from "../model/plan.ts";
import { dialerEnvironment, peerAuthority } from "./dialer.ts";
import { localUrl, type MemberAddresses } from "./network.ts";

const HEARTBEAT_MS = 100;
const ELECTION_MS = 1000;

/** Programs are found as files beside this one: the harness imports nothing of the server (D10). */
const SOURCE_ROOT: string = join(import.meta.dirname, "..", "..");

/** A target as it is on this machine, ready to be started. `findProgram` (programs.ts) makes one. */
export type Program =
  | { readonly kind: "ts" }
  | {
      readonly kind: "etcd";
      /** A path, or a name on the PATH. */
      readonly binary: string;
      /** "3.7.3", by its own word. */
      readonly version: string;
      /** "go1.26.8": decides about speed, too. */
      readonly compiler: string;
    };

/** The target is not on this machine and cannot be brought here: what, and what to do, in one line. Exit code 69. */
export class TargetError extends Error {
  override readonly name = "TargetError";
}

/** For people. */
export function programLabel(program: Program): string {
  return program.kind === "ts" ? "etcd-ts" : `etcd ${program.version} (${program.compiler})`;
}

export interface MemberStart {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** How to start one member. `members` is the whole cluster. */
export function memberStart(
  program: Program,
  member: MemberAddresses,
  members: readonly MemberAddresses[],
  runDir: string,
  logLevel: LogLevel = "info",
): MemberStart {
  switch (program.kind) {
    case "ts": {
      const dials = [...member.dialPorts].map(([name, port]) => `${name}=${localUrl(port)}`).join(",");
      // Members announce their real peer URLs, so that ids do not depend on the proxies.
      const flags = processFlags(member, members, runDir, ({ peerPort }) => localUrl(peerPort));
      return {
        command: [
          process.execPath,
          ...MEMBER_NODE_OPTIONS,
          join(SOURCE_ROOT, "etcd", "main.js"),
          ...flags,
          ...logFlags(program.kind, logLevel),
          "--peer-dial-override",
          dials,
        ],
        environment: memberEnvironment(),
      };
    }
    case "etcd":
      return {
        command: [
          program.binary,
          ...processFlags(member, members, runDir, (peer) => `http://${peerAuthority(peer)}`),
          ...logFlags(program.kind, logLevel),
        ],
        environment: dialerEnvironment(memberEnvironment(), member.socksPort),
      };
    default:
      return unreachable(program);
  }
}

/** None at the default level. Go etcd 3.4 has levels only in its newer logger, which is the only one later. */
export function logFlags(kind: Program["kind"], level: LogLevel): readonly string[] {
  if (level === "info") return [];
  return [...(kind === "etcd" ? ["--logger", "zap"] : []), "--log-level", level];
}

/** Without etcd's own variables: what a person has set for another etcd must not configure the one under test. */
export function memberEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith("ETCD_")));
}

/** True when the members find each other through the peer dialer. */
export function needsDialer(program: Program): boolean {
  return program.kind === "etcd";
}

function processFlags(
  member: MemberAddresses,
  members: readonly MemberAddresses[],
  runDir: string,
  peerUrl: (member: MemberAddresses) => string,
): readonly string[] {
  return etcdFlags({
    name: member.name,
    token: basename(runDir),
    dataDir: memberDataDir(runDir, member.name),
    listenPeerUrl: localUrl(member.peerPort),
    listenClientUrl: localUrl(member.clientPort),
    advertiseClientUrl: localUrl(member.proxiedClientPort),
    peerUrls: new Map(members.map((each) => [each.name, peerUrl(each)])),
  });
}

export interface EtcdSettings {
  readonly name: string;
  /** Tells clusters with equal URLs apart. */
  readonly token: string;
  readonly dataDir: string;
  readonly listenPeerUrl: string;
  readonly listenClientUrl: string;
  readonly advertiseClientUrl: string;
  /** Of every member by name, this one among them. */
  readonly peerUrls: ReadonlyMap<string, string>;
}

/** The flags every etcd knows. */
export function etcdFlags(settings: EtcdSettings): readonly string[] {
  return [
    ["--name", settings.name],
    ["--data-dir", settings.dataDir],
    ["--listen-peer-urls", settings.listenPeerUrl],
    ["--initial-advertise-peer-urls", settings.peerUrls.get(settings.name) as string],
    ["--listen-client-urls", settings.listenClientUrl],
    ["--advertise-client-urls", settings.advertiseClientUrl],
    ["--initial-cluster", [...settings.peerUrls].map(([name, url]) => `${name}=${url}`).join(",")],
    ["--initial-cluster-state", "new"],
    ["--initial-cluster-token", settings.token],
    ["--heartbeat-interval", String(HEARTBEAT_MS)],
    ["--election-timeout", String(ELECTION_MS)],
  ].flat();
}

export function memberDataDir(runDir: string, name: string): string {
  return join(runDir, "data", name);
}
