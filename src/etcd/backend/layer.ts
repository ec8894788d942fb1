/** What the write buffer holds of one bucket, in order; and how layers and the backend below them are read as one. */
import { bytesAfter } from "../../base/bytes.ts";
import type { Bucket, BucketReader, Change, KeyValue, Range } from "./backend.ts";
import { textOf } from "./sorted.ts";

export class LayerBucket {
  readonly #changes = new Map<string, Change>();
  /** Their keys: mostly they come in order, as revisions do; sorted when a range needs it. */
  readonly #keys: string[] = [];
  #isSorted = true;

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): Change | undefined {
    return this.#changes.get(key);
  }

  set(key: string, change: Change): void {
    const { size } = this.#changes;
    this.#changes.set(key, change);
    if (this.#changes.size === size) return;
    if (size > 0 && key < (this.#keys[size - 1] as string)) this.#isSorted = false;
    this.#keys.push(key);
  }

  all(): Iterable<Change> {
    return this.#changes.values();
  }

  /** Over the keys from `from` up to `to` (null: to the last). Nothing may be set meanwhile. */
  walk(from: string, to: string | null): LayerWalk {
    if (!this.#isSorted) this.#keys.sort((a, b) => (a < b ? -1 : 1));
    this.#isSorted = true;
    const end = to === null ? this.#keys.length : lowerBound(this.#keys, to);
    return new LayerWalk(this.#keys, this.#changes, lowerBound(this.#keys, from), end);
  }
}

export class LayerWalk {
  readonly #keys: readonly string[];
  readonly #changes: ReadonlyMap<string, Change>;
  readonly #end: number;
  #at: number;

  constructor(keys: readonly string[], changes: ReadonlyMap<string, Change>, at: number, end: number) {
    this.#keys = keys;
    this.#changes = changes;
    this.#at = at;
    this.#end = end;
  }

  /** Null at the end. */
  get key(): string | null {
    return this.#at < this.#end ? (this.#keys[this.#at] as string) : null;
  }

  take(): Change {
    return this.#changes.get(this.#keys[this.#at++] as string) as Change;
  }
}

/** The backend's entries, one by one, read a page at a time. */
class BelowWalk {
  readonly #reader: BucketReader;
  readonly #bucket: Bucket;
  readonly #range: Range;
  #page: readonly KeyValue[];
  #at = 0;
  /** Of the entry at hand; null at the end. */
  key: string | null = null;

  constructor(reader: BucketReader, bucket: Bucket, range: Range) {
    this.#reader = reader;
    this.#bucket = bucket;
    this.#range = range;
    this.#page = reader.range(bucket, range);
    this.#look();
  }

  take(): KeyValue {
    const found = this.#page[this.#at++] as KeyValue;
    this.#look();
    return found;
  }

  #look(): void {
    if (this.#at === this.#page.length) this.#turn();
    const next = this.#page[this.#at];
    this.key = next === undefined ? null : textOf(next.key);
  }

  #turn(): void {
    const last = this.#page.at(-1);
    const { limit, maxBytes } = this.#range;
    // Only a bound ends a page before the range does.
    if (last === undefined || (limit === undefined && maxBytes === undefined)) return;
    this.#page = this.#reader.range(this.#bucket, { ...this.#range, from: bytesAfter(last.key) });
    this.#at = 0;
  }
}

/** A scan of what is there already. */
export function visitAll(
  found: readonly KeyValue[],
  visit: (key: Uint8Array, value: Uint8Array) => void,
): Uint8Array | null {
  for (const { key, value } of found) visit(key, value);
  return found.at(-1)?.key ?? null;
}

/** What a range holds of the layers, oldest first, and of the backend: where several have a key the newest counts. */
export function mergeRange(
  above: readonly LayerWalk[],
  below: BucketReader,
  bucket: Bucket,
  range: Range,
): readonly KeyValue[] {
  const { limit = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = range;
  const found: KeyValue[] = [];
  const lower = new BelowWalk(below, bucket, range);
  let bytes = 0;
  while (found.length < limit && bytes < maxBytes) {
    let key = lower.key;
    for (const walk of above) if (walk.key !== null && (key === null || walk.key < key)) key = walk.key;
    if (key === null) break;
    let hit: KeyValue | null = lower.key === key ? lower.take() : null;
    for (const walk of above) {
      if (walk.key !== key) continue;
      const { key: name, value } = walk.take();
      hit = value === null ? null : { key: name, value };
    }
    if (hit === null) continue;
    found.push(hit);
    bytes += hit.key.length + hit.value.length;
  }
  return found;
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
