import net from "node:net";
import type { StreamNetwork } from "../streams.ts";
import { HIGH_WATER_MARK_BYTES, KEEP_ALIVE_MS, listenSockets, remoteOf, SocketStream } from "./socket-stream.ts";

/** TCP with Nagle's delay off. `remote` is "host:port" of the other end. */
export const nodeStreams: StreamNetwork = {
  listen(address, accept) {
    return listenSockets(address, (socket) => accept(new SocketStream(socket, remoteOf(socket), "connect")));
  },

  connect(address) {
    const socket = net.connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      writableHighWaterMark: HIGH_WATER_MARK_BYTES,
    } as net.NetConnectOpts);
    return new SocketStream(socket, `${address.host}:${address.port}`, "connect");
  },
};
