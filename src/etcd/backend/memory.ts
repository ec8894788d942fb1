/**
 * The backend in memory, for the simulator and as the real one's twin. Its durable state is one file, its last flushed image: a
 * checksum, then every key and value. The file is replaced as a whole (written aside, synced, renamed), one at a time: what is
 * committed during a flush goes into the next.
 */
import { assert } from "../../base/assert.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { Disk } from "../../env/disk.ts";
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
import { ENTRY_BYTES, MemoryBuckets } from "./buckets.ts";

interface State {
  base: LogBase | null;
  readonly buckets: MemoryBuckets;
}

interface Flush {
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const CHECKSUM_BYTES = 4;
const LENGTH_BYTES = 4;

assert(2 * LENGTH_BYTES <= ENTRY_BYTES, "an entry's lengths have room in what an entry is counted as");

/** Opens the image `name` within its existing directory, or begins empty. Rejects with `BackendError` when it is damaged. */
export async function openMemoryBackend(disk: Disk, name: string): Promise<Backend> {
  const directory = name.slice(0, Math.max(0, name.lastIndexOf("/"))) || ".";
  const names = (await disk.list(directory)).map((each) => (directory === "." ? each : `${directory}/${each}`));
  const unfinished = `${name}.tmp`;
  if (names.includes(unfinished)) await disk.remove(unfinished);
  // A killed process may leave a rename that was never synced: what is found here counts as durable.
  await disk.syncDirectory(directory);
  const state = names.includes(name) ? decodeImage(await disk.read(name), name) : emptyState();
  return new MemoryBackend(disk, { name, unfinished, directory }, state);
}

class MemoryBackend implements Backend {
  readonly #disk: Disk;
  readonly #files: { readonly name: string; readonly unfinished: string; readonly directory: string };
  readonly #state: State;
  /** Under way, and what comes after it. */
  #flushing: Flush | null = null;
  #next: Flush | null = null;

  constructor(disk: Disk, files: { name: string; unfinished: string; directory: string }, state: State) {
    this.#disk = disk;
    this.#files = files;
    this.#state = state;
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

  range(bucket: Bucket, range: Range): readonly KeyValue[] {
    return this.#state.buckets.range(bucket, range);
  }

  commit(changes: readonly Change[], base: LogBase): Committed {
    for (const { bucket, key, value } of changes) {
      assert(key.length <= KEY_MAX_BYTES, "a key is no longer than any backend takes", { bytes: key.length });
      if (value === null) this.#state.buckets.delete(bucket, key);
      else this.#state.buckets.put(bucket, key, value);
    }
    this.#state.base = base;
    this.#next ??= makeFlush();
    const durable = this.#next.done;
    if (this.#flushing === null) void this.#flush();
    return { visible: Promise.resolve(), durable };
  }

  async copyTo(name: string): Promise<LogBase> {
    const { base } = this.#state;
    assert(base !== null, "what is copied was committed");
    await this.#write(name, encodeImage(this.#state));
    return base;
  }

  /** An image has nothing free. */
  async defragment(): Promise<void> {}

  async close(): Promise<void> {
    while (this.#next !== null || this.#flushing !== null) await (this.#next ?? this.#flushing)?.done;
  }

  async #flush(): Promise<void> {
    while (this.#next !== null) {
      const flush = this.#next;
      this.#flushing = flush;
      this.#next = null;
      try {
        await this.#replaceImage(encodeImage(this.#state));
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

  async #replaceImage(image: Uint8Array): Promise<void> {
    const { name, unfinished, directory } = this.#files;
    await this.#write(unfinished, image);
    await this.#disk.rename(unfinished, name);
    await this.#disk.syncDirectory(directory);
  }

  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const file = await this.#disk.open(name, { create: true });
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

function emptyState(): State {
  return { base: null, buckets: new MemoryBuckets() };
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

// --------------------------------------------------------------------------------------------------------------- image

/** The base, then for each bucket its keys and values in order; every part behind its length, a bucket behind its count. */
function encodeImage({ base, buckets }: State): Uint8Array {
  assert(base !== null, "an image is of something committed");
  const encodedBase = encodeBase(base);
  const room = CHECKSUM_BYTES + LENGTH_BYTES * (1 + BUCKETS.length) + encodedBase.length + buckets.sizeBytes;
  const image = Buffer.allocUnsafe(room);
  let at = image.writeUInt32BE(encodedBase.length, CHECKSUM_BYTES);
  image.set(encodedBase, at);
  at += encodedBase.length;
  for (const bucket of BUCKETS) {
    at = image.writeUInt32BE(buckets.count(bucket), at);
    buckets.each(bucket, (key, value) => {
      at = image.writeUInt32BE(key.length, at);
      at += image.write(key, at, "latin1");
      at = image.writeUInt32BE(value.length, at);
      image.set(value, at);
      at += value.length;
    });
  }
  image.writeUInt32BE(crc32c(image, 0, CHECKSUM_BYTES, at));
  return image.subarray(0, at);
}

function decodeImage(image: Uint8Array, name: string): State {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  if (bytes.length < CHECKSUM_BYTES || bytes.readUInt32BE() !== crc32c(bytes, 0, CHECKSUM_BYTES))
    throw new BackendError(`${name}: damaged: its checksum does not hold`);
  let at = CHECKSUM_BYTES;
  const number = (): number => {
    at += LENGTH_BYTES;
    return bytes.readUInt32BE(at - LENGTH_BYTES);
  };
  const part = (): Uint8Array => {
    const length = number();
    at += length;
    return Uint8Array.from(bytes.subarray(at - length, at));
  };
  const state = emptyState();
  state.base = decodeBase(part());
  for (const bucket of BUCKETS) {
    for (let left = number(); left > 0; left--) state.buckets.put(bucket, part(), part());
  }
  return state;
}
