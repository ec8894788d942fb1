import assert from "node:assert/strict";
import { test } from "node:test";
import type { Term } from "../../src/base/ids.ts";
import { ETCD_ERRORS } from "../../src/etcd/errors.ts";
import { PutRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { ELECTION_MS, MemberCluster, REQUEST_TIMEOUT_MS, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function watched<Value>(promise: Promise<Value>): { value: Value | undefined } {
  const holder: { value: Value | undefined } = { value: undefined };
  void promise.then((value) => {
    holder.value = value;
  });
  return holder;
}

test("a leader knows by a quorum's word that it leads; a follower, and a leader that is cut off, never do", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const follower = cluster.nodes.find((node) => node !== leader) as TestNode;
  assert.equal(await follower.member.confirmLeadership(), null);
  const confirmed = watched(leader.member.confirmLeadership());
  await cluster.settle();
  assert.equal(confirmed.value, leader.member.status.term);
  cluster.isolate(leader);
  const doubtful = watched(leader.member.confirmLeadership());
  await cluster.advance(ELECTION_MS / 2);
  assert.equal(doubtful.value, undefined);
  const rest = cluster.nodes.filter((node) => node !== leader);
  await cluster.until(() => cluster.leader(rest) !== null, "another leads");
  cluster.heal();
  await cluster.advance(REQUEST_TIMEOUT_MS);
  assert.equal(doubtful.value, null);
  await cluster.stop();
});

test("what is proposed for one term goes into its leader's own log, or nowhere", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const follower = cluster.nodes.find((node) => node !== leader) as TestNode;
  const { term } = leader.member.status;
  const command = (key: string) => ({ put: PutRequest.create({ key: bytes(key) }) });
  const taken = watched(leader.member.proposeAsLeader(command("a"), term));
  const refused = watched(follower.member.proposeAsLeader(command("b"), term));
  const late = watched(leader.member.proposeAsLeader(command("c"), (term - 1) as Term));
  await cluster.settle();
  assert.equal(taken.value?.kind, "put");
  assert.deepEqual(refused.value, { kind: "refused", error: ETCD_ERRORS.notLeader });
  assert.deepEqual(late.value, { kind: "refused", error: ETCD_ERRORS.notLeader });
  cluster.isolate(leader);
  const lost = watched(leader.member.proposeAsLeader(command("d"), term));
  const rest = cluster.nodes.filter((node) => node !== leader);
  await cluster.until(() => cluster.leader(rest) !== null, "another leads");
  cluster.heal();
  await cluster.until(() => lost.value !== undefined, "it is answered in the end");
  assert.equal(lost.value?.kind, "refused");
  assert.equal(leader.member.status.revision, 2, "and was never appended by another");
  await cluster.stop();
});

test("whoever has a leader's duties is told when its office begins and ends, and may ask other members", async () => {
  const cluster = new MemberCluster(3);
  const leader = await cluster.serving();
  const told: string[] = [];
  for (const node of cluster.nodes) {
    const duties = {
      leaderSince: (term: Term) => void told.push(`${node.id} leads in ${term}`),
      follower: () => void told.push(`${node.id} follows`),
      due: () => {},
      stop: () => {},
    };
    node.member.assign(duties, async (from, request) => bytes(`${node.id} to ${from}: ${request.length}`));
  }
  const target = cluster.nodes.find((node) => node !== leader) as TestNode;
  const answer = await leader.member.ask(target.id, bytes("abc"), 1000);
  assert.equal(Buffer.from(answer ?? []).toString(), `${target.id} to ${leader.id}: 3`);
  void leader.member.moveLeader(target.id);
  await cluster.until(() => cluster.leader([target]) !== null, "leadership is handed over");
  await cluster.settle();
  const expected = [`${leader.id} follows`, `${target.id} leads in ${target.member.status.term}`];
  assert.deepEqual([...told].sort(), expected.sort());
  await cluster.stop();
});
