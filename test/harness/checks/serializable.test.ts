import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { checkSerializable } from "../../../src/harness/checks/serializable.ts";
import { staleness } from "../../../src/harness/checks/staleness.ts";
import type { OperationRecord } from "../../../src/harness/model/history.ts";
import fc from "../../support/fast-check.ts";
import { type Fate, HistoryBuilder, kv, type Where } from "./builder.ts";
import { simulate } from "./simulated.ts";

const MS = 1e6;

/** A history whose reads are all serializable. */
class Serializable extends HistoryBuilder {
  read(key: string, content: ReturnType<typeof kv> | null, fate: Fate, where: Where): this {
    return this.get(key, content, fate, { ...where, serializable: true });
  }
}

function expect(history: HistoryBuilder, verdict: string, finding?: RegExp): void {
  const result = checkSerializable(history.operations, { initialRevision: 1 });
  equal(result.verdict, verdict, JSON.stringify(result, null, 1));
  if (finding !== undefined) match(result.findings[0]?.text ?? "", finding);
}

const written = (): Serializable =>
  new Serializable().put("a", "1", 2, { at: [0, 10] }).put("a", "2", 3, { at: [20, 30] });

test("a serializable read may be as old as it likes", () => {
  expect(written().read("a", kv("1", 2), 2, { at: [900, 910] }), "valid");
  expect(written().read("a", null, 1, { at: [900, 910] }), "valid");
});

test("it shows its key as of its own revision", () => {
  expect(written().read("a", kv("1", 2), 3, { at: [40, 50] }), "invalid", /by then rev 3 was client 1's put of a = 2/);
  expect(written().read("a", null, 2, { at: [40, 50] }), "invalid", /nobody deleted it/);
  expect(written().read("a", kv("2", 3, 2, 2), 2, { at: [40, 50] }), "invalid", /later than the read's own revision/);
  expect(written().read("a", kv("x", 3, 2, 2), 3, { at: [40, 50] }), "invalid", /that revision is client 1's/);
  expect(written().read("a", kv("2", 3, 1, 2), 3, { at: [40, 50] }), "invalid", /contradict each other/);
});

test("it does not show a revision that nobody had begun to write", () => {
  const early = new Serializable().read("b", null, 2, { at: [0, 10] }).put("a", "1", 2, { at: [20, 30] });
  expect(early, "invalid", /but that is client 1's put of a = 1/);
  expect(written().read("b", null, 9, { at: [40, 50] }), "invalid", /no write that had begun can have made/);
  const possible = written()
    .put("b", "x", "unknown", { at: [40, 50] })
    .read("b", null, 4, { at: [60, 70] });
  expect(possible, "valid");
});

test("two reads of one revision show the same", () => {
  const unknown = (): Serializable => new Serializable().put("a", "1", "unknown", { at: [0, 10] });
  const same = unknown().read("a", kv("1", 3, 2, 2), 3, { at: [40, 50] });
  expect(same.read("a", kv("1", 3, 2, 2), 4, { at: [40, 50] }), "valid");
  const other = unknown().read("a", kv("1", 3, 2, 2), 3, { at: [40, 50] });
  expect(other.read("a", kv("1", 3, 3, 2), 4, { at: [40, 50] }), "invalid", /was shown a = 1 \(rev 3, version 2\)/);
});

test("a client that stays with its member never goes back, another client or member may", () => {
  const forward = (): Serializable =>
    written().read("a", kv("2", 3, 2, 2), 3, { at: [40, 50], client: 7, member: "n2" });
  expect(forward().read("a", kv("1", 2), 2, { at: [60, 70], client: 8, member: "n2" }), "valid");
  expect(forward().read("a", kv("1", 2), 2, { at: [60, 70], client: 7, member: "n3" }), "valid");
  expect(forward().read("a", kv("1", 2), 2, { at: [45, 70], client: 7, member: "n2" }), "valid");
  const back = forward().read("a", kv("1", 2), 2, { at: [60, 70], client: 7, member: "n2" });
  expect(back, "invalid", /^client 7 read rev 2 from n2 at 0\.060 s, but the same client had been shown rev 3 by n2/);
});

test("without serializable reads there is nothing to judge", () => {
  expect(new HistoryBuilder().put("a", "1", 2, { at: [0, 10] }).get("a", kv("1", 2), 2, { at: [20, 30] }), "unknown");
});

const SHAPE = {
  operations: 300,
  keys: 5,
  clients: 6,
  members: 3,
  watchers: 0,
  unknown: 5,
  serializable: 80,
  writes: 40,
};

test("reads of a correct store whose members lag are valid, and wrong contents are caught", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const prng = new Prng(seed);
      const { operations } = simulate(prng, SHAPE);
      const result = checkSerializable(operations, { initialRevision: 1 });
      deepEqual(result.findings, []);
      equal(result.verdict, "valid");
      const reads = operations.filter(
        ({ request, outcome }) =>
          request.kind === "get" &&
          request.serializable &&
          outcome.kind === "ok" &&
          outcome.response.kind === "get" &&
          outcome.response.kv !== null,
      );
      const victim = prng.pick(reads);
      const mutated = operations.map((operation) =>
        operation === victim ? withValue(operation, "phantom") : operation,
      );
      equal(checkSerializable(mutated, { initialRevision: 1 }).verdict, "invalid");
    }),
    { numRuns: 60 },
  );
});

function withValue(operation: OperationRecord, value: string): OperationRecord {
  const { outcome } = operation;
  if (outcome.kind !== "ok" || outcome.response.kind !== "get" || outcome.response.kv === null) return operation;
  const response = { ...outcome.response, kv: { ...outcome.response.kv, value } };
  return { ...operation, outcome: { kind: "ok", response } };
}

const WINDOWS = [
  { name: "before", startNs: 0, endNs: 1_000 * MS },
  { name: "during", startNs: 1_000 * MS, endNs: 2_000 * MS },
] as const;

test("staleness counts from the first acknowledgement of a higher revision to the read's call", () => {
  const history = written()
    .read("a", kv("2", 3, 2, 2), 3, { at: [100, 110], member: "n1" })
    .read("a", kv("2", 3, 2, 2), 3, { at: [100, 110], member: "n2" })
    .put("a", "3", 4, { at: [1_000, 1_100] })
    .put("a", "4", 5, { at: [1_200, 1_300] })
    .read("a", kv("2", 3, 2, 2), 3, { at: [1_050, 1_060], member: "n1" })
    .read("a", kv("2", 3, 2, 2), 3, { at: [1_400, 1_410], member: "n1" })
    .read("a", kv("3", 4, 3, 2), 4, { at: [1_500, 1_510], member: "n1" })
    .read("a", kv("2", 3, 2, 2), 3, { at: [2_500, 2_510], member: "n1" });
  deepEqual(staleness(history.operations, WINDOWS), [
    { window: "before", member: "n1", reads: 1, stale: 0, worstNs: 0, worstRevisions: 0 },
    { window: "before", member: "n2", reads: 1, stale: 0, worstNs: 0, worstRevisions: 0 },
    { window: "during", member: "n1", reads: 3, stale: 2, worstNs: 300 * MS, worstRevisions: 2 },
  ]);
});

test("staleness agrees with comparing every read with every answer", () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { operations } = simulate(new Prng(seed), SHAPE);
      const windows = [{ name: "during" as const, startNs: 0, endNs: Number.MAX_SAFE_INTEGER }];
      for (const { member, reads, stale, worstNs, worstRevisions } of staleness(operations, windows)) {
        const expected = { reads: 0, stale: 0, worstNs: 0, worstRevisions: 0 };
        for (const read of operations) {
          const { request, outcome, startNs } = read;
          if (request.kind !== "get" || !request.serializable || outcome.kind !== "ok" || read.member !== member)
            continue;
          expected.reads++;
          const newer = operations.flatMap(({ endNs, outcome: other }) =>
            other.kind === "ok" && endNs < startNs && other.response.revision > outcome.response.revision
              ? [{ lagNs: startNs - endNs, revisions: other.response.revision - outcome.response.revision }]
              : [],
          );
          if (newer.length > 0) expected.stale++;
          expected.worstNs = Math.max(expected.worstNs, ...newer.map(({ lagNs }) => lagNs));
          expected.worstRevisions = Math.max(expected.worstRevisions, ...newer.map(({ revisions }) => revisions));
        }
        deepEqual({ reads, stale, worstNs, worstRevisions }, expected);
      }
    }),
    { numRuns: 20 },
  );
});
