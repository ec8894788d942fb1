/**
 * A range over more keys than one turn of the event loop should look at: read at one revision in slices, with pauses in which other
 * requests go on, and encoded slice by slice. Compactions wait with what they remove until the range is done; when a snapshot takes
 * the place of the state meanwhile, the range begins anew.
 *
 *   isLargeRange(view, request)                                     cheap: looks at no more keys than a slice has
 *   answerLargeRange(view, request, makeHeader, pause)              as `answerRange` would answer
 */
import type { Revision } from "../../base/ids.ts";
import {
  type RangeRequest,
  RangeResponse,
  type ResponseHeader,
  SortOrder,
  SortTarget,
} from "../../proto/gen/etcdserverpb.ts";
import type { EtcdError } from "../errors.ts";
import type { StoredKeyValue } from "../model.ts";
import { keyName, keyRange } from "../mvcc/key.ts";
import { NEWEST, type StoreView } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";
import {
  checkRevision,
  cutRange,
  isFiltered,
  orderOf,
  passesFilters,
  type RangeOrder,
  readLimit,
  type Sortable,
} from "./range.ts";

/** Of the index alone, and with values: each two or three milliseconds at most. */
const SLICE_NAMES = 10_000;
const SLICE = { limit: 250, maxBytes: 128 * 1024 } as const;
/** What is compared at once where something is put in order. */
const SLICE_SORTED = 2000;
/** What is copied at once when the parts of an answer are joined. */
const JOIN_BYTES = 1024 * 1024;
/** A range up to this many keys is no burden. */
const SMALL_KEYS = 2000;

/** A response whose bytes are there already: its codec need not walk it. */
export class EncodedRange implements RangeResponse {
  readonly header: ResponseHeader;
  readonly more: boolean;
  readonly count: number;
  readonly encoded: Uint8Array;

  constructor(header: ResponseHeader, more: boolean, count: number, encoded: Uint8Array) {
    this.header = header;
    this.more = more;
    this.count = count;
    this.encoded = encoded;
  }

  get kvs(): RangeResponse["kvs"] {
    return RangeResponse.decode(this.encoded).kvs;
  }
}

export function isLargeRange(view: StoreView, request: RangeRequest): boolean {
  if (request.rangeEnd.length === 0 || view.contents === null) return false;
  return view.countSome(keyRange(request.key, request.rangeEnd), NEWEST, SMALL_KEYS).next !== null;
}

/** The request has passed `validateRange`, the view is as new as it must be. */
export async function answerLargeRange(
  view: StoreView,
  request: RangeRequest,
  makeHeader: MakeHeader,
  pause: () => Promise<void>,
): Promise<RangeResponse | EtcdError> {
  for (;;) {
    const { contents } = view;
    if (contents !== null) {
      const refusal = checkRevision(view, request.revision, view.revision);
      if (refusal !== null) return refusal;
      const at = request.revision > 0 ? (request.revision as Revision) : view.revision;
      const unpin = view.pin();
      const reading = new LargeRange(view, request, at, makeHeader(view.revision), async () => {
        await pause();
        return view.contents === contents;
      });
      const response = await reading.answer().finally(unpin);
      if (response !== null) return response;
    }
    await pause();
  }
}

/** One attempt. Every method answers null when the state is gone. */
class LargeRange {
  readonly #view: StoreView;
  readonly #request: RangeRequest;
  readonly #at: Revision;
  readonly #header: ResponseHeader;
  /** False: the state is gone. */
  readonly #pause: () => Promise<boolean>;

  constructor(
    view: StoreView,
    request: RangeRequest,
    at: Revision,
    header: ResponseHeader,
    pause: () => Promise<boolean>,
  ) {
    this.#view = view;
    this.#request = request;
    this.#at = at;
    this.#header = header;
    this.#pause = pause;
  }

  async answer(): Promise<RangeResponse | null> {
    const { key, rangeEnd, countOnly } = this.#request;
    if (countOnly) {
      const count = await this.#count(keyName(key), rangeEnd);
      return count === null ? null : { header: this.#header, kvs: [], more: false, count };
    }
    return await (isInKeyOrder(this.#request) ? this.#inOrder() : this.#arranged());
  }

  /** What needs no look at all of it is encoded as it is read, and then forgotten. */
  async #inOrder(): Promise<RangeResponse | null> {
    const { limit } = this.#request;
    const parts: Uint8Array[] = [];
    const found = await this.#read(limit > 0 ? limit : Number.POSITIVE_INFINITY, false, (kvs) => {
      parts.push(encodePart(kvs));
      return null;
    });
    if (found === null) return null;
    const { count } = found;
    return await this.#join(parts, limit > 0 && count > limit, count);
  }

  /** Filters and orders need a look at everything first; what is kept of it is little more than what will be answered. */
  async #arranged(): Promise<RangeResponse | null> {
    const { limit, sortOrder } = this.#request;
    const order = orderOf(this.#request);
    const isBackwards = order === null && sortOrder === SortOrder.DESCEND;
    const { sortable } = order ?? { sortable: (kv: StoredKeyValue): Sortable => ({ kv, by: 0 }) };
    // One more than is answered, to know whether there are more.
    const wanted = limit > 0 ? limit + 1 : Number.POSITIVE_INFINITY;
    let kept: Sortable[] = [];
    /** Puts what is kept in order, and drops what cannot be answered any more. */
    const arrange = async (): Promise<boolean> => {
      const sorted = order === null ? kept : await this.#sort(kept, order.compare);
      if (sorted === null) return false;
      kept = isBackwards ? sorted.slice(-wanted) : sorted.slice(0, wanted);
      return true;
    };
    const keptMax = 2 * Math.max(wanted, SLICE_SORTED);
    const found = await this.#read(readLimit(this.#request) || Number.POSITIVE_INFINITY, true, (kvs) => {
      for (const kv of kvs) if (passesFilters(kv, this.#request)) kept.push(sortable(kv));
      return kept.length < keptMax ? null : arrange();
    });
    if (found === null || !(await arrange())) return null;
    const kvs = kept.map(({ kv }) => kv);
    if (isBackwards) kvs.reverse();
    const cut = cutRange(this.#request, { kvs, count: found.count });
    const parts: Uint8Array[] = [];
    for (let at = 0; at < cut.kvs.length; at += SLICE.limit) {
      parts.push(encodePart(cut.kvs.slice(at, at + SLICE.limit)));
      if (!(await this.#pause())) return null;
    }
    return await this.#join(parts, cut.more, cut.count);
  }

  /** Merge sort, stable, from sorted runs upwards. */
  async #sort(items: readonly Sortable[], compare: RangeOrder["compare"]): Promise<Sortable[] | null> {
    let runs: Sortable[][] = [];
    for (let at = 0; at < items.length; at += SLICE_SORTED) {
      runs.push(items.slice(at, at + SLICE_SORTED).sort(compare));
      if (!(await this.#pause())) return null;
    }
    while (runs.length > 1) {
      const merged: Sortable[][] = [];
      for (let i = 0; i < runs.length; i += 2) {
        const run = await this.#merge(runs[i] as Sortable[], runs[i + 1] ?? [], compare);
        if (run === null) return null;
        merged.push(run);
      }
      runs = merged;
    }
    return runs[0] ?? [];
  }

  async #merge(a: Sortable[], b: Sortable[], compare: RangeOrder["compare"]): Promise<Sortable[] | null> {
    if (b.length === 0) return a;
    const merged: Sortable[] = [];
    let i = 0;
    let j = 0;
    while (i < a.length || j < b.length) {
      const left = a[i];
      const right = b[j];
      if (right === undefined || (left !== undefined && compare(left, right) <= 0)) {
        merged.push(left as Sortable);
        i++;
      } else {
        merged.push(right);
        j++;
      }
      if (merged.length % SLICE_SORTED === 0 && !(await this.#pause())) return null;
    }
    return merged;
  }

  /** Hands over at most `limit` key-values, a slice at a time, and counts them all. What `take` promises: false when the state is gone. */
  async #read(
    limit: number,
    needsValues: boolean,
    take: (kvs: readonly StoredKeyValue[]) => Promise<boolean> | null,
  ): Promise<{ readonly count: number } | null> {
    const { key, rangeEnd, sortTarget } = this.#request;
    const keysOnly = this.#request.keysOnly && !(needsValues && sortTarget === SortTarget.VALUE);
    let from = keyName(key);
    let count = 0;
    for (;;) {
      const options = { ...SLICE, at: this.#at, limit: Math.min(SLICE.limit, limit - count), keysOnly };
      const { kvs, more } = this.#view.chunk({ ...keyRange(key, rangeEnd), from }, options);
      if ((await take(kvs)) === false) return null;
      count += kvs.length;
      const last = kvs.at(-1);
      if (!more || last === undefined) return { count };
      from = `${keyName(last.key)}\0`;
      if (!(await this.#pause())) return null;
      if (count < limit) continue;
      const rest = await this.#count(from, rangeEnd);
      return rest === null ? null : { count: count + rest };
    }
  }

  async #count(first: string, rangeEnd: Uint8Array): Promise<number | null> {
    const { to } = keyRange(this.#request.key, rangeEnd);
    let total = 0;
    let from: string | null = first;
    while (from !== null) {
      const { count, next } = this.#view.countSome({ from, to }, this.#at, SLICE_NAMES);
      total += count;
      from = next;
      if (from !== null && !(await this.#pause())) return null;
    }
    return total;
  }

  /** Parts of an encoded message behind each other are that message. */
  async #join(kvs: readonly Uint8Array[], more: boolean, count: number): Promise<EncodedRange | null> {
    const parts = [...kvs, RangeResponse.encode({ header: this.#header, kvs: [], more, count })];
    const whole = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    let copied = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
      copied += part.length;
      if (copied < JOIN_BYTES) continue;
      copied = 0;
      if (!(await this.#pause())) return null;
    }
    return new EncodedRange(this.#header, more, count, whole);
  }
}

function encodePart(kvs: readonly StoredKeyValue[]): Uint8Array {
  return RangeResponse.encode({ header: null, kvs, more: false, count: 0 });
}

function isInKeyOrder(request: RangeRequest): boolean {
  return request.sortOrder === SortOrder.NONE && request.sortTarget === SortTarget.KEY && !isFiltered(request);
}
