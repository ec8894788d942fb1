import { connect, type Socket } from "node:net";
import type { Prng } from "../../../base/prng.ts";
import type { Clock } from "../../../env/clock.ts";
import { type Address, parseAddress } from "./address.ts";
import { Link } from "./link.ts";
import type { Direction, Toxic } from "./toxic.ts";

export interface ConnectionOptions {
  /** Paused. */
  readonly client: Socket;
  readonly upstream: string;
  /** The proxy's toxics of one direction at the moment of asking. */
  readonly toxics: (direction: Direction) => readonly Toxic[];
  /** Held back until `resume`: not even dialled. */
  readonly stalled: boolean;
  readonly clock: Clock;
  readonly prng: Prng;
  readonly opened: (connection: Connection) => void;
  readonly dialFailed: (error: string) => void;
  /** Called once, when both sockets are gone. */
  readonly closed: (connection: Connection) => void;
}

/** One accepted client, its own dial to the server behind the proxy, and a link for each direction between them. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #client: Socket;
  #server: Socket | null = null;
  readonly #links = new Map<Direction, Link>();
  #open = 0;
  #stalled: boolean;
  #resets = false;

  /** Nothing is read before the dial has succeeded. If it fails the client is simply closed. */
  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#client = options.client;
    this.#stalled = options.stalled;
    this.#watch(options.client);
    if (!this.#stalled) this.#dial();
  }

  link(direction: Direction): Link | undefined {
    return this.#links.get(direction);
  }

  /** Everything stands still, ends included; both sockets stay open. */
  stall(): void {
    this.#stalled = true;
    for (const link of this.#links.values()) link.stall();
  }

  resume(): void {
    this.#stalled = false;
    if (this.#server === null && !this.#client.destroyed) this.#dial();
    for (const link of this.#links.values()) link.resume();
  }

  /** Closes both sides at once; data in flight is dropped. */
  destroy(): void {
    for (const socket of [this.#client, this.#server]) {
      if (this.#resets) socket?.resetAndDestroy();
      else socket?.destroy();
    }
  }

  #dial(): void {
    const address = dialAddress(this.#options.upstream);
    if (address === null) {
      this.#options.dialFailed("not an address");
      this.#client.destroy();
      return;
    }
    const server = connect({ ...address, noDelay: true, allowHalfOpen: true });
    this.#server = server;
    this.#watch(server);
    server.once("connect", () => this.#join(server));
    server.once("error", (error) => {
      if (this.#links.size === 0) this.#options.dialFailed(error.message);
    });
    server.once("close", () => {
      if (this.#links.size === 0) this.#client.destroy();
    });
  }

  #join(server: Socket): void {
    const client = this.#client;
    if (client.destroyed) {
      server.destroy();
      return;
    }
    const { toxics, clock, prng, opened } = this.#options;
    const [upstream, downstream] = [toxics("upstream"), toxics("downstream")];
    this.#resets = [...upstream, ...downstream].some((toxic) => toxic.kind.resetsConnection);
    const shared = { resets: this.#resets, stalled: this.#stalled, clock };
    this.#links.set(
      "upstream",
      new Link({ ...shared, source: client, destination: server, toxics: upstream, prng: prng.fork() }),
    );
    this.#links.set(
      "downstream",
      new Link({ ...shared, source: server, destination: client, toxics: downstream, prng: prng.fork() }),
    );
    opened(this);
  }

  #watch(socket: Socket): void {
    this.#open++;
    // An error is always followed by close, which is what counts here.
    socket.on("error", () => undefined);
    socket.once("close", () => {
      this.#open--;
      if (this.#open === 0) this.#options.closed(this);
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
