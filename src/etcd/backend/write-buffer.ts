/**
 * What was applied and is not in the backend yet (D5). Readers see through it: pending changes lie above those being committed, and
 * those above the backend. A commit takes whole entries only, with the state of the log after the last of them, and is due 100 ms
 * after the first change, or at 10,000 operations or 16 MiB. One commit is under way at a time; its durability is only waited for
 * by those who ask.
 */
import { assert } from "../../base/assert.ts";
import type { LogIndex } from "../../base/ids.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { LogBase } from "../model.ts";
import type { Backend, Bucket, BucketReader, Change, KeyValue, Range } from "./backend.ts";
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
const MAX_OPERATIONS = 10_000;
const MAX_BYTES = 16 * 1024 ** 2;
/** How many commits' worth may wait before whoever applies should. */
const FULL_AT = 4;

/** Changes of one commit: the last of each key. */
class Layer {
  readonly changes: Map<Bucket, Map<string, Change>> = new Map();
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
    const keys = this.changes.get(change.bucket);
    if (keys === undefined) this.changes.set(change.bucket, new Map([[textOf(change.key), change]]));
    else keys.set(textOf(change.key), change);
  }

  get(bucket: Bucket, key: string): Change | undefined {
    return this.changes.get(bucket)?.get(key);
  }

  all(): readonly Change[] {
    return [...this.changes.values()].flatMap((keys) => [...keys.values()]);
  }
}

export class WriteBuffer implements BucketReader {
  readonly #options: Required<WriteBufferOptions>;
  #pending = new Layer();
  #committing: Layer | null = null;
  #commit: Promise<void> = Promise.resolve();
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
    const base = this.#pending.base ?? this.#committing?.base ?? this.#options.backend.base;
    return base?.index ?? (0 as LogIndex);
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
    this.#pending.base = base;
    this.#pending.isOpen = false;
    if (this.#isDue()) void this.commit();
    else this.#timer ??= this.#options.clock.after(this.#options.commitMs, () => void this.commit());
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    const text = textOf(key);
    const change = this.#pending.get(bucket, text) ?? this.#committing?.get(bucket, text);
    return change === undefined ? this.#options.backend.get(bucket, key) : change.value;
  }

  *range(bucket: Bucket, { from, to, limit = Number.POSITIVE_INFINITY }: Range): Generator<KeyValue> {
    const above = this.#changesIn(bucket, from ? textOf(from) : "", to ? textOf(to) : null);
    const below = this.#options.backend.range(bucket, { ...(from && { from }), ...(to && { to }) });
    let left = limit;
    for (const found of merge(above, below)) {
      if (left-- <= 0) return;
      yield found;
    }
  }

  /** Everything applied by now is visible in the backend when this resolves. Never rejects: `failed` tells. */
  async commit(): Promise<void> {
    // One at a time: what is pending when the one under way has ended goes as a whole.
    while (this.#committing !== null) await this.#commit;
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

  /** Commits what was applied, and closes the backend once it is durable. */
  async close(): Promise<void> {
    await this.flush();
    this.#timer?.cancel();
    this.#timer = null;
    if (this.#error === null) await this.#options.backend.close();
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

  /** The buffered changes in a range, in order, the newest of each key. */
  #changesIn(bucket: Bucket, from: string, to: string | null): readonly (readonly [string, Change])[] {
    const found = new Map<string, Change>();
    for (const layer of [this.#committing, this.#pending]) {
      for (const [key, change] of layer?.changes.get(bucket) ?? [])
        if (key >= from && (to === null || key < to)) found.set(key, change);
    }
    return [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  }
}

/** Two ordered sequences as one; where both have a key, the change from above counts. */
function* merge(above: readonly (readonly [string, Change])[], below: Iterable<KeyValue>): Generator<KeyValue> {
  let at = 0;
  for (const lower of below) {
    const text = textOf(lower.key);
    for (let next = above[at]; next !== undefined && next[0] < text; next = above[++at]) yield* put(next);
    const same = above[at];
    if (same?.[0] !== text) yield lower;
    else {
      at++;
      yield* put(same);
    }
  }
  for (; at < above.length; at++) yield* put(above[at] as readonly [string, Change]);
}

function* put([key, { value }]: readonly [string, Change]): Generator<KeyValue> {
  if (value !== null) yield { key: bytesOf(key), value };
}
