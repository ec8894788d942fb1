/** What a leader says of its commit index alone waits a moment, and never longer than that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { Notices } from "../../src/etcd/member-notices.ts";
import type { Configuration, Entry, PromptMessage } from "../../src/etcd/model.ts";
import { ManualClock } from "../grpc/manual-clock.ts";

const [leader, peer, other] = [1n, 2n, 3n] as MemberId[] as [MemberId, MemberId, MemberId];
const three: Configuration = { voters: [leader, peer, other], learners: [] };

test("a notice goes by itself when no append has taken its place, and only the last one", () => {
  const { clock, notices, sent } = makeNotices();
  assert.deepEqual(notices.hold([append(peer, 0, 5)], three), []);
  assert.deepEqual(notices.hold([append(peer, 0, 6), append(other, 0, 6)], three), []);
  clock.advance(0.5);
  assert.deepEqual(sent, []);
  clock.advance(0.5);
  assert.deepEqual(sent, [append(peer, 0, 6), append(other, 0, 6)]);
  clock.advance(10);
  assert.equal(sent.length, 2);
});

test("an append with entries goes at once and says what the notice would have said, to that peer alone", () => {
  const { clock, notices, sent } = makeNotices();
  notices.hold([append(peer, 0, 5), append(other, 0, 5)], three);
  assert.deepEqual(notices.hold([append(peer, 3, 5)], three), [append(peer, 3, 5)]);
  clock.advance(1);
  assert.deepEqual(sent, [append(other, 0, 5)]);
});

test("who has forwarded something is told at once, and so is who is a member no more", () => {
  const { clock, notices, sent } = makeNotices();
  notices.forwarded(peer);
  assert.deepEqual(notices.hold([append(peer, 0, 5)], three), [append(peer, 0, 5)]);
  assert.deepEqual(notices.hold([append(peer, 0, 6)], three), [], "for what it had forwarded, not for ever");
  assert.deepEqual(notices.hold([append(other, 0, 6)], { voters: [leader, peer], learners: [] }), [
    append(other, 0, 6),
  ]);
  clock.advance(1);
  assert.deepEqual(sent, [append(peer, 0, 6)]);
});

test("whatever else is in a turn goes at once, in order, and nothing goes after the end", () => {
  const { clock, notices, sent } = makeNotices();
  const beat: PromptMessage = { kind: "heartbeat", ...address(peer), commit: 5 as LogIndex, readRound: 1 };
  assert.deepEqual(notices.hold([beat, append(peer, 0, 5), append(other, 1, 5)], three), [beat, append(other, 1, 5)]);
  notices.stop();
  clock.advance(10);
  assert.deepEqual(sent, []);
});

function makeNotices(): { clock: ManualClock; notices: Notices; sent: PromptMessage[] } {
  const clock = new ManualClock();
  const sent: PromptMessage[] = [];
  return { clock, notices: new Notices(clock, (messages) => sent.push(...messages)), sent };
}

function address(to: MemberId): { from: MemberId; to: MemberId; term: Term } {
  return { from: leader, to, term: 2 as Term };
}

function append(to: MemberId, entries: number, commit: number): PromptMessage {
  const previous = { previousIndex: 7 as LogIndex, previousTerm: 2 as Term };
  const all = Array.from({ length: entries }, (_, i): Entry => {
    return { term: 2 as Term, index: (8 + i) as LogIndex, kind: "normal", data: new Uint8Array(0) };
  });
  return { kind: "append", ...address(to), ...previous, entries: all, commit: commit as LogIndex };
}
