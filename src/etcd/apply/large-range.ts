/**
 * A range over more keys than one turn of the event loop should look at: read at one revision in slices, with pauses in which other
 * requests go on, and encoded slice by slice. Compactions wait with what they remove until the range is done; when a snapshot takes
 * the place of the state meanwhile, the range begins anew.
 *
 *   isLargeRange(view, request)                                     cheap: looks at no more keys than a slice has
 *   answerLargeRange(view, request, makeHeader, pause)              as `answerRange` would answer
 */
import { BlockMemory } from "../../base/block-memory.ts";
import type { Revision } from "../../base/ids.ts";
import { type RangeRequest, RangeResponse, type ResponseHeader, SortTarget } from "../../proto/gen/etcdserverpb.ts";
import type { EtcdError } from "../errors.ts";
import { SLICE, SLICE_NAMES, type StoredKeyValue } from "../model.ts";
import { type KeyRange, keyRange } from "../mvcc/key.ts";
import { NEWEST, type SliceOptions, type StoreView } from "../mvcc/store.ts";
import { EncodedRange, isPassedOn } from "./encoded-range.ts";
import { FirstInOrder } from "./first-in-order.ts";
import type { MakeHeader } from "./header.ts";
import { checkRevision, cutRange, passesFilters, readLimit } from "./range.ts";

/** A range up to this many keys is no burden. */
const SMALL_KEYS = 2000;

/** A slice that was read. */
interface Taken {
  readonly keys: number;
  /** The first name behind it; null: there is none. */
  readonly next: string | null;
  /** To be awaited before the next one; false: the state is gone. */
  readonly ready: Promise<boolean> | null;
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
    if (this.#request.countOnly) {
      const count = await this.#count(this.#range);
      return count === null ? null : { header: this.#header, kvs: [], more: false, count };
    }
    return await (isPassedOn(this.#request) ? this.#inOrder() : this.#arranged());
  }

  /** What needs no look is passed on as it is stored. */
  async #inOrder(): Promise<RangeResponse | null> {
    const limit = this.#request.limit > 0 ? this.#request.limit : Number.POSITIVE_INFINITY;
    const { keysOnly } = this.#request;
    const parts: Uint8Array[] = [];
    const memory = new BlockMemory();
    const count = await this.#read(limit, keysOnly, (range, slice) => {
      const { kvs, keys, next } = this.#view.encoded(range, { ...slice, memory });
      parts.push(kvs);
      return { keys, next, ready: null };
    });
    return count === null ? null : new EncodedRange(this.#header, count > limit, count, parts, memory);
  }

  /** Filters and orders need a look at everything first; what is kept of it is little more than what will be answered. */
  async #arranged(): Promise<RangeResponse | null> {
    const { limit, sortTarget } = this.#request;
    // One more than is answered, to know whether there are more.
    const first = new FirstInOrder(this.#request, limit > 0 ? limit + 1 : Number.POSITIVE_INFINITY, this.#pause);
    // A value is needed to sort by it, even where the answer leaves it out.
    const keysOnly = this.#request.keysOnly && sortTarget !== SortTarget.VALUE;
    const count = await this.#read(readLimit(this.#request) || Number.POSITIVE_INFINITY, keysOnly, (range, slice) => {
      let keys = 0;
      const next = this.#view.scan(range, slice, (kv) => {
        keys++;
        if (passesFilters(kv, this.#request)) first.add(kv);
      });
      return { keys, next, ready: first.isFull ? first.arrange() : null };
    });
    if (count === null || !(await first.arrange())) return null;
    const cut = cutRange(this.#request, { kvs: first.taken(), count });
    const parts: Uint8Array[] = [];
    for (let at = 0; at < cut.kvs.length; at += SLICE.limit) {
      parts.push(encodePart(cut.kvs.slice(at, at + SLICE.limit)));
      if (!(await this.#pause())) return null;
    }
    return new EncodedRange(this.#header, cut.more, cut.count, parts);
  }

  /** Has at most `limit` key-values read, a slice at a time, and counts them all. */
  async #read(
    limit: number,
    keysOnly: boolean,
    readSlice: (range: KeyRange, slice: SliceOptions) => Taken,
  ): Promise<number | null> {
    const { from: first, to } = this.#range;
    let from: string | null = first;
    let read = 0;
    while (from !== null && read < limit) {
      const slice = { ...SLICE, at: this.#at, limit: Math.min(SLICE.limit, limit - read), keysOnly };
      const { keys, next, ready }: Taken = readSlice({ from, to }, slice);
      if ((await ready) === false) return null;
      read += keys;
      from = next;
      if (from !== null && !(await this.#pause())) return null;
    }
    const rest = from === null ? 0 : await this.#count({ from, to });
    return rest === null ? null : read + rest;
  }

  async #count({ from: first, to }: KeyRange): Promise<number | null> {
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

  get #range(): KeyRange {
    return keyRange(this.#request.key, this.#request.rangeEnd);
  }
}

function encodePart(kvs: readonly StoredKeyValue[]): Uint8Array {
  return RangeResponse.encode({ header: null, kvs, more: false, count: 0 });
}
