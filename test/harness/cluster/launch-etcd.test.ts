/** The runtime with Go etcd: the same claims as for ours (launch.test.ts), above all that a cut member is really cut. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import type { Cluster } from "../../../src/harness/cluster/cluster.ts";
import { dialerEnvironment } from "../../../src/harness/cluster/dialer.ts";
import { cacheFolder } from "../../../src/harness/cluster/etcd-build.ts";
import { processStart } from "../../../src/harness/cluster/identity.ts";
import { launchCluster } from "../../../src/harness/cluster/launch.ts";
import { peerProxy } from "../../../src/harness/cluster/network.ts";
import { findProgram } from "../../../src/harness/cluster/programs.ts";
import { readRegistry } from "../../../src/harness/cluster/registry.ts";
import type { Program } from "../../../src/harness/cluster/targets.ts";
import { memberEnvironment } from "../../../src/harness/cluster/targets.ts";
import { Partition } from "../../../src/harness/faults/partition.ts";
import { ToxiproxyClient } from "../../../src/harness/faults/toxiproxy/client.ts";
import { EMBEDDED_TOXIPROXY } from "../../../src/harness/faults/toxiproxy/program.ts";
import { eventually, temporaryDirectory } from "./support.ts";

const timeout = 90_000;
const NEWEST = "3.7.3";

/** The oldest that matters and the newest, as far as they are here; nothing is built for a test. */
const TARGETS: readonly { readonly title: string; readonly binary: string; readonly hint: string }[] = [
  { title: "etcd on the PATH", binary: "etcd", hint: "Go etcd is not installed (Debian package etcd-server)" },
  {
    title: `etcd ${NEWEST}`,
    binary: join(cacheFolder(process.env), NEWEST, "etcd"),
    hint: `no run with --target etcd@${NEWEST} has built it yet`,
  },
];

async function find(binary: string): Promise<Program | null> {
  const options = { environment: process.env, say: () => undefined, signal: new AbortController().signal };
  return await findProgram({ kind: "etcd", source: { kind: "binary", binary } }, options).catch(() => null);
}

async function launch(t: TestContext, target: Program): Promise<{ cluster: Cluster; runDir: string }> {
  let cluster: Cluster | null = null;
  const directory = temporaryDirectory(t, () => cluster?.stop());
  const runDir = join(directory, "run-1");
  cluster = await launchCluster({ members: 3, runDir, target, proxy: EMBEDDED_TOXIPROXY, seed: 1, keepData: false });
  return { cluster, runDir };
}

for (const { title, binary, hint } of TARGETS) {
  test(`${title}: comes up behind its proxies, says what the harness asks, and stops without a trace`, {
    timeout,
  }, async (t) => {
    const program = await find(binary);
    if (program === null) return t.skip(hint);
    const { cluster, runDir } = await launch(t, program);
    const leader = await cluster.leader();
    assert.ok(leader !== null && leader.term > 0 && ["n1", "n2", "n3"].includes(leader.member));
    for (const { name } of cluster.members) assert.equal(await cluster.servesLinearizable(name, 5000), true, name);
    await eventually(async () => new Set(Object.values(await cluster.revisions())).size === 1);
    const cpu = await cluster.cpuSeconds();
    for (const { name } of cluster.members) assert.ok((cpu[name] ?? 0) > 0, `${name} tells its CPU time`);
    const processes = readRegistry(runDir)?.processes ?? [];
    assert.deepEqual(processes.map(({ name }) => name).sort(), ["n1", "n2", "n3", "peer-dialer", "toxiproxy"]);
    await cluster.kill("n2");
    await cluster.restart("n2");
    await eventually(async () => await cluster.servesLinearizable("n2", 1000));
    const restarted = readRegistry(runDir)?.processes ?? [];
    await cluster.stop();
    for (const { pid } of restarted) assert.equal(processStart(pid), null);
    assert.equal(existsSync(join(runDir, "processes.json")), false);
  });

  test(`${title}: a cut leader is proven isolated, the others elect another, and it serves again when healed`, {
    timeout,
  }, async (t) => {
    const program = await find(binary);
    if (program === null) return t.skip(hint);
    const { cluster } = await launch(t, program);
    const toxiproxy = new ToxiproxyClient(cluster.proxyUrl);
    const partition = new Partition("p", "leader");
    const { members, verify } = await partition.inject({ cluster, toxiproxy, prng: new Prng(1) });
    const [cut = ""] = members;
    assert.equal(await verify(), null);
    let other = cut;
    await eventually(async () => {
      // While they elect, nobody knows a leader.
      other = (await cluster.leader())?.member ?? cut;
      return other !== cut;
    });
    await eventually(async () => await cluster.servesLinearizable(other, 1000));
    assert.equal(await cluster.servesLinearizable(cut, 1000), false, "still cut when the others have gone on");
    await partition.heal();
    await eventually(async () => await cluster.servesLinearizable(cut, 1000));
  });
}

test("cutting only what a member dials does not isolate it, and the proof says so", { timeout }, async (t) => {
  const program = await find("etcd");
  if (program === null) return t.skip(TARGETS[0]?.hint ?? "");
  const { cluster } = await launch(t, program);
  const toxiproxy = new ToxiproxyClient(cluster.proxyUrl);
  const partition = new Partition("p", "follower");
  const { members, verify } = await partition.inject({ cluster, toxiproxy, prng: new Prng(1) });
  const [cut = ""] = members;
  assert.equal(await verify(), null);
  await partition.heal();
  for (const { name } of cluster.members) if (name !== cut) await toxiproxy.setEnabled(peerProxy(cut, name), false);
  await eventually(async () => await cluster.servesLinearizable(cut, 1000));
  assert.match((await verify()) ?? "", /still confirmed a read with a quorum/);
});

test("a member's environment has its SOCKS5 server and neither other proxies nor settings for etcd", () => {
  const environment = { PATH: "/bin", NO_PROXY: "*", https_proxy: "x", http_proxy: "y", ETCD_NAME: "z", etcd: "kept" };
  assert.deepEqual(dialerEnvironment(memberEnvironment(environment), 1234), {
    PATH: "/bin",
    etcd: "kept",
    HTTP_PROXY: "socks5://127.0.0.1:1234",
  });
});
