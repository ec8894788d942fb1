/** Buckets in memory, in order: what the memory backend keeps, and by itself a store's storage where nothing needs to last. */
import { BUCKETS, type Bucket, type BucketReader, type KeyValue, type Range } from "./backend.ts";
import { visitAll } from "./layer.ts";
import { bytesOf, SortedMap, textOf } from "./sorted.ts";

/** Beside its key and value, roughly what LMDB spends on an entry. */
export const ENTRY_BYTES = 16;

export class MemoryBuckets implements BucketReader {
  readonly #buckets: ReadonlyMap<Bucket, SortedMap<Uint8Array>> = new Map(
    BUCKETS.map((bucket) => [bucket, new SortedMap<Uint8Array>()]),
  );
  #sizeBytes = 0;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get sizeInUseBytes(): number {
    return this.#sizeBytes;
  }

  /** Entries in a bucket. */
  count(bucket: Bucket): number {
    return this.#of(bucket).size;
  }

  get(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.#of(bucket).get(textOf(key)) ?? null;
  }

  peek(bucket: Bucket, key: Uint8Array): Uint8Array | null {
    return this.get(bucket, key);
  }

  scan(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): Uint8Array | null {
    return visitAll(this.range(bucket, range), visit);
  }

  range(bucket: Bucket, { from, to, limit, maxBytes }: Range): readonly KeyValue[] {
    const found: KeyValue[] = [];
    let bytes = 0;
    for (const [key, value] of this.#of(bucket).entries(from ? textOf(from) : "", to ? textOf(to) : null)) {
      if (found.length >= (limit ?? Number.POSITIVE_INFINITY)) break;
      if (bytes >= (maxBytes ?? Number.POSITIVE_INFINITY)) break;
      found.push({ key: bytesOf(key), value });
      bytes += key.length + value.length;
    }
    return found;
  }

  /** All of a bucket in order; a key with one character a byte. */
  each(bucket: Bucket, visit: (key: string, value: Uint8Array) => void): void {
    this.#of(bucket).each(visit);
  }

  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void {
    const text = textOf(key);
    const before = this.#of(bucket).get(text);
    this.#sizeBytes += value.length - (before?.length ?? -(key.length + ENTRY_BYTES));
    this.#of(bucket).set(text, value);
  }

  delete(bucket: Bucket, key: Uint8Array): void {
    const text = textOf(key);
    const before = this.#of(bucket).get(text);
    if (before === undefined) return;
    this.#sizeBytes -= before.length + key.length + ENTRY_BYTES;
    this.#of(bucket).delete(text);
  }

  /** Nothing lasts here, with an entry or without. */
  unlogged(): void {}

  #of(bucket: Bucket): SortedMap<Uint8Array> {
    return this.#buckets.get(bucket) as SortedMap<Uint8Array>;
  }
}
