/** Grant, revoke and checkpoint of leases; the caller commits what a revocation deletes as one revision. */
import type {
  LeaseCheckpointRequest,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { Leases } from "../lease/leases.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";

export function applyLeaseGrant(
  store: MvccStore,
  leases: Leases,
  { id, ttl }: LeaseGrantRequest,
  makeHeader: MakeHeader,
): LeaseGrantResponse | EtcdError {
  const refusal = leases.grant(id, ttl);
  return refusal ?? { header: makeHeader(store.revision), id, ttl, error: "" };
}

/** Deletes the keys that hang on it, in order of bytes. */
export function applyLeaseRevoke(
  store: MvccStore,
  leases: Leases,
  { id }: LeaseRevokeRequest,
  makeHeader: MakeHeader,
): LeaseRevokeResponse | EtcdError {
  if (leases.get(id) === null) return ETCD_ERRORS.leaseNotFound;
  for (const key of leases.keysOf(id)) store.deleteRange({ from: key, to: `${key}\0` });
  leases.revoke(id);
  return { header: makeHeader(store.writeRevision) };
}

export function applyLeaseCheckpoint(leases: Leases, { checkpoints }: LeaseCheckpointRequest): void {
  for (const { id, remainingTtl } of checkpoints) leases.checkpoint(id, remainingTtl);
}
