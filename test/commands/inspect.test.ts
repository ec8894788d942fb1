/** `faultline inspect` prints what lies in a data directory, whole, live or broken, and changes nothing. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeDisk } from "../../src/env/node/disk.ts";
import { openLmdbBackend } from "../../src/etcd/backend/lmdb.ts";
import type { Configuration, Entry, LogBase } from "../../src/etcd/model.ts";
import { encodeConfigData } from "../../src/etcd/raft/configuration.ts";
import { openStorage, type Storage } from "../../src/etcd/storage.ts";
import type { WalBatch } from "../../src/etcd/wal/record.ts";
import { InternalRaftRequest, PutRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { faultline } from "../support/faultline.ts";

const IDENTITY = { cluster: 0xc1n as ClusterId, member: 0xa1n as MemberId };
const CONFIGURATION: Configuration = { voters: [0xa1n, 0xb2n] as MemberId[], learners: [0xc3n as MemberId] };
const FIRST = "wal/0000000000000001-0000000000000001.wal";
const STORE: string = join("member", "snap", "db");
const SECOND = "wal/0000000000000002-0000000000000005.wal";

const folders: string[] = [];
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

interface Json {
  readonly records: readonly Record<string, unknown>[];
  readonly [name: string]: unknown;
}

test("it prints every record with its place and the command in it, and the snapshots, of a directory in use", async () => {
  const { folder, storage } = await written();
  // The store belongs to whoever uses it, and may change at any moment.
  const before = fingerprint(folder, STORE);
  const { code, stdout, stderr } = await faultline("inspect", folder, "--json");
  assert.deepEqual([code, stderr], [0, ""]);
  const { records, ...rest } = JSON.parse(stdout) as Json;
  const bytesOf = (path: string): number => statSync(join(folder, "member", path)).size;
  assert.deepEqual(rest, {
    directory: join(folder, "member"),
    cluster: "c1",
    member: "a1",
    segments: [
      { file: FIRST, firstIndex: 1, bytes: bytesOf(FIRST) },
      { file: SECOND, firstIndex: 5, bytes: bytesOf(SECOND) },
    ],
    end: { kind: "whole", offset: (rest["end"] as { offset: number }).offset, droppedBytes: 0 },
    snapshots: [
      {
        file: "snap/0000000000000003-0000000000000002.snap",
        kind: "made",
        index: 3,
        term: 2,
        bytes: bytesOf("snap/0000000000000003-0000000000000002.snap"),
      },
      { file: "snap/db", kind: "store", index: null, term: null, bytes: bytesOf("snap/db") },
    ],
    error: null,
  });
  assert.deepEqual(
    records.map(({ segment, batch, kind, index, term, what }) => [segment, batch, kind, index, term, what]),
    [
      [FIRST, 1, "entry", 1, 2, "no-op"],
      [FIRST, 1, "config", 2, 2, "voters a1 b2, learners c3"],
      [FIRST, 1, "hard-state", 0, 2, "vote a1"],
      [FIRST, 2, "entry", 3, 2, "put"],
      [FIRST, 2, "entry", 4, 2, records[4]?.["what"]],
      [SECOND, 3, "snapshot", 3, 2, "made, voters a1 b2, learners c3"],
      [SECOND, 3, "hard-state", 0, 2, "vote a1"],
    ],
  );
  assert.match(records[4]?.["what"] as string, /^not readable: /);
  assert.ok(records.every(({ offset, bytes }) => (offset as number) >= 54 && (bytes as number) > 0));
  assert.equal(fingerprint(folder, STORE), before);
  await storage.close();
  const text = await faultline("inspect", folder);
  assert.match(text.stdout, /^member a1 of cluster c1\n/);
  assert.match(text.stdout, /\n +\d+ +2 +entry +3 +2 +\d+ +put\n/);
  assert.match(
    text.stdout,
    /7 records; the log ends at offset \d+\n\nsnap\/0{15}3-0{15}2\.snap {2}made {2}index 3, term 2, \d+ bytes\n/,
  );
});

test("a torn end is told and not cut, a broken log names file and offset after what could be read", async () => {
  const { folder, storage } = await written();
  await storage.close();
  const last = join(folder, "member", SECOND);
  const whole = readFileSync(last);
  const again = await open(folder);
  await append(again, { hardState: null, entries: [entryOf(5, new Uint8Array(900).fill(7))] });
  await again.close();
  truncateSync(last, whole.length + 500);
  const before = fingerprint(folder);
  const torn = await faultline("inspect", folder);
  assert.equal(torn.code, 0, torn.stderr);
  assert.match(
    torn.stdout,
    /7 records; a batch at offset \d+ is not whole: being written, or torn \(a start cuts \d+ bytes off\)/,
  );
  assert.equal(fingerprint(folder), before);
  const first = join(folder, "member", FIRST);
  writeFileSync(
    first,
    readFileSync(first).map((byte, at) => (at === 300 ? byte ^ 1 : byte)),
  );
  const broken = await faultline("inspect", folder);
  assert.equal(broken.code, 69);
  assert.match(broken.stdout, /records before the log breaks/);
  assert.match(broken.stderr, /^[^\n]*: wal\/[0-9a-f-]+\.wal: corrupt at offset \d+ [^\n]*\n$/);
});

test("what is no data directory is one clear line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "faultline-inspect-"));
  folders.push(folder);
  const empty = await faultline("inspect", folder);
  assert.deepEqual([empty.code, empty.stdout], [64, ""]);
  assert.match(empty.stderr, /^[^\n]* holds no member's data: there is no member\/wal in it\n$/);
  const absent = await faultline("inspect", join(folder, "absent"));
  assert.match(absent.stderr, /^[^\n]*absent does not exist: name a member's data directory\n$/);
  await nodeDisk(folder).makeDirectory("wal");
  writeFileSync(join(folder, FIRST), "garbage ".repeat(100));
  const garbage = await faultline("inspect", folder);
  assert.equal(garbage.code, 69);
  assert.match(garbage.stderr, /^[^\n]*: corrupt at offset 0 [^\n]*\n$/);
});

/** A directory with two segments, a snapshot and a store, in use. */
async function written(): Promise<{ folder: string; storage: Storage }> {
  const folder = mkdtempSync(join(tmpdir(), "faultline-inspect-"));
  folders.push(folder);
  const storage = await open(folder);
  const put = InternalRaftRequest.create({
    put: PutRequest.create({ key: Buffer.from("k"), value: Buffer.alloc(100, "v") }),
  });
  const config: Entry = { ...entryOf(2, encodeConfigData(CONFIGURATION, new Uint8Array(0))), kind: "config" };
  const hardState = { term: 2 as Term, vote: IDENTITY.member, commit: 0 as LogIndex };
  await append(storage, { hardState, entries: [entryOf(1, new Uint8Array(0)), config] });
  await append(storage, {
    hardState: null,
    entries: [entryOf(3, InternalRaftRequest.encode(put)), entryOf(4, Uint8Array.of(255, 255, 255))],
  });
  const base: LogBase = { index: 3 as LogIndex, term: 2 as Term, configuration: CONFIGURATION };
  storage.buffer.put("key", Uint8Array.of(1), Uint8Array.of(2));
  storage.buffer.applied(base);
  await storage.makeSnapshot();
  await storage.buffer.flush();
  await new Promise<void>((resolve) => {
    assert.deepEqual(
      storage.compact(null, () => resolve()),
      base,
    );
  });
  return { folder, storage };
}

function open(folder: string): Promise<Storage> {
  return openStorage({
    disk: nodeDisk(join(folder, "member")),
    identity: IDENTITY,
    founding: null,
    clock: nodeClock,
    openBackend: (name) => openLmdbBackend(join(folder, "member", name)),
    failed: (error) => assert.fail(error),
    segmentMaxBytes: 300,
  });
}

function append(storage: Storage, batch: WalBatch): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.wal.append(batch, (error) => (error === null ? resolve() : reject(error)));
  });
}

function entryOf(index: number, data: Uint8Array): Entry {
  return { term: 2 as Term, index: index as LogIndex, kind: "normal", data };
}

/** Every file's name and a hash of its bytes, but those whose path begins with `except`. */
function fingerprint(folder: string, except?: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => statSync(join(folder, name)).isFile() && (except === undefined || !name.startsWith(except)))
    .sort()
    .map(
      (name) =>
        `${name} ${createHash("sha256")
          .update(readFileSync(join(folder, name)))
          .digest("hex")}`,
    )
    .join("\n");
}
