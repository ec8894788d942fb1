import { setTimeout as delay } from "node:timers/promises";
import { assert } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";
import { EtcdClient } from "../../client/client.ts";
import { nodeClock } from "../../env/node/clock.ts";
import { nodeStreams } from "../../env/node/streams.ts";
import { type TlsOptions, tlsStreams } from "../../env/node/streams-tls.ts";
import type { StreamNetwork } from "../../env/streams.ts";
import type { Member, StatusResponse } from "../../proto/gen/etcdserverpb.ts";
import type { Cluster, ClusterMember } from "./cluster.ts";
import { MemberProbes } from "./member-probes.ts";
import { TargetError } from "./targets.ts";

/** Looks at each address, each over a connection of its own: a balancer's members take turns. */
const LOOKS = 4;
const LOOK_MS = 5000;
const REMOVE_LIMIT_MS = 10_000;
const REMOVE_PAUSE_MS = 200;
const encoder = new TextEncoder();

export interface EndpointsOptions {
  /** URLs of members of one cluster. */
  readonly endpoints: readonly string[];
  /** Of https endpoints: whom to believe, and who to be. */
  readonly tls: TlsOptions;
  /** Ends in "/". All keys of this run begin with it, and nobody else's do. */
  readonly keyPrefix: string;
  readonly prng: Prng;
  /** Told what a person should know of. */
  readonly say: (text: string) => void;
}

/**
 * Looks at members that run already. Rejects with TargetError when one does not answer, or when they are not, each of them, one
 * member of the same cluster.
 */
export async function connectEndpoints(options: EndpointsOptions): Promise<EndpointsCluster> {
  const { endpoints } = options;
  const network = endpoints.some((endpoint) => endpoint.startsWith("https:")) ? tlsStreams(options.tls) : nodeStreams;
  const looks: StatusResponse[] = [];
  for (const endpoint of endpoints) {
    // In turn: an address before several members gives them away only when nobody else dials in between.
    const seen: StatusResponse[] = [];
    for (let i = 0; i < LOOKS; i++) seen.push(await lookAt(endpoint, network, options.prng));
    const [first] = seen as [StatusResponse];
    if (seen.some((each) => each.header?.memberId !== first.header?.memberId))
      throw new TargetError(
        `${endpoint} answers for several members: name the members, not what balances between them`,
      );
    if (first.isLearner) throw new TargetError(`${endpoint} is a learner, which serves nobody`);
    const same = looks.findIndex((each) => each.header?.memberId === first.header?.memberId);
    if (same >= 0) throw new TargetError(`${endpoint} and ${endpoints[same]} are the same member: name it once`);
    if (looks[0] !== undefined && looks[0].header?.clusterId !== first.header?.clusterId)
      throw new TargetError(`${endpoint} and ${endpoints[0]} belong to different clusters`);
    looks.push(first);
  }
  const client = new EtcdClient({
    ...{ endpoints, network, secureNetwork: network, clock: nodeClock, prng: options.prng.fork() },
    timeoutMs: LOOK_MS,
  });
  try {
    const { members } = await client.cluster.memberList();
    const names = namesOf(looks, members);
    const version = [...new Set(looks.map((look) => look.version))].join(", ");
    return new EndpointsCluster({ ...options, network, client, names, version });
  } catch (error) {
    client.close();
    throw new TargetError(`the members of ${endpoints[0]} could not be listed: ${(error as Error).message}`);
  }
}

async function lookAt(endpoint: string, network: StreamNetwork, prng: Prng): Promise<StatusResponse> {
  const client = new EtcdClient({
    ...{ endpoints: [endpoint], network, secureNetwork: network, clock: nodeClock, prng: prng.fork() },
    ...{ timeoutMs: LOOK_MS, dialTimeoutMs: LOOK_MS, pinned: true },
  });
  try {
    return await client.maintenance.status();
  } catch (error) {
    throw new TargetError(`${endpoint} does not answer: ${(error as Error).message}`);
  } finally {
    client.close();
  }
}

/** The names the members have given themselves; n1, n2, ... where these do not tell them apart. */
function namesOf(looks: readonly StatusResponse[], members: readonly Member[]): readonly string[] {
  const names = looks.map(({ header }) => members.find(({ id }) => id === header?.memberId)?.name ?? "");
  return names.includes("") || new Set(names).size < names.length ? looks.map((_, i) => `n${i + 1}`) : names;
}

interface Connected extends EndpointsOptions {
  readonly network: StreamNetwork;
  readonly client: EtcdClient;
  /** Of the endpoints, in their order. */
  readonly names: readonly string[];
  readonly version: string;
}

/**
 * Members that somebody else runs: questions and load, no proxy, no faults. Its end removes the run's keys, and nothing else of
 * the cluster is ever changed.
 */
export class EndpointsCluster implements Cluster {
  readonly members: readonly ClusterMember[];
  readonly proxyUrl = "";
  readonly proxyVersion = "none: members that ran already";
  /** By their own word. */
  readonly version: string;
  /** Dials the members' clientEndpoint. */
  readonly network: StreamNetwork;
  readonly #options: Connected;
  readonly #probes: MemberProbes;
  #stopping: Promise<void> | null = null;
  #removed = false;

  constructor(options: Connected) {
    assert(options.keyPrefix.endsWith("/"), "the run's keys are apart from all others");
    this.#options = options;
    this.version = options.version;
    this.network = options.network;
    this.members = options.endpoints.map((endpoint, i) => ({
      name: options.names[i] as string,
      clientEndpoint: endpoint,
      directClientEndpoint: endpoint,
      pid: null,
      dataDir: "",
    }));
    const urls = new Map(this.members.map(({ name, clientEndpoint }) => [name, clientEndpoint]));
    this.#probes = new MemberProbes(urls, options.prng.fork(), options.tls);
  }

  leader(): Promise<{ readonly member: string; readonly term: number } | null> {
    return this.#probes.leader();
  }

  revisions(): Promise<Readonly<Record<string, number | null>>> {
    return this.#probes.revisions();
  }

  servesLinearizable(member: string, timeoutMs: number): Promise<boolean> {
    return this.#probes.servesLinearizable(member, timeoutMs);
  }

  cpuSeconds(): Promise<Readonly<Record<string, number | null>>> {
    return this.#probes.cpuSeconds();
  }

  /** Processes nobody here started end unseen. */
  onExit(): void {}

  onStart(): void {}

  kill(member: string): Promise<void> {
    return refuse("killed", member);
  }

  restart(member: string): Promise<void> {
    return refuse("restarted", member);
  }

  pause(member: string): Promise<void> {
    return refuse("paused", member);
  }

  resume(member: string): Promise<void> {
    return refuse("resumed", member);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  killAll(): void {
    if (!this.#removed) this.#sayThatKeysStay("there was no time to remove them");
  }

  async #stop(): Promise<void> {
    await this.#removeKeys();
    this.#probes.close();
    this.#options.client.close();
  }

  /** Until a read shows none, or time is up. */
  async #removeKeys(): Promise<void> {
    const { client, keyPrefix, say } = this.#options;
    const key = encoder.encode(keyPrefix);
    const rangeEnd = encoder.encode(`${keyPrefix.slice(0, -1)}0`); // "0" follows "/".
    const untilMs = nodeClock.monotonicMs() + REMOVE_LIMIT_MS;
    let reason = "they come again";
    let removed = 0;
    do {
      try {
        removed += (await client.kv.deleteRange({ key, rangeEnd })).deleted;
        if ((await client.kv.range({ key, rangeEnd, countOnly: true })).count === 0) {
          this.#removed = true;
          say(`removed ${removed} keys with the prefix ${keyPrefix}`);
          return;
        }
      } catch (error) {
        reason = (error as Error).message;
      }
      await delay(REMOVE_PAUSE_MS);
    } while (nodeClock.monotonicMs() < untilMs);
    this.#sayThatKeysStay(reason);
  }

  #sayThatKeysStay(reason: string): void {
    const { keyPrefix, say } = this.#options;
    say(`keys with the prefix ${keyPrefix} stay (${reason}); remove them: etcdctl del --prefix ${keyPrefix}`);
  }
}

function refuse(what: string, member: string): Promise<never> {
  return Promise.reject(new Error(`${member} ran already and is not ours to be ${what}`));
}
