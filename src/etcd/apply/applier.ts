/**
 * The only writer of state: runs committed commands, one at a time, in log order. Uses nothing but the command and the state,
 * so that every member that ran the same commands holds the same state (D1).
 *
 *   const applier = new Applier({ store, cluster, makeHeader })
 *   const { outcome, events } = applier.apply(command)
 *   outcome.kind: "put" | "deleteRange" | "txn" with `response`, "none" for commands without answer, "refused" with `error`
 *   events: what one new revision changed, for the watch hub (`store.revision` is that revision); empty when nothing did
 */
import { assert } from "../../base/assert.ts";
import type { MemberId } from "../../base/ids.ts";
import type {
  DeleteRangeResponse,
  InternalRaftRequest,
  PutResponse,
  TxnResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { type EtcdError, isEtcdError } from "../errors.ts";
import type { StoreEvent } from "../model.ts";
import type { MvccStore } from "../mvcc/store.ts";
import type { MakeHeader } from "./header.ts";
import { applyTxn } from "./txn.ts";
import { applyDeleteRange, applyPut } from "./write.ts";

/** The cluster's membership as commands change it. */
export interface ClusterState {
  /** A member publishes its name and client URLs. Unknown and removed members are ignored. */
  setAttributes(member: MemberId, name: string, clientUrls: readonly string[]): void;
}

export type Outcome =
  | { readonly kind: "put"; readonly response: PutResponse }
  | { readonly kind: "deleteRange"; readonly response: DeleteRangeResponse }
  | { readonly kind: "txn"; readonly response: TxnResponse }
  | { readonly kind: "none" }
  | { readonly kind: "refused"; readonly error: EtcdError };

export interface ApplyResult {
  readonly outcome: Outcome;
  readonly events: readonly StoreEvent[];
}

export interface ApplierOptions {
  readonly store: MvccStore;
  readonly cluster: ClusterState;
  /** For the answers only: nothing of it becomes state. */
  readonly makeHeader: MakeHeader;
}

export class Applier {
  readonly #options: ApplierOptions;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  apply(command: InternalRaftRequest): ApplyResult {
    const { store } = this.#options;
    const revision = store.revision;
    const outcome = this.#run(command);
    const events = store.commit();
    assert(outcome.kind !== "refused" || events.length === 0, "a refused command has no effect");
    assert(store.revision === revision + (events.length > 0 ? 1 : 0), "one command is at most one revision");
    return { outcome, events };
  }

  #run(command: InternalRaftRequest): Outcome {
    const { store, cluster, makeHeader } = this.#options;
    if (command.put !== null) {
      const result = applyPut(store, command.put, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "put", response: result };
    }
    if (command.deleteRange !== null) {
      return { kind: "deleteRange", response: applyDeleteRange(store, command.deleteRange, makeHeader) };
    }
    if (command.txn !== null) {
      const result = applyTxn(store, command.txn, makeHeader);
      return isEtcdError(result) ? { kind: "refused", error: result } : { kind: "txn", response: result };
    }
    if (command.clusterMemberAttrSet !== null) {
      const { memberId, memberAttributes } = command.clusterMemberAttrSet;
      cluster.setAttributes(memberId as MemberId, memberAttributes?.name ?? "", memberAttributes?.clientUrls ?? []);
      return { kind: "none" };
    }
    // Every member must do the same with it, and this one does not know what: going on would part its state from the others'.
    assert(false, "a committed command is of a kind this server knows", { id: command.header?.id ?? command.id });
  }
}
