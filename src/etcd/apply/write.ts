/** Put and DeleteRange against the open revision of the store; the caller commits. */
import type { DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse } from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import { NO_LEASE } from "../lease/leases.ts";
import { keyRange } from "../mvcc/key.ts";
import { type MvccStore, NEWEST, type StoreView } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";

/** Whether a lease exists. */
export type HasLease = (id: bigint) => boolean;

/** What only the state can refuse; null when the put may run. */
export function checkPut(view: StoreView, hasLease: HasLease, request: PutRequest): EtcdError | null {
  if (request.lease !== NO_LEASE && !hasLease(request.lease)) return ETCD_ERRORS.leaseNotFound;
  const needsPrevious = request.ignoreValue || request.ignoreLease;
  return needsPrevious && view.get(request.key, NEWEST) === null ? ETCD_ERRORS.keyNotFound : null;
}

export function applyPut(
  store: MvccStore,
  hasLease: HasLease,
  request: PutRequest,
  makeHeader: MakeHeader,
): PutResponse | EtcdError {
  return checkPut(store, hasLease, request) ?? runPut(store, request, makeHeader);
}

/**
 * A put that was checked before. Its transaction may have deleted the key since: then there is nothing to keep, and it is as if that
 * were empty (Go etcd ends itself over such a transaction).
 */
export function runPut(store: MvccStore, request: PutRequest, makeHeader: MakeHeader): PutResponse {
  let { value, lease } = request;
  if (request.ignoreValue || request.ignoreLease) {
    const kept = store.get(request.key, NEWEST);
    if (request.ignoreValue) value = kept?.value ?? value;
    if (request.ignoreLease) lease = kept?.lease ?? lease;
  }
  const previous = store.put(request.key, value, lease);
  return { header: makeHeader(store.writeRevision), prevKv: request.prevKv ? previous : null };
}

export function applyDeleteRange(
  store: MvccStore,
  request: DeleteRangeRequest,
  makeHeader: MakeHeader,
): DeleteRangeResponse {
  const deleted = store.deleteRange(keyRange(request.key, request.rangeEnd));
  return {
    header: makeHeader(store.writeRevision),
    deleted: deleted.length,
    prevKvs: request.prevKv ? deleted : [],
  };
}
