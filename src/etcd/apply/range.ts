/**
 * Answers a RangeRequest from the store as it is now. Both read modes end here: a serializable read at once, a linearizable
 * one after the member has applied up to its read index. The request has passed `validateRange`.
 *
 *   answerRange(view, request, makeHeader): RangeResponse | EtcdError
 */
import type { Revision } from "../../base/ids.ts";
import { type RangeRequest, type RangeResponse, SortOrder, SortTarget } from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { StoredKeyValue } from "../model.ts";
import { keyRange } from "../mvcc/key.ts";
import { NEWEST, type StoreView } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";

const NO_BYTES = new Uint8Array(0);
const NO_KEY_VALUES: readonly StoredKeyValue[] = [];

export function answerRange(view: StoreView, request: RangeRequest, makeHeader: MakeHeader): RangeResponse | EtcdError {
  const refusal = checkRevision(view, request.revision, view.writeRevision);
  if (refusal !== null) return refusal;
  const at = request.revision <= 0 ? NEWEST : (request.revision as Revision);
  const header = makeHeader(view.writeRevision);
  if (request.countOnly) {
    return { header, kvs: NO_KEY_VALUES, more: false, count: view.count(keyRange(request.key, request.rangeEnd), at) };
  }
  if (request.rangeEnd.length === 0 && !request.keysOnly && !isFiltered(request)) {
    const kv = view.get(request.key, at);
    return kv === null
      ? { header, kvs: NO_KEY_VALUES, more: false, count: 0 }
      : { header, kvs: [kv], more: false, count: 1 };
  }
  // A value is needed to sort by it, even where the answer leaves it out.
  const keysOnly = request.keysOnly && request.sortTarget !== SortTarget.VALUE;
  const range = keyRange(request.key, request.rangeEnd);
  const found = view.range(range, { at, limit: readLimit(request), keysOnly });
  return { header, ...cutRange(request, { kvs: arrange(found.kvs, request), count: found.count }) };
}

export interface RangeFound {
  readonly kvs: readonly StoredKeyValue[];
  readonly more: boolean;
  readonly count: number;
}

/** What remains of the request when everything is filtered and in order. */
export function cutRange(request: RangeRequest, found: Omit<RangeFound, "more">): RangeFound {
  let { kvs } = found;
  const more = request.limit > 0 && kvs.length > request.limit;
  if (more) kvs = kvs.slice(0, request.limit);
  if (request.keysOnly && request.sortTarget === SortTarget.VALUE) kvs = kvs.map((kv) => ({ ...kv, value: NO_BYTES }));
  return { kvs, more, count: found.count };
}

/** Null when `revision` can be read while `current` is the newest; at most 0 means the newest. */
export function checkRevision(view: StoreView, revision: number, current: Revision): EtcdError | null {
  if (revision > current) return ETCD_ERRORS.futureRevision;
  if (revision > 0 && revision < view.compactedRevision) return ETCD_ERRORS.compacted;
  return null;
}

/**
 * How many key-values to read: one past the limit, to know whether there are more. An explicit order or a filter needs all of
 * them; a sort target without an order does not (an etcd quirk that clients can see: it cuts by key first, then sorts).
 */
export function readLimit(request: RangeRequest): number {
  if (request.sortOrder !== SortOrder.NONE || isFiltered(request) || request.limit <= 0) return 0;
  return request.limit + 1;
}

/** By revisions of creation or change. */
export function isFiltered(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

/** What a key-value is put in order by. */
export type SortKey = number | Uint8Array;

export interface RangeOrder {
  readonly sortKey: (kv: StoredKeyValue) => SortKey;
  readonly compare: (a: SortKey, b: SortKey) => number;
}

/** Null: the order of the keys, perhaps backwards. */
export function orderOf({ sortTarget, sortOrder }: RangeRequest): RangeOrder | null {
  if (sortTarget === SortTarget.KEY) return null;
  const direction = sortOrder === SortOrder.DESCEND ? -1 : 1;
  return { sortKey: sortKeyOf(sortTarget), compare: (a, b) => direction * compareSortKeys(a, b) };
}

function compareSortKeys(a: SortKey, b: SortKey): number {
  return typeof a === "number" || typeof b === "number" ? (a as number) - (b as number) : Buffer.compare(a, b);
}

function arrange(kvs: readonly StoredKeyValue[], request: RangeRequest): readonly StoredKeyValue[] {
  const kept = isFiltered(request) ? kvs.filter((kv) => passesFilters(kv, request)) : kvs;
  const order = orderOf(request);
  if (order === null) return request.sortOrder === SortOrder.DESCEND ? kept.toReversed() : kept;
  return kept.toSorted((a, b) => order.compare(order.sortKey(a), order.sortKey(b)));
}

function sortKeyOf(target: RangeRequest["sortTarget"]): RangeOrder["sortKey"] {
  switch (target) {
    case SortTarget.VERSION:
      return (kv) => kv.version;
    case SortTarget.CREATE:
      return (kv) => kv.createRevision;
    case SortTarget.MOD:
      return (kv) => kv.modRevision;
    default:
      return (kv) => kv.value;
  }
}

export function passesFilters(kv: StoredKeyValue, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    (minModRevision === 0 || kv.modRevision >= minModRevision) &&
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (minCreateRevision === 0 || kv.createRevision >= minCreateRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision)
  );
}
