/** Both backends, and the write buffer above them, against a slow twin: the same answers, one commit's state after any crash. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Clock } from "../../src/env/clock.ts";
import {
  type Backend,
  BUCKETS,
  type Bucket,
  type BucketReader,
  type Change,
  type KeyValue,
  type Range,
} from "../../src/etcd/backend/backend.ts";
import { hashBuckets } from "../../src/etcd/backend/hash.ts";
import { openLmdbBackend } from "../../src/etcd/backend/lmdb.ts";
import { openMemoryBackend } from "../../src/etcd/backend/memory.ts";
import { decodeImage } from "../../src/etcd/backend/memory-image.ts";
import { WriteBuffer } from "../../src/etcd/backend/write-buffer.ts";
import type { LogBase } from "../../src/etcd/model.ts";
import { revisionKey } from "../../src/etcd/mvcc/revision-key.ts";
import { MemoryDisk } from "../support/disk.ts";
import fc from "../support/fast-check.ts";

/** Every key and value, in no order: everything is looked for and sorted when it is asked for. */
type Twin = readonly { readonly bucket: Bucket; readonly key: string; readonly value: string }[];

type Step =
  | { readonly kind: "write"; readonly changes: readonly Change[] }
  | { readonly kind: "get"; readonly bucket: Bucket; readonly key: Uint8Array }
  | { readonly kind: "range"; readonly bucket: Bucket; readonly range: Range }
  | { readonly kind: "timer" | "reopen" | "copy" | "defragment" };

interface Opener {
  readonly name: string;
  readonly runs: number;
  /** A new place; `open` opens the same files each time, or the copy. */
  readonly place: () => { readonly open: (copy: boolean) => Promise<Backend>; readonly copyName: string };
}

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

const OPENERS: readonly Opener[] = [
  {
    name: "memory",
    runs: 200,
    place: () => {
      const disk = new MemoryDisk();
      return { open: (copy) => openMemoryBackend(disk, copy ? "copy" : "db"), copyName: "copy" };
    },
  },
  {
    name: "LMDB",
    runs: 40,
    place: () => {
      const folder = mkdtempSync(join(tmpdir(), "faultline-backend-"));
      folders.push(folder);
      return { open: (copy) => openLmdbBackend(join(folder, copy ? "copy" : "db")), copyName: "copy" };
    },
  },
];

const bucket = fc.constantFrom(...BUCKETS);
/** Few, so that they meet: empty ones, prefixes of each other, the lowest and the highest bytes. */
const key = fc.array(fc.constantFrom(0, 1, 0x61, 0xff), { maxLength: 3 }).map((bytes) => Uint8Array.from(bytes));
const value = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.nat(9000).map((size) => new Uint8Array(size).fill(size)) },
);
const change: fc.Arbitrary<Change> = fc.record({ bucket, key, value: fc.oneof(value, value, fc.constant(null)) });
const range: fc.Arbitrary<Range> = fc.record(
  { from: key, to: key, limit: fc.nat(5), maxBytes: fc.nat(40) },
  { requiredKeys: [] },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("write" as const), changes: fc.array(change, { maxLength: 5 }) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("get" as const), bucket, key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("range" as const), bucket, range }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom("timer" as const, "reopen" as const, "copy" as const, "defragment" as const),
    }),
  },
);
const steps = fc.array(step, { minLength: 1, maxLength: 40 });

for (const { name, runs, place } of OPENERS) {
  test(`${name}: through the write buffer, commits, restarts and copies every read is the slow twin's`, async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 1, max: 12 }), async (all, maxOperations) => {
        const { open, copyName } = place();
        const time = new Timers();
        let buffer = bufferAbove(await open(false), time.clock, maxOperations);
        let twin: Twin = [];
        let base: LogBase | null = null;
        const defragmented: Promise<void>[] = [];
        let copied: { readonly twin: Twin; readonly base: LogBase } | null = null;
        for (const [number, each] of all.entries()) {
          if (each.kind === "write") {
            for (const { bucket, key, value } of each.changes) {
              if (value === null) buffer.delete(bucket, key);
              else buffer.put(bucket, key, value);
            }
            base = baseOf(number + 1);
            buffer.applied(base);
            twin = each.changes.reduce(changed, twin);
          } else if (each.kind === "get") {
            const found = buffer.get(each.bucket, each.key);
            const wanted = twin.find((one) => one.bucket === each.bucket && one.key === hexOf(each.key));
            assert.equal(found === null ? undefined : hexOf(found), wanted?.value);
            const peeked = buffer.peek(each.bucket, each.key);
            assert.equal(peeked === null ? undefined : hexOf(peeked), wanted?.value);
          } else if (each.kind === "range") {
            const wanted = rangeOf(twin, each.bucket, each.range);
            assert.deepEqual(readRange(buffer, each.bucket, each.range), wanted);
            const visited = scanned(buffer, each.bucket, each.range);
            assert.deepEqual(visited, wanted.slice(0, visited.length));
            assert.equal(visited.length === 0, wanted.length === 0, "a scan gets on");
          } else if (each.kind === "timer") {
            time.fire();
          } else if (each.kind === "defragment") {
            defragmented.push(buffer.defragment());
          } else if (each.kind === "reopen") {
            await buffer.close();
            const backend = await open(false);
            assert.deepEqual(backend.base, base);
            buffer = bufferAbove(backend, time.clock, maxOperations);
            assert.deepEqual(buffer.durableBase, base);
          } else if (copied === null && base !== null) {
            copied = { twin, base: await buffer.copyTo(copyName) };
            assert.deepEqual(copied.base, base, "what was applied before is in the copy");
          }
        }
        assert.equal(buffer.appliedIndex, base?.index ?? 0);
        await buffer.close();
        await Promise.all(defragmented);
        const again = await open(false);
        assert.deepEqual([again.base, contents(again)], [base, sorted(twin)]);
        await again.close();
        if (copied === null) return;
        const copy = await open(true);
        assert.deepEqual([copy.base, contents(copy)], [copied.base, sorted(copied.twin)]);
        await copy.close();
      }),
      { numRuns: runs },
    );
  });

  test(`${name}: a copy made while commits go on holds exactly the commit it names`, async () => {
    const { open, copyName } = place();
    const backend = await open(false);
    const commitAt = (index: number): Promise<void> =>
      backend.commit(
        BUCKETS.map((bucket) => ({ bucket, key: Uint8Array.of(1), value: Uint8Array.of(index) })),
        baseOf(index),
      ).visible;
    await commitAt(1);
    const copying = backend.copyTo(copyName);
    for (let index = 2; index <= 20; index++) await commitAt(index);
    const { index } = await copying;
    await backend.close();
    const copy = await open(true);
    assert.deepEqual(copy.base, baseOf(index));
    for (const bucket of BUCKETS) assert.deepEqual([...(copy.get(bucket, Uint8Array.of(1)) ?? [])], [index]);
    await copy.close();
  });
}

test("memory: after a power cut at any step the file is one commit's whole state, no older than what was durable", async () => {
  /** Over and over, until most of the file is of no use. */
  const large = fc.integer({ min: 2000, max: 4000 }).map((size): Change => {
    return { bucket: "meta", key: Uint8Array.of(1), value: new Uint8Array(size).fill(size) };
  });
  const writes = fc.array(fc.array(fc.oneof(change, large), { maxLength: 5 }), { minLength: 1, maxLength: 12 });
  /** Before a sync there is something to tear. */
  const stops = fc.oneof(
    fc.record({ calls: fc.constant("all" as const), stop: fc.nat(40) }),
    fc.record({ calls: fc.constant("syncs" as const), stop: fc.nat(12) }),
  );
  let replaced = 0;
  let torn = 0;
  await fc.assert(
    fc.asyncProperty(writes, stops, fc.infiniteStream(fc.boolean()), async (all, { calls, stop }, keeps) => {
      const disk = new MemoryDisk();
      let left = stop;
      let cut = (): void => {};
      const isCut = new Promise<void>((resolve) => {
        cut = resolve;
      });
      disk.before = (call) => {
        if ((calls === "syncs" && call !== "sync") || left-- > 0) return;
        cut();
        return new Promise(() => {});
      };
      const states: Twin[] = [[]];
      let durable = 0;
      const run = async (): Promise<void> => {
        const backend = await openMemoryBackend(disk, "db");
        for (const [number, changes] of all.entries()) {
          states.push(changes.reduce(changed, states.at(-1) as Twin));
          const committed = backend.commit(changes, baseOf(number + 1));
          void committed.durable.then(() => {
            durable = number + 1;
          });
          if (number % 2 === 0) await committed.durable;
        }
        await backend.close();
      };
      await Promise.race([run(), isCut]);
      if (disk.calls.filter((call) => call.startsWith("rename")).length > 1) replaced++;
      const crashed = disk.crash(() => keeps.next().value);
      if (crashed.names().includes("db") && decodeImage(crashed.contents("db"), "db").isTorn) torn++;
      const found = await openMemoryBackend(crashed, "db");
      const index = found.base?.index ?? 0;
      assert.ok(index >= durable, `commit ${durable} was durable, found ${index}`);
      assert.deepEqual(contents(found), sorted(states[index] as Twin));
      // Behind a torn end nothing is written: the next commit is found again.
      await found.commit([], baseOf(100)).durable;
      const again = await openMemoryBackend(
        crashed.crash(() => false),
        "db",
      );
      assert.deepEqual([again.base, contents(again)], [baseOf(100), sorted(states[index] as Twin)]);
    }),
    { numRuns: 300 },
  );
  assert.ok(replaced > 10 && torn > 10, `replaced ${replaced} times, torn ${torn} times`);
});

test("a commit is due at its time, its operations or its bytes, one is under way at a time, and it takes whole entries", async () => {
  const commits: { readonly changes: readonly Change[]; readonly base: LogBase; readonly end: () => void }[] = [];
  let committed: LogBase | null = null;
  const backend: Backend = {
    get base() {
      return committed;
    },
    get: () => null,
    peek: () => null,
    scan: () => null,
    range: () => [],
    sizeBytes: 0,
    sizeInUseBytes: 0,
    commit: (changes, base) => {
      const visible = new Promise<void>((end) => commits.push({ changes, base, end })).then(() => {
        committed = base;
      });
      return { visible, durable: visible };
    },
    copyTo: () => assert.fail(),
    defragment: () => assert.fail(),
    close: async () => {},
  };
  const time = new Timers();
  const failed = (error: Error): void => assert.fail(error);
  const buffer = new WriteBuffer({ backend, clock: time.clock, failed, maxOperations: 10, maxBytes: 1000 });
  const put = (index: number, count: number, bytes = 1): void => {
    for (let at = 0; at < count; at++) buffer.put("key", Uint8Array.of(index, at), new Uint8Array(bytes));
    buffer.applied(baseOf(index));
  };
  put(1, 3);
  put(2, 3);
  assert.deepEqual([commits.length, time.delays], [0, [100]]);
  time.fire();
  assert.deepEqual(
    commits.map(({ changes, base }) => [changes.length, base.index]),
    [[6, 2]],
  );
  put(3, 10);
  put(4, 2);
  await turn();
  assert.equal(commits.length, 1, "one at a time");
  assert.equal(buffer.get("key", Uint8Array.of(1, 0))?.length, 1, "what is being committed is read");
  commits[0]?.end();
  await turn();
  assert.deepEqual(
    commits.map(({ changes, base }) => [changes.length, base.index]),
    [
      [6, 2],
      [12, 4],
    ],
  );
  assert.equal(buffer.durableBase?.index, 2);
  commits[1]?.end();
  await turn();
  put(5, 1, 1000);
  await turn();
  assert.deepEqual(commits.at(-1)?.base.index, 5, "due by its bytes");
  put(6, 19);
  assert.ok(!buffer.isFull);
  put(7, 1);
  assert.ok(buffer.isFull, "the disk does not keep up");
  commits[2]?.end();
  await turn();
  assert.ok(!buffer.isFull);
});

test("a backend that fails is told once, and nothing counts as durable afterwards", async () => {
  const disk = new MemoryDisk();
  const failures: Error[] = [];
  const backend = await openMemoryBackend(disk, "db");
  const time = new Timers();
  const buffer = new WriteBuffer({
    backend,
    clock: time.clock,
    failed: (error) => failures.push(error),
    maxOperations: 1,
  });
  const error = new Error("EIO: sync");
  disk.before = (call) => {
    if (call === "sync") throw error;
  };
  for (const index of [1, 2, 3]) {
    buffer.put("key", Uint8Array.of(index), Uint8Array.of(index));
    buffer.applied(baseOf(index));
  }
  await buffer.close();
  assert.deepEqual([failures, buffer.durableBase], [[error], null]);
  await assert.rejects(buffer.copyTo("copy"), error);
});

test("the hash is of what is stored, wherever it lies, and of all of it", async () => {
  const lmdb = OPENERS[1]?.place() ?? assert.fail();
  const buffers = [
    bufferAbove(await openMemoryBackend(new MemoryDisk(), "db"), new Timers().clock, 1000),
    bufferAbove(await lmdb.open(false), new Timers().clock, 7),
  ];
  const hashes = async (): Promise<readonly number[]> => [
    ...new Set(await Promise.all(buffers.map((buffer) => hashWhile(buffer, true)))),
  ];
  const hashWhile = async (buffer: WriteBuffer, isThere: boolean): Promise<number> => {
    const hash = await hashBuckets(buffer, async () => {
      await turn();
      return isThere;
    });
    return hash ?? Number.NaN;
  };
  const seen = new Set(await hashes());
  let index = 0;
  const write = async (...change: readonly [Bucket, number, number | null]): Promise<void> => {
    const [bucket, key, value] = change;
    index++;
    for (const buffer of buffers) {
      if (value === null) buffer.delete(bucket, Uint8Array.of(key));
      else buffer.put(bucket, Uint8Array.of(key), Uint8Array.of(value));
      buffer.applied(baseOf(index));
    }
    const now = await hashes();
    assert.equal(now.length, 1, "both have one hash");
    assert.ok(!seen.has(now[0] as number), `${change}`);
    seen.add(now[0] as number);
  };
  for (const bucket of BUCKETS) for (let n = 0; n < 10; n++) await write(bucket, n, n);
  await write("lease", 3, null);
  await write("lease", 4, 3);
  await write("meta", 0, 9);
  for (const buffer of buffers) assert.ok(Number.isNaN(await hashWhile(buffer, false)), "gone in the middle of it");
  for (const buffer of buffers) await buffer.close();
});

test("memory: a file whose first commit is damaged is refused", async () => {
  const disk = new MemoryDisk();
  const backend = await openMemoryBackend(disk, "db");
  await backend.commit([{ bucket: "key", key: Uint8Array.of(1), value: Uint8Array.of(2) }], baseOf(1)).durable;
  const image = disk.contents("db");
  for (let at = 0; at < image.length; at++) {
    const damaged = new MemoryDisk();
    damaged.put(
      "db",
      image.map((byte, i) => (i === at ? byte ^ 0x10 : byte)),
    );
    await assert.rejects(openMemoryBackend(damaged, "db"), /^BackendError: db: damaged/);
  }
});

test("LMDB: what is deleted becomes free, defragmented the file is small again; reads and writes go on meanwhile, over and over", async () => {
  const folder = mkdtempSync(join(tmpdir(), "faultline-backend-"));
  folders.push(folder);
  const path = join(folder, "db");
  // What a killed process may leave.
  writeFileSync(`${path}.tmp`, "half a copy");
  const buffer = bufferAbove(await openLmdbBackend(path), new Timers().clock, 1_000_000);
  const nameAt = (n: number): Uint8Array => Uint8Array.of(n >> 8, n & 255);
  let index = 0;
  for (let round = 0; round < 3; round++) {
    for (let n = 0; n < 2000; n++) buffer.put("key", nameAt(n), new Uint8Array(500).fill(round));
    buffer.applied(baseOf(++index));
    await buffer.flush();
    for (let n = 10; n < 2000; n++) buffer.delete("key", nameAt(n));
    buffer.applied(baseOf(++index));
    await buffer.flush();
    const { sizeBytes, sizeInUseBytes } = buffer;
    assert.ok(sizeBytes > 1_000_000 && sizeInUseBytes < sizeBytes / 4, `${sizeInUseBytes} of ${sizeBytes} in use`);
    assert.ok(readFileSync(path).length >= sizeInUseBytes);
    let isDone = false;
    const defragmenting = buffer.defragment().then(() => {
      isDone = true;
    });
    buffer.put("key", nameAt(5), Uint8Array.of(index));
    buffer.applied(baseOf(++index));
    void buffer.commit();
    for (; !isDone; await turn()) {
      assert.deepEqual(buffer.get("key", nameAt(1)), new Uint8Array(500).fill(round));
      assert.deepEqual(buffer.get("key", nameAt(5)), Uint8Array.of(index - 1));
      assert.equal(buffer.range("key", {}).length, 10);
    }
    await defragmenting;
    assert.ok(buffer.sizeBytes < sizeBytes / 4 && readFileSync(path).length < sizeBytes / 4);
  }
  const before = contents(buffer);
  await buffer.close();
  assert.deepEqual(
    readdirSync(folder).filter((name) => !name.endsWith("-lock")),
    ["db"],
  );
  const again = await openLmdbBackend(path);
  assert.deepEqual([contents(again), again.base], [before, baseOf(index)]);
  await again.close();
});

test("LMDB: a copy that cannot be made leaves the database as it was", async () => {
  const folder = mkdtempSync(join(tmpdir(), "faultline-backend-"));
  folders.push(folder);
  const buffer = bufferAbove(await openLmdbBackend(join(folder, "db")), new Timers().clock, 10);
  buffer.put("key", Uint8Array.of(1), Uint8Array.of(2));
  buffer.applied(baseOf(1));
  await buffer.flush();
  // In the way of the copy, and no file.
  mkdirSync(join(folder, "db.tmp", "not empty"), { recursive: true });
  await assert.rejects(buffer.defragment());
  buffer.put("key", Uint8Array.of(2), Uint8Array.of(3));
  buffer.applied(baseOf(2));
  await buffer.flush();
  assert.equal(buffer.durableBase?.index, 2);
  rmSync(join(folder, "db.tmp"), { recursive: true });
  await buffer.defragment();
  assert.equal(contents(buffer).length, 2);
  await buffer.close();
});

test("LMDB: a file that is no database, or cut, is refused with its name", async () => {
  const folder = mkdtempSync(join(tmpdir(), "faultline-backend-"));
  folders.push(folder);
  const path = join(folder, "db");
  const backend = await openLmdbBackend(path);
  for (const index of [1, 2, 3]) {
    const value = new Uint8Array(50_000).fill(index);
    await backend.commit([{ bucket: "key", key: Uint8Array.of(index), value }], baseOf(index)).durable;
  }
  await backend.close();
  const whole = readFileSync(path);
  for (const [bytes, message] of [
    [Buffer.from("no database".repeat(1000)), /^BackendError: .*db: not a database/],
    [Buffer.from("short"), /^BackendError: .*db: not a database/],
    [whole.subarray(0, 9000), /^BackendError: .*db: cut: 9000 bytes of/],
    [Buffer.concat([whole.subarray(0, 4096), Buffer.alloc(9000)]), /^BackendError: .*db: not a database/],
    [
      Buffer.concat([whole.subarray(0, 8192), Buffer.alloc(whole.length - 8192, "x")]),
      /db: damaged: where its first page/,
    ],
  ] as const) {
    writeFileSync(path, bytes);
    await assert.rejects(openLmdbBackend(path), message);
  }
  writeFileSync(path, "");
  const empty = await openLmdbBackend(path);
  assert.equal(empty.base, null);
  await empty.close();
});

test("changes that come in order leave full pages on the disk, whatever the other buckets hold", async () => {
  const folder = mkdtempSync(join(tmpdir(), "faultline-backend-"));
  folders.push(folder);
  const backend = await openLmdbBackend(join(folder, "db"));
  let dataBytes = 0;
  for (let commit = 1; commit <= 3; commit++) {
    const changes: Change[] = [
      { bucket: "meta", key: Buffer.from("count"), value: Buffer.from(String(commit)) },
      { bucket: "lease", key: Buffer.from(`lease ${commit}`), value: Buffer.alloc(20) },
    ];
    for (let n = 0; n < 6000; n++) {
      const key = revisionKey(commit, n, false);
      changes.push({ bucket: "key", key, value: Buffer.alloc(310, n) });
      dataBytes += key.length + 310;
    }
    await backend.commit(changes, baseOf(commit)).durable;
  }
  assert.ok(backend.sizeInUseBytes < 1.2 * dataBytes, `${backend.sizeInUseBytes} bytes for ${dataBytes}`);
  await backend.close();
});

/** A clock whose timers fire when told. */
class Timers {
  #due: { readonly delayMs: number; readonly action: () => void }[] = [];
  readonly clock: Clock = {
    monotonicMs: () => 0,
    wallMs: () => 0,
    after: (delayMs, action) => {
      const timer = { delayMs, action };
      this.#due.push(timer);
      return { cancel: () => (this.#due = this.#due.filter((other) => other !== timer)) };
    },
  };

  get delays(): readonly number[] {
    return this.#due.map(({ delayMs }) => delayMs);
  }

  fire(): void {
    for (const { action } of this.#due.splice(0)) action();
  }
}

function bufferAbove(backend: Backend, clock: Clock, maxOperations: number): WriteBuffer {
  return new WriteBuffer({ backend, clock, maxOperations, failed: (error) => assert.fail(error) });
}

function changed(twin: Twin, { bucket, key, value }: Change): Twin {
  const others = twin.filter((one) => one.bucket !== bucket || one.key !== hexOf(key));
  return value === null ? others : [...others, { bucket, key: hexOf(key), value: hexOf(value) }];
}

function sorted(twin: Twin): Twin {
  return BUCKETS.flatMap((bucket) => rangeOf(twin, bucket, {}).map(([key, value]) => ({ bucket, key, value })));
}

function rangeOf(
  twin: Twin,
  bucket: Bucket,
  { from, to, limit, maxBytes }: Range,
): readonly (readonly [string, string])[] {
  return twin
    .filter((one) => one.bucket === bucket)
    .filter(({ key }) => (from === undefined || key >= hexOf(from)) && (to === undefined || key < hexOf(to)))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .slice(0, limit)
    .map(({ key, value }) => [key, value] as const)
    .filter((_, at, all) => all.slice(0, at).join("").replaceAll(",", "").length / 2 < (maxBytes ?? Infinity));
}

function readRange(reader: BucketReader, bucket: Bucket, range: Range): readonly (readonly [string, string])[] {
  return [...reader.range(bucket, range)].map(({ key, value }: KeyValue) => [hexOf(key), hexOf(value)] as const);
}

function scanned(reader: BucketReader, bucket: Bucket, range: Range): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  const last = reader.scan(bucket, range, (key, value) => found.push([hexOf(key), hexOf(value)]));
  assert.equal(last === null ? undefined : hexOf(last), found.at(-1)?.[0]);
  return found;
}

function contents(reader: BucketReader): Twin {
  return BUCKETS.flatMap((bucket) => readRange(reader, bucket, {}).map(([key, value]) => ({ bucket, key, value })));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function baseOf(index: number): LogBase {
  const configuration = { voters: [1n, 2n ** 64n - 1n] as MemberId[], learners: [BigInt(index)] as MemberId[] };
  return { index: index as LogIndex, term: (index * 2) as Term, configuration };
}

/** Lets what is ready go on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
