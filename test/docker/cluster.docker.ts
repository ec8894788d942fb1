/** Members in containers: what a run does to them, and what is left afterwards. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import type { Cluster } from "../../src/harness/cluster/cluster.ts";
import type { Engine } from "../../src/harness/cluster/docker/engine.ts";
import { LABEL, ownerOf } from "../../src/harness/cluster/docker/labels.ts";
import type { MemberExit } from "../../src/harness/cluster/supervisor.ts";
import { Partition } from "../../src/harness/faults/partition.ts";
import { ToxiproxyClient } from "../../src/harness/faults/toxiproxy/client.ts";
import { clientOf } from "../harness/cluster/support.ts";
import { clustersOf, engineFor, eventually, labelled, launch, put, timeout } from "./support.ts";

const served = async (cluster: Cluster, member: string): Promise<boolean> =>
  (await cluster.revisions())[member] !== null;

async function onlyCluster(engine: Engine): Promise<string> {
  const clusters = await clustersOf(engine, process.pid);
  assert.equal(clusters.length, 1);
  return clusters[0] as string;
}

test("a cluster in containers: labelled, published on this machine only, isolated, killed, frozen, cut off, and gone", {
  timeout,
}, async (t) => {
  const engine = await engineFor(t);
  if (engine === null) return;
  const { dockerode } = engine;
  const { cluster, runDir } = await launch(t, engine);
  const id = await onlyCluster(engine);
  const object = (part: string): string => `faultline-${id}-${part}`;
  const names = cluster.members.map(({ name }) => name);

  await t.test("everything it made carries its labels, and its ports are this machine's alone", async () => {
    const found = await labelled(engine, id);
    assert.equal(found.filter((each) => each.startsWith("container")).length, 4);
    assert.equal(found.filter((each) => each.startsWith("network")).length, 3);
    assert.equal(found.filter((each) => each.startsWith("volume")).length, 3);
    for (const { Id } of await dockerode.listContainers({ filters: { label: [`${LABEL.cluster}=${id}`] } })) {
      const { Config, HostConfig, NetworkSettings } = await dockerode.getContainer(Id).inspect();
      assert.equal(ownerOf(Config.Labels)?.harness.pid, process.pid);
      const bound = Object.values(NetworkSettings.Ports).flatMap((bindings) => bindings ?? []);
      assert.ok(bound.length > 0 || HostConfig.NetworkMode === "none");
      for (const { HostIp } of bound) assert.equal(HostIp, "127.0.0.1");
      assert.ok(!Object.keys(NetworkSettings.Networks).includes("bridge"), "not in the network of all");
    }
  });

  await t.test("a member reaches its peers through the proxy and not past it", async () => {
    const { NetworkSettings } = await dockerode.getContainer(object("n2")).inspect();
    const address = NetworkSettings.Networks[object("n2")]?.IPAddress ?? "";
    assert.match(address, /^\d+\./);
    // In words of Node, which every one of our images has: prints how a connection went.
    const dial = (host: string): string[] => [
      "node",
      "-e",
      `const s = require("node:net").connect({ host: "${host}", port: 2382, timeout: 1500 });
       for (const how of ["connect", "timeout", "error"]) s.once(how, () => { console.log(how); process.exit(0); });`,
    ];
    const from = async (host: string): Promise<string> =>
      (await engine.client.container.exec(dockerode.getContainer(object("n1")), dial(host))).stdout.trim();
    assert.equal(await from("n2.peer.test"), "connect", "the proxy");
    assert.notEqual(await from("n2.member.test"), "connect", "the name that only the proxy knows");
    assert.notEqual(await from(address), "connect", "its address");
  });

  await t.test("storage and CPU are those of the members", async () => {
    const { filesystem, fsyncP99Ns } = await cluster.storage();
    assert.notEqual(filesystem, "unknown");
    assert.ok(fsyncP99Ns === null || fsyncP99Ns > 0);
    for (const seconds of Object.values(await cluster.cpuSeconds())) assert.ok((seconds ?? 0) > 0);
  });

  const exits: MemberExit[] = [];
  const starts: string[] = [];
  cluster.onExit((exit) => exits.push(exit));
  cluster.onStart((member) => starts.push(member));
  const clients = new Map(cluster.members.map(({ name, clientEndpoint }) => [name, clientOf(t, clientEndpoint)]));
  const putAt = (member: string, value: string): Promise<number | null> =>
    put(clients.get(member) as NonNullable<ReturnType<typeof clients.get>>, "k", value);

  await t.test("a paused member is silent and goes on where it was", async () => {
    await cluster.pause("n1");
    assert.equal(await served(cluster, "n1"), false);
    await cluster.resume("n1");
    await eventually(() => served(cluster, "n1"));
    assert.deepEqual(exits, []);
  });

  await t.test("killed and started it has its data, also out of the freezer", async () => {
    await eventually(async () => (await putAt("n2", "v")) !== null);
    await eventually(async () => new Set(Object.values(await cluster.revisions())).size === 1);
    const before = (await cluster.revisions())["n2"] as number;
    await cluster.pause("n2");
    await cluster.kill("n2");
    assert.deepEqual(exits.splice(0), [{ member: "n2", code: null, signal: "SIGKILL", planned: true, crashed: false }]);
    assert.equal(cluster.members[1]?.pid, null);
    await cluster.restart("n2");
    await eventually(() => served(cluster, "n2"));
    assert.ok(((await cluster.revisions())["n2"] as number) >= before);
    assert.deepEqual(starts.splice(0), ["n2"]);
    await cluster.terminate("n2");
    assert.deepEqual(
      exits.splice(0).map(({ signal, planned }) => [signal, planned]),
      [[null, true]],
      "told to stop it ends in order",
    );
    await cluster.restart("n2");
    await eventually(() => served(cluster, "n2"));
    assert.deepEqual(starts.splice(0), ["n2"]);
  });

  await t.test("one that somebody else killed is brought back, and it is said", async () => {
    await dockerode.getContainer(object("n3")).kill({ signal: "SIGKILL" });
    await eventually(() => starts.length === 1);
    assert.deepEqual(exits.splice(0), [
      { member: "n3", code: null, signal: "SIGKILL", planned: false, crashed: false },
    ]);
    await eventually(() => served(cluster, "n3"));
    starts.splice(0);
  });

  await t.test("without its network nobody reaches a member; with it, it is back at the same address", async () => {
    await cluster.disconnect("n3");
    assert.equal(await served(cluster, "n3"), false);
    assert.equal(await putAt("n3", "lost"), null);
    await cluster.reconnect("n3");
    await eventually(() => cluster.servesLinearizable("n3", 1000));
    await eventually(async () => (await putAt("n3", "kept")) !== null);
  });

  await t.test("a partition isolates as it does between processes", async () => {
    await eventually(async () => (await cluster.leader()) !== null);
    const partition = new Partition("p", "leader");
    const toxiproxy = new ToxiproxyClient(cluster.proxyUrl);
    const { members, verify } = await partition.inject({ cluster, toxiproxy, prng: new Prng(1) });
    assert.equal(await verify(), null);
    await partition.heal();
    await eventually(() => cluster.servesLinearizable(members[0] as string, 1000));
  });

  await t.test("the end of the proxy is told as a crash", async () => {
    await dockerode.getContainer(object("toxiproxy")).kill({ signal: "SIGKILL" });
    await eventually(() => exits.some(({ member }) => member === "toxiproxy"));
    assert.deepEqual(exits.splice(0), [
      { member: "toxiproxy", code: null, signal: "SIGKILL", planned: false, crashed: true },
    ]);
  });

  await t.test("afterwards nothing is left but the logs, complete over every restart", async () => {
    await Promise.all([cluster.stop(), cluster.stop()]);
    assert.deepEqual(await labelled(engine, id), []);
    for (const name of names) {
      const log = readFileSync(join(runDir, "logs", `${name}.log`), "utf8");
      const lines = log.trimEnd().split("\n");
      assert.equal(new Set(lines).size, lines.length, "no line twice");
      const beginnings = { n1: 1, n2: 3, n3: 2 }[name];
      assert.equal(log.match(/"msg":"starting etcd-ts"/g)?.length, beginnings, name);
    }
  });
});

test("limits are the containers'; a small disk gets full, its member ends by itself, and what it has is not lost", {
  timeout,
}, async (t) => {
  const engine = await engineFor(t);
  if (engine === null) return;
  // What lies on the disk in memory counts as memory of the container, too.
  const resources = { cpus: 0.75, memoryMegabytes: 640, dataMegabytes: 160 };
  const { cluster } = await launch(t, engine, { members: 1, resources });
  const id = await onlyCluster(engine);
  const container = engine.dockerode.getContainer(`faultline-${id}-n1`);
  const { HostConfig } = await container.inspect();
  assert.equal(HostConfig.NanoCpus, 750_000_000);
  assert.equal(HostConfig.Memory, 640 * 1024 * 1024);
  assert.equal(HostConfig.MemorySwap, HostConfig.Memory);
  const { filesystem, warnings } = await cluster.storage();
  assert.equal(filesystem, "tmpfs");
  assert.match(warnings.join(), /data lies in memory/);
  const client = clientOf(t, (cluster.members[0] as Cluster["members"][number]).clientEndpoint);
  assert.notEqual(await put(client, "before", "v"), null);
  await cluster.kill("n1");
  await cluster.restart("n1");
  await eventually(() => served(cluster, "n1"));
  const exits: MemberExit[] = [];
  cluster.onExit((exit) => exits.push(exit));
  const value = new Uint8Array(1024 * 1024);
  for (let i = 0; exits.length === 0; i++) await put(client, `k${i % 4}`, value);
  assert.equal(exits[0]?.planned, false);
  assert.equal(exits[0]?.crashed, true, "it stays down");
  await cluster.stop();
  assert.deepEqual(await labelled(engine, id), []);
});

test("a launch that is called off, at any moment, leaves nothing", { timeout }, async (t) => {
  const engine = await engineFor(t);
  if (engine === null) return;
  for (const present of ["network", "container", "running"]) {
    const abort = new AbortController();
    const launching = launch(t, engine, { signal: abort.signal });
    launching.catch(() => undefined);
    await eventually(async () => {
      const [id] = await clustersOf(engine, process.pid);
      if (id === undefined) return false;
      if (present !== "running") return (await labelled(engine, id)).some((each) => each.startsWith(present));
      const filters = { label: [`${LABEL.cluster}=${id}`], status: ["running"] };
      return (await engine.dockerode.listContainers({ filters })).length > 0;
    });
    abort.abort(new Error("enough"));
    await assert.rejects(launching, /enough/);
    assert.deepEqual(await clustersOf(engine, process.pid), [], present);
  }
});

test("one who cannot wait has it removed by a process that outlives him", { timeout }, async (t) => {
  const engine = await engineFor(t);
  if (engine === null) return;
  const { cluster } = await launch(t, engine, { members: 1 });
  cluster.killAll();
  await eventually(async () => (await clustersOf(engine, process.pid)).length === 0);
});
