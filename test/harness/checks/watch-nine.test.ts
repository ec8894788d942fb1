/** Each of the nine promises to watchers, kept, and broken alone: the verdict names the one that was broken. */
import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { checkWatch, WATCH_CHECKS } from "../../../src/harness/checks/watch.ts";
import type { ObservedKeyValue, WatchSelection } from "../../../src/harness/model/history.ts";
import type { CheckResult } from "../../../src/harness/model/verdict.ts";
import { HistoryBuilder, kv } from "./builder.ts";

type Make = (history: HistoryBuilder) => HistoryBuilder;

/** Revisions 2 and 3 put a, 4 puts b, 5 deletes a, 6 puts a anew. */
const written = (): HistoryBuilder =>
  new HistoryBuilder()
    .put("a", "1", 2, { at: [0, 10] })
    .put("a", "2", 3, { at: [20, 30] })
    .put("b", "3", 4, { at: [40, 50] })
    .delete("a", 1, 5, { at: [60, 70] })
    .put("a", "4", 6, { at: [80, 90] });

const EVENTS: readonly Make[] = [
  (to) => to.event(0, "a", "1", 2, 1, 11, { response: 1, createRevision: 2, previous: null }),
  (to) => to.event(0, "a", "2", 3, 2, 31, { response: 2, createRevision: 2, previous: kv("1", 2) }),
  (to) => to.event(0, "b", "3", 4, 1, 51, { response: 3, createRevision: 4, previous: null }),
  (to) => to.event(0, "a", null, 5, 0, 71, { response: 4, createRevision: 0, previous: kv("2", 3, 2, 2) }),
  (to) => to.event(0, "a", "4", 6, 1, 91, { response: 5, createRevision: 6, previous: null }),
];

/** Opened at revision 2 and sent everything; an event may be replaced, left out (null) or followed by more. */
function sent(
  changes: Readonly<Record<number, Make | null>> = {},
  history = written().opened(0, 2, 0),
): HistoryBuilder {
  for (const [index, make] of EVENTS.entries())
    (changes[index + 2] === undefined ? make : changes[index + 2])?.(history);
  return history;
}

function check({ operations, watchEvents, watchers }: HistoryBuilder): CheckResult {
  const options = { initialRevision: 1, exclusive: true, watchers: 1, eventsLost: 0, waited: null };
  return checkWatch(operations, watchEvents, watchers, options);
}

const event = (position: number): Make => EVENTS[position - 2] as Make;
const only = (from: string, to: string | null, kinds: WatchSelection["kinds"]): HistoryBuilder =>
  written().opened(0, 2, 0, { from, to, kinds });

/** The delete, without what it deleted. */
const silent: Make = (to) => to.event(0, "a", null, 5, 0, 71);

interface Cases {
  readonly kept: readonly HistoryBuilder[];
  /** What the evidence says. */
  readonly broken: readonly (readonly [HistoryBuilder, RegExp])[];
}

const CASES: Readonly<Record<string, Cases>> = {
  Filter: {
    kept: [
      sent({ 4: null }, only("a", "b", "all")),
      sent({ 2: null, 3: null, 5: null, 6: null }, only("b", null, "all")),
      sent({ 5: null }, only("a", null, "puts")),
      sent({ 2: null, 3: null, 4: null, 6: null }, only("", null, "deletes")),
    ],
    broken: [
      [sent({}, only("a", "b", "all")), /watcher 0 on n0 was sent rev 4 \(put of b = 3\), which it had not asked for/],
      [sent({ 2: null }, only("b", null, "all")), /rev 3 \(put of a = 2\), which it had not/],
      [sent({}, only("a", null, "puts")), /rev 5 \(delete of a\), which it had not/],
      [sent({ 2: null, 3: null, 4: null }, only("", null, "deletes")), /rev 6 \(put of a = 4\), which it had not/],
    ],
  },
  Ordered: {
    kept: [sent()],
    broken: [
      [sent({ 3: null }).event(0, "a", "2", 3, 2, 92), /n0 was sent rev 3 .* after rev 6/],
      [sent({ 4: null, 6: (to) => to.event(0, "b", "3", 4, 1, 91) }), /rev 4 \(put of b = 3\) after rev 5/],
    ],
  },
  Unique: {
    kept: [sent(), sent().opened(0, 6, 95).event(0, "a", "4", 6, 1, 96)],
    broken: [
      [sent().event(0, "a", "4", 6, 1, 92), /rev 6 \(put of a = 4\) twice, the second time at 0.092 s/],
      [sent({ 4: (to) => event(4)(event(4)(to)) }), /rev 4 \(put of b = 3\) twice/],
    ],
  },
  Atomic: {
    kept: [transaction({ 7: 6, 8: 6 }), transaction({ 7: 6, 8: 6 }).progress(0, 7, 99, 8)],
    broken: [
      [transaction({ 7: 6, 8: 7 }), /rev 7 \(put of b = y\) in a response of its own, apart from rev 7's change of a/],
      [transaction({ 7: 6, 8: 9 }), /in a response of its own/],
    ],
  },
  Bookmarkable: {
    kept: [
      sent().progress(0, 6, 92).progress(0, 6, 99),
      // At one moment the numbers of the responses say what came first.
      sent({ 6: (to) => event(6)(to.progress(0, 5, 91, 4)) }),
      sent().progress(0, 6, 92).opened(0, 4, 95).progress(0, 3, 96),
    ],
    broken: [
      [
        sent({ 6: (to) => event(6)(to.progress(0, 6, 85)) }),
        /rev 6 .* after it had been told that nothing up to rev 6/,
      ],
      [sent().progress(0, 5, 92), /was told of progress to rev 5 after rev 6/],
      [
        sent({ 4: null }, only("a", "b", "all"))
          .progress(0, 9, 92)
          .progress(0, 8, 93),
        /was told of progress to rev 8 after rev 9/,
      ],
      [sent().progress(0, 5, 91, 6), /progress to rev 5 after rev 6/],
    ],
  },
  Resumable: {
    kept: [
      sent(),
      sent({ 2: null, 3: null }, written().opened(0, 4, 0)),
      sent({ 2: null, 3: null, 4: null, 6: null }, only("a", "b", "deletes")),
      written().opened(0, 2, 0).opened(1, 2, 0).event(1, "a", "1", 2, 1, 11),
    ],
    broken: [
      [sent({ 2: null }), /asked for everything from rev 2 on, was first sent rev 3, but never sent rev 2: client 0/],
      [sent({}, written().opened(0, 4, 0)), /rev 2 \(put of a = 1\), below its start at rev 4/],
      // The delete at the start itself: etcd's bug 18089.
      [sent({ 2: null, 3: null, 4: null, 5: null }, written().opened(0, 5, 75)), /never sent rev 5: client 3's delete/],
      [
        written()
          .put("b", "9", "unknown", { at: [81, 99] })
          .opened(0, 7, 0)
          .opened(1, 7, 0)
          .put("b", "10", 8, { at: [100, 110] })
          .event(0, "b", "9", 7, 2, 99)
          .event(1, "b", "10", 8, 3, 111),
        /n1 asked for everything from rev 7 on, .* never sent rev 7 \(put of b = 9\), which watcher 0 on n0 was sent/,
      ],
    ],
  },
  Reliable: {
    kept: [sent(), sent({ 5: null, 6: null }), sent({ 4: null }, only("a", "b", "all")).progress(0, 6, 99)],
    broken: [
      [sent({ 4: null }), /answers for rev 2 to 6 but was never sent rev 4: client 2's put of b = 3/],
      [sent({ 6: null }).progress(0, 6, 99), /never sent rev 6/],
      [written().opened(0, 4, 0).progress(0, 4, 99).event(1, "b", "3", 4, 1, 51), /n0 .* never sent rev 4/],
      [sent({ 4: (to) => to.event(0, "b", "x", 4, 1, 51) }), /rev 4 \(put of b = x\) .* but that revision is client 2/],
      [sent().event(1, "b", "3", 4, 2, 51), /n1 was sent rev 4 .* but watcher 0 on n0 rev 4/],
      [sent({ 5: silent, 3: (to) => to.event(0, "a", "2", 3, 3, 31) }), /with version 3 after version 1/],
      [sent().event(0, "c", "z", 7, 1, 95), /nobody ever wrote that value/],
    ],
  },
  IsCreate: {
    kept: [
      sent(),
      // What was before its first event it cannot know.
      written()
        .put("b", "y", 7, { at: [92, 93] })
        .opened(0, 7, 0)
        .event(0, "b", "y", 7, 2, 95, { createRevision: 4 }),
    ],
    broken: [
      [
        sent({ 5: silent, 3: (to) => to.event(0, "a", "2", 3, 1, 31, { createRevision: 3 }) }),
        /creation, but the key was there/,
      ],
      [
        sent({ 6: (to) => to.event(0, "a", "4", 6, 3, 91) }),
        /with version 3, no creation, but the key was deleted at rev 5/,
      ],
      [sent({ 2: (to) => to.event(0, "a", "1", 2, 2, 11), 3: null, 4: null, 5: null, 6: null }), /nobody had written/],
      [
        sent({ 5: silent, 3: (to) => to.event(0, "a", "2", 3, 2, 31, { createRevision: 3 }) }),
        /version 2, created at rev 3: these/,
      ],
      [
        sent({ 5: silent, 3: (to) => to.event(0, "a", "2", 3, 2, 31, { createRevision: 1 }) }),
        /as created at rev 1, but at rev 2/,
      ],
    ],
  },
  PrevKV: {
    kept: [
      sent(),
      // Compacted: nothing is said.
      sent({ 3: (to) => to.event(0, "a", "2", 3, 2, 31, { createRevision: 2, previous: null }) }),
    ],
    broken: [
      [previous(3, kv("2", 2)), /rev 3 .* with a = 2 \(rev 2, version 1\) before it, but that revision put 1/],
      [previous(3, kv("2", 3, 1, 2)), /that is no earlier change/],
      [previous(3, kv("1", 2, 2, 2)), /the event makes version 2/],
      [previous(5, kv("1", 2, 1, 2)), /the key was changed at rev 3 since/],
      [previous(5, kv("2", 3, 3, 2)), /that was version 2 of the key created at rev 2/],
      [previous(6, kv("2", 3, 2, 2)), /the event creates the key/],
    ],
  },
};

/** Everything sent, the event at this revision with another `prev_kv`. */
function previous(at: 3 | 5 | 6, held: ObservedKeyValue): HistoryBuilder {
  const makes: Readonly<Record<number, Make>> = {
    3: (to) => to.event(0, "a", "2", 3, 2, 31, { createRevision: 2, previous: held }),
    5: (to) => to.event(0, "a", null, 5, 0, 71, { previous: held }),
    6: (to) => to.event(0, "a", "4", 6, 1, 91, { createRevision: 6, previous: held }),
  };
  return sent({ [at]: makes[at] as Make });
}

/** Revision 7 put both keys, and this is the number of the response that brought each. */
function transaction(responses: { readonly 7: number; readonly 8: number }): HistoryBuilder {
  return sent()
    .put("a", "x", "unknown", { at: [0, 5] })
    .put("b", "y", "unknown", { at: [0, 5] })
    .event(0, "a", "x", 7, 2, 92, { response: responses[7] })
    .event(0, "b", "y", 7, 2, 92, { response: responses[8] });
}

for (const { name } of WATCH_CHECKS) {
  const { kept, broken } = CASES[name] as Cases;
  test(`${name}: kept`, () => {
    for (const history of kept) {
      const result = check(history);
      deepEqual([result.verdict, result.findings], ["valid", []]);
    }
  });
  for (const [index, [history, evidence]] of broken.entries()) {
    test(`${name}: broken alone, case ${index + 1}`, () => {
      const result = check(history);
      equal(result.verdict, "invalid");
      match(result.findings[0]?.text ?? "", evidence);
      const names = new Set(result.findings.map(({ text }) => text.slice(0, text.indexOf(":"))));
      deepEqual([...names], [name], JSON.stringify(result.findings, null, 1));
      match(result.summary, new RegExp(`: broken: ${name} \\(${result.findingsTotal}\\)\\.$`));
    });
  }
}

test("promises that nothing put to the test are named", () => {
  const bare = written().event(0, "a", "1", 2, 1, 11).event(0, "a", "2", 3, 2, 31);
  match(check(bare).summary, /not put to the test: Atomic, Bookmarkable, Resumable, PrevKV\.$/);
  match(
    check(sent().progress(0, 6, 92)).summary,
    /all in order, none twice, none missing up to each watcher's last\.$/,
  );
});
