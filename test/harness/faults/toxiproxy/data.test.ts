/** What happens to bytes: nothing lost, nothing reordered, and each toxic does what it says. Conditions, not sleeps. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../../src/base/prng.ts";
import type { ToxicSettings, ToxiproxyClient } from "../../../../src/harness/faults/toxiproxy/client.ts";
import { dial, echo, eventually, Peer, startServer, startToxiproxy } from "./support.ts";

const timeout = 60_000;
const MIB: number = 1024 * 1024;

interface Bench {
  readonly client: ToxiproxyClient;
  readonly listen: string;
  add(stream: "upstream" | "downstream", toxic: ToxicSettings, toxicity?: number): Promise<void>;
  /** Removes the toxic of that type and stream. */
  remove(stream: "upstream" | "downstream", type: ToxicSettings["type"]): Promise<void>;
}

async function bench(t: TestContext, serve: (socket: Socket) => void): Promise<Bench> {
  const client = await startToxiproxy(t);
  const { address } = await startServer(t, serve);
  const [proxy] = await client.populate([{ name: "p", listen: "127.0.0.1:0", upstream: address }]);
  assert.ok(proxy);
  return {
    client,
    listen: proxy.listen,
    add: (stream, toxic, toxicity = 1) =>
      client.addToxic("p", { name: `${toxic.type}_${stream}`, stream, toxicity, ...toxic }),
    remove: (stream, type) => client.removeToxic("p", `${type}_${stream}`),
  };
}

/** Remembers the server's side of the only connection. */
function capture(): { readonly serve: (socket: Socket) => void; readonly peer: () => Promise<Peer> } {
  let resolve: (peer: Peer) => void;
  const promise = new Promise<Peer>((r) => {
    resolve = r;
  });
  return { serve: (socket) => resolve(new Peer(socket)), peer: () => promise };
}

function randomBytes(size: number, seed: number): Buffer {
  const prng = new Prng(seed);
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(prng.uint32(), at);
  return bytes;
}

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const latency = (latencyMs: number, jitter = 0) =>
  ({ type: "latency", attributes: { latency: latencyMs, jitter } }) as const;
const bandwidth = (rate: number) => ({ type: "bandwidth", attributes: { rate } }) as const;
const timeoutToxic = (timeoutMs: number) => ({ type: "timeout", attributes: { timeout: timeoutMs } }) as const;

test("megabytes echoed through every kind of slow toxic arrive byte for byte", { timeout }, async (t) => {
  const { listen, add } = await bench(t, echo);
  await add("upstream", latency(3, 3));
  await add("upstream", bandwidth(100_000));
  await add("downstream", bandwidth(100_000));
  await add("downstream", latency(2));
  const peer = await dial(t, listen);
  const sent = randomBytes(8 * MIB, 1);
  peer.socket.write(sent);
  await peer.until(() => peer.length >= sent.length);
  assert.equal(digest(peer.received), digest(sent));
});

test("the end of the stream comes after all data, in two parts, and closes the whole connection", {
  timeout,
}, async (t) => {
  const server = capture();
  const { listen, add } = await bench(t, server.serve);
  await add("upstream", latency(30));
  const peer = await dial(t, listen);
  peer.socket.write("first ");
  const behind = await server.peer();
  await behind.until(() => behind.length > 0);
  peer.socket.end("second");
  await behind.until(() => behind.ended);
  assert.equal(behind.received.toString(), "first second");
  // No half-close: the way back is closed too.
  await peer.until(() => peer.closed);
});

test("no byte is lost or reordered while a latency toxic comes and goes in a tight loop", { timeout }, async (t) => {
  const server = capture();
  const { listen, add, remove, client } = await bench(t, server.serve);
  const peer = await dial(t, listen);
  const behind = await server.peer();
  const MESSAGES = 65_535;
  let changes = 0;
  let sending = true;
  const toggle = async (): Promise<void> => {
    while (sending || changes < 20) {
      await add("upstream", latency(5, 3));
      await client.updateToxic("p", {
        name: "latency_upstream",
        stream: "upstream",
        toxicity: 0.5,
        type: "latency",
        attributes: { latency: 3, jitter: 1 },
      });
      await remove("upstream", "latency");
      changes++;
    }
  };
  const toggling = toggle();
  for (let i = 0; i < MESSAGES; i++) {
    const message = Buffer.alloc(2);
    message.writeUInt16BE(i);
    peer.socket.write(message);
    if (i % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  sending = false;
  await toggling;
  peer.socket.end();
  await behind.until(() => behind.ended);
  const { received } = behind;
  assert.equal(received.length, 2 * MESSAGES);
  for (let i = 0; i < MESSAGES; i++) assert.equal(received.readUInt16BE(2 * i), i);
  assert.ok(changes >= 20);
});

test("a connection with a down upstream is accepted and closed", { timeout }, async (t) => {
  const client = await startToxiproxy(t);
  const [proxy] = await client.populate([{ name: "p", listen: "127.0.0.1:0", upstream: "127.0.0.1:1" }]);
  assert.ok(proxy);
  const peer = await dial(t, proxy.listen);
  await peer.until(() => peer.closed);
  assert.equal(peer.length, 0);
});

test("timeout 0 swallows both ways; taking it away ends the connection on both sides, and the next one works", {
  timeout,
}, async (t) => {
  const server = capture();
  let accepted = 0;
  const { listen, add, remove } = await bench(t, (socket) => {
    accepted++;
    if (accepted === 1) server.serve(socket);
    else echo(socket);
  });
  const peer = await dial(t, listen);
  const behind = await server.peer();
  peer.socket.write("before");
  await behind.until(() => behind.length === 6);
  await add("upstream", timeoutToxic(0));
  await add("downstream", latency(1));
  peer.socket.write("lost");
  behind.socket.write("the other way still works");
  await peer.until(() => peer.length === 25);
  assert.equal(behind.length, 6);
  await remove("upstream", "timeout");
  await behind.until(() => behind.ended);
  behind.socket.end();
  await peer.until(() => peer.closed);
  assert.equal(behind.received.toString(), "before");
  assert.equal(peer.error, null, "a clean end, no reset");
  const next = await dial(t, listen);
  next.socket.write("again");
  await next.until(() => next.length === 5);
});

test("timeout > 0 closes a silent connection, and a client's end passes at once", { timeout }, async (t) => {
  const { listen, add, client } = await bench(t, echo);
  await add("upstream", timeoutToxic(20));
  const silent = await dial(t, listen);
  silent.socket.write("dropped");
  await silent.until(() => silent.closed);
  assert.equal(silent.length, 0);
  await client.updateToxic("p", {
    name: "timeout_upstream",
    stream: "upstream",
    toxicity: 1,
    ...timeoutToxic(3_600_000),
  });
  const ending = await dial(t, listen);
  ending.socket.end();
  await ending.until(() => ending.closed);
});

test("bandwidth 0 stalls but keeps: taking it away delivers, and the sender felt back-pressure", {
  timeout,
}, async (t) => {
  const server = capture();
  const { listen, add, remove } = await bench(t, server.serve);
  const peer = await dial(t, listen);
  const behind = await server.peer();
  await add("upstream", bandwidth(0));
  const sent = randomBytes(32 * MIB, 2);
  let written = false;
  peer.socket.write(sent, () => {
    written = true;
  });
  // The other direction works all the while: a round trip that proves the stall is of this one only.
  behind.socket.write("x");
  await peer.until(() => peer.length === 1);
  assert.equal(behind.length, 0);
  assert.equal(written, false, "more than the buffers on the way hold");
  await remove("upstream", "bandwidth");
  await behind.until(() => behind.length >= sent.length);
  assert.equal(digest(behind.received), digest(sent));
});

test("bandwidth paces: the bytes do not come sooner than the rate allows", { timeout }, async (t) => {
  const server = capture();
  const { listen, add } = await bench(t, server.serve);
  await add("upstream", bandwidth(500));
  const peer = await dial(t, listen);
  const behind = await server.peer();
  const started = performance.now();
  peer.socket.write(Buffer.alloc(100_000));
  await behind.until(() => behind.length === 100_000);
  // 100 kB at 500 KB/s are 200 ms; a lower bound is safe on a busy machine.
  assert.ok(performance.now() - started > 190);
});

test("latency is pipelined: twenty messages side by side take one delay, not twenty", { timeout }, async (t) => {
  const { listen, add } = await bench(t, echo);
  await add("upstream", latency(1000));
  const peer = await dial(t, listen);
  const started = performance.now();
  for (let i = 0; i < 20; i++) {
    peer.socket.write("m");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await peer.until(() => peer.length === 20);
  const tookMs = performance.now() - started;
  assert.ok(tookMs >= 999, `one delay (${tookMs})`);
  assert.ok(tookMs < 10_000, `and far from twenty (${tookMs})`);
});

test("two latencies add up, and removing them lets what is held go at once", { timeout }, async (t) => {
  const server = capture();
  const { listen, client } = await bench(t, server.serve);
  const add = (name: string, latencyMs: number) =>
    client.addToxic("p", { name, stream: "upstream", toxicity: 1, ...latency(latencyMs) });
  await add("one", 60);
  await add("two", 60);
  const peer = await dial(t, listen);
  const behind = await server.peer();
  const started = performance.now();
  peer.socket.write("x");
  await behind.until(() => behind.length === 1);
  assert.ok(performance.now() - started >= 119);
  await client.removeToxic("p", "one");
  await client.removeToxic("p", "two");
  await add("hour", 3_600_000);
  peer.socket.write("held");
  await client.removeToxic("p", "hour");
  await behind.until(() => behind.length === 5);
});

test("toxicity decides for each connection, and anew when the toxic is updated", { timeout }, async (t) => {
  let accepted = 0;
  const { listen, add, client } = await bench(t, (socket) => {
    accepted++;
    echo(socket);
  });
  await add("upstream", timeoutToxic(0), 0);
  const peer = await dial(t, listen);
  peer.socket.write("spared");
  await peer.until(() => peer.length === 6);
  const toxic = { name: "timeout_upstream", stream: "upstream", ...timeoutToxic(0) } as const;
  await client.updateToxic("p", { ...toxic, toxicity: 1 });
  peer.socket.write("swallowed");
  await client.updateToxic("p", { ...toxic, toxicity: 0.5 });
  // 64 connections at one half: all or none active has a chance of 2^-63.
  const peers = await Promise.all(Array.from({ length: 64 }, () => dial(t, listen)));
  for (const each of peers) each.socket.write("?");
  await eventually(() => accepted === 65 && peers.some((each) => each.length === 1));
  await client.removeToxic("p", "timeout_upstream");
  await Promise.all(peers.map((each) => each.until(() => each.closed || each.length === 1)));
  const through = peers.filter((each) => each.length === 1).length;
  assert.ok(through > 0 && through < 64, `${through} of 64`);
});

test("disable closes both sides at once and refuses new connections; enable keeps port and toxics", {
  timeout,
}, async (t) => {
  const server = capture();
  const { listen, add, client } = await bench(t, server.serve);
  const peer = await dial(t, listen);
  const behind = await server.peer();
  await add("downstream", latency(3_600_000));
  await client.setEnabled("p", false);
  await Promise.all([peer.until(() => peer.closed), behind.until(() => behind.ended)]);
  const [host, port] = listen.split(":") as [string, string];
  const refused = new Peer(connect({ host, port: Number(port) }));
  await refused.until(() => refused.closed);
  assert.equal(refused.error?.code, "ECONNREFUSED");
  assert.equal((await client.setEnabled("p", true)).listen, listen);
  assert.deepEqual(
    (await client.proxies()).map((proxy) => proxy.enabled),
    [true],
  );
});

test("an update of the upstream by another spelling of the listen address keeps it apart from a change", {
  timeout,
}, async (t) => {
  const { listen, client } = await bench(t, echo);
  const peer = await dial(t, listen);
  const [current] = await client.proxies();
  const port = listen.split(":")[1];
  const change = (body: object) =>
    fetch(`${client.url}/proxies/p`, { method: "PATCH", body: JSON.stringify(body) }).then((answer) => answer.json());
  await change({ listen: `localhost:${port}`, upstream: current?.upstream });
  peer.socket.write("still here");
  await peer.until(() => peer.length === 10);
  await change({ upstream: "127.0.0.1:1" });
  await peer.until(() => peer.closed);
});

test("an abrupt client does not leave its other half behind", { timeout }, async (t) => {
  const server = capture();
  const { listen, add, remove } = await bench(t, server.serve);
  await add("upstream", bandwidth(0));
  const peer = await dial(t, listen);
  const behind = await server.peer();
  behind.socket.on("error", () => undefined);
  behind.socket.write("x");
  await peer.until(() => peer.length === 1);
  peer.socket.write("held");
  peer.socket.resetAndDestroy();
  await peer.until(() => peer.closed);
  await remove("upstream", "bandwidth");
  await behind.until(() => behind.ended || behind.closed);
});
