import type { Prng } from "../../base/prng.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import { GrpcConnection } from "../../grpc/connection.ts";

const BACKOFF_FIRST_MS = 20;
const BACKOFF_MAX_MS = 1000;
/** A dialled connection that is not ready by then is given up. */
const DIAL_MAX_MS = 5000;

export interface LinkOptions {
  readonly network: StreamNetwork;
  readonly address: StreamAddress;
  /** What the network speaks: https over TLS. Default http. */
  readonly scheme?: "http" | "https";
  readonly clock: Clock;
  readonly prng: Prng;
  /** The other end answered: calls may go. */
  readonly opened?: (connection: GrpcConnection) => void;
}

/** One connection to one member, dialled again after a break, always to the same member: no failover. Owns socket and timers. */
export class Link {
  readonly #options: LinkOptions;
  #dialled: GrpcConnection | null = null;
  #connection: GrpcConnection | null = null;
  #timer: Timer | null = null;
  #backoffMs = BACKOFF_FIRST_MS;
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#dial();
  }

  /** Null while there is none that answers. */
  get connection(): GrpcConnection | null {
    return this.#connection;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#connection = null;
    this.#dialled?.close();
  }

  #dial(): void {
    const { network, address, scheme = "http", clock } = this.#options;
    const connection = new GrpcConnection(network.connect(address), { clock, scheme });
    this.#dialled = connection;
    this.#timer = clock.after(DIAL_MAX_MS, () => connection.close());
    connection.onClosed(() => this.#broken());
    // A proxy accepts on behalf of a server that is gone; ready means that the server itself has spoken.
    connection.onReady(() => {
      if (this.#closed || this.#dialled !== connection) return;
      this.#timer?.cancel();
      this.#backoffMs = BACKOFF_FIRST_MS;
      this.#connection = connection;
      this.#options.opened?.(connection);
    });
  }

  #broken(): void {
    this.#connection = null;
    this.#dialled = null;
    this.#timer?.cancel();
    if (this.#closed) return;
    const delayMs = this.#backoffMs * (0.5 + this.#options.prng.float() / 2);
    this.#backoffMs = Math.min(BACKOFF_MAX_MS, this.#backoffMs * 2);
    this.#timer = this.#options.clock.after(delayMs, () => this.#dial());
  }
}
