import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { checkWatch } from "../../../src/harness/checks/watch.ts";
import type { WatchEventRecord } from "../../../src/harness/model/history.ts";
import type { CheckResult } from "../../../src/harness/model/verdict.ts";
import fc from "../../support/fast-check.ts";
import { HistoryBuilder, kv } from "./builder.ts";
import { type Simulated, simulate } from "./simulated.ts";

/** Nobody waited for the watchers: what came after their last event is not judged. */
const OPEN_END = { initialRevision: 1, exclusive: true, watchers: 0, eventsLost: 0, waited: null };

function check(history: Pick<HistoryBuilder, "operations" | "watchEvents" | "watchers">): CheckResult {
  return checkWatch(history.operations, history.watchEvents, history.watchers, OPEN_END);
}

function expect(history: HistoryBuilder, verdict: string, finding?: RegExp): void {
  const result = check(history);
  equal(result.verdict, verdict, JSON.stringify(result, null, 1));
  if (finding !== undefined) match(result.findings.map((each) => each.text).join("\n"), finding);
}

/** Three acknowledged writes: revisions 2 and 3 put a, 4 deletes it. */
const written = (): HistoryBuilder =>
  new HistoryBuilder()
    .put("a", "1", 2, { at: [0, 10] })
    .put("a", "2", 3, { at: [20, 30] })
    .delete("a", 1, 4, { at: [40, 50] });

test("everything in order is valid, and a late watcher need not see what was before it", () => {
  const all = written()
    .opened(1, 2, 0)
    .event(1, "a", "1", 2, 1, 11)
    .event(1, "a", "2", 3, 2, 31)
    .event(1, "a", null, 4, 0, 51);
  expect(all, "valid");
  expect(written().opened(1, 4, 35).event(1, "a", null, 4, 0, 51), "valid");
  expect(written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11), "valid");
});

test("a gap: an acknowledged write between two events, or before a progress notice, was never sent", () => {
  const gap = written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11).event(1, "a", null, 4, 0, 51);
  expect(gap, "invalid", /watcher 1 on n1 answers for rev 2 to 4 but was never sent rev 3: client 1's put of a = 2/);
  const first = written().opened(1, 2, 0).event(1, "a", "2", 3, 2, 31);
  expect(first, "invalid", /never sent rev 2/);
  const progress = written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11).progress(1, 3, 60);
  expect(progress, "invalid", /never sent rev 3/);
});

test("a gap that only another watcher shows: a write of unknown outcome", () => {
  const history = new HistoryBuilder()
    .put("a", "1", "unknown", { at: [0, 10] })
    .put("b", "2", 3, { at: [20, 30] })
    .opened(1, 2, 0)
    .opened(2, 2, 0)
    .event(1, "a", "1", 2, 1, 11)
    .event(1, "b", "2", 3, 1, 31);
  expect(history, "valid");
  expect(
    history.event(2, "b", "2", 3, 1, 32),
    "invalid",
    /watcher 2 on n2 .* never sent rev 2 \(put of a = 1\), which watcher 1/,
  );
});

/** Revision 3 is a put of b of which nobody heard; the watcher was not sent it. */
const unheard = (): HistoryBuilder =>
  new HistoryBuilder()
    .put("a", "1", 2, { at: [0, 10] })
    .put("b", "2", "unknown", { at: [20, 30] })
    .put("a", "3", 4, { at: [40, 50] });
const sentTheRest = (history: HistoryBuilder): HistoryBuilder =>
  history.event(1, "a", "1", 2, 1, 11).event(1, "a", "3", 4, 2, 51);

test("a gap that only a read shows, or what another watcher was told of the time before: a write of unknown outcome", () => {
  const read = unheard()
    .get("b", kv("2", 3), 4, { at: [60, 70], client: 7 })
    .opened(1, 2, 0);
  const shown = /watcher 1 on n1 .* never sent rev 3 \(put of b = 2\), which was shown to client 7's get of b/;
  expect(sentTheRest(read), "invalid", shown);
  const told = unheard()
    .delete("b", 1, 5, { at: [60, 70] })
    .opened(1, 2, 0)
    .opened(2, 5, 0)
    .event(2, "b", null, 5, 0, 71, { previous: kv("2", 3) });
  const before = /never sent rev 3 \(put of b = 2\), which was shown to watcher 2 on n2 with rev 5 \(delete of b\)/;
  expect(sentTheRest(told), "invalid", before);
  // A value that nobody can have put there is the fault of who showed it.
  const phantom = unheard()
    .get("b", kv("never put", 3), 4, { at: [60, 70] })
    .opened(1, 2, 0, { from: "a", to: "b", kinds: "all" });
  expect(sentTheRest(phantom), "valid");
});

test("a gap that nothing shows but the revisions: nobody else writes, and the watcher asked for every key", () => {
  const gap = /watcher 1 on n1 answers for rev 2 to 4 but was never sent rev 3, a write, of unknown outcome/;
  expect(sentTheRest(unheard().opened(1, 2, 0)), "invalid", gap);
  expect(sentTheRest(unheard().opened(1, 2, 0, { from: "", to: null, kinds: "all" })), "invalid", gap);
  const some = [
    { from: "", to: "b", kinds: "all" },
    { from: "", to: null, kinds: "puts" },
  ] as const;
  for (const selects of some) expect(sentTheRest(unheard().opened(1, 2, 0, selects)), "valid");
  const upper = unheard()
    .put("c", "4", 5, { at: [60, 70] })
    .opened(1, 2, 0, { from: "c", to: null, kinds: "all" });
  expect(upper.event(1, "c", "4", 5, 1, 71), "valid");
  const { operations, watchEvents, watchers } = sentTheRest(unheard().opened(1, 2, 0));
  equal(checkWatch(operations, watchEvents, watchers, { ...OPEN_END, exclusive: false }).verdict, "valid");
  const late = unheard().opened(1, 2, 0).event(1, "a", "3", 4, 2, 51);
  expect(late, "invalid", /asked for everything from rev 2 on, was first sent rev 4, but never sent rev 3, a write/);
  const progress = unheard().opened(1, 5, 0).progress(1, 7, 60).opened(2, 4, 0).event(2, "a", "3", 4, 2, 51);
  expect(progress, "invalid", /watcher 1 on n1 .* never sent rev 5 to 7, writes, of unknown outcome/);
});

test("an event out of order, twice, below the start or behind a progress notice", () => {
  const base = (): HistoryBuilder =>
    written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11).event(1, "a", "2", 3, 2, 31);
  expect(base().event(1, "a", "2", 3, 2, 32), "invalid", /was sent rev 3 \(put of a = 2\) twice/);
  expect(base().event(1, "a", "1", 2, 1, 32), "invalid", /was sent rev 2 \(put of a = 1\) after rev 3/);
  const below = written().opened(1, 3, 0).event(1, "a", "1", 2, 1, 11);
  expect(below, "invalid", /below its start at rev 3/);
  const behind = base().progress(1, 4, 52).event(1, "a", null, 4, 0, 53);
  expect(behind, "invalid", /nothing up to rev 4 was left/);
  expect(base().progress(1, 2, 52), "invalid", /progress to rev 2 after rev 3/);
});

test("an event that nobody wrote, wrote otherwise, or had not begun to write", () => {
  const one = (): HistoryBuilder => new HistoryBuilder().put("a", "1", 2, { at: [100, 110] }).opened(1, 2, 0);
  expect(one().event(1, "a", "1", 2, 1, 105), "valid");
  expect(one().event(1, "a", "x", 2, 1, 105), "invalid", /that revision is client 0's put of a = 1/);
  expect(one().event(1, "b", "1", 2, 1, 105), "invalid", /that revision is/);
  expect(one().event(1, "a", null, 2, 0, 105), "invalid", /that revision is/);
  expect(one().event(1, "a", "1", 2, 1, 99), "invalid", /it is only client 0's put/);
  expect(one().event(1, "a", "1", 2, 1, 105).event(1, "c", "z", 3, 1, 106), "invalid", /nobody ever wrote that value/);
  expect(one().event(1, "a", "1", 2, 1, 105).event(1, "a", null, 3, 0, 106), "invalid", /nobody deleted that key/);
});

test("watchers and reads agree on each revision", () => {
  const history = new HistoryBuilder()
    .put("a", "1", "unknown", { at: [0, 10] })
    .put("a", "2", "unknown", { at: [0, 10] })
    .opened(1, 2, 0)
    .opened(2, 2, 0)
    .event(1, "a", "1", 2, 1, 11);
  expect(history, "valid");
  expect(
    history.event(2, "a", "2", 2, 1, 12),
    "invalid",
    /watcher 2 on n2 was sent rev 2 \(put of a = 2\), but watcher 1/,
  );
  const read = written()
    .opened(1, 2, 0)
    .event(1, "a", "1", 2, 5, 11)
    .get("a", kv("1", 2), 2, { at: [12, 13] });
  expect(read, "invalid", /was shown 1, version 1/);
});

test("versions count the puts that a watcher was sent", () => {
  const jump = written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11).event(1, "a", "2", 3, 3, 31);
  expect(jump, "invalid", /with version 3 after version 1/);
});

test("a watcher opened again answers from its new start on", () => {
  const again = written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11).opened(1, 4, 45).event(1, "a", null, 4, 0, 51);
  expect(again, "valid");
});

test("events that were not recorded decide nothing", () => {
  const { operations, watchEvents, watchers } = written().opened(1, 2, 0).event(1, "a", "1", 2, 1, 11);
  equal(checkWatch(operations, watchEvents, watchers, OPEN_END).verdict, "valid");
  equal(checkWatch(operations, watchEvents, watchers, { ...OPEN_END, eventsLost: 1 }).verdict, "unknown");
});

test("watchers that were given time owe every acknowledged write, unless their member was silent; none may be missing", () => {
  const early = (): HistoryBuilder =>
    written().opened(0, 2, 0).event(0, "a", "1", 2, 1, 11).event(0, "a", "2", 3, 2, 31);
  const tail = early();
  const whole = early().event(0, "a", null, 4, 0, 51);
  const judged = (history: HistoryBuilder, options: object): CheckResult =>
    checkWatch(history.operations, history.watchEvents, history.watchers, {
      ...OPEN_END,
      watchers: 1,
      waited: { silentMembers: [] },
      ...options,
    });
  equal(judged(whole, {}).verdict, "valid");
  const short = judged(tail, {});
  equal(short.verdict, "invalid");
  match(short.findings[0]?.text ?? "", /watcher 0 on n0 got to rev 3 and no further, but rev 4 had been acknowledged/);
  equal(judged(tail, { waited: { silentMembers: ["n0"] } }).verdict, "unknown");
  equal(judged(tail, { waited: null }).verdict, "valid");
  match(judged(tail, { waited: null }).summary, /none missing up to each watcher's last/);
  const missing = judged(whole, { watchers: 2 });
  equal(missing.verdict, "unknown");
  match(missing.summary, /nothing is recorded of watcher 1/);
});

test("no event at all is nothing to judge", () => {
  expect(written().opened(1, 2, 0), "unknown");
});

const SHAPE = {
  operations: 200,
  keys: 5,
  clients: 6,
  members: 3,
  watchers: 3,
  unknown: 10,
  serializable: 30,
  writes: 60,
};

const MUTATIONS: Readonly<Record<string, (events: WatchEventRecord[], at: number) => void>> = {
  drop: (events, at) => events.splice(at, 1),
  duplicate: (events, at) => events.splice(at, 0, events[at] as WatchEventRecord),
  "wrong value": (events, at) =>
    events.splice(at, 1, { ...(events[at] as WatchEventRecord), kind: "put", value: "phantom" }),
  "wrong key": (events, at) => events.splice(at, 1, { ...(events[at] as WatchEventRecord), key: "elsewhere" }),
  "another creation": (events, at) => {
    const event = events[at] as WatchEventRecord;
    const createRevision = event.kind === "delete" ? event.revision : (event.createRevision as number) + 1;
    events.splice(at, 1, { ...event, kind: "put", createRevision });
  },
  "what was not before": (events, at) => {
    const event = events[at] as WatchEventRecord;
    const { createRevision = 0, revision: modRevision } = event;
    events.splice(at, 1, { ...event, previous: { value: "phantom", createRevision, modRevision, version: 1 } });
  },
  reorder: (events, at) => {
    const [one, two] = [events[at], events[at + 1]] as [WatchEventRecord, WatchEventRecord];
    const [first, second] = [responseOf(one), responseOf(two)];
    events.splice(at, 2, { ...two, atNs: one.atNs, ...first }, { ...one, atNs: two.atNs, ...second });
  },
};

function responseOf({ response }: WatchEventRecord): Pick<WatchEventRecord, "response"> {
  return response === undefined ? {} : { response };
}

function simulated(seed: number): Simulated {
  return simulate(new Prng(seed), SHAPE);
}

test("watchers of a correct store are valid", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const result = check(simulated(seed));
      deepEqual(result.findings, []);
      equal(result.verdict, "valid");
    }),
    { numRuns: 60 },
  );
});

for (const [name, mutate] of Object.entries(MUTATIONS)) {
  test(`seeded mutation is caught: ${name}`, () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const history = simulated(seed);
        // The first watcher sees everything; the last event is left alone: behind it nothing says that more should come.
        const first = history.watchEvents.filter((event) => event.watcher === 0);
        const others = history.watchEvents.filter((event) => event.watcher !== 0);
        mutate(first, new Prng(seed).below(first.length - 1));
        equal(check({ ...history, watchEvents: [...first, ...others] }).verdict, "invalid");
      }),
      { numRuns: 30 },
    );
  });
}
