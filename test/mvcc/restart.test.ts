/** A store with many keys on LMDB: what a restart finds is what was there, wherever removal had got to; a list of all changes is the twin. */
import assert from "node:assert/strict";
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
import { revisionKey } from "../../src/etcd/mvcc/revision-key.ts";
import { KEY_BUCKET } from "../../src/etcd/mvcc/storage.ts";
import { MvccStore, NEWEST } from "../../src/etcd/mvcc/store.ts";

const KEYS = 20_000;
const CHANGES_A_REVISION = 50;
/** More than one step of removal takes away. */
const CHANGES_OF_BUSY = 600;
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

/** One change of a key, as text. */
interface Change {
  readonly key: string;
  readonly main: Revision;
  readonly sub: number;
  /** Both 0: a deletion. */
  readonly created: number;
  readonly version: number;
  readonly value: string;
  readonly lease: bigint;
}

/** Every change there was, and what must be left of them. */
class Twin {
  readonly #changes = new Map<string, Change[]>();

  put(key: string, value: string, lease: bigint, main: Revision, sub: number): void {
    const before = this.#last(key, main);
    const created = before === null ? main : before.created;
    this.#add({ key, main, sub, created, version: (before?.version ?? 0) + 1, value, lease });
  }

  /** Whether the key was there. */
  delete(key: string, main: Revision, sub: number): boolean {
    if (this.#last(key, main) === null) return false;
    this.#add({ key, main, sub, created: 0, version: 0, value: "", lease: 0n });
    return true;
  }

  /** What a reader of this revision finds, in order of keys. */
  livingAt(revision: Revision): readonly Change[] {
    const living = [...this.#changes.keys()].flatMap((key) => this.#last(key, revision) ?? []);
    return living.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** What a compaction at this revision leaves, in the order of the storage: what is current then, tombstones of just then, all later. */
  leftBy(compacted: Revision): readonly Change[] {
    const left: Change[] = [];
    for (const changes of this.#changes.values()) {
      const current = changes.findLastIndex(({ main }) => main <= compacted);
      for (const [i, change] of changes.entries())
        if (i > current || (i === current && (change.version > 0 || change.main === compacted))) left.push(change);
    }
    return left.sort((a, b) => a.main - b.main || a.sub - b.sub);
  }

  /** By key. */
  leases(): Map<string, bigint> {
    const held = this.livingAt(NEWEST).filter(({ lease }) => lease !== 0n);
    return new Map(held.map(({ key, lease }) => [key, lease]));
  }

  /** The version that is current at this revision; null where there is none. */
  #last(key: string, revision: Revision): Change | null {
    const change = this.#changes.get(key)?.findLast(({ main }) => main <= revision);
    return change === undefined || change.version === 0 ? null : change;
  }

  #add(change: Change): void {
    const changes = this.#changes.get(change.key);
    if (changes === undefined) this.#changes.set(change.key, [change]);
    else changes.push(change);
  }
}

/** A store that is stopped and started, and what should be in it. */
class Restarted {
  readonly twin: Twin = new Twin();
  readonly #prng = new Prng(SEED);
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

  /** With all that was changed or removed so far. */
  async restart(): Promise<void> {
    // Writes what it still holds.
    await this.#buffer.close();
    this.#buffer = await openBuffer();
    this.store = new MvccStore(this.#buffer);
    const leases = new Map<string, bigint>();
    const changed = (key: Uint8Array, lease: bigint): void => {
      if (lease === 0n) leases.delete(keyName(key));
      else leases.set(keyName(key), lease);
    };
    await this.store.load(this.#buffer, { pause: turn, changed });
    const sorted = (entries: Map<string, bigint>) => [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
    assert.deepEqual(sorted(leases), sorted(this.twin.leases()), "keys hang on the leases of their newest versions");
  }

  async close(): Promise<void> {
    await this.#buffer.close();
  }

  async put(key: string, value: string): Promise<void> {
    const lease = BigInt(this.#prng.below(3));
    const { writeRevision } = this;
    this.store.put(bytes(key), bytes(value), lease);
    this.twin.put(key, value, lease, writeRevision, this.#changes);
    await this.#changed();
  }

  async delete(key: string): Promise<void> {
    const { writeRevision } = this;
    const gone = this.store.deleteRange(keyRange(bytes(key), bytes("")));
    const was = this.twin.delete(key, writeRevision, this.#changes);
    assert.equal(gone.length, was ? 1 : 0);
    if (was) await this.#changed();
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

  get writeRevision(): Revision {
    return (this.store.revision + 1) as Revision;
  }

  /** All that can be asked for is as the twin has it; what only this store can say, to be compared later. */
  async contents(revisions: readonly Revision[]): Promise<unknown> {
    const { store, twin } = this;
    const living = twin.livingAt(NEWEST);
    same(store.range(ALL, { at: NEWEST, limit: 0 }).kvs, living);
    const bare = living.map((change) => ({ ...change, value: "", lease: 0n }));
    same(store.range(ALL, { at: NEWEST, limit: 0, keysOnly: true }).kvs, bare);
    const hashes = [];
    for (const at of revisions) {
      const older = twin.livingAt(at);
      assert.equal(store.count(ALL, at), older.length);
      same(store.range(ALL, { at, limit: 500 }).kvs, older.slice(0, 500));
      hashes.push(await store.hashByRevision(at, turn));
    }
    const from = revisions[0] as Revision;
    const told = twin.leftBy(store.compactedRevision).filter(({ main }) => main >= from);
    const { changes } = store.changesFrom(from, { changes: 500, bytes: 1e6 });
    assert.ok(changes.length >= Math.min(told.length, 500));
    same(changes, told.slice(0, changes.length));
    const { compactedRevision, revision } = store;
    return { hashes, compactedRevision, revision };
  }

  /** What lies on the disk is what must be kept and nothing else. */
  holdsOnly(compacted: Revision): void {
    const found = this.#buffer.range(KEY_BUCKET, { from: new Uint8Array(0) });
    const left = this.twin.leftBy(compacted);
    assert.deepEqual(
      found.map(({ key }) => Buffer.from(key).toString("hex")),
      left.map(({ main, sub, version }) => Buffer.from(revisionKey(main, sub, version === 0)).toString("hex")),
    );
  }
}

/** One by one: to compare all of them at once takes seconds. */
function same(found: readonly StoredKeyValue[], expected: readonly Change[]): void {
  assert.equal(found.length, expected.length);
  for (const [i, kv] of found.entries()) {
    const { key, main, created, version, value, lease } = expected[i] as Change;
    const isSame =
      keyName(kv.key) === key &&
      kv.modRevision === main &&
      kv.createRevision === created &&
      kv.version === version &&
      keyName(kv.value) === value &&
      kv.lease === lease;
    if (!isSame) assert.deepEqual({ ...kv, key: keyName(kv.key), value: keyName(kv.value) }, expected[i]);
  }
}

async function openBuffer(): Promise<WriteBuffer> {
  const backend = await openLmdbBackend(join(folder, "db"));
  return new WriteBuffer({ backend, clock: CLOCK, failed: (error) => assert.fail(error) });
}

/** In another order than they are numbered: revisions and keys must not go together. */
function keyAt(number: number): string {
  return `registry/pods/${((number * 7919) % KEYS).toString(36).padStart(8, "0")}`;
}

/** Returns the revisions after the first changes and after all of them, which ends with deletions. */
async function fill(restarted: Restarted): Promise<readonly [Revision, Revision]> {
  for (let i = 0; i < KEYS; i++) await restarted.put(keyAt(i), `value ${i}`);
  for (let i = 0; i < KEYS / 10; i++) await restarted.put(restarted.someKey(), `changed ${i}`);
  for (let i = 0; i < CHANGES_OF_BUSY; i++) await restarted.put("registry/busy", `busy ${i}`);
  await restarted.commit();
  const early = restarted.store.revision;
  await restarted.delete("registry/busy");
  for (let i = 0; i < KEYS / 10; i++) await restarted.delete(restarted.someKey());
  for (let i = 0; i < KEYS / 10; i++) await restarted.put(restarted.someKey(), `again ${i}`);
  await restarted.commit();
  for (let i = 0; i < 5; i++) await restarted.delete(keyAt(i));
  await restarted.put(keyAt(0), "at once again");
  await restarted.commit();
  return [early, restarted.store.revision];
}

test("restarts with many keys, changed, deleted and compacted, find what was there, also while removal is under way", async () => {
  const restarted = await Restarted.open();
  const [early, late] = await fill(restarted);
  const whole = await restarted.contents([early, late]);
  await restarted.restart();
  assert.deepEqual(await restarted.contents([early, late]), whole, "before any compaction");

  assert.equal(restarted.store.compact(late), null);
  // Once in the middle of one key's changes, once in the middle of the keys.
  for (const steps of [1, 5]) {
    for (let step = 0; step < steps; step++) assert.ok(restarted.store.compactStep());
    await restarted.put(`registry/later/${steps}`, "while it is removed");
    await restarted.commit();
    const half = await restarted.contents([late]);
    await restarted.restart();
    assert.deepEqual(await restarted.contents([late]), half, `after ${steps} step(s) of removal`);
    assert.equal(await restarted.store.hashByRevision(early, turn), ETCD_ERRORS.compacted);
  }

  const half = await restarted.contents([late]);
  while (restarted.store.compactStep());
  assert.deepEqual(await restarted.contents([late]), half, "removal shows nowhere");
  restarted.holdsOnly(late);
  await restarted.put("registry/last", "behind all removal");
  await restarted.commit();
  const removed = await restarted.contents([late]);
  await restarted.restart();
  assert.ok(!restarted.store.compactStep(), "nothing is left to remove");
  assert.deepEqual(await restarted.contents([late]), removed, "behind all removal");

  for (let i = 0; i < KEYS / 10; i++) await restarted.put(keyAt(i), "goes on");
  await restarted.commit();
  const last = restarted.store.revision;
  assert.equal(restarted.store.compact(last), null);
  while (restarted.store.compactStep());
  restarted.holdsOnly(last);
  await restarted.contents([last]);
  await restarted.close();
});
