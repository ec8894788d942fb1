/** The interval tree against asking every range. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { contains, type KeyRange } from "../../src/etcd/mvcc/key.ts";
import { RangeIndex } from "../../src/etcd/watch/range-index.ts";
import fc from "../support/fast-check.ts";

const key = fc.string({ unit: fc.constantFrom("a", "b", "\0"), minLength: 1, maxLength: 3 });
const range: fc.Arbitrary<KeyRange> = fc.oneof(
  key.map((from) => ({ from, to: `${from}\0` })),
  fc.record({ from: key, to: fc.option(key) }),
);
const step = fc.oneof(fc.record({ add: range }), fc.record({ remove: fc.nat(50) }), fc.record({ search: key }));

test("a key finds the members whose range holds it, while ranges come and go", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const index = new RangeIndex<number>();
      const present: { range: KeyRange; member: number }[] = [];
      for (const [member, each] of steps.entries()) {
        if ("add" in each) {
          present.push({ range: each.add, member });
          index.add(each.add, member);
        } else if ("remove" in each) {
          const [gone] = present.splice(each.remove, 1);
          if (gone !== undefined) index.remove(gone.range, gone.member);
        } else {
          const found: number[] = [];
          index.each(each.search, (hit) => found.push(hit));
          const expected = present.filter((one) => contains(one.range, each.search)).map((one) => one.member);
          assert.deepEqual(
            found.sort((a, b) => a - b),
            expected.sort((a, b) => a - b),
          );
        }
      }
    }),
    { numRuns: 500 },
  );
});
