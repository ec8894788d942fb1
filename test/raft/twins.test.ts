import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Change, Configuration, Entry } from "../../src/etcd/model.ts";
import {
  ConfigurationHistory,
  changed,
  encodeConfigData,
  isSingleStep,
  makeConfiguration,
} from "../../src/etcd/raft/configuration.ts";
import { CORRECT } from "../../src/etcd/raft/decisions.ts";
import { RaftLog } from "../../src/etcd/raft/log.ts";
import { Progress } from "../../src/etcd/raft/progress.ts";
import { isMajority, majorityIndex, voteResult } from "../../src/etcd/raft/quorum.ts";
import { Unsynced } from "../../src/etcd/raft/unsynced.ts";
import fc from "../support/fast-check.ts";

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
  /** Entries up to here are forgotten; the twin keeps them all the same. */
  base = 0;
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
  | { readonly kind: "commit"; readonly index: number }
  | { readonly kind: "compact"; readonly index: number }
  | { readonly kind: "snapshot"; readonly ahead: number };

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
  fc.record({ kind: fc.constant("compact" as const), index: fc.nat(8) }),
  fc.record({ kind: fc.constant("snapshot" as const), ahead: fc.integer({ min: 1, max: 3 }) }),
);

test("a log keeps its marks through appends, cuts, snapshots and late syncs, even when an entry is cut and comes back", () => {
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
        } else if (step.kind === "compact") {
          twin.base = Math.max(twin.base, Math.min(step.index, twin.applied));
          log.compact(twin.base as LogIndex);
        } else if (step.kind === "snapshot") restore(log, unsynced, twin, step.ahead);
        else {
          twin.committed = Math.max(twin.committed, Math.min(step.index, twin.entries.length));
          log.commitTo(twin.committed as LogIndex);
        }
        compare(log, twin);
      }
    }),
    { numRuns: 2000 },
  );
});

/** A snapshot of a place beyond the commit index: the twin makes up what it stands for. */
function restore(log: RaftLog, unsynced: Unsynced, twin: LogTwin, ahead: number): void {
  const index = twin.committed + ahead;
  const term = (twin.entries.at(-1)?.term ?? 0) as Term;
  log.restore({ index: index as LogIndex, term, configuration: { voters: ids(3), learners: [] } });
  unsynced.truncated(log.handedOut);
  const known = twin.entries.slice(0, Math.min(index, twin.committed));
  const unknown = Array.from({ length: index - known.length }, (_, i): Entry => {
    return { index: (known.length + i + 1) as LogIndex, term, kind: "normal", data: new Uint8Array(0) };
  });
  twin.entries = [...known, ...unknown];
  twin.disk = [...twin.entries];
  twin.writes = [];
  twin.committed = index;
  twin.applied = index;
  twin.base = index;
}

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
  assert.equal(log.base.index, twin.base);
  assert.deepEqual(log.slice((twin.base + 1) as LogIndex, Number.MAX_SAFE_INTEGER), twin.entries.slice(twin.base));
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
      if (expected < twin.base) expected = Math.min(index, twin.base - 1);
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
      const within = log.startWithin((from + count) as LogIndex, limit);
      const before = (start: number): number => sizes.slice(start, from + count).reduce((sum, size) => sum + size, 0);
      assert.ok(before(within) <= limit && (within === 0 || before(within - 1) > limit), `from ${within} on`);
    }),
  );
});

// -------------------------------------------------------------------------------------------------------- configurations

const someMembers: fc.Arbitrary<Configuration> = fc
  .tuple(fc.subarray(ids(5), { minLength: 1 }), fc.subarray(ids(5)))
  .map(([voters, rest]) =>
    makeConfiguration(
      voters,
      rest.filter((id) => !voters.includes(id)),
    ),
  );
const someChange: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom("add-voter", "add-learner", "promote", "remove", "update"),
  member: fc.constantFrom(...ids(6)),
});

function subsets(members: readonly MemberId[]): readonly (readonly MemberId[])[] {
  return Array.from({ length: 2 ** members.length }, (_, bits) => members.filter((_id, i) => (bits >> i) % 2 === 1));
}

test("one change keeps every majority before and every majority after it in touch; so no joint phase is needed", () => {
  const majorities = (voters: readonly MemberId[]): readonly (readonly MemberId[])[] =>
    subsets(voters).filter((set) => set.length * 2 > voters.length);
  const inTouch = (one: Configuration, other: Configuration): boolean =>
    majorities(one.voters).every((a) => majorities(other.voters).every((b) => a.some((id) => b.includes(id))));
  fc.assert(
    fc.property(someMembers, someChange, someMembers, (before, change, any) => {
      const after = changed(before, change);
      if (typeof after !== "string") assert.ok(isSingleStep(before, after) && inTouch(before, after));
      if (isSingleStep(before, any)) assert.ok(inTouch(before, any));
    }),
    { numRuns: 500 },
  );
});

test("a change does to the sets of voters and learners what it says, or is refused", () => {
  fc.assert(
    fc.property(someMembers, someChange, (before, { kind, member }) => {
      const after = changed(before, { kind, member });
      const voters = new Set(before.voters);
      const learners = new Set(before.learners);
      const named = voters.has(member) || learners.has(member);
      if (kind === "update") {
        if (named) assert.deepEqual(after, before);
        else assert.equal(after, "member-unknown");
        return;
      }
      learners.delete(member);
      if (kind === "remove") voters.delete(member);
      else if (kind === "add-learner") learners.add(member);
      else voters.add(member);
      const isSensible = kind === "promote" ? before.learners.includes(member) : named === (kind === "remove");
      if (!isSensible || voters.size === 0) assert.equal(typeof after, "string");
      else assert.deepEqual(after, makeConfiguration([...voters], [...learners]));
    }),
    { numRuns: 1000 },
  );
});

test("the configuration of every place of a log is that of the last config entry up to it, through cuts at both ends", () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("change" as const), change: someChange }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("append" as const) }) },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant("truncate" as const), from: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const), index: fc.nat(20) }) },
  );
  fc.assert(
    fc.property(someMembers, fc.array(step, { maxLength: 30 }), (founding, steps) => {
      const history = new ConfigurationHistory(0 as LogIndex, founding);
      // What each entry left behind: one configuration per index.
      const twin: Configuration[] = [founding];
      let base = 0;
      for (const each of steps) {
        const index = twin.length as LogIndex;
        const latest = twin.at(-1) as Configuration;
        if (each.kind === "change" || each.kind === "append") {
          const after = each.kind === "change" ? changed(latest, each.change) : "nothing";
          const isChange = typeof after !== "string";
          const data = isChange ? encodeConfigData(after, Buffer.from("why")) : new Uint8Array(3);
          history.append({ index, term: 1 as Term, kind: isChange ? "config" : "normal", data });
          twin.push(isChange ? after : latest);
        } else if (each.kind === "truncate" && each.from > base) {
          history.truncate(each.from as LogIndex);
          twin.length = Math.min(twin.length, each.from);
        } else if (each.kind === "compact") {
          base = Math.max(base, Math.min(each.index, twin.length - 1));
          history.compact(base as LogIndex);
        }
        for (let at = base; at < twin.length; at++) assert.deepEqual(history.at(at as LogIndex), twin[at]);
        assert.deepEqual(history.latest, twin.at(-1));
        const since = twin.findLastIndex((one, at) => at === base || (at > base && one !== twin[at - 1]));
        assert.equal(history.latestIndex, since);
      }
    }),
    { numRuns: 1000 },
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
    { weight: 1, arbitrary: fc.constant("compact" as const) },
    { weight: 1, arbitrary: fc.constant("snapshot arrives" as const) },
    { weight: 1, arbitrary: fc.constant("snapshot breaks" as const) },
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
          peer.happen("snapshot arrives");
          while (peer.onTheWay.length > 0) peer.happen("arrive");
        }
        assert.equal(peer.progress.match, PeerTwin.LAST, "a peer that lives catches up");
      },
    ),
    { numRuns: 1000 },
  );
});

type PeerEvent =
  | "send"
  | "arrive"
  | "overtake"
  | "lose"
  | "stale"
  | "unreachable"
  | "beat"
  | "compact"
  | "snapshot arrives"
  | "snapshot breaks";

/** A leader with a fixed log of ten entries, cut behind `base`, and a follower that holds the first `length` of them. */
class PeerTwin {
  static readonly LAST: number = 10;
  readonly progress: Progress;
  length: number;
  base = 0;
  /** Index of the file on its way: one at a time, and it goes on when appends that were on their way have made it useless. */
  snapshot: number | null = null;
  onTheWay: { readonly previous: number; readonly last: number }[] = [];
  best = 0;

  constructor(window: number, held: number) {
    this.progress = new Progress((PeerTwin.LAST + 1) as LogIndex, window);
    this.length = held;
  }

  happen(what: PeerEvent): void {
    if (what === "send") this.send();
    else if (what === "arrive") this.#arrive(this.onTheWay.shift());
    else if (what === "overtake") this.#arrive(this.onTheWay.pop());
    else if (what === "lose") this.onTheWay.shift();
    else if (what === "stale") this.progress.accepted(Math.floor(this.best / 2) as LogIndex);
    else if (what === "unreachable") this.progress.probe();
    else if (what === "compact") this.base = Math.min(this.base + 2, PeerTwin.LAST);
    else if (what === "snapshot arrives") this.#endSnapshot(true);
    else if (what === "snapshot breaks") this.#endSnapshot(false);
    else {
      this.progress.beat();
      this.progress.alive();
    }
  }

  #endSnapshot(arrives: boolean): void {
    const index = this.snapshot;
    if (index === null) return;
    this.snapshot = null;
    if (arrives) this.length = Math.max(this.length, index);
    this.progress.snapshotEnded(arrives ? (index as LogIndex) : null);
    if (arrives) this.#accept(index);
  }

  #accept(index: number): void {
    this.best = Math.max(this.best, index);
    this.progress.accepted(index as LogIndex);
  }

  /** One append of at most two entries, if progress allows, or a snapshot when the entries are gone. */
  send(): boolean {
    const { progress } = this;
    if (progress.next <= this.base) {
      if (!progress.maySend && !progress.mustSend) return false;
      progress.snapshot(this.base as LogIndex);
      this.snapshot ??= this.base;
      return true;
    }
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
    this.#accept(append.last);
  }

  check(window: number): void {
    const { match, next, inFlight, state } = this.progress;
    assert.equal(match, this.best, "match is the best answer so far");
    assert.ok(match < next && next <= PeerTwin.LAST + 1, `${match} < ${next}`);
    assert.ok(inFlight <= window, "the window is kept");
    if (state !== "replicate") assert.equal(inFlight, 0);
    const isOnTheWay = this.snapshot !== null;
    if (state === "snapshot") assert.ok(isOnTheWay, "a peer that waits for a snapshot is sent one");
    else if (isOnTheWay)
      assert.ok(match >= (this.snapshot ?? 0), "appends go past a snapshot only when it is not needed");
  }
}
