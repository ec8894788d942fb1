import { randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
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

/** What keeps a port for its run. */
interface Hold {
  /**
   * A datagram socket of the same number: other runs of ours ask for it first, so the port stays this run's while nothing listens
   * there, as between `release` and the bind, or while a killed member is away. It ends with the process, which it does not keep.
   */
  readonly claim: Socket;
  /** Keeps programs away that know nothing of claims; null once released. */
  listener: Server | null;
}

/**
 * Free ports on 127.0.0.1 for one run: none twice, and none that another run beside this one has, until `close`. Which ports does
 * not matter to a run's outcome: they come from no seed.
 */
export class Ports {
  readonly #given = new Set<number>();
  readonly #held = new Map<number, Hold>();
  readonly #draw: () => number;

  /** `draw`: the next number to try. */
  constructor(draw: () => number = () => randomInt(PORT_MIN, PORT_END)) {
    this.#draw = draw;
  }

  /** Throws when hardly any port is free. */
  async reserve(): Promise<number> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const port = this.#draw();
      if (this.#given.has(port) || FORBIDDEN.has(port)) continue;
      // Two calls may draw one number while the first still binds it.
      this.#given.add(port);
      const held = await hold(port);
      if (held === null) {
        this.#given.delete(port);
        continue;
      }
      this.#held.set(port, held);
      return port;
    }
    throw new Error(`no free port found on 127.0.0.1 between ${PORT_MIN} and ${PORT_END}`);
  }

  /** Frees the port for the one it was reserved for, who may bind it now. No other run takes it before `close`. */
  async release(port: number): Promise<void> {
    const held = this.#held.get(port);
    if (held === undefined || held.listener === null) return;
    const { listener } = held;
    held.listener = null;
    await new Promise<void>((resolve) => listener.close(() => resolve()));
  }

  /** Gives every port back, once nothing of the run listens there any more. */
  async close(): Promise<void> {
    const all = [...this.#held];
    await Promise.all(all.map(([port]) => this.release(port)));
    // Whoever closes meanwhile, too, finds none left.
    const claims = all.flatMap(([port, { claim }]) => (this.#held.delete(port) ? [closed(claim)] : []));
    await Promise.all(claims);
  }
}

/** Null when the port is taken, or another run has it. */
async function hold(port: number): Promise<Hold | null> {
  const claim = createSocket("udp4").unref();
  claim.bind({ address: "127.0.0.1", port, exclusive: true });
  if (!(await comesUp(claim))) {
    await closed(claim);
    return null;
  }
  // Nobody knows the port yet; who connects all the same is turned away.
  const listener = createServer((socket) => socket.destroy());
  listener.listen({ host: "127.0.0.1", port, exclusive: true });
  if (await comesUp(listener)) return { claim, listener };
  await closed(claim);
  return null;
}

async function comesUp(socket: Server | Socket): Promise<boolean> {
  try {
    await once(socket, "listening");
    return true;
  } catch {
    return false;
  }
}

function closed(claim: Socket): Promise<void> {
  return new Promise((resolve) => {
    claim.close(() => resolve());
  });
}
