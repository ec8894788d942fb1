/** A log that begins behind a snapshot: what lies before is removed, and the rest comes back through restarts and power cuts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Configuration, Entry, HardState, Identity, LogBase } from "../../src/etcd/model.ts";
import type { SnapshotRecord, WalBatch } from "../../src/etcd/wal/record.ts";
import { type OpenedWal, openWal } from "../../src/etcd/wal/wal.ts";
import { MemoryDisk } from "../support/disk.ts";
import fc from "../support/fast-check.ts";

const IDENTITY: Identity = { cluster: 0xc1n as ClusterId, member: 0xa1n as MemberId };
const CONFIGURATION: Configuration = { voters: [1n, 0xffff_ffff_ffff_fff1n] as MemberId[], learners: [7n as MemberId] };
const NOBODY: Configuration = { voters: [], learners: [] };

/** What a log says: the slow twin of the one under test. */
interface Log {
  readonly base: LogBase;
  readonly file: SnapshotRecord["file"];
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
}

const EMPTY: Log = { base: baseOf(0, 0, NOBODY), file: null, hardState: hardStateOf(0, 0), entries: [] };

type Step =
  | { readonly kind: "append"; readonly overwrites: number; readonly bytes: readonly number[] }
  /** `behind`: how far behind the last entry, or past it. */
  | { readonly kind: "made" | "received"; readonly behind: number }
  | { readonly kind: "restart" };

const bytes = fc.array(fc.nat(60), { maxLength: 4 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("append" as const), overwrites: fc.nat(2), bytes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("made" as const), behind: fc.nat(6) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("received" as const), behind: fc.integer({ min: -9, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("restart" as const) }) },
);
const steps = fc.array(step, { minLength: 1, maxLength: 30 });
const sizes = fc.record({ segmentMaxBytes: fc.nat(500), preallocateBytes: fc.constantFrom(0, 100, 1500) });
const keeping = fc.infiniteStream(fc.boolean());

test("a log comes back from behind its newest snapshot, and segments that lie wholly before it are gone", async () => {
  await fc.assert(
    fc.asyncProperty(steps, sizes, async (all, options) => {
      const disk = new MemoryDisk();
      let opened = await openWal({ disk, identity: IDENTITY, ...options });
      let log = EMPTY;
      for (const [number, each] of all.entries()) {
        const batch = batchOf(log, each, number + 1);
        if (batch === null) {
          await opened.wal.close();
          opened = await openWal({ disk, identity: IDENTITY, ...options });
          assert.deepEqual(logOf(opened), log);
          continue;
        }
        await append(opened, batch);
        log = after(log, batch);
        const starts = disk.names().map((name) => Number.parseInt(name.slice(-20, -4), 16));
        if (batch.snapshot != null && starts[1] !== undefined) assert.ok(starts[1] > log.base.index + 1, `${starts}`);
      }
      await opened.wal.close();
      assert.deepEqual(logOf(await openWal({ disk, identity: IDENTITY, ...options })), log);
    }),
    { numRuns: 300 },
  );
});

test("a power cut at any step keeps what was acknowledged, snapshots and removed segments included", async () => {
  await fc.assert(
    fc.asyncProperty(steps, sizes, fc.nat(150), keeping, async (all, options, stop, keeps) => {
      const disk = new MemoryDisk();
      let { wal } = await openWal({ disk, identity: IDENTITY, ...options });
      let log = EMPTY;
      let next = EMPTY;
      let left = stop;
      let cut = (): void => {};
      const isCut = new Promise<"cut">((resolve) => {
        cut = () => resolve("cut");
      });
      disk.before = () => {
        if (left-- > 0) return;
        cut();
        return new Promise(() => {});
      };
      for (const [number, each] of all.entries()) {
        const batch = batchOf(log, each, number + 1);
        if (batch === null) continue;
        next = after(log, batch);
        const done = new Promise<"done">((resolve) => wal.append(batch, () => resolve("done")));
        if ((await Promise.race([done, isCut])) === "cut") break;
        log = next;
      }
      const crashed = disk.crash(() => keeps.next().value);
      const found = await openWal({ disk: crashed, identity: IDENTITY, ...options });
      if (!isSame(logOf(found), log)) assert.deepEqual(logOf(found), next);
      wal = found.wal;
      const more = batchOf(logOf(found), { kind: "append", overwrites: 0, bytes: [3] }, 99) as WalBatch;
      await append(found, more);
      const again = await openWal({ disk: crashed, identity: IDENTITY, ...options });
      assert.deepEqual(logOf(again), after(logOf(found), more));
    }),
    { numRuns: 500 },
  );
});

test("a log whose first segment is gone without a snapshot that stands for it is refused", async () => {
  const disk = new MemoryDisk();
  const opened = await openWal({ disk, identity: IDENTITY, segmentMaxBytes: 60 });
  let log = EMPTY;
  for (const number of [1, 2, 3, 4]) {
    const batch = batchOf(log, { kind: "append", overwrites: 0, bytes: [9, 9] }, number) as WalBatch;
    await append(opened, batch);
    log = after(log, batch);
  }
  await opened.wal.close();
  const [first = "", , third = ""] = disk.names();
  await disk.remove(first);
  await assert.rejects(openWal({ disk, identity: IDENTITY }), /^WalError: .*0002-.*: segment 1 of the log is missing/);
  await disk.remove(third);
  await assert.rejects(openWal({ disk, identity: IDENTITY }), /segment 3 of the log is missing/);
});

function batchOf(log: Log, step: Step, term: number): WalBatch | null {
  const lastIndex = log.base.index + log.entries.length;
  switch (step.kind) {
    case "restart":
      return null;
    case "append": {
      const first = Math.max(log.hardState.commit, lastIndex - step.overwrites) + 1;
      const entries = step.bytes.map((size, at) => entryOf(term, first + at, size));
      return { hardState: hardStateOf(term, Math.min(lastIndex, first - 1)), entries };
    }
    case "made": {
      const index = Math.max(log.base.index, log.hardState.commit - step.behind);
      if (index === 0) return { hardState: hardStateOf(term, log.hardState.commit), entries: [] };
      const made = index === log.base.index ? log.base.term : (log.entries[index - log.base.index - 1]?.term ?? 0);
      return { snapshot: { kind: "made", base: baseOf(index, made), file: null }, hardState: null, entries: [] };
    }
    case "received": {
      const index = Math.max(log.hardState.commit + 1, lastIndex - step.behind);
      const file = { bytes: 2 ** 40 + term, checksum: 0xffff_fff0 };
      const snapshot: SnapshotRecord = { kind: "received", base: baseOf(index, term), file };
      return { snapshot, hardState: hardStateOf(term, index), entries: [] };
    }
  }
}

function after(log: Log, { snapshot = null, hardState, entries }: WalBatch): Log {
  let { base, file, entries: kept } = log;
  if (snapshot !== null) {
    kept = snapshot.kind === "received" ? [] : kept.filter((entry) => entry.index > snapshot.base.index);
    base = snapshot.base;
    file = snapshot.file;
  }
  const first = entries[0]?.index ?? Number.POSITIVE_INFINITY;
  kept = [...kept.filter((entry) => entry.index < first), ...entries];
  return { base, file, hardState: hardState ?? log.hardState, entries: kept };
}

function logOf({ snapshot, hardState, entries }: OpenedWal): Log {
  return {
    base: snapshot?.base ?? EMPTY.base,
    file: snapshot?.file ?? null,
    hardState,
    entries: entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) })),
  };
}

function append({ wal }: OpenedWal, batch: WalBatch): Promise<void> {
  return new Promise((resolve, reject) => {
    wal.append(batch, (error) => (error === null ? resolve() : reject(error)));
  });
}

function isSame(a: Log, b: Log): boolean {
  try {
    assert.deepEqual(a, b);
    return true;
  } catch {
    return false;
  }
}

function entryOf(term: number, index: number, size: number): Entry {
  return { term: term as Term, index: index as LogIndex, kind: "normal", data: new Uint8Array(size).fill(index) };
}

function baseOf(index: number, term: number, configuration: Configuration = CONFIGURATION): LogBase {
  return { index: index as LogIndex, term: term as Term, configuration };
}

function hardStateOf(term: number, commit: number): HardState {
  return { term: term as Term, vote: 0n as MemberId, commit: commit as LogIndex };
}
