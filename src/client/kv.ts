import {
  CompactionRequest,
  type CompactionResponse,
  DeleteRangeRequest,
  type DeleteRangeResponse,
  PutRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
  TxnRequest,
  type TxnResponse,
} from "../proto/gen/etcdserverpb.ts";
import { KV } from "../proto/gen/rpc.ts";
import type { Caller, CallOptions } from "./retry.ts";

/** Keys and values. Every method rejects with GrpcError. */
export class KvClient {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  range(request: Partial<RangeRequest>, options?: CallOptions): Promise<RangeResponse> {
    return this.#caller.call(KV.Range, RangeRequest.create(request), "read", options);
  }

  put(request: Partial<PutRequest>, options?: CallOptions): Promise<PutResponse> {
    return this.#caller.call(KV.Put, PutRequest.create(request), "write", options);
  }

  deleteRange(request: Partial<DeleteRangeRequest>, options?: CallOptions): Promise<DeleteRangeResponse> {
    return this.#caller.call(KV.DeleteRange, DeleteRangeRequest.create(request), "write", options);
  }

  /** Retried as a read when it can only read. */
  txn(request: Partial<TxnRequest>, options?: CallOptions): Promise<TxnResponse> {
    const full = TxnRequest.create(request);
    return this.#caller.call(KV.Txn, full, readsOnly(full) ? "read" : "write", options);
  }

  compact(request: Partial<CompactionRequest>, options?: CallOptions): Promise<CompactionResponse> {
    return this.#caller.call(KV.Compact, CompactionRequest.create(request), "write", options);
  }
}

function readsOnly(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].every(({ request }) => {
    if (request?.kind === "requestTxn") return readsOnly(request.value);
    return request === null || request.kind === "requestRange";
  });
}
