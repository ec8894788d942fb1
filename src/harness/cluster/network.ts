import type { Ports } from "./ports.ts";

/** One proxy to be created. */
export interface ProxySpec {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
}

/** What a cluster needs of the server between its members; faults/toxiproxy implements it. */
export interface ProxyControl {
  version(): Promise<string>;
  populate(proxies: readonly ProxySpec[]): Promise<unknown>;
  /** Everything up, no toxics. */
  reset(): Promise<void>;
}

/** How to run such a server and talk to it. */
export interface ProxyProgram {
  readonly name: string;
  /** Known better than it says itself; null: it is asked. */
  readonly version: string | null;
  /** Program and arguments that serve the HTTP API on 127.0.0.1:`port`. */
  command(port: number, seed: number): readonly string[];
  connect(url: string): ProxyControl;
}

/** In front of a member, for its clients. */
export function clientProxy(member: string): string {
  return `client-${member}`;
}

/** Carries the connections that `from` opens to `to`. Ours sends on no others (D7); Go etcd sends both ways on each. */
export function peerProxy(from: string, to: string): string {
  return `peer-${from}-${to}`;
}

export interface MemberAddresses {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** The proxy's port for the member's clients. */
  readonly proxiedClientPort: number;
  /** For each other member, the proxy's port on which this one dials it. */
  readonly dialPorts: ReadonlyMap<string, number>;
  /** Of its own SOCKS5 server (dialer.ts), for a server that needs one. */
  readonly socksPort: number;
}

export const localUrl = (port: number): string => `http://127.0.0.1:${port}`;
const localAddress = (port: number): string => `127.0.0.1:${port}`;

/** Ports for members n1 to nN and for a proxy in front of each and between each ordered pair. All stay reserved. */
export async function reserveAddresses(count: number, ports: Ports): Promise<readonly MemberAddresses[]> {
  const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  const addresses: MemberAddresses[] = [];
  for (const name of names) {
    const dialPorts = new Map<string, number>();
    for (const other of names) if (other !== name) dialPorts.set(other, await ports.reserve());
    addresses.push({
      name,
      clientPort: await ports.reserve(),
      peerPort: await ports.reserve(),
      proxiedClientPort: await ports.reserve(),
      dialPorts,
      socksPort: await ports.reserve(),
    });
  }
  return addresses;
}

/** Creates all proxies: for N members N for clients and N(N-1) between them. */
export async function createProxies(
  members: readonly MemberAddresses[],
  ports: Ports,
  control: ProxyControl,
): Promise<void> {
  const peerPort = new Map(members.map((member) => [member.name, member.peerPort]));
  const specs: ProxySpec[] = [];
  const add = async (name: string, listenPort: number, upstreamPort: number): Promise<void> => {
    await ports.release(listenPort);
    specs.push({ name, listen: localAddress(listenPort), upstream: localAddress(upstreamPort) });
  };
  for (const member of members) {
    await add(clientProxy(member.name), member.proxiedClientPort, member.clientPort);
    for (const [to, dialPort] of member.dialPorts)
      await add(peerProxy(member.name, to), dialPort, peerPort.get(to) as number);
  }
  await control.populate(specs);
}
