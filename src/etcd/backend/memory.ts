/**
 * The backend in memory, for the simulator and as the real one's twin. Its durable state is one file of commits, each written behind
 * the one before, one at a time: what is committed during a flush goes into the next. When most of the file is of no use any more
 * it is replaced as a whole (written aside, synced, renamed).
 */
import { assert } from "../../base/assert.ts";
import type { Disk, DiskFile } from "../../env/disk.ts";
import type { LogBase } from "../model.ts";
import {
  type Backend,
  type Bucket,
  type Change,
  type Committed,
  KEY_MAX_BYTES,
  type KeyValue,
  type Range,
} from "./backend.ts";
import { decodeImage, emptyState, encodeCommit, encodeState, type State } from "./memory-image.ts";

interface Files {
  readonly name: string;
  readonly unfinished: string;
  readonly directory: string;
}

/** The file as it is; null: the next commit makes a new one. */
type Opened = { readonly file: DiskFile; bytes: number } | null;

interface Flush {
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A file of so many times what it holds, and some more, is replaced. */
const WASTE_FACTOR = 2;
const WASTE_BYTES = 4096;

/** Opens the file `name` within its existing directory, or begins empty. Rejects with `BackendError` when it is damaged. */
export async function openMemoryBackend(disk: Disk, name: string): Promise<Backend> {
  const directory = name.slice(0, Math.max(0, name.lastIndexOf("/"))) || ".";
  const names = (await disk.list(directory)).map((each) => (directory === "." ? each : `${directory}/${each}`));
  const unfinished = `${name}.tmp`;
  if (names.includes(unfinished)) await disk.remove(unfinished);
  const files = { name, unfinished, directory };
  // A killed process may leave a rename that was never synced: what is found here counts as durable.
  await disk.syncDirectory(directory);
  if (!names.includes(name)) return new MemoryBackend(disk, files, emptyState(), null);
  const file = await disk.open(name, { create: false });
  // So may it leave a commit.
  await file.sync();
  const image = await disk.read(name);
  const { state, isTorn } = decodeImage(image, name);
  if (!isTorn) return new MemoryBackend(disk, files, state, { file, bytes: image.length });
  await file.close();
  return new MemoryBackend(disk, files, state, null);
}

class MemoryBackend implements Backend {
  readonly #disk: Disk;
  readonly #files: Files;
  readonly #state: State;
  #opened: Opened;
  /** Committed, and not being flushed yet. */
  #unflushed: Change[] = [];
  /** Under way, and what comes after it. */
  #flushing: Flush | null = null;
  #next: Flush | null = null;

  constructor(disk: Disk, files: Files, state: State, opened: Opened) {
    this.#disk = disk;
    this.#files = files;
    this.#state = state;
    this.#opened = opened;
  }

  get base(): LogBase | null {
    return this.#state.base;
  }

  get sizeBytes(): number {
    return this.#state.buckets.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#state.buckets.sizeInUseBytes;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.#state.buckets.get(bucket, key);
  }

  peek(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.get(bucket, key);
  }

  range(bucket: Bucket, range: Range): readonly KeyValue[] {
    return this.#state.buckets.range(bucket, range);
  }

  scan(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): Uint8Array | null {
    return this.#state.buckets.scan(bucket, range, visit);
  }

  commit(changes: readonly Change[], base: LogBase): Committed {
    for (const { bucket, key, value } of changes) {
      assert(key.length <= KEY_MAX_BYTES, "a key is no longer than any backend takes", { bytes: key.length });
      if (value === null) this.#state.buckets.delete(bucket, key);
      else this.#state.buckets.put(bucket, key, value);
    }
    this.#unflushed.push(...changes);
    this.#state.base = base;
    this.#next ??= makeFlush();
    const durable = this.#next.done;
    if (this.#flushing === null) void this.#flush();
    return { visible: Promise.resolve(), durable };
  }

  async copyTo(name: string): Promise<LogBase> {
    const { base } = this.#state;
    assert(base !== null, "what is copied was committed");
    await (await this.#write(name, encodeState(this.#state))).close();
    return base;
  }

  /** What is free is no more than what is not. */
  async defragment(): Promise<void> {}

  async close(): Promise<void> {
    while (this.#next !== null || this.#flushing !== null) await (this.#next ?? this.#flushing)?.done;
    await this.#opened?.file.close();
  }

  async #flush(): Promise<void> {
    while (this.#next !== null) {
      const flush = this.#next;
      this.#flushing = flush;
      this.#next = null;
      try {
        await this.#flushOnce();
        flush.resolve();
      } catch (error) {
        // Nobody knows what the disk holds: nothing is durable any more.
        flush.reject(error);
        (this.#next as Flush | null)?.reject(error);
        this.#next = null;
      }
      this.#flushing = null;
    }
  }

  async #flushOnce(): Promise<void> {
    const { base, buckets } = this.#state;
    assert(base !== null, "what is flushed was committed");
    const changes = this.#unflushed;
    this.#unflushed = [];
    const opened = this.#opened;
    if (opened === null || opened.bytes > WASTE_FACTOR * buckets.sizeBytes + WASTE_BYTES) {
      await this.#replace(encodeState(this.#state));
      return;
    }
    const commit = encodeCommit(changes, base);
    await opened.file.write(commit, opened.bytes);
    await opened.file.sync();
    opened.bytes += commit.length;
  }

  async #replace(image: Uint8Array): Promise<void> {
    const { name, unfinished, directory } = this.#files;
    const file = await this.#write(unfinished, image);
    await this.#disk.rename(unfinished, name);
    await this.#disk.syncDirectory(directory);
    await this.#opened?.file.close();
    this.#opened = { file, bytes: image.length };
  }

  /** A new file, synced. */
  async #write(name: string, bytes: Uint8Array): Promise<DiskFile> {
    const file = await this.#disk.open(name, { create: true });
    try {
      await file.write(bytes, 0);
      await file.sync();
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }
}

function makeFlush(): Flush {
  let resolve = (): void => {};
  let reject: Flush["reject"] = () => {};
  const done = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  // Whoever asks is told; that nobody asked is no reason to end the process.
  done.catch(() => {});
  return { done, resolve, reject };
}
