import { clientProxy, type ProxySpec, peerProxy } from "../network.ts";

/**
 * The star: each member lives in a network of its own, and the proxy's container is the only other one in it. There it is known
 * under the names of all other members, so that n1's connection to n2 arrives at the proxy, on the port that is n2's alone, at the
 * address that is n1's alone: that pair decides about the proxy `peer-n1-n2`. Docker keeps the networks apart, so a member cannot
 * dial past it. Peer URLs are the same for all members, as etcd's ids demand.
 */
export interface Topology {
  /** Of the cluster, unlike any other on the engine. */
  readonly id: string;
  readonly proxyContainer: string;
  readonly members: readonly MemberPlace[];
}

export interface MemberPlace {
  readonly name: string;
  /** One name for its container, its network and its volume: they are of different kinds. */
  readonly object: string;
  /** By which the proxy finds it in its network. */
  readonly alias: string;
  /** Where its peers find it, as they believe; in their networks the name is the proxy's. */
  readonly peerName: string;
  readonly peerPort: number;
  /** Inside the proxy's container, for the member's clients. */
  readonly proxiedClientPort: number;
}

/** In the members' containers: a volume of its own. */
export const DATA_DIR = "/data";
export const CLIENT_PORT = 2379;
export const PROXY_API_PORT = 8474;
/** n1 listens for peers one above. */
const PEER_PORT_BASE = 2380;
const PROXIED_CLIENT_PORT_BASE = 12_379;

export function topologyOf(id: string, count: number): Topology {
  const members = Array.from({ length: count }, (_, index): MemberPlace => {
    const name = `n${index + 1}`;
    return {
      name,
      object: `faultline-${id}-${name}`,
      alias: `${name}.member.test`,
      peerName: `${name}.peer.test`,
      peerPort: PEER_PORT_BASE + index + 1,
      proxiedClientPort: PROXIED_CLIENT_PORT_BASE + index + 1,
    };
  });
  return { id, proxyContainer: `faultline-${id}-toxiproxy`, members };
}

export function peerUrl({ peerName, peerPort }: MemberPlace): string {
  return `http://${peerName}:${peerPort}`;
}

/** What the proxy is called in a member's network. */
export function proxyAliases(member: MemberPlace, { members }: Topology): readonly string[] {
  return members.filter((other) => other !== member).map(({ peerName }) => peerName);
}

/** All proxies: for N members N for clients and N(N-1) between them. `addressIn`: the proxy's own in a member's network. */
export function proxySpecs({ members }: Topology, addressIn: (member: MemberPlace) => string): readonly ProxySpec[] {
  return members.flatMap((member) => [
    {
      name: clientProxy(member.name),
      listen: `0.0.0.0:${member.proxiedClientPort}`,
      upstream: `${member.alias}:${CLIENT_PORT}`,
    },
    ...members
      .filter((other) => other !== member)
      .map((other) => ({
        name: peerProxy(member.name, other.name),
        listen: `${addressIn(member)}:${other.peerPort}`,
        upstream: `${other.alias}:${other.peerPort}`,
      })),
  ]);
}
