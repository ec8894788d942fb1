/** Leases on real members of one cluster, in logical time: log, quorum rounds, forwarding and restarts included. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isEtcdError } from "../../src/etcd/errors.ts";
import { LeaseRequests } from "../../src/etcd/lease-requests.ts";
import {
  LeaseGrantRequest,
  type LeaseTimeToLiveResponse,
  PutRequest,
  RangeRequest,
  type RangeResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { ELECTION_MS, MemberCluster, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

class LeaseCluster extends MemberCluster {
  readonly leases = new Map<TestNode, LeaseRequests>();

  constructor(size: number) {
    super(size);
    for (const node of this.nodes) this.serve(node);
  }

  serve(node: TestNode): void {
    const options = { clock: this.clock, electionMs: ELECTION_MS, spaceRefusal: () => null };
    this.leases.set(node, new LeaseRequests(node.member, options));
  }

  override restart(node: TestNode): void {
    super.restart(node);
    this.serve(node);
  }

  of(node: TestNode): LeaseRequests {
    return this.leases.get(node) as LeaseRequests;
  }

  /** Time passes until there is an answer; a refusal is its text. */
  async answer<Response extends object>(
    soon: Response | Promise<Response>,
  ): Promise<Exclude<Response, { code: number }> | string> {
    let settled: Response | undefined;
    void Promise.resolve(soon).then((response) => {
      settled = response;
    });
    await this.until(() => settled !== undefined, "an answer");
    const result = settled as Response;
    return isEtcdError(result) ? result.message : (result as Exclude<Response, { code: number }>);
  }

  async grant(node: TestNode, ttl: number, id = 0n): Promise<bigint> {
    const granted = await this.answer(this.of(node).grant(LeaseGrantRequest.create({ ttl, id })));
    assert.ok(typeof granted === "object", String(granted));
    return granted.id;
  }

  async renew(node: TestNode, id: bigint): Promise<number | string> {
    const renewed = await this.answer(this.of(node).keepAlive({ id }));
    return typeof renewed === "string" ? renewed : renewed.ttl;
  }

  async timeLeft(node: TestNode, id: bigint): Promise<LeaseTimeToLiveResponse> {
    const left = await this.answer(this.of(node).timeToLive({ id, keys: true }));
    assert.ok(typeof left === "object", String(left));
    return left as LeaseTimeToLiveResponse;
  }

  async put(node: TestNode, key: string, lease: bigint): Promise<void> {
    const put = await this.answer(Promise.resolve(node.requests.put(PutRequest.create({ key: bytes(key), lease }))));
    assert.ok(typeof put === "object", String(put));
  }

  async keys(node: TestNode): Promise<readonly string[]> {
    const request = RangeRequest.create({ key: bytes("\0"), rangeEnd: bytes("\0") });
    const soon = await this.answer(Promise.resolve(node.requests.range(request)));
    const range = (typeof soon === "function" ? (soon as () => RangeResponse)() : soon) as RangeResponse;
    return range.kvs.map(({ key }) => text(key));
  }
}

test("a lease granted anywhere lives while it is renewed anywhere, and takes its keys along when it ends", async () => {
  const cluster = new LeaseCluster(3);
  await cluster.serving();
  const [a, b, c] = cluster.nodes as [TestNode, TestNode, TestNode];
  const id = await cluster.grant(b, 5);
  assert.ok(id > 0n);
  for (const [node, key] of [
    [a, "k2"],
    [b, "k1"],
    [c, "free"],
  ] as const)
    await cluster.put(node, key, key === "free" ? 0n : id);
  for (let i = 0; i < 6; i++) {
    await cluster.advance(3_000);
    assert.equal(await cluster.renew(cluster.nodes[i % 3] as TestNode, id), 5);
  }
  await cluster.advance(500);
  const left = await cluster.timeLeft(c, id);
  assert.deepEqual([left.ttl, left.grantedTtl, left.keys.map(text)], [4, 5, ["k1", "k2"]]);
  const { revision } = a.member.status;
  await cluster.advance(6_500);
  assert.deepEqual(await cluster.keys(b), ["free"]);
  assert.equal(a.member.status.revision, revision + 1, "all its keys in one revision");
  for (const node of cluster.nodes) {
    assert.equal(await cluster.renew(node, id), 0);
    assert.deepEqual((await cluster.timeLeft(node, id)).ttl, -1);
    const { granted, revoked, renewed, expired } = cluster.of(node).counts;
    const byLeader = node.member.status.role === "leader" ? [6, 1] : [0, 0];
    assert.deepEqual([granted, revoked, renewed, expired], [1, 1, ...byLeader]);
  }
  await cluster.stop();
});

test("the time is raised to the least, chosen ids differ, taken ones are refused", async () => {
  const cluster = new LeaseCluster(1);
  const node = await cluster.serving();
  const requests = cluster.of(node);
  const granted = await cluster.answer(requests.grant(LeaseGrantRequest.create({ ttl: -1 })));
  assert.ok(typeof granted === "object" && granted.ttl === 2 && granted.id > 0n);
  assert.notEqual(await cluster.grant(node, 9), granted.id);
  assert.equal(await cluster.grant(node, 9, -5n), -5n);
  const again = LeaseGrantRequest.create({ ttl: 9, id: -5n });
  assert.equal(await cluster.answer(requests.grant(again)), "etcdserver: lease already exists");
  // The next id that is chosen here: another is chosen then.
  const chosen = await cluster.grant(node, 9);
  await cluster.grant(node, 9, chosen + 3n);
  assert.equal(await cluster.grant(node, 9), chosen + 5n);
  const long = LeaseGrantRequest.create({ ttl: 9_000_000_001 });
  assert.equal(await cluster.answer(requests.grant(long)), "etcdserver: too large lease TTL");
  assert.equal(await cluster.answer(requests.revoke({ id: 77n })), "etcdserver: requested lease not found");
  await cluster.stop();
});

test("a leader that is cut off ends no lease that the others keep alive, and hears nothing of renewals", async () => {
  const cluster = new LeaseCluster(3);
  const old = await cluster.serving();
  const others = cluster.nodes.filter((node) => node !== old) as [TestNode, TestNode];
  const id = await cluster.grant(old, 4);
  await cluster.put(old, "k", id);
  cluster.isolate(old);
  const stale = cluster.of(old).keepAlive({ id });
  await cluster.until(() => cluster.leader(others) !== null, "another leader");
  for (let i = 0; i < 6; i++) {
    assert.equal(await cluster.renew(others[i % 2] as TestNode, id), 4);
    await cluster.advance(2_000);
  }
  cluster.heal();
  assert.notDeepEqual(await cluster.answer(stale), 4);
  await cluster.until(() => old.member.status.leader !== 0n && old.member.status.role !== "leader", "it follows");
  for (const node of cluster.nodes) assert.deepEqual(await cluster.keys(node), ["k"]);
  assert.equal(await cluster.renew(old, id), 4);
  await cluster.stop();
});

test("a leader that has not applied a revocation yet acknowledges no renewal after it (etcd's pull request 20590)", async () => {
  const cluster = new LeaseCluster(3);
  const leader = await cluster.serving();
  const other = cluster.nodes.find((node) => node !== leader) as TestNode;
  const id = await cluster.grant(leader, 60);
  // The others commit; the leader's own log is not synced, so it applies nothing.
  leader.log.held = true;
  const revoked = await cluster.answer(cluster.of(other).revoke({ id }));
  assert.equal(typeof revoked, "object");
  assert.notEqual(leader.member.leases.get(id), null);
  const late = [cluster.of(leader).keepAlive({ id }), cluster.of(other).keepAlive({ id })];
  await cluster.advance(300);
  leader.log.release();
  for (const answer of late) assert.equal(((await cluster.answer(answer)) as { ttl: number }).ttl, 0);
  await cluster.stop();
});

test("leases, what hangs on them and what was recorded of their time survive restarts", async () => {
  const cluster = new LeaseCluster(1);
  const node = await cluster.serving();
  const id = await cluster.grant(node, 1_000);
  const brief = await cluster.grant(node, 30);
  for (const [key, lease] of [
    ["a", id],
    ["b", id],
    ["c", brief],
    ["a", brief],
  ] as const)
    await cluster.put(node, key, lease);
  for (let i = 0; i < 15; i++) {
    await cluster.advance(20_500);
    assert.equal(await cluster.renew(node, brief), 30);
  }
  assert.equal(node.member.leases.get(id)?.remainingSeconds, 700);
  cluster.restart(node);
  await cluster.serving();
  const left = await cluster.timeLeft(node, id);
  assert.ok(left.ttl >= 699 && left.ttl <= 701, `${left.ttl}: its recorded time and one election time-out`);
  assert.deepEqual(left.keys.map(text), ["b"]);
  assert.deepEqual((await cluster.timeLeft(node, brief)).keys.map(text), ["a", "c"]);
  await cluster.advance(33_000);
  assert.deepEqual(await cluster.keys(node), ["b"]);
  await cluster.stop();
});

test("questions that wait when a member stops are answered with its word for it", async () => {
  const cluster = new LeaseCluster(3);
  await cluster.serving();
  const node = cluster.nodes.find(({ member }) => member.status.role !== "leader") as TestNode;
  const id = await cluster.grant(node, 60);
  cluster.isolate(node);
  const early = cluster.of(node).keepAlive({ id });
  await cluster.settle();
  const late = cluster.of(node).keepAlive({ id });
  void node.member.stop();
  for (const waiting of [early, late, cluster.of(node).keepAlive({ id })])
    assert.equal(await cluster.answer(waiting), "etcdserver: server stopped");
  await cluster.stop();
});
