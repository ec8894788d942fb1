import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import { SILENT, type Trace } from "../../src/env/trace.ts";
import { eventually, freePorts } from "../support/etcd-server.ts";
import { A, arrives, B, startPeer, urlOf } from "./peers.ts";

const C = 3n as MemberId;
const NOBODY: ReadonlySet<MemberId> = new Set();

test("a member of which this one was not told yet is heard, and answered where it says it is, until it is removed", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const a = await startPeer(context, { id: A, port: portA, peers: [], request: async () => Buffer.from("answer") });
  const b = await startPeer(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(b, a, B, A, 1);
  await arrives(a, b, A, B, 2);
  assert.equal(Buffer.from((await b.transport.request(A, new Uint8Array(1), 10_000)) ?? []).toString(), "answer");
  a.transport.setPeers(new Map([[C, [urlOf(1)]]]), NOBODY);
  await arrives(a, b, A, B, 3);
  assert.deepEqual([...a.transport.peers.keys()], [C], "it is no peer by its own word alone");
  a.transport.setPeers(new Map([[B, [urlOf(portB)]]]), NOBODY);
  await arrives(a, b, A, B, 4);
  await arrives(b, a, B, A, 5);
  a.transport.setPeers(new Map(), new Set([B]));
  await eventually(() => b.removals() > 0, "told that it was removed");
});

test("who is not known and says not where it can be dialled is refused until it is known", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const a = await startPeer(context, { id: A, port: portA, peers: [] });
  const b = await startPeer(context, { id: B, port: portB, peers: [[A, portA]], peerUrls: [] });
  await eventually(() => b.unreachable.length > 1, "refused");
  assert.deepEqual(a.received, []);
  assert.equal(b.removals(), 0, "a stranger is not told that it was removed");
  a.transport.setPeers(new Map([[B, [urlOf(portB)]]]), NOBODY);
  await arrives(a, b, A, B, 1);
  await arrives(b, a, B, A, 2);
});

test("a member that was removed is told so once on each connection, and what it says is not heard", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const a = await startPeer(context, { id: A, port: portA, peers: [[B, portB]] });
  const b = await startPeer(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(b, a, B, A, 1);
  a.transport.setPeers(new Map(), new Set([B]));
  a.received.length = 0;
  await eventually(() => b.removals() > 0, "told that it was removed");
  b.unreachable.length = 0;
  await eventually(() => b.unreachable.length > 2, "dialled and refused again");
  assert.equal(b.removals(), 1);
  assert.deepEqual(a.received, []);
  assert.equal(await b.transport.request(A, new Uint8Array(1), 1000), null);
});

test("a peer whose URLs changed is dialled at the new ones; peers that stay keep their connections", async (context) => {
  const [portA, portB, portC, moved] = (await freePorts(context, 4)) as [number, number, number, number];
  const established: string[] = [];
  const trace: Trace = {
    ...SILENT,
    info: (message, fields) => {
      if (message === "established connection to peer") established.push(String(fields?.["address"]));
    },
  };
  const a = await startPeer(context, {
    id: A,
    port: portA,
    peers: [
      [B, portB],
      [C, portC],
    ],
    trace,
  });
  const b = await startPeer(context, { id: B, port: portB, peers: [[A, portA]] });
  const c = await startPeer(context, { id: C, port: portC, peers: [[A, portA]] });
  await arrives(a, b, A, B, 1);
  await arrives(a, c, A, C, 1);
  await b.stop();
  const again = await startPeer(context, { id: B, port: moved, peers: [[A, portA]] });
  a.transport.setPeers(
    new Map([
      [B, [urlOf(portB), urlOf(moved)]],
      [C, [urlOf(portC)]],
    ]),
    NOBODY,
  );
  await arrives(a, again, A, B, 2);
  await arrives(a, c, A, C, 2);
  assert.equal(established.filter((address) => address.endsWith(`:${portC}`)).length, 1);
});

test("a question is answered by the peer that it goes to, once; without an answer in time there is none", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const asked: string[] = [];
  const a = await startPeer(context, {
    id: A,
    port: portA,
    peers: [
      [B, portB],
      [C, 1],
    ],
  });
  const b = await startPeer(context, {
    id: B,
    port: portB,
    peers: [[A, portA]],
    request: async (from, request) => {
      const text = Buffer.from(request).toString();
      asked.push(`${from} ${text}`);
      if (text === "never") return new Promise(() => {});
      return text === "nothing" ? null : Buffer.from(`${text}!`);
    },
  });
  await arrives(a, b, A, B, 1);
  const ask = (to: MemberId, text: string, timeoutMs: number): Promise<Uint8Array | null> =>
    a.transport.request(to, Buffer.from(text), timeoutMs);
  assert.equal(Buffer.from((await ask(B, "who", 10_000)) ?? []).toString(), "who!");
  assert.equal(Buffer.from((await ask(B, "", 10_000)) ?? []).toString(), "!");
  assert.equal(await ask(B, "nothing", 10_000), null);
  assert.equal(await ask(B, "never", 30), null);
  assert.equal(await ask(C, "down", 30), null);
  assert.equal(await ask(4n as MemberId, "unknown", 10_000), null);
  assert.deepEqual(asked, ["1 who", "1 ", "1 nothing", "1 never"]);
});
