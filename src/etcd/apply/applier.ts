/**
 * The only writer of state: runs committed commands, one at a time, in log order. Uses nothing but the command and the state,
 * so that every member that ran the same commands holds the same state (D1).
 *
 *   const applier = new Applier({ store, leases, alarms, cluster, makeHeader })
 *   const { outcome, events } = applier.apply(command)
 *   outcome.kind: the command's with its `response`, "none" for commands without answer, "refused" with `error`
 *   events: what one new revision changed, for the watch hub (`store.revision` is that revision); empty when nothing did
 */
import { assert } from "../../base/assert.ts";
import type { MemberId } from "../../base/ids.ts";
import type {
  AlarmResponse,
  CompactionResponse,
  DeleteRangeResponse,
  InternalRaftRequest,
  LeaseGrantResponse,
  LeaseRevokeResponse,
  PutResponse,
  TxnResponse,
} from "../../proto/gen/etcdserverpb.ts";
import type { Alarms } from "../cluster/alarms.ts";
import { type EtcdError, isEtcdError } from "../errors.ts";
import type { Leases } from "../lease/leases.ts";
import type { StoreEvent } from "../model.ts";
import { keyName } from "../mvcc/key.ts";
import type { MvccStore } from "../mvcc/store.ts";
import { alarmRefusal } from "./alarm.ts";
import { applyCompaction } from "./compaction.ts";
import type { MakeHeader } from "./header.ts";
import { applyLeaseCheckpoint, applyLeaseGrant, applyLeaseRevoke } from "./lease.ts";
import { applyTxn } from "./txn.ts";
import { applyDeleteRange, applyPut, type HasLease } from "./write.ts";

/** The cluster's membership as commands change it. */
export interface ClusterState {
  /** A member publishes its name and client URLs. Unknown and removed members are ignored. */
  setAttributes(member: MemberId, name: string, clientUrls: readonly string[]): void;
}

export type Outcome =
  | { readonly kind: "put"; readonly response: PutResponse }
  | { readonly kind: "deleteRange"; readonly response: DeleteRangeResponse }
  | { readonly kind: "txn"; readonly response: TxnResponse }
  | { readonly kind: "compaction"; readonly response: CompactionResponse }
  | { readonly kind: "leaseGrant"; readonly response: LeaseGrantResponse }
  | { readonly kind: "leaseRevoke"; readonly response: LeaseRevokeResponse }
  | { readonly kind: "alarm"; readonly response: AlarmResponse }
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly error: EtcdError };

export interface ApplyResult {
  readonly outcome: Outcome;
  readonly events: readonly StoreEvent[];
}

export interface ApplierOptions {
  readonly store: MvccStore;
  readonly leases: Leases;
  readonly alarms: Alarms;
  readonly cluster: ClusterState;
  /** For the answers only: nothing of it becomes state. */
  readonly makeHeader: MakeHeader;
}

export class Applier {
  readonly #options: ApplierOptions;
  readonly #hasLease: HasLease;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#hasLease = (id) => options.leases.get(id) !== null;
  }

  apply(command: InternalRaftRequest): ApplyResult {
    const { store, leases } = this.#options;
    const revision = store.revision;
    const outcome = this.#run(command);
    const events = store.commit();
    if (leases.size > 0) for (const { kv } of events) leases.attach(keyName(kv.key), kv.lease);
    assert(outcome.kind !== "refused" || events.length === 0, "a refused command has no effect");
    assert(store.revision === revision + (events.length > 0 ? 1 : 0), "one command is at most one revision");
    return { outcome, events };
  }

  #run(command: InternalRaftRequest): Outcome {
    const { store, leases, alarms, makeHeader } = this.#options;
    const refusal = alarmRefusal(alarms, command);
    if (refusal !== null) return { kind: "refused", error: refusal };
    if (command.put !== null) {
      const result = applyPut(store, this.#hasLease, command.put, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "put", response: result };
    }
    if (command.deleteRange !== null) {
      return { kind: "deleteRange", response: applyDeleteRange(store, command.deleteRange, makeHeader) };
    }
    if (command.txn !== null) {
      const result = applyTxn(store, this.#hasLease, command.txn, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "txn", response: result };
    }
    if (command.compaction !== null) {
      const result = applyCompaction(store, command.compaction, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "compaction", response: result };
    }
    if (command.leaseGrant !== null) {
      const result = applyLeaseGrant(store, leases, command.leaseGrant, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "leaseGrant", response: result };
    }
    if (command.leaseRevoke !== null) {
      const result = applyLeaseRevoke(store, leases, command.leaseRevoke, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "leaseRevoke", response: result };
    }
    if (command.leaseCheckpoint !== null) {
      applyLeaseCheckpoint(leases, command.leaseCheckpoint);
      return { kind: "none" };
    }
    if (command.alarm !== null) {
      const response = { header: makeHeader(store.revision), alarms: alarms.apply(command.alarm) };
      return { kind: "alarm", response };
    }
    if (command.clusterMemberAttrSet !== null) {
      const { memberId, memberAttributes } = command.clusterMemberAttrSet;
      this.#options.cluster.setAttributes(
        memberId as MemberId,
        memberAttributes?.name ?? "",
        memberAttributes?.clientUrls ?? [],
      );
      return { kind: "none" };
    }
    // Every member must do the same with it, and this one does not know what: going on would part its state from the others'.
    assert(false, "a committed command is of a kind this server knows", { id: command.header?.id ?? command.id });
  }
}
