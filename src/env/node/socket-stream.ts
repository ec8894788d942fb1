/** What TCP and TLS share: a `ByteStream` over one of Node's sockets, and a port that hands out sockets. */
import net from "node:net";
import type { ByteStream, StreamAddress, StreamHandler, StreamListener } from "../streams.ts";

/** Bytes a socket queues before `write` says to wait. (TLS sockets of a server have Node's own, lower mark.) */
export const HIGH_WATER_MARK_BYTES: number = 256 * 1024;
export const KEEP_ALIVE_MS = 15_000;
/** How long a peer may take to close its side after we have closed ours. */
const LINGER_MS = 2_000;
const BACKLOG = 1_024;

export class SocketStream implements ByteStream {
  readonly remote: string;
  readonly copies = true;
  readonly #socket: net.Socket;
  readonly #connectEvent: "connect" | "secureConnect";
  #handler: StreamHandler | null = null;
  #error: Error | null = null;

  /** `connectEvent`: what a socket that was dialled says when it is ready; accepted ones say nothing. */
  constructor(socket: net.Socket, remote: string, connectEvent: "connect" | "secureConnect") {
    this.#socket = socket;
    this.remote = remote;
    this.#connectEvent = connectEvent;
  }

  get queuedBytes(): number {
    return this.#socket.writableLength;
  }

  handle(handler: StreamHandler): void {
    const socket = this.#socket;
    this.#handler = handler;
    socket.on(this.#connectEvent, () => handler.connected?.());
    socket.on("data", (bytes) => handler.data(bytes));
    socket.on("drain", () => handler.drained?.());
    socket.on("error", (error) => {
      this.#error = error;
    });
    socket.on("close", () => handler.closed(this.#error));
  }

  write(bytes: Uint8Array): boolean {
    // After the end there is nobody to tell: `closed` is already on its way.
    if (this.#socket.writableEnded || this.#socket.destroyed) return true;
    return this.#socket.write(bytes);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    const socket = this.#socket;
    if (socket.destroyed || socket.writableEnded) return;
    socket.end();
    // What the peer still sends must be read and dropped, or its FIN is never seen.
    socket.resume();
    const linger = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once("close", () => clearTimeout(linger));
  }

  destroy(): void {
    if (this.#handler === null) this.#socket.on("error", () => {});
    this.#socket.destroy();
  }
}

/** "host:port" of the other end. */
export function remoteOf(socket: net.Socket): string {
  return `${socket.remoteAddress}:${socket.remotePort}`;
}

/** Listens on a TCP port, Nagle's delay off; as `StreamNetwork.listen`, but with plain sockets. */
export function listenSockets(address: StreamAddress, accept: (socket: net.Socket) => void): Promise<StreamListener> {
  const server = net.createServer({
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
    highWaterMark: HIGH_WATER_MARK_BYTES,
  });
  server.on("connection", accept);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      // From here on only accept() itself can fail (out of file descriptors): the connection is lost, the listener stays.
      server.on("error", () => {});
      const bound = server.address() as net.AddressInfo;
      resolve({
        address: { host: bound.address, port: bound.port },
        close: () => new Promise((closed) => closeListener(server, closed)),
      });
    });
  });
}

/** `Server.close` calls back only when every connection is gone too; ours belong to their owners, so the port alone counts. */
function closeListener(server: net.Server, closed: () => void): void {
  server.close();
  setImmediate(closed);
}
