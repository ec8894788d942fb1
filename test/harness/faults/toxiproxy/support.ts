import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { nodeClock } from "../../../../src/env/node/clock.ts";
import { createApi } from "../../../../src/harness/faults/toxiproxy/api.ts";
import { ToxiproxyClient } from "../../../../src/harness/faults/toxiproxy/client.ts";
import { EventLog } from "../../../../src/harness/faults/toxiproxy/events.ts";
import { Metrics } from "../../../../src/harness/faults/toxiproxy/metrics.ts";
import { Proxies } from "../../../../src/harness/faults/toxiproxy/proxies.ts";

/** A Toxiproxy inside the test's process. */
export async function startToxiproxy(t: TestContext): Promise<ToxiproxyClient> {
  const events = new EventLog(nodeClock);
  const metrics = new Metrics({ proxy: false, runtime: false });
  const proxies = new Proxies({ clock: nodeClock, events, metrics }, 7);
  const api = createApi({ proxies, events, metrics });
  api.listen(0, "127.0.0.1");
  await once(api, "listening");
  t.after(async () => {
    api.close();
    api.closeAllConnections();
    await proxies.stop();
  });
  return new ToxiproxyClient(`http://127.0.0.1:${(api.address() as AddressInfo).port}`);
}

/** A TCP server that hands each connection to `serve`; the address is "127.0.0.1:PORT". */
export async function startServer(
  t: TestContext,
  serve: (socket: Socket) => void,
): Promise<{ address: string; server: Server }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    serve(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

export const echo = (socket: Socket): void => void socket.pipe(socket);

/** A client connection that remembers everything it received. */
export class Peer {
  readonly socket: Socket;
  readonly #parts: Buffer[] = [];
  #length = 0;
  ended = false;
  closed = false;
  error: NodeJS.ErrnoException | null = null;
  #changed: () => void = () => undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Buffer) => {
      this.#parts.push(bytes);
      this.#length += bytes.length;
      this.#changed();
    });
    socket.on("end", () => {
      this.ended = true;
      this.#changed();
    });
    socket.on("error", (error) => {
      this.error = error;
    });
    socket.on("close", () => {
      this.closed = true;
      this.#changed();
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#parts);
  }

  get length(): number {
    return this.#length;
  }

  /** Waits, without a limit of its own: the test's time-out is the limit. */
  async until(condition: (peer: Peer) => boolean): Promise<void> {
    while (!condition(this)) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

export async function dial(t: TestContext, address: string): Promise<Peer> {
  const [host, port] = address.split(":") as [string, string];
  const socket = connect({ host, port: Number(port), noDelay: true });
  t.after(() => socket.destroy());
  const peer = new Peer(socket);
  await once(socket, "connect");
  return peer;
}

/** Polls a condition that no event announces. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}
