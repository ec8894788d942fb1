import type { TestContext } from "node:test";
import type { Cluster, ClusterMember } from "../../../src/harness/cluster/cluster.ts";
import { clientProxy, peerProxy } from "../../../src/harness/cluster/network.ts";
import type { ToxiproxyClient } from "../../../src/harness/faults/toxiproxy/client.ts";
import { echo, startServer, startToxiproxy } from "./toxiproxy/support.ts";

const MEMBERS = ["n1", "n2", "n3"] as const;

/** What the members would say, set by the test. */
export interface Claims {
  leader: { readonly member: string; readonly term: number } | null;
  revision: number | null;
  servesLinearizable: boolean;
}

export interface FakeCluster {
  readonly cluster: Cluster;
  readonly toxiproxy: ToxiproxyClient;
  readonly claims: Claims;
  /** Proxy name -> "host:port". */
  readonly listen: ReadonlyMap<string, string>;
}

/** Real proxies as a cluster has them, each before an echo server; members only in name. */
export async function fakeCluster(t: TestContext): Promise<FakeCluster> {
  const toxiproxy = await startToxiproxy(t);
  const { address } = await startServer(t, echo);
  const names = MEMBERS.flatMap((from) => [
    clientProxy(from),
    ...MEMBERS.filter((to) => to !== from).map((to) => peerProxy(from, to)),
  ]);
  const states = await toxiproxy.populate(names.map((name) => ({ name, listen: "127.0.0.1:0", upstream: address })));
  const claims: Claims = { leader: { member: "n2", term: 3 }, revision: 7, servesLinearizable: false };
  const members: readonly ClusterMember[] = MEMBERS.map((name) => ({
    name,
    clientEndpoint: "",
    directClientEndpoint: "",
    pid: null,
    dataDir: "",
  }));
  const unused = (): never => {
    throw new Error("not part of this cluster");
  };
  const cluster: Cluster = {
    members,
    proxyUrl: toxiproxy.url,
    proxyVersion: "",
    leader: async () => claims.leader,
    revisions: async () => Object.fromEntries(MEMBERS.map((name) => [name, claims.revision])),
    servesLinearizable: async () => claims.servesLinearizable,
    cpuSeconds: unused,
    onExit: unused,
    onStart: unused,
    kill: unused,
    restart: unused,
    pause: unused,
    resume: unused,
    stop: unused,
    killAll: unused,
  };
  return { cluster, toxiproxy, claims, listen: new Map(states.map((state) => [state.name, state.listen])) };
}
