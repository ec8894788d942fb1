/** The log comes back as it was promised: after restarts, torn writes, flipped bits and failing disks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Entry, HardState, Identity } from "../../src/etcd/model.ts";
import { encodeBatch, type WalBatch } from "../../src/etcd/wal/record.ts";
import { type OpenedWal, openWal, type Wal } from "../../src/etcd/wal/wal.ts";
import { MemoryDisk } from "../support/disk.ts";
import fc from "../support/fast-check.ts";

const IDENTITY: Identity = { cluster: 0xc1n as ClusterId, member: 0xffff_ffff_ffff_fff1n as MemberId };

const HEAD_BYTES = 54;
const BATCH_START_BYTES = 25;
const ENTRY_FIXED_BYTES = 26;
const SEAL = 0xa5;

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
const keeping = fc.infiniteStream(fc.boolean());
/** How much is written ahead of need. */
const ahead = fc.constantFrom(0, 0, 30, 700, 4096);
const drafts = (maxLength: number): fc.Arbitrary<Draft[]> => fc.array(draft, { minLength: 1, maxLength });

test("what was appended comes back in order through any number of restarts and segments", async () => {
  await fc.assert(
    fc.asyncProperty(drafts(25), fc.nat(400), ahead, fc.nat(5), async (all, size, zeros, restartEvery) => {
      const disk = new MemoryDisk();
      let opened = await open(disk, size, zeros);
      let log = EMPTY;
      for (const [index, each] of all.entries()) {
        const batch = batchOf(log, each, index + 1);
        await append(opened.wal, batch);
        log = after(log, batch);
        if (restartEvery > 0 && index % restartEvery === 0) {
          await opened.wal.close();
          opened = await open(disk, size, zeros);
          assert.deepEqual(logOf(opened), log);
          assert.ok(opened.existed && opened.repaired === null);
        }
      }
      await opened.wal.close();
      assert.deepEqual(logOf(await open(disk, size, zeros)), log);
    }),
    { numRuns: 200 },
  );
});

for (const rest of ["the file's end", "zeros"] as const) {
  test(`a last batch cut at any byte, ${rest} behind, is dropped whole or all there, and the log goes on`, async () => {
    const { disk, logs, wal, batchBytes } = await written([drafted("one"), drafted("two", 7n), drafted("three", 8n)]);
    await wal.close();
    const [name = ""] = disk.names();
    const whole = disk.contents(name);
    const start = whole.length - (batchBytes[2] as number);
    const recordsEnd = rest === "zeros" ? tellingEnd(whole) : whole.findLastIndex((byte) => byte !== SEAL) + 1;
    assert.ok(recordsEnd < whole.length);
    for (let cut = start; cut < whole.length; cut++) {
      const torn = new MemoryDisk();
      const kept = whole.subarray(0, cut);
      torn.put(name, rest === "zeros" ? Buffer.concat([kept, new Uint8Array(whole.length - cut + 700)]) : kept);
      const bytes = torn.contents(name).length;
      const opened = await open(torn);
      const log = logs[cut < recordsEnd ? 2 : 3] as Log;
      assert.deepEqual(logOf(opened), log);
      const isTorn = cut > start && cut < recordsEnd;
      assert.deepEqual(opened.repaired, isTorn ? { file: name, offset: start, droppedBytes: bytes - start } : null);
      const batch = batchOf(log, drafted("again"), 9);
      await append(opened.wal, batch);
      assert.deepEqual(logOf(await open(torn)), after(log, batch));
    }
  });
}

test("a power cut during a write keeps every acknowledged batch, and of the last one all or nothing", async () => {
  await fc.assert(
    fc.asyncProperty(drafts(8), draft, fc.nat(600), ahead, keeping, async (all, last, size, zeros, keeps) => {
      const { disk, logs, wal } = await written(all, size, zeros);
      const stalled = new Promise<void>((resolve) => {
        disk.before = (call) => (call === "sync" ? stall(resolve) : undefined);
      });
      const before = logs.at(-1) as Log;
      const batch = batchOf(before, { ...last, data: [...last.data, new Uint8Array(2000).fill(7)] }, all.length + 1);
      wal.append(batch, () => assert.fail("never durable"));
      await stalled;
      const crashed = disk.crash(() => keeps.next().value);
      const opened = await open(crashed, size, zeros);
      const found = logOf(opened);
      if (!same(found, before)) assert.deepEqual(found, after(before, batch));
      await append(opened.wal, batchOf(found, last, 99));
      assert.deepEqual(logOf(await open(crashed, size)), after(found, batchOf(found, last, 99)));
    }),
    { numRuns: 300 },
  );
});

test("a power cut that loses any set of the last batch's sectors is repaired, and nothing acknowledged is lost", async () => {
  for (const zeros of [false, true]) {
    const { disk, logs, wal, writing } = await stalledAppend(1, new Uint8Array(2200).fill(zeros ? 0 : 7));
    assert.equal(wal.error, null);
    for (let subset = 0; subset < 2 ** 6; subset++) {
      let sector = 0;
      const crashed = disk.crash(() => ((subset >> sector++) & 1) === 1);
      assert.ok(sector === 5 || sector === 6, `${sector} sectors`);
      const before = logs.at(-1) as Log;
      const found = logOf(await open(crashed));
      if (!same(found, before)) assert.deepEqual(found, after(before, writing));
    }
  }
});

test("after any flipped bit the log is refused with file and offset", async () => {
  await fc.assert(
    fc.asyncProperty(drafts(8), fc.nat(300), fc.nat(), fc.nat(7), async (all, size, place, bit) => {
      const { disk, wal } = await written(all, size);
      await wal.close();
      const files = disk.names().map((name) => ({ name, bytes: disk.contents(name).slice() }));
      let at = place % files.reduce((sum, { bytes }) => sum + bytes.length, 0);
      for (const { name, bytes } of files) {
        if (at >= 0 && at < bytes.length) bytes[at] = (bytes[at] as number) ^ (1 << bit);
        at -= bytes.length;
        disk.put(name, bytes);
      }
      await assert.rejects(open(disk, size), /^WalError: wal\/[0-9a-f-]+\.wal: corrupt at offset \d+/);
    }),
    { numRuns: 600 },
  );
});

test("the last batch, fully written, is refused with any one byte of it changed but for a cut write's end", async () => {
  const { disk, wal, batchBytes } = await written([drafted("one"), drafted("two", 7n), drafted("three", 8n)]);
  await wal.close();
  const [name = ""] = disk.names();
  const whole = disk.contents(name);
  for (let at = whole.length - (batchBytes[2] as number); at < whole.length; at++) {
    for (const change of [1, 2, 4, 8, 16, 32, 64, 128, 255, SEAL, whole[at] as number]) {
      if (change === 0) continue;
      // The last byte alone is zero when the write was cut there: all records are there, and nothing is refused or lost.
      const isCut = at === whole.length - 1 && change === SEAL;
      if (!isCut) await refusesChange(name, whole, at, change);
    }
  }
});

test("one changed byte of a batch is refused wherever its sectors lie, also between sectors of nothing but zeros", async () => {
  for (const padding of [1, 300, 380, 400, 420]) {
    const first = { ...drafted(""), data: [new Uint8Array(padding).fill(1)] };
    const { disk, wal, batchBytes } = await written([first, { ...drafted(""), data: [new Uint8Array(1800)] }]);
    await wal.close();
    const [name = ""] = disk.names();
    const whole = disk.contents(name);
    for (let at = whole.length - (batchBytes[1] as number); at < whole.length; at++) {
      await refusesChange(name, whole, at, 0x77);
    }
  }
});

test("wherever a batch begins, one sector holds all of its start and some of the seal before it", async () => {
  await fc.assert(
    fc.asyncProperty(drafts(25), async (all) => {
      const { disk, wal, batchBytes } = await written(all);
      await wal.close();
      const bytes = disk.contents(disk.names()[0] as string);
      let at = HEAD_BYTES;
      for (const each of batchBytes.slice(0, -1)) {
        at += each;
        assert.ok(at % 512 >= 4 && (at % 512) + 25 <= 512, `a batch at ${at}`);
        assert.deepEqual([...bytes.subarray(at - 4, at)], [0xa5, 0xa5, 0xa5, 0xa5]);
      }
    }),
  );
});

test("zeros over any part of the log but its end are refused: something behind them tells", async () => {
  const all = Array.from({ length: 12 }, (_, index) => drafted("value".repeat(30), BigInt(index)));
  const { disk, wal } = await written(all);
  await wal.close();
  const [name = ""] = disk.names();
  const whole = disk.contents(name);
  for (let from = 0; from < whole.length - 600; from += 7) {
    for (const length of [40, 600]) {
      const zeroed = new MemoryDisk();
      zeroed.put(name, whole.slice().fill(0, from, from + length));
      await assert.rejects(open(zeroed), /^WalError: .*: corrupt at offset \d+/, `${length} zeros from ${from}`);
    }
  }
});

test("a log that ends in zeros, from anywhere on, is what was written before them", async () => {
  const all = Array.from({ length: 40 }, (_, index) => drafted(`value ${index}`, BigInt(index)));
  const { disk, logs, wal, batchBytes } = await written(all);
  await wal.close();
  const [name = ""] = disk.names();
  const whole = disk.contents(name);
  let batches = 0;
  let end = HEAD_BYTES + (batchBytes[0] as number);
  for (let from = HEAD_BYTES; from < whole.length; from += 3) {
    while (batches < all.length && from >= tellingEnd(whole.subarray(0, end))) end += batchBytes[++batches] as number;
    const zeroed = new MemoryDisk();
    zeroed.put(name, whole.slice().fill(0, from));
    assert.deepEqual(logOf(await open(zeroed)), logs[batches], `zeros from ${from}`);
  }
});

test("zeros over a batch's start with a later batch behind them are refused", async () => {
  const values = ["one", "two", "three"].map((value) => drafted(value.repeat(300)));
  const { disk, wal, batchBytes } = await written(values);
  await wal.close();
  const [name = ""] = disk.names();
  const second = HEAD_BYTES + (batchBytes[0] as number);
  const bytes = disk.contents(name).slice();
  bytes.fill(0, second, second + 512);
  disk.put(name, bytes);
  await assert.rejects(open(disk), new RegExp(`corrupt at offset ${second} .*a later batch follows at offset`));
});

test("bytes behind the last batch that begin no batch are refused", async () => {
  const { disk, wal } = await written([drafted("one")]);
  await wal.close();
  const [name = ""] = disk.names();
  for (const junk of ["x", "some words", "words that are longer than the start of a batch"]) {
    const longer = new MemoryDisk();
    longer.put(name, Buffer.concat([disk.contents(name), Buffer.from(junk)]));
    await assert.rejects(open(longer), /corrupt at offset/);
  }
});

test("a client's value that imitates a later batch does not turn a torn end into corruption", async () => {
  const { disk, logs, wal } = await written([drafted("one")]);
  const [name = ""] = disk.names();
  const offset = disk.contents(name).length;
  const place = { sequence: 1, offset: offset + BATCH_START_BYTES + ENTRY_FIXED_BYTES, number: 3, chain: 0 };
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
    /^WalError: wal\/0{15}1-0{15}1\.wal: corrupt at offset 54 .*its sector is not missing/,
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

test("under its name a log has its first segment with a whole head, or it is refused: a vote may have been lost", async () => {
  const { disk, wal } = await written([drafted("one")]);
  await wal.close();
  const [name = ""] = disk.names();
  for (let size = 0; size < HEAD_BYTES; size++) {
    const torn = new MemoryDisk();
    torn.put(name, disk.contents(name).subarray(0, size));
    await assert.rejects(open(torn), /0001\.wal: corrupt at offset 0 \(the segment's head\)/);
  }
  await disk.remove(name);
  await assert.rejects(open(disk), /^WalError: wal: segment 1 of the log is missing/);
});

test("a later segment that is empty, or lacks its head or first batch, is refused", async () => {
  const { disk, wal } = await written([drafted("one"), drafted("two")], 60);
  await wal.close();
  const [, name = ""] = disk.names();
  const whole = disk.contents(name);
  for (let size = 0; size < whole.length; size++) {
    disk.put(name, whole.subarray(0, size));
    await assert.rejects(open(disk), /0002\.wal: corrupt at offset \d+/);
  }
});

test("a power cut at any step of making the log leaves none or an empty one, and once it is open it stays", async () => {
  const { disk: done } = await written([]);
  const steps = done.calls.length;
  await fc.assert(
    fc.asyncProperty(fc.nat(steps), fc.nat(steps), fc.infiniteStream(fc.boolean()), async (first, second, keeps) => {
      let disk = new MemoryDisk();
      let promised = false;
      for (const stop of [first, second]) {
        promised ||= await openUntil(disk, stop);
        disk = disk.crash(() => keeps.next().value);
      }
      const opened = await open(disk);
      assert.deepEqual([logOf(opened), opened.repaired], [EMPTY, null]);
      assert.ok(opened.existed || !promised, "a log that was open has gone");
      const vote = { hardState: hardStateOf(1, 7n, 0), entries: [] };
      await append(opened.wal, vote);
      assert.deepEqual(logOf(await open(disk.crash(() => keeps.next().value))), after(EMPTY, vote));
    }),
    { numRuns: 500 },
  );
});

test("a power cut at any step of going on into the next segment loses nothing that was acknowledged", async () => {
  const { disk: done } = await written([drafted("one"), drafted("two")], 60);
  const steps = done.calls.length;
  await fc.assert(
    fc.asyncProperty(fc.nat(steps), fc.infiniteStream(fc.boolean()), async (stop, keeps) => {
      const { disk, logs, wal } = await written([drafted("one")], 60);
      const before = logs.at(-1) as Log;
      const next = batchOf(before, drafted("two"), 2);
      let acknowledged = false;
      const over = new Promise<void>((resolve) => {
        stopAfter(disk, stop, resolve);
        wal.append(next, () => {
          acknowledged = true;
          resolve();
        });
      });
      await over;
      const crashed = disk.crash(() => keeps.next().value);
      const found = logOf(await open(crashed, 60));
      if (acknowledged || !same(found, before)) assert.deepEqual(found, after(before, next));
      assert.ok(crashed.names().every((name) => name.endsWith(".wal")));
    }),
    { numRuns: 300 },
  );
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

function open(disk: MemoryDisk, segmentMaxBytes = 1 << 20, preallocateBytes = 0): Promise<OpenedWal> {
  return openWal({ disk, identity: IDENTITY, segmentMaxBytes, preallocateBytes });
}

/** A new log with these batches; logs[n]: what it says after n of them; batchBytes: what each took, a segment's head included. */
async function written(
  all: readonly Draft[],
  segmentMaxBytes?: number,
  preallocateBytes?: number,
): Promise<{ disk: MemoryDisk; logs: Log[]; wal: Wal; batchBytes: number[] }> {
  const disk = new MemoryDisk();
  const { wal } = await open(disk, segmentMaxBytes, preallocateBytes);
  const bytesNow = (): number => disk.names().reduce((sum, name) => sum + disk.contents(name).length, 0);
  const logs = [EMPTY];
  const batchBytes: number[] = [];
  for (const [index, each] of all.entries()) {
    const batch = batchOf(logs.at(-1) as Log, each, index + 1);
    const before = bytesNow();
    await append(wal, batch);
    batchBytes.push(bytesNow() - before);
    logs.push(after(logs.at(-1) as Log, batch));
  }
  return { disk, logs, wal, batchBytes };
}

/** A log with some batches and one more that is written, but will not be synced. */
async function stalledAppend(
  count: number,
  value: Uint8Array,
): Promise<{ disk: MemoryDisk; logs: Log[]; wal: Wal; writing: WalBatch }> {
  const { disk, logs, wal } = await written(Array.from({ length: count }, () => drafted("before")));
  const writing = batchOf(logs.at(-1) as Log, { ...drafted("", 3n), data: [value] }, 9);
  await new Promise<void>((resolve) => {
    disk.before = (call) => (call === "sync" ? stall(resolve) : undefined);
    wal.append(writing, () => assert.fail("never durable"));
  });
  return { disk, logs, wal, writing };
}

/** Opens the log, but stops for ever before the call numbered `stop`; whether it got there. */
function openUntil(disk: MemoryDisk, stop: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    stopAfter(disk, stop, () => resolve(false));
    open(disk).then(() => resolve(true), reject);
  });
}

function stopAfter(disk: MemoryDisk, calls: number, reached: () => void): void {
  let left = calls;
  disk.before = () => (left-- > 0 ? undefined : stall(reached));
}

async function refusesChange(name: string, whole: Uint8Array, at: number, change: number): Promise<void> {
  const bytes = whole.slice();
  bytes[at] = (bytes[at] as number) ^ change;
  const disk = new MemoryDisk();
  disk.put(name, bytes);
  await assert.rejects(open(disk), /^WalError: .*\.wal: corrupt at offset \d+ /, `byte ${at} changed by ${change}`);
}

/** Behind this byte of the last batch nothing is missing when it is cut: its records end in zeros, then comes the seal. */
function tellingEnd(bytes: Uint8Array): number {
  return bytes.findLastIndex((byte) => byte !== SEAL && byte !== 0) + 1;
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
