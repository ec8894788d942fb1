/** A store with many keys on LMDB: what a restart finds is what was there, wherever removal had got to; a map is the twin. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { LogIndex, MemberId, Revision, Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Clock } from "../../src/env/clock.ts";
import { openLmdbBackend } from "../../src/etcd/backend/lmdb.ts";
import { WriteBuffer } from "../../src/etcd/backend/write-buffer.ts";
import { ETCD_ERRORS } from "../../src/etcd/errors.ts";
import type { StoredKeyValue } from "../../src/etcd/model.ts";
import { keyName, keyRange } from "../../src/etcd/mvcc/key.ts";
import { MvccStore, NEWEST } from "../../src/etcd/mvcc/store.ts";
import { KeyValue } from "../../src/proto/gen/mvccpb.ts";

const KEYS = 40_000;
const CHANGES_A_REVISION = 50;
const SEED = 20;
const ALL = { from: "", to: null };
const CLOCK: Clock = { monotonicMs: () => 0, wallMs: () => 0, after: () => ({ cancel: () => {} }) };

const folder: string = mkdtempSync(join(tmpdir(), "faultline-restart-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function bytes(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A store that is stopped and started, and what its keys should be. */
class Restarted {
  readonly #prng = new Prng(SEED);
  readonly expected = new Map<string, string>();
  store: MvccStore;
  #buffer: WriteBuffer;
  #index = 1;
  #changes = 0;

  private constructor(buffer: WriteBuffer) {
    this.#buffer = buffer;
    this.store = new MvccStore(buffer);
  }

  static async open(): Promise<Restarted> {
    return new Restarted(await openBuffer());
  }

  async restart(): Promise<void> {
    await this.#buffer.close();
    this.#buffer = await openBuffer();
    this.store = new MvccStore(this.#buffer);
    await this.store.load(this.#buffer, { pause: turn });
  }

  async close(): Promise<void> {
    await this.#buffer.close();
  }

  async put(key: string, value: string): Promise<void> {
    this.store.put(bytes(key), bytes(value), 0n);
    this.expected.set(key, value);
    await this.#changed();
  }

  async delete(key: string): Promise<void> {
    const gone = this.store.deleteRange(keyRange(bytes(key), bytes("")));
    assert.equal(gone.length, this.expected.delete(key) ? 1 : 0);
    await this.#changed();
  }

  /** A key that may be there. */
  someKey(): string {
    return keyAt(this.#prng.below(KEYS));
  }

  async commit(): Promise<void> {
    this.#changes = 0;
    this.store.commit();
    const configuration = { voters: [1n] as MemberId[], learners: [] };
    this.#buffer.applied({ index: ++this.#index as LogIndex, term: 1 as Term, configuration });
    if (this.#buffer.isFull) await this.#buffer.commit();
  }

  async #changed(): Promise<void> {
    if (++this.#changes === CHANGES_A_REVISION) await this.commit();
  }

  /** All that can be asked for: of the newest revision by the map, of older ones and the hash to be compared later. */
  async contents(revisions: readonly Revision[]): Promise<unknown> {
    const { store } = this;
    const { kvs, count } = store.range(ALL, { at: NEWEST, limit: 0 });
    const wanted = [...this.expected].sort(([a], [b]) => (a < b ? -1 : 1));
    // One by one: to compare all of them at once takes seconds.
    kvs.forEach(({ key, value }, i) => {
      const [name, text] = wanted[i] ?? [];
      if (keyName(key) !== name || keyName(value) !== text) assert.deepEqual([keyName(key), keyName(value)], wanted[i]);
    });
    assert.deepEqual([count, store.count(ALL, NEWEST)], [wanted.length, wanted.length]);
    const hashes = [];
    for (const revision of revisions) hashes.push(await store.hashByRevision(revision, turn));
    const { compactedRevision, revision } = store;
    const older = revisions.map((at) => [store.count(ALL, at), store.range(ALL, { at, limit: 500 }).kvs]);
    const changes = store.changesFrom(revisions[0] as Revision, { changes: 500, bytes: 1e6 });
    return { digest: digestOf(kvs), hashes, older, changes, compactedRevision, revision };
  }
}

function digestOf(kvs: readonly StoredKeyValue[]): string {
  const hash = createHash("sha256");
  for (const kv of kvs) hash.update(KeyValue.encode(kv));
  return hash.digest("hex");
}

async function openBuffer(): Promise<WriteBuffer> {
  const backend = await openLmdbBackend(join(folder, "db"));
  return new WriteBuffer({ backend, clock: CLOCK, failed: (error) => assert.fail(error) });
}

/** In another order than they are numbered: revisions and keys must not go together. */
function keyAt(number: number): string {
  return `registry/pods/${((number * 7919) % KEYS).toString(36).padStart(8, "0")}`;
}

test("restarts with many keys, changed, deleted and compacted, find what was there, also while removal is under way", async () => {
  const restarted = await Restarted.open();
  for (let i = 0; i < KEYS; i++) await restarted.put(keyAt(i), `value ${i}`);
  for (let i = 0; i < KEYS / 10; i++) await restarted.put(restarted.someKey(), `changed ${i}`);
  await restarted.commit();
  const early = restarted.store.revision;
  for (let i = 0; i < KEYS / 10; i++) await restarted.delete(restarted.someKey());
  for (let i = 0; i < KEYS / 10; i++) await restarted.put(restarted.someKey(), `again ${i}`);
  await restarted.commit();
  const late = restarted.store.revision;

  const whole = await restarted.contents([early, late]);
  await restarted.restart();
  assert.deepEqual(await restarted.contents([early, late]), whole, "before any compaction");

  assert.equal(restarted.store.compact(late), null);
  const { store } = restarted;
  for (let step = 0; step < 5; step++) assert.ok(store.compactStep());
  await restarted.put("registry/later", "while it is removed");
  await restarted.commit();
  const half = await restarted.contents([late]);
  await restarted.restart();
  assert.deepEqual(await restarted.contents([late]), half, "in the middle of removal");
  assert.equal(await restarted.store.hashByRevision(early, turn), ETCD_ERRORS.compacted);

  while (restarted.store.compactStep());
  assert.deepEqual(await restarted.contents([late]), half, "removal shows nowhere");
  await restarted.put("registry/last", "behind all removal");
  await restarted.commit();
  const removed = await restarted.contents([late]);
  await restarted.restart();
  assert.ok(!restarted.store.compactStep(), "nothing is left to remove");
  assert.deepEqual(await restarted.contents([late]), removed, "behind all removal");
  await restarted.put(keyAt(5), "goes on");
  await restarted.close();
});
