/** What clients see of leases, on our server and on Go etcd where it is installed: that proves the claims themselves right. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { type TestContext, test } from "node:test";
import type { EtcdClient } from "../../src/client/client.ts";
import type { LeaseLost } from "../../src/client/lease-keeper.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import type { Event } from "../../src/proto/gen/mvccpb.ts";
import { clientOf } from "../client/member.ts";
import { eventually, freePorts, isInstalled, type ServerKind, ServerProcess, whyNot } from "../support/etcd-server.ts";
import { startThree } from "../support/three-members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const EVERYTHING = { key: bytes("\0"), rangeEnd: bytes("\0") };

interface Session {
  readonly client: EtcdClient;
  readonly server: ServerProcess;
}

async function start(context: TestContext, kind: ServerKind): Promise<Session> {
  const [clientPort] = (await freePorts(context, 1)) as [number];
  const server = new ServerProcess(context, { kind, clientPort });
  server.start();
  await server.ready();
  const client = clientOf([server.endpoint]);
  context.after(() => client.close());
  return { client, server };
}

type Claim = (session: Session, context: TestContext) => Promise<void>;

const claims = new Map<string, Claim>();

/** To be shown of our server and of Go etcd: of one server each, without keys and leases in the beginning. */
function conformance(title: string, claim: Claim): void {
  claims.set(title, claim);
}

async function clear({ client }: Session): Promise<void> {
  await client.kv.deleteRange(EVERYTHING);
  for (const { id } of (await client.lease.list()).leases) await client.lease.revoke(id).catch(() => {});
}

async function refusal(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof GrpcError, "the call is refused");
  return `${error.code} ${error.message}`;
}

async function put(client: EtcdClient, key: string, lease = 0n, ignoreLease = false): Promise<number> {
  const { header } = await client.kv.put({ key: bytes(key), value: bytes("v"), lease, ignoreLease });
  return header?.revision ?? 0;
}

async function keysOf(client: EtcdClient, id: bigint): Promise<readonly string[]> {
  return (await client.lease.timeToLive({ id, keys: true })).keys.map(text).sort();
}

const NOT_FOUND = "5 etcdserver: requested lease not found";

conformance("what is granted, and what is not", async ({ client }) => {
  const first = await client.lease.grant({ ttl: 60 });
  const second = await client.lease.grant({ ttl: 60 });
  assert.ok(first.id > 0n && second.id > 0n && first.id !== second.id);
  assert.deepEqual([first.ttl, first.error], [60, ""]);
  assert.equal(second.header?.revision, first.header?.revision, "no revision is made");
  for (const ttl of [1, 0, -1]) assert.equal((await client.lease.grant({ ttl })).ttl, 2, "raised to the least");
  assert.equal((await client.lease.grant({ ttl: 60, id: -7n })).id, -7n);
  assert.equal((await client.lease.grant({ ttl: 9_000_000_000, id: 2n ** 63n - 1n })).ttl, 9_000_000_000);
  assert.equal(await refusal(client.lease.grant({ ttl: 60, id: -7n })), "9 etcdserver: lease already exists");
  for (const id of [0n, -7n])
    assert.equal(await refusal(client.lease.grant({ ttl: 9_000_000_001, id })), "11 etcdserver: too large lease TTL");
  const listed = (await client.lease.list()).leases.map(({ id }) => id);
  for (const id of [first.id, second.id, -7n, 2n ** 63n - 1n]) assert.ok(listed.includes(id), `${id} is listed`);
  assert.equal(listed.at(-1), 2n ** 63n - 1n, "the last to run out comes last");
});

conformance("a key hangs on the lease of its last put, and its deletion frees it", async ({ client }) => {
  const { id: one } = await client.lease.grant({ ttl: 600 });
  const { id: two } = await client.lease.grant({ ttl: 600 });
  for (const key of ["c", "a", "b"]) await put(client, key, one);
  assert.deepEqual(await keysOf(client, one), ["a", "b", "c"]);
  await put(client, "a", two);
  await put(client, "b");
  await put(client, "c", 0n, true);
  assert.deepEqual([await keysOf(client, one), await keysOf(client, two)], [["c"], ["a"]]);
  await client.kv.deleteRange({ key: bytes("c") });
  assert.deepEqual(await keysOf(client, one), []);
  const kept = await client.kv.range({ key: bytes("a") });
  assert.equal(kept.kvs[0]?.lease, two);
  const requestPut = {
    key: bytes("x"),
    value: bytes("1"),
    lease: two,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  await client.kv.txn({ success: [{ request: { kind: "requestPut", value: requestPut } }] });
  assert.deepEqual(await keysOf(client, two), ["a", "x"]);
  assert.deepEqual((await client.lease.timeToLive({ id: two })).keys, [], "only if they are asked for");
});

conformance(
  "a put on a lease that does not exist is refused, in a transaction before anything happens",
  async ({ client }) => {
    const before = await put(client, "k");
    assert.equal(await refusal(put(client, "k", 1234n)), NOT_FOUND);
    const of = (lease: bigint): Parameters<EtcdClient["kv"]["txn"]>[0] => ({
      success: [1n, lease].map((each, i) => ({
        request: {
          kind: "requestPut" as const,
          value: {
            ...{ key: bytes(`t${i}`), value: bytes("v"), prevKv: false, ignoreValue: false, ignoreLease: false },
            lease: i === 0 ? 0n : each,
          },
        },
      })),
    });
    assert.equal(await refusal(client.kv.txn(of(1234n))), NOT_FOUND);
    const { header, kvs } = await client.kv.range(EVERYTHING);
    assert.deepEqual([header?.revision, kvs.map(({ key }) => text(key))], [before, ["k"]]);
  },
);

conformance(
  "a revocation deletes what hangs on the lease in one revision, in the order of keys",
  async ({ client }, context) => {
    const { id } = await client.lease.grant({ ttl: 600 });
    for (const key of ["b", "a", "aa", "c"]) await put(client, key, id);
    const last = await put(client, "stays");
    const events: Event[] = [];
    const watching = client.watch.watch(
      { ...EVERYTHING, startRevision: last + 1 },
      { events: (more) => events.push(...more), closed() {} },
    );
    context.after(() => watching.cancel());
    assert.equal((await client.lease.revoke(id)).header?.revision, last + 1);
    await eventually(() => events.length === 4, "the deletions");
    assert.deepEqual(
      events.map(({ type, kv }) => [type, text(kv?.key ?? bytes("")), kv?.modRevision, kv?.lease]),
      ["a", "aa", "b", "c"].map((key) => [1, key, last + 1, 0n]),
    );
    assert.equal(await refusal(client.lease.revoke(id)), NOT_FOUND);
    const { id: empty } = await client.lease.grant({ ttl: 600 });
    assert.equal((await client.lease.revoke(empty)).header?.revision, last + 1, "nothing hung on it: no revision");
    const gone = await client.lease.timeToLive({ id, keys: true });
    assert.deepEqual([gone.ttl, gone.grantedTtl, gone.keys, gone.id], [-1, 0, [], id]);
  },
);

conformance("one stream renews many leases; of one that is gone it says zero, and goes on", async ({ client }) => {
  const { id } = await client.lease.grant({ ttl: 60 });
  const { id: other } = await client.lease.grant({ ttl: 90 });
  assert.equal((await client.lease.keepAliveOnce(id)).ttl, 60);
  assert.equal((await client.lease.keepAliveOnce(1234n)).ttl, 0);
  const seen: string[] = [];
  const watcher = (name: string): Parameters<EtcdClient["lease"]["keepAlive"]>[1] => ({
    renewed: ({ ttl }) => seen.push(`${name} ${ttl}`),
    lost: ({ kind }: LeaseLost) => seen.push(`${name} ${kind}`),
  });
  const keeping = [
    client.lease.keepAlive(id, watcher("one")),
    client.lease.keepAlive(1234n, watcher("none")),
    client.lease.keepAlive(other, watcher("other")),
  ];
  await eventually(() => seen.length === 3, "three answers");
  assert.deepEqual(seen.sort(), ["none gone", "one 60", "other 90"]);
  for (const { stop } of keeping) stop();
  const { ttl, grantedTtl } = await client.lease.timeToLive({ id });
  assert.ok(ttl > 0 && ttl < 60, `${ttl}`);
  assert.equal(grantedTtl, 60);
});

conformance(
  "a lease that nobody renews ends and takes its keys along; others outlive a crash",
  async ({ client, server }) => {
    const { id } = await client.lease.grant({ ttl: 5 });
    const { id: long } = await client.lease.grant({ ttl: 600 });
    await put(client, "goes", id);
    await put(client, "stays", long);
    await eventually(async () => (await client.kv.range(EVERYTHING)).count === 1, "one key is gone");
    assert.equal((await client.lease.timeToLive({ id })).ttl, -1);
    assert.equal((await client.lease.keepAliveOnce(id)).ttl, 0);
    await server.kill("SIGKILL");
    server.start();
    await server.ready();
    assert.deepEqual(await keysOf(client, long), ["stays"], "a restart forgets neither lease nor keys");
    await client.lease.revoke(long);
    assert.equal((await client.kv.range(EVERYTHING)).count, 0);
  },
);

const hasEtcdctl = isInstalled("etcdctl");

conformance("the real etcdctl's lease commands", async ({ server }, context) => {
  if (!hasEtcdctl) return context.skip("etcdctl is not installed (Debian package etcd-client)");
  const env = { ...process.env, ETCDCTL_API: "3" };
  const run = (...args: readonly string[]): string => {
    const all = [`--endpoints=${server.endpoint}`, "--command-timeout=10s", ...args];
    const { status, stdout, stderr } = spawnSync("etcdctl", all, { env, encoding: "utf8", timeout: 20_000 });
    const own = stderr.replace(/^\{"level":.*\n/gm, "");
    return status === 0 ? stdout : `${status} ${own}`;
  };
  const id = /^lease ([0-9a-f]{16}) granted with TTL\(600s\)\n$/.exec(run("lease", "grant", "600"))?.[1] ?? "none";
  assert.match(run("lease", "grant", "0"), /^lease [0-9a-f]{16} granted with TTL\(2s\)\n$/);
  assert.equal(run("put", "lk1", "v", `--lease=${id}`), "OK\n");
  assert.match(
    run("lease", "timetolive", id, "--keys"),
    new RegExp(`^lease ${id} granted with TTL\\(600s\\), remaining\\(5\\d\\ds\\), attached keys\\(\\[lk1\\]\\)\n$`),
  );
  assert.equal(run("lease", "keep-alive", "--once", id), `lease ${id} keepalived with TTL(600)\n`);
  assert.equal(run("lease", "keep-alive", "--once", "1234"), "2 Error: etcdserver: requested lease not found\n");
  assert.match(run("lease", "list"), new RegExp(`^found \\d leases\n([0-9a-f]{16}\n)*${id}\n$`));
  const missing = "1 Error: failed to revoke lease (etcdserver: requested lease not found)\n";
  assert.equal(run("lease", "revoke", id), `lease ${id} revoked\n`);
  assert.equal(run("lease", "revoke", id), missing);
  assert.equal(run("lease", "timetolive", id), `lease ${id} already expired\n`);
  assert.equal(run("get", "lk1"), "");
  const tooLarge = "1 Error: failed to grant lease (etcdserver: too large lease TTL)\n";
  assert.equal(run("lease", "grant", "9000000001"), tooLarge);
});

for (const kind of ["etcd-ts", "etcd"] as const)
  test(`${kind}: leases`, { skip: whyNot(kind) ?? false }, async (context) => {
    const session = await start(context, kind);
    for (const [title, claim] of claims) {
      await clear(session);
      await context.test(title, (each) => claim(session, each));
    }
  });

for (const kind of ["etcd-ts", "etcd"] as const)
  test(`${kind}: every member of a cluster grants, renews, looks at and revokes`, {
    skip: whyNot(kind) ?? false,
  }, async (context) => {
    const servers = await startThree(context, kind);
    const clients = servers.map(({ endpoint }) => clientOf([endpoint]));
    context.after(() => {
      for (const client of clients) client.close();
    });
    const { id } = await (clients[0] as EtcdClient).lease.grant({ ttl: 60 });
    await put(clients[1] as EtcdClient, "k", id);
    for (const client of clients) {
      assert.equal((await client.lease.keepAliveOnce(id)).ttl, 60);
      assert.equal((await client.lease.keepAliveOnce(1234n)).ttl, 0);
      assert.equal((await client.lease.timeToLive({ id })).grantedTtl, 60);
      assert.equal((await client.lease.timeToLive({ id: 1234n })).ttl, -1);
      await eventually(async () => (await client.lease.list()).leases.length === 1, "it is known here");
      await eventually(async () => (await keysOf(client, id)).length === 1, "with its key");
    }
    await (clients[2] as EtcdClient).lease.revoke(id);
    for (const client of clients) assert.equal((await client.kv.range({ key: bytes("k") })).count, 0);
  });
