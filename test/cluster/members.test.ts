import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import { hex } from "../../src/base/ids.ts";
import type { KeyValue } from "../../src/etcd/backend/backend.ts";
import { clusterIdOf, memberIdOf } from "../../src/etcd/cluster/ids.ts";
import { encodeMember } from "../../src/etcd/cluster/member-codec.ts";
import { ClusterMembers, foundingMember, type MembersStorage } from "../../src/etcd/cluster/members.ts";
import type { ClusterMember, Configuration } from "../../src/etcd/model.ts";

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

/** The bucket alone. */
class Bucket implements MembersStorage {
  readonly values = new Map<string, KeyValue>();

  put(_: "members", key: Uint8Array, value: Uint8Array): void {
    this.values.set(Buffer.from(key).toString("hex"), { key, value });
  }

  range(): readonly KeyValue[] {
    return [...this.values].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
  }
}

const [A, B, C] = [1n as MemberId, 2n as MemberId, (2n ** 64n - 1n) as MemberId];
const IDENTITY = { cluster: clusterIdOf([A]), member: A };
const NONE = new Uint8Array(0);

function founded(): { members: ClusterMembers; bucket: Bucket } {
  const members = new ClusterMembers(IDENTITY, [foundingMember(A, ["http://a:1"])]);
  const bucket = new Bucket();
  bucket.put("members", Buffer.from("0000000000000001", "hex"), encodeMember(foundingMember(A, ["http://a:1"])));
  members.load(bucket);
  return { members, bucket };
}

function reloaded(bucket: Bucket): ClusterMembers {
  const members = new ClusterMembers(IDENTITY, []);
  members.load(bucket);
  return members;
}

function configuration(voters: readonly MemberId[], learners: readonly MemberId[] = []): Configuration {
  return { voters, learners };
}

test("a config entry adds, promotes and removes one member, and what came of it is there after a restart", () => {
  const { members, bucket } = founded();
  const b: ClusterMember = { ...foundingMember(B, ["http://b:1", "http://b:2"]), isLearner: true };
  assert.deepEqual(members.configured(configuration([A], [B]), encodeMember(b)), { kind: "add-learner", member: B });
  assert.deepEqual(members.get(B), b);
  const before = members.list();
  assert.deepEqual(members.configured(configuration([A, B]), NONE), { kind: "promote", member: B });
  assert.notEqual(members.list(), before, "another list");
  assert.equal(members.get(B)?.isLearner, false);
  const c = foundingMember(C, ["http://c:1"]);
  assert.deepEqual(members.configured(configuration([A, B, C]), encodeMember(c)), { kind: "add-voter", member: C });
  members.setAttributes(C, "c", ["http://c:9"]);
  const moved = encodeMember({ ...c, peerUrls: ["http://c:2"], name: "nobody" });
  assert.deepEqual(members.configured(configuration([A, B, C]), moved), { kind: "update", member: C });
  assert.deepEqual(members.configured(configuration([A, C]), NONE), { kind: "remove", member: B });
  assert.equal(members.configured(configuration([A, C]), NONE), null, "nothing changed");
  for (const view of [members, reloaded(bucket)]) {
    assert.deepEqual(
      view.list().map(({ id, name, peerUrls, clientUrls }) => [id, name, peerUrls, clientUrls]),
      [
        [A, "", ["http://a:1"], []],
        [C, "c", ["http://c:2"], ["http://c:9"]],
      ],
    );
    assert.deepEqual([...view.removed], [B]);
    assert.equal(view.configured(configuration([A, C]), encodeMember(b)), null, "news of one who is gone");
    assert.throws(() => view.configured(configuration([A, B, C]), encodeMember(b)), /never comes back/);
  }
});

test("who joins knows whom it was told of until the leader's snapshot is there", () => {
  const bucket = new Bucket();
  const members = new ClusterMembers({ cluster: IDENTITY.cluster, member: B }, [foundingMember(A, ["http://a:1"])]);
  members.load(bucket);
  assert.deepEqual(members.list(), [foundingMember(A, ["http://a:1"])]);
  assert.equal(bucket.values.size, 0, "what it was told is not what the log says");
  members.load(founded().bucket);
  assert.equal(members.setAttributes(A, "a", []), true);
  assert.equal(members.list().length, 1);
});

test("an entry that adds a member must say which, and no entry changes two", () => {
  const { members } = founded();
  const b = encodeMember(foundingMember(B, ["http://b:1"]));
  assert.throws(() => members.configured(configuration([A, C]), b), /says which/);
  assert.throws(() => founded().members.configured(configuration([B]), b), /changes one member/);
});
