/** Who a member with an empty data directory is, by what the flags say and what the cluster's members answered: etcd's rules. */

import type { ClusterId } from "../../base/ids.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { ClusterMember, Identity } from "../model.ts";

/** A cluster as one of its members describes it. */
export interface ClusterDescription {
  readonly cluster: ClusterId;
  readonly members: readonly ClusterMember[];
}

export type Joining =
  | { readonly kind: "joins"; readonly identity: Identity; readonly members: readonly ClusterMember[] }
  | { readonly kind: "refused"; readonly reason: string };

/**
 * `named`: everybody's peer URLs by name, this member's under `name`, as the flags give them. They must be just the cluster's, and
 * this member one that has never run: who has lost its data must not vote again under its old id.
 */
export function joinCluster(
  name: string,
  named: ReadonlyMap<string, readonly string[]>,
  { cluster, members }: ClusterDescription,
): Joining {
  const refused = (reason: string): Joining => ({ kind: "refused", reason: `error validating peerURLs: ${reason}` });
  if (members.length !== named.size)
    return refused(`member count is unequal: the cluster has ${members.length}, --initial-cluster names ${named.size}`);
  for (const { id, peerUrls } of members) {
    if (![...named.values()].some((urls) => isSame(urls, peerUrls)))
      return refused(`PeerURLs: no match found for existing member (${hex(id)}, [${peerUrls.join(" ")}])`);
  }
  const own = memberAt(members, named.get(name) ?? []);
  if (own === null) return refused(`unmatched member while checking PeerURLs: --initial-cluster repeats URLs`);
  const bootstrapped = whyBootstrapped(own);
  if (bootstrapped !== null) return { kind: "refused", reason: bootstrapped };
  return { kind: "joins", identity: { cluster, member: own.id }, members };
}

/** A founder without data that the cluster knows to have run; null when it may begin. */
export function whyNotFound(member: MemberId, { members }: ClusterDescription): string | null {
  const own = members.find(({ id }) => id === member);
  return own === undefined ? null : whyBootstrapped(own);
}

function whyBootstrapped({ id, name }: ClusterMember): string | null {
  if (name === "") return null;
  return (
    `member ${hex(id)} has already been bootstrapped, and its data is not here: ` +
    "give it its --data-dir, or remove the member and add it anew"
  );
}

function memberAt(members: readonly ClusterMember[], urls: readonly string[]): ClusterMember | null {
  return members.find(({ peerUrls }) => isSame(peerUrls, urls)) ?? null;
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((url) => others.includes(url));
}
