/** What administrators ask of the membership; the member behind it is a puppet. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, MemberId } from "../../src/base/ids.ts";
import type { Clock } from "../../src/env/clock.ts";
import { decodeMember } from "../../src/etcd/cluster/member-codec.ts";
import { ClusterMembers } from "../../src/etcd/cluster/members.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "../../src/etcd/errors.ts";
import { type ChangingMember, Membership } from "../../src/etcd/membership.ts";
import type { Change, ClusterMember } from "../../src/etcd/model.ts";

const A = 1n as MemberId;
const B = 2n as MemberId;
const clock: Clock = {
  monotonicMs: () => 100_000,
  wallMs: () => 1_700_000_000_999,
  after: () => ({ cancel: () => {} }),
};

function voter(id: MemberId, name: string): ClusterMember {
  return { id, name, peerUrls: [`http://${id}:1`], clientUrls: [], isLearner: false };
}

interface Puppet {
  readonly membership: Membership;
  readonly changes: [Change, Uint8Array][];
  readonly member: ChangingMember & { answers: (EtcdError | null | Promise<null>)[]; quorum: EtcdError | null };
}

function puppet(members: readonly ClusterMember[], isStrict = true, self = A): Puppet {
  const changes: Puppet["changes"] = [];
  const member: Puppet["member"] = {
    members: new ClusterMembers({ cluster: 1n as ClusterId, member: self }, members),
    answers: [],
    quorum: null,
    read: async (_, run) => member.quorum ?? run,
    changeMembers: async (change, context) => {
      changes.push([change, context]);
      return member.answers.shift() ?? null;
    },
  };
  const connectedSince = (): number | null => 0;
  return { membership: new Membership({ member, clock, connectedSince, isStrict, learnersMax: 1 }), changes, member };
}

test("who is added has an id of its URLs, the second and the member that was asked, and is told to everybody in the entry", async () => {
  const { membership, changes } = puppet([voter(A, "a")]);
  const answer = await membership.add(["http://c:2", "http://c:1"], true);
  assert.ok(!isEtcdError(answer));
  assert.deepEqual(answer.member.peerUrls, ["http://c:1", "http://c:2"]);
  const [[change, context]] = changes as [[Change, Uint8Array]];
  assert.deepEqual(change, { kind: "add-learner", member: answer.member.id });
  assert.deepEqual(decodeMember(context), answer.member);
  const again = await puppet([voter(A, "a")]).membership.add(["http://c:1", "http://c:2"], false);
  assert.ok(!isEtcdError(again) && again.member.id === answer.member.id, "the same URLs in the same second");
  const elsewhere = await puppet([voter(B, "b")], true, B).membership.add(["http://c:1", "http://c:2"], false);
  assert.ok(!isEtcdError(elsewhere) && elsewhere.member.id !== answer.member.id, "asked for through another member");
});

test("what cannot be is refused before the log hears of it, what raft refuses after", async () => {
  const { membership, changes, member } = puppet([voter(A, "a"), voter(B, "b")]);
  assert.equal(await membership.add(["nonsense"], false), ETCD_ERRORS.invalidMemberUrls);
  assert.equal(await membership.add(["http://2:1"], true), ETCD_ERRORS.peerUrlExists);
  assert.equal(await membership.update(9n as MemberId, ["http://9:1"]), ETCD_ERRORS.memberNotFound);
  assert.equal(await membership.update(B, []), ETCD_ERRORS.invalidMemberUrls);
  assert.equal(await membership.promote(B), ETCD_ERRORS.memberNotLearner);
  assert.equal(await membership.remove(9n as MemberId), ETCD_ERRORS.memberNotFound);
  member.quorum = ETCD_ERRORS.timeout;
  assert.equal(await membership.remove(B), ETCD_ERRORS.timeout, "it may not be up to date");
  assert.equal(changes.length, 0);
  member.quorum = null;
  member.answers = [ETCD_ERRORS.learnerNotReady];
  assert.equal(await membership.remove(B), ETCD_ERRORS.learnerNotReady);
});

test("the strict check comes first, and can be switched off", async () => {
  const members = [voter(A, "a"), voter(B, ""), voter(3n as MemberId, "")];
  assert.equal(await puppet(members).membership.add(["http://4:1"], false), ETCD_ERRORS.notEnoughStarted);
  assert.ok(!isEtcdError(await puppet(members, false).membership.add(["http://4:1"], false)));
});

test("changes go one after the other, and only so many wait", async () => {
  const { membership, changes, member } = puppet([voter(A, "a"), voter(B, "b")], false);
  let open: (value: null) => void = () => {};
  member.answers = [new Promise<null>((resolve) => (open = resolve))];
  const waiting = Array.from({ length: 100 }, () => membership.remove(B));
  assert.equal(await membership.remove(B), ETCD_ERRORS.tooManyRequests);
  assert.ok(changes.length <= 1);
  open(null);
  await Promise.all(waiting);
  assert.equal(changes.length, 100);
  assert.ok(!isEtcdError(await membership.remove(B)));
});
