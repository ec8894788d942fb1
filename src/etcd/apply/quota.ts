/** What a request may add to the store, as etcd estimates it for its quota; 0: nothing, it is never refused for space. */
import type { PutRequest, TxnRequest } from "../../proto/gen/etcdserverpb.ts";

const KEY_OVERHEAD_BYTES = 256;
export const LEASE_COST_BYTES = 64;

export function costOfPut({ key, value }: PutRequest): number {
  return KEY_OVERHEAD_BYTES + key.length + value.length;
}

/** Of the costlier of its branches. */
export function costOfTxn({ success, failure }: TxnRequest): number {
  return Math.max(costOfOperations(success), costOfOperations(failure));
}

function costOfOperations(operations: TxnRequest["success"]): number {
  let cost = 0;
  for (const { request } of operations) {
    if (request?.kind === "requestPut") cost += costOfPut(request.value);
    else if (request?.kind === "requestTxn") cost += costOfTxn(request.value);
  }
  return cost;
}
