/** The whole runtime with real members: what a run does to them, and what is left afterwards. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import type { EtcdClient } from "../../../src/client/client.ts";
import { type Cluster, LaunchError } from "../../../src/harness/cluster/cluster.ts";
import { processStart } from "../../../src/harness/cluster/identity.ts";
import { type LaunchOptions, launchCluster } from "../../../src/harness/cluster/launch.ts";
import { readRegistry } from "../../../src/harness/cluster/registry.ts";
import type { MemberExit } from "../../../src/harness/cluster/supervisor.ts";
import { Partition } from "../../../src/harness/faults/partition.ts";
import { ToxiproxyClient } from "../../../src/harness/faults/toxiproxy/client.ts";
import { EMBEDDED_TOXIPROXY } from "../../../src/harness/faults/toxiproxy/program.ts";
import { clientOf, eventually, temporaryDirectory } from "./support.ts";

const timeout = 90_000;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function optionsIn(runDir: string): LaunchOptions {
  return { members: 3, runDir, target: { kind: "ts" }, proxy: EMBEDDED_TOXIPROXY, seed: 1, keepData: false };
}

async function launch(t: TestContext): Promise<{ cluster: Cluster; runDir: string }> {
  let cluster: Cluster | null = null;
  const runDir = join(
    temporaryDirectory(t, () => cluster?.stop()),
    "run-1",
  );
  cluster = await launchCluster(optionsIn(runDir));
  return { cluster, runDir };
}

/** Null: it was not acknowledged. */
async function put(client: EtcdClient, value: string): Promise<number | null> {
  try {
    return (await client.kv.put({ key: bytes("k"), value: bytes(value) })).header?.revision ?? null;
  } catch {
    return null;
  }
}

test("a cluster comes up behind its proxies, serves, and stops without a trace", { timeout }, async (t) => {
  const { cluster, runDir } = await launch(t);
  assert.deepEqual(
    cluster.members.map(({ name }) => name),
    ["n1", "n2", "n3"],
  );
  const proxies = await new ToxiproxyClient(cluster.proxyUrl).proxies();
  assert.equal(proxies.length, 9);
  assert.match(cluster.proxyVersion, /^embedded toxiproxy \d/);
  const leader = await cluster.leader();
  assert.ok(leader !== null && leader.term > 0);
  for (const { clientEndpoint } of cluster.members) assert.ok(await put(clientOf(t, clientEndpoint), "v"));
  await eventually(async () => new Set(Object.values(await cluster.revisions())).size === 1);
  const cpu = await cluster.cpuSeconds();
  for (const { name } of cluster.members) assert.ok((cpu[name] ?? 0) > 0, `${name} tells its CPU time`);
  const processes = readRegistry(runDir)?.processes ?? [];
  assert.deepEqual(processes.map(({ name }) => name).sort(), ["n1", "n2", "n3", "toxiproxy"]);
  const exits: MemberExit[] = [];
  cluster.onExit((exit) => exits.push(exit));
  await Promise.all([cluster.stop(), cluster.stop()]);
  assert.equal(exits.length, 4);
  assert.ok(exits.every(({ planned }) => planned));
  for (const { pid } of processes) assert.equal(processStart(pid), null);
  assert.equal(existsSync(join(runDir, "processes.json")), false);
  assert.equal(existsSync(join(runDir, "data", "n1")), true, "the data is the caller's to remove");
  assert.ok(existsSync(join(runDir, "logs", "toxiproxy.log")));
});

test("an isolated leader is proven isolated, the others elect another, and healing brings it back", {
  timeout,
}, async (t) => {
  const { cluster } = await launch(t);
  const partition = new Partition("p", "leader");
  const first = await cluster.leader();
  assert.ok(first);
  const toxiproxy = new ToxiproxyClient(cluster.proxyUrl);
  const { members, verify } = await partition.inject({ cluster, toxiproxy, prng: new Prng(1) });
  assert.deepEqual(members, [first.member]);
  assert.equal(await verify(), null);
  const endpointOf = (name: string): string => cluster.members.find((m) => m.name === name)?.clientEndpoint ?? "";
  const cut = clientOf(t, endpointOf(first.member));
  assert.equal(await put(cut, "lost"), null);
  const stale = await cut.kv.range({ key: bytes("k"), serializable: true });
  assert.equal(stale.kvs.length, 0, "its clients still reach it");
  await eventually(async () => {
    const leader = await cluster.leader();
    return leader !== null && leader.member !== first.member && leader.term > first.term;
  });
  const second = await cluster.leader();
  assert.ok(second);
  assert.ok(await put(clientOf(t, endpointOf(second.member)), "kept"));
  await partition.heal();
  await eventually(async () => (await put(cut, "again")) !== null);
  await eventually(async () => new Set(Object.values(await cluster.revisions())).size === 1);
});

test("a member killed by hand is reported and back on its data after a moment", { timeout }, async (t) => {
  const { cluster } = await launch(t);
  const exits: MemberExit[] = [];
  const starts: string[] = [];
  cluster.onExit((exit) => exits.push(exit));
  cluster.onStart((member) => starts.push(member));
  const [victim] = cluster.members;
  assert.ok(victim?.pid);
  assert.ok(await put(clientOf(t, victim.clientEndpoint), "v"));
  process.kill(victim.pid, "SIGKILL");
  await eventually(() => exits.length === 1);
  assert.deepEqual(exits, [{ member: "n1", code: null, signal: "SIGKILL", planned: false, crashed: false }]);
  await eventually(() => starts.length === 1);
  const client = clientOf(t, victim.clientEndpoint);
  await eventually(async () => (await put(client, "w")) !== null);
  await cluster.kill("n2");
  assert.equal(cluster.members[1]?.pid, null);
  await cluster.restart("n2");
  await eventually(async () => (await cluster.revisions())["n2"] !== null);
  assert.deepEqual(starts, ["n1", "n2"]);
  assert.equal(exits.at(-1)?.planned, true);
});

test("one who cannot wait ends every process at once, and nothing comes back", { timeout }, async (t) => {
  const { cluster, runDir } = await launch(t);
  const processes = readRegistry(runDir)?.processes ?? [];
  assert.equal(processes.length, 4);
  cluster.killAll();
  await eventually(() => processes.every(({ pid }) => processStart(pid) === null));
  await cluster.stop();
  assert.equal(existsSync(join(runDir, "processes.json")), false);
});

test("a proxy that does not come up fails the launch with the end of its log, and nothing stays behind", {
  timeout,
}, async (t) => {
  const runDir = join(temporaryDirectory(t), "run-1");
  const command = () => [process.execPath, "-e", "console.error('no such luck'); process.exitCode = 1"];
  const launching = launchCluster({ ...optionsIn(runDir), proxy: { ...EMBEDDED_TOXIPROXY, command } });
  await assert.rejects(launching, (error) => {
    assert.ok(error instanceof LaunchError);
    assert.match(error.message, /the proxy did not come up: .*\n.*no such luck/);
    return true;
  });
  assert.equal(existsSync(join(runDir, "processes.json")), false);
});

test("a member that does not come up fails the launch with its name and the end of its log", {
  timeout,
}, async (t) => {
  const runDir = join(temporaryDirectory(t), "run-1");
  mkdirSync(join(runDir, "data"), { recursive: true });
  // A link to nowhere where n2's data should be: it can be made into no directory.
  symlinkSync("/proc/nowhere/n2", join(runDir, "data", "n2"));
  await assert.rejects(launchCluster(optionsIn(runDir)), (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, /n2/);
    return true;
  });
  assert.equal(existsSync(join(runDir, "processes.json")), false);
});

test("an abort during the launch leaves nothing running", { timeout }, async (t) => {
  const runDir = join(temporaryDirectory(t), "run-1");
  const abort = new AbortController();
  const launching = launchCluster({ ...optionsIn(runDir), signal: abort.signal });
  await eventually(() => (readRegistry(runDir)?.processes.length ?? 0) >= 3);
  const processes = readRegistry(runDir)?.processes ?? [];
  abort.abort(new Error("enough"));
  await assert.rejects(launching);
  for (const { pid } of processes) assert.equal(processStart(pid), null);
  assert.equal(existsSync(join(runDir, "processes.json")), false);
});
