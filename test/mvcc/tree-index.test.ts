/** The B+tree against a sorted array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TreeIndex } from "../../src/etcd/mvcc/tree-index.ts";

const key = fc.string({ unit: fc.constantFrom("a", "b", "\0", "\xff"), minLength: 1, maxLength: 5 });

test("a walk over any range of the tree visits what a sorted array holds there, whatever the order of insertion", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 600, size: "max" }),
      fc.array(fc.tuple(key, fc.option(key)), { maxLength: 20 }),
      (keys, ranges) => {
        const tree = new TreeIndex<string>();
        for (const each of keys) tree.add(each, `item ${each}`);
        const sorted = keys.toSorted((a, b) => (a < b ? -1 : 1));
        assert.equal(tree.size, keys.length);
        for (const each of keys) assert.equal(tree.get(each), `item ${each}`);
        assert.equal(tree.get("absent"), undefined);
        for (const [from, to] of [...ranges, ["", null] as [string, null]]) {
          const expected = sorted.filter((each) => from <= each && (to === null || each < to));
          assert.deepEqual(walk(tree, from, to, Number.POSITIVE_INFINITY), expected);
          assert.deepEqual(walk(tree, from, to, 3), expected.slice(0, 3));
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("100,000 keys stay in order whether they come ascending, descending or shuffled", () => {
  const ascending = Array.from({ length: 100_000 }, (_, index) => String(index).padStart(6, "0"));
  const shuffled = ascending.map((each, index) => [Math.imul(index, 2_654_435_761) >>> 0, each] as const);
  shuffled.sort((a, b) => a[0] - b[0]);
  for (const order of [ascending, ascending.toReversed(), shuffled.map(([, each]) => each)]) {
    const tree = new TreeIndex<string>();
    for (const each of order) tree.add(each, each);
    assert.deepEqual(walk(tree, "", null, Number.POSITIVE_INFINITY), ascending);
    assert.deepEqual(walk(tree, "050000", "050003", 10), ["050000", "050001", "050002"]);
  }
});

test("a key cannot be added twice", () => {
  const tree = new TreeIndex<number>();
  tree.add("a", 1);
  assert.throws(() => tree.add("a", 2), /added to the index once/);
});

function walk(tree: TreeIndex<string>, from: string, to: string | null, limit: number): readonly string[] {
  const visited: string[] = [];
  tree.ascend(from, to, (item, name) => {
    if (visited.length >= limit) return false;
    assert.ok(item.endsWith(name));
    visited.push(name);
    return visited.length < limit;
  });
  return visited;
}
