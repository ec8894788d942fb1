import assert from "node:assert/strict";
import { test } from "node:test";
import { innerHeader } from "../../src/etcd/apply/header.ts";
import { answerRange } from "../../src/etcd/apply/range.ts";
import { RangeStream } from "../../src/etcd/apply/range-stream.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { ETCD_ERRORS, isEtcdError } from "../../src/etcd/errors.ts";
import { MvccStore } from "../../src/etcd/mvcc/store.ts";
import { RangeRequest, type RangeResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { bytes } from "./arbitraries.ts";

const EVERYTHING = { key: bytes("\0"), rangeEnd: bytes("\0") };
const CHUNK_BYTES = 4_000;

function storeOf(count: number, storage: MemoryBuckets = new MemoryBuckets()): MvccStore {
  const store = new MvccStore(storage);
  for (let i = 0; i < count; i++) {
    store.put(bytes(`k${String(i).padStart(5, "0")}`), bytes("v".repeat(i % 100)), 0n);
    store.commit();
  }
  return store;
}

/** The chunks, with something done to the store before each. */
function chunksOf(
  store: MvccStore,
  request: RangeRequest,
  before: (chunk: number) => void = () => {},
): RangeResponse[] {
  const stream = new RangeStream(store, request, innerHeader, CHUNK_BYTES);
  const chunks: RangeResponse[] = [];
  for (;;) {
    before(chunks.length);
    const chunk = stream.next();
    assert.ok(!isEtcdError(chunk));
    chunks.push(chunk.response);
    if (chunk.isLast) return chunks;
  }
}

test("the chunks together are the range at the revision of the first, whatever is written meanwhile", () => {
  for (const limit of [0, 1, 10, 11, 999, 1000, 2000]) {
    const store = storeOf(1000);
    const request = RangeRequest.create({ ...EVERYTHING, limit });
    const expected = answerRange(store, request, innerHeader) as RangeResponse;
    const chunks = chunksOf(store, request, (chunk) => {
      store.put(bytes(`k00${chunk}`), bytes("new"), 0n);
      store.deleteRange({ from: "k0099", to: null });
      store.commit();
    });
    const last = chunks.at(-1) as RangeResponse;
    assert.deepEqual(
      { ...last, kvs: chunks.flatMap(({ kvs }) => kvs) },
      { ...expected, header: last.header },
      `limit ${limit}`,
    );
    assert.equal(last.header?.revision, expected.header?.revision, "of when it began");
    for (const { header, more, count } of chunks.slice(0, -1))
      assert.deepEqual([header, more, count], [null, false, 0]);
  }
});

test("chunks begin with ten keys and come near to their size, also where values grow all at once", () => {
  const store = storeOf(1000);
  for (let i = 500; i < 1000; i++) {
    store.put(bytes(`k00${i}`), bytes("x".repeat(3_000)), 0n);
    store.commit();
  }
  const chunks = chunksOf(store, RangeRequest.create(EVERYTHING));
  assert.equal(chunks[0]?.kvs.length, 10);
  for (const { kvs } of chunks)
    assert.ok(kvs.reduce((sum, kv) => sum + kv.value.length, 0) < 3 * CHUNK_BYTES, "a chunk is bounded");
});

test("a compaction that overtakes a stream ends it", () => {
  const store = storeOf(100);
  const stream = new RangeStream(store, RangeRequest.create(EVERYTHING), innerHeader, CHUNK_BYTES);
  assert.ok(!isEtcdError(stream.next()));
  store.put(bytes("z"), bytes(""), 0n);
  store.commit();
  assert.equal(store.compact(store.revision), null);
  assert.equal(stream.next(), ETCD_ERRORS.compacted);
});

test("a chunk while a snapshot takes the place of the state is refused; one after it is of the same revision", async () => {
  const store = storeOf(100);
  const [cut, slow] = [0, 1].map(
    () => new RangeStream(store, RangeRequest.create(EVERYTHING), innerHeader, CHUNK_BYTES),
  );
  assert.ok(cut !== undefined && slow !== undefined);
  for (const stream of [cut, slow]) assert.ok(!isEtcdError(stream.next()));
  store.detach();
  assert.equal(cut.next(), ETCD_ERRORS.timeout);
  const storage = new MemoryBuckets();
  const newer = storeOf(100, storage);
  newer.deleteRange({ from: "k", to: null });
  newer.commit();
  await store.load(storage, { pause: async () => {} });
  const chunk = slow.next();
  assert.ok(!isEtcdError(chunk));
  assert.equal(chunk.response.kvs[0]?.modRevision, 12);
});

test("a streamed count is one chunk without keys", () => {
  const chunks = chunksOf(storeOf(30), RangeRequest.create({ ...EVERYTHING, countOnly: true }));
  assert.deepEqual(
    chunks.map(({ kvs, count }) => [kvs.length, count]),
    [[0, 30]],
  );
});
