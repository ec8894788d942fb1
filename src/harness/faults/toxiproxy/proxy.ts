import { createServer, type Server } from "node:net";
import type { Prng } from "../../../base/prng.ts";
import type { Clock } from "../../../env/clock.ts";
import { type Address, formatAddress, resolveAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import { systemError, toxicExists, toxicNotFound } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { createToxic, type Direction, type Toxic, type ToxicJson, toxicJson, updateToxic } from "./toxic.ts";

const CONNECTIONS_MAX = 16_384;

export interface ProxySpec {
  readonly name: string;
  readonly listen: string;
  readonly upstream: string;
}

export interface ProxyJson extends ProxySpec {
  readonly enabled: boolean;
  readonly toxics: readonly ToxicJson[];
}

/** A listener in front of one server, with toxics on what passes. Its toxics outlive stops and restarts. */
export class ToxicProxy {
  readonly name: string;
  #listen: string;
  #upstream: string;
  #server: Server | null = null;
  #toxics: Toxic[] = [];
  readonly #connections = new Set<Connection>();
  readonly #clock: Clock;
  readonly #prng: Prng;

  /** Stopped at first. */
  constructor(spec: ProxySpec, clock: Clock, prng: Prng) {
    this.name = spec.name;
    this.#listen = spec.listen;
    this.#upstream = spec.upstream;
    this.#clock = clock;
    this.#prng = prng;
  }

  get listen(): string {
    return this.#listen;
  }

  get upstream(): string {
    return this.#upstream;
  }

  get enabled(): boolean {
    return this.#server !== null;
  }

  json(): ProxyJson {
    const { name, listen, upstream, enabled } = this;
    return { name, listen, upstream, enabled, toxics: this.toxics() };
  }

  /** Binds; from then on `listen` is the bound address. Does nothing when it is already up. Throws 500. */
  async start(): Promise<void> {
    if (this.#server !== null) return;
    const address = await resolveAddress(this.#listen);
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    server.maxConnections = CONNECTIONS_MAX;
    server.on("connection", (client) => {
      const connection = new Connection({
        client,
        upstream: this.#upstream,
        toxics: (direction) => this.#toxics.filter((toxic) => toxic.direction === direction),
        clock: this.#clock,
        prng: this.#prng.fork(),
        closed: (ended) => this.#connections.delete(ended),
      });
      this.#connections.add(connection);
    });
    this.#listen = formatAddress(await bind(server, address));
    this.#server = server;
  }

  /** New connections are refused and the present ones closed, both sides, at once. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  /**
   * Takes on what is given. A changed address restarts the proxy, which drops its connections; a failed start leaves it stopped
   * with the new addresses. Throws 500.
   */
  async update(change: {
    readonly listen: string;
    readonly upstream: string;
    readonly enabled: boolean;
  }): Promise<void> {
    const listen = change.listen === this.#listen ? change.listen : formatAddress(await resolveAddress(change.listen));
    if (listen !== this.#listen || change.upstream !== this.#upstream) {
      await this.stop();
      this.#listen = listen;
      this.#upstream = change.upstream;
    }
    await (change.enabled ? this.start() : this.stop());
  }

  /** All of one direction after all of the other, each in order of addition. */
  toxics(): readonly ToxicJson[] {
    const of = (direction: Direction) => this.#toxics.filter((toxic) => toxic.direction === direction);
    return [...of("upstream"), ...of("downstream")].map(toxicJson);
  }

  toxic(name: string): ToxicJson {
    return toxicJson(this.#find(name));
  }

  addToxic(body: JsonObject): ToxicJson {
    const toxic = createToxic(body, (name) => {
      if (this.#toxics.some((present) => present.name === name)) throw toxicExists();
    });
    this.#toxics.push(toxic);
    for (const connection of this.#connections) connection.link(toxic.direction)?.add(toxic);
    return toxicJson(toxic);
  }

  updateToxic(name: string, body: JsonObject): ToxicJson {
    const toxic = this.#find(name);
    updateToxic(toxic, body);
    for (const connection of this.#connections) connection.link(toxic.direction)?.update(toxic);
    return toxicJson(toxic);
  }

  removeToxic(name: string): void {
    this.#remove(this.#find(name));
  }

  removeAllToxics(): void {
    for (const toxic of [...this.#toxics]) this.#remove(toxic);
  }

  #remove(toxic: Toxic): void {
    this.#toxics = this.#toxics.filter((present) => present !== toxic);
    for (const connection of this.#connections) connection.link(toxic.direction)?.remove(toxic);
  }

  #find(name: string): Toxic {
    const toxic = this.#toxics.find((present) => present.name === name);
    if (toxic === undefined) throw toxicNotFound();
    return toxic;
  }
}

async function bind(server: Server, { host, port }: Address): Promise<Address> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(error, { host, port })));
    server.listen(host === "" ? { port } : { host, port }, resolve);
  });
  const bound = server.address();
  if (bound === null || typeof bound === "string") throw systemError("listen tcp: no address bound");
  // Accept errors (too many open files) pass: the listener goes on.
  server.on("error", () => undefined);
  return { host: bound.address, port: bound.port };
}

const BIND_TEXTS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EACCES: "permission denied",
};

function bindError(error: NodeJS.ErrnoException, address: Address): Error {
  const reason = BIND_TEXTS[error.code ?? ""] ?? error.message;
  return systemError(`listen tcp ${formatAddress(address)}: bind: ${reason}`);
}
