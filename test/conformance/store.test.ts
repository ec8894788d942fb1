/** A store with many keys comes back whole, and watches of a follower that catches up by a snapshot miss nothing. Processes of their own. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { EtcdClient } from "../../src/client/client.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { RequestOp } from "../../src/proto/gen/etcdserverpb.ts";
import { EventType } from "../../src/proto/gen/mvccpb.ts";
import { eventually, freePorts, ServerProcess } from "../support/etcd-server.ts";
import { TcpLink } from "../support/tcp-link.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const QUICK = ["--heartbeat-interval=50", "--election-timeout=500"];
const KEYS = 50_000;
const TXN_PUTS = 100;
const TXNS_IN_FLIGHT = 8;

function clientOf(context: TestContext, server: ServerProcess): EtcdClient {
  const options = { network: nodeStreams, clock: nodeClock, prng: new Prng(1), timeoutMs: 20_000 };
  const client = new EtcdClient({ ...options, endpoints: [server.endpoint], pinned: true });
  context.after(() => client.close());
  return client;
}

const nameOf = (index: number): string => `key/${String(index).padStart(8, "0")}`;

function put(index: number, value: string, lease = 0n): RequestOp {
  const request = { key: bytes(nameOf(index)), value: bytes(value), lease };
  return RequestOp.create({
    request: { kind: "requestPut", value: { ...request, prevKv: false, ignoreValue: false, ignoreLease: false } },
  });
}

/** Every key once, a hundred at a time. */
async function fill(client: EtcdClient, lease: bigint): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < KEYS) {
      const first = next;
      next += TXN_PUTS;
      const success = Array.from({ length: TXN_PUTS }, (_, i) =>
        put(first + i, `value ${first + i}`, (first + i) % 10 === 0 ? lease : 0n),
      );
      await client.kv.txn({ success });
    }
  };
  await Promise.all(Array.from({ length: TXNS_IN_FLIGHT }, lane));
}

test("fifty thousand keys, some changed, deleted, leased and compacted, are the same after a kill", async (context) => {
  const [clientPort = 0] = await freePorts(context, 1);
  const server = new ServerProcess(context, { clientPort, flags: QUICK });
  server.start();
  await server.ready();
  const client = clientOf(context, server);
  const { id: lease } = await client.lease.grant({ ttl: 3600 });
  await fill(client, lease);
  await client.kv.deleteRange({ key: bytes(nameOf(100)), rangeEnd: bytes(nameOf(200)) });
  await client.kv.compact({ revision: 100, physical: true });
  const last = await client.kv.put({ key: bytes(nameOf(150)), value: bytes("again") });
  const look = async (of: EtcdClient) => {
    const all = { key: bytes("key/"), rangeEnd: bytes("key0") };
    const middle = await of.kv.range({ key: bytes(nameOf(20_000)), rangeEnd: bytes(nameOf(20_050)) });
    const { hash, compactRevision, hashRevision } = await of.maintenance.hashKv({});
    const { keys } = await of.lease.timeToLive({ id: lease, keys: true });
    return {
      ...{ hash, compactRevision, hashRevision },
      revision: middle.header?.revision,
      middle: middle.kvs,
      count: (await of.kv.range({ ...all, countOnly: true })).count,
      old: (await of.kv.range({ ...all, countOnly: true, revision: 200 })).count,
      leased: keys.length,
    };
  };
  const before = await look(client);
  assert.deepEqual([before.count, before.leased], [KEYS - 99, KEYS / 10 - 10]);
  assert.equal(before.revision, last.header?.revision);
  await server.kill("SIGKILL");
  server.start();
  await server.ready();
  assert.deepEqual(await look(clientOf(context, server)), before);
});

interface Seen {
  readonly revisions: number[];
  closed: string | null;
}

function watch(client: EtcdClient, key: string, rangeEnd: string, startRevision: number): Seen {
  const seen: Seen = { revisions: [], closed: null };
  client.watch.watch(
    { key: bytes(key), rangeEnd: bytes(rangeEnd), startRevision },
    {
      events: (events) => {
        for (const { kv, type } of events)
          seen.revisions.push((kv?.modRevision ?? 0) * (type === EventType.DELETE ? -1 : 1));
      },
      closed: (error) => {
        seen.closed = String(error);
      },
    },
  );
  return seen;
}

/** Many times what the leader keeps for those that are behind. */
const MISSED = 200;
const CATCH_UP_ENTRIES = 10;

/** Up to where it has cut its log, but for those entries; by its own word. */
function cutAt(server: ServerProcess): number {
  const cuts = [...server.log.matchAll(/"snapshot-index":(\d+),"msg":"saved snapshot"/g)];
  return Number(cuts.at(-1)?.[1] ?? 0);
}

test("while a follower catches up by a snapshot its watches miss nothing, repeat nothing and begin where they were to", async (context) => {
  const ports = await freePorts(context, 6);
  const peerPorts = ports.slice(3);
  const names = ["a", "b", "c"];
  const cluster = names.map((name, i) => `${name}=http://127.0.0.1:${peerPorts[i]}`).join(",");
  const links: { readonly from: number; readonly to: number; readonly link: TcpLink }[] = [];
  const servers: ServerProcess[] = [];
  for (const [from, name] of names.entries()) {
    const flags = [...QUICK, "--snapshot-count=50", `--snapshot-catchup-entries=${CATCH_UP_ENTRIES}`];
    for (const [to, peer] of names.entries()) {
      if (from === to) continue;
      const link = await TcpLink.open(peerPorts[to] as number);
      context.after(() => link.close());
      links.push({ from, to, link });
      flags.push(`--peer-dial-override=${peer}=http://127.0.0.1:${link.port}`);
    }
    const place = { clientPort: ports[from] as number, peerPort: peerPorts[from] as number };
    servers.push(new ServerProcess(context, { name, cluster, flags, ...place }));
  }
  for (const server of servers) server.start();
  await Promise.all(servers.map((server) => server.ready()));
  const clients = servers.map((server) => clientOf(context, server));
  const statuses = await Promise.all(clients.map((client) => client.maintenance.status()));
  const follower = statuses.findIndex(({ leader, header }) => leader !== header?.memberId);
  const writer = clients[(follower + 1) % 3] as EtcdClient;
  const reader = clients[follower] as EtcdClient;

  const write = async (key: string): Promise<number> =>
    (await writer.kv.put({ key: bytes(key), value: bytes("x") })).header?.revision ?? 0;
  const first = await write("idle/a");
  const future = first + MISSED / 2;
  const live = watch(reader, "busy/", "busy0", first);
  const idle = watch(reader, "idle/", "idle0", first);
  const later = watch(reader, "busy/", "busy0", future);
  await write("busy/0");
  await eventually(() => live.revisions.length === 1 && idle.revisions.length === 1, "the follower's watches");

  const { raftAppliedIndex: seenIndex } = await reader.maintenance.status();
  const around = links.filter(({ from, to }) => from === follower || to === follower);
  for (const { link } of around) link.cut();
  await eventually(async () => (await writer.kv.put({ key: bytes("busy/0") }).catch(() => null)) !== null, "a leader");
  await Promise.all(Array.from({ length: MISSED }, (_, i) => write(`busy/${i % 7}`)));
  const others = servers.filter((_, i) => i !== follower);
  await eventually(async () => {
    await write("busy/1");
    return others.every((server) => cutAt(server) > seenIndex + CATCH_UP_ENTRIES);
  }, "nobody has in the log what the follower misses");
  for (const { link } of around) link.heal();
  const { header } = await writer.kv.deleteRange({ key: bytes("busy/3") });
  const newest = header?.revision ?? 0;
  const caughtUp = (seen: Seen): boolean => Math.abs(seen.revisions.at(-1) ?? 0) >= newest;
  await eventually(() => caughtUp(live) && caughtUp(later), "the follower's watches catch up");
  const after = await write("busy/0");
  await eventually(() => live.revisions.at(-1) === after && later.revisions.at(-1) === after, "one more change");
  assert.match(servers[follower]?.log ?? "", /applied snapshot/, "it was so far behind that it needed one");
  const every = Array.from({ length: after - first }, (_, i) => first + 1 + i);
  const signed = every.map((revision) => (revision === newest ? -revision : revision));
  assert.deepEqual(live.revisions, signed, "each change once, in order");
  assert.deepEqual(idle.revisions, [first], "of what did not change nothing is told again");
  assert.deepEqual(
    later.revisions,
    signed.filter((revision) => Math.abs(revision) >= future),
    "nothing from before its start",
  );
  assert.deepEqual([live.closed, idle.closed, later.closed], [null, null, null]);
});
