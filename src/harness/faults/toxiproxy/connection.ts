import { connect, type Socket } from "node:net";
import type { Prng } from "../../../base/prng.ts";
import type { Clock } from "../../../env/clock.ts";
import { type Address, parseAddress } from "./address.ts";
import { Link } from "./link.ts";
import type { Direction, Toxic } from "./toxic.ts";

export interface ConnectionOptions {
  readonly client: Socket;
  readonly upstream: string;
  /** The proxy's toxics of one direction at the moment of asking. */
  readonly toxics: (direction: Direction) => readonly Toxic[];
  readonly clock: Clock;
  readonly prng: Prng;
  /** Called once, when both sockets are gone. */
  readonly closed: (connection: Connection) => void;
}

/** One accepted client, its own dial to the server behind the proxy, and a link for each direction between them. */
export class Connection {
  readonly #client: Socket;
  readonly #server: Socket | null;
  readonly #links = new Map<Direction, Link>();
  #open = 0;

  /** `options.client` is paused: nothing is read before the dial has succeeded. If it fails the client is simply closed. */
  constructor(options: ConnectionOptions) {
    const { client } = options;
    this.#client = client;
    this.#watch(client, options);
    const address = dialAddress(options.upstream);
    this.#server = address === null ? null : connect({ ...address, noDelay: true, allowHalfOpen: true });
    const server = this.#server;
    if (server === null) {
      client.destroy();
      return;
    }
    this.#watch(server, options);
    server.once("connect", () => this.#join(server, options));
    server.once("close", () => {
      if (this.#links.size === 0) client.destroy();
    });
  }

  link(direction: Direction): Link | undefined {
    return this.#links.get(direction);
  }

  /** Closes both sides at once; data in flight is dropped. */
  destroy(): void {
    this.#client.destroy();
    this.#server?.destroy();
  }

  #join(server: Socket, { toxics, clock, prng }: ConnectionOptions): void {
    const client = this.#client;
    if (client.destroyed) {
      server.destroy();
      return;
    }
    this.#links.set("upstream", new Link(client, server, toxics("upstream"), clock, prng));
    this.#links.set("downstream", new Link(server, client, toxics("downstream"), clock, prng));
  }

  #watch(socket: Socket, options: ConnectionOptions): void {
    this.#open++;
    // An error is always followed by close, which is what counts here.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#open--;
      if (this.#open === 0) options.closed(this);
    });
  }
}

function dialAddress(upstream: string): Address | null {
  try {
    return parseAddress(upstream);
  } catch {
    return null;
  }
}
