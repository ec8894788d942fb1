import { createServer, type Server, type Socket } from "node:net";
import type { Prng } from "../../../base/prng.ts";
import { type Address, formatAddress, resolveAddress } from "./address.ts";
import { Connection } from "./connection.ts";
import type { Context } from "./context.ts";
import { ApiError, systemError, toxicExists, toxicNotFound } from "./errors.ts";
import type { JsonObject } from "./json.ts";
import { createToxic, type Direction, type Toxic, type ToxicJson, toxicJson, updateToxic } from "./toxic.ts";

const CONNECTIONS_MAX = 16_384;
const DIRECTIONS: readonly Direction[] = ["upstream", "downstream"];

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
  readonly #context: Context;
  readonly #prng: Prng;
  #accepted = 0;
  #stalled = false;

  /** Stopped at first. */
  constructor(spec: ProxySpec, context: Context, prng: Prng) {
    this.name = spec.name;
    this.#listen = spec.listen;
    this.#upstream = spec.upstream;
    this.#context = context;
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
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    server.maxConnections = CONNECTIONS_MAX;
    server.on("connection", (client) => this.#accept(client));
    try {
      this.#listen = formatAddress(await bind(server, this.#listen));
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.#context.events.add({ kind: "proxy-start-failed", proxy: this.name, listen: this.#listen, error: text });
      throw error;
    }
    this.#server = server;
    const { name, listen, upstream } = this;
    this.#context.events.add({ kind: "proxy-started", proxy: name, listen, upstream });
  }

  /** New connections are refused and the present ones closed, both sides, at once. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server === null) return;
    this.#server = null;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
    this.#context.events.add({ kind: "proxy-stopped", proxy: this.name });
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
    if (await this.differs(change)) {
      await this.stop();
      this.#listen = change.listen;
      this.#upstream = change.upstream;
    }
    await (change.enabled ? this.start() : this.stop());
  }

  /** As the real server compares: the given address resolved, the present one as it stands. Throws 500. */
  async differs({ listen, upstream }: { readonly listen: string; readonly upstream: string }): Promise<boolean> {
    return formatAddress(await resolveAddress(listen)) !== this.#listen || upstream !== this.#upstream;
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  /** Our own: nothing is read or written any more and new connections wait, until `resume`; lasts over restarts. */
  stall(): void {
    if (this.#stalled) return;
    this.#stalled = true;
    for (const connection of this.#connections) connection.stall();
    this.#context.events.add({ kind: "stalled", proxy: this.name });
  }

  resume(): void {
    if (!this.#stalled) return;
    this.#stalled = false;
    for (const connection of this.#connections) connection.resume();
    this.#context.events.add({ kind: "resumed", proxy: this.name });
  }

  /** All of one direction after all of the other, each in order of addition. */
  toxics(): readonly ToxicJson[] {
    return DIRECTIONS.flatMap((each) => this.#toxics.filter(({ direction }) => direction === each)).map(toxicJson);
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
    this.#context.events.add({ kind: "toxic-added", proxy: this.name, toxic: toxicJson(toxic) });
    return toxicJson(toxic);
  }

  updateToxic(name: string, body: JsonObject): ToxicJson {
    const toxic = this.#find(name);
    updateToxic(toxic, body);
    for (const connection of this.#connections) connection.link(toxic.direction)?.update(toxic);
    this.#context.events.add({ kind: "toxic-updated", proxy: this.name, toxic: toxicJson(toxic) });
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
    this.#context.events.add({ kind: "toxic-removed", proxy: this.name, toxic: toxicJson(toxic) });
  }

  #accept(client: Socket): void {
    const { clock, events, metrics } = this.#context;
    const { name: proxy, upstream, listen: listener } = this;
    this.#accepted++;
    const connection = this.#accepted;
    this.#connections.add(
      new Connection({
        client,
        upstream,
        toxics: (direction) => this.#toxics.filter((toxic) => toxic.direction === direction),
        stalled: this.#stalled,
        clock,
        prng: this.#prng.fork(),
        opened: (opened) => {
          const active = DIRECTIONS.flatMap((direction) => opened.link(direction)?.active ?? []);
          const from = formatAddress({ host: client.remoteAddress ?? "", port: client.remotePort ?? 0 });
          events.add({ kind: "connection-opened", proxy, connection, client: from, active });
        },
        dialFailed: (error) => events.add({ kind: "dial-failed", proxy, connection, error }),
        closed: (ended) => {
          this.#connections.delete(ended);
          for (const direction of DIRECTIONS) {
            const link = ended.link(direction);
            if (link !== undefined)
              metrics.linkEnded({ direction, listener, proxy, upstream }, link.readBytes, link.writtenBytes);
          }
          const [upstreamBytes = 0, downstreamBytes = 0] = DIRECTIONS.map((each) => ended.link(each)?.readBytes ?? 0);
          events.add({ kind: "connection-closed", proxy, connection, upstreamBytes, downstreamBytes });
        },
      }),
    );
  }

  #find(name: string): Toxic {
    const toxic = this.#toxics.find((present) => present.name === name);
    if (toxic === undefined) throw toxicNotFound();
    return toxic;
  }
}

/** Throws 500 with the text of Go's listen. */
async function bind(server: Server, listen: string): Promise<Address> {
  const address = await resolveAddress(listen).catch((error: unknown) => {
    throw error instanceof ApiError ? systemError(`listen tcp: ${error.message}`) : error;
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(bindError(error, address)));
    // As in Go, all of IPv4 is all of both.
    const everywhere = address.host === "" || address.host === "0.0.0.0";
    server.listen(everywhere ? { port: address.port } : address, resolve);
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
