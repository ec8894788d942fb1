/** What only our server has: stall, the event log, and chance that repeats with its seed. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { Prng } from "../../../../src/base/prng.ts";
import { nodeClock } from "../../../../src/env/node/clock.ts";
import { EventLog } from "../../../../src/harness/faults/toxiproxy/events.ts";
import { OURS, startProcess } from "./servers.ts";
import { dial, echo, eventually, Peer, startServer, startToxiproxy } from "./support.ts";

const timeout = 60_000;
const MIB: number = 1024 * 1024;

const proxyTo = (upstream: string) => ({ name: "p", listen: "127.0.0.1:0", upstream });
const toxic = (type: "latency", stream: "upstream" | "downstream", latency: number) => ({
  name: `${type}_${stream}`,
  type,
  stream,
  toxicity: 1,
  attributes: { latency, jitter: 0 },
});

test("a stall stops both ways and holds new connections; resumed, not a byte is missing", { timeout }, async (t) => {
  const client = await startToxiproxy(t);
  const behind: Peer[] = [];
  const { address } = await startServer(t, (socket) => behind.push(new Peer(socket)));
  const [proxy] = await client.populate([proxyTo(address)]);
  assert.ok(proxy);
  await client.addToxic("p", toxic("latency", "upstream", 5));
  const peer = await dial(t, proxy.listen);
  peer.socket.write("first");
  await eventually(() => behind[0]?.length === 5);
  await client.stall("p");
  const sent = Buffer.alloc(16 * MIB);
  const prng = new Prng(5);
  for (let at = 0; at < sent.length; at += 4096) sent.writeUInt32LE(prng.uint32(), at);
  let written = false;
  peer.socket.write(sent, () => {
    written = true;
  });
  behind[0]?.socket.write("an answer");
  // A new client is accepted by the kernel; its dial waits.
  const late = await dial(t, proxy.listen);
  late.socket.write("late");
  // A byte that could pass would have done so many times over: the API answers in the same loop.
  for (let i = 0; i < 50; i++) await client.proxies();
  assert.deepEqual([behind.length, behind[0]?.length, peer.length, written], [1, 5, 0, false]);
  assert.equal((await client.events()).events.at(-1)?.kind, "stalled");
  await client.resume("p");
  await peer.until(() => peer.length === 9);
  await eventually(() => behind[0]?.length === 5 + sent.length && behind[1]?.length === 4);
  const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  assert.equal(digest(behind[0]?.received.subarray(5) ?? sent), digest(sent));
  assert.deepEqual([peer.closed, late.closed], [false, false]);
});

test("ends wait out a stall too, and what toxics held when it began", { timeout }, async (t) => {
  const client = await startToxiproxy(t);
  const behind: Peer[] = [];
  const { address } = await startServer(t, (socket) => behind.push(new Peer(socket)));
  const [proxy] = await client.populate([proxyTo(address)]);
  assert.ok(proxy);
  await client.addToxic("p", toxic("latency", "upstream", 3_600_000));
  const peer = await dial(t, proxy.listen);
  peer.socket.end("held by a toxic");
  await eventually(() => behind.length === 1);
  await client.stall("p");
  // Removal lets the toxic's bytes go, but not past the stall.
  await client.removeToxic("p", "latency_upstream");
  behind[0]?.socket.write("no answer gets through either");
  for (let i = 0; i < 20; i++) await client.proxies();
  assert.deepEqual([behind[0]?.length, behind[0]?.ended, peer.length], [0, false, 0]);
  await client.resume("p");
  await eventually(() => behind[0]?.ended === true);
  assert.equal(behind[0]?.received.toString(), "held by a toxic");
});

test("a stall ends with reset, outlives disabling, and is of one proxy only", { timeout }, async (t) => {
  const client = await startToxiproxy(t);
  const { address } = await startServer(t, echo);
  const [p, q] = await client.populate([proxyTo(address), { ...proxyTo(address), name: "q" }]);
  assert.ok(p !== undefined && q !== undefined);
  await client.stall("p");
  await client.stall("p");
  const free = await dial(t, q.listen);
  free.socket.write("x");
  await free.until(() => free.length === 1);
  const held = await dial(t, p.listen);
  await client.setEnabled("p", false);
  await held.until(() => held.closed);
  await client.setEnabled("p", true);
  const url = `${client.url}/x/proxies/p/stall`;
  assert.deepEqual(await (await fetch(url)).json(), { stalled: true });
  const again = await dial(t, p.listen);
  again.socket.write("x");
  await client.reset();
  await again.until(() => again.length === 1);
  assert.deepEqual(await (await fetch(url)).json(), { stalled: false });
  await assert.rejects(client.stall("nobody"), { status: 404 });
});

test("the event log tells what happened, in order, and can be read on from where one was", { timeout }, async (t) => {
  const client = await startToxiproxy(t);
  const { address } = await startServer(t, echo);
  const [proxy] = await client.populate([proxyTo(address)]);
  assert.ok(proxy);
  await client.addToxic("p", toxic("latency", "upstream", 1));
  const peer = await dial(t, proxy.listen);
  peer.socket.end("12345");
  await peer.until(() => peer.closed);
  await eventually(async () => (await client.events()).events.at(-1)?.kind === "connection-closed");
  const first = await client.events();
  assert.deepEqual(
    first.events.map(({ seq, kind }) => [seq, kind]),
    ["proxy-started", "toxic-added", "connection-opened", "connection-closed"].map((kind, i) => [i + 1, kind]),
  );
  const [, , opened, closed] = first.events;
  assert.ok(opened?.kind === "connection-opened" && closed?.kind === "connection-closed");
  assert.deepEqual([opened.active, closed.upstreamBytes], [["latency_upstream"], 5]);
  await client.setEnabled("p", false);
  await client.removeProxy("p");
  const more = await client.events(first.last);
  assert.deepEqual(
    more.events.map(({ kind }) => kind),
    ["proxy-stopped", "proxy-removed"],
  );
  assert.deepEqual([more.last, more.dropped], [6, 0]);
  assert.deepEqual(await client.events(more.last), { events: [], last: 6, dropped: 0 });
});

test("the event log keeps the newest and says how many it no longer has", () => {
  const log = new EventLog(nodeClock);
  for (let i = 0; i < 25_000; i++) log.add({ kind: "stalled", proxy: `${i}` });
  const all = log.since(0);
  assert.deepEqual([all.events.length, all.last, all.dropped], [10_000, 25_000, 15_000]);
  assert.deepEqual([all.events[0]?.seq, all.events[0]?.proxy, all.events.at(-1)?.proxy], [15_001, "15000", "24999"]);
  assert.deepEqual(log.since(14_999).dropped, 1);
  assert.deepEqual(
    log.since(24_998).events.map(({ seq }) => seq),
    [24_999, 25_000],
  );
});

test("the same seed draws the same connections, another seed others", { timeout }, async (t) => {
  const draws = async (seed: number): Promise<string> => {
    const { client } = await startProcess(t, OURS, ["-seed", String(seed)]);
    const { address } = await startServer(t, echo);
    const [proxy] = await client.populate([proxyTo(address)]);
    assert.ok(proxy);
    await client.addToxic("p", { ...toxic("latency", "upstream", 1), toxicity: 0.5 });
    for (let i = 0; i < 40; i++) {
      // One after the other: the order of accepts is what the draws follow.
      const peer = await dial(t, proxy.listen);
      peer.socket.write("x");
      await peer.until(() => peer.length === 1);
    }
    const opened = (await client.events()).events.filter((event) => event.kind === "connection-opened");
    return opened.map((event) => event.active.length).join("");
  };
  const [first, same, other] = await Promise.all([draws(11), draws(11), draws(12)]);
  assert.equal(first?.length, 40);
  assert.equal(first, same);
  assert.notEqual(first, other);
});

test("a delay beyond what timers take waits instead of firing at once", { timeout }, async (t) => {
  const client = await startToxiproxy(t);
  const { address } = await startServer(t, echo);
  const [proxy] = await client.populate([proxyTo(address)]);
  assert.ok(proxy);
  await client.addToxic("p", toxic("latency", "upstream", 2 ** 40));
  const peer = await dial(t, proxy.listen);
  peer.socket.write("x");
  for (let i = 0; i < 20; i++) await client.proxies();
  assert.equal(peer.length, 0);
  await client.reset();
  await peer.until(() => peer.length === 1);
});
