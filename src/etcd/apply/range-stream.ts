/**
 * RangeStream (etcd 3.7): one range in chunks, each read when there is room for it, all at the revision of the first. What nobody
 * fetches takes no memory: nothing is held between two chunks but where the next one begins. A compaction may overtake a slow
 * reader: then the next chunk is refused, as in etcd. So is one that is asked for while a snapshot takes the place of the state,
 * with an error after which clients ask again. Keys that are only counted are counted in slices, with pauses between them.
 */
import type { Revision } from "../../base/ids.ts";
import type { RangeRequest, RangeResponse } from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { StoredKeyValue } from "../model.ts";
import { keyName, keyRange } from "../mvcc/key.ts";
import type { StoreView } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";
import { checkRevision } from "./range.ts";

export interface RangeChunk {
  /** Header, `more` and `count` only in the last. */
  readonly response: RangeResponse;
  readonly isLast: boolean;
}

export interface RangeStreamOptions {
  /** What a chunk comes near to. */
  readonly chunkBytes: number;
  /** Lets others go first. */
  readonly pause: () => Promise<void>;
}

const FIRST_CHUNK_KEYS = 10;
/** Counted at once: two milliseconds at most. */
const SLICE_NAMES = 10_000;
/** Tags, lengths and numbers of a key-value on the wire, about. */
const KEY_VALUE_OVERHEAD_BYTES = 20;

export class RangeStream {
  readonly #view: StoreView;
  readonly #request: RangeRequest;
  readonly #makeHeader: MakeHeader;
  readonly #options: RangeStreamOptions;
  readonly #revision: Revision;
  /** What all chunks read. */
  readonly #at: Revision;
  #from: Uint8Array;
  #limit = FIRST_CHUNK_KEYS;
  #sent = 0;

  /** The request has passed `validateRangeStream`, the view is as new as it must be. */
  constructor(view: StoreView, request: RangeRequest, makeHeader: MakeHeader, options: RangeStreamOptions) {
    this.#view = view;
    this.#request = request;
    this.#makeHeader = makeHeader;
    this.#options = options;
    this.#revision = view.revision;
    this.#at = request.revision > 0 ? (request.revision as Revision) : view.revision;
    this.#from = request.key;
  }

  /** Lets others go first: to be awaited before a chunk is asked for when it follows another at once. */
  turn(): Promise<void> {
    return this.#options.pause();
  }

  /**
   * The next chunk, or why there is none; a promise where many keys have to be counted. Nothing may be asked for before the one asked
   * for is there, nor after the last one or a refusal.
   */
  next(): RangeChunk | EtcdError | Promise<RangeChunk | EtcdError> {
    const refusal = this.#refusal();
    if (refusal !== null) return refusal;
    const at = this.#at;
    const { rangeEnd, keysOnly, countOnly, limit } = this.#request;
    if (countOnly) return this.#counted([], false);
    const left = limit > 0 ? limit - this.#sent : Number.POSITIVE_INFINITY;
    const wanted = Math.min(this.#limit, left);
    const range = keyRange(this.#from, rangeEnd);
    const { chunkBytes } = this.#options;
    const { kvs, more } = this.#view.chunk(range, { at, limit: wanted, keysOnly, maxBytes: 2 * chunkBytes });
    this.#sent += kvs.length;
    const last = kvs.at(-1);
    if (!more || last === undefined) return this.#last(kvs, false, this.#sent);
    this.#from = after(last);
    if (this.#sent === limit) return this.#counted(kvs, true);
    this.#limit = nextLimit(wanted, kvs, chunkBytes);
    return { response: { header: null, kvs, more: false, count: 0 }, isLast: false };
  }

  #refusal(): EtcdError | null {
    if (this.#view.contents === null) return ETCD_ERRORS.timeout;
    return checkRevision(this.#view, this.#at, this.#view.revision);
  }

  /** The last chunk, when the keys that are not sent are counted. */
  async #counted(kvs: readonly StoredKeyValue[], more: boolean): Promise<RangeChunk | EtcdError> {
    const { to } = keyRange(this.#from, this.#request.rangeEnd);
    let total = this.#sent;
    let from = keyName(this.#from);
    for (;;) {
      const { count, next } = this.#view.countSome({ from, to }, this.#at, SLICE_NAMES);
      total += count;
      if (next === null) return this.#last(kvs, more, total);
      from = next;
      await this.#options.pause();
      const refusal = this.#refusal();
      if (refusal !== null) return refusal;
    }
  }

  #last(kvs: readonly StoredKeyValue[], more: boolean, count: number): RangeChunk {
    return { response: { header: this.#makeHeader(this.#revision), kvs, more, count }, isLast: true };
  }
}

function after({ key }: StoredKeyValue): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/** As many keys as come near to `bytes`: twice or half as many as before, unless those were near already. */
function nextLimit(limit: number, kvs: readonly StoredKeyValue[], bytes: number): number {
  let size = 0;
  for (const { key, value } of kvs) size += key.length + value.length + KEY_VALUE_OVERHEAD_BYTES;
  if (size < bytes / 2) return limit * 2;
  return size > bytes * 2 ? Math.max(1, limit >> 1) : limit;
}
