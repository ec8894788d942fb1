/**
 * What was applied and is not in the backend yet (D5). Readers see through it: pending changes lie above those being committed, and
 * those above the backend. A commit takes whole entries only, with the state of the log after the last of them, and is due 100 ms
 * after the first change, or at 2,500 operations or 16 MiB (handing that many to the backend takes some milliseconds). One commit is
 * under way at a time; its durability is only waited for by those who ask.
 */
import { assert } from "../../base/assert.ts";
import type { LogIndex } from "../../base/ids.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { LogBase } from "../model.ts";
import {
  type Backend,
  BackendError,
  BUCKETS,
  type Bucket,
  type BucketReader,
  type Change,
  type KeyValue,
  type Range,
} from "./backend.ts";
import { LayerBucket, type LayerWalk, mergeRange, visitAll } from "./layer.ts";
import { bytesOf, textOf } from "./sorted.ts";

export interface WriteBufferOptions {
  readonly backend: Backend;
  readonly clock: Clock;
  /** The backend failed: nothing that was not durable can be relied on. Called at most once. */
  readonly failed: (error: Error) => void;
  readonly commitMs?: number;
  readonly maxOperations?: number;
  readonly maxBytes?: number;
}

const COMMIT_MS = 100;
const MAX_OPERATIONS = 2500;
const MAX_BYTES = 16 * 1024 ** 2;
/** How many commits' worth may wait before whoever applies should. */
const FULL_AT = 2;

/** Changes of one commit: the last of each key. */
class Layer {
  readonly changes: ReadonlyMap<Bucket, LayerBucket> = new Map(BUCKETS.map((bucket) => [bucket, new LayerBucket()]));
  operations = 0;
  bytes = 0;
  /** Of the last whole entry; null before the first. */
  base: LogBase | null = null;
  /** Changes of an entry that is not whole yet. */
  isOpen = false;

  add(change: Change): void {
    this.operations++;
    this.bytes += change.key.length + (change.value?.length ?? 0);
    this.isOpen = true;
    this.of(change.bucket).set(textOf(change.key), change);
  }

  of(bucket: Bucket): LayerBucket {
    return this.changes.get(bucket) as LayerBucket;
  }

  all(): readonly Change[] {
    const all: Change[] = [];
    for (const bucket of this.changes.values()) for (const change of bucket.all()) all.push(change);
    return all;
  }
}

export class WriteBuffer implements BucketReader {
  readonly #options: Required<WriteBufferOptions>;
  #pending = new Layer();
  #committing: Layer | null = null;
  #commit: Promise<void> = Promise.resolve();
  #defragmenting: Promise<void> | null = null;
  #timer: Timer | null = null;
  #durable: LogBase | null;
  #lastDurable: Promise<void> = Promise.resolve();
  #error: Error | null = null;

  constructor(options: WriteBufferOptions) {
    this.#options = { commitMs: COMMIT_MS, maxOperations: MAX_OPERATIONS, maxBytes: MAX_BYTES, ...options };
    this.#durable = options.backend.base;
  }

  /** Up to here the log is not needed: the state survives a power cut. Null: nothing does. */
  get durableBase(): LogBase | null {
    return this.#durable;
  }

  /** Up to here everything is applied, buffered or not; 0 at the beginning. */
  get appliedIndex(): LogIndex {
    return this.#appliedBase?.index ?? (0 as LogIndex);
  }

  get #appliedBase(): LogBase | null {
    return this.#pending.base ?? this.#committing?.base ?? this.#options.backend.base;
  }

  get sizeBytes(): number {
    return this.#options.backend.sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#options.backend.sizeInUseBytes;
  }

  /** Whoever applies should wait for `commit`: the disk does not keep up. */
  get isFull(): boolean {
    const { operations, bytes } = this.#pending;
    return operations >= FULL_AT * this.#options.maxOperations || bytes >= FULL_AT * this.#options.maxBytes;
  }

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    this.#pending.add({ bucket, key, value });
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    this.#pending.add({ bucket, key, value: null });
  }

  /** The entry at `base.index` is applied: what was put and deleted since the one before belongs to it. */
  applied(base: LogBase): void {
    assert(base.index > this.appliedIndex, "entries are applied in order, each once", { index: base.index });
    this.#closeEntry(base);
  }

  /**
   * What was put and deleted since the last entry belongs to none: state that follows from what was applied, such as the removal of
   * what nobody can read. It is committed with the state of the log as it is.
   */
  unlogged(): void {
    if (!this.#pending.isOpen) return;
    const base = this.#appliedBase;
    assert(base !== null, "nothing follows from no entry at all");
    this.#closeEntry(base);
  }

  #closeEntry(base: LogBase): void {
    this.#pending.base = base;
    this.#pending.isOpen = false;
    if (this.#isDue()) void this.commit();
    else this.#timer ??= this.#options.clock.after(this.#options.commitMs, () => void this.commit());
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    const change = this.#changeOf(bucket, key);
    return change === undefined ? this.#options.backend.get(bucket, key) : change.value;
  }

  peek(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    const change = this.#changeOf(bucket, key);
    return change === undefined ? this.#options.backend.peek(bucket, key) : change.value;
  }

  #changeOf(bucket: Bucket, key: Uint8Array): Change | undefined {
    const pending = this.#pending.of(bucket);
    const committing = this.#committing?.of(bucket);
    if (pending.size === 0 && (committing === undefined || committing.size === 0)) return undefined;
    const text = textOf(key);
    return pending.get(text) ?? committing?.get(text);
  }

  range(bucket: Bucket, range: Range): readonly KeyValue[] {
    const above = this.#changesIn(bucket, range);
    const { backend } = this.#options;
    return above.length === 0 ? backend.range(bucket, range) : mergeRange(above, backend, bucket, range);
  }

  scan(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): Uint8Array | null {
    const above = this.#changesIn(bucket, range);
    const { backend } = this.#options;
    // Mostly what is buffered is newer than what is scanned: up to there the backend tells all.
    const first = above.map(({ key }) => key as string).sort()[0];
    const last = backend.scan(bucket, first === undefined ? range : { ...range, to: bytesOf(first) }, visit);
    return last !== null || first === undefined ? last : visitAll(mergeRange(above, backend, bucket, range), visit);
  }

  /** What is buffered of a range, oldest first. */
  #changesIn(bucket: Bucket, range: Range): readonly LayerWalk[] {
    const [from, to] = [range.from ? textOf(range.from) : "", range.to ? textOf(range.to) : null];
    const layers = this.#committing === null ? [this.#pending] : [this.#committing, this.#pending];
    return layers.map((layer) => layer.of(bucket).walk(from, to)).filter((walk) => walk.key !== null);
  }

  /** Everything applied by now is visible in the backend when this resolves. Never rejects: `failed` tells. */
  async commit(): Promise<void> {
    // One at a time: what is pending when the one under way has ended goes as a whole.
    while (this.#isBusy) await (this.#defragmenting ?? this.#commit);
    if (this.#error !== null || this.#pending.base === null) return;
    this.#commit = this.#commitPending(this.#pending.base);
    await this.#commit;
  }

  /** Everything applied by now is durable when this resolves. Never rejects: `failed` tells. */
  async flush(): Promise<void> {
    await this.commit();
    await this.#lastDurable;
  }

  /** A file beside the backend's own with one state of it: which. Everything applied before is in it. */
  async copyTo(name: string): Promise<LogBase> {
    await this.commit();
    if (this.#error !== null) throw this.#error;
    return this.#options.backend.copyTo(name);
  }

  /** Gives back to the disk what the backend has free. Reads and writes go on, commits wait. Rejects when nothing has come of it. */
  async defragment(): Promise<void> {
    while (this.#isBusy) await (this.#defragmenting ?? this.#commit);
    if (this.#error !== null) throw this.#error;
    const running = this.#options.backend.defragment();
    this.#defragmenting = running.then(
      () => {},
      (error: unknown) => {
        if (error instanceof BackendError) this.#fail(error);
      },
    );
    await this.#defragmenting;
    this.#defragmenting = null;
    if (this.#isDue()) void this.commit();
    await running;
  }

  /** Commits what was applied, and closes the backend once it is durable. */
  async close(): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#error === null) await this.#options.backend.close();
  }

  get #isBusy(): boolean {
    return this.#committing !== null || this.#defragmenting !== null;
  }

  #isDue(): boolean {
    const { operations, bytes } = this.#pending;
    return operations >= this.#options.maxOperations || bytes >= this.#options.maxBytes;
  }

  async #commitPending(base: LogBase): Promise<void> {
    assert(!this.#pending.isOpen, "a commit takes whole entries");
    this.#timer?.cancel();
    this.#timer = null;
    const layer = this.#pending;
    this.#committing = layer;
    this.#pending = new Layer();
    try {
      const { visible, durable } = this.#options.backend.commit(layer.all(), base);
      this.#lastDurable = durable.then(
        () => {
          this.#durable = base;
        },
        (error: unknown) => this.#fail(error),
      );
      await visible;
      this.#committing = null;
    } catch (error) {
      this.#fail(error);
      this.#committing = null;
      return;
    }
    if (this.#isDue()) void this.commit();
  }

  #fail(error: unknown): void {
    if (this.#error !== null) return;
    this.#error = error instanceof Error ? error : new Error(String(error));
    this.#options.failed(this.#error);
  }
}
