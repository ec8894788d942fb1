/** The B+tree against a sorted array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Slot } from "../../src/etcd/mvcc/key-table.ts";
import { TreeIndex } from "../../src/etcd/mvcc/tree-index.ts";
import fc from "../support/fast-check.ts";

/** A tree whose slots are numbered as their keys are first seen. */
class NamedTree {
  readonly #slots = new Map<string, Slot>();
  readonly #names: string[] = [];
  readonly #tree = new TreeIndex({
    compare: (slot, key) => Buffer.compare(this.key(slot), key),
    key: (slot) => this.key(slot),
  });

  get size(): number {
    return this.#tree.size;
  }

  key(slot: Slot): Uint8Array {
    return bytes(this.#names[slot] as string);
  }

  get(name: string): string | undefined {
    const slot = this.#tree.get(bytes(name));
    return slot === null ? undefined : this.#names[slot];
  }

  add(name: string): void {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = (this.#names.push(name) - 1) as Slot;
      this.#slots.set(name, slot);
    }
    this.#tree.add(bytes(name), slot);
  }

  remove(name: string): void {
    this.#tree.remove(bytes(name));
  }

  walk(from: string, to: string | null, limit: number): readonly string[] {
    const visited: string[] = [];
    this.#tree.ascend(bytes(from), to === null ? null : bytes(to), (slot) => {
      if (visited.length >= limit) return false;
      visited.push(this.#names[slot] as string);
      return visited.length < limit;
    });
    return visited;
  }
}

function bytes(name: string): Uint8Array {
  return Buffer.from(name, "latin1");
}

const key = fc.string({ unit: fc.constantFrom("a", "b", "\0", "\xff"), minLength: 1, maxLength: 5 });

test("a walk over any range of the tree visits what a sorted array holds there, whatever the order of insertion", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(key, { maxLength: 600 }),
      fc.array(fc.tuple(key, fc.option(key)), { maxLength: 20 }),
      (keys, ranges) => {
        const tree = new NamedTree();
        for (const each of keys) tree.add(each);
        const sorted = keys.toSorted((a, b) => (a < b ? -1 : 1));
        assert.equal(tree.size, keys.length);
        for (const each of keys) assert.equal(tree.get(each), each);
        assert.equal(tree.get("absent"), undefined);
        for (const [from, to] of [...ranges, ["", null] as [string, null]]) {
          const expected = sorted.filter((each) => from <= each && (to === null || each < to));
          assert.deepEqual(tree.walk(from, to, Number.POSITIVE_INFINITY), expected);
          assert.deepEqual(tree.walk(from, to, 3), expected.slice(0, 3));
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("whatever comes and goes, in any order, the tree holds what a sorted set does", () => {
  const change = fc.record({ name: key, add: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 1500 }), fc.tuple(key, fc.option(key)), (changes, range) => {
      const tree = new NamedTree();
      const set = new Set<string>();
      for (const { name, add } of changes) {
        if (add === set.has(name)) continue;
        if (add) tree.add(name);
        else tree.remove(name);
        if (add) set.add(name);
        else set.delete(name);
      }
      const sorted = [...set].sort((a, b) => (a < b ? -1 : 1));
      const [from, to] = range;
      assert.equal(tree.size, sorted.length);
      assert.deepEqual(tree.walk("", null, Number.POSITIVE_INFINITY), sorted);
      const inRange = sorted.filter((each) => from <= each && (to === null || each < to));
      assert.deepEqual(tree.walk(from, to, Number.POSITIVE_INFINITY), inRange);
    }),
  );
});

test("20,000 keys removed in any order leave a tree that still finds the others, and at last an empty one", () => {
  const names = Array.from({ length: 20_000 }, (_, index) => String(index).padStart(5, "0"));
  const shuffled = names.map((each, index) => [Math.imul(index, 2_654_435_761) >>> 0, each] as const);
  shuffled.sort((a, b) => a[0] - b[0]);
  for (const order of [names, names.toReversed(), shuffled.map(([, each]) => each)]) {
    const tree = new NamedTree();
    for (const each of names) tree.add(each);
    for (const each of order.slice(0, 15_000)) tree.remove(each);
    assert.deepEqual(tree.walk("", null, Number.POSITIVE_INFINITY), order.slice(15_000).sort());
    for (const each of order.slice(15_000)) tree.remove(each);
    assert.deepEqual([tree.size, tree.walk("", null, 1)], [0, []]);
    tree.add("again");
    assert.deepEqual(tree.walk("", null, 2), ["again"]);
  }
});

test("a key that is not there cannot be removed", () => {
  assert.throws(() => new NamedTree().remove("a"), /only a key that is there/);
});

test("100,000 keys stay in order whether they come ascending, descending or shuffled", () => {
  const ascending = Array.from({ length: 100_000 }, (_, index) => String(index).padStart(6, "0"));
  const shuffled = ascending.map((each, index) => [Math.imul(index, 2_654_435_761) >>> 0, each] as const);
  shuffled.sort((a, b) => a[0] - b[0]);
  for (const order of [ascending, ascending.toReversed(), shuffled.map(([, each]) => each)]) {
    const tree = new NamedTree();
    for (const each of order) tree.add(each);
    assert.deepEqual(tree.walk("", null, Number.POSITIVE_INFINITY), ascending);
    assert.deepEqual(tree.walk("050000", "050003", 10), ["050000", "050001", "050002"]);
  }
});

test("a key cannot be added twice", () => {
  const tree = new NamedTree();
  tree.add("a");
  assert.throws(() => tree.add("a"), /added to the index once/);
});
