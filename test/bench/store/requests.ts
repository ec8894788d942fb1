/** The requests of the benchmark, as bytes: keys of 32 bytes, values of 256. */
import {
  CompareResult,
  CompareTarget,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "../../../src/proto/gen/etcdserverpb.ts";
import { KV } from "../../../src/proto/gen/rpc.ts";
import { type Calls, rawMethod } from "./load.ts";

const KEY_BYTES = 32;
const VALUE_BYTES = 256;
/** Below etcd's default limit of 128. */
export const PUTS_A_TXN = 100;

const encoder = new TextEncoder();
export const PREFIX: Uint8Array = encoder.encode("bench/");
/** The first key behind all keys with that prefix. */
export const PREFIX_END: Uint8Array = encoder.encode("bench0");
const VALUE: Uint8Array = new Uint8Array(VALUE_BYTES).fill(0x61);

export function keyAt(index: number): Uint8Array {
  return encoder.encode(`bench/${String(index).padStart(KEY_BYTES - PREFIX.length, "0")}`);
}

const RANGE = rawMethod(KV.Range);
const PUT = rawMethod(KV.Put);
const TXN = rawMethod(KV.Txn);
const constant = (bytes: Uint8Array) => (): Uint8Array => bytes;

export function readOne(serializable: boolean): Calls {
  return { method: RANGE, next: constant(RangeRequest.encode(RangeRequest.create({ key: keyAt(0), serializable }))) };
}

/** Of the first `count` keys. */
export function readMany(count: number): Calls {
  const request = RangeRequest.create({ key: keyAt(0), rangeEnd: PREFIX_END, limit: count, serializable: true });
  return { method: RANGE, next: constant(RangeRequest.encode(request)) };
}

/** Over the first `keys` keys in turn. */
export function putIn(keys: number): Calls {
  const requests = Array.from({ length: Math.min(keys, 1000) }, (_, i) =>
    PutRequest.encode(PutRequest.create({ key: keyAt(i), value: VALUE })),
  );
  let next = 0;
  return { method: PUT, next: () => requests[next++ % requests.length] as Uint8Array };
}

/** What Kubernetes' API server does to update an object: put if it is still as it was seen, else read it. */
export function compareAndPut(): Calls {
  const key = keyAt(0);
  const request = TxnRequest.create({
    compare: [
      {
        result: CompareResult.GREATER,
        target: CompareTarget.MOD,
        key,
        targetUnion: { kind: "modRevision", value: 0 },
        rangeEnd: new Uint8Array(0),
      },
    ],
    success: [RequestOp.create({ request: { kind: "requestPut", value: PutRequest.create({ key, value: VALUE }) } })],
    failure: [RequestOp.create({ request: { kind: "requestRange", value: RangeRequest.create({ key }) } })],
  });
  return { method: TXN, next: constant(TxnRequest.encode(request)) };
}

/** Puts the keys from `first` on, PUTS_A_TXN at a time, each once. */
export function fillFrom(first: number): Calls {
  let next = first;
  return {
    method: TXN,
    next: () => {
      const success = Array.from({ length: PUTS_A_TXN }, () =>
        RequestOp.create({
          request: { kind: "requestPut", value: PutRequest.create({ key: keyAt(next++), value: VALUE }) },
        }),
      );
      return TxnRequest.encode(TxnRequest.create({ success }));
    },
  };
}
