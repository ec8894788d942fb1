/** The log comes back as it was promised: after restarts, torn writes, flipped bits and failing disks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Entry, HardState, Identity } from "../../src/etcd/model.ts";
import { batchBytes, encodeBatch, type WalBatch } from "../../src/etcd/wal/record.ts";
import { WalError } from "../../src/etcd/wal/segment.ts";
import { type OpenedWal, openWal, type Wal } from "../../src/etcd/wal/wal.ts";
import { MemoryDisk } from "../support/disk.ts";

const IDENTITY: Identity = { cluster: 0xc1n as ClusterId, member: 0xffff_ffff_ffff_fff1n as MemberId };

/** What a log says: compared as a whole. */
interface Log {
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

const EMPTY: Log = { hardState: hardStateOf(0, 0n, 0), entries: [] };

/** `index` counts back from one past the end of the log it meets. */
interface Draft {
  readonly overwrites: number;
  readonly data: readonly Uint8Array[];
  readonly vote: bigint | null;
}

const draft: fc.Arbitrary<Draft> = fc
  .record({
    overwrites: fc.constantFrom(0, 0, 0, 1, 2),
    data: fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
    vote: fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })),
  })
  .filter(({ data, vote }) => data.length > 0 || vote !== null);
const drafts = (maxLength: number): fc.Arbitrary<Draft[]> => fc.array(draft, { minLength: 1, maxLength, size: "max" });

test("what was appended comes back in order through any number of restarts and segments", async () => {
  await fc.assert(
    fc.asyncProperty(drafts(25), fc.nat(400), fc.nat(5), async (all, segmentMaxBytes, restartEvery) => {
      const disk = new MemoryDisk();
      let opened = await open(disk, segmentMaxBytes);
      let log = EMPTY;
      for (const [index, each] of all.entries()) {
        const batch = batchOf(log, each, index + 1);
        await append(opened.wal, batch);
        log = after(log, batch);
        if (restartEvery > 0 && index % restartEvery === 0) {
          await opened.wal.close();
          opened = await open(disk, segmentMaxBytes);
          assert.deepEqual(logOf(opened), log);
          assert.ok(opened.existed && opened.repaired === null);
        }
      }
      await opened.wal.close();
      assert.deepEqual(logOf(await open(disk, segmentMaxBytes)), log);
    }),
    { numRuns: 200 },
  );
});

test("a last batch cut at any byte is dropped whole, and the log goes on behind the one before", async () => {
  const { disk, logs, wal } = await written([drafted("one"), drafted("two", 7n), drafted("three", 8n)]);
  await wal.close();
  const [name = ""] = disk.names();
  const whole = disk.contents(name);
  const lastBytes = batchBytes(batchOf(logs[2] as Log, drafted("three", 8n), 3));
  for (let cut = 1; cut <= lastBytes; cut++) {
    const torn = new MemoryDisk();
    torn.put(name, whole.subarray(0, whole.length - cut));
    const opened = await open(torn);
    assert.deepEqual(logOf(opened), logs[2]);
    const droppedBytes = lastBytes - cut;
    const repaired = { file: name, offset: whole.length - lastBytes, droppedBytes };
    assert.deepEqual(opened.repaired, droppedBytes === 0 ? null : repaired);
    const batch = batchOf(logs[2] as Log, drafted("again"), 9);
    await append(opened.wal, batch);
    assert.deepEqual(logOf(await open(torn)), after(logs[2] as Log, batch));
  }
});

test("a power cut during a write keeps every acknowledged batch, and of the last one all or nothing", async () => {
  await fc.assert(
    fc.asyncProperty(drafts(8), draft, fc.nat(600), fc.infiniteStream(fc.boolean()), async (all, last, size, keeps) => {
      const { disk, logs, wal } = await written(all, size);
      const stalled = new Promise<void>((resolve) => {
        disk.before = (call) => (call === "sync" ? stall(resolve) : undefined);
      });
      const before = logs.at(-1) as Log;
      const batch = batchOf(before, { ...last, data: [...last.data, new Uint8Array(2000).fill(7)] }, all.length + 1);
      wal.append(batch, () => assert.fail("never durable"));
      await stalled;
      const crashed = disk.crash(() => keeps.next().value);
      const opened = await open(crashed, size);
      const found = logOf(opened);
      if (!same(found, before)) assert.deepEqual(found, after(before, batch));
      await append(opened.wal, batchOf(found, last, 99));
      assert.deepEqual(logOf(await open(crashed, size)), after(found, batchOf(found, last, 99)));
    }),
    { numRuns: 300 },
  );
});

test("after any flipped bit the log is refused, or is what it once was: never anything that was not written", async () => {
  let refused = 0;
  await fc.assert(
    fc.asyncProperty(drafts(8), fc.nat(300), fc.nat(), fc.nat(7), async (all, size, place, bit) => {
      const { disk, logs, wal } = await written(all, size);
      await wal.close();
      const files = disk.names().map((name) => ({ name, bytes: disk.contents(name).slice() }));
      let at = place % files.reduce((sum, { bytes }) => sum + bytes.length, 0);
      for (const { name, bytes } of files) {
        if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << bit);
        at -= bytes.length;
        disk.put(name, bytes);
      }
      try {
        const found = logOf(await open(disk, size));
        assert.ok(logs.some((log) => same(log, found)));
        // A flip in the last batch or before the first cannot be told from a torn write; any other is found.
        assert.ok(logs.slice(-2).some((log) => same(log, found)));
      } catch (error) {
        assert.ok(error instanceof WalError, String(error));
        assert.match(error.message, /wal\/[0-9a-f-]+\.wal: corrupt at offset \d+/);
        refused++;
      }
    }),
    { numRuns: 1000 },
  );
  assert.ok(refused > 100, `only ${refused} refused`);
});

test("a client's value that imitates a later batch does not turn a torn end into corruption", async () => {
  const { disk, logs, wal } = await written([drafted("one")]);
  const [name = ""] = disk.names();
  const offset = disk.contents(name).length;
  const place = { sequence: 1, offset: offset + 47, number: 3, chain: 0 };
  const imitation = encodeBatch({ hardState: hardStateOf(1, 1n, 0), entries: [] }, place).bytes;
  await append(wal, { hardState: null, entries: [entryOf(2, 2, Buffer.concat([imitation, Buffer.alloc(600)]))] });
  const torn = new MemoryDisk();
  torn.put(name, disk.contents(name).subarray(0, -100));
  assert.deepEqual(logOf(await open(torn)), logs[1]);
});

test("one write and one sync are in flight at most, and what arrives meanwhile becomes one batch", async () => {
  const disk = new MemoryDisk();
  const { wal } = await open(disk);
  disk.calls.length = 0;
  const finished: string[] = [];
  let release = (): void => {};
  disk.before = (call) => (call === "sync" ? new Promise((resolve) => (release = resolve)) : undefined);
  wal.append({ hardState: null, entries: [entryOf(1, 1)] }, () => finished.push("first"));
  assert.equal(finished.length, 0, "nothing finishes inside append");
  await until(() => disk.calls.length === 2);
  for (const [index, name] of ["second", "third", "fourth"].entries()) {
    wal.append({ hardState: null, entries: [entryOf(1, index + 2)] }, () => finished.push(name));
  }
  assert.deepEqual([disk.calls.length, finished], [2, []]);
  release();
  await until(() => disk.calls.length === 4);
  assert.deepEqual(finished, ["first"]);
  disk.before = () => {};
  release();
  await until(() => finished.length === 4);
  assert.deepEqual(finished, ["first", "second", "third", "fourth"]);
  assert.deepEqual(
    disk.calls.map((call) => call.split(" ")[0]),
    ["write", "sync", "write", "sync"],
  );
});

for (const failing of ["write", "sync"] as const) {
  test(`after a failed ${failing} every waiting and later append ends with its error, and nothing more is written`, async () => {
    const { disk, logs, wal } = await written([drafted("kept")]);
    const error = new Error(`EIO: ${failing}`);
    disk.before = (call) => {
      if (call === failing) throw error;
    };
    const ended: unknown[] = [];
    for (const index of [2, 3])
      wal.append({ hardState: null, entries: [entryOf(1, index)] }, (each) => ended.push(each));
    await until(() => ended.length === 2);
    disk.before = () => {};
    const calls = disk.calls.length;
    wal.append({ hardState: hardStateOf(2, 1n, 0), entries: [] }, (each) => ended.push(each));
    await until(() => ended.length === 3);
    assert.deepEqual(ended, [error, error, error]);
    assert.equal(wal.error, error);
    assert.equal(disk.calls.length, calls);
    assert.deepEqual(logOf(await open(disk.crash(() => false))), logs[1]);
  });
}

test("a break with a later batch behind it is refused, with file and offset", async () => {
  const { disk, wal } = await written([drafted("one"), drafted("two"), drafted("three")]);
  await wal.close();
  const [name = ""] = disk.names();
  const bytes = disk.contents(name).slice();
  bytes[60] = 0xff;
  disk.put(name, bytes);
  await assert.rejects(
    open(disk),
    /^WalError: wal\/0{15}1-0{15}1\.wal: corrupt at offset 46 .*a later batch follows at/,
  );
});

test("a break or a gap before the last segment is refused", async () => {
  const { disk, wal } = await written([drafted("one"), drafted("two"), drafted("three")], 60);
  await wal.close();
  const names = disk.names();
  assert.deepEqual(
    names,
    [1, 2, 3].map((n) => `wal/${`${n}`.padStart(16, "0")}-${`${n}`.padStart(16, "0")}.wal`),
  );
  const second = names[1] as string;
  const bytes = disk.contents(second);
  disk.put(second, bytes.subarray(0, -1));
  await assert.rejects(open(disk), /0002\.wal: corrupt at offset .*a later segment exists/);
  await disk.remove(second);
  await assert.rejects(open(disk), /segment 2 of the log is missing/);
});

test("another member's log is refused", async () => {
  const { disk, wal } = await written([drafted("one")]);
  await wal.close();
  const identity = { ...IDENTITY, member: 5n as MemberId };
  await assert.rejects(
    openWal({ disk, identity }),
    /belongs to member fffffffffffffff1 of cluster c1, not to member 5/,
  );
});

test("a log torn before its first batch begins anew", async () => {
  const { disk, wal } = await written([]);
  await wal.close();
  const [name = ""] = disk.names();
  for (let size = 0; size < disk.contents(name).length; size++) {
    const torn = new MemoryDisk();
    torn.put(name, disk.contents(name).subarray(0, size));
    const opened = await open(torn);
    assert.equal(opened.existed, false);
    await append(opened.wal, { hardState: null, entries: [entryOf(1, 1)] });
    assert.equal((await open(torn)).entries.length, 1);
  }
});

test("what a killed process wrote but never synced is made durable before it is replayed", async () => {
  const { disk, wal } = await written([]);
  disk.calls.length = 0;
  disk.before = (call) => (call === "sync" ? new Promise<void>(() => {}) : undefined);
  wal.append({ hardState: null, entries: [entryOf(1, 1)] }, () => {});
  await until(() => disk.calls.length === 2);
  disk.before = () => {};
  assert.equal((await open(disk)).entries.length, 1);
  assert.equal((await open(disk.crash(() => false))).entries.length, 1);
});

function open(disk: MemoryDisk, segmentMaxBytes = 1 << 20): Promise<OpenedWal> {
  return openWal({ disk, identity: IDENTITY, segmentMaxBytes });
}

/** A new log with these batches; logs[n]: what it says after n of them. */
async function written(
  all: readonly Draft[],
  segmentMaxBytes?: number,
): Promise<{ disk: MemoryDisk; logs: Log[]; wal: Wal }> {
  const disk = new MemoryDisk();
  const { wal } = await open(disk, segmentMaxBytes);
  const logs = [EMPTY];
  for (const [index, each] of all.entries()) {
    const batch = batchOf(logs.at(-1) as Log, each, index + 1);
    await append(wal, batch);
    logs.push(after(logs.at(-1) as Log, batch));
  }
  return { disk, logs, wal };
}

function append(wal: Wal, batch: WalBatch): Promise<void> {
  return new Promise((resolve, reject) => {
    wal.append(batch, (error) => (error === null ? resolve() : reject(error)));
  });
}

function logOf({ hardState, entries }: OpenedWal): Log {
  return { hardState, entries: entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) })) };
}

function after(log: Log, { hardState, entries }: WalBatch): Log {
  const first = entries[0];
  const kept = first === undefined ? log.entries : log.entries.slice(0, first.index - 1);
  return { hardState: hardState ?? log.hardState, entries: [...kept, ...entries] };
}

function batchOf(log: Log, { overwrites, data, vote }: Draft, term: number): WalBatch {
  const first = Math.max(log.hardState.commit, log.entries.length - overwrites) + 1;
  const entries = data.map((each, offset) => entryOf(term, first + offset, each));
  return { hardState: vote === null ? null : hardStateOf(term, vote, Math.min(1, log.entries.length)), entries };
}

function drafted(value: string, vote: bigint | null = null): Draft {
  return { overwrites: 0, data: [Uint8Array.from(Buffer.from(value))], vote };
}

function entryOf(term: number, index: number, data: Uint8Array = new Uint8Array(3)): Entry {
  const kind = index % 5 === 0 ? "config" : "normal";
  return { term: term as Term, index: index as LogIndex, kind, data: Uint8Array.from(data) };
}

function hardStateOf(term: number, vote: bigint, commit: number): HardState {
  return { term: term as Term, vote: vote as MemberId, commit: commit as LogIndex };
}

function same(a: Log, b: Log): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

function stall(reached: () => void): Promise<void> {
  reached();
  return new Promise(() => {});
}

/** Turns of the event loop until it holds; a test that never gets there times out with the runner. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
