/** Members that join a running cluster of processes, whatever happens to them on the way. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { EtcdClient } from "../../src/client/client.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import { eventually, freePorts, ServerProcess } from "../support/etcd-server.ts";
import { TcpLink } from "../support/tcp-link.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const QUICK = ["--heartbeat-interval=50", "--election-timeout=500"];
const JOINING = [...QUICK, "--initial-cluster-state=existing"];
const VALUE = Buffer.alloc(1024 * 1024, "v");

function clientOf(context: TestContext, server: ServerProcess): EtcdClient {
  const options = { network: nodeStreams, clock: nodeClock, prng: new Prng(1), timeoutMs: 10_000 };
  const client = new EtcdClient({ ...options, endpoints: [server.endpoint], pinned: true });
  context.after(() => client.close());
  return client;
}

interface Single {
  readonly server: ServerProcess;
  readonly client: EtcdClient;
  readonly cluster: string;
  /** Of the member to come, and where the founder dials it instead. */
  readonly joinerPort: number;
  readonly joinerUrl: string;
  readonly link: TcpLink;
}

/** A cluster of one, which reaches who joins it over a link. */
async function single(context: TestContext): Promise<Single> {
  const [clientPort, peerPort, joinerPort] = (await freePorts(context, 3)) as [number, number, number];
  const link = await TcpLink.open(joinerPort);
  context.after(() => link.close());
  const joinerUrl = `http://127.0.0.1:${joinerPort}`;
  const flags = [...QUICK, `--peer-dial-override=${joinerUrl}=http://127.0.0.1:${link.port}`];
  const server = new ServerProcess(context, { name: "a", clientPort, peerPort, flags });
  server.start();
  await server.ready();
  const cluster = `a=http://127.0.0.1:${peerPort},b=${joinerUrl}`;
  return { server, client: clientOf(context, server), cluster, joinerPort, joinerUrl, link };
}

async function joinerOf(context: TestContext, { cluster, joinerPort }: Single): Promise<ServerProcess> {
  const [clientPort] = (await freePorts(context, 1)) as [number];
  return new ServerProcess(context, { name: "b", clientPort, peerPort: joinerPort, cluster, flags: JOINING });
}

async function fill(client: EtcdClient, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await client.kv.put({ key: bytes(`k${i}`), value: VALUE });
}

async function countOf(client: EtcdClient): Promise<number> {
  const request = { key: bytes("k"), rangeEnd: bytes("l"), countOnly: true, serializable: true };
  try {
    return (await client.kv.range(request, { timeoutMs: 1000 })).count;
  } catch (error) {
    assert.ok(error instanceof GrpcError, String(error));
    return -1;
  }
}

test("killed at any moment of joining, a member goes on where it was", async (context) => {
  const founded = await single(context);
  await fill(founded.client, 12);
  await founded.client.cluster.memberAdd({ peerUrls: [founded.joinerUrl], isLearner: true });
  const joiner = await joinerOf(context, founded);
  const moments = ["receiving database snapshot", "received database snapshot", "published local"];
  for (const moment of moments) {
    const seen = joiner.log.split(moment).length;
    joiner.start();
    // What it was killed after once is behind it then: being ready is the last moment there is.
    await eventually(
      async () => joiner.log.split(moment).length > seen || (await joiner.health("/health?serializable=true")) === 200,
      `${moment}:\n${joiner.log}`,
    );
    await joiner.kill("SIGKILL");
  }
  joiner.start();
  const client = clientOf(context, joiner);
  await eventually(async () => (await countOf(client)) === 12, `it has everything:\n${joiner.log}`);
  const { members } = await founded.client.cluster.memberList();
  assert.deepEqual(members.map(({ name, isLearner }) => [name, isLearner]).sort(), [
    ["a", false],
    ["b", true],
  ]);
});

test("a snapshot whose way breaks is sent anew", async (context) => {
  const founded = await single(context);
  await fill(founded.client, 12);
  await founded.client.cluster.memberAdd({ peerUrls: [founded.joinerUrl], isLearner: true });
  const joiner = await joinerOf(context, founded);
  joiner.start();
  await eventually(() => joiner.log.includes("receiving database snapshot"), `a snapshot comes:\n${joiner.log}`);
  founded.link.cut();
  founded.link.heal();
  await founded.client.kv.put({ key: bytes("k-later"), value: bytes("1") });
  const client = clientOf(context, joiner);
  await eventually(async () => (await countOf(client)) === 13, `it has everything:\n${joiner.log}`);
});

test("a second voter joins a single one: from then on both must agree", async (context) => {
  const founded = await single(context);
  const { member } = await founded.client.cluster.memberAdd({ peerUrls: [founded.joinerUrl] });
  const joiner = await joinerOf(context, founded);
  joiner.start();
  await joiner.ready();
  await founded.client.kv.put({ key: bytes("k"), value: bytes("v") });
  await joiner.kill("SIGKILL");
  await assert.rejects(founded.client.kv.put({ key: bytes("k"), value: bytes("w") }, { timeoutMs: 300 }), GrpcError);
  joiner.start();
  await joiner.ready();
  assert.equal(await countOf(clientOf(context, joiner)), 1);
  await eventually(async () => {
    const refusal = await founded.client.cluster.memberRemove(member?.id ?? 0n).then(
      () => null,
      (error: GrpcError) => error.message,
    );
    assert.ok(refusal === null || /unhealthy cluster|timed out|leader/.test(refusal), refusal ?? "");
    return refusal === null;
  }, "the second is removed");
  assert.equal(await joiner.exited(), 0, joiner.log);
  await founded.client.kv.put({ key: bytes("k"), value: bytes("x") });
});

test("who cannot join says why and ends with 69", async (context) => {
  const founded = await single(context);
  const alone = await joinerOf(context, founded);
  alone.start();
  assert.equal(await alone.exited(), 69);
  assert.match(
    alone.log,
    /cannot join: error validating peerURLs: member count is unequal: the cluster has 1, .* 2\n$/,
  );
  const [clientPort, peerPort, nobody] = (await freePorts(context, 3)) as [number, number, number];
  const cluster = `n1=http://127.0.0.1:${peerPort},x=http://127.0.0.1:${nobody}`;
  const lost = new ServerProcess(context, { clientPort, peerPort, cluster, flags: JOINING });
  lost.start();
  assert.equal(await lost.exited(), 69);
  assert.match(lost.log, /cannot join: cannot fetch cluster info from peer urls: could not retrieve cluster/);
});

test("a founder that has lost its data is not let back in under its old id", async (context) => {
  const ports = await freePorts(context, 5);
  const [clientA, clientB, peerA, peerB, another] = ports as [number, number, number, number, number];
  const cluster = `a=http://127.0.0.1:${peerA},b=http://127.0.0.1:${peerB}`;
  const a = new ServerProcess(context, { name: "a", clientPort: clientA, peerPort: peerA, cluster, flags: QUICK });
  const b = new ServerProcess(context, { name: "b", clientPort: clientB, peerPort: peerB, cluster, flags: QUICK });
  a.start();
  b.start();
  await Promise.all([a.ready(), b.ready()]);
  await b.kill("SIGKILL");
  for (const flags of [QUICK, JOINING]) {
    const amnesiac = new ServerProcess(context, { name: "b", clientPort: another, peerPort: peerB, cluster, flags });
    amnesiac.start();
    assert.equal(await amnesiac.exited(), 69);
    assert.match(amnesiac.log, /member [0-9a-f]+ has already been bootstrapped, and its data is not here/);
  }
});

test("a member that was down while another joined comes back, though that one leads", async (context) => {
  const names = ["a", "b", "c", "d"] as const;
  const ports = await freePorts(context, 8);
  const peerUrl = (i: number): string => `http://127.0.0.1:${ports[i]}`;
  const clusterOf = (count: number): string =>
    names
      .slice(0, count)
      .map((name, i) => `${name}=${peerUrl(i)}`)
      .join();
  const servers = names.map((name, i) => {
    const flags = [...(i < 3 ? QUICK : JOINING), "--strict-reconfig-check=false"];
    const cluster = clusterOf(i < 3 ? 3 : 4);
    return new ServerProcess(context, { name, clientPort: ports[4 + i] ?? 0, peerPort: ports[i] ?? 0, cluster, flags });
  });
  const [a, b, c, d] = servers as [ServerProcess, ServerProcess, ServerProcess, ServerProcess];
  for (const server of [a, b, c]) server.start();
  await Promise.all([a, b, c].map((server) => server.ready()));
  await c.kill("SIGTERM");
  await a.ready();
  const { member } = await clientOf(context, a).cluster.memberAdd({ peerUrls: [peerUrl(3)], isLearner: true });
  d.start();
  await eventually(async () => {
    const promoted = await clientOf(context, a)
      .cluster.memberPromote(member?.id ?? 0n)
      .catch((error: unknown) => {
        assert.match(String(error), /can only promote a learner member which is in sync with leader/);
        return null;
      });
    return promoted !== null;
  }, "the new one is caught up and promoted");
  const { leader } = await clientOf(context, a).maintenance.status();
  const { members } = await clientOf(context, a).cluster.memberList();
  const leading = members.find(({ id }) => id === leader)?.name === "a" ? a : b;
  await clientOf(context, leading).maintenance.moveLeader(member?.id ?? 0n);
  const term = (await clientOf(context, d).maintenance.status()).raftTerm;
  c.start();
  await c.ready();
  const status = await clientOf(context, c).maintenance.status();
  assert.deepEqual([status.leader, status.raftTerm], [member?.id, term], "nobody else was elected for it");
});
