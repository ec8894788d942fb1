import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../src/base/assert.ts";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Change, ChangeRefusal, Message, Ready } from "../../src/etcd/model.ts";
import { decodeConfigEntry } from "../../src/etcd/raft/configuration.ts";
import { Bench, base, configEntry, configuration, ELECTION, entry, ID, member, type Start } from "./bench.ts";

/**
 * The rules of Ongaro's dissertation (D) on logs that are cut (chapter 5, and P 7), on members that come and go (chapter 4), and on
 * leadership handed over (3.10), one test each, on a single member that hears hand-made messages.
 */

/** Leads, with its first entry committed by member 2. */
function leading(start: Start = {}): Bench {
  const bench = new Bench(start);
  bench.lead();
  bench.accept(2, bench.core.status.lastIndex);
  bench.accept(3, bench.core.status.lastIndex);
  bench.settle();
  assert.equal(bench.core.status.role, "leader");
  return bench;
}

const kindsTo = (messages: readonly Message[], to: number): string[] =>
  messages.filter((message) => message.to === member(to)).map(({ kind }) => kind);

function refusals(ready: Ready): string[] {
  return ready.refusedChanges.map(({ reason }) => reason);
}

describe("logs that are cut (P 7, D 5.1)", () => {
  test("only applied entries are forgotten, and what was forgotten is not forgotten again", () => {
    const bench = new Bench({ log: [1, 1, 2], commit: 2 });
    bench.settle();
    assert.throws(() => bench.core.step({ kind: "compact", index: 3 as LogIndex }), AssertionError);
    bench.core.step({ kind: "compact", index: 2 as LogIndex });
    bench.core.step({ kind: "compact", index: 1 as LogIndex });
    const { baseIndex, lastIndex } = bench.core.status;
    assert.deepEqual([baseIndex, lastIndex], [2, 3]);
    assert.deepEqual(bench.core.baseAt(2 as LogIndex), base(2, 1, configuration([1, 2, 3])));
    assert.equal(bench.core.baseAt(1 as LogIndex), null);
  });

  test("an append that begins before the cut is taken from the cut on: all before it is committed, so it matches", () => {
    const bench = new Bench({ base: base(5, 2, configuration([1, 2, 3])), term: 3 });
    bench.append(2, 3, [3, 1], [entry(4, 1), entry(5, 2), entry(6, 3)]);
    bench.append(2, 3, [1, 1], [entry(2, 1), entry(3, 1)]);
    const answers = bench
      .settle()
      .flatMap((sent) => (sent.kind === "append-response" ? [[sent.index, sent.rejected]] : []));
    assert.deepEqual(answers, [
      [6, null],
      [5, null],
    ]);
    assert.equal(bench.core.status.lastIndex, 6);
  });

  test("the log check and votes know the term of the entry before the first (P 7: last included term)", () => {
    const bench = new Bench({ base: base(5, 2, configuration([1, 2, 3])), term: 3 });
    bench.append(2, 3, [5, 2], []);
    const [answer] = bench.settle();
    assert.ok(answer?.kind === "append-response" && answer.rejected === null && answer.index === 5);
    for (const [last, granted] of [
      [[5, 2], true],
      [[4, 2], false],
      [[9, 1], false],
    ] as const) {
      const voter = new Bench({ base: base(5, 2, configuration([1, 2, 3])), term: 3 });
      voter.ask(2, 4, "vote", last[0], last[1]);
      assert.deepEqual(voter.voteResponses(), [granted], `${last}`);
    }
  });

  test("a snapshot that a member does not need is answered with what it holds: its leader had not heard", () => {
    const bench = new Bench({ log: [1, 1, 1], commit: 3 });
    bench.append(2, 1, [3, 1], []);
    bench.settle();
    bench.core.step({ kind: "snapshot-received", snapshot: base(2, 1, configuration([1, 2, 3])) });
    const ready = bench.take();
    assert.equal(ready.snapshot, null);
    const [answer] = ready.messagesAfterPersist;
    assert.ok(answer?.kind === "append-response" && answer.rejected === null);
    assert.deepEqual([answer.to, answer.index], [2n, 3]);
  });

  test("a follower whose entries are gone is sent a snapshot, and no append until that has ended", () => {
    const bench = new Bench({ base: base(5, 1, configuration([1, 2, 3])) });
    bench.lead();
    bench.hear(2, 2, {
      kind: "append-response",
      index: 5 as LogIndex,
      rejected: { hintIndex: 2 as LogIndex, hintTerm: 1 as Term },
    });
    const ready = bench.take();
    assert.deepEqual(ready.snapshotsToSend, [2n]);
    bench.sync();
    bench.core.step({ kind: "propose", id: 1, data: Buffer.from("a") });
    bench.hear(2, 2, { kind: "heartbeat-response", readRound: 0 });
    assert.deepEqual(kindsTo(bench.settle(), 2), []);
    bench.accept(2, 5);
    assert.deepEqual(kindsTo(bench.settle(), 2), ["append"], "and from the snapshot on once it says that it has it");
  });

  test("a snapshot that did not arrive is asked for again after the peer was heard a heartbeat later", () => {
    const bench = new Bench({ base: base(5, 1, configuration([1, 2, 3])) });
    bench.lead();
    const rejected = { hintIndex: 0 as LogIndex, hintTerm: 0 as Term };
    bench.hear(2, 2, { kind: "append-response", index: 5 as LogIndex, rejected });
    assert.deepEqual(bench.take().snapshotsToSend, [2n]);
    bench.core.step({ kind: "snapshot-sent", peer: member(2), index: null });
    bench.hear(2, 2, { kind: "heartbeat-response", readRound: 0 });
    assert.equal(bench.core.takeReady()?.snapshotsToSend.length ?? 0, 0, "not at once");
    let asked = 0;
    for (let i = 0; i < 3; i++) {
      bench.tick();
      bench.hear(2, 2, { kind: "heartbeat-response", readRound: 0 });
      asked += bench.take().snapshotsToSend.length;
    }
    assert.equal(asked, 1);
  });

  test("a snapshot replaces log and members; its record, term and commit index are synced before it is acknowledged (D3)", () => {
    const bench = new Bench({ log: [1, 1, 1], commit: 1 });
    bench.hear(2, 4, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    bench.settle();
    const snapshot = base(9, 3, configuration([1, 2], [4]));
    bench.core.step({ kind: "snapshot-received", snapshot });
    const ready = bench.take();
    assert.deepEqual(ready.snapshot, snapshot);
    assert.equal(ready.mustSync, true);
    assert.equal(ready.hardState?.commit, 9);
    assert.deepEqual(ready.entriesToApply, []);
    assert.deepEqual(kindsTo(ready.messages, 2), []);
    assert.deepEqual(kindsTo(ready.messagesAfterPersist, 2), ["append-response"]);
    const { lastIndex, committed, applied, configuration: members } = bench.core.status;
    assert.deepEqual([lastIndex, committed, applied], [9, 9, 9]);
    assert.deepEqual(members, configuration([1, 2], [4]));
  });

  test("a crash that kept a snapshot's record alone leaves no term behind the log, and no vote in the later term", () => {
    const { term, vote } = new Bench({ base: base(5, 4, configuration([1, 2, 3])), term: 2, vote: 2 }).core.status;
    assert.deepEqual([term, vote], [4, 0n]);
  });

  test("a snapshot never goes back: not beyond the commit index, it changes nothing", () => {
    const bench = new Bench({ log: [1, 1, 1], commit: 2 });
    bench.settle();
    bench.core.step({ kind: "snapshot-received", snapshot: base(2, 1, configuration([1])) });
    assert.equal(bench.core.takeReady(), null);
    assert.deepEqual(bench.core.status.configuration, configuration([1, 2, 3]));
  });

  test("a snapshot of an entry that is here commits it, and keeps what follows (P figure 13, step 6)", () => {
    const bench = new Bench({ log: [1, 1, 2, 2], commit: 1 });
    bench.settle();
    bench.core.step({ kind: "snapshot-received", snapshot: base(3, 2, configuration([1, 2, 3])) });
    const ready = bench.take();
    assert.equal(ready.snapshot, null);
    assert.deepEqual(
      ready.entriesToApply.map(({ index }) => index),
      [2, 3],
    );
    assert.equal(bench.core.status.lastIndex, 4);
  });

  test("the late sync of entries that a snapshot replaced counts for nothing behind it", () => {
    const bench = new Bench({ term: 1 });
    bench.append(2, 1, [0, 0], [entry(1, 1), entry(2, 1), entry(3, 1)]);
    const { number } = bench.take();
    bench.core.step({ kind: "snapshot-received", snapshot: base(2, 2, configuration([1, 2, 3])) });
    bench.take();
    bench.append(3, 2, [2, 2], [entry(3, 2)], 3);
    bench.take();
    bench.core.step({ kind: "persisted", number });
    assert.deepEqual([bench.core.status.lastIndex, bench.core.status.persisted], [3, 2]);
    bench.sync();
    assert.deepEqual(
      bench.take().entriesToApply.map(({ index }) => index),
      [3],
    );
  });
});

describe("members that come and go (D 4)", () => {
  test("a configuration is in effect as soon as it is in the log, and goes when it is cut (D 4.1)", () => {
    const bench = new Bench({ log: [1] });
    bench.append(2, 1, [1, 1], [configEntry(2, 1, configuration([1, 2, 3, 4]))]);
    assert.deepEqual(bench.core.status.configuration, configuration([1, 2, 3, 4]));
    bench.append(3, 2, [1, 1], [entry(2, 2)]);
    assert.deepEqual(bench.core.status.configuration, configuration([1, 2, 3]));
  });

  test("a restart takes the newest configuration of its log, or else the snapshot's (D 4.1)", () => {
    const start = { base: base(4, 1, configuration([1, 2], [3])), entries: [entry(5, 1)] };
    assert.deepEqual(new Bench(start).core.status.configuration, configuration([1, 2], [3]));
    const entries = [entry(5, 1), configEntry(6, 1, configuration([1, 2, 3]))];
    assert.deepEqual(new Bench({ ...start, entries }).core.status.configuration, configuration([1, 2, 3]));
  });

  test("a leader changes nobody before an entry of its term is committed, and one at a time (D 4.1, corrected in 2015)", () => {
    const bench = new Bench({ log: [1], commit: 1 });
    bench.lead();
    bench.change("add-voter", 4);
    assert.deepEqual(refusals(bench.take()), ["change-pending"]);
    bench.accept(2, 2);
    bench.change("add-voter", 4);
    bench.change("add-learner", 5);
    assert.deepEqual(refusals(bench.take()), ["change-pending"]);
    assert.equal(bench.core.status.lastIndex, 3);
    bench.sync();
    bench.accept(2, 3);
    bench.accept(3, 3);
    bench.change("add-learner", 5);
    assert.equal(bench.core.status.lastIndex, 4);
  });

  test("an addition is committed by a majority of the new configuration, which counts the new voter (D 4.1)", () => {
    const bench = leading();
    bench.change("add-voter", 4);
    bench.settle();
    bench.accept(2, 2);
    assert.equal(bench.core.status.committed, 1, "two of four");
    bench.accept(4, 2);
    assert.equal(bench.core.status.committed, 2);
  });

  test("a removal is committed by a majority of those who stay, which does not count the removed (D 4.1)", () => {
    const bench = leading();
    bench.change("remove", 3);
    bench.settle();
    bench.accept(3, 2);
    assert.equal(bench.core.status.committed, 1, "one of two");
    bench.accept(2, 2);
    assert.equal(bench.core.status.committed, 2);
  });

  test("voters change one at a time: a leader that skips a step stops the member (D 4.1)", () => {
    const bench = new Bench({ log: [1] });
    const append = (): void => bench.append(2, 1, [1, 1], [configEntry(2, 1, configuration([1, 2, 4, 5]))]);
    assert.throws(append, AssertionError);
  });

  test("before a leader appends a change the state is asked about it, as of the change before; a no is final", () => {
    const asked: unknown[] = [];
    let says: ChangeRefusal | null = "peer-url-exists";
    const bench = leading({
      review: (change, context, since) => {
        asked.push([change.kind, change.member, Buffer.from(context).toString(), since]);
        return says;
      },
    });
    const change = (kind: Change["kind"], id: number): void =>
      bench.core.step({ kind: "change", id, change: { kind, member: member(id) }, context: Buffer.from("url") });
    change("add-voter", 4);
    assert.deepEqual(refusals(bench.take()), ["peer-url-exists"]);
    assert.equal(bench.core.status.lastIndex, 1);
    change("remove", 9);
    assert.deepEqual(refusals(bench.take()), ["member-unknown"], "what raft knows itself needs no state");
    says = null;
    change("add-voter", 4);
    bench.settle();
    change("update", 2);
    assert.deepEqual(refusals(bench.take()), ["change-pending"]);
    bench.accept(2, 2);
    bench.accept(3, 2);
    change("update", 2);
    assert.equal(bench.core.status.lastIndex, 3);
    assert.deepEqual(asked, [
      ["add-voter", 4n, "url", 0],
      ["add-voter", 4n, "url", 0],
      ["update", 2n, "url", 2],
    ]);
  });

  test("a change carries what its proposer sent along, for whoever applies it", () => {
    const bench = leading();
    const context = Buffer.from("four");
    bench.core.step({ kind: "change", id: 1, change: { kind: "add-learner", member: member(4) }, context });
    const [appended] = bench.take().entriesToPersist;
    assert.ok(appended !== undefined);
    const decoded = decodeConfigEntry(appended);
    assert.deepEqual(decoded.configuration, configuration([1, 2, 3], [4]));
    assert.equal(Buffer.from(decoded.context).toString(), "four");
  });

  test("changes that would change nothing or leave no voter are refused", () => {
    for (const [kind, id, reason] of [
      ["add-voter", 2, "member-exists"],
      ["add-learner", 2, "member-exists"],
      ["remove", 9, "member-unknown"],
      ["promote", 9, "member-unknown"],
      ["promote", 2, "not-a-learner"],
    ] as const) {
      const bench = leading();
      bench.change(kind, id);
      assert.deepEqual(refusals(bench.take()), [reason], `${kind} ${id}`);
    }
    const alone = new Bench({ voters: 1 });
    alone.settle();
    alone.change("remove", 1);
    assert.deepEqual(refusals(alone.take()), ["last-voter"]);
    const nobody = new Bench();
    nobody.change("remove", 2);
    assert.deepEqual(refusals(nobody.take()), ["no-leader"]);
  });

  test("requests are heard from whoever sends them, member or not: its configuration may be newer (D 4.1)", () => {
    const bench = new Bench();
    bench.ask(9, 1, "vote", 0, 0);
    assert.deepEqual(bench.voteResponses(), [true]);
    bench.append(9, 1, [0, 0], [entry(1, 1)]);
    assert.deepEqual(kindsTo(bench.settle(), 9), ["append-response"]);
    assert.equal(bench.core.status.leader, 9n);
  });

  test("a learner gets the log; it is not asked, and neither its copy nor its answer to a read counts (D 4.2.1)", () => {
    const bench = new Bench({ voters: 3, learners: 2 });
    bench.tickToCampaign();
    assert.deepEqual(
      bench.settle().map(({ to }) => to),
      [2n, 3n],
    );
    for (const from of [4, 5]) bench.hear(from, 1, { kind: "pre-vote-response", granted: true });
    assert.equal(bench.core.status.role, "pre-candidate");
    const leader = new Bench({ voters: 3, learners: 2 });
    leader.lead();
    for (const from of [4, 5]) leader.accept(from, 1);
    assert.equal(leader.core.status.committed, 0);
    leader.accept(2, 1);
    leader.core.step({ kind: "read-index", id: 1 });
    leader.settle();
    for (const from of [4, 5]) leader.hear(from, 1, { kind: "heartbeat-response", readRound: 1 });
    assert.equal(leader.core.takeReady(), null);
    leader.hear(3, 1, { kind: "heartbeat-response", readRound: 1 });
    assert.deepEqual(leader.take().readStates, [{ id: 1, index: 1 }]);
  });

  test("a quorum that answers is one of voters: learners keep no leader in office", () => {
    const bench = new Bench({ voters: 3, learners: 2 });
    bench.lead();
    for (let i = 0; i < 2 * ELECTION && bench.core.status.role === "leader"; i++) {
      bench.tick();
      for (const from of [4, 5]) bench.hear(from, 1, { kind: "heartbeat-response", readRound: 0 });
    }
    assert.equal(bench.core.status.role, "follower");
  });

  test("a learner, a stranger and a removed member never campaign; without a leader they drop their reads", () => {
    for (const members of [configuration([2, 3], [1]), configuration([2, 3]), configuration([])]) {
      const bench = new Bench({ base: base(0, 0, members) });
      bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
      bench.core.step({ kind: "read-index", id: 3 });
      bench.settle();
      bench.tick(2 * ELECTION);
      assert.equal(bench.core.status.role, "follower");
      assert.deepEqual(bench.take().droppedReads, [3]);
    }
  });

  test("a member whose removal is not committed may have to campaign; its own vote does not count (D 4.2.2)", () => {
    const start = { base: base(0, 0, configuration([1, 2, 3])), entries: [configEntry(1, 1, configuration([2, 3]))] };
    const bench = new Bench(start);
    bench.stand();
    bench.settle();
    bench.hear(2, 2, { kind: "vote-response", granted: true });
    assert.equal(bench.core.status.role, "candidate", "one of two");
    bench.hear(3, 2, { kind: "vote-response", granted: true });
    assert.equal(bench.core.status.role, "leader");
    const known = new Bench({ ...start, commit: 1 });
    known.tick(4 * ELECTION);
    assert.equal(known.core.status.role, "follower");
  });

  test("a leader that was removed leads until that is committed, tells it, and steps down (D 4.2.2)", () => {
    const bench = leading();
    bench.change("remove", 1);
    bench.settle();
    bench.accept(2, 2);
    assert.equal(bench.core.status.role, "leader");
    bench.accept(3, 2);
    const ready = bench.take();
    assert.equal(bench.core.status.role, "follower");
    assert.deepEqual(kindsTo(ready.messages, 2), ["append", "timeout-now"]);
    assert.deepEqual(kindsTo(ready.messages, 3), ["append"]);
    assert.deepEqual(
      ready.entriesToApply.map(({ index }) => index),
      [2],
      "and applies its own removal",
    );
  });

  test("a removed member is told that its removal is committed, and then nothing more", () => {
    const bench = leading();
    bench.change("remove", 3);
    bench.settle();
    bench.accept(3, 2);
    bench.settle();
    bench.accept(2, 2);
    assert.deepEqual(kindsTo(bench.settle(), 3), ["append"]);
    bench.tick();
    assert.deepEqual(
      bench.settle().map(({ to }) => to),
      [2n],
    );
  });

  test("a removal commits at once what those who stay hold already", () => {
    const bench = leading({ voters: 2 });
    bench.core.step({ kind: "propose", id: 1, data: Buffer.from("a") });
    bench.settle();
    assert.equal(bench.core.status.committed, 1);
    bench.change("remove", 2);
    assert.equal(bench.core.status.committed, 2);
  });

  test("a change that only brings news of a member is an entry, and leaves everybody's part as it is", () => {
    const bench = leading({ learners: 1 });
    const before = bench.core.status.configuration;
    bench.change("update", 4);
    const [entry] = bench.take().entriesToPersist;
    assert.ok(entry?.kind === "config");
    assert.deepEqual(decodeConfigEntry(entry).configuration, before);
    assert.deepEqual(bench.core.status.configuration, before);
    bench.change("update", 9);
    assert.deepEqual(refusals(bench.take()), ["change-pending"], "one at a time");
  });

  test("a new voter has an election time to answer before its silence counts", () => {
    const bench = new Bench({ voters: 1 });
    bench.settle();
    bench.tick(ELECTION - 1);
    bench.change("add-voter", 2);
    bench.tick();
    assert.equal(bench.core.status.role, "leader");
    bench.tick(ELECTION);
    assert.equal(bench.core.status.role, "follower");
  });

  test("a learner is promoted when it answers and lacks no more than one append holds (D 4.2.1)", () => {
    const bench = leading({ voters: 3, learners: 1, appendBytes: 4 });
    const promote = (): readonly string[] => {
      bench.change("promote", 4);
      return refusals(bench.take());
    };
    assert.deepEqual(promote(), ["learner-behind"], "it never answered");
    bench.accept(4, 1);
    bench.core.step({ kind: "propose", id: 1, data: Buffer.from("12345") });
    assert.deepEqual(promote(), ["learner-behind"], "it lacks five bytes");
    bench.sync();
    bench.accept(2, 2);
    bench.accept(4, 2);
    bench.core.step({ kind: "propose", id: 2, data: Buffer.from("1234") });
    assert.deepEqual(promote(), []);
    assert.deepEqual(bench.core.status.configuration, configuration([1, 2, 3, 4]));
  });

  test("a forwarded change is taken once by the leader of its term, and its refusal comes back", () => {
    const leader = leading();
    const change = { kind: "promote", member: member(2) } as const;
    const body = { kind: "propose-change", sequence: 5, change, context: new Uint8Array(0) } as const;
    leader.hear(2, 1, body);
    leader.hear(2, 1, body);
    const sent = leader.settle().filter(({ kind }) => kind === "change-refused");
    assert.deepEqual(sent, [
      { kind: "change-refused", from: ID, to: 2n, term: 1, sequence: 5, reason: "not-a-learner" },
    ]);
    const follower = new Bench();
    follower.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    follower.change("promote", 7);
    const forwarded = follower.settle().find(({ kind }) => kind === "propose-change");
    assert.ok(forwarded?.kind === "propose-change");
    follower.hear(2, 1, { kind: "change-refused", sequence: forwarded.sequence, reason: "member-unknown" });
    follower.hear(2, 1, { kind: "change-refused", sequence: forwarded.sequence, reason: "member-unknown" });
    assert.deepEqual(follower.take().refusedChanges, [{ id: 7, reason: "member-unknown" }]);
  });
});

describe("leadership handed over (D 3.10)", () => {
  const transfer = (bench: Bench, target: number): void =>
    bench.core.step({ kind: "transfer", target: BigInt(target) as MemberId });

  test("the target is asked once it holds the whole log, and proposals are refused meanwhile", () => {
    const bench = leading();
    bench.core.step({ kind: "propose", id: 1, data: Buffer.from("a") });
    transfer(bench, 3);
    bench.core.step({ kind: "propose", id: 2, data: Buffer.from("b") });
    bench.hear(2, 1, { kind: "propose", sequence: 1, data: [Buffer.from("c")] });
    bench.change("add-learner", 4);
    const ready = bench.take();
    assert.deepEqual(ready.droppedProposals, [2]);
    assert.deepEqual(refusals(ready), ["change-pending"]);
    assert.equal(bench.core.status.lastIndex, 2);
    bench.sync();
    bench.accept(2, 2);
    assert.ok(!kindsTo(bench.settle(), 2).includes("timeout-now"));
    bench.accept(3, 2);
    assert.ok(kindsTo(bench.settle(), 3).includes("timeout-now"));
  });

  test("an unfinished transfer is given up after an election time", () => {
    const bench = leading();
    transfer(bench, 3);
    bench.settle();
    for (let i = 0; i < ELECTION; i++) {
      bench.core.step({ kind: "propose", id: 1, data: Buffer.from("a") });
      assert.equal(bench.core.status.lastIndex, 1, `tick ${i}`);
      bench.tick();
      bench.hear(2, 1, { kind: "heartbeat-response", readRound: 0 });
    }
    bench.core.step({ kind: "propose", id: 1, data: Buffer.from("a") });
    assert.equal(bench.core.status.lastIndex, 2);
  });

  test("whoever is asked campaigns at once, without a pre-vote, and says why", () => {
    const bench = new Bench();
    bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    bench.settle();
    bench.hear(3, 1, { kind: "timeout-now" });
    assert.equal(bench.core.status.role, "follower", "only the leader may ask");
    bench.hear(2, 1, { kind: "timeout-now" });
    const sent = bench.settle();
    assert.equal(bench.core.status.term, 2);
    assert.deepEqual(
      sent.map((message) => message.kind === "vote" && message.transfer),
      [true, true],
    );
  });

  test("a campaign that the leader wants is answered by those who hear the leader, and by the leader", () => {
    const ask = { kind: "vote", lastIndex: 9 as LogIndex, lastTerm: 1 as Term, transfer: true } as const;
    const follower = new Bench();
    follower.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    follower.settle();
    follower.hear(3, 2, ask);
    assert.deepEqual(follower.voteResponses(), [true]);
    const leader = leading();
    leader.hear(3, 2, ask);
    assert.deepEqual(leader.voteResponses(), [true]);
    assert.equal(leader.core.status.role, "follower");
  });

  test("a learner, the leader itself and a stranger are no targets; a learner that is asked does not campaign", () => {
    const bench = leading({ voters: 3, learners: 1 });
    for (const target of [1, 4, 9]) {
      transfer(bench, target);
      assert.equal(bench.core.status.transferee, 0n);
    }
    const learner = new Bench({ base: base(0, 0, configuration([2, 3], [1])) });
    learner.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    learner.hear(2, 1, { kind: "timeout-now" });
    assert.equal(learner.core.status.role, "follower");
  });

  test("the target of a transfer that is removed meanwhile is not asked", () => {
    const bench = leading({ voters: 4 });
    bench.change("remove", 4);
    bench.settle();
    transfer(bench, 4);
    assert.equal(bench.core.status.transferee, 0n);
  });
});
