import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import type { MemberAddresses } from "./network.ts";
import { ManagedProcess } from "./process.ts";
import type { ProcessRegistry } from "./registry.ts";

/**
 * How a server that cannot be told other addresses for its peers (Go etcd; ours has --peer-dial-override) gets through the proxies
 * between them. Ids are hashes of the peer URLs, so the URLs are the same for all members; but each member is given a SOCKS5 server
 * of its own by environment variable, and that server knows who asks. It leads n1's connection to n2 into the proxy `peer-n1-n2`.
 * The names resolve nowhere: a member that dialled past its SOCKS5 server would reach nobody.
 */
export interface DialerRoute {
  readonly socksPort: number;
  /** "host:port" of a peer's URL -> port of the proxy that leads there. */
  readonly ports: Readonly<Record<string, number>>;
}

const DIALER_NAME = "peer-dialer";

/** Where the others find a member. Go sends nothing for 127.0.0.1 to a SOCKS5 server: it must be a name. */
export function peerAuthority({ name, peerPort }: MemberAddresses): string {
  return `${name}.peer.test:${peerPort}`;
}

/** One route for each member. */
export function dialerRoutes(members: readonly MemberAddresses[]): readonly DialerRoute[] {
  return members.map(({ socksPort, dialPorts }) => ({
    socksPort,
    ports: Object.fromEntries(
      members.flatMap((peer) => {
        const dialPort = dialPorts.get(peer.name);
        return dialPort === undefined ? [] : [[peerAuthority(peer), dialPort]];
      }),
    ),
  }));
}

/** Starts the SOCKS5 servers of all members in one process. Their ports must be free. */
export function startDialer(
  members: readonly MemberAddresses[],
  logFileOf: (name: string) => string,
  registry: ProcessRegistry,
): ManagedProcess {
  const program = fileURLToPath(new URL("./dialer-main.js", import.meta.url));
  return ManagedProcess.start({
    name: DIALER_NAME,
    command: [process.execPath, "--enable-source-maps", program, JSON.stringify(dialerRoutes(members))],
    logFile: logFileOf(DIALER_NAME),
    registry,
  });
}

/** Rejects when somebody's SOCKS5 server does not accept connections. */
export async function dialerAnswers(members: readonly MemberAddresses[]): Promise<void> {
  await Promise.all(members.map(({ socksPort }) => accepts(socksPort)));
}

function accepts(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}

/** A member's environment with its SOCKS5 server as the only proxy. */
export function dialerEnvironment(environment: NodeJS.ProcessEnv, socksPort: number): NodeJS.ProcessEnv {
  const proxies = /^((HTTPS?|ALL|NO)_PROXY|REQUEST_METHOD)$/i;
  const kept = Object.entries(environment).filter(([name]) => !proxies.test(name));
  return { ...Object.fromEntries(kept), HTTP_PROXY: `socks5://127.0.0.1:${socksPort}` };
}
