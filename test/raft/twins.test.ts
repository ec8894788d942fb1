import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Entry } from "../../src/etcd/model.ts";
import { CORRECT } from "../../src/etcd/raft/decisions.ts";
import { RaftLog } from "../../src/etcd/raft/log.ts";
import { Progress } from "../../src/etcd/raft/progress.ts";
import { isMajority, majorityIndex, voteResult } from "../../src/etcd/raft/quorum.ts";
import { Unsynced } from "../../src/etcd/raft/unsynced.ts";

/** Each clever structure of the core against a twin that is too simple to be wrong. fast-check prints the seed of a failure. */

const ids = (count: number): MemberId[] => Array.from({ length: count }, (_, i) => BigInt(i + 1) as MemberId);

function newLog(entries: readonly Entry[]): RaftLog {
  const base = { index: 0 as LogIndex, term: 0 as Term, configuration: { voters: ids(3), learners: [] } };
  return new RaftLog({ base, entries, committed: 0 as LogIndex, applied: 0 as LogIndex }, CORRECT);
}

test("a majority index is the largest index that more than half have reached", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(12), { minLength: 1, maxLength: 9 }), (reached) => {
      let expected = 0;
      for (let index = 0; index <= 12; index++) {
        if (reached.filter((own) => own >= index).length * 2 > reached.length) expected = index;
      }
      assert.equal(majorityIndex(reached as LogIndex[]), expected);
    }),
  );
});

test("an election is won when more than half grant, and lost when no outcome of the rest could win it", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(true, false, null), { minLength: 1, maxLength: 7 }), (answers) => {
      const voters = ids(answers.length);
      const votes = new Map<MemberId, boolean>();
      for (const [i, answer] of answers.entries()) if (answer !== null) votes.set(voters[i] as MemberId, answer);
      const wins = (granted: number): boolean => granted * 2 > answers.length;
      const granted = answers.filter((answer) => answer === true).length;
      const open = answers.filter((answer) => answer === null).length;
      const expected = wins(granted) ? "won" : wins(granted + open) ? "pending" : "lost";
      assert.equal(voteResult(voters.length, votes), expected);
      const present = new Set(voters.filter((_, i) => answers[i] === true));
      assert.equal(isMajority(voters, present.add(99n as MemberId)), wins(granted));
    }),
  );
});

// ------------------------------------------------------------------------------------------------------------------ log

/** A log as the paper draws it, and a disk that gets writes in order and knows how many have arrived. */
class LogTwin {
  entries: Entry[] = [];
  committed = 0;
  applied = 0;
  writes: { readonly number: number; readonly entries: readonly Entry[] }[] = [];
  disk: Entry[] = [];

  write(to: Entry[], entries: readonly Entry[]): void {
    const first = entries[0];
    if (first !== undefined) to.splice(first.index - 1, to.length, ...entries);
  }

  /** How far the log stands on the disk, entry by entry, and is not going to be overwritten by a write under way. */
  durable(): number {
    let index = 0;
    while (index < this.entries.length && this.disk[index] === this.entries[index]) index++;
    return index;
  }
}

type LogStep =
  | { readonly kind: "append"; readonly from: number; readonly terms: readonly number[] }
  | { readonly kind: "mismatch" }
  | { readonly kind: "take" }
  | { readonly kind: "sync"; readonly count: number }
  | { readonly kind: "commit"; readonly index: number };

const logStep: fc.Arbitrary<LogStep> = fc.oneof(
  fc.record({
    kind: fc.constant("append" as const),
    from: fc.nat(8),
    terms: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 4 }),
  }),
  fc.record({ kind: fc.constant("mismatch" as const) }),
  fc.record({ kind: fc.constant("take" as const) }),
  fc.record({ kind: fc.constant("sync" as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant("commit" as const), index: fc.nat(8) }),
);

test("a log keeps its marks through appends, cuts and late syncs, even when an entry is cut and comes back", () => {
  fc.assert(
    fc.property(fc.array(logStep, { maxLength: 40 }), (steps) => {
      const log = newLog([]);
      const unsynced = new Unsynced();
      const twin = new LogTwin();
      let number = 0;
      for (const step of steps) {
        if (step.kind === "append") follow(log, unsynced, twin, step.from, step.terms);
        else if (step.kind === "mismatch") {
          const beyond = { index: (twin.entries.length + 1) as LogIndex, term: 1 as Term };
          assert.equal(log.tryAppend(beyond, []), null);
        } else if (step.kind === "take") {
          const entries = log.takeEntriesToPersist();
          if (entries.length === 0) continue;
          number++;
          twin.writes.push({ number, entries });
          unsynced.handOut({ number, term: 1 as Term, vote: 1n as MemberId, index: log.handedOut });
        } else if (step.kind === "sync") {
          const done = twin.writes.splice(0, step.count);
          for (const write of done) twin.write(twin.disk, write.entries);
          const batch = unsynced.complete(done.at(-1)?.number ?? 0);
          if (batch !== null) log.persistedTo(batch.index);
        } else {
          twin.committed = Math.max(twin.committed, Math.min(step.index, twin.entries.length));
          log.commitTo(twin.committed as LogIndex);
        }
        compare(log, twin);
      }
    }),
    { numRuns: 2000 },
  );
});

/** What a leader sends: some entries after a place at or beyond the commit index, with terms that never fall. */
function follow(log: RaftLog, unsynced: Unsynced, twin: LogTwin, from: number, terms: readonly number[]): void {
  const previous = Math.min(Math.max(from, twin.committed), twin.entries.length);
  const previousTerm = twin.entries[previous - 1]?.term ?? (0 as Term);
  let term = previousTerm as number;
  const entries = terms.map((wanted, i): Entry => {
    term = Math.max(term, wanted);
    return { index: (previous + 1 + i) as LogIndex, term: term as Term, kind: "normal", data: new Uint8Array(i) };
  });
  const first = entries.findIndex((entry) => twin.entries[entry.index - 1]?.term !== entry.term);
  if (first >= 0) twin.write(twin.entries, entries.slice(first));
  const matched = log.tryAppend({ index: previous as LogIndex, term: previousTerm }, entries);
  unsynced.truncated(log.handedOut);
  assert.equal(matched, previous + entries.length);
}

function compare(log: RaftLog, twin: LogTwin): void {
  assert.equal(log.lastIndex, twin.entries.length);
  assert.equal(log.lastTerm, twin.entries.at(-1)?.term ?? 0);
  assert.equal(log.committed, twin.committed);
  assert.deepEqual(log.slice(1 as LogIndex, Number.MAX_SAFE_INTEGER), twin.entries);
  assert.ok(log.persisted <= twin.durable(), `persisted ${log.persisted}, but the disk holds ${twin.durable()}`);
  if (twin.writes.length === 0) {
    assert.equal(log.persisted, log.handedOut, "everything that was handed out and came back counts");
  }
  const applicable = Math.max(twin.applied, Math.min(twin.committed, log.persisted));
  const applied = log.takeEntriesToApply();
  assert.deepEqual(applied, twin.entries.slice(twin.applied, applicable));
  twin.applied = applicable;
  for (let index = 0; index <= twin.entries.length; index++) {
    for (let term = 0; term <= 4; term++) {
      let expected = index;
      while (expected > 0 && (twin.entries[expected - 1] as Entry).term > term) expected--;
      assert.equal(log.lastNotAbove(index as LogIndex, term as Term).index, expected);
    }
  }
}

test("a slice holds at least one entry and no more data than its limit", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { minLength: 1, maxLength: 12 }), fc.nat(30), fc.nat(11), (sizes, limit, start) => {
      const entries = sizes.map((size, i): Entry => {
        return { index: (i + 1) as LogIndex, term: 1 as Term, kind: "normal", data: new Uint8Array(size) };
      });
      const log = newLog(entries);
      const from = Math.min(start, sizes.length - 1);
      let count = 1;
      const bytes = (until: number): number => sizes.slice(from, from + until).reduce((sum, size) => sum + size, 0);
      while (from + count < sizes.length && bytes(count + 1) <= limit) count++;
      assert.deepEqual(log.slice((from + 1) as LogIndex, limit), entries.slice(from, from + count));
      assert.equal(log.bytesBetween(from as LogIndex, (from + count) as LogIndex), bytes(count));
    }),
  );
});

// ------------------------------------------------------------------------------------------------------------- progress

test("progress: match is the best answer, the window is kept, and lost messages never stop a peer that lives", () => {
  const event = fc.oneof(
    { weight: 4, arbitrary: fc.constant("send" as const) },
    { weight: 4, arbitrary: fc.constant("arrive" as const) },
    { weight: 2, arbitrary: fc.constant("overtake" as const) },
    { weight: 1, arbitrary: fc.constant("lose" as const) },
    { weight: 1, arbitrary: fc.constant("stale" as const) },
    { weight: 1, arbitrary: fc.constant("unreachable" as const) },
    { weight: 1, arbitrary: fc.constant("beat" as const) },
  );
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(6),
      (events, window, held) => {
        const peer = new PeerTwin(window, held);
        for (const what of events) {
          peer.happen(what);
          peer.check(window);
        }
        for (let i = 0; i < 100 && peer.progress.match < PeerTwin.LAST; i++) {
          peer.happen("beat");
          while (peer.send());
          while (peer.onTheWay.length > 0) peer.happen("arrive");
        }
        assert.equal(peer.progress.match, PeerTwin.LAST, "a peer that lives catches up");
      },
    ),
    { numRuns: 1000 },
  );
});

/** A leader with a fixed log of ten entries and a follower that holds the first `length` of them. */
class PeerTwin {
  static readonly LAST: number = 10;
  readonly progress: Progress;
  length: number;
  onTheWay: { readonly previous: number; readonly last: number }[] = [];
  best = 0;

  constructor(window: number, held: number) {
    this.progress = new Progress((PeerTwin.LAST + 1) as LogIndex, window);
    this.length = held;
  }

  happen(what: "send" | "arrive" | "overtake" | "lose" | "stale" | "unreachable" | "beat"): void {
    if (what === "send") this.send();
    else if (what === "arrive") this.#arrive(this.onTheWay.shift());
    else if (what === "overtake") this.#arrive(this.onTheWay.pop());
    else if (what === "lose") this.onTheWay.shift();
    else if (what === "stale") this.progress.accepted(Math.floor(this.best / 2) as LogIndex);
    else if (what === "unreachable") this.progress.probe();
    else {
      this.progress.beat();
      this.progress.alive();
    }
  }

  /** One append of at most two entries, if progress allows. */
  send(): boolean {
    const { progress } = this;
    const wanted = progress.maySend && (progress.next <= PeerTwin.LAST || progress.mustSend);
    if (!wanted && !progress.mustSend) return false;
    const previous = progress.next - 1;
    const last = progress.maySend ? Math.min(previous + 2, PeerTwin.LAST) : previous;
    progress.sent(last as LogIndex);
    this.onTheWay.push({ previous, last });
    return true;
  }

  #arrive(append: { readonly previous: number; readonly last: number } | undefined): void {
    if (append === undefined) return;
    if (append.previous > this.length) {
      this.progress.rejected(append.previous as LogIndex, this.length as LogIndex);
      return;
    }
    this.length = Math.max(this.length, append.last);
    this.best = Math.max(this.best, append.last);
    this.progress.accepted(append.last as LogIndex);
  }

  check(window: number): void {
    const { match, next, inFlight, state } = this.progress;
    assert.equal(match, this.best, "match is the best answer so far");
    assert.ok(match < next && next <= PeerTwin.LAST + 1, `${match} < ${next}`);
    assert.ok(inFlight <= window, "the window is kept");
    if (state === "probe") assert.equal(inFlight, 0);
  }
}
