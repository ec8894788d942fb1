import type { Codec, Method } from "../../base/codec.ts";
import type { CallOptions, GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcError } from "../../grpc/status.ts";
import {
  Compare,
  CompareTarget,
  DeleteRangeRequest,
  type DeleteRangeResponse,
  PutRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
  RequestOp,
  TxnRequest,
  type TxnResponse,
} from "../../proto/gen/etcdserverpb.ts";
import type { KeyValue } from "../../proto/gen/mvccpb.ts";
import { KV } from "../../proto/gen/rpc.ts";
import type { Recorder } from "../history/recorder.ts";
import type { Condition } from "../model/history.ts";
import { OPERATION_CLASSES, type OperationClass } from "../model/plan.ts";
import type { Keys } from "./keys.ts";
import { foreignText, type Values } from "./values.ts";

/** Requests are encoded here, at once: a put's value lives in a buffer that the next put reuses. */
const ENCODED: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
const RANGE: Method<Uint8Array, RangeResponse> = { ...KV.Range, request: ENCODED };
const PUT: Method<Uint8Array, PutResponse> = { ...KV.Put, request: ENCODED };
const DELETE: Method<Uint8Array, DeleteRangeResponse> = { ...KV.DeleteRange, request: ENCODED };
const TXN: Method<Uint8Array, TxnResponse> = { ...KV.Txn, request: ENCODED };

export const GET_LINEARIZABLE: number = OPERATION_CLASSES.indexOf("get-linearizable");
export const UPDATE: number = OPERATION_CLASSES.indexOf("update");
const NO_DEADLINE = {};

export type Answer = RangeResponse | PutResponse | DeleteRangeResponse | TxnResponse;

export interface CallHandle {
  cancel(): void;
}

/**
 * The workload of single keys: reads in both modes, puts and deletes, and the same as transactions that compare what was seen last, as
 * Kubernetes' API server writes.
 */
export class KvWorkload {
  /** Of the puts in transactions; 0n: none. */
  lease: bigint = 0n;
  /** How many such puts were sent. */
  leased = 0;
  /** MOD_REVISION and version of each key as any answer showed them last. */
  readonly #seenRevisions: Float64Array;
  readonly #seenVersions: Float64Array;
  readonly #keys: Keys;
  readonly #values: Values;
  readonly #recorder: Recorder;
  #newestChange = 0;

  constructor(keys: Keys, values: Values, recorder: Recorder) {
    this.#keys = keys;
    this.#values = values;
    this.#recorder = recorder;
    this.#seenRevisions = new Float64Array(keys.count);
    this.#seenVersions = new Float64Array(keys.count);
  }

  /** The revision of the newest change of the run's keys that any answer showed; 0 before the first. */
  get newestChange(): number {
    return this.#newestChange;
  }

  /** Sends operation `id`. `done` is called at most once; the deadline is the caller's. */
  send(
    connection: GrpcConnection,
    kind: number,
    key: number,
    id: number,
    done: (error: GrpcError | null, answer: Answer | null) => void,
  ): CallHandle {
    const keyBytes = this.#keys.bytes(key);
    switch (OPERATION_CLASSES[kind] as OperationClass) {
      case "get-linearizable":
        return connection.unary(RANGE, RangeRequest.encode(RangeRequest.create({ key: keyBytes })), NO_DEADLINE, done);
      case "get-serializable": {
        const request = RangeRequest.create({ key: keyBytes, serializable: true });
        return connection.unary(RANGE, RangeRequest.encode(request), NO_DEADLINE, done);
      }
      case "put": {
        const request = PutRequest.create({ key: keyBytes, value: this.#values.write(id) });
        return connection.unary(PUT, PutRequest.encode(request), NO_DEADLINE, done);
      }
      case "delete": {
        const request = DeleteRangeRequest.create({ key: keyBytes });
        return connection.unary(DELETE, DeleteRangeRequest.encode(request), NO_DEADLINE, done);
      }
      case "update":
      case "remove":
        return this.transact(connection, { kind, key, id, target: "mod-revision" }, NO_DEADLINE, done);
    }
  }

  /** Sends operation `id`, an update or a removal, if the key is still as it was seen last. */
  transact(
    connection: GrpcConnection,
    operation: {
      readonly kind: number;
      readonly key: number;
      readonly id: number;
      readonly target: Condition["target"];
    },
    options: CallOptions,
    done: (error: GrpcError | null, answer: TxnResponse | null) => void,
  ): CallHandle {
    const { kind, key, id, target } = operation;
    const keyBytes = this.#keys.bytes(key);
    const ofVersion = target === "version";
    const equals = (ofVersion ? this.#seenVersions[key] : this.#seenRevisions[key]) as number;
    this.#recorder.condition(id, target, equals);
    const compare = Compare.create({
      target: ofVersion ? CompareTarget.VERSION : CompareTarget.MOD,
      key: keyBytes,
      targetUnion: { kind: ofVersion ? "version" : "modRevision", value: equals },
    });
    const failure = RequestOp.create({
      request: { kind: "requestRange", value: RangeRequest.create({ key: keyBytes }) },
    });
    const request = TxnRequest.create({
      compare: [compare],
      success: [this.#write(kind, keyBytes, id)],
      failure: [failure],
    });
    return connection.unary(TXN, TxnRequest.encode(request), options, done);
  }

  #write(kind: number, key: Uint8Array, id: number): RequestOp {
    if (kind !== UPDATE)
      return RequestOp.create({ request: { kind: "requestDeleteRange", value: DeleteRangeRequest.create({ key }) } });
    this.leased++;
    const value = PutRequest.create({ key, value: this.#values.write(id), lease: this.lease });
    return RequestOp.create({ request: { kind: "requestPut", value } });
  }

  /** Takes down the answer to operation `id` on `key`. */
  record(kind: number, key: number, id: number, endNs: number, answer: Answer): void {
    const revision = answer.header?.revision ?? 0;
    switch (OPERATION_CLASSES[kind] as OperationClass) {
      case "put":
        this.#changed(revision);
        this.#recorder.answeredPut(id, endNs, revision);
        return;
      case "delete":
        this.#recordDelete(id, endNs, revision, (answer as DeleteRangeResponse).deleted);
        return;
      case "get-linearizable":
      case "get-serializable":
        this.#recordRead(key, id, endNs, revision, (answer as RangeResponse).kvs[0]);
        return;
      case "update":
      case "remove":
        this.#recordTxn(key, id, endNs, answer as TxnResponse);
    }
  }

  #recordTxn(key: number, id: number, endNs: number, { header, succeeded, responses }: TxnResponse): void {
    const revision = header?.revision ?? 0;
    const response = responses[0]?.response ?? null;
    switch (response?.kind) {
      case "responsePut":
        this.#seenRevisions[key] = revision;
        this.#seenVersions[key] = (this.#seenVersions[key] as number) + 1;
        this.#changed(revision);
        this.#recorder.answeredPut(id, endNs, revision);
        return;
      case "responseDeleteRange":
        this.#seenRevisions[key] = 0;
        this.#seenVersions[key] = 0;
        this.#recordDelete(id, endNs, revision, response.value.deleted);
        return;
      case "responseRange": {
        const [kv] = response.value.kvs;
        this.#seenRevisions[key] = kv?.modRevision ?? 0;
        this.#seenVersions[key] = kv?.version ?? 0;
        this.#recorder.refused(id);
        this.#recordRead(key, id, endNs, revision, kv);
        return;
      }
      default:
        this.#recorder.unanswered(id, endNs, "unknown", `a transaction (${succeeded}) answered without its operation`);
    }
  }

  #recordDelete(id: number, endNs: number, revision: number, deleted: number): void {
    if (deleted > 0) this.#changed(revision);
    this.#recorder.answeredDelete(id, endNs, revision, deleted);
  }

  #recordRead(key: number, id: number, endNs: number, revision: number, kv: KeyValue | undefined): void {
    if (kv === undefined) {
      this.#recorder.answeredGet(id, endNs, revision, 0, 0, 0, 0, false);
      return;
    }
    // A value of another key is nothing that this key ever held, so the checks must not take it for one of its own.
    const asked = this.#keys.indexOf(kv.key) === key;
    if (asked) this.#changed(kv.modRevision);
    const value = asked ? this.valueCode(kv.value) : this.#recorder.foreign(`${foreignText(kv.key)} answered instead`);
    this.#recorder.answeredGet(id, endNs, revision, value, kv.createRevision, kv.modRevision, kv.version, true);
  }

  #changed(revision: number): void {
    if (revision > this.#newestChange) this.#newestChange = revision;
  }

  /** The recorder's code of a value. */
  valueCode(value: Uint8Array): number {
    const id = this.#values.read(value);
    return id >= 0 ? id : this.#recorder.foreign(foreignText(value));
  }

  /** The recorder's code of a key. */
  keyCode(key: Uint8Array): number {
    const index = this.#keys.indexOf(key);
    return index >= 0 ? index : this.#recorder.foreign(foreignText(key));
  }
}
