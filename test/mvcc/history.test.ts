/**
 * The store on every storage against its slow twin: writes, compactions removed in steps, restarts and crashes in any order. What may
 * be read is what was written; what is removed is what nobody may read; the hash is etcd's.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { LogIndex, MemberId, Revision, Term } from "../../src/base/ids.ts";
import type { Clock } from "../../src/env/clock.ts";
import type { Backend } from "../../src/etcd/backend/backend.ts";
import { openLmdbBackend } from "../../src/etcd/backend/lmdb.ts";
import { openMemoryBackend } from "../../src/etcd/backend/memory.ts";
import { WriteBuffer } from "../../src/etcd/backend/write-buffer.ts";
import { ETCD_ERRORS, isEtcdError } from "../../src/etcd/errors.ts";
import type { LogBase, StoredKeyValue } from "../../src/etcd/model.ts";
import { keyName } from "../../src/etcd/mvcc/key.ts";
import { MvccStore } from "../../src/etcd/mvcc/store.ts";
import { MemoryDisk } from "../support/disk.ts";
import fc from "../support/fast-check.ts";
import { encoded, nameOf, StoreTwin, type TwinChange } from "./twin.ts";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

interface Place {
  open(): Promise<Backend>;
  /** Loses what a power cut would, where that can be told: false elsewhere. */
  crash(keeps: () => boolean): boolean;
}

const PLACES: readonly { readonly name: string; readonly runs: number; readonly make: () => Place }[] = [
  {
    name: "memory",
    runs: 200,
    make: () => {
      let disk = new MemoryDisk();
      return {
        open: () => openMemoryBackend(disk, "db"),
        crash: (keeps) => {
          disk = disk.crash(keeps);
          return true;
        },
      };
    },
  },
  {
    name: "LMDB",
    runs: 25,
    make: () => {
      const folder = mkdtempSync(join(tmpdir(), "faultline-mvcc-"));
      folders.push(folder);
      return { open: () => openLmdbBackend(join(folder, "db")), crash: () => false };
    },
  },
];

const key = fc.constantFrom("a", "a\0", "b", "ba", "c");
const step = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      keys: fc.array(fc.tuple(key, fc.nat(3)), { maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("compact" as const), back: fc.integer({ min: -1, max: 12 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("remove" as const),
      limits: fc.record({ keys: fc.integer({ min: 1, max: 3 }), changes: fc.integer({ min: 1, max: 4 }) }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("hash" as const), back: fc.integer({ min: -1, max: 9 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom("commit" as const, "pin" as const, "turn" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("restart" as const), keeps: fc.array(fc.boolean(), { maxLength: 20 }) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer Each> ? Each : never;

for (const { name, runs, make } of PLACES) {
  test(`${name}: whatever is written, compacted, removed and lost, the store holds what its twin does`, async () => {
    const steps = fc.array(step, { minLength: 1, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const life = await Life.begin(make());
        for (const each of all) {
          await life.take(each);
          life.check();
        }
        await life.end();
      }),
      { numRuns: runs },
    );
  });
}

/** One store through its restarts, beside its twin. */
class Life {
  readonly #place: Place;
  readonly #store: MvccStore;
  #buffer: WriteBuffer;
  #twin = new StoreTwin();
  /** By index of the entry that led there. */
  #twins: readonly StoreTwin[] = [this.#twin];
  #unpin: (() => void) | null = null;
  #restarts = 0;
  readonly #hashes: Promise<void>[] = [];

  constructor(place: Place, backend: Backend) {
    this.#place = place;
    this.#buffer = bufferAbove(backend);
    this.#store = new MvccStore(this.#buffer);
  }

  static async begin(place: Place): Promise<Life> {
    return new Life(place, await place.open());
  }

  async take(each: Step): Promise<void> {
    switch (each.kind) {
      case "write":
        this.#write(each.keys);
        return this.#applied();
      case "compact":
        this.#compact(this.#twin.revision - each.back);
        return this.#applied();
      case "remove":
        this.#store.compactStep(each.limits);
        return;
      case "hash":
        this.#hashes.push(this.#hash(Math.max(0, this.#twin.revision - each.back)));
        return;
      case "commit":
        return this.#buffer.commit();
      case "pin":
        this.#unpin?.();
        this.#unpin = this.#unpin === null ? this.#store.pin() : null;
        return;
      case "turn":
        return turn();
      default:
        return this.#restart(each.keeps);
    }
  }

  check(): void {
    const [store, twin] = [this.#store, this.#twin];
    assert.deepEqual([store.revision, store.compactedRevision], [twin.revision, twin.compacted]);
    for (let at = Math.max(1, twin.compacted); at <= twin.revision; at++) {
      const expected = twin.range("", null, at).map(plainTwin);
      assert.deepEqual(store.range({ from: "", to: null }, { at: at as Revision, limit: 0 }).kvs.map(plain), expected);
      for (const name of ["a", "b", "c"]) {
        const held = twin.get(name, at);
        assert.deepEqual(plain(store.get(Buffer.from(name), at as Revision)), held && plainTwin(held));
      }
    }
    const from = Math.max(2, twin.compacted);
    for (const limit of [1, 3, 1000])
      assert.deepEqual(this.#history(from, limit), twin.historyFrom(from).map(plainTwin));
  }

  /** Removes all there is to remove; then nothing is left that need not be. */
  async end(): Promise<void> {
    this.#unpin?.();
    await Promise.all(this.#hashes);
    while (this.#store.compactStep()) await turn();
    const left = this.#buffer.range("key", {}).map(({ key, value }) => [hexOf(key), hexOf(value)]);
    assert.deepEqual(
      left,
      this.#twin.kept().map((change) => [hexOf(nameOf(change)), hexOf(encoded(change))]),
    );
    let isRemoved = false;
    this.#store.whenCompacted(this.#twin.compacted, () => (isRemoved = true));
    assert.ok(isRemoved, "and whoever waits for it is told");
    await this.#restart([]);
    this.check();
    assert.equal(this.#store.compactStep(), false, "and it stays removed");
    await this.#buffer.close();
  }

  #write(keys: readonly (readonly [string, number])[]): void {
    let twin = this.#twin;
    let sub = 0;
    for (const [name, value] of keys) {
      if (value === 0) {
        const isThere = twin.get(name, Number.POSITIVE_INFINITY) !== null;
        this.#store.deleteRange({ from: name, to: `${name}\0` });
        if (isThere) twin = twin.remove(sub++, name);
      } else {
        this.#store.put(Buffer.from(name), Buffer.from("x".repeat(value)), BigInt(value));
        twin = twin.put(sub++, name, "x".repeat(value), value);
      }
    }
    this.#store.commit();
    this.#twin = sub === 0 ? twin : twin.commit();
  }

  #compact(revision: number): void {
    const result = this.#twin.compact(revision);
    const expected = result === "compacted" ? ETCD_ERRORS.compacted : ETCD_ERRORS.futureRevision;
    assert.equal(this.#store.compact(revision), result instanceof StoreTwin ? null : expected);
    if (result instanceof StoreTwin) this.#twin = result;
  }

  #applied(): void {
    this.#twins = [...this.#twins, this.#twin];
    this.#buffer.applied(baseOf(this.#twins.length - 1));
  }

  /** Answers for the moment it is asked, whatever is written and compacted while it runs; unless a restart took that moment away. */
  async #hash(revision: number): Promise<void> {
    const [twin, restarts] = [this.#twin, this.#restarts];
    const result = await this.#store.hashByRevision(revision, turn);
    if (restarts !== this.#restarts) return;
    if (isEtcdError(result)) {
      const isCompacted = revision > 0 && revision < twin.compacted;
      assert.equal(result, isCompacted ? ETCD_ERRORS.compacted : ETCD_ERRORS.futureRevision);
      assert.ok(isCompacted || revision > twin.revision);
      return;
    }
    const { hash, compactedRevision, hashRevision } = result;
    const expected = revision === 0 ? twin.revision : revision;
    assert.deepEqual([compactedRevision, hashRevision], [twin.compacted, expected]);
    assert.equal(hash, twin.hash(hashRevision));
  }

  async #restart(keeps: readonly boolean[]): Promise<void> {
    let at = 0;
    this.#store.detach();
    this.#restarts++;
    const isCrash = keeps.length > 0 && this.#place.crash(() => keeps[at++ % keeps.length] as boolean);
    if (!isCrash) await this.#buffer.close();
    this.#buffer = bufferAbove(await this.#place.open());
    this.#twin = this.#twins[this.#buffer.appliedIndex] as StoreTwin;
    this.#twins = this.#twins.slice(0, this.#buffer.appliedIndex + 1);
    const leases: unknown[] = [];
    await this.#store.load(this.#buffer, { pause: turn, changed: (key, lease) => leases.push([keyName(key), lease]) });
    const newest = new Map(this.#twin.changes.map(({ key, lease }) => [key, BigInt(lease)]));
    for (const [name, lease] of new Map(leases as [string, bigint][])) assert.equal(lease, newest.get(name));
  }

  #history(from: number, limit: number): readonly unknown[] {
    const all: unknown[] = [];
    let next = from as Revision;
    while (next <= this.#store.revision) {
      const span = this.#store.changesFrom(next, { changes: limit, bytes: 1000 });
      assert.ok(span.next > next);
      all.push(...span.changes.map(plain));
      next = span.next;
    }
    return all;
  }
}

function plain(kv: StoredKeyValue | null): unknown {
  if (kv === null) return null;
  const { key, value, createRevision, modRevision, version, lease } = kv;
  return [keyName(key), keyName(value), createRevision, modRevision, version, Number(lease)];
}

function plainTwin({ key, value, created, main, version, lease }: TwinChange): unknown {
  return [key, value, created, main, version, lease];
}

function bufferAbove(backend: Backend): WriteBuffer {
  const clock: Clock = { monotonicMs: () => 0, wallMs: () => 0, after: () => ({ cancel: () => {} }) };
  return new WriteBuffer({ backend, clock, maxOperations: 40, failed: (error) => assert.fail(error) });
}

function baseOf(index: number): LogBase {
  const configuration = { voters: [1n] as MemberId[], learners: [] };
  return { index: index as LogIndex, term: 1 as Term, configuration };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
