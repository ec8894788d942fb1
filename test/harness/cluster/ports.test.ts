import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { Ports } from "../../../src/harness/cluster/ports.ts";

const timeout = 30_000;

async function bind(port: number): Promise<void> {
  const server = createServer();
  server.listen({ host: "127.0.0.1", port });
  await once(server, "listening");
  server.close();
  await once(server, "close");
}

test("two runs side by side never share a port, no run gives one twice, and none is a default of etcd's", {
  timeout,
}, async (t) => {
  const runs = [new Ports(), new Ports()] as const;
  t.after(() => Promise.all(runs.map((ports) => ports.close())));
  const given = await Promise.all(Array.from({ length: 120 }, (_, i) => (runs[i % 2] as Ports).reserve()));
  assert.equal(new Set(given).size, given.length);
  for (const port of given) assert.ok(port > 10_000 && port < 32_768, String(port));
});

test("a reserved port is held until it is released, and then free to bind", { timeout }, async (t) => {
  const ports = new Ports();
  t.after(() => ports.close());
  const port = await ports.reserve();
  await assert.rejects(bind(port), { code: "EADDRINUSE" });
  await ports.release(port);
  await bind(port);
});

test("no other run takes a port of this one's, though nothing listens there, until it is closed", {
  timeout,
}, async (t) => {
  const ours = new Ports();
  const port = await ours.reserve();
  await ours.release(port);
  const theirs = new Ports(() => port);
  t.after(() => Promise.all([ours.close(), theirs.close()]));
  await assert.rejects(theirs.reserve(), /no free port/);
  await Promise.all([ours.close(), ours.close()]);
  assert.equal(await theirs.reserve(), port);
});

test("close frees everything that was reserved", { timeout }, async () => {
  const ports = new Ports();
  const port = await ports.reserve();
  await ports.close();
  await bind(port);
});
