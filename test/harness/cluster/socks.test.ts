import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { createSocksServer } from "../../../src/harness/cluster/socks.ts";
import { parseGreeting, parseRequest } from "../../../src/harness/cluster/socks-messages.ts";
import fc from "../../support/fast-check.ts";
import { eventually } from "./support.ts";

const timeout = 30_000;
const GREETING = [5, 1, 0];

function request(host: string, port: number, command = 1): number[] {
  return [5, command, 0, 3, host.length, ...Buffer.from(host, "latin1"), port >> 8, port & 255];
}

async function listen(t: TestContext, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  server.listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A SOCKS5 server that knows "known.test:80" as `port`, and a connection to it. */
async function client(t: TestContext, port: number): Promise<Socket> {
  const socks = await listen(
    t,
    createSocksServer((destination) => (destination === "known.test:80" ? port : null)),
  );
  const socket = connect({ host: "127.0.0.1", port: socks, allowHalfOpen: true });
  t.after(() => socket.destroy());
  await once(socket, "connect");
  return socket;
}

/** Exactly so many bytes; what comes behind them stays. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  for (;;) {
    const bytes: Buffer | null = socket.read(length);
    if (bytes !== null) return bytes;
    assert.equal(socket.readableEnded, false, "the connection ended early");
    await Promise.race([once(socket, "readable"), once(socket, "end")]);
  }
}

async function join(socket: Socket): Promise<void> {
  socket.write(Buffer.from([...GREETING, ...request("known.test", 80)]));
  assert.deepEqual([...(await read(socket, 2))], [5, 0]);
  assert.deepEqual([...(await read(socket, 4))].slice(0, 2), [5, 0]);
  await read(socket, 6);
}

test("messages are understood however they are cut, and no byte behind them is taken", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z0-9.-]{1,60}$/),
      fc.nat(65535),
      fc.uint8Array({ maxLength: 5 }),
      (host, port, rest) => {
        const message = request(host, port);
        for (let length = 0; length < message.length; length++)
          assert.equal(parseRequest(Buffer.from(message.slice(0, length))).kind, "incomplete");
        assert.deepEqual(parseRequest(Buffer.from([...message, ...rest])), {
          kind: "message",
          message: { kind: "connect", destination: `${host}:${port}` },
          length: message.length,
        });
      },
    ),
  );
  const ipv4 = parseRequest(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, 0, 80]));
  assert.ok(ipv4.kind === "message" && ipv4.message.kind === "connect" && ipv4.message.destination === "127.0.0.1:80");
  assert.equal(parseGreeting(Buffer.from([5, 2, 1])).kind, "incomplete");
  assert.equal(parseGreeting(Buffer.from([4, 1])).kind, "invalid");
});

test("bytes pass unchanged both ways in any quantity, and an end goes through behind them", { timeout }, async (t) => {
  const echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  const socket = await client(t, await listen(t, echo));
  await join(socket);
  const sent = Buffer.alloc(3_000_000, "a few bytes that do not repeat at powers of two");
  socket.end(sent);
  const parts: Buffer[] = [];
  for await (const part of socket) parts.push(part as Buffer);
  assert.ok(Buffer.concat(parts).equals(sent));
});

test("a reset on one side becomes one on the other", { timeout }, async (t) => {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    accepted.push(socket);
  });
  const port = await listen(t, server);
  for (const side of ["near", "far"] as const) {
    const socket = await client(t, port);
    socket.on("error", () => undefined);
    await join(socket);
    await eventually(() => accepted.length > 0);
    const far = accepted.pop() as Socket;
    const [broken, other] = side === "near" ? [socket, far] : [far, socket];
    const heard = once(other.resume(), "error");
    broken.resetAndDestroy();
    const [error] = (await heard) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNRESET", side);
  }
});

test("what cannot be done is refused with its reason, and the connection ends", { timeout }, async (t) => {
  const gone = createServer();
  const deadPort = await listen(t, gone);
  gone.close();
  await once(gone, "close");
  for (const [message, code] of [
    [request("unknown.test", 80), 2],
    [request("known.test", 81), 2],
    [request("known.test", 80), 5],
    [request("known.test", 80, 2), 7],
    [[5, 1, 0, 4, ...Array<number>(16).fill(0), 0, 80], 8],
  ] as const) {
    const socket = await client(t, deadPort);
    socket.write(Buffer.from(GREETING));
    assert.deepEqual([...(await read(socket, 2))], [5, 0]);
    socket.write(Buffer.from(message));
    assert.equal((await read(socket, 10))[1], code);
    socket.resume();
    await once(socket, "end");
  }
  const secretive = await client(t, deadPort);
  secretive.write(Buffer.from([5, 1, 2]));
  assert.deepEqual([...(await read(secretive, 2))], [5, 255]);
  const stranger = await client(t, deadPort);
  stranger.on("error", () => undefined);
  stranger.write("GET / HTTP/1.1\r\n\r\n");
  stranger.resume();
  await once(stranger, "end");
});
