import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, MemberId } from "../../src/base/ids.ts";
import { joinCluster, whyNotFound } from "../../src/etcd/cluster/joining.ts";
import type { ClusterMember } from "../../src/etcd/model.ts";

const CLUSTER = 0xc1n as ClusterId;

function member(id: number, name: string, ...peerUrls: string[]): ClusterMember {
  return { id: BigInt(id) as MemberId, name, peerUrls, clientUrls: [], isLearner: false };
}

const DESCRIPTION = {
  cluster: CLUSTER,
  members: [member(1, "a", "http://a:1"), member(2, "b", "http://b:2", "http://b:1"), member(3, "", "http://c:1")],
};
const NAMED = new Map([
  ["a", ["http://a:1"]],
  ["b", ["http://b:1", "http://b:2"]],
  ["c", ["http://c:1"]],
]);

function reasonOf(name: string, named: ReadonlyMap<string, readonly string[]>): string {
  const answer = joinCluster(name, named, DESCRIPTION);
  return answer.kind === "refused" ? answer.reason : `joins as ${answer.identity.member}`;
}

test("who joins is the member with its peer URLs, in whatever order", () => {
  const answer = joinCluster("c", NAMED, DESCRIPTION);
  assert.deepEqual(answer, { kind: "joins", identity: { cluster: CLUSTER, member: 3n }, members: DESCRIPTION.members });
});

test("flags that name other members than the cluster has are refused in etcd's words", () => {
  const two = new Map([...NAMED].slice(0, 2));
  assert.match(reasonOf("a", two), /^error validating peerURLs: member count is unequal: the cluster has 3, .* 2$/);
  const other = new Map([...NAMED, ["c", ["http://d:1"]] as const]);
  assert.equal(
    reasonOf("c", other),
    "error validating peerURLs: PeerURLs: no match found for existing member (3, [http://c:1])",
  );
});

test("a member that has run, and has no data now, may not come back under its id", () => {
  assert.match(reasonOf("a", NAMED), /^member 1 has already been bootstrapped, /);
  assert.match(whyNotFound(2n as MemberId, DESCRIPTION) ?? "", /^member 2 has already been bootstrapped, /);
  assert.equal(whyNotFound(3n as MemberId, DESCRIPTION), null, "known, but never seen");
  assert.equal(whyNotFound(9n as MemberId, DESCRIPTION), null);
});
