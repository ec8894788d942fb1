/** Membership as operators change it, with the real etcdctl: ours, and Go etcd where it is installed. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import { eventually, freePorts, isInstalled, type ServerKind, ServerProcess, whyNot } from "../support/etcd-server.ts";
import { startThree } from "../support/three-members.ts";

const missing = isInstalled("etcdctl") ? null : "etcdctl is not installed (Debian package etcd-client)";
const ENVIRONMENT = { ...process.env, ETCDCTL_API: "3" };

interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function etcdctl(servers: readonly ServerProcess[], ...args: readonly string[]): Ran {
  const all = [`--endpoints=${servers.map(({ endpoint }) => endpoint).join(",")}`, "--command-timeout=10s", ...args];
  const ran = spawnSync("etcdctl", all, { env: ENVIRONMENT, encoding: "utf8", timeout: 20_000 });
  return { exit: ran.status, stdout: ran.stdout, stderr: ran.stderr.replace(/^\{"level":"warn".*\n/gm, "") };
}

function succeeds(servers: readonly ServerProcess[], ...args: readonly string[]): string {
  const { exit, stdout, stderr } = etcdctl(servers, ...args);
  assert.equal(exit, 0, `etcdctl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

function refused(servers: readonly ServerProcess[], text: string, ...args: readonly string[]): void {
  const { exit, stderr } = etcdctl(servers, ...args);
  assert.deepEqual([exit, stderr], [1, `Error: ${text}\n`], args.join(" "));
}

/** Changes are refused until the members have been connected for a while, and a learner until it has caught up. */
async function passes(servers: readonly ServerProcess[], until: RegExp, ...args: readonly string[]): Promise<string> {
  let ran = etcdctl(servers, ...args);
  await eventually(
    () => {
      if (ran.exit === 0) return true;
      assert.match(ran.stderr, until, args.join(" "));
      ran = etcdctl(servers, ...args);
      return ran.exit === 0;
    },
    `etcdctl ${args.join(" ")}: ${ran.stderr}`,
  );
  return ran.stdout;
}

const UNHEALTHY = /etcdserver: unhealthy cluster/;

/** A row of `member list`. */
interface Row {
  readonly id: string;
  readonly isStarted: boolean;
  readonly name: string;
  readonly peerUrls: string;
  readonly isLearner: boolean;
}

function members(servers: readonly ServerProcess[]): readonly Row[] {
  return succeeds(servers, "member", "list")
    .trim()
    .split("\n")
    .map((line) => {
      const [id = "", status, name = "", peerUrls = "", , isLearner] = line.split(", ");
      return { id, isStarted: status === "started", name, peerUrls, isLearner: isLearner === "true" };
    });
}

function leaderOf(servers: readonly ServerProcess[]): string {
  const statuses = JSON.parse(
    succeeds(servers, "endpoint", "status", "-w", "json").replace(/:(\d{16,})/g, ':"$1"'),
  ) as { readonly Status: { readonly leader: string } }[];
  return BigInt(statuses[0]?.Status.leader ?? 0).toString(16);
}

async function joiner(context: TestContext, kind: ServerKind, added: string): Promise<(name: string) => ServerProcess> {
  const [clientPort] = (await freePorts(context, 1)) as [number];
  const cluster = /ETCD_INITIAL_CLUSTER="(.*)"/.exec(added)?.[1] as string;
  const advertisePeerUrl = /ETCD_INITIAL_ADVERTISE_PEER_URLS="(.*)"/.exec(added)?.[1] as string;
  const peerPort = Number(new URL(advertisePeerUrl).port);
  const flags = ["--initial-cluster-state=existing"];
  return (name) => new ServerProcess(context, { kind, name, clientPort, peerPort, cluster, advertisePeerUrl, flags });
}

for (const kind of ["etcd-ts", "etcd"] as const) {
  test(`${kind}: a learner joins, catches up, votes, moves; the leader is removed, and everybody comes back`, {
    skip: missing ?? whyNot(kind) ?? false,
  }, async (context) => {
    const founders = await startThree(context, kind);
    const [peerPort, moved] = (await freePorts(context, 2)) as [number, number];
    const url = `http://127.0.0.1:${peerPort}`;
    for (let i = 0; i < 50; i++) succeeds(founders.slice(i % 3, (i % 3) + 1), "put", `k${i}`, `v${i}`);

    const added = await passes(founders, UNHEALTHY, "member", "add", "d", `--peer-urls=${url}`, "--learner");
    const tooMany = "etcdserver: too many learner members in cluster";
    refused(founders, tooMany, "member", "add", "e", `--peer-urls=http://127.0.0.1:${moved}`, "--learner");
    const taken = members(founders).find(({ isStarted }) => isStarted)?.peerUrls;
    refused(founders, "etcdserver: Peer URLs already exists", "member", "add", "e", `--peer-urls=${taken}`);
    const id = members(founders).find(({ isStarted }) => !isStarted)?.id as string;
    assert.match(added, new RegExp(`^Member +${id} added to cluster `));
    const behind = "etcdserver: can only promote a learner member which is in sync with leader";
    refused(founders, behind, "member", "promote", id);
    refused(founders, "etcdserver: can only promote a learner member", "member", "promote", leaderOf(founders));

    const d = (await joiner(context, kind, added))("d");
    d.start();
    await eventually(() => members(founders).every(({ isStarted }) => isStarted), `the learner starts: ${d.log}`);
    await eventually(
      () => etcdctl([d], "get", "k49", "--consistency=s").stdout === "k49\nv49\n",
      "the learner has what was written before it came",
    );
    assert.match(
      etcdctl([d], "get", "k49", "--command-timeout=1s").stderr,
      /etcdserver: rpc not supported for learner|context deadline exceeded/,
    );
    await passes(founders, new RegExp(behind), "member", "promote", id);
    const four = [...founders, d];
    assert.ok(members(four).every(({ isLearner }) => !isLearner));
    assert.equal(succeeds([d], "get", "k0"), "k0\nv0\n");

    const alias = `http://localhost:${peerPort}`;
    succeeds(four, "member", "update", id, `--peer-urls=${alias}`);
    refused(four, "etcdserver: member not found", "member", "update", "1234", `--peer-urls=${url}`);
    for (const server of four)
      await eventually(() => members([server]).find((row) => row.id === id)?.peerUrls === alias, "the new URL");

    await removeLeader(four);
    await d.kill("SIGKILL");
    d.start();
    await d.ready();
    assert.equal(succeeds([d], "get", "k7"), "k7\nv7\n");
  });
}

/** It ends by itself, nobody answers to its id any more, and the others go on; it does not come back. */
async function removeLeader(servers: readonly ServerProcess[]): Promise<void> {
  const leader = leaderOf(servers);
  const name = members(servers).find(({ id }) => id === leader)?.name as string;
  const removed = servers["abcd".indexOf(name)] as ServerProcess;
  const rest = servers.filter((server) => server !== removed);
  await passes(rest, UNHEALTHY, "member", "remove", leader);
  assert.equal(await removed.exited(), 0, removed.log);
  await eventually(() => etcdctl(rest, "put", "after", "removal").exit === 0, "another leader");
  refused(rest, "etcdserver: member not found", "member", "remove", leader);
  assert.equal(members(rest).length, 3);
  removed.start();
  await removed.exited();
  assert.equal(members(rest).length, 3);
}
