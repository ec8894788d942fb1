/**
 * The backend on disk: one LMDB file, one tree in it; a key is the bucket's number and the key's own bytes. Reads are synchronous,
 * from the memory map. A commit is one transaction, written by LMDB's own thread, and durable when LMDB says `flushed`. Its syncs do
 * not overlap commits: pages are synced before the meta page that makes them the database, so that any start finds the last commit.
 *
 * The file is opened by one process (the data directory's lock) and within it once.
 */
import { open as openFile, rm } from "node:fs/promises";
import { open, type RootDatabase } from "lmdb";
import { assert } from "../../base/assert.ts";
import type { LogBase } from "../model.ts";
import {
  type Backend,
  BackendError,
  BUCKETS,
  type Bucket,
  type Change,
  type Committed,
  KEY_MAX_BYTES,
  type KeyValue,
  type Range,
} from "./backend.ts";
import { decodeBase, encodeBase } from "./base-codec.ts";

type Database = RootDatabase<Uint8Array, Uint8Array>;

/** Below every bucket's number. */
const BASE_KEY = Uint8Array.of(0);

/** Where things lie in LMDB's two meta pages, and the number they begin with. */
const META = { bytes: 192, magic: 24, pageBytes: 48, lastPage: 144, number: 0xbeefc0de } as const;

/** Opens `path`, making it when it is not there; its directory is. Rejects with `BackendError` when it is no whole database. */
export async function openLmdbBackend(path: string): Promise<Backend> {
  const why = await whyNoDatabase(path);
  if (why !== null) throw new BackendError(`${path}: ${why}`);
  // What a killed process or a replaced file left of readers and locks concerns nobody.
  await rm(lockOf(path), { force: true });
  return new LmdbBackend(openDatabase(path, false), path);
}

function openDatabase(path: string, readOnly: boolean): Database {
  try {
    return open<Uint8Array, Uint8Array>({
      path,
      noSubdir: true,
      readOnly,
      encoding: "binary",
      keyEncoding: "binary",
      cache: false,
      overlappingSync: false,
      separateFlushed: true,
    });
  } catch (error) {
    throw new BackendError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

class LmdbBackend implements Backend {
  readonly #database: Database;
  readonly #directory: string;
  #base: LogBase | null;
  #durable: Promise<void> = Promise.resolve();

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#directory = path.slice(0, path.lastIndexOf("/") + 1);
    this.#base = readBase(database);
  }

  get base(): LogBase | null {
    return this.#base;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.#database.getBinary(keyOf(bucket, key)) ?? null;
  }

  *range(bucket: Bucket, { from, to, limit = Number.POSITIVE_INFINITY }: Range): Generator<KeyValue> {
    const start = keyOf(bucket, from ?? new Uint8Array(0));
    const end = to === undefined ? Uint8Array.of(numberOf(bucket) + 1) : keyOf(bucket, to);
    if (Buffer.compare(start, end) >= 0) return;
    let left = limit;
    for (const { key, value } of this.#database.getRange({ start, end })) {
      if (left-- <= 0) return;
      yield { key: key.slice(1), value };
    }
  }

  commit(changes: readonly Change[], base: LogBase): Committed {
    const written = this.#database.batch(() => {
      for (const { bucket, key, value } of changes) {
        if (value === null) void this.#database.remove(keyOf(bucket, key));
        else void this.#database.put(keyOf(bucket, key), value);
      }
      void this.#database.put(BASE_KEY, encodeBase(base));
    });
    const visible = written.then(() => {
      this.#base = base;
      this.#database.resetReadTxn();
    });
    const { flushed } = written as typeof written & { readonly flushed: Promise<unknown> };
    const before = this.#durable;
    this.#durable = visible.then(async () => {
      await flushed;
      await before;
    });
    // Whoever asks is told; that nobody asked is no reason to end the process.
    this.#durable.catch(() => {});
    return { visible, durable: this.#durable };
  }

  async copyTo(name: string): Promise<LogBase> {
    const path = this.#directory + name.slice(name.lastIndexOf("/") + 1);
    await this.#database.backup(path, false);
    // Commits have gone on since it was asked for: the copy itself knows what it holds.
    const copy = openDatabase(path, true);
    const base = readBase(copy);
    await copy.close();
    await rm(lockOf(path), { force: true });
    assert(base !== null, "what is copied was committed");
    return base;
  }

  async close(): Promise<void> {
    await this.#durable;
    await this.#database.close();
  }
}

/**
 * Told before LMDB sees the file, as LMDB ends the process over one that it cannot read, and over a page behind the file's end. Null
 * for one that is absent or empty, too. One of the two meta pages may speak of pages that a power cut took. And what a killed process
 * wrote and did not sync is made durable: from here on it counts as that.
 */
async function whyNoDatabase(path: string): Promise<string | null> {
  let file: Awaited<ReturnType<typeof openFile>>;
  try {
    file = await openFile(path, "r");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  try {
    const { size } = await file.stat();
    if (size === 0) return null;
    await file.sync();
    const meta = Buffer.alloc(META.bytes);
    let pageBytes = 0;
    let lastPage = Number.POSITIVE_INFINITY;
    for (const page of [0, 1]) {
      const { bytesRead } = await file.read(meta, 0, META.bytes, page * pageBytes);
      if (bytesRead < META.bytes || meta.readUInt32LE(META.magic) !== META.number) return "not a database of LMDB's";
      pageBytes = meta.readUInt32LE(META.pageBytes);
      lastPage = Math.min(lastPage, Number(meta.readBigUInt64LE(META.lastPage)));
    }
    return size < (lastPage + 1) * pageBytes ? `cut: ${size} bytes of ${(lastPage + 1) * pageBytes}` : null;
  } finally {
    await file.close();
  }
}

function readBase(database: Database): LogBase | null {
  const bytes = database.getBinary(BASE_KEY);
  return bytes === undefined ? null : decodeBase(bytes);
}

function numberOf(bucket: Bucket): number {
  return BUCKETS.indexOf(bucket) + 1;
}

function keyOf(bucket: Bucket, key: Uint8Array): Uint8Array {
  assert(key.length <= KEY_MAX_BYTES, "a key is no longer than any backend takes", { bytes: key.length });
  const bytes = Buffer.allocUnsafe(key.length + 1);
  bytes[0] = numberOf(bucket);
  bytes.set(key, 1);
  return bytes;
}

function lockOf(path: string): string {
  return `${path}-lock`;
}
