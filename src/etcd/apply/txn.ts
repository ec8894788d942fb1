/**
 * Transactions. All compares, nested ones included, are evaluated on the state before any operation runs; the path they choose
 * is checked as a whole, so that a failing operation leaves no effect; then its operations run in order and see each other's
 * writes.
 *
 *   applyTxn(store, hasLease, request, makeHeader): TxnResponse | EtcdError      the caller commits
 *   isReadOnlyTxn(request), isSerializableTxn(request)                 how the API layer routes it: see answerTxn
 *   answerTxn(store, request, makeHeader)                              a read-only one, without going through raft
 */
import { assert } from "../../base/assert.ts";
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type RangeResponse,
  type RequestOp,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "../errors.ts";
import type { StoredKeyValue } from "../model.ts";
import { keyName, keyRange } from "../mvcc/key.ts";
import { type MvccStore, NEWEST, type StoreView } from "../mvcc/store.ts";
import { innerHeader, type MakeHeader } from "./header.ts";
import { answerRange } from "./range.ts";
import { applyDeleteRange, checkPut, type HasLease, runPut } from "./write.ts";

/** The operations that will run, and under each nested transaction those of its own path. */
interface Path {
  readonly succeeded: boolean;
  readonly operations: readonly RequestOp[];
  /** One for each nested transaction among the operations, in order. */
  readonly nested: readonly Path[];
}

export function applyTxn(
  store: MvccStore,
  hasLease: HasLease,
  request: TxnRequest,
  makeHeader: MakeHeader,
): TxnResponse | EtcdError {
  const path = choosePath(store, request);
  const refusal = checkPath(store, hasLease, path);
  if (refusal !== null) return refusal;
  const responses = runPath(store, path);
  return { header: makeHeader(store.writeRevision), succeeded: path.succeeded, responses };
}

/** Only ranges in both branches (or nothing): it is answered like a range, and a quorum round serves it as well as a log entry. */
export function isReadOnlyTxn(request: TxnRequest): boolean {
  return everyOperation(request, ({ request }) => request?.kind === "requestRange");
}

/** A read-only one that needs no quorum round either. */
export function isSerializableTxn(request: TxnRequest): boolean {
  return everyOperation(request, ({ request }) => request?.kind === "requestRange" && request.value.serializable);
}

export function answerTxn(store: MvccStore, request: TxnRequest, makeHeader: MakeHeader): TxnResponse | EtcdError {
  assert(isReadOnlyTxn(request), "a transaction that may write goes through the log");
  return applyTxn(store, () => false, request, makeHeader);
}

function everyOperation(request: TxnRequest, holds: (operation: RequestOp) => boolean): boolean {
  return request.success.every(holds) && request.failure.every(holds);
}

function choosePath(view: StoreView, request: TxnRequest): Path {
  const succeeded = request.compare.every((compare) => holds(view, compare));
  const operations = succeeded ? request.success : request.failure;
  const nested: Path[] = [];
  for (const { request: operation } of operations) {
    if (operation?.kind === "requestTxn") nested.push(choosePath(view, operation.value));
  }
  return { succeeded, operations, nested };
}

function checkPath(view: StoreView, hasLease: HasLease, path: Path): EtcdError | null {
  let nested = 0;
  for (const { request } of path.operations) {
    let refusal: EtcdError | null = null;
    if (request?.kind === "requestRange") refusal = checkRangeInTxn(view, request.value.revision);
    else if (request?.kind === "requestPut") refusal = checkPut(view, hasLease, request.value);
    else if (request?.kind === "requestTxn") refusal = checkPath(view, hasLease, path.nested[nested++] as Path);
    if (refusal !== null) return refusal;
  }
  return null;
}

/** Against the state before the transaction. Unlike in a range of its own, a negative revision is not the newest here. */
function checkRangeInTxn(view: StoreView, revision: number): EtcdError | null {
  if (revision === 0) return null;
  if (revision > view.revision) return ETCD_ERRORS.futureRevision;
  return revision < view.compactedRevision ? ETCD_ERRORS.compacted : null;
}

function runPath(store: MvccStore, path: Path): readonly ResponseOp[] {
  let nested = 0;
  return path.operations.map(({ request }): ResponseOp => {
    switch (request?.kind) {
      case "requestRange":
        return { response: { kind: "responseRange", value: checked(answerRange(store, request.value, innerHeader)) } };
      case "requestPut":
        return { response: { kind: "responsePut", value: runPut(store, request.value, innerHeader) } };
      case "requestDeleteRange": {
        const value = applyDeleteRange(store, request.value, innerHeader);
        return { response: { kind: "responseDeleteRange", value } };
      }
      case "requestTxn": {
        const inner = path.nested[nested++] as Path;
        const value = { header: EMPTY_HEADER, succeeded: inner.succeeded, responses: runPath(store, inner) };
        return { response: { kind: "responseTxn", value } };
      }
      default:
        return { response: null };
    }
  });
}

/** A nested transaction's own header is there but empty. */
const EMPTY_HEADER = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

function checked(result: RangeResponse | EtcdError): RangeResponse {
  assert(!isEtcdError(result), "an operation of a checked path does not fail", { result });
  return result;
}

/** Whether a compare holds for every key it names; an absent key counts as one of zeros, but has no value to compare. */
function holds(view: StoreView, compare: Compare): boolean {
  if (compare.rangeEnd.length === 0) {
    const kv = view.get(compare.key, NEWEST);
    return kv === null ? holdsForAbsent(compare) : holdsFor(compare, kv);
  }
  const { kvs } = view.range(keyRange(compare.key, compare.rangeEnd), { at: NEWEST, limit: 0 });
  return kvs.length === 0 ? holdsForAbsent(compare) : kvs.every((kv) => holdsFor(compare, kv));
}

const ABSENT: Pick<StoredKeyValue, "version" | "createRevision" | "modRevision" | "lease" | "value"> = {
  version: 0,
  createRevision: 0 as StoredKeyValue["createRevision"],
  modRevision: 0 as StoredKeyValue["modRevision"],
  lease: 0n,
  value: new Uint8Array(0),
};

function holdsForAbsent(compare: Compare): boolean {
  return compare.target !== CompareTarget.VALUE && holdsFor(compare, ABSENT);
}

function holdsFor(compare: Compare, kv: typeof ABSENT): boolean {
  const order = orderOf(compare, kv);
  switch (compare.result) {
    case CompareResult.EQUAL:
      return order === 0;
    case CompareResult.NOT_EQUAL:
      return order !== 0;
    case CompareResult.GREATER:
      return order > 0;
    case CompareResult.LESS:
      return order < 0;
    default:
      return true; // as etcd does with a result it does not know
  }
}

/** Negative, zero or positive: how the key's field stands to the given one. A union of another target counts as 0 or empty. */
function orderOf({ target, targetUnion: given }: Compare, kv: typeof ABSENT): number {
  switch (target) {
    case CompareTarget.VERSION:
      return sign(kv.version, given?.kind === "version" ? given.value : 0);
    case CompareTarget.CREATE:
      return sign(kv.createRevision, given?.kind === "createRevision" ? given.value : 0);
    case CompareTarget.MOD:
      return sign(kv.modRevision, given?.kind === "modRevision" ? given.value : 0);
    case CompareTarget.LEASE:
      return sign(kv.lease, given?.kind === "lease" ? given.value : 0n);
    case CompareTarget.VALUE:
      return sign(keyName(kv.value), given?.kind === "value" ? keyName(given.value) : "");
    default:
      return 0;
  }
}

function sign<Ordered extends number | bigint | string>(a: Ordered, b: Ordered): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
