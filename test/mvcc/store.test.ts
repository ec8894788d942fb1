/** The store's own contract; its answers as a whole are compared with a twin in test/apply. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { ETCD_ERRORS } from "../../src/etcd/errors.ts";
import type { StoredKeyValue } from "../../src/etcd/model.ts";
import { contains, isEmptyRange, keyName, keyRange } from "../../src/etcd/mvcc/key.ts";
import type { Slot } from "../../src/etcd/mvcc/key-table.ts";
import { Recent } from "../../src/etcd/mvcc/recent.ts";
import { revisionKey } from "../../src/etcd/mvcc/revision-key.ts";
import { MvccStore, NEWEST } from "../../src/etcd/mvcc/store.ts";
import fc from "../support/fast-check.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const ALL = { from: "", to: null };

function storeOf(...keys: readonly string[]): MvccStore {
  const store = new MvccStore(new MemoryBuckets());
  for (const key of keys) {
    store.put(bytes(key), bytes(`value of ${key}`), 0n);
    store.commit();
  }
  return store;
}

test("string order of key names is byte order, and a range holds what its request's bytes select", () => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(key, key, fc.oneof(fc.uint8Array({ maxLength: 3 }), fc.constant(new Uint8Array(1))), (a, b, end) => {
      const order = Buffer.compare(a, b);
      assert.equal(order < 0, keyName(a) < keyName(b));
      assert.equal(order === 0, keyName(a) === keyName(b));
      const isOpen = end.length === 1 && end[0] === 0;
      const selected = end.length === 0 ? order === 0 : order <= 0 && (isOpen || Buffer.compare(b, end) < 0);
      assert.equal(contains(keyRange(a, end), keyName(b)), selected);
      assert.equal(isEmptyRange(keyRange(a, end)), end.length > 0 && !isOpen && Buffer.compare(a, end) >= 0);
    }),
  );
});

test("a limit cuts the key-values, not the count", () => {
  const store = storeOf("a", "b", "c");
  const { kvs, count } = store.range(ALL, { at: NEWEST, limit: 2 });
  assert.deepEqual([kvs.map((kv) => keyName(kv.key)), count], [["a", "b"], 3]);
  assert.equal(store.range(ALL, { at: 2 as Revision, limit: 0 }).count, 1);
});

test("keys only brings the revisions and neither value nor lease", () => {
  const store = new MvccStore(new MemoryBuckets());
  store.put(bytes("a"), bytes("x"), 7n);
  store.commit();
  const { key: _, ...rest } = store.range(ALL, { at: NEWEST, limit: 0, keysOnly: true }).kvs[0] ?? assert.fail();
  assert.deepEqual(rest, { createRevision: 2, modRevision: 2, version: 1, value: new Uint8Array(0), lease: 0n });
});

test("a change is seen by reads at once, counted in writeRevision, and becomes a revision with its commit", () => {
  const store = storeOf("a");
  store.put(bytes("b"), bytes("x"), 0n);
  store.deleteRange({ from: "a", to: "b" });
  assert.deepEqual([store.revision, store.writeRevision, store.count(ALL, NEWEST)], [2, 3, 1]);
  const events = store.commit();
  assert.deepEqual(
    events.map(({ kind, kv, previous }) => [kind, keyName(kv.key), kv.modRevision, previous?.version]),
    [
      ["put", "b", 3, undefined],
      ["delete", "a", 3, 1],
    ],
  );
  assert.deepEqual([store.revision, store.writeRevision], [3, 3]);
  assert.deepEqual([store.commit(), store.revision], [[], 3], "nothing changed: no revision");
});

test("a key deleted and put again begins a new generation, and every earlier one can still be read", () => {
  const store = new MvccStore(new MemoryBuckets());
  for (let round = 0; round < 3; round++) {
    for (let put = 0; put < 2; put++) {
      store.put(bytes("k"), bytes(`${round}.${put}`), 0n);
      store.commit();
    }
    store.deleteRange(ALL);
    store.commit();
  }
  const read = (at: number) => store.get(bytes("k"), at as Revision);
  const seen = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    .map(read)
    .map((kv) => kv && [keyName(kv.value), kv.createRevision, kv.version]);
  const generation = (round: number, created: number) => [[`${round}.0`, created, 1], [`${round}.1`, created, 2], null];
  assert.deepEqual(seen, [null, ...generation(0, 2), ...generation(1, 5), ...generation(2, 8)]);
});

test("the hash of an empty store is the one that etcd gives", async () => {
  const result = await storeOf().hashByRevision(0, async () => {});
  assert.deepEqual(result, { hash: 1_084_519_789, compactedRevision: -1, hashRevision: 1 });
});

test("the hash of a negative revision is that of nothing, as in etcd", async () => {
  const { hash } = (await storeOf("a").hashByRevision(-1, async () => {})) as { hash: number };
  assert.equal(hash, 1_084_519_789);
});

test("a key that is read again and again, changed and deleted in between, is always read as it is", () => {
  const store = new MvccStore(new MemoryBuckets());
  const read = (): unknown => store.get(bytes("k"), NEWEST)?.version ?? null;
  const seen: unknown[] = [];
  for (let round = 0; round < 2; round++) {
    for (let put = 0; put < 2; put++) {
      store.put(bytes("k"), bytes(`${put}`), 0n);
      seen.push(read());
      store.commit();
      seen.push(read(), store.range(ALL, { at: NEWEST, limit: 0 }).kvs[0]?.version);
    }
    store.deleteRange(ALL);
    seen.push(read());
    store.commit();
  }
  assert.deepEqual(seen, [1, 1, 1, 2, 2, 2, null, 1, 1, 1, 2, 2, 2, null]);
});

test("what is kept of recent versions is bounded, and what was let go is read again", () => {
  const recent = new Recent();
  const slots = Array.from({ length: 20_000 }, (_, n) => n as Slot);
  const kvOf = (n: number, size: number): StoredKeyValue => ({
    key: bytes(String(n)),
    value: new Uint8Array(size),
    createRevision: n as Revision,
    modRevision: n as Revision,
    version: 1,
    lease: 0n,
  });
  for (const slot of slots) recent.keep(slot, kvOf(slot, 1));
  const kept = slots.filter((slot) => recent.get(slot, slot) !== null);
  assert.ok(kept.length >= 8192 && kept.length < 17_000 && kept.includes(slots.at(-1) as Slot));
  for (const slot of slots.slice(0, 20)) recent.keep(slot, kvOf(slot, 1024 ** 2));
  assert.ok(slots.filter((slot) => recent.get(slot, slot) !== null).length <= 8, "and by their bytes");
});

test("the hash is of the moment it was asked, whatever is written and compacted meanwhile", async () => {
  const store = storeOf("a", "b", "c");
  const before = await store.hashByRevision(0, async () => {});
  const during = await store.hashByRevision(0, async () => {
    store.put(bytes("a"), bytes("x"), 0n);
    store.commit();
    store.compact(store.revision);
    assert.equal(store.compactStep(), false, "nothing is removed that is being read");
  });
  assert.deepEqual(during, before);
  assert.equal(store.compactStep(), false);
  assert.deepEqual(await store.hashByRevision(3, async () => {}), ETCD_ERRORS.compacted);
});

test("what a revision replaced of itself is never told, neither before nor after it is removed", () => {
  const store = new MvccStore(new MemoryBuckets());
  store.put(bytes("a"), bytes("x"), 0n);
  store.deleteRange(ALL);
  store.commit();
  store.compact(2);
  const told = (): unknown => store.changesAt(2 as Revision).map(({ version }) => version);
  assert.deepEqual(told(), [0]);
  while (store.compactStep()) {}
  assert.deepEqual(told(), [0]);
});

test("a pin holds the removal off, and its end tells that there is work", () => {
  let works = 0;
  const store = new MvccStore(new MemoryBuckets(), { onCompaction: () => works++ });
  for (let n = 0; n < 3; n++) {
    store.put(bytes("a"), bytes(String(n)), 0n);
    store.commit();
  }
  const unpin = store.pin();
  assert.equal(store.compact(4), null);
  assert.deepEqual([works, store.compactStep()], [0, false]);
  unpin();
  unpin();
  let isDone = false;
  store.whenCompacted(4, () => (isDone = true));
  assert.deepEqual([works, isDone], [1, false]);
  assert.deepEqual([store.compactStep(), isDone], [false, true]);
});

test("what was replaced before the compacted revision is not told any more, removed or not", () => {
  const store = storeOf("a", "a", "a");
  const [newest = assert.fail()] = store.changesAt(4 as Revision);
  assert.equal(store.previousOf(newest)?.version, 2);
  store.compact(4);
  assert.equal(store.previousOf(newest), null);
});

test("what a compaction has finished removing is not looked for again after a restart; what it has not is", async () => {
  for (const isFinished of [true, false]) {
    const buckets = new MemoryBuckets();
    const before = new MvccStore(buckets);
    for (let n = 0; n < 3; n++) {
      before.put(bytes("a"), bytes(String(n)), 0n);
      before.commit();
    }
    before.compact(4);
    while (isFinished && before.compactStep()) {}
    let works = 0;
    const again = new MvccStore(buckets, { onCompaction: () => works++ });
    await again.load(buckets, { pause: async () => {} });
    assert.deepEqual([again.revision, again.compactedRevision, works], [4, 4, isFinished ? 0 : 1]);
    while (again.compactStep()) {}
    assert.equal(buckets.count("key"), 1);
  }
});

test("between two storages nothing can be read", async () => {
  const store = storeOf("a");
  store.detach();
  assert.throws(() => store.get(bytes("a"), NEWEST), /before it is loaded/);
  assert.throws(() => store.put(bytes("a"), bytes("x"), 0n), /before it is loaded/);
  assert.deepEqual([store.revision, store.compactStep()], [2, false]);
  await store.load(new MemoryBuckets(), { pause: async () => {} });
  assert.deepEqual([store.revision, store.get(bytes("a"), NEWEST)], [1, null]);
});

test("a value of another revision than the index says is passed on by nobody", () => {
  const storage = new MemoryBuckets();
  const store = new MvccStore(storage);
  for (const key of ["a", "b"]) {
    store.put(bytes(key), bytes("value"), 0n);
    store.commit();
  }
  const [, second] = storage.range("key", {});
  storage.put("key", revisionKey(2, 0, false), second?.value ?? bytes(""));
  const slice = { at: NEWEST, limit: 10, maxBytes: 1000 };
  assert.throws(() => store.encoded(ALL, slice), /a value is of its revision/);
  assert.throws(() => store.scan(ALL, slice, () => {}), /a value is of its revision/);
});
