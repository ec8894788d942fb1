/**
 * The backend on disk: one LMDB file, one tree in it; a key is the bucket's number and the key's own bytes. Reads are synchronous,
 * from the memory map. A commit is one transaction, written by LMDB's own thread, and durable when LMDB says `flushed`. Its syncs do
 * not overlap commits: pages are synced before the meta page that makes them the database, so that any start finds the last commit.
 *
 * The file is opened by one process (the data directory's lock) and within it once.
 */
import { open as openFile, rename, rm } from "node:fs/promises";
import { open, type RangeOptions, type RootDatabase } from "lmdb";
import { assert } from "../../base/assert.ts";
import { copyOf } from "../../base/shared-bytes.ts";
import type { LogBase } from "../model.ts";
import {
  type Backend,
  BackendError,
  BUCKETS,
  type Bucket,
  type BucketReader,
  type Change,
  type Committed,
  KEY_MAX_BYTES,
  type KeyValue,
  type Range,
} from "./backend.ts";
import { decodeBase, encodeBase } from "./base-codec.ts";
import { firstValueIn, META_PAGES, whyNoDatabase } from "./lmdb-file.ts";

/** The bucket's number and the key's own bytes: as such they come to `KEYS`, never joined in between. */
type Name = [number, Uint8Array];
type Database = RootDatabase<Uint8Array, Name>;

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

const NO_BYTES = new Uint8Array(0);
/** Below every bucket's number. */
const BASE_KEY: Name = [0, NO_BYTES];
const NAME_OF_BASE: Uint8Array = Uint8Array.of(BASE_KEY[0]);
const LAST_NUMBER: number = BUCKETS.length + 1;
/** The bucket of changes had it in files of an earlier version. */
const FORMER_NUMBER = 1;

const KEYS = {
  writeKey([bucket, key]: Name, target: Uint8Array, start: number): number {
    target[start] = bucket;
    target.set(key, start + 1);
    return start + 1 + key.length;
  },
  readKey(source: Uint8Array, start: number, end: number): Name {
    return [source[start] as number, copyOf(source, start + 1, end)];
  },
};
/** LMDB hands out views of its own memory: in a scan they are passed on. */
let areValuesCopied = true;
const VALUES = {
  encode: (value: Uint8Array): Uint8Array => value,
  decode: (source: Uint8Array, size: number): Uint8Array =>
    areValuesCopied ? copyOf(source, 0, size) : new Uint8Array(source.buffer, source.byteOffset, size),
};

/** Opens `path`, making it when it is not there; its directory is. Rejects with `BackendError` when it is no whole database. */
export async function openLmdbBackend(path: string): Promise<Backend> {
  const why = await whyNoDatabase(path);
  if (why !== null) throw new BackendError(`${path}: ${why}`);
  // What a killed process or a replaced file left of readers, locks and half a copy concerns nobody.
  for (const left of [lockOf(path), compactOf(path), lockOf(compactOf(path))]) await rm(left, { force: true });
  return new LmdbBackend(openDatabase(path, false), path);
}

/** Reads a file that nobody has open, such as a snapshot's; more may lie behind its last page. Rejects as `openLmdbBackend`. */
export async function readLmdbFile<Found>(
  path: string,
  read: (reader: BucketReader) => Promise<Found>,
): Promise<Found> {
  // LMDB makes a database of an empty file, but for one that it may only read: then it ends the process.
  const why = (await isEmpty(path)) ? "empty" : await whyNoDatabase(path);
  if (why !== null) throw new BackendError(`${path}: ${why}`);
  const backend = new LmdbBackend(openDatabase(path, true), path);
  try {
    return await read(backend);
  } finally {
    await backend.close();
    await rm(lockOf(path), { force: true });
  }
}

async function isEmpty(path: string): Promise<boolean> {
  const file = await openFile(path, "r");
  const { size } = await file.stat().finally(() => file.close());
  return size === 0;
}

function openDatabase(path: string, readOnly: boolean): Database {
  let database: Database;
  try {
    database = open<Uint8Array, Name>({
      path,
      noSubdir: true,
      readOnly,
      encoder: VALUES,
      keyEncoder: KEYS,
      cache: false,
      overlappingSync: false,
      separateFlushed: true,
    });
  } catch (error) {
    throw new BackendError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const former = {
    start: [FORMER_NUMBER, NO_BYTES],
    end: [FORMER_NUMBER + 1, NO_BYTES],
    limit: 1,
  } satisfies RangeOptions;
  if ([...database.getRange(former)].length === 0) return database;
  void database.close();
  throw new BackendError(`${path}: an earlier version of this server wrote it, whose buckets were in another order`);
}

class LmdbBackend implements Backend {
  #database: Database;
  readonly #path: string;
  #base: LogBase | null;
  /** As of the last visible commit, like all that is read. */
  #size: Size;
  #durable: Promise<void> = Promise.resolve();
  /** Copies are made one at a time. */
  #copied: Promise<unknown> = Promise.resolve();

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
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
    const found = this.#database.getBinaryFast(nameOf(bucket, key));
    return found === undefined ? null : copyOf(found, 0, found.length);
  }

  peek(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    const found = this.#database.getBinaryFast(nameOf(bucket, key));
    // Its length is a property that LMDB sets; as memory it is longer.
    return found === undefined ? null : new Uint8Array(found.buffer, found.byteOffset, found.length);
  }

  range(bucket: Bucket, range: Range): readonly KeyValue[] {
    const found: KeyValue[] = [];
    this.#visit(bucket, range, (key, value) => found.push({ key, value }));
    return found;
  }

  scan(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): Uint8Array | null {
    let last: Uint8Array | null = null;
    areValuesCopied = false;
    try {
      this.#visit(bucket, range, (key, value) => {
        visit(key, value);
        last = key;
      });
    } finally {
      areValuesCopied = true;
    }
    return last;
  }

  #visit(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): void {
    const { from, to, limit, maxBytes = Number.POSITIVE_INFINITY } = range;
    const start = nameOf(bucket, from ?? NO_BYTES);
    const end: Name = to === undefined ? [numberOf(bucket) + 1, NO_BYTES] : nameOf(bucket, to);
    if (limit === 0 || (to !== undefined && Buffer.compare(start[1], to) >= 0)) return;
    let bytes = 0;
    for (const {
      key: [, key],
      value,
    } of this.#database.getRange({ start, end, ...(limit !== undefined && { limit }) })) {
      if (bytes >= maxBytes) break;
      bytes += key.length + value.length;
      visit(key, value);
    }
  }

  commit(changes: readonly Change[], base: LogBase): Committed {
    const written = this.#database.batch(() => {
      for (const { bucket, key, value } of changes) {
        if (value === null) void this.#database.remove(nameOf(bucket, key));
        else void this.#database.put(nameOf(bucket, key), value);
      }
      void this.#database.put(BASE_KEY, encodeBase(base));
    });
    const visible = written.then(() => {
      this.#base = base;
      this.#database.resetReadTxn();
      this.#size = readSize(this.#database);
    }, throwCommitFailure);
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

  copyTo(name: string): Promise<LogBase> {
    return this.#oneAtATime(async () => {
      const path = directoryOf(this.#path) + name.slice(name.lastIndexOf("/") + 1);
      await this.#database.backup(path, false);
      // Commits have gone on since it was asked for: the copy itself knows what it holds.
      const base = await firstValueIn(path, NAME_OF_BASE);
      assert(base !== null, "what is copied was committed");
      return decodeBase(base);
    });
  }

  /**
   * A copy without free pages, synced and open, is renamed to be the database; from then on it is read, and the old file is closed. A
   * crash finds one file or the other, both of the last commit.
   */
  defragment(): Promise<void> {
    return this.#oneAtATime(async () => {
      const path = compactOf(this.#path);
      let compact: Database | null = null;
      try {
        // The file in use may have had this name, and so has this lock.
        await rm(lockOf(path), { force: true });
        await this.#database.backup(path, true);
        await sync(path);
        compact = openDatabase(path, false);
        await rename(path, this.#path);
      } catch (error) {
        await compact?.close();
        await rm(path, { force: true });
        throw error instanceof BackendError ? new Error(error.message) : error;
      }
      const before = this.#database;
      this.#database = compact;
      this.#size = readSize(compact);
      await sync(directoryOf(this.#path) || ".").catch((error: unknown) => {
        throw new BackendError(`${this.#path}: ${error instanceof Error ? error.message : String(error)}`);
      });
      await before.close();
    });
  }

  #oneAtATime<Result>(make: () => Promise<Result>): Promise<Result> {
    const made = this.#copied.then(make);
    this.#copied = made.catch(() => {});
    return made;
  }

  async close(): Promise<void> {
    await this.#copied;
    await this.#durable;
    await this.#database.close();
  }
}

/** LMDB's error names a promise for the cause, which may never say it and which nobody else awaits. LMDB prints the cause itself. */
function throwCommitFailure(error: unknown): never {
  (error as { commitError?: Promise<unknown> }).commitError?.catch(() => {});
  throw new BackendError("a commit of the store could not be written");
}

function readBase(database: Database): LogBase | null {
  const bytes = database.getBinary(BASE_KEY);
  return bytes === undefined ? null : decodeBase(bytes);
}

function readSize(database: Database): Size {
  const { pageSize, lastPageNumber, root, free } = database.getStats() as Stats;
  const pages = [root, free].map((tree) => tree.treeBranchPageCount + tree.treeLeafPageCount + tree.overflowPages);
  const inUse = META_PAGES + pages.reduce((sum, count) => sum + count);
  return { all: (lastPageNumber + 1) * pageSize, inUse: inUse * pageSize };
}

/**
 * The bucket of changes comes last: they are put in order, and at the end of its tree LMDB leaves full pages behind, elsewhere pages
 * that are full by two thirds.
 */
function numberOf(bucket: Bucket): number {
  return bucket === "key" ? LAST_NUMBER : BUCKETS.indexOf(bucket) + 1;
}

function nameOf(bucket: Bucket, key: Uint8Array): Name {
  assert(key.length <= KEY_MAX_BYTES, "a key is no longer than any backend takes", { bytes: key.length });
  return [numberOf(bucket), key];
}

/** Unsynced, or not yet in the database's place. */
function compactOf(path: string): string {
  return `${path}.tmp`;
}

/** With the slash that ends it. */
function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

async function sync(path: string): Promise<void> {
  const file = await openFile(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

function lockOf(path: string): string {
  return `${path}-lock`;
}
