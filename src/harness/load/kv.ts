import type { Codec, Method } from "../../base/codec.ts";
import type { GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcError } from "../../grpc/status.ts";
import {
  DeleteRangeRequest,
  type DeleteRangeResponse,
  PutRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { KV } from "../../proto/gen/rpc.ts";
import type { Recorder } from "../history/recorder.ts";
import { OPERATION_CLASSES, type OperationClass } from "../model.ts";
import type { Keys } from "./keys.ts";
import { foreignText, type Values } from "./values.ts";

/** Requests are encoded here, at once: a put's value lives in a buffer that the next put reuses. */
const ENCODED: Codec<Uint8Array> = { encode: (bytes) => bytes, decode: (bytes) => bytes };
const RANGE: Method<Uint8Array, RangeResponse> = { ...KV.Range, request: ENCODED };
const PUT: Method<Uint8Array, PutResponse> = { ...KV.Put, request: ENCODED };
const DELETE: Method<Uint8Array, DeleteRangeResponse> = { ...KV.DeleteRange, request: ENCODED };

export const GET_LINEARIZABLE: number = OPERATION_CLASSES.indexOf("get-linearizable");
const NO_DEADLINE = {};

export type Answer = RangeResponse | PutResponse | DeleteRangeResponse;

export interface CallHandle {
  cancel(): void;
}

/** The workload of single keys: reads in both modes, puts and deletes. */
export class KvWorkload {
  readonly #keys: Keys;
  readonly #values: Values;
  readonly #recorder: Recorder;
  #newestChange = 0;

  constructor(keys: Keys, values: Values, recorder: Recorder) {
    this.#keys = keys;
    this.#values = values;
    this.#recorder = recorder;
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
    }
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
        if ((answer as DeleteRangeResponse).deleted > 0) this.#changed(revision);
        this.#recorder.answeredDelete(id, endNs, revision, (answer as DeleteRangeResponse).deleted);
        return;
      case "get-linearizable":
      case "get-serializable": {
        const kv = (answer as RangeResponse).kvs[0];
        if (kv === undefined) this.#recorder.answeredGet(id, endNs, revision, 0, 0, 0, 0, false);
        else {
          // A value of another key is nothing that this key ever held, so the checks must not take it for one of its own.
          const asked = this.#keys.indexOf(kv.key) === key;
          if (asked) this.#changed(kv.modRevision);
          const value = asked
            ? this.valueCode(kv.value)
            : this.#recorder.foreign(`${foreignText(kv.key)} answered instead`);
          this.#recorder.answeredGet(id, endNs, revision, value, kv.createRevision, kv.modRevision, kv.version, true);
        }
      }
    }
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
