import { fileURLToPath } from "node:url";
import type { ClusterMember } from "../harness/cluster/cluster.ts";
import { peerProxy } from "../harness/cluster/network.ts";

/** Something to try on a running cluster: lines for a shell, in this order. */
export interface Hint {
  readonly about: string;
  readonly commands: readonly string[];
}

export interface HintOptions {
  readonly members: readonly Pick<ClusterMember, "name" | "clientEndpoint">[];
  /** The member whose health is asked and who is cut off. */
  readonly subject: string;
  readonly proxyUrl: string;
  /** Whether Go's etcdctl can be called here. */
  readonly etcdctl: boolean;
}

const ETCDCTL_TS: string = fileURLToPath(new URL("../etcdctl/main.js", import.meta.url));

/** Every command works when it is pasted into a shell on this machine, in any folder. */
export function hints({ members, subject, proxyUrl, etcdctl }: HintOptions): readonly Hint[] {
  const endpoints = members.map(({ clientEndpoint }) => new URL(clientEndpoint).host).join(",");
  const url = members.find(({ name }) => name === subject)?.clientEndpoint;
  const others = members.map(({ name }) => name).filter((name) => name !== subject);
  const client = (program: string, key: string): Hint["commands"] => [
    `${program} --endpoints ${endpoints} put ${key} hello`,
    `${program} --endpoints ${endpoints} get ${key}`,
  ];
  return [
    { about: "write and read", commands: client(`node ${shellWord(ETCDCTL_TS)}`, "greeting") },
    ...(etcdctl ? [{ about: "the same with Go's client", commands: client("etcdctl", "greeting-from-go") }] : []),
    {
      about: `a linearizable and a serializable read, as ${subject}'s health`,
      commands: [`curl '${url}/health'`, `curl '${url}/health?serializable=true'`],
    },
    ...(others.length === 0 ? [] : partition(subject, others, proxyUrl)),
  ];
}

function partition(subject: string, others: readonly string[], proxyUrl: string): readonly Hint[] {
  const proxies = others.flatMap((other) => [peerProxy(subject, other), peerProxy(other, subject)]);
  // curl itself goes through the list in braces, whatever the shell.
  const set = (enabled: boolean): string =>
    `curl '${proxyUrl}/proxies/{${proxies.join(",")}}' -d '{"enabled":${enabled}}'`;
  return [
    {
      about: `cut ${subject} off from its peers; its clients still reach it: ask for its health again`,
      commands: [set(false)],
    },
    { about: "heal it", commands: [set(true)] },
  ];
}

/** As a POSIX shell reads it back. */
export function shellWord(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
