import assert from "node:assert/strict";
import { test } from "node:test";
import { innerHeader } from "../../src/etcd/apply/header.ts";
import { answerRange } from "../../src/etcd/apply/range.ts";
import { RangeStream } from "../../src/etcd/apply/range-stream.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "../../src/etcd/errors.ts";
import { MvccStore } from "../../src/etcd/mvcc/store.ts";
import { RangeRequest, RangeResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { bytes } from "./arbitraries.ts";

const EVERYTHING = { key: bytes("\0"), rangeEnd: bytes("\0") };
const CHUNK_BYTES = 4_000;
const OPTIONS = { chunkBytes: CHUNK_BYTES, pause: async () => {} };

function storeOf(count: number, storage: MemoryBuckets = new MemoryBuckets()): MvccStore {
  const store = new MvccStore(storage);
  for (let i = 0; i < count; i++) {
    store.put(bytes(`k${String(i).padStart(5, "0")}`), bytes("v".repeat(i % 100)), 0n);
    store.commit();
  }
  return store;
}

/** The chunks, with something done to the store before each. */
async function chunksOf(
  store: MvccStore,
  request: RangeRequest,
  before: (chunk: number) => void = () => {},
): Promise<RangeResponse[]> {
  const stream = new RangeStream(store, request, innerHeader, OPTIONS);
  const chunks: RangeResponse[] = [];
  for (;;) {
    before(chunks.length);
    const chunk = await stream.next();
    assert.ok(!isEtcdError(chunk));
    chunks.push(chunk.response);
    if (chunk.isLast) return chunks;
  }
}

test("the chunks together are the range at the revision of the first, whatever is written meanwhile", async () => {
  for (const limit of [0, 1, 10, 11, 999, 1000, 2000]) {
    const store = storeOf(1000);
    const request = RangeRequest.create({ ...EVERYTHING, limit });
    const expected = answerRange(store, request, innerHeader) as RangeResponse;
    const chunks = await chunksOf(store, request, (chunk) => {
      store.put(bytes(`k00${chunk}`), bytes("new"), 0n);
      store.deleteRange({ from: "k0099", to: null });
      store.commit();
    });
    const last = chunks.at(-1) as RangeResponse;
    assert.deepEqual(
      RangeResponse.create({ ...last, kvs: chunks.flatMap(({ kvs }) => kvs) }),
      RangeResponse.create({ ...expected, header: last.header }),
      `limit ${limit}`,
    );
    assert.equal(last.header?.revision, expected.header?.revision, "of when it began");
    for (const { header, more, count } of chunks.slice(0, -1))
      assert.deepEqual([header, more, count], [null, false, 0]);
  }
});

test("chunks begin with ten keys and come near to their size, also where values grow all at once", async () => {
  const store = storeOf(1000);
  for (let i = 500; i < 1000; i++) {
    store.put(bytes(`k00${i}`), bytes("x".repeat(3_000)), 0n);
    store.commit();
  }
  const chunks = await chunksOf(store, RangeRequest.create(EVERYTHING));
  assert.equal(chunks[0]?.kvs.length, 10);
  for (const { kvs } of chunks)
    assert.ok(kvs.reduce((sum, kv) => sum + kv.value.length, 0) < 3 * CHUNK_BYTES, "a chunk is bounded");
});

test("a compaction that overtakes a stream ends it", () => {
  const store = storeOf(100);
  const stream = new RangeStream(store, RangeRequest.create(EVERYTHING), innerHeader, OPTIONS);
  assert.ok(!isEtcdError(stream.next()));
  store.put(bytes("z"), bytes(""), 0n);
  store.commit();
  assert.equal(store.compact(store.revision), null);
  assert.equal(stream.next(), ETCD_ERRORS.compacted);
});

test("a chunk while a snapshot takes the place of the state is refused; one after it is of the same revision", async () => {
  const store = storeOf(100);
  const [cut, slow] = [0, 1].map(() => new RangeStream(store, RangeRequest.create(EVERYTHING), innerHeader, OPTIONS));
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
  assert.ok(!(chunk instanceof Promise) && !isEtcdError(chunk));
  assert.equal(chunk.response.kvs[0]?.modRevision, 12);
});

test("a streamed count is one chunk without keys", async () => {
  const chunks = await chunksOf(storeOf(30), RangeRequest.create({ ...EVERYTHING, countOnly: true }));
  assert.deepEqual(
    chunks.map(({ kvs, count }) => [kvs.length, count]),
    [[0, 30]],
  );
});

test("many keys are counted in slices, at one revision, and a compaction in between refuses the rest", async () => {
  const keys = 45_000;
  const store = new MvccStore(new MemoryBuckets());
  for (let i = 0; i < keys; i++) store.put(bytes(`k${String(i).padStart(5, "0")}`), bytes(""), 0n);
  store.commit();
  const count = async (request: Partial<RangeRequest>, during: () => void): Promise<number | EtcdError> => {
    let pauses = 0;
    const pause = async (): Promise<void> => {
      if (pauses++ === 0) during();
    };
    const options = { chunkBytes: CHUNK_BYTES, pause };
    const all = RangeRequest.create({ ...EVERYTHING, ...request });
    const chunk = await new RangeStream(store, all, innerHeader, options).next();
    assert.equal(pauses, isEtcdError(chunk) ? 1 : 4, "one slice, or 10,000 keys each");
    return isEtcdError(chunk) ? chunk : chunk.response.count;
  };
  const write = (): void => {
    store.put(bytes("k2"), bytes("one more"), 0n);
    store.deleteRange({ from: "k44", to: null });
    store.commit();
  };
  assert.equal(await count({ limit: 5 }, write), keys);
  assert.equal(await count({ countOnly: true, revision: 2 }, write), keys);
  const compact = (): void => assert.equal(store.compact(store.revision), null);
  assert.equal(await count({ countOnly: true, revision: 2 }, compact), ETCD_ERRORS.compacted);
});
