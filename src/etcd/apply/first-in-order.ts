/**
 * The first key-values of a range in the order that its request names, when they come in the order of their keys and there may be
 * millions: what cannot be answered any more is dropped without being copied, and what is kept is sorted in slices.
 */
import { type RangeRequest, SortOrder } from "../../proto/gen/etcdserverpb.ts";
import type { StoredKeyValue } from "../model.ts";
import { orderOf, type RangeOrder, type SortKey } from "./range.ts";

interface Kept {
  readonly kv: StoredKeyValue;
  readonly by: SortKey;
}

/** What is compared at once. */
const SLICE_SORTED = 2000;

export class FirstInOrder {
  readonly #wanted: number;
  /** Null: in the order of keys. */
  readonly #order: RangeOrder | null;
  readonly #isBackwards: boolean;
  /** False: the state that is read is gone. */
  readonly #pause: () => Promise<boolean>;
  #kept: Kept[] = [];
  /** So many are in order and as many as are wanted: whatever does not come before the last of them is not wanted. */
  #last: Kept | null = null;

  constructor(request: RangeRequest, wanted: number, pause: () => Promise<boolean>) {
    this.#wanted = wanted;
    this.#order = orderOf(request);
    this.#isBackwards = this.#order === null && request.sortOrder === SortOrder.DESCEND;
    this.#pause = pause;
  }

  /** Copies what it keeps. */
  add(kv: StoredKeyValue): void {
    if (this.#order === null) this.#kept.push({ kv: copyOf(kv), by: 0 });
    else {
      const { sortKey, compare } = this.#order;
      if (this.#last !== null && compare(sortKey(kv), this.#last.by) >= 0) return;
      const copy = copyOf(kv);
      this.#kept.push({ kv: copy, by: sortKey(copy) });
    }
  }

  /** `arrange` should be called before more is added. */
  get isFull(): boolean {
    return this.#kept.length >= 2 * Math.max(this.#wanted, SLICE_SORTED);
  }

  /** Puts what is kept in order, and drops what is not wanted. False: the state is gone. */
  async arrange(): Promise<boolean> {
    const sorted = this.#order === null ? this.#kept : await this.#sort(this.#kept, this.#order.compare);
    if (sorted === null) return false;
    this.#kept = this.#isBackwards ? sorted.slice(-this.#wanted) : sorted.slice(0, this.#wanted);
    this.#last = this.#kept.length === this.#wanted ? (this.#kept.at(-1) ?? null) : null;
    return true;
  }

  /** As of the last `arrange`. */
  taken(): readonly StoredKeyValue[] {
    const kvs = this.#kept.map(({ kv }) => kv);
    return this.#isBackwards ? kvs.reverse() : kvs;
  }

  /** Merge sort, stable, from sorted runs upwards. */
  async #sort(items: readonly Kept[], compare: RangeOrder["compare"]): Promise<Kept[] | null> {
    let runs: Kept[][] = [];
    for (let at = 0; at < items.length; at += SLICE_SORTED) {
      runs.push(items.slice(at, at + SLICE_SORTED).sort((a, b) => compare(a.by, b.by)));
      if (!(await this.#pause())) return null;
    }
    while (runs.length > 1) {
      const merged: Kept[][] = [];
      for (let i = 0; i < runs.length; i += 2) {
        const run = await this.#merge(runs[i] as Kept[], runs[i + 1] ?? [], compare);
        if (run === null) return null;
        merged.push(run);
      }
      runs = merged;
    }
    return runs[0] ?? [];
  }

  async #merge(a: Kept[], b: Kept[], compare: RangeOrder["compare"]): Promise<Kept[] | null> {
    if (b.length === 0) return a;
    const merged: Kept[] = [];
    let i = 0;
    let j = 0;
    while (i < a.length || j < b.length) {
      const left = a[i];
      const right = b[j];
      if (right === undefined || (left !== undefined && compare(left.by, right.by) <= 0)) {
        merged.push(left as Kept);
        i++;
      } else {
        merged.push(right);
        j++;
      }
      if (merged.length % SLICE_SORTED === 0 && !(await this.#pause())) return null;
    }
    return merged;
  }
}

function copyOf(kv: StoredKeyValue): StoredKeyValue {
  return { ...kv, key: kv.key.slice(), value: kv.value.slice() };
}
