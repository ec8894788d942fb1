/**
 * What the API layer refuses before a request is proposed or read: malformed whatever the state. Each function answers null
 * for a request that may go on.
 */
import {
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  SortOrder,
  SortTarget,
  type TxnRequest,
} from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import { keyName, keyRange } from "../mvcc/key.ts";
import { isFiltered } from "./range.ts";

/** etcd's --max-txn-ops. */
export const TXN_OPERATIONS_MAX = 128;

const SORT_ORDERS: ReadonlySet<number> = new Set(Object.values(SortOrder));
const SORT_TARGETS: ReadonlySet<number> = new Set(Object.values(SortTarget));

export function validateRange(request: RangeRequest): EtcdError | null {
  if (request.key.length === 0) return ETCD_ERRORS.keyNotProvided;
  if (!SORT_ORDERS.has(request.sortOrder) || !SORT_TARGETS.has(request.sortTarget))
    return ETCD_ERRORS.invalidSortOption;
  return null;
}

/** A range whose answer comes in chunks: in order of the keys, and everything in the range. */
export function validateRangeStream(request: RangeRequest): EtcdError | null {
  const { sortOrder, sortTarget } = request;
  const isInKeyOrder =
    sortOrder === SortOrder.NONE || (sortOrder === SortOrder.ASCEND && sortTarget === SortTarget.KEY);
  const refusal = validateRange(request);
  if (refusal !== null || isInKeyOrder) return refusal ?? (isFiltered(request) ? ETCD_ERRORS.rangeStreamFilter : null);
  return ETCD_ERRORS.rangeStreamSort;
}

export function validatePut(request: PutRequest): EtcdError | null {
  if (request.key.length === 0) return ETCD_ERRORS.keyNotProvided;
  if (request.ignoreValue && request.value.length !== 0) return ETCD_ERRORS.valueProvided;
  if (request.ignoreLease && request.lease !== 0n) return ETCD_ERRORS.leaseProvided;
  return null;
}

export function validateDeleteRange(request: DeleteRangeRequest): EtcdError | null {
  return request.key.length === 0 ? ETCD_ERRORS.keyNotProvided : null;
}

export function validateTxn(request: TxnRequest, operationsMax: number = TXN_OPERATIONS_MAX): EtcdError | null {
  const refusal = validateShape(request, operationsMax);
  if (refusal !== null) return refusal;
  const unique = footprint(request.success) !== null && footprint(request.failure) !== null;
  return unique ? null : ETCD_ERRORS.duplicateKey;
}

/** A nested transaction may use what its parent's longest list leaves of the budget. */
function validateShape(request: TxnRequest, operationsMax: number): EtcdError | null {
  const operations = Math.max(request.compare.length, request.success.length, request.failure.length);
  if (operations > operationsMax) return ETCD_ERRORS.tooManyOperations;
  if (request.compare.some((compare) => compare.key.length === 0)) return ETCD_ERRORS.keyNotProvided;
  for (const branch of [request.success, request.failure]) {
    for (const operation of branch) {
      const refusal = validateOperation(operation, operationsMax - operations);
      if (refusal !== null) return refusal;
    }
  }
  return null;
}

function validateOperation({ request }: RequestOp, operationsLeft: number): EtcdError | null {
  switch (request?.kind) {
    case "requestRange":
      return validateRange(request.value);
    case "requestPut":
      return validatePut(request.value);
    case "requestDeleteRange":
      return validateDeleteRange(request.value);
    case "requestTxn":
      return validateShape(request.value, operationsLeft);
    default:
      return ETCD_ERRORS.keyNotFound;
  }
}

interface Deletion {
  readonly from: string;
  readonly to: string | null;
}

/** What a list of operations may write, whichever branches its nested transactions take. */
interface Footprint {
  readonly puts: ReadonlySet<string>;
  readonly deletions: readonly Deletion[];
}

/** The list's own operations, beside those of its nested transactions, which are numbered in order. */
const OWN_DELETION = -1;
const OWN_PUT = Number.POSITIVE_INFINITY;

/**
 * Null when two operations of the list write one key and one of them is a put; two deletions may overlap. The branches of a
 * nested transaction exclude each other, so they may share keys, but each conflicts with the operations beside it.
 *
 * Two of etcd's ways are kept, as clients can see them: a deletion in a nested transaction does not conflict with the puts of nested
 * transactions before it, and a deletion of everything from a key on (range end "\0") conflicts with nothing.
 */
function footprint(operations: readonly RequestOp[]): Footprint | null {
  const owners = new Map<string, number>();
  const deletions: (Deletion & { readonly owner: number })[] = [];
  let nested = 0;
  for (const operation of operations) {
    const own = footprintOf(operation);
    if (own === null) return null;
    const isNested = operation.request?.kind === "requestTxn";
    for (const key of own.puts) {
      if (owners.has(key)) return null;
      owners.set(key, isNested ? nested : OWN_PUT);
    }
    for (const deletion of own.deletions) deletions.push({ ...deletion, owner: isNested ? nested : OWN_DELETION });
    if (isNested) nested++;
  }
  if (deletions.length > 0 && owners.size > 0 && isPutUnderDeletion(owners, deletions)) return null;
  return { puts: new Set(owners.keys()), deletions };
}

function footprintOf({ request }: RequestOp): Footprint | null {
  switch (request?.kind) {
    case "requestPut":
      return { puts: new Set([keyName(request.value.key)]), deletions: [] };
    case "requestDeleteRange": {
      const { key, rangeEnd } = request.value;
      const range = keyRange(key, rangeEnd);
      return { puts: new Set(), deletions: range.to === null || range.to <= range.from ? [] : [range] };
    }
    case "requestTxn": {
      const success = footprint(request.value.success);
      const failure = footprint(request.value.failure);
      if (success === null || failure === null) return null;
      return {
        puts: new Set([...success.puts, ...failure.puts]),
        deletions: [...success.deletions, ...failure.deletions],
      };
    }
    default:
      return { puts: new Set(), deletions: [] };
  }
}

/** Whether a put lies in a deletion of an owner before its own. Sweeps both in key order. */
function isPutUnderDeletion(
  owners: ReadonlyMap<string, number>,
  deletions: readonly (Deletion & { readonly owner: number })[],
): boolean {
  const puts = [...owners].sort(([a], [b]) => (a < b ? -1 : 1));
  const begun = deletions.toSorted((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  // Of the deletions begun, those that matter: a later owner's only if it reaches further. Ascending in both.
  const open: { readonly owner: number; readonly to: string }[] = [];
  let next = 0;
  for (const [key, owner] of puts) {
    for (; next < begun.length && (begun[next] as Deletion).from <= key; next++) {
      const deletion = begun[next] as { owner: number; to: string };
      let at = open.findIndex((other) => other.owner >= deletion.owner);
      if (at === -1) at = open.length;
      if (at > 0 && (open[at - 1] as { to: string }).to >= deletion.to) continue;
      let end = at;
      while (end < open.length && (open[end] as { to: string }).to <= deletion.to) end++;
      // One of the same owner may reach further.
      if (end < open.length && open[end]?.owner === deletion.owner) continue;
      open.splice(at, end - at, deletion);
    }
    while (open.length > 0 && (open[0] as { to: string }).to <= key) open.shift();
    if (open.length > 0 && (open[0] as { owner: number }).owner < owner) return true;
  }
  return false;
}
