import assert from "node:assert/strict";
import { test } from "node:test";
import { Histogram } from "../../src/base/histogram.ts";
import fc from "../support/fast-check.ts";

const HOUR_NS = 3_600_000_000_000;
/** Spread over the scale by exponent, as latencies are. */
const latency = fc
  .tuple(fc.integer({ min: 10, max: 41 }), fc.double({ min: 1, max: 1.999, noNaN: true }))
  .map(([exponent, mantissa]) => Math.min(HOUR_NS, Math.floor(2 ** exponent * mantissa)));
const latencies = fc.array(latency, { maxLength: 100 });

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

test("every quantile lies within 0.4 % of the sorted array's", () => {
  fc.assert(
    fc.property(
      fc.array(latency, { minLength: 1, maxLength: 300 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, q) => {
        const sorted = [...values].sort((a, b) => a - b);
        const exact = sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number;
        assert.ok(Math.abs(filled(values).quantile(q) - exact) <= exact * 0.004);
      },
    ),
  );
});

test("merged histograms equal one histogram of everything", () => {
  fc.assert(
    fc.property(latencies, latencies, (left, right) => {
      const merged = filled(left);
      merged.merge(filled(right));
      const whole = filled([...left, ...right]);
      assert.deepEqual(merged.sparse(), whole.sparse());
      assert.equal(merged.count, left.length + right.length);
      assert.equal(merged.max, whole.max);
      if (merged.count > 0) assert.equal(merged.quantile(0), whole.quantile(0));
    }),
  );
});

test("sparse buckets hold exactly the values between their edges, however coarse", () => {
  fc.assert(
    fc.property(latencies, fc.constantFrom(undefined, 1, 8, 128), (values, perOctave) => {
      const buckets = filled(values).sparse(perOctave);
      for (const { lower, upper, count } of buckets)
        assert.equal(count, values.filter((value) => value >= lower && value < upper).length);
      assert.equal(
        buckets.reduce((sum, bucket) => sum + bucket.count, 0),
        values.length,
      );
    }),
  );
});

test("values beyond the scale are counted, and their maximum stays exact", () => {
  const histogram = filled([0, 1, 511, 1e15]);
  assert.equal(histogram.count, 4);
  assert.equal(histogram.max, 1e15);
  assert.equal(histogram.quantile(0.25) <= 511, true);
  assert.throws(() => histogram.record(-1), /not negative/);
  assert.throws(() => histogram.record(Number.NaN), /not negative/);
});

test("an empty histogram has no quantile", () => {
  assert.throws(() => new Histogram().quantile(0.5), /empty/);
});
