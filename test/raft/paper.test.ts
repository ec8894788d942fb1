import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AssertionError } from "../../src/base/assert.ts";
import { type LogIndex, NO_MEMBER } from "../../src/base/ids.ts";
import type { Message } from "../../src/etcd/model.ts";
import { Bench, ELECTION, entry, ID } from "./bench.ts";

/**
 * The rules of the Raft paper ("In Search of an Understandable Consensus Algorithm", extended version: P) and of Ongaro's dissertation
 * (D), one test each, on a single member that hears hand-made messages.
 */

describe("terms (P 5.1)", () => {
  test("a message of a later term makes any role a follower of that term without a vote", () => {
    for (const prepare of [
      (): void => {},
      (b: Bench): unknown => b.tickToCampaign(),
      (b: Bench) => b.stand(),
      (b: Bench) => b.lead(),
    ]) {
      const bench = new Bench();
      prepare(bench);
      bench.settle();
      bench.hear(2, 9, { kind: "append-response", index: 0 as LogIndex, rejected: null });
      const { role, term, vote, leader } = bench.core.status;
      assert.deepEqual({ role, term, vote, leader }, { role: "follower", term: 9, vote: NO_MEMBER, leader: NO_MEMBER });
    }
  });

  test("a request of an earlier term is refused with the current term, and changes nothing", () => {
    const bench = new Bench({ term: 5, log: [1] });
    bench.append(2, 4, [1, 1], [entry(2, 4)], 2);
    bench.hear(2, 4, { kind: "heartbeat", commit: 1 as LogIndex, readRound: 3 });
    bench.ask(3, 4, "vote", 9, 4);
    bench.ask(3, 4, "pre-vote", 9, 4);
    const sent = bench.settle();
    assert.deepEqual(sent.map(({ kind }) => kind).sort(), [
      "append-response",
      "heartbeat-response",
      "pre-vote-response",
      "vote-response",
    ]);
    for (const message of sent) {
      assert.equal(message.term, 5);
      if (message.kind === "append-response") assert.ok(message.rejected !== null);
      if (message.kind === "heartbeat-response") assert.equal(message.readRound, 0, "confirms no read");
      if ("granted" in message) assert.equal(message.granted, false);
    }
    assert.equal(bench.core.status.lastIndex, 1);
    assert.equal(bench.core.status.committed, 0);
  });

  test("a response of an earlier term is void", () => {
    const bench = new Bench({ term: 4 });
    bench.stand();
    bench.settle();
    bench.hear(2, 4, { kind: "vote-response", granted: true });
    bench.hear(3, 4, { kind: "vote-response", granted: true });
    assert.equal(bench.core.status.role, "candidate");
  });
});

describe("elections (P 5.2)", () => {
  test("election times are random, between one and two election times", () => {
    const seen = new Set<number>();
    for (let seed = 1; seed <= 200; seed++) seen.add(new Bench({ seed }).tickToCampaign());
    assert.deepEqual(
      [...seen].sort((a, b) => a - b),
      Array.from({ length: ELECTION }, (_, i) => ELECTION + i),
    );
  });

  test("a follower that hears its leader does not campaign", () => {
    const bench = new Bench();
    for (let i = 0; i < 100; i++) {
      bench.tick();
      bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    }
    assert.equal(bench.core.status.role, "follower");
  });

  test("one vote a term, first come first served, again to the same candidate", () => {
    const bench = new Bench();
    bench.ask(2, 1, "vote", 0, 0);
    bench.ask(3, 1, "vote", 0, 0);
    bench.ask(2, 1, "vote", 0, 0);
    assert.deepEqual(bench.voteResponses(), [true, false, true]);
  });

  test("a vote survives a restart", () => {
    const bench = new Bench({ term: 1, vote: 2 });
    bench.ask(3, 1, "vote", 0, 0);
    bench.ask(2, 1, "vote", 0, 0);
    assert.deepEqual(bench.voteResponses(), [false, true]);
  });

  test("a vote is persisted before it is promised (P 5.2, figure 2; D3)", () => {
    const bench = new Bench();
    bench.ask(2, 1, "vote", 0, 0);
    const ready = bench.take();
    assert.deepEqual(ready.messages, []);
    assert.equal(ready.mustSync, true);
    assert.deepEqual(ready.hardState, { term: 1, vote: 2n, commit: 0 });
    assert.deepEqual(
      ready.messagesAfterPersist.map(({ kind }) => kind),
      ["vote-response"],
    );
  });

  test("a candidate's request waits for the sync of its own vote, and its own vote counts only then", () => {
    const bench = new Bench({ voters: 1 });
    assert.equal(bench.core.status.role, "candidate");
    const ready = bench.take();
    assert.deepEqual(ready.hardState, { term: 1, vote: ID, commit: 0 });
    assert.equal(bench.core.status.role, "candidate", "not yet");
    bench.sync();
    assert.equal(bench.core.status.role, "leader");
    const many = new Bench();
    many.stand();
    const standing = many.take();
    assert.deepEqual(standing.messages, []);
    assert.deepEqual(
      standing.messagesAfterPersist.map(({ kind }) => kind),
      ["vote", "vote"],
    );
  });

  test("a majority of votes makes a leader; a majority of refusals ends the campaign", () => {
    for (const granted of [true, false]) {
      const bench = new Bench({ voters: 5 });
      bench.stand();
      bench.settle();
      bench.hear(2, 1, { kind: "vote-response", granted });
      bench.hear(2, 1, { kind: "vote-response", granted });
      assert.equal(bench.core.status.role, "candidate", "the same vote counts once");
      bench.hear(3, 1, { kind: "vote-response", granted });
      if (!granted) bench.hear(4, 1, { kind: "vote-response", granted });
      assert.equal(bench.core.status.role, granted ? "leader" : "follower");
    }
  });

  test("a candidate that hears the leader of its term follows it", () => {
    const bench = new Bench();
    bench.stand();
    bench.settle();
    bench.append(3, 1, [0, 0], [entry(1, 1)]);
    const { role, leader } = bench.core.status;
    assert.deepEqual({ role, leader }, { role: "follower", leader: 3n });
  });

  test("a second leader in one term stops the member", () => {
    const bench = new Bench();
    bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    assert.throws(() => bench.hear(3, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 }), AssertionError);
  });
});

describe("the log (P 5.3)", () => {
  test("a leader begins with an empty entry of its term, and appends at the end only (leader append-only)", () => {
    const bench = new Bench({ log: [1, 1, 2] });
    bench.lead();
    for (const text of ["a", "b"]) bench.core.step({ kind: "propose", id: 1, data: Buffer.from(text) });
    const { entriesToPersist } = bench.take();
    assert.deepEqual(
      entriesToPersist.map(({ index, term }) => [index, term]),
      [
        [5, 3],
        [6, 3],
      ],
    );
    assert.equal(bench.core.status.lastIndex, 6);
  });

  test("an append whose predecessor is missing or of another term is refused, with a place where the logs may agree", () => {
    const bench = new Bench({ log: [1, 1, 2, 2] });
    bench.append(2, 5, [9, 4], []);
    bench.append(2, 5, [4, 3], []);
    bench.append(2, 5, [4, 1], []);
    const hints = bench.settle().map((message) => (message.kind === "append-response" ? message.rejected : null));
    assert.deepEqual(hints, [
      { hintIndex: 4, hintTerm: 2 },
      { hintIndex: 4, hintTerm: 2 },
      { hintIndex: 2, hintTerm: 1 },
    ]);
  });

  test("conflicting entries give way from the first that differs on; what agrees stays (log matching)", () => {
    const bench = new Bench({ log: [1, 1, 2, 2], commit: 1 });
    bench.settle();
    bench.append(2, 4, [1, 1], [entry(2, 1), entry(3, 3), entry(4, 3)]);
    const ready = bench.take();
    assert.deepEqual(
      ready.entriesToPersist.map(({ index, term }) => [index, term]),
      [
        [3, 3],
        [4, 3],
      ],
    );
    assert.equal(bench.core.status.persisted, 2, "what was cut is persisted no more");
  });

  test("an old append that arrives late cuts nothing", () => {
    const bench = new Bench({ log: [1, 1, 1, 1] });
    bench.append(2, 1, [0, 0], [entry(1, 1), entry(2, 1)]);
    assert.equal(bench.core.status.lastIndex, 4);
    const [response] = bench.settle();
    assert.ok(response?.kind === "append-response" && response.rejected === null && response.index === 2);
  });

  test("an acknowledgement waits for the sync of the entries (D3)", () => {
    const bench = new Bench({ term: 1 });
    bench.append(2, 1, [0, 0], [entry(1, 1)]);
    const ready = bench.take();
    assert.deepEqual(ready.messages, []);
    assert.equal(ready.mustSync, true);
    assert.deepEqual(
      ready.messagesAfterPersist.map(({ kind }) => kind),
      ["append-response"],
    );
  });

  test("a follower commits no further than the last entry it knows to match (P figure 2)", () => {
    const bench = new Bench({ log: [1, 1, 1, 1] });
    bench.append(2, 2, [1, 1], [entry(2, 1)], 4);
    assert.equal(bench.core.status.committed, 2, "entries 3 and 4 may be another's");
  });

  test("a commit index never goes back", () => {
    const bench = new Bench({ log: [1, 1, 1] });
    bench.append(2, 1, [3, 1], [], 3);
    bench.append(2, 1, [3, 1], [], 1);
    bench.hear(2, 1, { kind: "heartbeat", commit: 2 as LogIndex, readRound: 0 });
    assert.equal(bench.core.status.committed, 3);
  });

  test("a committed entry is never replaced: a leader that tries stops the member", () => {
    const bench = new Bench({ log: [1, 1, 1], commit: 2 });
    assert.throws(() => bench.append(2, 2, [1, 1], [entry(2, 2)]), AssertionError);
    assert.throws(() => new Bench({ log: [1, 1, 1], commit: 2 }).append(2, 2, [2, 2], []), AssertionError);
  });

  test("an entry is applied once it is committed and on this member's own disk (D3)", () => {
    const bench = new Bench({ term: 1 });
    bench.append(2, 1, [0, 0], [entry(1, 1, "a")], 1);
    assert.deepEqual(bench.take().entriesToApply, []);
    assert.equal(bench.core.status.committed, 1);
    bench.sync();
    const ready = bench.take();
    assert.deepEqual(
      ready.entriesToApply.map(({ index }) => index),
      [1],
    );
    assert.equal(ready.hardState?.commit, 1);
    assert.equal(ready.mustSync, false, "a commit index is not worth a sync");
  });

  test("after a restart the saved commit index is the commit index", () => {
    const bench = new Bench({ log: [1, 1, 1], commit: 2 });
    assert.deepEqual(
      bench.take().entriesToApply.map(({ index }) => index),
      [1, 2],
    );
    assert.equal(bench.core.status.committed, 2);
  });

  test("the late sync of an entry that was replaced, and came back, does not count for its return", () => {
    const bench = new Bench({ term: 1 });
    bench.append(2, 1, [0, 0], [entry(1, 1)]);
    const first = bench.take().number;
    bench.append(3, 2, [0, 0], [entry(1, 2)]);
    bench.take();
    bench.append(2, 3, [0, 0], [entry(1, 1), entry(2, 3)]);
    const third = bench.take().number;
    bench.core.step({ kind: "persisted", number: first });
    assert.equal(bench.core.status.persisted, 0);
    bench.core.step({ kind: "persisted", number: third });
    assert.equal(bench.core.status.persisted, 2);
    bench.core.step({ kind: "persisted", number: first });
    assert.equal(bench.core.status.persisted, 2, "and twice does no harm");
  });
});

describe("safety (P 5.4)", () => {
  test("a vote goes only to a log that is at least as up to date: the last term decides, then the length (P 5.4.1)", () => {
    const cases: readonly (readonly [readonly number[], number, number, boolean])[] = [
      [[1, 1], 2, 1, true],
      [[1, 1], 3, 1, true],
      [[1, 1], 1, 1, false],
      [[1, 1], 1, 2, true],
      [[1, 2], 9, 1, false],
      [[], 0, 0, true],
      [[1], 0, 0, false],
    ];
    for (const [log, lastIndex, lastTerm, granted] of cases) {
      for (const kind of ["vote", "pre-vote"] as const) {
        const bench = new Bench({ log });
        bench.ask(2, 5, kind, lastIndex, lastTerm);
        const answers = bench.settle().flatMap((sent) => ("granted" in sent ? [sent.granted] : []));
        assert.deepEqual(answers, [granted], `${kind} of ${lastIndex}@${lastTerm} against ${log}`);
      }
    }
  });

  test("copies on a majority do not commit an entry of an earlier term; one of the own term commits all before it (P 5.4.2, figure 8)", () => {
    const bench = new Bench({ log: [1, 2, 2] });
    bench.lead();
    bench.accept(2, 3);
    bench.accept(3, 3);
    assert.equal(bench.core.status.committed, 0);
    bench.accept(2, 4);
    assert.equal(bench.core.status.committed, 4);
  });

  test("a leader counts itself only as far as it has synced (D3)", () => {
    const bench = new Bench();
    bench.lead();
    bench.accept(2, 1);
    bench.core.step({ kind: "propose", id: 1, data: Buffer.from("a") });
    const appends = bench.take().messages.filter(({ kind }) => kind === "append");
    assert.deepEqual(
      appends.map(({ to }) => to),
      [2n],
      "yet its appends go at once",
    );
    bench.accept(2, 2);
    assert.equal(bench.core.status.committed, 1);
    bench.sync();
    assert.equal(bench.core.status.committed, 2);
  });

  test("an answer below the majority's place commits nothing", () => {
    const bench = new Bench({ voters: 5 });
    bench.lead();
    bench.accept(2, 1);
    assert.equal(bench.core.status.committed, 0);
    bench.accept(2, 1);
    assert.equal(bench.core.status.committed, 0, "the same answer counts once");
    bench.accept(3, 1);
    assert.equal(bench.core.status.committed, 1);
  });
});

describe("pre-votes and sticky leaders (D 9.6, 4.2.3, 6.2)", () => {
  test("asking and granting pre-votes changes no term and no vote", () => {
    const bench = new Bench({ term: 3, vote: 2 });
    bench.tickToCampaign();
    assert.equal(bench.take().mustSync, false);
    bench.ask(3, 4, "pre-vote", 0, 0);
    const ready = bench.take();
    assert.equal(ready.hardState, null);
    assert.deepEqual(ready.messagesAfterPersist, [
      { kind: "pre-vote-response", from: 1n, to: 3n, term: 4, granted: true },
    ]);
    assert.deepEqual([bench.core.status.term, bench.core.status.vote], [3, 2n]);
  });

  test("a member that hears a leader answers no candidate, and its term stays", () => {
    for (const kind of ["vote", "pre-vote"] as const) {
      const bench = new Bench({ term: 1 });
      bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
      bench.settle();
      bench.tick(ELECTION - 1);
      bench.ask(3, 7, kind, 9, 6);
      assert.deepEqual(bench.settle(), []);
      assert.equal(bench.core.status.term, 1);
    }
  });

  test("a leader answers no candidate either", () => {
    const bench = new Bench();
    bench.lead();
    bench.ask(3, 7, "vote", 9, 6);
    assert.deepEqual(bench.settle(), []);
    assert.equal(bench.core.status.role, "leader");
  });

  test("a leader that hears no majority for an election time steps down; hearing a majority, it stays", () => {
    for (const [voices, role] of [
      [0, "follower"],
      [1, "follower"],
      [2, "leader"],
    ] as const) {
      const bench = new Bench({ voters: 5 });
      bench.lead();
      for (let i = 0; i < 3 * ELECTION && bench.core.status.role === "leader"; i++) {
        bench.tick();
        for (let from = 2; from < 2 + voices; from++) bench.hear(from, 1, { kind: "heartbeat-response", readRound: 0 });
      }
      assert.equal(bench.core.status.role, role, `${voices} voices`);
    }
  });
});

describe("linearizable reads (D 6.4; D4)", () => {
  const heartbeatRounds = (messages: readonly Message[]): number[] =>
    messages.flatMap((sent) => (sent.kind === "heartbeat" ? [sent.readRound] : []));

  test("a read waits for an entry of the leader's term to be committed, then for a majority of answers to a heartbeat sent after it came", () => {
    const bench = new Bench({ log: [1], voters: 5 });
    bench.lead();
    bench.core.step({ kind: "read-index", id: 7 });
    assert.equal(bench.core.takeReady(), null, "nothing goes before the first commit");
    bench.accept(2, 2);
    bench.accept(3, 2);
    const rounds = heartbeatRounds(bench.take().messages);
    assert.deepEqual(rounds, [1, 1, 1, 1]);
    bench.hear(4, 2, { kind: "heartbeat-response", readRound: 1 });
    bench.hear(4, 2, { kind: "heartbeat-response", readRound: 1 });
    bench.hear(5, 2, { kind: "heartbeat-response", readRound: 0 });
    assert.deepEqual(bench.core.takeReady()?.readStates ?? [], []);
    bench.hear(5, 2, { kind: "heartbeat-response", readRound: 1 });
    assert.deepEqual(bench.take().readStates, [{ id: 7, index: 2 }]);
  });

  test("an answer to an earlier round confirms nothing", () => {
    const bench = new Bench();
    bench.lead();
    bench.accept(2, 1);
    bench.core.step({ kind: "read-index", id: 1 });
    bench.settle();
    bench.hear(2, 1, { kind: "heartbeat-response", readRound: 1 });
    bench.core.step({ kind: "read-index", id: 2 });
    assert.deepEqual(heartbeatRounds(bench.settle()), [2, 2]);
    bench.hear(3, 1, { kind: "heartbeat-response", readRound: 1 });
    bench.hear(3, 1, { kind: "heartbeat-response", readRound: 0 });
    assert.equal(bench.core.takeReady(), null);
    bench.hear(3, 1, { kind: "heartbeat-response", readRound: 2 });
    assert.deepEqual(bench.take().readStates, [{ id: 2, index: 1 }]);
  });

  test("a read sees what was committed when its round began, not what came later", () => {
    const bench = new Bench();
    bench.lead();
    bench.accept(2, 1);
    bench.core.step({ kind: "read-index", id: 1 });
    bench.core.step({ kind: "propose", id: 2, data: Buffer.from("a") });
    bench.settle();
    bench.accept(2, 2);
    bench.settle();
    bench.hear(2, 1, { kind: "heartbeat-response", readRound: 1 });
    assert.deepEqual(bench.take().readStates, [{ id: 1, index: 1 }]);
  });

  test("reads that wait are dropped when the leader steps down, in flight or gathering, its own or a follower's", () => {
    const bench = new Bench();
    bench.lead();
    bench.accept(2, 1);
    bench.core.step({ kind: "read-index", id: 1 });
    bench.settle();
    bench.core.step({ kind: "read-index", id: 2 });
    bench.hear(2, 1, { kind: "read-index", id: 55 });
    bench.hear(3, 9, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    const ready = bench.take();
    assert.deepEqual(ready.droppedReads, [1, 2]);
    const refusals = ready.messages.filter(({ kind }) => kind === "read-index-response");
    assert.deepEqual(refusals, [{ kind: "read-index-response", from: 1n, to: 2n, term: 9, id: 55, index: null }]);
  });

  test("a repeated request of a follower is answered once a round, and an answer to another request is ignored", () => {
    const bench = new Bench();
    bench.lead();
    bench.accept(2, 1);
    for (let i = 0; i < 3; i++) bench.hear(2, 1, { kind: "read-index", id: 8 });
    bench.settle();
    bench.hear(2, 1, { kind: "read-index", id: 8 });
    bench.hear(3, 1, { kind: "heartbeat-response", readRound: 1 });
    const sent = bench.settle().map(({ kind }) => kind);
    assert.deepEqual(sent, ["read-index-response"], "and no second round begins for it");
    const follower = new Bench();
    follower.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    follower.core.step({ kind: "read-index", id: 1 });
    const request = follower.settle().find(({ kind }) => kind === "read-index");
    assert.ok(request?.kind === "read-index");
    follower.hear(2, 1, { kind: "read-index-response", id: request.id - 1, index: 0 as LogIndex });
    assert.equal(follower.core.takeReady(), null);
    follower.hear(2, 1, { kind: "read-index-response", id: request.id, index: 0 as LogIndex });
    assert.deepEqual(follower.take().readStates, [{ id: 1, index: 0 }]);
  });
});

describe("forwarded proposals", () => {
  test("what gathered before the leader changed, and has not left, is dropped: certainly without effect", () => {
    const bench = new Bench();
    bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    bench.settle();
    bench.core.step({ kind: "propose", id: 4, data: Buffer.from("a") });
    bench.hear(3, 2, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    const ready = bench.take();
    assert.deepEqual(ready.droppedProposals, [4]);
    assert.ok(!ready.messages.some(({ kind }) => kind === "propose"));
  });

  test("a turn's proposals go in one message, or in several within the limit of bytes", () => {
    const bench = new Bench({ appendBytes: 3 });
    bench.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    for (const text of ["aa", "b", "c", "dddd"]) bench.core.step({ kind: "propose", id: 1, data: Buffer.from(text) });
    const sent = bench.settle().flatMap((message) => (message.kind === "propose" ? [message] : []));
    assert.deepEqual(
      sent.map(({ data }) => data.map((bytes) => Buffer.from(bytes).toString())),
      [["aa", "b"], ["c"], ["dddd"]],
    );
    assert.deepEqual(
      sent.map(({ sequence }) => sequence),
      [1, 2, 3],
    );
  });

  test("what a leader has no room for goes back to its sender, and a repeated message gets no second answer", () => {
    const leader = new Bench({ uncommittedBytes: 3 });
    leader.lead();
    const data = ["a", "bb", "c", "d"].map((text) => Buffer.from(text));
    for (let i = 0; i < 2; i++) leader.hear(2, 1, { kind: "propose", sequence: 5, data });
    const refusals = leader.settle().filter(({ kind }) => kind === "propose-refused");
    assert.deepEqual(refusals, [{ kind: "propose-refused", from: 1n, to: 2n, term: 1, sequence: 5, taken: 2 }]);
    assert.equal(leader.core.status.lastIndex, 3);
    const follower = new Bench();
    follower.hear(2, 1, { kind: "heartbeat", commit: 0 as LogIndex, readRound: 0 });
    for (const id of [7, 8, 9]) follower.core.step({ kind: "propose", id, data: Buffer.from("x") });
    const sent = follower.settle().find(({ kind }) => kind === "propose");
    assert.ok(sent?.kind === "propose");
    const refused = { kind: "propose-refused", sequence: sent.sequence, taken: 1 } as const;
    follower.hear(3, 1, refused);
    assert.equal(follower.core.takeReady(), null, "only the leader that it was sent to may refuse it");
    follower.hear(2, 1, refused);
    follower.hear(2, 1, refused);
    assert.deepEqual(follower.take().droppedProposals, [8, 9]);
  });

  test("a leader takes each sequence of a sender once, and none of another term", () => {
    const bench = new Bench();
    bench.lead();
    const data = [Buffer.from("x")];
    bench.hear(2, 1, { kind: "propose", sequence: 5, data });
    bench.hear(2, 1, { kind: "propose", sequence: 5, data });
    bench.hear(2, 1, { kind: "propose", sequence: 4, data });
    bench.hear(3, 1, { kind: "propose", sequence: 5, data });
    bench.hear(2, 0, { kind: "propose", sequence: 6, data });
    assert.equal(bench.core.status.lastIndex, 3);
  });
});
