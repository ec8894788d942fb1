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

interface Size {
  readonly all: number;
  readonly inUse: number;
}

/** What LMDB says of one of its trees, in pages; the package does not declare it. */
interface TreeStats {
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

interface Stats {
  readonly pageSize: number;
  readonly lastPageNumber: number;
  /** Of what is stored, and of the pages that are free. */
  readonly root: TreeStats;
  readonly free: TreeStats;
}

/** Below every bucket's number. */
const BASE_KEY = Uint8Array.of(0);
const NO_BYTES = new Uint8Array(0);

/** Where things lie in LMDB's two meta pages, and the number they begin with. */
const META = { pages: 2, bytes: 192, magic: 24, pageBytes: 48, lastPage: 144, number: 0xbeefc0de } as const;

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
  /** As of the last visible commit, like all that is read. */
  #size: Size;
  #durable: Promise<void> = Promise.resolve();

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#directory = path.slice(0, path.lastIndexOf("/") + 1);
    this.#base = readBase(database);
    this.#size = readSize(database);
  }

  get base(): LogBase | null {
    return this.#base;
  }

  get sizeBytes(): number {
    return this.#size.all;
  }

  get sizeInUseBytes(): number {
    return this.#size.inUse;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.#database.getBinary(keyOf(bucket, key)) ?? null;
  }

  range(bucket: Bucket, { from, to, limit, maxBytes = Number.POSITIVE_INFINITY }: Range): readonly KeyValue[] {
    const found: KeyValue[] = [];
    const start = keyOf(bucket, from ?? NO_BYTES);
    const end = to === undefined ? Uint8Array.of(numberOf(bucket) + 1) : keyOf(bucket, to);
    if (limit === 0 || Buffer.compare(start, end) >= 0) return found;
    let bytes = 0;
    for (const { key, value } of this.#database.getRange({ start, end, ...(limit !== undefined && { limit }) })) {
      if (bytes >= maxBytes) break;
      found.push({ key: key.subarray(1), value });
      bytes += key.length - 1 + value.length;
    }
    return found;
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
      this.#size = readSize(this.#database);
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

function readSize(database: Database): Size {
  const { pageSize, lastPageNumber, root, free } = database.getStats() as Stats;
  const pages = [root, free].map((tree) => tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages);
  const inUse = META.pages + pages.reduce((sum, count) => sum + count);
  return { all: (lastPageNumber + 1) * pageSize, inUse: inUse * pageSize };
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
