import assert from "node:assert/strict";
import net from "node:net";
import { type TestContext, test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { EtcdClient } from "../../../src/client/client.ts";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import { connectEndpoints, type EndpointsCluster } from "../../../src/harness/cluster/endpoints.ts";
import { TargetError } from "../../../src/harness/cluster/targets.ts";
import { eventually, freePorts, type ServerKind, ServerProcess, whyNot } from "../../support/etcd-server.ts";
import { startThree } from "../../support/three-members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Connected {
  readonly cluster: EndpointsCluster;
  readonly said: readonly string[];
}

async function connect(context: TestContext, ...endpoints: readonly string[]): Promise<Connected> {
  const said: string[] = [];
  const say = (text: string): number => said.push(text);
  const cluster = await connectEndpoints({ endpoints, tls: {}, keyPrefix: "run/1/", prng: new Prng(1), say });
  context.after(() => cluster.stop());
  return { cluster, said };
}

const refused = (expected: RegExp) => (error: unknown) => error instanceof TargetError && expected.test(error.message);

function clientOf(context: TestContext, ...endpoints: readonly string[]): EtcdClient {
  const client = new EtcdClient({ endpoints, network: nodeStreams, clock: nodeClock, prng: new Prng(1) });
  context.after(() => client.close());
  return client;
}

/** An address that gives each connection to the next of these ports, as a balancer does. */
async function balanced(context: TestContext, ports: readonly number[]): Promise<string> {
  const sockets = new Set<net.Socket>();
  let turn = 0;
  const server = net.createServer((near) => {
    const far = net.connect(ports[turn++ % ports.length] as number, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

for (const kind of ["etcd-ts", "etcd"] as const satisfies readonly ServerKind[]) {
  test(`${kind} that runs already: it is asked under its members' own names, and loses nothing but the run's keys`, async (t) => {
    const unavailable = whyNot(kind);
    if (unavailable !== null) return t.skip(unavailable);
    const servers = await startThree(t, kind);
    const { cluster, said } = await connect(t, ...servers.map((server) => server.clientUrl));
    assert.deepEqual(
      cluster.members.map(({ name, clientEndpoint, pid }) => [name, clientEndpoint, pid]),
      servers.map((server, i) => [["a", "b", "c"][i], server.clientUrl, null]),
    );
    assert.match(cluster.version, /^3\.\d+\.\d+$/);
    assert.ok(["a", "b", "c"].includes((await cluster.leader())?.member ?? ""));
    for (const seconds of Object.values(await cluster.cpuSeconds())) assert.ok(seconds !== null && seconds > 0);
    assert.equal(await cluster.servesLinearizable("b", 5000), true);

    const client = clientOf(t, ...servers.map((server) => server.clientUrl));
    for (const key of ["run/1", "run/1.", "run/1/a", "run/1/b", "run/10", "run/2/a", "z"])
      await client.kv.put({ key: bytes(key), value: bytes("v") });
    const { header } = await client.kv.range({ key: bytes("z") });
    await eventually(async () => {
      const seen = Object.values(await cluster.revisions());
      return seen.every((revision) => revision === header?.revision);
    }, "every member has the writes");
    await cluster.stop();
    const left = await client.kv.range({ key: bytes("\0"), rangeEnd: bytes("\0") });
    assert.deepEqual(
      left.kvs.map(({ key }) => new TextDecoder().decode(key)),
      ["run/1", "run/1.", "run/10", "run/2/a", "z"],
    );
    assert.deepEqual(said, ["removed 2 keys with the prefix run/1/"]);
    cluster.killAll();
    assert.equal(said.length, 1, "nothing stays, so nothing is said");
  });
}

test("nothing is done to members that somebody else runs; keys that could not be removed are named", async (t) => {
  const [clientPort] = await freePorts(t, 1);
  const server = new ServerProcess(t, { clientPort: clientPort as number });
  server.start();
  await server.ready();
  const { cluster, said } = await connect(t, server.clientUrl);
  const [member] = cluster.members;
  for (const act of ["kill", "restart", "pause", "resume"] as const)
    await assert.rejects(() => cluster[act](member?.name ?? ""), /ran already and is not ours to be/);
  cluster.killAll();
  assert.match(said.join(), /^keys with the prefix run\/1\/ stay \(.*\); remove them: etcdctl del --prefix run\/1\/$/);
  assert.equal(await cluster.servesLinearizable(member?.name ?? "", 5000), true);
});

test("addresses that are not, each, one member of one cluster are refused and named", async (t) => {
  const ports = await freePorts(t, 3);
  const servers = ports.slice(0, 2).map((clientPort, i) => {
    // Ids are hashes of peer URLs and token.
    const flags = [`--initial-cluster-token=${i}`];
    return new ServerProcess(t, { clientPort, flags });
  });
  for (const server of servers) server.start();
  await Promise.all(servers.map((server) => server.ready()));
  const [first, second] = servers.map((server) => server.clientUrl) as [string, string];
  const local = first.replace("127.0.0.1", "localhost");
  const nowhere = `http://127.0.0.1:${ports[2]}`;
  await assert.rejects(() => connect(t, first, second), refused(/ belong to different clusters$/));
  await assert.rejects(
    () => connect(t, first, local),
    refused(/localhost:\d+ and .* are the same member: name it once$/),
  );
  await assert.rejects(() => connect(t, nowhere), refused(new RegExp(`^${nowhere} does not answer: `)));
  const both = await balanced(t, ports.slice(0, 2));
  await assert.rejects(() => connect(t, both), refused(/ answers for several members: name the members, /));
});
