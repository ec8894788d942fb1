import { connect, createServer, type Server, type Socket } from "node:net";
import { type Parsed, parseGreeting, parseRequest, REPLY, replyTo } from "./socks-messages.ts";

const HANDSHAKE_LIMIT_MS = 5000;
/** More than the longest greeting and the longest request together. */
const HANDSHAKE_MAX_BYTES = 1024;

/**
 * A SOCKS5 server (RFC 1928) that only connects, asks for no password and knows a fixed list of destinations: `portFor` answers the
 * port on 127.0.0.1 that stands for "host:port", or null, which is refused. After the answer bytes pass unchanged in both
 * directions, and an end or a break on one side becomes one on the other.
 */
export function createSocksServer(portFor: (destination: string) => number | null): Server {
  return createServer({ allowHalfOpen: true, noDelay: true }, (client) => greet(client, portFor));
}

function greet(client: Socket, portFor: (destination: string) => number | null): void {
  // Also the end of one who went away in the middle.
  client.setTimeout(HANDSHAKE_LIMIT_MS, () => client.destroy());
  client.on("error", () => client.destroy());
  readMessage(client, parseGreeting, ({ offersNoPassword }) => {
    if (!offersNoPassword) return refuse(client, REPLY.noMethod);
    client.write(REPLY.noPassword);
    readMessage(client, parseRequest, (request) => {
      if (request.kind === "unsupported") return refuse(client, replyTo(request.reason));
      const port = portFor(request.destination);
      if (port === null) return refuse(client, replyTo("not-allowed"));
      dial(client, port);
    });
  });
}

/** Hands on one message of the handshake; what comes behind it is left to be read. Ends a client that does not speak SOCKS5. */
function readMessage<T>(client: Socket, parse: (bytes: Buffer) => Parsed<T>, done: (message: T) => void): void {
  let received: Buffer = Buffer.alloc(0);
  const onData = (bytes: Buffer): void => {
    received = Buffer.concat([received, bytes]);
    const parsed = parse(received);
    if (parsed.kind === "incomplete" && received.length <= HANDSHAKE_MAX_BYTES) return;
    client.off("data", onData);
    client.pause();
    if (parsed.kind !== "message") {
      client.destroy();
      return;
    }
    const rest = received.subarray(parsed.length);
    if (rest.length > 0) client.unshift(rest);
    done(parsed.message);
  };
  client.on("data", onData);
  client.resume();
}

function refuse(client: Socket, reply: Uint8Array): void {
  client.end(reply);
  client.resume();
}

function dial(client: Socket, port: number): void {
  const upstream = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
  let connected = false;
  upstream.on("error", () => {
    if (!connected) refuse(client, replyTo("refused"));
  });
  upstream.once("connect", () => {
    connected = true;
    client.setTimeout(0);
    client.write(replyTo("connected"));
    forward(client, upstream);
    forward(upstream, client);
  });
  client.once("close", () => {
    if (!connected) upstream.destroy();
  });
}

/** An end is passed on behind everything that came before it, a reset at once and as a reset. */
function forward(from: Socket, to: Socket): void {
  from.pipe(to);
  from.once("close", (broken) => {
    if (broken) to.resetAndDestroy();
  });
}
