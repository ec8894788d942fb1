import { deepEqual, equal } from "node:assert/strict";
import { test } from "node:test";
import { appendModel } from "../../../src/harness/checks/models/append.ts";
import { type RegisterInput, registerModel } from "../../../src/harness/checks/models/register.ts";
import { runPartitions } from "../../../src/harness/checks/partitions.ts";
import { type KnownOperation, LinearizationSearch, type SearchHistory } from "../../../src/harness/checks/wgl.ts";
import fc from "../../support/fast-check.ts";
import { linearizableByTryingAll } from "./brute.ts";
import { parseAppendLog, parseRegisterLog, RECORDED_ABSENT, readRecorded, uncertainClasses } from "./recorded.ts";

const GENEROUS = 50_000_000;

function verdictOf(history: SearchHistory<RegisterInput>): string {
  return new LinearizationSearch(registerModel, history).run(GENEROUS);
}

test("50 histories that Jepsen recorded against etcd get their known verdicts", { skip: RECORDED_ABSENT }, () => {
  const lines = readRecorded("jepsen-etcd/verdicts.tsv").trim().split("\n");
  equal(lines.length, 50);
  for (const line of lines) {
    const [file, expected] = line.split("\t");
    const verdict = verdictOf(parseRegisterLog(readRecorded(`jepsen-etcd/${file}`)));
    equal(verdict, expected === "Ok" ? "valid" : "invalid", file);
  }
});

test("4 histories of a store with append get their known verdicts, key by key", { skip: RECORDED_ABSENT }, () => {
  for (const name of ["c01-ok", "c01-bad", "c10-ok", "c10-bad"]) {
    const histories = [...parseAppendLog(readRecorded(`kv-histories/${name}.txt`)).values()];
    const operations = histories.flatMap((history) => history.known);
    equal(operations.length > 30, true, "the file was understood");
    const searches = histories.map((history) => {
      const observed = history.known.filter(({ input }) => input.kind === "get").map(({ input }) => input.value);
      return new LinearizationSearch(appendModel(new Set(observed)), history);
    });
    const verdicts = runPartitions(searches, { steps: GENEROUS, expired: () => false });
    equal(verdicts.includes("invalid") ? "bad" : "ok", name.slice(4), name);
    equal(verdicts.includes("unknown"), false, name);
  }
});

const value = fc.constantFrom("1", "2", "3");
const input: fc.Arbitrary<RegisterInput> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("read" as const), value: fc.option(value) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("write" as const), value }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("cas" as const), expected: value, value }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cas-refused" as const), expected: value }) },
);
const interval = fc.tuple(fc.nat(14), fc.nat(6)).map(([start, length]) => ({ start, end: start + length }));
const history = fc
  .tuple(fc.array(fc.tuple(interval, input), { maxLength: 7 }), fc.array(fc.tuple(fc.nat(14), input), { maxLength: 4 }))
  .map(([known, unknown]) => ({
    known: known.map(([times, what], id) => ({ id, ...times, input: what })),
    unknown: unknown
      .filter(([, what]) => what.kind === "write" || what.kind === "cas")
      .map(([start, what], i) => ({ id: 100 + i, start, input: what })),
  }));

test("the search agrees with trying every order, unknown outcomes included", () => {
  const counts = { valid: 0, invalid: 0 };
  fc.assert(
    fc.property(history, ({ known, unknown }) => {
      const expected = linearizableByTryingAll(registerModel, known, unknown) ? "valid" : "invalid";
      counts[expected]++;
      equal(verdictOf({ known, uncertain: uncertainClasses(unknown) }), expected);
    }),
    { numRuns: 8_000 },
  );
  equal(Math.min(counts.valid, counts.invalid) > 1_000, true, JSON.stringify(counts));
});

test("a search cut into slices decides what a search in one go decides", () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 5 }), ({ known, unknown }, slice) => {
      const cut = { known, uncertain: uncertainClasses(unknown) };
      const search = new LinearizationSearch(registerModel, cut);
      let verdict = search.run(slice);
      for (let i = 0; i < 100_000 && verdict === "unknown"; i++) verdict = search.run(slice);
      equal(verdict, verdictOf(cut));
    }),
    { numRuns: 2_000 },
  );
});

test("what returned before the contradiction is linearizable, with it it is not", () => {
  fc.assert(
    fc.property(history, ({ known, unknown }) => {
      const uncertain = uncertainClasses(unknown);
      const search = new LinearizationSearch(registerModel, { known, uncertain });
      if (search.run(GENEROUS) !== "invalid") return;
      const { operation, concurrent } = search.contradiction();
      const blocked = known.find((candidate) => candidate.id === operation) as KnownOperation<RegisterInput>;
      for (const id of concurrent) {
        const other = known.find((candidate) => candidate.id === id) as KnownOperation<RegisterInput>;
        equal(other.start <= blocked.end && other.end >= blocked.end, true);
      }
      // An operation that had not returned when the contradiction arose may have taken effect: then it is an unknown one.
      const order = [...known].sort((a, b) => a.end - b.end || a.start - b.start || a.id - b.id);
      const before = order.slice(0, order.indexOf(blocked));
      const later = order.slice(order.indexOf(blocked)).filter(({ input }) => !registerModel.isPure(input));
      equal(linearizableByTryingAll(registerModel, before, [...unknown, ...later]), true);
    }),
    { numRuns: 2_000 },
  );
});

test("an exhausted budget or a full memory is unknown, never a verdict", () => {
  // Twelve concurrent writes and a read of something nobody wrote: every subset has to be tried.
  const known: KnownOperation<RegisterInput>[] = Array.from({ length: 12 }, (_, id) => ({
    id,
    start: 0,
    end: 100,
    input: { kind: "write", value: String(id) },
  }));
  known.push({ id: 12, start: 0, end: 100, input: { kind: "read", value: "phantom" } });
  const tight = { known, uncertain: [] };
  equal(new LinearizationSearch(registerModel, tight).run(1_000), "unknown");
  const forgetful = new LinearizationSearch(registerModel, tight, 100);
  equal(forgetful.run(GENEROUS), "unknown");
  equal(forgetful.run(GENEROUS), "unknown");
  deepEqual(runPartitions([new LinearizationSearch(registerModel, tight)], { steps: GENEROUS, expired: () => true }), [
    "unknown",
  ]);
  equal(verdictOf(tight), "invalid");
});

test("one hard partition does not keep the others from being decided", () => {
  const writes = (count: number): KnownOperation<RegisterInput>[] =>
    Array.from({ length: count }, (_, id) => ({ id, start: 0, end: 9, input: { kind: "write", value: String(id) } }));
  const phantom: KnownOperation<RegisterInput> = {
    id: 99,
    start: 0,
    end: 9,
    input: { kind: "read", value: "phantom" },
  };
  const hard = { known: [...writes(28), phantom], uncertain: [] };
  const easy = { known: writes(28), uncertain: [] };
  const searches = [hard, easy, easy].map((each) => new LinearizationSearch(registerModel, each));
  deepEqual(runPartitions(searches, { steps: 1_000_000, expired: () => false }), ["unknown", "valid", "valid"]);
});
