/** What happens to bytes: nothing lost, nothing reordered, and each toxic does what it says. Conditions, not sleeps. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { Prng } from "../../../../src/base/prng.ts";
import type { ToxicSettings, ToxiproxyClient } from "../../../../src/harness/faults/toxiproxy/client.ts";
import { conformance, type Target } from "./servers.ts";
import { dial, echo, eventually, Peer, startServer } from "./support.ts";

const MIB: number = 1024 * 1024;

interface Bench {
  readonly client: ToxiproxyClient;
  readonly listen: string;
  add(stream: "upstream" | "downstream", toxic: ToxicSettings, toxicity?: number): Promise<void>;
  /** Removes the toxic of that type and stream. */
  remove(stream: "upstream" | "downstream", type: ToxicSettings["type"]): Promise<void>;
}

async function bench(t: TestContext, target: Target, serve: (socket: Socket) => void): Promise<Bench> {
  const client = await target.start(t);
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
const slicer = (averageBytes: number, variationBytes: number, delayMicros: number) =>
  ({
    type: "slicer",
    attributes: { average_size: averageBytes, size_variation: variationBytes, delay: delayMicros },
  }) as const;
const limitData = (bytes: number) => ({ type: "limit_data", attributes: { bytes } }) as const;
const slowClose = (delayMs: number) => ({ type: "slow_close", attributes: { delay: delayMs } }) as const;
const resetPeer = (timeoutMs: number) => ({ type: "reset_peer", attributes: { timeout: timeoutMs } }) as const;
const timeoutToxic = (timeoutMs: number) => ({ type: "timeout", attributes: { timeout: timeoutMs } }) as const;

await conformance("data", (claim) => {
  claim("megabytes echoed through every kind of slow toxic arrive byte for byte", async (t, target) => {
    const { listen, add } = await bench(t, target, echo);
    await add("upstream", latency(3, 3));
    await add("upstream", bandwidth(100_000));
    await add("downstream", bandwidth(100_000));
    await add("downstream", latency(2));
    const peer = await dial(t, listen);
    const sent = randomBytes(4 * MIB, 1);
    peer.socket.write(sent);
    await peer.until(() => peer.length >= sent.length);
    assert.equal(digest(peer.received), digest(sent));
  });

  claim(
    "the end of the stream comes after all data, in two parts, and closes the whole connection",
    async (t, target) => {
      const server = capture();
      const { listen, add } = await bench(t, target, server.serve);
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
    },
  );

  claim("no byte is lost or reordered while a latency toxic comes and goes in a tight loop", async (t, target) => {
    const server = capture();
    const { listen, add, remove, client } = await bench(t, target, server.serve);
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

  claim("a connection with a down upstream is accepted and closed", async (t, target) => {
    const client = await target.start(t);
    const [proxy] = await client.populate([{ name: "p", listen: "127.0.0.1:0", upstream: "127.0.0.1:1" }]);
    assert.ok(proxy);
    const peer = await dial(t, proxy.listen);
    await peer.until(() => peer.closed);
    assert.equal(peer.length, 0);
  });

  claim(
    "timeout 0 swallows both ways; taking it away ends the connection on both sides, and the next one works",
    async (t, target) => {
      const server = capture();
      let accepted = 0;
      const { listen, add, remove } = await bench(t, target, (socket) => {
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
    },
  );

  claim("timeout > 0 closes a silent connection, and a client's end passes at once", async (t, target) => {
    const { listen, add, client } = await bench(t, target, echo);
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

  claim(
    "bandwidth 0 stalls but keeps: taking it away delivers, and the sender felt back-pressure",
    async (t, target) => {
      const server = capture();
      const { listen, add, remove } = await bench(t, target, server.serve);
      const peer = await dial(t, listen);
      const behind = await server.peer();
      await add("upstream", bandwidth(0));
      const sent = randomBytes(16 * MIB, 2);
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
    },
  );

  claim("bandwidth paces: the bytes do not come sooner than the rate allows", async (t, target) => {
    const server = capture();
    const { listen, add } = await bench(t, target, server.serve);
    await add("upstream", bandwidth(500));
    const peer = await dial(t, listen);
    const behind = await server.peer();
    const started = performance.now();
    peer.socket.write(Buffer.alloc(100_000));
    await behind.until(() => behind.length === 100_000);
    // 100 kB at 500 KB/s are 200 ms; a lower bound is safe on a busy machine.
    assert.ok(performance.now() - started > 190);
  });

  claim("latency is pipelined: twenty messages side by side take one delay, not twenty", async (t, target) => {
    const { listen, add } = await bench(t, target, echo);
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

  claim("two latencies add up, and removing them lets what is held go at once", async (t, target) => {
    const server = capture();
    const { listen, client } = await bench(t, target, server.serve);
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

  claim("toxicity decides for each connection, and anew when the toxic is updated", async (t, target) => {
    let accepted = 0;
    const { listen, add, client } = await bench(t, target, (socket) => {
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

  claim(
    "disable closes both sides at once and refuses new connections; enable keeps port and toxics",
    async (t, target) => {
      const server = capture();
      const { listen, add, client } = await bench(t, target, server.serve);
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
    },
  );

  claim(
    "an update of the upstream by another spelling of the listen address keeps it apart from a change",
    async (t, target) => {
      const { listen, client } = await bench(t, target, echo);
      const peer = await dial(t, listen);
      const [current] = await client.proxies();
      const port = listen.split(":")[1];
      const change = (body: object) =>
        fetch(`${client.url}/proxies/p`, { method: "POST", body: JSON.stringify(body) }).then((answer) =>
          answer.json(),
        );
      await change({ listen: target.minor < 12 ? listen : `localhost:${port}`, upstream: current?.upstream });
      peer.socket.write("still here");
      await peer.until(() => peer.length === 10);
      await change({ upstream: "127.0.0.1:1" });
      await peer.until(() => peer.closed);
    },
  );

  claim("an abrupt client does not leave its other half behind", async (t, target) => {
    const server = capture();
    const { listen, add, remove } = await bench(t, target, server.serve);
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

  claim(
    "slicer: every byte arrives, in pieces of the asked-for size and no faster than the delay",
    async (t, target) => {
      const server = capture();
      const { listen, add } = await bench(t, target, server.serve);
      await add("upstream", slicer(10, 0, 20_000));
      const peer = await dial(t, listen);
      const behind = await server.peer();
      const sizes: number[] = [];
      behind.socket.on("data", (bytes: Buffer) => sizes.push(bytes.length));
      const sent = randomBytes(64, 3);
      const started = performance.now();
      peer.socket.write(sent);
      await behind.until(() => behind.length === 64);
      // Eight pieces of eight bytes; on a busy machine several of them may be seen at once.
      assert.ok(performance.now() - started >= 7 * 20 - 2);
      assert.ok(behind.received.equals(sent));
      assert.ok(
        sizes.every((size) => size % 8 === 0),
        sizes.join(),
      );
    },
  );

  claim(
    "slicer with a variation covers megabytes byte for byte; taken away, the rest leaves at once",
    async (t, target) => {
      const server = capture();
      const { listen, add, remove } = await bench(t, target, server.serve);
      await add("upstream", slicer(1000, 500, 10));
      const peer = await dial(t, listen);
      const behind = await server.peer();
      const sent = randomBytes(MIB, 4);
      peer.socket.write(sent);
      await behind.until(() => behind.length >= sent.length);
      assert.equal(digest(behind.received), digest(sent));
      await remove("upstream", "slicer");
      await add("upstream", slicer(1, 0, 3_600_000_000));
      peer.socket.write("0123456789");
      await behind.until(() => behind.length > sent.length);
      await remove("upstream", "slicer");
      await behind.until(() => behind.length === sent.length + 10);
      assert.equal(behind.received.subarray(sent.length).toString(), "0123456789");
    },
  );

  for (const [first, second] of [
    ["0123456789", ""],
    ["012345", "6789"],
    ["0123", "456789 and more"],
    ["0123456789 and more", ""],
  ] as const)
    claim(`limit_data 10 passes ten bytes of "${first}" + "${second}" and ends both sides`, async (t, target) => {
      const server = capture();
      const { listen, add } = await bench(t, target, server.serve);
      await add("upstream", limitData(10));
      const peer = await dial(t, listen);
      const behind = await server.peer();
      peer.socket.write(first);
      if (second !== "") {
        await behind.until(() => behind.length === first.length);
        peer.socket.write(second);
      }
      await Promise.all([behind.until(() => behind.ended), peer.until(() => peer.closed)]);
      assert.equal(behind.received.toString(), "0123456789");
    });

  claim("limit_data 0 passes nothing, but ends only when something comes; toxicity spares it", async (t, target) => {
    const server = capture();
    const { listen, add, client } = await bench(t, target, server.serve);
    await add("upstream", limitData(0), 0);
    const peer = await dial(t, listen);
    const behind = await server.peer();
    peer.socket.write("spared");
    await behind.until(() => behind.length === 6);
    await client.updateToxic("p", { name: "limit_data_upstream", stream: "upstream", toxicity: 1, ...limitData(0) });
    behind.socket.write("idle is no reason");
    await peer.until(() => peer.length === 17);
    peer.socket.write("x");
    await Promise.all([behind.until(() => behind.ended), peer.until(() => peer.closed)]);
    assert.equal(behind.length, 6);
  });

  claim("limit_data counts on over updates of itself and anew once removed and added again", async (t, target) => {
    const server = capture();
    const { listen, add, remove, client } = await bench(t, target, server.serve);
    const update = (bytes: number) =>
      client.updateToxic("p", { name: "limit_data_upstream", stream: "upstream", toxicity: 1, ...limitData(bytes) });
    await add("upstream", limitData(10));
    const peer = await dial(t, listen);
    const behind = await server.peer();
    const send = async (text: string, total: number): Promise<void> => {
      peer.socket.write(text);
      await behind.until(() => behind.length === total);
    };
    await send("01234567", 8);
    await update(20);
    await send("01234567", 16);
    await remove("upstream", "limit_data");
    await add("upstream", limitData(10));
    await send("01234567", 24);
    // Fewer than have passed: the next byte ends it.
    await update(4);
    peer.socket.write("x");
    await behind.until(() => behind.ended);
    assert.equal(behind.length, 24);
  });

  claim(
    "slow_close holds back only the end, by no less than its delay; removed, it ends at once",
    async (t, target) => {
      const server = capture();
      const { listen, add, remove, client } = await bench(t, target, server.serve);
      await add("upstream", slowClose(150));
      const peer = await dial(t, listen);
      const behind = await server.peer();
      peer.socket.write("data passes");
      await behind.until(() => behind.length === 11);
      const started = performance.now();
      peer.socket.end();
      await behind.until(() => behind.ended);
      assert.ok(performance.now() - started >= 149);
      const hour = { name: "slow_close_upstream", stream: "upstream", toxicity: 1, ...slowClose(3_600_000) } as const;
      await client.updateToxic("p", hour);
      const next = await dial(t, listen);
      next.socket.end("the end waits");
      // An update begins the wait anew; it does not let the end through.
      await client.updateToxic("p", hour);
      await eventually(async () => (await client.proxies()).length === 1);
      assert.equal(next.closed, false);
      await remove("upstream", "slow_close");
      await next.until(() => next.closed);
    },
  );

  for (const stream of ["upstream", "downstream"] as const)
    for (const timeoutMs of [0, 100])
      claim(`reset_peer ${timeoutMs} ${stream} resets both sides at the first data`, async (t, target) => {
        const server = capture();
        const { listen, add } = await bench(t, target, server.serve);
        await add(stream, resetPeer(timeoutMs));
        const peer = await dial(t, listen);
        const behind = await server.peer();
        const started = performance.now();
        (stream === "upstream" ? peer : behind).socket.write("x");
        await Promise.all([peer.until(() => peer.closed), behind.until(() => behind.closed)]);
        assert.ok(performance.now() - started >= timeoutMs - 1);
        assert.deepEqual([peer.error?.code, behind.error?.code], ["ECONNRESET", "ECONNRESET"]);
        assert.deepEqual([peer.length, behind.length], [0, 0]);
      });

  claim(
    "reset_peer added to a live connection ends it without a reset, and only once data comes",
    async (t, target) => {
      const server = capture();
      const { listen, add } = await bench(t, target, server.serve);
      const peer = await dial(t, listen);
      const behind = await server.peer();
      await add("upstream", resetPeer(100));
      behind.socket.write("idle is no reason");
      await peer.until(() => peer.length === 17);
      const started = performance.now();
      peer.socket.write("x");
      await behind.until(() => behind.ended);
      behind.socket.end();
      await peer.until(() => peer.closed);
      assert.ok(performance.now() - started >= 99);
      assert.deepEqual([peer.error, behind.error, behind.length], [null, null, 0]);
    },
  );

  claim(
    "toxicity 0 lets data pass a reset_peer, but the end of the connection is a reset all the same",
    async (t, target) => {
      const server = capture();
      const { listen, add, client } = await bench(t, target, server.serve);
      await add("downstream", resetPeer(0), 0);
      const peer = await dial(t, listen);
      const behind = await server.peer();
      peer.socket.write("through");
      await behind.until(() => behind.length === 7);
      behind.socket.write("and back");
      await peer.until(() => peer.length === 8);
      await client.setEnabled("p", false);
      await Promise.all([peer.until(() => peer.closed), behind.until(() => behind.closed)]);
      assert.deepEqual([peer.error?.code, behind.error?.code], ["ECONNRESET", "ECONNRESET"]);
    },
  );

  claim(
    "an update of a latency delays what waits behind the first chunk anew: nothing comes early",
    async (t, target) => {
      const server = capture();
      const { listen, add, client } = await bench(t, target, server.serve);
      await add("upstream", slicer(1, 0, 0));
      await add("upstream", latency(3_600_000));
      const peer = await dial(t, listen);
      const behind = await server.peer();
      const started = performance.now();
      // Two chunks; only the first can be in work when the update comes.
      peer.socket.write("ab");
      await client.updateToxic("p", { name: "latency_upstream", stream: "upstream", toxicity: 1, ...latency(300) });
      await behind.until(() => behind.length === 2);
      assert.equal(behind.received.toString(), "ab");
      assert.ok(performance.now() - started >= 299);
    },
  );

  claim(
    "toxics of one direction act in order of addition: a limit behind a slicer, data before the end",
    async (t, target) => {
      const server = capture();
      const { listen, add } = await bench(t, target, server.serve);
      await add("downstream", slicer(3, 0, 1000));
      await add("downstream", limitData(10));
      await add("downstream", latency(50));
      const peer = await dial(t, listen);
      const behind = await server.peer();
      const started = performance.now();
      behind.socket.write("0123456789abcdef");
      await peer.until(() => peer.closed);
      assert.equal(peer.received.toString(), "0123456789");
      assert.ok(performance.now() - started >= 49);
    },
  );

  claim("a timeout restarts with each chunk, and does not hang the removal of another toxic", async (t, target) => {
    const server = capture();
    const { listen, add, remove } = await bench(t, target, server.serve);
    await add("upstream", timeoutToxic(0));
    await add("upstream", latency(3_600_000));
    await add("downstream", timeoutToxic(1500));
    const peer = await dial(t, listen);
    const behind = await server.peer();
    peer.socket.write("swallowed");
    let lastSentMs = 0;
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      lastSentMs = performance.now();
      behind.socket.write("x");
    }
    await remove("upstream", "latency");
    await peer.until(() => peer.closed);
    assert.ok(performance.now() - lastSentMs >= 1499);
    assert.equal(peer.length, 0);
  });

  claim(
    "no byte is lost both ways while every toxic that loses none comes and goes under traffic",
    async (t, target) => {
      const { listen, add, remove } = await bench(t, target, echo);
      const peer = await dial(t, listen);
      const sent = randomBytes(8 * MIB, 6);
      let at = 0;
      const send = (): void => {
        while (at < sent.length) {
          at += 64 * 1024;
          if (!peer.socket.write(sent.subarray(at - 64 * 1024, at))) return;
        }
      };
      peer.socket.on("drain", send);
      send();
      const toxics = [latency(2, 2), bandwidth(200_000), slicer(4000, 1000, 1), slowClose(1000)];
      let changes = 0;
      for (let i = 0; i < 5 || peer.length < sent.length; i++)
        for (const stream of ["upstream", "downstream"] as const) {
          for (const toxic of toxics) await add(stream, toxic, i % 2 === 0 ? 1 : 0.5);
          for (const toxic of toxics) await remove(stream, toxic.type);
          changes++;
        }
      assert.ok(changes >= 10);
      assert.equal(digest(peer.received), digest(sent));
    },
  );

  claim("one connection works on through every toxic that comes and goes on both directions", async (t, target) => {
    const { listen, add, remove } = await bench(t, target, echo);
    const peer = await dial(t, listen);
    let expected = 0;
    for (const toxic of [latency(2, 1), bandwidth(10_000), slicer(64, 10, 5), slowClose(5), limitData(1_000_000)])
      for (const stream of ["upstream", "downstream"] as const) {
        await add(stream, toxic);
        peer.socket.write(Buffer.alloc(1000, 7));
        expected += 1000;
        await peer.until(() => peer.length === expected);
        await remove(stream, toxic.type);
      }
    assert.ok(peer.received.every((byte) => byte === 7));
  });

  claim("many stops and starts: the port stays, toxics stay, every time connections work", async (t, target) => {
    const { listen, add, client } = await bench(t, target, echo);
    await add("upstream", latency(1));
    for (let i = 0; i < 10; i++) {
      const peer = await dial(t, listen);
      peer.socket.write("x");
      await peer.until(() => peer.length === 1);
      await client.setEnabled("p", false);
      await peer.until(() => peer.closed);
      assert.equal((await client.setEnabled("p", true)).listen, listen);
    }
    assert.match(await (await fetch(`${client.url}/proxies/p/toxics`)).text(), /latency_upstream/);
  });

  claim("reset takes away what holds connections back, on live ones too", async (t, target) => {
    const { listen, add, client } = await bench(t, target, echo);
    await add("upstream", bandwidth(0));
    await add("downstream", latency(3_600_000));
    const peer = await dial(t, listen);
    peer.socket.write("held");
    await client.reset();
    await peer.until(() => peer.length === 4);
    await add("upstream", timeoutToxic(0));
    await client.reset();
    await peer.until(() => peer.closed);
  });
});
