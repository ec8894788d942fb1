/** What the store and its requests cost in CPU, a step at a time and in memory: no disk, no network, no log. */
import type { Bench } from "tinybench";
import type { Revision } from "../../../src/base/ids.ts";
import { MemoryBuckets } from "../../../src/etcd/backend/buckets.ts";
import type { StoredKeyValue } from "../../../src/etcd/model.ts";
import { keyRange } from "../../../src/etcd/mvcc/key.ts";
import { MvccStore, NEWEST } from "../../../src/etcd/mvcc/store.ts";
import { PutRequest, RangeRequest, RangeResponse } from "../../../src/proto/gen/etcdserverpb.ts";
import { keyAt, PREFIX_END } from "../store/requests.ts";

const KEYS = 10_000;
const VALUE = new Uint8Array(256).fill(0x61);

export function addTasks(bench: Bench): void {
  addStoreTasks(bench);
  const put = PutRequest.encode(PutRequest.create({ key: keyAt(1), value: VALUE }));
  bench.add("messages: read a put", () => {
    PutRequest.decode(put);
  });
  const range = RangeRequest.encode(RangeRequest.create({ key: keyAt(1), serializable: true }));
  bench.add("messages: read a range", () => {
    RangeRequest.decode(range);
  });
  for (const count of [1, 1000]) {
    const response = RangeResponse.create({ kvs: Array.from({ length: count }, (_, i) => keyValueAt(i)), count });
    bench.add(`messages: write an answer of ${count} key-value(s)`, () => {
      RangeResponse.encode(response);
    });
  }
}

function addStoreTasks(bench: Bench): void {
  const store = new MvccStore(new MemoryBuckets());
  for (let i = 0; i < KEYS; i++) store.put(keyAt(i), VALUE, 0n);
  store.commit();
  const keys = Array.from({ length: KEYS }, (_, i) => keyAt(i));
  let next = 0;
  bench.add(`store: read one of ${KEYS} keys`, () => {
    store.get(keys[next++ % KEYS] as Uint8Array, NEWEST);
  });
  const thousand = keyRange(keyAt(0), keyAt(1000));
  bench.add("store: range of 1,000 keys", () => {
    store.range(thousand, { at: NEWEST, limit: 0 });
  });
  const all = keyRange(keyAt(0), PREFIX_END);
  bench.add(`store: count of ${KEYS} keys`, () => {
    store.count(all, NEWEST);
  });
  bench.add("store: put and commit", () => {
    store.put(keys[next++ % KEYS] as Uint8Array, VALUE, 0n);
    store.commit();
    // So that the store does not grow with the number of rounds.
    if (store.revision % KEYS !== 0) return;
    store.compact(store.revision);
    while (store.compactStep());
  });
}

function keyValueAt(index: number): StoredKeyValue {
  const revision = (index + 2) as Revision;
  return { key: keyAt(index), value: VALUE, createRevision: revision, modRevision: revision, version: 1, lease: 0n };
}
