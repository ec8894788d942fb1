import { basename, join } from "node:path";
import { unreachable } from "../../base/assert.ts";
import type { Target } from "../model.ts";
import { localUrl, type MemberAddresses } from "./network.ts";

const HEARTBEAT_MS = 100;
const ELECTION_MS = 1000;

/** Programs are found as files beside this one: the harness imports nothing of the server (D10). */
const SOURCE_ROOT: string = join(import.meta.dirname, "..", "..");

/** Program and arguments of one member. `members` is the whole cluster. */
export function memberCommand(
  target: Target,
  member: MemberAddresses,
  members: readonly MemberAddresses[],
  runDir: string,
): readonly string[] {
  switch (target.kind) {
    case "ts":
      return [
        process.execPath,
        "--enable-source-maps",
        join(SOURCE_ROOT, "etcd", "main.js"),
        ...etcdFlags(member, members, runDir),
        "--peer-dial-override",
        [...member.dialPorts].map(([name, port]) => `${name}=${localUrl(port)}`).join(","),
      ];
    default:
      return unreachable(target.kind);
  }
}

/** The flags every etcd knows. Members announce their real peer URLs, so that ids do not depend on the proxies. */
function etcdFlags(member: MemberAddresses, members: readonly MemberAddresses[], runDir: string): readonly string[] {
  return [
    ["--name", member.name],
    ["--data-dir", memberDataDir(runDir, member.name)],
    ["--listen-peer-urls", localUrl(member.peerPort)],
    ["--initial-advertise-peer-urls", localUrl(member.peerPort)],
    ["--listen-client-urls", localUrl(member.clientPort)],
    ["--advertise-client-urls", localUrl(member.proxiedClientPort)],
    ["--initial-cluster", members.map(({ name, peerPort }) => `${name}=${localUrl(peerPort)}`).join(",")],
    ["--initial-cluster-state", "new"],
    ["--initial-cluster-token", basename(runDir)],
    ["--heartbeat-interval", String(HEARTBEAT_MS)],
    ["--election-timeout", String(ELECTION_MS)],
  ].flat();
}

export function memberDataDir(runDir: string, name: string): string {
  return join(runDir, "data", name);
}
