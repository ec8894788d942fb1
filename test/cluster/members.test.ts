import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import { hex } from "../../src/base/ids.ts";
import { clusterIdOf, memberIdOf } from "../../src/etcd/cluster/ids.ts";
import { ClusterMembers, foundingMember } from "../../src/etcd/cluster/members.ts";

test("ids are those etcd computes from the same URLs and token", () => {
  const member = memberIdOf(["http://localhost:2380"], "etcd-cluster");
  assert.equal(hex(member), "8e9e05c52164694d");
  assert.equal(hex(clusterIdOf([member])), "cdf818194e3a8c32");
});

test("neither the order of a member's URLs nor that of the founders changes an id", () => {
  const urls = ["http://10.0.0.1:2380", "http://10.0.0.2:2380", "http://10.0.0.3:2380"];
  assert.equal(memberIdOf(urls, "t"), memberIdOf(urls.toReversed(), "t"));
  assert.notEqual(memberIdOf(urls, "t"), memberIdOf(urls, "u"));
  const ids = urls.map((url) => memberIdOf([url], "t"));
  assert.equal(clusterIdOf(ids), clusterIdOf(ids.toReversed()));
});

test("members are listed by id and nameless until they have published themselves", () => {
  const [low, high] = [1n as MemberId, (2n ** 64n - 1n) as MemberId];
  const identity = { cluster: clusterIdOf([low, high]), member: low };
  const members = new ClusterMembers(identity, [
    foundingMember(high, ["http://b:1"]),
    foundingMember(low, ["http://a:1"]),
  ]);
  assert.deepEqual(
    members.list().map((member) => [member.id, member.name]),
    [
      [low, ""],
      [high, ""],
    ],
  );
  assert.equal(members.setAttributes(high, "b", ["http://b:2"]), true);
  assert.deepEqual(members.get(high), {
    id: high,
    name: "b",
    peerUrls: ["http://b:1"],
    clientUrls: ["http://b:2"],
    isLearner: false,
  });
  assert.equal(members.list()[1]?.name, "b");
  assert.equal(members.setAttributes(7n as MemberId, "x", []), false);
  assert.equal(members.list().length, 2);
});
