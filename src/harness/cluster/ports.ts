import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:net";

/** Where people expect an etcd and a Toxiproxy of their own. */
const FORBIDDEN: ReadonlySet<number> = new Set([2379, 2380, 8474]);
/**
 * Below the ranges from which Linux and macOS take the ports of outgoing connections: a member that is down for a moment must
 * find its port free when it comes back.
 */
const PORT_MIN = 11_000;
const PORT_END = 32_000;
const ATTEMPTS_MAX = 500;

/**
 * Free ports on 127.0.0.1 for one run: none twice, and each held by a listener until the moment it is used, so that another run
 * beside this one does not choose it too. Which ports does not matter to a run's outcome: they come from no seed.
 */
export class Ports {
  readonly #given = new Set<number>();
  readonly #held = new Map<number, Server>();

  /** Throws when hardly any port is free. */
  async reserve(): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const port = randomInt(PORT_MIN, PORT_END);
      if (this.#given.has(port) || FORBIDDEN.has(port)) continue;
      const server = await hold(port);
      if (server === null) continue;
      this.#given.add(port);
      this.#held.set(port, server);
      return port;
    }
    throw new Error(`no free port found on 127.0.0.1 between ${PORT_MIN} and ${PORT_END}`);
  }

  /** Frees the port for the one it was reserved for, who binds it now. It is not given again. */
  async release(port: number): Promise<void> {
    const server = this.#held.get(port);
    if (server === undefined) return;
    this.#held.delete(port);
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((port) => this.release(port)));
  }
}

/** Null when the port is taken. */
async function hold(port: number): Promise<Server | null> {
  // Nobody knows the port yet; who connects all the same is turned away.
  const server = createServer((socket) => socket.destroy());
  server.listen({ host: "127.0.0.1", port, exclusive: true });
  try {
    await once(server, "listening");
    return server;
  } catch {
    return null;
  }
}
