import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { checkLinearizable } from "../../../src/harness/checks/linearizable.ts";
import type { OperationRecord, OperationResponse } from "../../../src/harness/model/history.ts";
import type { CheckResult } from "../../../src/harness/model/verdict.ts";
import fc from "../../support/fast-check.ts";
import { HistoryBuilder, kv } from "./builder.ts";
import { type Shape, simulate } from "./simulated.ts";
import { storeLinearizable } from "./store-model.ts";

function check(history: HistoryBuilder): CheckResult {
  return checkLinearizable(history.operations, { initialRevision: 1 });
}

function expect(history: HistoryBuilder, verdict: string, finding?: RegExp): void {
  const result = check(history);
  equal(result.verdict, verdict, JSON.stringify(result, null, 1));
  // The slow twin confirms every hand-made verdict.
  equal(storeLinearizable(history.operations), verdict === "valid", "the twin disagrees with the expected verdict");
  if (finding !== undefined) match(result.findings[0]?.text ?? "", finding);
}

const history = (): HistoryBuilder => new HistoryBuilder();

test("a write, a read of it and a read of what was never written", () => {
  const fine = history()
    .put("a", "1", 2, { at: [0, 10] })
    .get("a", kv("1", 2), 2, { at: [20, 30] });
  expect(fine.get("b", null, 2, { at: [20, 30] }), "valid");
});

test("an operation under way may be seen or not", () => {
  const seen = history()
    .put("a", "1", 2, { at: [0, 100] })
    .get("a", kv("1", 2), 2, { at: [20, 30] });
  expect(seen.get("a", kv("1", 2), 2, { at: [40, 50] }), "valid");
  const unseen = history()
    .put("a", "1", 2, { at: [0, 100] })
    .get("a", null, 1, { at: [20, 30] });
  expect(unseen, "valid");
});

test("what was seen once may not be unseen afterwards, though the write is still under way", () => {
  const flicker = history()
    .put("a", "1", 2, { at: [0, 100] })
    .get("a", kv("1", 2), 2, { at: [20, 30] });
  expect(flicker.get("a", null, 1, { at: [40, 50] }), "invalid", /rev 1 from n1 at 0\.040 s, 10 ms after rev 2/);
});

test("intervals are closed: an answer and a call at the same moment are concurrent", () => {
  expect(
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .get("a", null, 1, { at: [10, 20] }),
    "valid",
  );
});

test("a stale read is named with both revisions and the time between", () => {
  const stale = history()
    .put("a", "1", 2, { at: [0, 10] })
    .put("a", "2", 3, { at: [20, 1_000], client: 3, member: "n2" })
    .get("a", kv("1", 2), 2, { at: [4_100, 4_110], client: 7 });
  expect(
    stale,
    "invalid",
    /^client 7 read rev 2 from n1 at 4\.100 s, 3\.1 s after rev 3 had been acknowledged \(client 3/,
  );
});

test("a read at a fresh revision that shows an old value lacks a write", () => {
  const lost = history()
    .put("a", "1", 2, { at: [0, 10] })
    .put("a", "2", 3, { at: [20, 30] })
    .put("b", "3", 4, { at: [40, 50] });
  expect(lost.get("a", kv("1", 2), 4, { at: [60, 70] }), "invalid", /by then rev 3 was client 1's put of a = 2/);
});

test("a lost write: acknowledged, then absent", () => {
  const lost = history()
    .put("a", "1", 2, { at: [0, 10] })
    .get("a", null, 2, { at: [20, 30] });
  expect(lost, "invalid", /was shown no a, but rev 2 was client 0's put of a = 1 .*nobody deleted it/);
});

test("one revision given to two writes", () => {
  const twice = history()
    .put("a", "1", 2, { at: [0, 10] })
    .put("b", "2", 2, { at: [0, 10] });
  expect(twice, "invalid", /answered with rev 2 by n1 at 0\.000 s, but so was client 0's put of a = 1/);
});

test("a revision that jumps over one nobody made", () => {
  const skipped = history()
    .put("a", "1", 2, { at: [0, 10] })
    .put("a", "2", 4, { at: [20, 30] });
  expect(
    skipped,
    "invalid",
    /the store counted 3 writes up to rev 4: 2 are known, and for the other 1 there are only 0 writes of unknown outcome/,
  );
});

test("a write that got a revision not above one acknowledged before its call", () => {
  const low = history()
    .put("a", "1", 3, { at: [0, 10] })
    .put("b", "2", 2, { at: [20, 30] });
  expect(low, "invalid", /put of b = 2 was answered with rev 2 by n1 at 0\.020 s, 10 ms after rev 3/);
});

test("a value that nobody wrote, one whose write had failed, one of another revision", () => {
  const written = (): HistoryBuilder =>
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .put("b", "1", 3, { at: [20, 30] });
  const at = { at: [40, 50] } as const;
  expect(written().get("c", kv("9", 3), 3, at), "invalid", /that revision is client 1's put of b = 1/);
  const failed = history()
    .put("a", "1", "failed", { at: [0, 10] })
    .get("a", kv("1", 2), 2, at);
  expect(failed, "invalid");
  match(
    check(failed)
      .findings.map((each) => each.text)
      .join("\n"),
    /client 0's put of a = 1 .* had failed/,
  );
  const phantom = history()
    .put("b", "x", "unknown", { at: [0, 10] })
    .get("a", kv("1", 2), 2, at);
  expect(phantom, "invalid", /nobody ever wrote that value/);
});

test("a read of a write that had not begun", () => {
  const early = history()
    .get("a", kv("1", 2), 2, { at: [0, 10] })
    .put("a", "1", 2, { at: [20, 30] });
  expect(early, "invalid", /it is only client 1's put of a = 1 \(n1, called at 0\.020 s\), after the read had ended/);
  const unknown = history()
    .get("a", kv("1", 2), 2, { at: [0, 10] })
    .put("a", "1", "unknown", { at: [20, 30] });
  expect(unknown, "invalid");
});

test("a version that was skipped or repeated", () => {
  const two = (): HistoryBuilder =>
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .put("a", "2", 3, { at: [20, 30] });
  expect(two().get("a", kv("2", 3, 2, 2), 3, { at: [40, 50] }), "valid");
  expect(
    two().get("a", kv("2", 3, 3, 2), 3, { at: [40, 50] }),
    "invalid",
    /that was version 2 of the key created at rev 2/,
  );
  expect(two().get("a", kv("2", 3), 3, { at: [40, 50] }), "invalid");
});

test("deletes: of something, of nothing, and with the wrong count", () => {
  const deleted = history()
    .put("a", "1", 2, { at: [0, 10] })
    .delete("a", 1, 3, { at: [20, 30] });
  expect(deleted.get("a", null, 3, { at: [40, 50] }).delete("a", 0, 3, { at: [60, 70] }), "valid");
  const again = history()
    .put("a", "1", 2, { at: [0, 10] })
    .delete("a", 1, 3, { at: [20, 30] });
  expect(again.put("a", "2", 4, { at: [40, 50] }).get("a", kv("2", 4), 4, { at: [60, 70] }), "valid");
  expect(
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .delete("a", 0, 2, { at: [20, 30] }),
    "invalid",
  );
  expect(
    history()
      .put("b", "1", 2, { at: [0, 10] })
      .delete("a", 1, 3, { at: [20, 30] }),
    "invalid",
    /no order allows/,
  );
});

test("an unknown write may be seen late, once it is seen it stays", () => {
  const unknown = (): HistoryBuilder =>
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .put("a", "2", "unknown", { at: [20, 30] });
  expect(unknown().get("a", kv("1", 2), 2, { at: [900, 910] }), "valid");
  const late = unknown().get("a", kv("1", 2), 2, { at: [900, 910] });
  expect(late.get("a", kv("2", 3, 2, 2), 3, { at: [950, 960] }), "valid");
  const unseen = unknown().get("a", kv("2", 3, 2, 2), 3, { at: [900, 910] });
  expect(unseen.get("a", kv("1", 2), 2, { at: [950, 960] }), "invalid");
  const twoRevisions = unknown()
    .get("a", kv("2", 3, 2, 2), 3, { at: [900, 910] })
    .put("b", "x", 4, { at: [920, 930] });
  expect(twoRevisions.get("a", kv("2", 5, 3, 2), 5, { at: [950, 960] }), "invalid");
});

test("an unknown write cannot have a revision that was acknowledged before its call", () => {
  const backwards = history()
    .put("b", "1", 2, { at: [0, 10] })
    .put("b", "2", 4, { at: [20, 30] })
    .put("a", "1", "unknown", { at: [40, 50] })
    .put("c", "1", "unknown", { at: [0, 5] });
  const read = backwards.get("a", kv("1", 3), 4, { at: [60, 70] });
  expect(
    read,
    "invalid",
    /client 2's put of a = 1 .* was read as rev 3, but had been called after rev 4 was acknowledged/,
  );
});

test("an unknown write that nobody saw explains a revision and a version, but only once", () => {
  const hidden = (): HistoryBuilder =>
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .put("a", "2", "unknown", { at: [20, 30] })
      .put("a", "3", 4, { at: [40, 50] });
  expect(hidden().get("a", kv("3", 4, 3, 2), 4, { at: [60, 70] }), "valid");
  expect(
    hidden().get("a", kv("3", 4, 4, 2), 4, { at: [60, 70] }),
    "invalid",
    /put of a = 3 was answered with rev 4 .*: no order allows that, for .* a was at version 1 or at version 2 by a write of unknown outcome, and client 3's get of a .* was shown a = 3 \(rev 4, version 4\)/,
  );
  const crowded = history()
    .put("a", "1", 2, { at: [0, 10] })
    .put("a", "2", "unknown", { at: [20, 30] })
    .put("a", "3", 3, { at: [40, 50] });
  // Between revisions 2 and 3 there is no room for a hidden write, whatever the version says.
  expect(crowded.get("a", kv("3", 3, 3, 2), 3, { at: [60, 70] }), "invalid");
});

test("an unknown delete explains an absence and a new creation", () => {
  const deleted = (): HistoryBuilder =>
    history()
      .put("a", "1", 2, { at: [0, 10] })
      .delete("a", 0, "unknown", { at: [20, 30] });
  expect(deleted().get("a", null, 3, { at: [40, 50] }), "valid");
  expect(deleted().get("a", kv("1", 2), 2, { at: [40, 50] }), "valid");
  expect(
    deleted()
      .put("a", "2", 4, { at: [40, 50] })
      .get("a", kv("2", 4), 4, { at: [60, 70] }),
    "valid",
  );
});

test("values that are not unique: several unknown puts share several revisions", () => {
  const same = (): HistoryBuilder =>
    history()
      .put("a", "1", "unknown", { at: [0, 10] })
      .put("a", "1", "unknown", { at: [0, 10] });
  const seen = same().get("a", kv("1", 2), 2, { at: [20, 30] });
  expect(seen.get("a", kv("1", 3, 2, 2), 3, { at: [40, 50] }), "valid");
  const thrice = same()
    .get("a", kv("1", 2), 2, { at: [20, 30] })
    .get("a", kv("1", 3, 2, 2), 3, { at: [40, 50] });
  expect(thrice.get("a", kv("1", 4, 3, 2), 4, { at: [60, 70] }), "invalid");
});

test("a creation that only a later version shows has an author too", () => {
  const created = (): HistoryBuilder =>
    history()
      .put("a", "1", "unknown", { at: [0, 10] })
      .put("a", "2", 3, { at: [20, 30] });
  expect(created().get("a", kv("2", 3, 2, 2), 3, { at: [40, 50] }), "valid");
  expect(
    history()
      .put("a", "2", 3, { at: [20, 30] })
      .get("a", kv("2", 3, 2, 2), 3, { at: [40, 50] }),
    "invalid",
  );
});

test("unknown reads and failed writes are no evidence; no answer at all is nothing to judge", () => {
  const nothing = history()
    .get("a", null, "unknown", { at: [0, 10] })
    .put("a", "1", "failed", { at: [0, 10] });
  equal(check(nothing).verdict, "unknown");
  equal(check(history()).verdict, "unknown");
});

test("an exhausted budget is unknown, but what was found stays invalid", () => {
  const budget = { steps: 0, expired: () => false };
  const fine = history().put("a", "1", 2, { at: [0, 10] });
  equal(checkLinearizable(fine.operations, { initialRevision: 1, budget }).verdict, "unknown");
  const stale = fine.get("a", null, 1, { at: [20, 30] });
  equal(checkLinearizable(stale.operations, { initialRevision: 1, budget }).verdict, "invalid");
});

test("serializable reads are left out unless asked for", () => {
  const stale = history()
    .put("a", "1", 2, { at: [0, 10] })
    .get("a", null, 1, { at: [20, 30], serializable: true });
  equal(check(stale).verdict, "valid");
  equal(checkLinearizable(stale.operations, { initialRevision: 1, serializableToo: true }).verdict, "invalid");
});

test("with other writers in the store missing revisions prove nothing, the rest still does", () => {
  const options = { initialRevision: 1, exclusive: false };
  const skipped = history().put("a", "1", 7, { at: [0, 10] });
  equal(checkLinearizable(skipped.operations, options).verdict, "valid");
  equal(checkLinearizable(skipped.get("a", null, 8, { at: [20, 30] }).operations, options).verdict, "invalid");
});

const SMALL: Shape = {
  operations: 6,
  keys: 2,
  clients: 4,
  members: 1,
  watchers: 0,
  unknown: 0,
  serializable: 0,
  writes: 60,
};

/** Up to two answers changed by a little: most of these are wrong, some are not. */
function disturb(prng: Prng, operations: readonly OperationRecord[]): OperationRecord[] {
  const disturbed = [...operations];
  for (let i = prng.below(3); i > 0; i--) {
    const at = prng.below(disturbed.length);
    const operation = disturbed[at] as OperationRecord;
    if (operation.outcome.kind !== "ok") continue;
    disturbed[at] = { ...operation, outcome: { kind: "ok", response: nudge(prng, operation.outcome.response) } };
  }
  return disturbed;
}

function nudge(prng: Prng, response: OperationResponse): OperationResponse {
  const by = prng.pick([-2, -1, 1, 2]);
  const revision = response.revision + by;
  if (response.kind === "delete" && prng.below(2) === 0) return { ...response, deleted: 1 - response.deleted };
  if (response.kind !== "get" || prng.below(3) === 0) return { ...response, revision };
  const { kv: seen } = response;
  if (seen === null || prng.below(3) === 0) return { ...response, kv: seen === null ? kv("v0", 2) : null };
  const field = prng.pick(["version", "modRevision", "createRevision"] as const);
  return { ...response, kv: { ...seen, [field]: seen[field] + by } };
}

function smallHistory(seed: number, unknown: number): OperationRecord[] {
  const prng = new Prng(seed);
  const { operations } = simulate(prng, { ...SMALL, unknown, values: prng.pick([2, 100]) });
  return disturb(
    prng,
    operations.filter((operation) => operation.phase !== "final"),
  ).filter((operation) => operation.outcome.kind !== "failed");
}

test("without unknown outcomes the check decides exactly what trying every order decides", () => {
  const counts = { valid: 0, invalid: 0 };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const operations = smallHistory(seed, 0);
      const expected = storeLinearizable(operations) ? "valid" : "invalid";
      counts[expected]++;
      equal(checkLinearizable(operations, { initialRevision: 1 }).verdict, expected);
    }),
    { numRuns: 3_000 },
  );
  equal(Math.min(counts.valid, counts.invalid) > 300, true, JSON.stringify(counts));
});

test("with unknown outcomes the check never accuses a linearizable history and misses few others", () => {
  const counts = { valid: 0, caught: 0, missed: 0 };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const operations = smallHistory(seed, 40);
      if (operations.every((operation) => operation.outcome.kind !== "ok")) return;
      const { verdict, findings } = checkLinearizable(operations, { initialRevision: 1 });
      if (storeLinearizable(operations)) {
        counts.valid++;
        equal(verdict, "valid", JSON.stringify(findings));
      } else if (verdict === "invalid") counts.caught++;
      else counts.missed++;
    }),
    { numRuns: 3_000 },
  );
  equal(counts.valid > 300 && counts.caught > 300, true, JSON.stringify(counts));
  console.log(`with unknown outcomes: ${JSON.stringify(counts)}`);
  equal(counts.missed < counts.caught / 20, true, JSON.stringify(counts));
});

const MEDIUM: Shape = {
  operations: 400,
  keys: 8,
  clients: 8,
  members: 3,
  watchers: 0,
  unknown: 10,
  serializable: 50,
  writes: 50,
};

test("histories of a correct store are valid", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { operations } = simulate(new Prng(seed), MEDIUM);
      const result = checkLinearizable(operations, { initialRevision: 1 });
      deepEqual(result.findings, []);
      equal(result.verdict, "valid");
    }),
    { numRuns: 60 },
  );
});

type Read = OperationRecord & {
  readonly outcome: { readonly kind: "ok"; readonly response: { readonly kind: "get" } };
};

/** Replaces the answer of a linearizable read that follows an acknowledged write of its key. */
const MUTATIONS: Readonly<Record<string, (write: OperationRecord, read: Read) => OperationRecord>> = {
  "stale read": (write, read) => answer(read, { ...read.outcome.response, revision: revisionOf(write) - 1, kv: null }),
  "lost write": (_, read) => answer(read, { ...read.outcome.response, kv: null }),
  "phantom value": (_, read) => answer(read, { ...read.outcome.response, kv: kv("phantom", revisionOf(read)) }),
  "time travel": (write, read) => ({ ...read, startNs: write.startNs - 2, endNs: write.startNs - 1 }),
  "mod revision off by one": (_, read) => {
    const { response } = read.outcome;
    if (response.kv === null) return answer(read, { ...response, kv: kv("phantom", revisionOf(read)) });
    return answer(read, { ...response, kv: { ...response.kv, modRevision: response.kv.modRevision - 1 } });
  },
  "revision from the future": (_, read) =>
    answer(read, { ...read.outcome.response, revision: revisionOf(read) + 1_000 }),
};

function answer(operation: OperationRecord, response: OperationResponse): OperationRecord {
  return { ...operation, outcome: { kind: "ok", response } };
}

function revisionOf(operation: OperationRecord): number {
  return operation.outcome.kind === "ok" ? operation.outcome.response.revision : Number.NaN;
}

for (const [name, mutate] of Object.entries(MUTATIONS)) {
  test(`seeded mutation is caught: ${name}`, () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const prng = new Prng(seed);
        const { operations } = simulate(prng, MEDIUM);
        const deleted = new Set(
          operations.flatMap(({ request, outcome }) =>
            request.kind === "delete" && outcome.kind === "unknown" ? [request.key] : [],
          ),
        );
        const pairs = operations.flatMap((read) => {
          const { request, outcome } = read;
          if (request.kind !== "get" || request.serializable || outcome.kind !== "ok") return [];
          if (outcome.response.kind !== "get" || outcome.response.kv === null || deleted.has(request.key)) return [];
          const { modRevision } = outcome.response.kv;
          const write = operations.find((each) => revisionOf(each) === modRevision && each.request.kind === "put");
          return write === undefined || write.endNs >= read.startNs ? [] : [{ write, read: read as Read }];
        });
        if (pairs.length === 0) return;
        const { write, read } = prng.pick(pairs);
        const mutated = operations.map((operation) => (operation === read ? mutate(write, read) : operation));
        equal(checkLinearizable(mutated, { initialRevision: 1 }).verdict, "invalid");
      }),
      { numRuns: 30 },
    );
  });
}
