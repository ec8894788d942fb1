/** A large range, read in slices while others write and compact, answers what one read at its revision would have. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import { EncodedRange } from "../../src/etcd/apply/encoded-range.ts";
import { answerLargeRange, isLargeRange } from "../../src/etcd/apply/large-range.ts";
import { answerRange } from "../../src/etcd/apply/range.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { ETCD_ERRORS } from "../../src/etcd/errors.ts";
import { MvccStore } from "../../src/etcd/mvcc/store.ts";
import { RangeRequest, RangeResponse, ResponseHeader } from "../../src/proto/gen/etcdserverpb.ts";
import fc from "../support/fast-check.ts";

const KEYS = 3500;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const keyOf = (index: number): Uint8Array => bytes(`k${String(index).padStart(5, "0")}`);
const makeHeader = (revision: Revision): ResponseHeader => ResponseHeader.create({ revision });
const ALL = { key: bytes("k"), rangeEnd: bytes("l") };

function filled(keys: number): MvccStore {
  const store = new MvccStore(new MemoryBuckets());
  for (let i = 0; i < keys; i++) {
    store.put(keyOf(i), bytes(`value ${i}`), BigInt(i % 3));
    if (i % 50 === 0) store.commit();
  }
  store.commit();
  return store;
}

/** Puts and deletes all over, a revision each. */
function disturb(store: MvccStore, prng: Prng, times: number): void {
  for (let i = 0; i < times; i++) {
    const key = keyOf(prng.below(KEYS));
    if (prng.below(3) === 0) store.deleteRange({ from: `k${prng.below(10)}`, to: `k${prng.below(10)}5` });
    else store.put(key, bytes(`later ${i}`), 0n);
    store.commit();
  }
}

const request = fc.record({
  key: fc.nat(KEYS).map(keyOf),
  limit: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: KEYS })),
  sortOrder: fc.constantFrom(0 as const, 1 as const, 2 as const),
  sortTarget: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const, 4 as const),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: fc.oneof(fc.constant(0), fc.nat(60)),
});

const PLAIN = {
  ...{ key: keyOf(0), limit: 0, sortOrder: 0, sortTarget: 0 },
  ...{ keysOnly: false, countOnly: false, minModRevision: 0 },
} as const;

test("in slices, with writes and compactions between them, the answer is that of the revision it began at", async () => {
  await fc.assert(
    fc.asyncProperty(request, fc.integer({ min: 1, max: 1e6 }), fc.boolean(), async (asked, seed, isOld) => {
      const prng = new Prng(seed);
      const store = filled(KEYS);
      disturb(store, prng, 20);
      const revision = isOld ? store.revision - 10 : 0;
      const whole = RangeRequest.create({ ...ALL, ...asked, revision });
      const wanted = answerRange(store, whole, makeHeader);
      let pauses = 0;
      const answer = await answerLargeRange(store, whole, makeHeader, async () => {
        pauses++;
        disturb(store, prng, 3);
        if (pauses % 2 === 0) store.compact(store.revision);
        while (store.compactStep());
      });
      assert.ok("header" in answer && "header" in wanted);
      const shown = answer instanceof EncodedRange ? RangeResponse.decode(Buffer.concat(answer.pieces)) : answer;
      assert.deepEqual(
        RangeResponse.decode(RangeResponse.encode(wanted)),
        RangeResponse.decode(RangeResponse.encode(shown)),
      );
    }),
    {
      numRuns: 25,
      // A target without an order: etcd cuts by key first, then sorts.
      examples: [
        [{ ...PLAIN, limit: 1500, sortTarget: 4 }, 1, false],
        [{ ...PLAIN, limit: 1500, sortTarget: 4, sortOrder: 2 }, 2, true],
        [{ ...PLAIN, limit: 2000, sortTarget: 3, keysOnly: true }, 3, false],
      ],
    },
  );
});

test("a revision that is compacted or still to come is refused as ever", async () => {
  const store = filled(KEYS);
  const answer = (revision: number) =>
    answerLargeRange(store, RangeRequest.create({ ...ALL, revision }), makeHeader, async () => {});
  store.compact(10);
  assert.equal(await answer(9), ETCD_ERRORS.compacted);
  assert.equal(await answer(store.revision + 1), ETCD_ERRORS.futureRevision);
  const kept = await answer(10);
  assert.ok(kept instanceof EncodedRange);
  assert.equal(kept.count, kept.kvs.length);
});

test("when a snapshot takes the place of the state the range begins anew, on what is there then", async () => {
  const store = filled(KEYS);
  const other = new MemoryBuckets();
  const source = new MvccStore(other);
  for (let i = 0; i < 10; i++) source.put(keyOf(i), bytes("installed"), 0n);
  source.commit();
  let loading: Promise<void> | null = null;
  let pauses = 0;
  const answer = await answerLargeRange(store, RangeRequest.create(ALL), makeHeader, async () => {
    pauses++;
    if (pauses === 2) loading = store.load(other, { pause: async () => {} });
    if (pauses > 5) await loading;
  });
  assert.ok(answer instanceof EncodedRange);
  assert.deepEqual([answer.count, answer.header?.revision], [10, store.revision]);
});

test("what is small is found to be small by looking at few keys", () => {
  const store = filled(KEYS);
  assert.equal(isLargeRange(store, RangeRequest.create(ALL)), true);
  assert.equal(isLargeRange(store, RangeRequest.create({ key: keyOf(0) })), false);
  assert.equal(isLargeRange(store, RangeRequest.create({ key: keyOf(0), rangeEnd: keyOf(100) })), false);
  assert.equal(isLargeRange(store, RangeRequest.create({ ...ALL, limit: 10 })), true, "its count is not small");
});
