import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { Keys, keyPicker } from "../../../src/harness/load/keys.ts";
import { Arrivals, OperationSource } from "../../../src/harness/load/schedule.ts";
import { Values } from "../../../src/harness/load/values.ts";
import { OPERATION_CLASSES } from "../../../src/harness/model/plan.ts";
import fc from "../../support/fast-check.ts";

const MIX = { "get-linearizable": 1, put: 3 };

function drawn(seed: number, count: number): { kind: number; key: number }[] {
  const source = new OperationSource(MIX, keyPicker(100, "uniform"), new Prng(seed));
  return Array.from({ length: count }, () => {
    source.next();
    return { kind: source.kind, key: source.key };
  });
}

test("one seed, one sequence of operations; another seed, another", () => {
  assert.deepEqual(drawn(7, 500), drawn(7, 500));
  assert.notDeepEqual(drawn(7, 500), drawn(8, 500));
});

test("classes are drawn by their weights, and one without a weight never", () => {
  const counts = OPERATION_CLASSES.map((_, kind) => drawn(1, 10_000).filter((one) => one.kind === kind).length);
  const [linearizable, serializable, puts, deletes] = counts as [number, number, number, number];
  assert.equal(serializable + deletes, 0);
  assert.ok(Math.abs(puts / linearizable - 3) < 0.3, String(counts));
});

test("even arrivals are evenly spaced; Poisson arrivals have the same rate and exponential gaps", () => {
  const even = new Arrivals(1000, "even", new Prng(1));
  assert.deepEqual([even.next(), even.next(), even.next()], [1e6, 2e6, 3e6]);
  const poisson = new Arrivals(1000, "poisson", new Prng(1));
  const times = Array.from({ length: 20_000 }, () => poisson.next());
  const gaps = times.map((time, i) => time - (times[i - 1] ?? 0));
  assert.ok(gaps.every((gap) => gap >= 0));
  assert.ok(Math.abs((times.at(-1) as number) / 20_000 / 1e6 - 1) < 0.03);
  // Of exponential gaps 1/e are longer than the mean.
  assert.ok(Math.abs(gaps.filter((gap) => gap > 1e6).length / 20_000 - Math.exp(-1)) < 0.02);
});

test("a Zipfian picker draws key i in proportion to 1 / (i + 1)^0.99", () => {
  const pick = keyPicker(50, "zipfian");
  const prng = new Prng(3);
  const counts = new Array<number>(50).fill(0);
  for (let i = 0; i < 100_000; i++) counts[pick(prng)]!++;
  const weights = counts.map((_, i) => (i + 1) ** -0.99);
  const total = weights.reduce((a, b) => a + b);
  for (const [i, count] of counts.entries())
    assert.ok(Math.abs(count / 100_000 - (weights[i] as number) / total) < 0.006, `key ${i}: ${count}`);
});

test("a key's bytes, text and index name one another, and no other bytes name a key", () => {
  const keys = new Keys({ prefix: "ключ/", count: 1234 });
  fc.assert(
    fc.property(fc.nat(1233), (index) => {
      assert.equal(new TextDecoder().decode(keys.bytes(index)), keys.text(index));
      assert.equal(keys.indexOf(keys.bytes(index)), index);
    }),
  );
  const indexOf = (text: string) => keys.indexOf(new TextEncoder().encode(text));
  assert.deepEqual(
    ["ключ/0001", "ключ/1234", "ключ/1", "ключ/001x", "клюй/0001", ""].map(indexOf),
    [1, -1, -1, -1, -1, -1],
  );
});

test("the range end is the first key behind the prefix", () => {
  assert.deepEqual([...new Keys({ prefix: "ab", count: 1 }).rangeEnd()], [97, 99]);
  const high = new Keys({ prefix: "a", count: 1 });
  high.prefixBytes.set([0xff]);
  assert.deepEqual([...high.rangeEnd()], [0]);
});

test("a value names the put that wrote it, whatever was written before it into the same buffer", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 16, max: 300 }),
      fc.array(fc.nat(0x7fffffff), { minLength: 1, maxLength: 50 }),
      (bytes, ids) => {
        const values = new Values(bytes);
        for (const id of ids) {
          const value = values.write(id);
          assert.equal(value.length, bytes);
          assert.equal(values.read(value), id);
        }
      },
    ),
  );
});

test("a damaged value names no put", () => {
  fc.assert(
    fc.property(fc.nat(99_999), fc.nat(31), fc.integer({ min: 1, max: 255 }), (id, at, flip) => {
      const values = new Values(32);
      const value = values.write(id).slice();
      value[at] = (value[at] as number) ^ flip;
      assert.notEqual(values.read(value), id);
      assert.equal(values.read(value.subarray(1)), -1);
    }),
  );
});
