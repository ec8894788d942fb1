import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId } from "../../src/base/ids.ts";
import { SILENT, type Trace } from "../../src/env/trace.ts";
import { eventually, freePorts } from "../support/etcd-server.ts";
import { TcpLink } from "../support/tcp-link.ts";
import { A, arrives, B, heartbeat, type Peer, startPeer as start } from "./peers.ts";

test("each side's messages arrive, in order, over the connection it dialled", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const a = await start(context, { id: A, port: portA, peers: [[B, portB]] });
  const b = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, b, A, B, 1);
  await arrives(b, a, B, A, 1);
  b.received.length = 0;
  const batch = Array.from({ length: 100 }, (_, i) => heartbeat(A, B, 10 + i));
  for (const message of batch) a.transport.send(B, [message]);
  await eventually(() => last(b) === 109, "the batch");
  const commits = b.received
    .map(({ message }) => (message.kind === "heartbeat" ? message.commit : 0))
    .filter((c) => c >= 10);
  assert.deepEqual(
    commits,
    Array.from({ length: 100 }, (_, i) => 10 + i),
  );
  assert.ok(b.received.every(({ from }) => from === A));
});

function last(peer: Peer): number {
  const message = peer.received.at(-1)?.message;
  return message?.kind === "heartbeat" ? message.commit : 0;
}

test("a peer that went away is told as unreachable and dialled again", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const a = await start(context, { id: A, port: portA, peers: [[B, portB]] });
  const first = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, first, A, B, 1);
  a.unreachable.length = 0;
  await first.stop();
  await eventually(() => a.unreachable.includes(B), "told that B is unreachable");
  const second = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, second, A, B, 2);
});

test("a silent cut is noticed within an election time-out or so, and healed by a new connection", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const link = await TcpLink.open(portB);
  context.after(() => link.close());
  const a = await start(context, { id: A, port: portA, peers: [[B, link.port]] });
  const b = await start(context, { id: B, port: portB, peers: [[A, portA]] });
  await arrives(a, b, A, B, 1);
  a.unreachable.length = 0;
  link.cut();
  await eventually(() => a.unreachable.includes(B), "told that B is unreachable");
  await arrives(b, a, B, A, 2);
  link.heal();
  await arrives(a, b, A, B, 3);
});

test("a stranger is refused, and the log says who and why", async (context) => {
  const [portA, portB] = (await freePorts(context, 2)) as [number, number];
  const warnings: string[] = [];
  const trace: Trace = { ...SILENT, warn: (message, fields) => warnings.push(`${message}: ${fields?.["error"]}`) };
  const b = await start(context, { id: B, port: portB, peers: [[A, portA]], trace });
  const stranger = await start(context, { id: A, port: portA, peers: [[B, portB]], cluster: 0xbadn as ClusterId });
  await eventually(() => stranger.unreachable.length > 0, "refused");
  assert.ok(
    warnings.includes(
      "rejected connection on peer endpoint: cluster ID mismatch: peer 1 belongs to bad, this member to c1",
    ),
    warnings.join("\n"),
  );
  assert.deepEqual(b.received, []);
});
