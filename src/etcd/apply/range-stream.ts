/**
 * RangeStream (etcd 3.7): one range in chunks, each read when there is room for it, all at the revision of the first. What nobody
 * fetches takes no memory: nothing is held between two chunks but where the next one begins. A compaction may overtake a slow
 * reader: then the next chunk is refused, as in etcd. So is one that is asked for while a snapshot takes the place of the state,
 * with an error after which clients ask again. Keys that are only counted are counted in slices, with pauses between them.
 */
import type { Revision } from "../../base/ids.ts";
import type { RangeRequest } from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import { SLICE_NAMES } from "../model.ts";
import { type KeyRange, keyName, keyRange } from "../mvcc/key.ts";
import type { StoreView } from "../mvcc/store.ts";
import { EncodedRange } from "./encoded-range.ts";
import type { MakeHeader } from "./header.ts";
import { checkRevision } from "./range.ts";

export interface RangeChunk {
  /** Header, `more` and `count` only in the last. */
  readonly response: EncodedRange;
  readonly isLast: boolean;
}

export interface RangeStreamOptions {
  /** What a chunk comes near to. */
  readonly chunkBytes: number;
  /** Lets others go first. */
  readonly pause: () => Promise<void>;
}

const FIRST_CHUNK_KEYS = 10;
const NO_BYTES = new Uint8Array(0);

export class RangeStream {
  readonly #view: StoreView;
  readonly #request: RangeRequest;
  readonly #makeHeader: MakeHeader;
  readonly #options: RangeStreamOptions;
  readonly #revision: Revision;
  /** What all chunks read. */
  readonly #at: Revision;
  #from: string;
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
    this.#from = keyName(request.key);
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
    const { to } = keyRange(this.#request.key, rangeEnd);
    if (countOnly) return this.#counted(NO_BYTES, { from: this.#from, to }, false);
    const left = limit > 0 ? limit - this.#sent : Number.POSITIVE_INFINITY;
    const wanted = Math.min(this.#limit, left);
    const { chunkBytes } = this.#options;
    const options = { at, limit: wanted, keysOnly, maxBytes: 2 * chunkBytes };
    const { kvs, keys, next } = this.#view.encoded({ from: this.#from, to }, options);
    this.#sent += keys;
    if (next === null) return this.#last(kvs, false, this.#sent);
    if (this.#sent === limit) return this.#counted(kvs, { from: next, to }, true);
    this.#from = next;
    this.#limit = nextLimit(wanted, kvs.length, chunkBytes);
    return { response: new EncodedRange(null, false, 0, [kvs]), isLast: false };
  }

  #refusal(): EtcdError | null {
    if (this.#view.contents === null) return ETCD_ERRORS.timeout;
    return checkRevision(this.#view, this.#at, this.#view.revision);
  }

  /** The last chunk, when the keys that are not sent are counted. */
  async #counted(kvs: Uint8Array, rest: KeyRange, more: boolean): Promise<RangeChunk | EtcdError> {
    let total = this.#sent;
    let { from } = rest;
    for (;;) {
      const { count, next } = this.#view.countSome({ ...rest, from }, this.#at, SLICE_NAMES);
      total += count;
      if (next === null) return this.#last(kvs, more, total);
      from = next;
      await this.#options.pause();
      const refusal = this.#refusal();
      if (refusal !== null) return refusal;
    }
  }

  #last(kvs: Uint8Array, more: boolean, count: number): RangeChunk {
    return { response: new EncodedRange(this.#makeHeader(this.#revision), more, count, [kvs]), isLast: true };
  }
}

/** As many keys as come near to `bytes`: twice or half as many as before, unless those were near already. */
function nextLimit(limit: number, size: number, bytes: number): number {
  if (size < bytes / 2) return limit * 2;
  return size > bytes * 2 ? Math.max(1, limit >> 1) : limit;
}
