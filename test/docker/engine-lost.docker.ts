/** An engine that is reached over TCP, and goes away in the middle. In a file of its own: a process knows one engine. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { LABEL } from "../../src/harness/cluster/docker/labels.ts";
import { removeCluster } from "../../src/harness/cluster/docker/leftovers.ts";
import type { MemberExit } from "../../src/harness/cluster/supervisor.ts";
import { engineFor, eventually, launch, timeout } from "./support.ts";

const SOCKET = "/var/run/docker.sock";

test("an engine that goes away is told, stopping does not hang, and when it is back the rest is removed", {
  timeout,
}, async (t) => {
  if (!existsSync(SOCKET)) return t.skip(`no ${SOCKET}`);
  const sockets = new Set<Socket>();
  let away = false;
  const relay = createServer((client) => {
    if (away) {
      client.destroy();
      return;
    }
    const engine = connect(SOCKET);
    for (const [from, to] of [
      [client, engine],
      [engine, client],
    ] as const) {
      sockets.add(from);
      from.on("error", () => to.destroy());
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  t.after(() => relay.close());
  process.env["DOCKER_HOST"] = `tcp://127.0.0.1:${(relay.address() as AddressInfo).port}`;
  const engine = await engineFor(t);
  if (engine === null) return;
  assert.equal(engine.address, "127.0.0.1");
  const { cluster } = await launch(t, engine, { members: 1 });
  const [container] = await engine.dockerode.listContainers({ filters: { label: [`${LABEL.pid}=${process.pid}`] } });
  const id = container?.Labels[LABEL.cluster] as string;
  t.after(async () => {
    away = false;
    await removeCluster(engine, id);
  });
  const exits: MemberExit[] = [];
  cluster.onExit((exit) => exits.push(exit));
  away = true;
  for (const socket of sockets) socket.destroy();
  await eventually(() => exits.length > 0);
  assert.deepEqual(
    exits.map(({ member, crashed }) => [member, crashed]),
    [["docker engine", true]],
  );
  await cluster.stop();
  away = false;
  const { containers } = await removeCluster(engine, id);
  assert.equal(containers, 2);
});
