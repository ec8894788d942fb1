/**
 * A range in the order of its keys needs no look at what it answers: the response is put together of bytes as they are stored. All but
 * transactions, orders, filters and single keys go this way.
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
import { keyRange } from "../mvcc/key.ts";
import { NEWEST, type StoreView } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";
import { checkRevision, isFiltered } from "./range.ts";

/** A response whose bytes are there already: its codec need not walk it. */
export class EncodedRange implements RangeResponse {
  readonly header: ResponseHeader | null;
  readonly more: boolean;
  readonly count: number;
  readonly encoded: Uint8Array;

  constructor(header: ResponseHeader | null, more: boolean, count: number, encoded: Uint8Array) {
    this.header = header;
    this.more = more;
    this.count = count;
    this.encoded = encoded;
  }

  /** For whoever looks at it in this process; made anew each time. */
  get kvs(): RangeResponse["kvs"] {
    return RangeResponse.decode(this.encoded).kvs;
  }
}

/** Parts of an encoded message behind each other are that message: these come behind the key-values. */
export function encodeRest(header: ResponseHeader | null, more: boolean, count: number): Uint8Array {
  return RangeResponse.encode({ header, kvs: [], more, count });
}

export function joinRange(kvs: Uint8Array, header: ResponseHeader | null, more: boolean, count: number): EncodedRange {
  const rest = encodeRest(header, more, count);
  if (rest.length === 0) return new EncodedRange(header, more, count, kvs);
  const whole = Buffer.allocUnsafeSlow(kvs.length + rest.length);
  whole.set(kvs);
  whole.set(rest, kvs.length);
  return new EncodedRange(header, more, count, whole);
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
  return joinRange(kvs, makeHeader(view.revision), next !== null, keys + rest);
}
