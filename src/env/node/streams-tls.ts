import net from "node:net";
import tls from "node:tls";
import { assert } from "../../base/assert.ts";
import type { ByteStream, StreamAddress, StreamListener, StreamNetwork } from "../streams.ts";
import { HIGH_WATER_MARK_BYTES, KEEP_ALIVE_MS, listenSockets, remoteOf, SocketStream } from "./socket-stream.ts";

/** Keys, certificates and authorities are texts in PEM. */
export interface TlsOptions {
  /** Listeners must have both; a client has them for servers that ask for its certificate. */
  readonly key?: string;
  /** With the authorities in between, if any, behind it. */
  readonly cert?: string;
  /** Whose certificates to believe. Default: the list that Node brings along. */
  readonly ca?: string;
  /** Listeners: connections only for certificates that `ca` vouches for. */
  readonly requireClientCert?: boolean;
  /** Clients: the name that the server's certificate must carry, and that is announced (SNI). Default: the host that is dialled. */
  readonly serverName?: string;
  /** Clients: false believes any certificate, so that anybody can be the server. Default true. */
  readonly verifyServer?: boolean;
  /** How long a peer may take from the connection to the end of the handshake. Default 10 s. */
  readonly handshakeTimeoutMs?: number;
  /** Listeners: handshakes at a time; connections above that are closed at once. Default 1,000. */
  readonly maxHandshakes?: number;
  /** Listeners: a connection ended before it was a stream. `remote` is "" when the peer had left already. */
  readonly handshakeFailed?: (remote: string, error: Error) => void;
}

const VERSION_MIN = "TLSv1.2";
const HANDSHAKE_MS = 10_000;
const HANDSHAKES_MAX = 1_000;

/**
 * TLS over TCP, for servers and clients of HTTP/2. A listener agrees to "h2" and "http/1.1" (ALPN, RFC 7301), serves clients that
 * name no protocol and refuses those that name only others; what is spoken is told by the first bytes, not by that agreement. It
 * hands out a stream when its handshake is done. A dialled stream is `connected` when the server has proved who it is, and
 * reports a failed handshake by `closed(error)`. Throws when a key or certificate is malformed.
 */
export function tlsStreams(options: TlsOptions): StreamNetwork {
  const { key, cert, ca } = options;
  const secrets = { key, cert, ca, minVersion: VERSION_MIN } as const;
  // One for all dialled connections: reading the authorities again for each would cost more than the handshake.
  const context = tls.createSecureContext(secrets);
  return {
    listen(address, accept) {
      assert(key !== undefined && cert !== undefined, "a TLS listener has a key and a certificate");
      const requestCert = options.requireClientCert ?? false;
      assert(!requestCert || ca !== undefined, "client certificates are held against an authority of ours");
      const server = tls.createServer({
        ...secrets,
        requestCert,
        rejectUnauthorized: requestCert,
        ALPNProtocols: ["h2", "http/1.1"],
        handshakeTimeout: options.handshakeTimeoutMs ?? HANDSHAKE_MS,
      });
      return listen(server, address, accept, options);
    },

    connect(address) {
      // An address is no name to announce; the certificate is held against it all the same.
      const announced = net.isIP(address.host) === 0 ? address.host : "";
      const socket = tls.connect({
        host: address.host,
        port: address.port,
        secureContext: context,
        servername: options.serverName ?? announced,
        rejectUnauthorized: options.verifyServer ?? true,
        ALPNProtocols: ["h2"],
        highWaterMark: HIGH_WATER_MARK_BYTES,
      } as tls.ConnectionOptions);
      whenDialled(socket, options.handshakeTimeoutMs ?? HANDSHAKE_MS);
      return new SocketStream(socket, `${address.host}:${address.port}`, "secureConnect");
    },
  };
}

/** `server` never listens itself: it gets its connections from a TCP port, as `nodeStreams` has it. Handshakes belong to the listener. */
async function listen(
  server: tls.Server,
  address: StreamAddress,
  accept: (stream: ByteStream) => void,
  options: TlsOptions,
): Promise<StreamListener> {
  /** By remote address, which is unique among a listener's open connections. */
  const handshakes = new Map<string, net.Socket>();
  server.on("secureConnection", (socket) => {
    const remote = remoteOf(socket);
    handshakes.delete(remote);
    accept(new SocketStream(socket, remote, "secureConnect"));
  });
  server.on("tlsClientError", (error, socket) => {
    options.handshakeFailed?.(socket.remotePort === undefined ? "" : remoteOf(socket), error);
    socket.destroy();
  });
  const port = await listenSockets(address, (socket) => {
    if (handshakes.size >= (options.maxHandshakes ?? HANDSHAKES_MAX)) {
      socket.destroy();
      return;
    }
    const remote = remoteOf(socket);
    handshakes.set(remote, socket);
    socket.once("close", () => {
      if (handshakes.get(remote) === socket) handshakes.delete(remote);
    });
    server.emit("connection", socket);
  });
  return {
    address: port.address,
    async close() {
      await port.close();
      for (const socket of handshakes.values()) socket.destroy();
    },
  };
}

/** What TCP's dialling does by options, and the limit that Node sets to handshakes of servers only. */
function whenDialled(socket: tls.TLSSocket, timeoutMs: number): void {
  socket.once("connect", () => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const timer = setTimeout(() => socket.destroy(new Error("the TLS handshake took too long")), timeoutMs);
    socket.once("secureConnect", () => clearTimeout(timer));
    socket.once("close", () => clearTimeout(timer));
  });
}
