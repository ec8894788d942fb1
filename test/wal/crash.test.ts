/**
 * One recorded life of a member's storage, cut everywhere: log, store and snapshot files through votes, group commits, overwritten
 * entries, compaction, a snapshot made and one received. Whatever a crash leaves, the restart has everything that was acknowledged
 * and nothing that was not proposed.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Clock } from "../../src/env/clock.ts";
import { openMemoryBackend } from "../../src/etcd/backend/memory.ts";
import type { Configuration, Entry, HardState, LogBase } from "../../src/etcd/model.ts";
import { openStorage, type Storage } from "../../src/etcd/storage.ts";
import type { WalBatch } from "../../src/etcd/wal/record.ts";
import { MemoryDisk, type PendingWrite } from "../support/disk.ts";
import fc from "../support/fast-check.ts";

const IDENTITY = { cluster: 0xc1n as ClusterId, member: 0xa1n as MemberId };
const CONFIGURATION: Configuration = { voters: [1n, 2n, 3n] as MemberId[], learners: [] };
const NO_CLOCK: Clock = { monotonicMs: () => 0, wallMs: () => 0, after: () => ({ cancel: () => {} }) };
const KEYS = 5;

/** What the log says after so many appends; `all` are the entries from index 1 on, those that it no longer has among them. */
interface Log {
  readonly base: LogBase | null;
  readonly hardState: HardState;
  readonly all: readonly Entry[];
}

/** What was promised at a moment: the log is one of `logs[acknowledged]` to the last, the store no older than `durable`. */
interface Promised {
  readonly logs: readonly Log[];
  readonly acknowledged: number;
  readonly durable: number;
  readonly applied: number;
}

const EMPTY: Log = { base: null, hardState: { ...hardStateOf(0, 0), vote: 0n as MemberId }, all: [] };

test("cut after every single step, and at every byte of what the log and the store write, a restart keeps every promise", async () => {
  const disk = new MemoryDisk();
  const life = new Life(disk);
  let steps = 0;
  let restarts = 0;
  disk.before = async (_, name, write) => {
    steps++;
    const promised = life.promised();
    const images = [disk.crash(() => true), disk.crash(() => false)];
    if (write !== null && (name.includes("wal") || name === "snap/db")) images.push(...cutWrites(disk, name, write));
    for (const image of images) await checkRestart(image, promised, restarts++ % 10 === 0 ? () => false : null);
  };
  await life.run();
  disk.before = () => {};
  await checkRestart(
    disk.crash(() => false),
    life.promised(),
    () => false,
  );
  assert.ok(steps > 80 && restarts > 1000, `${steps} steps, ${restarts} restarts`);
  assert.ok(
    disk.calls.some((call) => call.includes(".received snap/db")),
    "a snapshot was installed",
  );
  assert.ok(
    disk.calls.some((call) => /^remove wal/.test(call)),
    "segments were removed",
  );
});

test("with any subset of the unsynced sectors and names, and a second crash during the restart, promises are kept", async () => {
  const whole = new MemoryDisk();
  await new Life(whole).run();
  const steps = whole.calls.length;
  const kept = fc.infiniteStream(fc.boolean());
  await fc.assert(
    fc.asyncProperty(fc.nat(steps), fc.nat(25), kept, async (stop, secondStop, keeps) => {
      const disk = new MemoryDisk();
      const life = new Life(disk);
      await until(disk, stop, () => life.run());
      const promised = life.promised();
      const crashed = disk.crash(() => keeps.next().value);
      await until(crashed, secondStop, () => open(crashed));
      await checkRestart(
        crashed.crash(() => keeps.next().value),
        promised,
        () => keeps.next().value,
      );
    }),
    { numRuns: 300 },
  );
});

test("what a killed process left unsynced is durable before anything is built on it: then power may go", async () => {
  const whole = new MemoryDisk();
  await new Life(whole).run();
  for (let stop = 0; stop <= whole.calls.length; stop++) {
    const disk = new MemoryDisk();
    const life = new Life(disk);
    await until(disk, stop, () => life.run());
    disk.before = () => {};
    const promised = life.promised();
    await compact(await open(disk));
    const again = await open(disk.crash(() => false));
    assert.ok(again.buffer.appliedIndex >= promised.durable, `${stop}: the store went back`);
  }
});

test("a disk that is full, or fails a sync, acknowledges nothing more, and a restart keeps every promise", async () => {
  const whole = new MemoryDisk();
  await new Life(whole).run();
  for (const failing of ["write", "sync"] as const) {
    const count = whole.calls.filter((call) => call.startsWith(failing)).length;
    for (let stop = 0; stop < count; stop++) {
      const disk = new MemoryDisk();
      const life = new Life(disk);
      let left = stop;
      let failed = 0;
      disk.before = (call) => {
        if (call !== failing || left-- > 0) return;
        failed++;
        throw new Error(`${failing} fails`);
      };
      const end = await life.run().then(
        () => null,
        (error: Error) => error.message,
      );
      // The store's flushes fall together now and then: the last few may not have come.
      assert.equal(end, failed === 0 ? null : `${failing} fails`);
      disk.before = () => {};
      await checkRestart(
        disk.crash(() => true),
        life.promised(),
        () => false,
      );
    }
  }
});

test("a received snapshot that the log records and that is damaged is refused with its name", async () => {
  const disk = new MemoryDisk();
  const life = new Life(disk);
  let received = "";
  disk.before = (call, name) => {
    if (call !== "rename" || !name.includes(".received")) return;
    received = name.split(" ")[0] as string;
    return new Promise(() => {});
  };
  void life.run();
  while (received === "") await turn();
  const image = disk.crash(() => false);
  const bytes = image.contents(received);
  image.put(
    received,
    bytes.map((byte, at) => (at === 9 ? byte ^ 1 : byte)),
  );
  await assert.rejects(open(image), /^WalError: snap\/[0-9a-f-]+\.received: damaged: its checksum/);
  image.put(received, bytes.subarray(1));
  await assert.rejects(open(image), /^WalError: snap\/[0-9a-f-]+\.received: damaged: \d+ bytes of \d+/);
});

test("a store that lacks what the log begins behind is refused", async () => {
  const disk = new MemoryDisk();
  await new Life(disk).run();
  await disk.remove("snap/db");
  await assert.rejects(
    open(disk),
    /^WalError: snap\/db: the store has entries up to 0 only, and the log begins behind \d+/,
  );
});

test("a log that lost the last entry of those the store has is refused, though it only seems torn", async () => {
  const disk = new MemoryDisk();
  const storage = await open(disk);
  for (const entry of [entryOf(1, 1), entryOf(1, 2)]) {
    const batch = { hardState: hardStateOf(1, entry.index), entries: [entry] };
    await new Promise((synced) => storage.append(batch, synced));
    storage.buffer.applied(baseOf(entry));
  }
  await storage.close();
  const segment = `wal/${[...(await disk.list("wal"))].sort().at(-1)}`;
  const lastBatch = disk.calls.findLast((call) => call.startsWith(`write ${segment}`)) as string;
  const at = Number(/ at (\d+) /.exec(lastBatch)?.[1]);
  disk.put(segment, disk.contents(segment).subarray(0, at + 20));
  await assert.rejects(
    open(disk),
    /^WalError: wal: the end of the log is lost: its last entry is 1, and snap\/db has entries up to 2/,
  );
});

/** The recorded workload, and its books. */
class Life {
  readonly #disk: MemoryDisk;
  #logs: Log[] = [EMPTY];
  #acknowledged = 0;
  #storage: Storage | null = null;
  #failure: Error | null = null;

  constructor(disk: MemoryDisk) {
    this.#disk = disk;
  }

  promised(): Promised {
    return {
      logs: [...this.#logs],
      acknowledged: this.#acknowledged,
      durable: this.#storage?.buffer.durableBase?.index ?? 0,
      applied: this.#storage?.buffer.appliedIndex ?? 0,
    };
  }

  /** Rejects with what the disk's failure came to. */
  async run(): Promise<void> {
    this.#storage = await open(this.#disk, (error) => {
      this.#failure = error;
    });
    const storage = this.#storage;
    await this.#append({ hardState: hardStateOf(1, 0), entries: [] });
    await this.#append(this.#entries(1, 3));
    await Promise.all([2, 2, 1].map((count) => this.#append(this.#entries(2, count))));
    await this.#apply(5);
    // A new leader overwrites what was not committed.
    await this.#append({ ...this.#entries(3, 2, 6), hardState: hardStateOf(3, 5) });
    await this.#apply(7);
    await this.#compact();
    await storage.makeSnapshot();
    await this.#append(this.#entries(3, 3));
    await this.#apply(8);
    await storage.makeSnapshot();
    await this.#receive(18);
    await this.#append(this.#entries(4, 2));
    await this.#apply(20);
    await this.#compact();
    await this.#append(this.#entries(4, 1));
    await storage.close();
    this.#check();
  }

  get #log(): Log {
    return this.#logs.at(-1) as Log;
  }

  #append(batch: WalBatch, received: readonly Entry[] = []): Promise<void> {
    const { all, base, hardState } = this.#log;
    const first = batch.entries[0]?.index ?? Number.POSITIVE_INFINITY;
    this.#logs.push({
      base: batch.snapshot?.base ?? base,
      hardState: batch.hardState ?? hardState,
      all: received.length > 0 ? received : [...all.filter(({ index }) => index < first), ...batch.entries],
    });
    const number = this.#logs.length - 1;
    return new Promise((resolve, reject) => {
      (this.#storage as Storage).wal.append(batch, (error) => {
        if (error !== null) return reject(error);
        this.#acknowledged = number;
        resolve();
      });
    });
  }

  #entries(term: number, count: number, first: number = this.#log.all.length + 1): WalBatch {
    const entries = Array.from({ length: count }, (_, at) => entryOf(term, first + at));
    return { hardState: null, entries };
  }

  async #apply(upTo: number): Promise<void> {
    const { buffer } = this.#storage as Storage;
    for (let index = buffer.appliedIndex + 1; index <= upTo; index++) {
      const entry = this.#log.all[index - 1] as Entry;
      buffer.put("key", keyOf(entry), entry.data);
      buffer.applied(baseOf(entry));
      if (index % 2 === 0) await buffer.commit();
    }
    await buffer.flush();
    this.#check();
    assert.equal(buffer.durableBase?.index, upTo);
  }

  async #compact(): Promise<void> {
    const storage = this.#storage as Storage;
    const base = storage.buffer.durableBase as LogBase;
    this.#logs.push({ ...this.#log, base });
    const number = this.#logs.length - 1;
    await new Promise<void>((resolve, reject) => {
      const begun = storage.compact(null, (error) => {
        if (error !== null) return reject(error);
        this.#acknowledged = number;
        resolve();
      });
      assert.deepEqual(begun, base);
    });
  }

  /** The leader's state at `index`, of a later term. */
  async #receive(index: number): Promise<void> {
    const storage = this.#storage as Storage;
    const all = Array.from({ length: index }, (_, at) => this.#log.all[at] ?? entryOf(4, at + 1));
    const base = baseOf(all.at(-1) as Entry);
    const image = await leadersImage(all);
    const broken = await storage.receiveSnapshot(base);
    await broken.write(image.subarray(0, 40));
    await broken.discard();
    const receiving = await storage.receiveSnapshot(base);
    for (let at = 0; at < image.length; at += 100) await receiving.write(image.subarray(at, at + 100));
    const snapshot = await receiving.finish();
    await this.#append({ snapshot, hardState: hardStateOf(4, index), entries: [] }, all);
    await storage.install(snapshot);
    this.#check();
  }

  #check(): void {
    if (this.#failure !== null) throw this.#failure;
  }
}

function open(disk: MemoryDisk, failed: (error: Error) => void = (error) => assert.fail(error)): Promise<Storage> {
  return openStorage({
    disk,
    identity: IDENTITY,
    founding: null,
    clock: NO_CLOCK,
    openBackend: (name) => openMemoryBackend(disk, name),
    failed,
    segmentMaxBytes: 300,
    preallocateBytes: 150,
  });
}

/** `powerCut`: the restarted member goes on, cuts its log, and loses power: what is then kept of the unsynced. */
async function checkRestart(disk: MemoryDisk, promised: Promised, powerCut: (() => boolean) | null): Promise<void> {
  const storage = await open(disk);
  const { logs, acknowledged, durable, applied } = promised;
  const log = logs.slice(acknowledged).find((each) => isSame(storage, each));
  if (log === undefined) assert.deepEqual(found(storage), logs.slice(acknowledged).map(expected));
  const index = storage.buffer.appliedIndex;
  const highest = Math.max(applied, log?.base?.index ?? 0);
  assert.ok(index >= durable && index <= highest, `the store is at ${index}, not from ${durable} to ${highest}`);
  assert.deepEqual(contents(storage), contentsOf((log as Log).all.slice(0, index)));
  if (powerCut === null) return;
  const entry = entryOf(99, (log as Log).all.length + 1);
  await new Promise<void>((resolve, reject) => {
    const batch = { hardState: null, entries: [entry] };
    storage.wal.append(batch, (error) => (error === null ? resolve() : reject(error)));
  });
  for (const each of [...storage.entries, entry]) {
    if (each.index <= storage.buffer.appliedIndex) continue;
    storage.buffer.put("key", keyOf(each), each.data);
    storage.buffer.applied(baseOf(each));
  }
  await storage.buffer.flush();
  await compact(storage);
  const again = await open(disk.crash(powerCut));
  assert.deepEqual(contents(again), contentsOf([...(log as Log).all, entry]));
  assert.deepEqual([again.base, again.entries], [baseOf(entry), []]);
  await storage.close();
}

/** Lets the log begin behind what the store holds durably, if that is more than it did. */
function compact(storage: Storage): Promise<unknown> {
  return new Promise<void>((resolve, reject) => {
    const begun = storage.compact(storage.base, (error) => (error === null ? resolve() : reject(error)));
    if (begun === null) resolve();
  });
}

function isSame(storage: Storage, log: Log): boolean {
  try {
    assert.deepEqual(found(storage), expected(log));
    return true;
  } catch {
    return false;
  }
}

function found({ base, hardState, entries }: Storage): unknown {
  return [base, hardState, entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) }))];
}

function expected({ base, hardState, all }: Log): unknown {
  const commit = Math.max(hardState.commit, base?.index ?? 0);
  return [base, { ...hardState, commit }, all.slice(base?.index ?? 0)];
}

function contents(storage: Storage): readonly string[] {
  return [...storage.buffer.range("key", {})].map(({ key, value }) => `${key[0]} ${Buffer.from(value)}`);
}

function contentsOf(entries: readonly Entry[]): readonly string[] {
  const values = new Map(entries.map((entry) => [keyOf(entry)[0] as number, entry.data]));
  return [...values].sort(([a], [b]) => a - b).map(([key, value]) => `${key} ${Buffer.from(value)}`);
}

async function leadersImage(entries: readonly Entry[]): Promise<Uint8Array> {
  const disk = new MemoryDisk();
  const backend = await openMemoryBackend(disk, "db");
  const changes = entries.map((entry) => ({ bucket: "key" as const, key: keyOf(entry), value: entry.data }));
  await backend.commit(changes, baseOf(entries.at(-1) as Entry)).durable;
  return disk.contents("db");
}

/** Images of the write cut at each byte, zeros or the file's end behind, in turn. */
function cutWrites(disk: MemoryDisk, name: string, { offset, bytes }: PendingWrite): MemoryDisk[] {
  if (bytes.every((byte) => byte === 0)) return [];
  // A segment's handle was opened before the segment had its name.
  const path = disk.names().includes(name) ? name : (disk.names().findLast((each) => each.endsWith(".wal")) as string);
  const before = disk.contents(path);
  return Array.from(bytes, (_, cut) => {
    const image = disk.crash(() => true);
    const written = Buffer.alloc(Math.max(before.length, offset + cut + (cut % 2 === 0 ? 0 : bytes.length)));
    written.set(before);
    written.set(bytes.subarray(0, cut), offset);
    image.put(path, written);
    return image;
  });
}

/** Runs until it is over, fails, or is stopped for ever before the call numbered `stop`. */
async function until(disk: MemoryDisk, stop: number, run: () => Promise<unknown>): Promise<void> {
  let left = stop;
  await new Promise<void>((resolve, reject) => {
    disk.before = () => {
      if (left-- > 0) return;
      resolve();
      return new Promise(() => {});
    };
    run().then(() => resolve(), reject);
  });
}

function keyOf({ index }: Entry): Uint8Array {
  return Uint8Array.of(index % KEYS);
}

function entryOf(term: number, index: number): Entry {
  const data = Uint8Array.from(Buffer.from(`${term}/${index} `.repeat(1 + ((index * 7) % 5))));
  return { term: term as Term, index: index as LogIndex, kind: "normal", data };
}

function baseOf({ index, term }: Entry): LogBase {
  return { index, term, configuration: CONFIGURATION };
}

function hardStateOf(term: number, commit: number): HardState {
  return { term: term as Term, vote: 2n as MemberId, commit: commit as LogIndex };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
