/**
 * A range in the order of its keys needs no look at what it answers: the response is put together of bytes as they are stored. All but
 * transactions, orders, filters and single keys go this way.
 */
import type { BlockMemory } from "../../base/block-memory.ts";
import type { Pieces } from "../../base/codec.ts";
import type { Revision } from "../../base/ids.ts";
import {
  type RangeRequest,
  RangeResponse,
  type ResponseHeader,
  SortOrder,
  SortTarget,
} from "../../proto/gen/etcdserverpb.ts";
import type { EtcdError } from "../errors.ts";
import { keyRange } from "../mvcc/key.ts";
import { NEWEST, type StoreView } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";
import { checkRevision, isFiltered } from "./range.ts";

/** A response whose bytes are there already, in pieces that nobody need put together. */
export class EncodedRange implements RangeResponse, Pieces {
  readonly header: ResponseHeader | null;
  readonly more: boolean;
  readonly count: number;
  /** Of one message: its key-values as they were given, and behind them all else. */
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
  readonly done: Pieces["done"];

  /** `kvs`: encoded responses of nothing but key-values, in that memory, if in any. */
  constructor(
    header: ResponseHeader | null,
    more: boolean,
    count: number,
    kvs: readonly Uint8Array[],
    memory: BlockMemory | null = null,
  ) {
    this.header = header;
    this.more = more;
    this.count = count;
    this.pieces = [...kvs, RangeResponse.encode({ header, kvs: [], more, count })];
    this.length = this.pieces.reduce((sum, piece) => sum + piece.length, 0);
    this.done = memory === null ? null : (piece) => memory.done(piece);
  }

  /** For whoever looks at it in this process; made anew each time. */
  get kvs(): RangeResponse["kvs"] {
    return RangeResponse.decode(Buffer.concat(this.pieces)).kvs;
  }
}

/** Several key-values, in the order of their keys and none left out. */
export function isPassedOn(request: RangeRequest): boolean {
  const { rangeEnd, countOnly, sortOrder, sortTarget } = request;
  const isInKeyOrder = sortOrder === SortOrder.NONE && sortTarget === SortTarget.KEY;
  return rangeEnd.length > 0 && !countOnly && isInKeyOrder && !isFiltered(request);
}

/** As `answerRange` would answer a request that `isPassedOn`. */
export function encodeRange(view: StoreView, request: RangeRequest, makeHeader: MakeHeader): RangeResponse | EtcdError {
  const refusal = checkRevision(view, request.revision, view.revision);
  if (refusal !== null) return refusal;
  const at = request.revision <= 0 ? NEWEST : (request.revision as Revision);
  const range = keyRange(request.key, request.rangeEnd);
  const limit = request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
  const options = { at, limit, keysOnly: request.keysOnly, maxBytes: Number.POSITIVE_INFINITY };
  const { kvs, keys, next } = view.encoded(range, options);
  const rest = next === null ? 0 : view.count({ ...range, from: next }, at);
  return new EncodedRange(makeHeader(view.revision), next !== null, keys + rest, [kvs]);
}
