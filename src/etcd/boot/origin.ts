/**
 * Where a member comes from: it founds a cluster, joins one, or goes on with the data it has; and who it is then. Flags decide only
 * while there is no data, as in etcd.
 */
import { hex } from "../../base/ids.ts";
import { nodeClock } from "../../env/node/clock.ts";
import { nodeStreams } from "../../env/node/streams.ts";
import { foundingOf } from "../cluster/founding.ts";
import { clusterIdOf, memberIdOf } from "../cluster/ids.ts";
import { joinCluster, whyNotFound } from "../cluster/joining.ts";
import { foundingMember } from "../cluster/members.ts";
import type { Config } from "../config/config.ts";
import { addressesOf } from "../config/dialling.ts";
import type { Url } from "../config/url.ts";
import type { ClusterMember, Identity } from "../model.ts";
import { askForDescription, type Description } from "../peer/describe.ts";
import type { Founding } from "../storage.ts";
import { EnvironmentError } from "./environment.ts";

export interface Origin {
  readonly identity: Identity;
  /** Whom it is told of; its log knows better. */
  readonly members: readonly ClusterMember[];
  /** Null: it founds nothing. */
  readonly founding: Founding | null;
}

/** For the other members' answers. A founder must not wait long: the others may not have begun. */
const JOINING_ASK_MS = 5_000;
const FOUNDING_ASK_MS = 1_000;

/** `log`: whose log the data directory holds. Rejects with `EnvironmentError`. */
export async function originOf(config: Config, log: Identity | null): Promise<Origin> {
  const founder = foundersIdentity(config);
  const isFounding = config.initialClusterState === "new";
  if (log !== null && !(isFounding && isSame(log, founder))) return { identity: log, members: [], founding: null };
  if (!isFounding) return join(config);
  const members = foundersOf(config);
  if (log === null) await checkNeverRun(config, founder);
  return { identity: founder, members, founding: foundingOf(members) };
}

/** Whom a member is to be told of that joined, and was ended before anything had come from the leader. */
export async function membersOf(config: Config, { cluster, member }: Identity): Promise<readonly ClusterMember[]> {
  const descriptions = await describeAll(config, JOINING_ASK_MS);
  const own = descriptions.find((told) => told.cluster === cluster && told.members.some(({ id }) => id === member));
  if (own !== undefined) return own.members;
  throw new EnvironmentError(
    `the data in ${config.dataDir} are of member ${hex(member)} of cluster ${hex(cluster)}, which has not got the ` +
      `cluster's state yet, and no member at a URL of --initial-cluster knows it`,
  );
}

async function join(config: Config): Promise<Origin> {
  const descriptions = await describeAll(config, JOINING_ASK_MS);
  const named = new Map([...config.initialCluster].map(([name, urls]) => [name, textsOf(urls)]));
  const answers = descriptions.map((description) => joinCluster(config.name, named, description));
  for (const answer of answers) {
    if (answer.kind === "joins") return { identity: answer.identity, members: answer.members, founding: null };
  }
  const [first] = answers;
  const reason =
    first?.kind === "refused"
      ? first.reason
      : "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs";
  throw new EnvironmentError(`--initial-cluster-state existing, but this member cannot join: ${reason}`);
}

/** A founder that has lost its data must not vote again. Others that do not answer know nothing of it. */
async function checkNeverRun(config: Config, { cluster, member }: Identity): Promise<void> {
  for (const description of await describeAll(config, FOUNDING_ASK_MS)) {
    const reason = description.cluster === cluster ? whyNotFound(member, description) : null;
    if (reason !== null) throw new EnvironmentError(reason);
  }
}

/** What the others named by the flags answer, all asked at once. */
async function describeAll(config: Config, timeoutMs: number): Promise<readonly Description[]> {
  const world = { network: nodeStreams, clock: nodeClock };
  const { initialCluster, initialClusterToken, name } = config;
  const others = [...initialCluster].filter(([other]) => other !== name).map(([, urls]) => textsOf(urls));
  const addresses = others.flatMap((urls) => addressesOf(config, memberIdOf(urls, initialClusterToken), urls));
  const answers = await Promise.all(addresses.map((address) => askForDescription(world, address, timeoutMs)));
  return answers.filter((answer) => answer !== null);
}

function foundersIdentity(config: Config): Identity {
  const ids = foundersOf(config).map(({ id }) => id);
  return { cluster: clusterIdOf(ids), member: memberIdOf(config.advertisePeerUrls, config.initialClusterToken) };
}

function foundersOf(config: Config): readonly ClusterMember[] {
  return [...config.initialCluster.values()].map((urls) =>
    foundingMember(memberIdOf(textsOf(urls), config.initialClusterToken), textsOf(urls)),
  );
}

function textsOf(urls: readonly Url[]): readonly string[] {
  return urls.map(({ text }) => text);
}

function isSame(some: Identity, other: Identity): boolean {
  return some.cluster === other.cluster && some.member === other.member;
}
