import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, MemberId } from "../../src/base/ids.ts";
import { encodeMember } from "../../src/etcd/cluster/member-codec.ts";
import { ClusterMembers } from "../../src/etcd/cluster/members.ts";
import {
  addRefusal,
  clash,
  parsePeerUrls,
  promoteRefusal,
  removeRefusal,
  strictAddRefusal,
  strictPromoteRefusal,
  strictRemoveRefusal,
  updateRefusal,
} from "../../src/etcd/cluster/validate.ts";
import type { Change, ClusterMember } from "../../src/etcd/model.ts";
import fc from "../support/fast-check.ts";

/** "v" a voter that has started, "u" one that has not, "l" a learner; ids from 1. */
function clusterOf(kinds: string): ClusterMembers {
  const members = [...kinds].map(
    (kind, i): ClusterMember => ({
      id: BigInt(i + 1) as MemberId,
      name: kind === "u" ? "" : `n${i + 1}`,
      peerUrls: [`http://h${i + 1}:1`],
      clientUrls: [],
      isLearner: kind === "l",
    }),
  );
  return new ClusterMembers({ cluster: 1n as ClusterId, member: 1n as MemberId }, members);
}

const id = (number: number): MemberId => BigInt(number) as MemberId;

function joining(number: number, peerUrls: readonly string[], isLearner = false): ClusterMember {
  return { id: id(number), name: "", peerUrls, clientUrls: [], isLearner };
}

test("what clashes with the members that are there is refused in etcd's words", () => {
  const three = clusterOf("vvl");
  const cases: readonly (readonly [{ message: string } | null, string | undefined])[] = [
    [addRefusal(three, joining(9, ["http://h9:1"]), 1), undefined],
    [addRefusal(three, joining(9, ["http://h9:1", "http://h3:1"]), 1), "etcdserver: Peer URLs already exists"],
    [addRefusal(three, joining(3, ["http://h9:1"]), 1), "etcdserver: member ID already exist"],
    [addRefusal(three, joining(9, ["http://h9:1"], true), 1), "etcdserver: too many learner members in cluster"],
    [removeRefusal(three, id(1)), undefined],
    [removeRefusal(three, id(9)), "etcdserver: member not found"],
    [promoteRefusal(three, id(3)), undefined],
    [promoteRefusal(three, id(2)), "etcdserver: can only promote a learner member"],
    [promoteRefusal(three, id(9)), "etcdserver: member not found"],
    [updateRefusal(three, id(2), ["http://h2:1", "http://h2:2"]), undefined],
    [updateRefusal(three, id(2), ["http://h1:1"]), "etcdserver: Peer URLs already exists"],
    [updateRefusal(three, id(9), ["http://h9:1"]), "etcdserver: member not found"],
  ];
  for (const [refusal, expected] of cases) assert.equal(refusal?.message, expected);
});

test("what has come meanwhile is looked at once more before a change is appended", () => {
  const three = clusterOf("vvl");
  const look = (kind: Change["kind"], number: number, url: string, learnersMax = 2): string | null =>
    clash(
      three,
      { kind, member: id(number) },
      encodeMember(joining(number, [url], kind === "add-learner")),
      learnersMax,
    );
  assert.equal(look("add-voter", 9, "http://h9:1"), null);
  assert.equal(look("add-voter", 9, "http://h3:1"), "peer-url-exists");
  assert.equal(look("update", 2, "http://h2:1"), null);
  assert.equal(look("update", 2, "http://h1:1"), "peer-url-exists");
  assert.equal(look("add-learner", 9, "http://h9:1"), null);
  assert.equal(look("add-learner", 9, "http://h9:1", 1), "too-many-learners");
  assert.equal(look("add-voter", 9, "http://h9:1", 1), null);
  assert.equal(clash(three, { kind: "promote", member: id(3) }, new Uint8Array(0), 1), null);
});

test("peer URLs are what etcd takes for such, sorted", () => {
  assert.deepEqual(parsePeerUrls(["http://b:1", " https://a:2", "http://[::1]:3"]), [
    "http://[::1]:3",
    "http://b:1",
    "https://a:2",
  ]);
  for (const bad of ["", "bogus", "http://a", "http://a:1/", "http://a:1/x", "ftp://a:1", "http://a:b:1", "a:1"])
    assert.equal(parsePeerUrls(["http://b:1", bad]), null, bad);
  assert.equal(parsePeerUrls([]), null);
});

/** Everybody has been connected for long, but those named, who are down. */
function without(...down: readonly number[]): (member: MemberId) => number | null {
  return (member) => (down.includes(Number(member)) ? null : 0);
}

test("the strict check keeps the quorum that works", () => {
  const now = 100_000;
  const notEnough = "etcdserver: re-configuration failed due to not enough started members";
  const unhealthy = "etcdserver: unhealthy cluster";
  const add = (kinds: string, down: readonly number[] = [], isLearner = false): string | undefined =>
    strictAddRefusal(clusterOf(kinds), isLearner, now, without(...down))?.message;
  const remove = (kinds: string, number: number, down: readonly number[] = []): string | undefined =>
    strictRemoveRefusal(clusterOf(kinds), id(number), now, without(...down))?.message;
  assert.equal(add("v"), undefined, "from one to two");
  assert.equal(add("vu"), notEnough);
  assert.equal(add("vu", [], true), undefined, "a learner votes nowhere");
  assert.equal(add("vvv"), undefined);
  assert.equal(add("vvv", [3]), unhealthy);
  assert.equal(add("vvv", [3], true), unhealthy);
  assert.equal(remove("v", 1), notEnough, "the last one");
  assert.equal(remove("vvv", 2), undefined);
  assert.equal(remove("vvv", 2, [3]), unhealthy, "the one that works of two");
  assert.equal(remove("vvv", 3, [3]), undefined, "the one that is down");
  assert.equal(remove("vuu", 2, [2, 3]), notEnough);
  assert.equal(remove("vvl", 3), undefined, "a learner");
  assert.equal(remove("vvv", 9), undefined, "nobody: refused later, in other words");
  assert.equal(strictPromoteRefusal(clusterOf("vl")), null);
  assert.equal(strictPromoteRefusal(clusterOf("vuul"))?.message, notEnough);
});

test("who has just come back does not count as connected", () => {
  const justNow = (member: MemberId): number => (member === id(1) ? 0 : 99_000);
  assert.equal(strictAddRefusal(clusterOf("vvv"), false, 100_000, justNow)?.message, "etcdserver: unhealthy cluster");
  assert.equal(strictAddRefusal(clusterOf("vvv"), false, 105_000, justNow), null);
});

test("whatever is removed or added under the strict check, a majority of the started ones works afterwards", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[vu]{1,7}$/),
      fc.array(fc.integer({ min: 1, max: 7 }), { maxLength: 7 }),
      fc.integer({ min: 1, max: 7 }),
      (kinds, down, number) => {
        const view = clusterOf(kinds);
        const isUp = (member: ClusterMember): boolean => member.name !== "" && !down.includes(Number(member.id));
        if (!isUp(view.list()[0] as ClusterMember)) return;
        const connected = (member: MemberId): number | null => (isUp(view.get(member) as ClusterMember) ? 0 : null);
        const voters = view.list();
        if (strictAddRefusal(view, false, 10_000, connected) === null && voters.length > 1)
          assert.ok(2 * voters.filter(isUp).length > voters.length + 1);
        const leaving = view.get(id(number));
        // Without a quorum before, nothing is promised; nothing could be committed either.
        if (leaving === null || 2 * voters.filter(isUp).length <= voters.length) return;
        if (strictRemoveRefusal(view, leaving.id, 10_000, connected) !== null) return;
        const rest = voters.filter((member) => member !== leaving);
        assert.ok(2 * rest.filter(isUp).length > rest.length);
      },
    ),
  );
});
