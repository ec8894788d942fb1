/** Three real processes: what was acknowledged outlives kill -9, and a cut leader knows what it must not answer. */
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
const NAMES = ["a", "b", "c"] as const;

function clientOf(context: TestContext, server: ServerProcess): EtcdClient {
  const options = { network: nodeStreams, clock: nodeClock, prng: new Prng(1), timeoutMs: 10_000 };
  const client = new EtcdClient({ ...options, endpoints: [server.endpoint], pinned: true });
  context.after(() => client.close());
  return client;
}

async function read(
  client: EtcdClient,
  key: string,
  serializable: boolean,
  timeoutMs?: number,
): Promise<string | null> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const response = await client.kv.range({ key: bytes(key), serializable }, options);
  const kv = response.kvs[0];
  return kv === undefined ? null : new TextDecoder().decode(kv.value);
}

/** A write that a dead leader may have taken is given up soon and tried again. */
async function write(client: EtcdClient, key: string, value: string): Promise<boolean> {
  try {
    await client.kv.put({ key: bytes(key), value: bytes(value) }, { timeoutMs: 1000 });
    return true;
  } catch (error) {
    assert.ok(error instanceof GrpcError, String(error));
    return false;
  }
}

interface TestCluster {
  readonly servers: readonly ServerProcess[];
  readonly clients: readonly EtcdClient[];
  /** By "from>to": what members dial. */
  readonly links: ReadonlyMap<string, TcpLink>;
}

async function clusterOf(context: TestContext): Promise<TestCluster> {
  const ports = await freePorts(context, 6);
  const peerPorts = ports.slice(3);
  const cluster = NAMES.map((name, i) => `${name}=http://127.0.0.1:${peerPorts[i]}`).join(",");
  const links = new Map<string, TcpLink>();
  const servers: ServerProcess[] = [];
  for (const [i, name] of NAMES.entries()) {
    const flags = ["--heartbeat-interval=50", "--election-timeout=500"];
    for (const [j, peer] of NAMES.entries()) {
      if (i === j) continue;
      const link = await TcpLink.open(peerPorts[j] as number);
      context.after(() => link.close());
      links.set(`${name}>${peer}`, link);
      flags.push(`--peer-dial-override=${peer}=http://127.0.0.1:${link.port}`);
    }
    const options = { name, clientPort: ports[i] as number, peerPort: peerPorts[i] as number, cluster, flags };
    servers.push(new ServerProcess(context, options));
  }
  for (const server of servers) server.start();
  await Promise.all(servers.map((server) => server.ready()));
  return { servers, clients: servers.map((server) => clientOf(context, server)), links };
}

async function leaderOf({ clients }: TestCluster): Promise<number> {
  for (const [i, client] of clients.entries()) {
    const status = await client.maintenance.status();
    if (status.leader !== 0n && status.leader === status.header?.memberId) return i;
  }
  assert.fail("a healthy cluster has a leader");
}

test("everything acknowledged is there after kill -9", async (context) => {
  const [clientPort] = (await freePorts(context, 1)) as [number];
  const server = new ServerProcess(context, { clientPort });
  server.start();
  await server.ready();
  const client = clientOf(context, server);
  const acknowledged = new Set<string>();
  let writing = true;
  const writers = Array.from({ length: 20 }, async (_, writer) => {
    for (let i = 0; writing; i++) {
      const key = `${writer}/${i}`;
      if (!(await write(client, key, key))) return;
      acknowledged.add(key);
    }
  });
  await eventually(() => acknowledged.size > 1000, "a thousand writes");
  await server.kill("SIGKILL");
  writing = false;
  await Promise.all(writers);
  server.start();
  await server.ready();
  const again = clientOf(context, server);
  const response = await again.kv.range({ key: bytes("\0"), rangeEnd: bytes("\0"), serializable: true });
  const found = new Set(response.kvs.map((kv) => new TextDecoder().decode(kv.key)));
  assert.deepEqual(
    [...acknowledged].filter((key) => !found.has(key)),
    [],
  );
});

test("writes go on after the leader was killed, and it catches up when it is back", async (context) => {
  const cluster = await clusterOf(context);
  const dead = await leaderOf(cluster);
  const others = cluster.clients.filter((_, i) => i !== dead);
  assert.ok(await write(others[0] as EtcdClient, "k", "before"));
  await cluster.servers[dead]?.kill("SIGKILL");
  await eventually(() => write(others[0] as EtcdClient, "k", "after"), "a write through another leader");
  assert.equal(await read(others[1] as EtcdClient, "k", false), "after");
  cluster.servers[dead]?.start();
  await cluster.servers[dead]?.ready();
  assert.equal(
    await read(cluster.clients[dead] as EtcdClient, "k", true),
    "after",
    "it does not serve before it has caught up",
  );
});

test("a leader cut off from its peers answers serializable reads and no linearizable ones", async (context) => {
  const cluster = await clusterOf(context);
  const cut = await leaderOf(cluster);
  const client = cluster.clients[cut] as EtcdClient;
  const other = cluster.clients[(cut + 1) % 3] as EtcdClient;
  assert.ok(await write(client, "k", "old"));
  const name = NAMES[cut] as string;
  for (const [path, link] of cluster.links) if (path.split(">").includes(name)) link.cut();
  await eventually(() => write(other, "k", "new"), "the others elect a leader");
  assert.equal(await read(client, "k", true), "old");
  await assert.rejects(read(client, "k", false, 1000), GrpcError);
  assert.equal(await cluster.servers[cut]?.health("/health?serializable=true"), 200);
  for (const link of cluster.links.values()) link.heal();
  await eventually(async () => (await read(client, "k", true)) === "new", "the cut member catches up");
  assert.equal(await read(client, "k", false), "new");
});

test("one direction cut: a leader that is not heard is replaced, though it hears the others", async (context) => {
  const cluster = await clusterOf(context);
  const deaf = await leaderOf(cluster);
  const name = NAMES[deaf] as string;
  for (const [path, link] of cluster.links) if (path.startsWith(`${name}>`)) link.cut();
  const other = cluster.clients[(deaf + 1) % 3] as EtcdClient;
  await eventually(() => write(other, "k", "new"), "another leader");
  assert.notEqual(await leaderOf(cluster), deaf);
});

test("SIGTERM is an orderly end, and the port and the directory are free again", async (context) => {
  const [clientPort] = (await freePorts(context, 1)) as [number];
  const server = new ServerProcess(context, { clientPort });
  server.start();
  await server.ready();
  assert.ok(await write(clientOf(context, server), "k", "1"));
  assert.equal(await server.kill("SIGTERM"), 0, server.log);
  server.start();
  await server.ready();
  assert.equal(await read(clientOf(context, server), "k", false), "1");
});

test("what cannot work is one line and an exit code", async (context) => {
  const [clientPort, peerPort] = (await freePorts(context, 2)) as [number, number];
  const first = new ServerProcess(context, { clientPort, peerPort });
  first.start();
  await first.ready();
  const second = new ServerProcess(context, { clientPort });
  second.start();
  assert.equal(await second.exited(), 69);
  assert.match(
    second.log,
    /etcd-ts: --listen-client-urls: cannot listen on http:\/\/127.0.0.1:\d+: the port is in use/,
  );
  const wrong = new ServerProcess(context, { clientPort, flags: ["--nonsense=1"] });
  wrong.start();
  assert.equal(await wrong.exited(), 64);
  assert.equal(wrong.log, "etcd-ts: unknown flag --nonsense: --help lists the flags\n");
});
