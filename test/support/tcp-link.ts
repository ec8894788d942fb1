import net from "node:net";

/** A forwarder on 127.0.0.1 that can be cut: then nothing passes in either direction, and nobody is told (as when a cable is pulled). */
export class TcpLink {
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #cut = false;

  private constructor(server: net.Server) {
    this.#server = server;
  }

  static async open(targetPort: number): Promise<TcpLink> {
    const server = net.createServer();
    const link = new TcpLink(server);
    server.on("connection", (inbound) => link.#join(inbound, net.connect(targetPort, "127.0.0.1")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    return link;
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  cut(): void {
    this.#cut = true;
  }

  /** What was held back while it was cut is lost with its connections. */
  heal(): void {
    this.#cut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }

  #join(inbound: net.Socket, outbound: net.Socket): void {
    const forward = (from: net.Socket, to: net.Socket): void => {
      this.#sockets.add(from);
      from.on("data", (bytes) => {
        if (!this.#cut) to.write(bytes);
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    };
    forward(inbound, outbound);
    forward(outbound, inbound);
  }
}
