/** The heap against a list that is sorted for every look. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { DueQueue } from "../../src/etcd/lease/due-queue.ts";
import fc from "../support/fast-check.ts";

type Step =
  | { readonly kind: "set"; readonly id: bigint; readonly atMs: number }
  | { readonly kind: "delete"; readonly id: bigint }
  | { readonly kind: "take"; readonly nowMs: number; readonly limit: number };

const id = fc.bigInt({ min: -8n, max: 8n });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("set" as const), id, atMs: fc.integer({ min: 0, max: 20 }) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), id }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("take" as const),
      nowMs: fc.integer({ min: 0, max: 20 }),
      limit: fc.integer({ min: -1, max: 6 }),
    }),
  },
);

test("ids come out when they are due, the earliest first, however often their moment changed", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new DueQueue();
      const twin = new Map<bigint, number>();
      for (const each of steps) {
        if (each.kind === "set") {
          queue.set(each.id, each.atMs);
          twin.set(each.id, each.atMs);
        } else if (each.kind === "delete") {
          queue.delete(each.id);
          twin.delete(each.id);
        } else {
          const taken = queue.take(each.nowMs, each.limit);
          const due = [...twin.values()].filter((atMs) => atMs <= each.nowMs).sort((a, b) => a - b);
          // Which of those due at one moment comes first is nobody's business.
          assert.deepEqual(
            taken.map((one) => twin.get(one)),
            due.slice(0, Math.max(0, each.limit)),
          );
          for (const one of taken) twin.delete(one);
        }
        assert.equal(queue.size, twin.size);
      }
    }),
    { numRuns: 500 },
  );
});
