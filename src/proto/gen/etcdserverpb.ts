// Generated from src/proto/etcdserverpb.proto by `npm run generate`: change that, not this.
import { EMPTY_BYTES, type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
import {
  Permission,
  UserAddOptions,
  readPermission,
  readUserAddOptions,
  writePermission,
  writeUserAddOptions,
} from "./authpb.ts";
import {
  ClusterMemberAttrSetRequest,
  ClusterVersionSetRequest,
  DowngradeInfoSetRequest,
  readClusterMemberAttrSetRequest,
  readClusterVersionSetRequest,
  readDowngradeInfoSetRequest,
  writeClusterMemberAttrSetRequest,
  writeClusterVersionSetRequest,
  writeDowngradeInfoSetRequest,
} from "./membershippb.ts";
import { Event, KeyValue, readEvent, readKeyValue, writeEvent, writeKeyValue } from "./mvccpb.ts";
export const AlarmType: { readonly NONE: 0; readonly NOSPACE: 1; readonly CORRUPT: 2 } = {
  NONE: 0,
  NOSPACE: 1,
  CORRUPT: 2,
};
export type AlarmType = (typeof AlarmType)[keyof typeof AlarmType];

export const SortOrder: { readonly NONE: 0; readonly ASCEND: 1; readonly DESCEND: 2 } = {
  NONE: 0,
  ASCEND: 1,
  DESCEND: 2,
};
export type SortOrder = (typeof SortOrder)[keyof typeof SortOrder];

export const SortTarget: {
  readonly KEY: 0;
  readonly VERSION: 1;
  readonly CREATE: 2;
  readonly MOD: 3;
  readonly VALUE: 4;
} = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 };
export type SortTarget = (typeof SortTarget)[keyof typeof SortTarget];

export const CompareResult: { readonly EQUAL: 0; readonly GREATER: 1; readonly LESS: 2; readonly NOT_EQUAL: 3 } = {
  EQUAL: 0,
  GREATER: 1,
  LESS: 2,
  NOT_EQUAL: 3,
};
export type CompareResult = (typeof CompareResult)[keyof typeof CompareResult];

export const CompareTarget: {
  readonly VERSION: 0;
  readonly CREATE: 1;
  readonly MOD: 2;
  readonly VALUE: 3;
  readonly LEASE: 4;
} = { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 };
export type CompareTarget = (typeof CompareTarget)[keyof typeof CompareTarget];

export const FilterType: { readonly NOPUT: 0; readonly NODELETE: 1 } = { NOPUT: 0, NODELETE: 1 };
export type FilterType = (typeof FilterType)[keyof typeof FilterType];

export const AlarmAction: { readonly GET: 0; readonly ACTIVATE: 1; readonly DEACTIVATE: 2 } = {
  GET: 0,
  ACTIVATE: 1,
  DEACTIVATE: 2,
};
export type AlarmAction = (typeof AlarmAction)[keyof typeof AlarmAction];

export const DowngradeAction: { readonly VALIDATE: 0; readonly ENABLE: 1; readonly CANCEL: 2 } = {
  VALIDATE: 0,
  ENABLE: 1,
  CANCEL: 2,
};
export type DowngradeAction = (typeof DowngradeAction)[keyof typeof DowngradeAction];

export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: number;
}

export const ResponseHeader: MessageCodec<ResponseHeader> = messageCodec(
  readResponseHeader,
  writeResponseHeader,
  createResponseHeader,
  () => [
    { name: "cluster_id", key: "clusterId", type: "uint64" },
    { name: "member_id", key: "memberId", type: "uint64" },
    { name: "revision", key: "revision", type: "int64" },
    { name: "raft_term", key: "raftTerm", type: "uint64" },
  ],
);

function createResponseHeader(partial: Partial<ResponseHeader> = {}): ResponseHeader {
  return {
    clusterId: partial.clusterId ?? 0n,
    memberId: partial.memberId ?? 0n,
    revision: partial.revision ?? 0,
    raftTerm: partial.raftTerm ?? 0,
  };
}

export function readResponseHeader(r: Reader): ResponseHeader {
  let clusterId: ResponseHeader["clusterId"] = 0n;
  let memberId: ResponseHeader["memberId"] = 0n;
  let revision: ResponseHeader["revision"] = 0;
  let raftTerm: ResponseHeader["raftTerm"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        clusterId = r.uint64Name();
        break;
      case 16:
        memberId = r.uint64Name();
        break;
      case 24:
        revision = r.int64();
        break;
      case 32:
        raftTerm = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { clusterId, memberId, revision, raftTerm };
}

export function writeResponseHeader(w: Writer, m: ResponseHeader): void {
  if (m.raftTerm !== 0) {
    w.uint64(32, m.raftTerm);
  }
  if (m.revision !== 0) {
    w.int64(24, m.revision);
  }
  if (m.memberId !== 0n) {
    w.name(16, m.memberId);
  }
  if (m.clusterId !== 0n) {
    w.name(8, m.clusterId);
  }
}

export interface RangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly limit: number;
  readonly revision: number;
  readonly sortOrder: SortOrder;
  readonly sortTarget: SortTarget;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export const RangeRequest: MessageCodec<RangeRequest> = messageCodec(
  readRangeRequest,
  writeRangeRequest,
  createRangeRequest,
  () => [
    { name: "key", key: "key", type: "bytes" },
    { name: "range_end", key: "rangeEnd", type: "bytes" },
    { name: "limit", key: "limit", type: "int64" },
    { name: "revision", key: "revision", type: "int64" },
    { name: "sort_order", key: "sortOrder", type: "enum", values: SortOrder },
    { name: "sort_target", key: "sortTarget", type: "enum", values: SortTarget },
    { name: "serializable", key: "serializable", type: "bool" },
    { name: "keys_only", key: "keysOnly", type: "bool" },
    { name: "count_only", key: "countOnly", type: "bool" },
    { name: "min_mod_revision", key: "minModRevision", type: "int64" },
    { name: "max_mod_revision", key: "maxModRevision", type: "int64" },
    { name: "min_create_revision", key: "minCreateRevision", type: "int64" },
    { name: "max_create_revision", key: "maxCreateRevision", type: "int64" },
  ],
);

function createRangeRequest(partial: Partial<RangeRequest> = {}): RangeRequest {
  return {
    key: partial.key ?? EMPTY_BYTES,
    rangeEnd: partial.rangeEnd ?? EMPTY_BYTES,
    limit: partial.limit ?? 0,
    revision: partial.revision ?? 0,
    sortOrder: partial.sortOrder ?? 0,
    sortTarget: partial.sortTarget ?? 0,
    serializable: partial.serializable ?? false,
    keysOnly: partial.keysOnly ?? false,
    countOnly: partial.countOnly ?? false,
    minModRevision: partial.minModRevision ?? 0,
    maxModRevision: partial.maxModRevision ?? 0,
    minCreateRevision: partial.minCreateRevision ?? 0,
    maxCreateRevision: partial.maxCreateRevision ?? 0,
  };
}

export function readRangeRequest(r: Reader): RangeRequest {
  let key: RangeRequest["key"] = EMPTY_BYTES;
  let rangeEnd: RangeRequest["rangeEnd"] = EMPTY_BYTES;
  let limit: RangeRequest["limit"] = 0;
  let revision: RangeRequest["revision"] = 0;
  let sortOrder: RangeRequest["sortOrder"] = 0;
  let sortTarget: RangeRequest["sortTarget"] = 0;
  let serializable: RangeRequest["serializable"] = false;
  let keysOnly: RangeRequest["keysOnly"] = false;
  let countOnly: RangeRequest["countOnly"] = false;
  let minModRevision: RangeRequest["minModRevision"] = 0;
  let maxModRevision: RangeRequest["maxModRevision"] = 0;
  let minCreateRevision: RangeRequest["minCreateRevision"] = 0;
  let maxCreateRevision: RangeRequest["maxCreateRevision"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        key = r.bytes();
        break;
      case 18:
        rangeEnd = r.bytes();
        break;
      case 24:
        limit = r.int64();
        break;
      case 32:
        revision = r.int64();
        break;
      case 40:
        sortOrder = r.enumeration();
        break;
      case 48:
        sortTarget = r.enumeration();
        break;
      case 56:
        serializable = r.bool();
        break;
      case 64:
        keysOnly = r.bool();
        break;
      case 72:
        countOnly = r.bool();
        break;
      case 80:
        minModRevision = r.int64();
        break;
      case 88:
        maxModRevision = r.int64();
        break;
      case 96:
        minCreateRevision = r.int64();
        break;
      case 104:
        maxCreateRevision = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return {
    key,
    rangeEnd,
    limit,
    revision,
    sortOrder,
    sortTarget,
    serializable,
    keysOnly,
    countOnly,
    minModRevision,
    maxModRevision,
    minCreateRevision,
    maxCreateRevision,
  };
}

export function writeRangeRequest(w: Writer, m: RangeRequest): void {
  if (m.maxCreateRevision !== 0) {
    w.int64(104, m.maxCreateRevision);
  }
  if (m.minCreateRevision !== 0) {
    w.int64(96, m.minCreateRevision);
  }
  if (m.maxModRevision !== 0) {
    w.int64(88, m.maxModRevision);
  }
  if (m.minModRevision !== 0) {
    w.int64(80, m.minModRevision);
  }
  if (m.countOnly) {
    w.bool(72, m.countOnly);
  }
  if (m.keysOnly) {
    w.bool(64, m.keysOnly);
  }
  if (m.serializable) {
    w.bool(56, m.serializable);
  }
  if (m.sortTarget !== 0) {
    w.enumeration(48, m.sortTarget);
  }
  if (m.sortOrder !== 0) {
    w.enumeration(40, m.sortOrder);
  }
  if (m.revision !== 0) {
    w.int64(32, m.revision);
  }
  if (m.limit !== 0) {
    w.int64(24, m.limit);
  }
  if (m.rangeEnd.length !== 0) {
    w.bytes(18, m.rangeEnd);
  }
  if (m.key.length !== 0) {
    w.bytes(10, m.key);
  }
}

export interface RangeResponse {
  readonly header: ResponseHeader | null;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export const RangeResponse: MessageCodec<RangeResponse> = messageCodec(
  readRangeResponse,
  writeRangeResponse,
  createRangeResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "kvs", key: "kvs", type: "message", repeated: true, message: KeyValue },
    { name: "more", key: "more", type: "bool" },
    { name: "count", key: "count", type: "int64" },
  ],
);

function createRangeResponse(partial: Partial<RangeResponse> = {}): RangeResponse {
  return {
    header: partial.header ?? null,
    kvs: partial.kvs ?? [],
    more: partial.more ?? false,
    count: partial.count ?? 0,
  };
}

export function readRangeResponse(r: Reader): RangeResponse {
  let header: RangeResponse["header"] = null;
  const kvs: KeyValue[] = [];
  let more: RangeResponse["more"] = false;
  let count: RangeResponse["count"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        kvs.push(readKeyValue(r));
        r.leave(outer);
        break;
      }
      case 24:
        more = r.bool();
        break;
      case 32:
        count = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, kvs, more, count };
}

export function writeRangeResponse(w: Writer, m: RangeResponse): void {
  if (m.count !== 0) {
    w.int64(32, m.count);
  }
  if (m.more) {
    w.bool(24, m.more);
  }
  for (let i = m.kvs.length - 1; i >= 0; i--) {
    const before = w.length;
    writeKeyValue(w, m.kvs[i] as KeyValue);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease: bigint;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export const PutRequest: MessageCodec<PutRequest> = messageCodec(
  readPutRequest,
  writePutRequest,
  createPutRequest,
  () => [
    { name: "key", key: "key", type: "bytes" },
    { name: "value", key: "value", type: "bytes" },
    { name: "lease", key: "lease", type: "int64" },
    { name: "prev_kv", key: "prevKv", type: "bool" },
    { name: "ignore_value", key: "ignoreValue", type: "bool" },
    { name: "ignore_lease", key: "ignoreLease", type: "bool" },
  ],
);

function createPutRequest(partial: Partial<PutRequest> = {}): PutRequest {
  return {
    key: partial.key ?? EMPTY_BYTES,
    value: partial.value ?? EMPTY_BYTES,
    lease: partial.lease ?? 0n,
    prevKv: partial.prevKv ?? false,
    ignoreValue: partial.ignoreValue ?? false,
    ignoreLease: partial.ignoreLease ?? false,
  };
}

export function readPutRequest(r: Reader): PutRequest {
  let key: PutRequest["key"] = EMPTY_BYTES;
  let value: PutRequest["value"] = EMPTY_BYTES;
  let lease: PutRequest["lease"] = 0n;
  let prevKv: PutRequest["prevKv"] = false;
  let ignoreValue: PutRequest["ignoreValue"] = false;
  let ignoreLease: PutRequest["ignoreLease"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        key = r.bytes();
        break;
      case 18:
        value = r.bytes();
        break;
      case 24:
        lease = r.int64Name();
        break;
      case 32:
        prevKv = r.bool();
        break;
      case 40:
        ignoreValue = r.bool();
        break;
      case 48:
        ignoreLease = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { key, value, lease, prevKv, ignoreValue, ignoreLease };
}

export function writePutRequest(w: Writer, m: PutRequest): void {
  if (m.ignoreLease) {
    w.bool(48, m.ignoreLease);
  }
  if (m.ignoreValue) {
    w.bool(40, m.ignoreValue);
  }
  if (m.prevKv) {
    w.bool(32, m.prevKv);
  }
  if (m.lease !== 0n) {
    w.name(24, m.lease);
  }
  if (m.value.length !== 0) {
    w.bytes(18, m.value);
  }
  if (m.key.length !== 0) {
    w.bytes(10, m.key);
  }
}

export interface PutResponse {
  readonly header: ResponseHeader | null;
  readonly prevKv: KeyValue | null;
}

export const PutResponse: MessageCodec<PutResponse> = messageCodec(
  readPutResponse,
  writePutResponse,
  createPutResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "prev_kv", key: "prevKv", type: "message", message: KeyValue },
  ],
);

function createPutResponse(partial: Partial<PutResponse> = {}): PutResponse {
  return { header: partial.header ?? null, prevKv: partial.prevKv ?? null };
}

export function readPutResponse(r: Reader): PutResponse {
  let header: PutResponse["header"] = null;
  let prevKv: PutResponse["prevKv"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        prevKv = readKeyValue(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, prevKv };
}

export function writePutResponse(w: Writer, m: PutResponse): void {
  if (m.prevKv !== null) {
    const before = w.length;
    writeKeyValue(w, m.prevKv);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface DeleteRangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly prevKv: boolean;
}

export const DeleteRangeRequest: MessageCodec<DeleteRangeRequest> = messageCodec(
  readDeleteRangeRequest,
  writeDeleteRangeRequest,
  createDeleteRangeRequest,
  () => [
    { name: "key", key: "key", type: "bytes" },
    { name: "range_end", key: "rangeEnd", type: "bytes" },
    { name: "prev_kv", key: "prevKv", type: "bool" },
  ],
);

function createDeleteRangeRequest(partial: Partial<DeleteRangeRequest> = {}): DeleteRangeRequest {
  return {
    key: partial.key ?? EMPTY_BYTES,
    rangeEnd: partial.rangeEnd ?? EMPTY_BYTES,
    prevKv: partial.prevKv ?? false,
  };
}

export function readDeleteRangeRequest(r: Reader): DeleteRangeRequest {
  let key: DeleteRangeRequest["key"] = EMPTY_BYTES;
  let rangeEnd: DeleteRangeRequest["rangeEnd"] = EMPTY_BYTES;
  let prevKv: DeleteRangeRequest["prevKv"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        key = r.bytes();
        break;
      case 18:
        rangeEnd = r.bytes();
        break;
      case 24:
        prevKv = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { key, rangeEnd, prevKv };
}

export function writeDeleteRangeRequest(w: Writer, m: DeleteRangeRequest): void {
  if (m.prevKv) {
    w.bool(24, m.prevKv);
  }
  if (m.rangeEnd.length !== 0) {
    w.bytes(18, m.rangeEnd);
  }
  if (m.key.length !== 0) {
    w.bytes(10, m.key);
  }
}

export interface DeleteRangeResponse {
  readonly header: ResponseHeader | null;
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

export const DeleteRangeResponse: MessageCodec<DeleteRangeResponse> = messageCodec(
  readDeleteRangeResponse,
  writeDeleteRangeResponse,
  createDeleteRangeResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "deleted", key: "deleted", type: "int64" },
    { name: "prev_kvs", key: "prevKvs", type: "message", repeated: true, message: KeyValue },
  ],
);

function createDeleteRangeResponse(partial: Partial<DeleteRangeResponse> = {}): DeleteRangeResponse {
  return { header: partial.header ?? null, deleted: partial.deleted ?? 0, prevKvs: partial.prevKvs ?? [] };
}

export function readDeleteRangeResponse(r: Reader): DeleteRangeResponse {
  let header: DeleteRangeResponse["header"] = null;
  let deleted: DeleteRangeResponse["deleted"] = 0;
  const prevKvs: KeyValue[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        deleted = r.int64();
        break;
      case 26: {
        const outer = r.enter();
        prevKvs.push(readKeyValue(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, deleted, prevKvs };
}

export function writeDeleteRangeResponse(w: Writer, m: DeleteRangeResponse): void {
  for (let i = m.prevKvs.length - 1; i >= 0; i--) {
    const before = w.length;
    writeKeyValue(w, m.prevKvs[i] as KeyValue);
    w.prefix(26, before);
  }
  if (m.deleted !== 0) {
    w.int64(16, m.deleted);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface RequestOp {
  readonly request:
    | { readonly kind: "requestRange"; readonly value: RangeRequest }
    | { readonly kind: "requestPut"; readonly value: PutRequest }
    | { readonly kind: "requestDeleteRange"; readonly value: DeleteRangeRequest }
    | { readonly kind: "requestTxn"; readonly value: TxnRequest }
    | null;
}

export const RequestOp: MessageCodec<RequestOp> = messageCodec(readRequestOp, writeRequestOp, createRequestOp, () => [
  { name: "request_range", key: "requestRange", type: "message", oneof: "request", message: RangeRequest },
  { name: "request_put", key: "requestPut", type: "message", oneof: "request", message: PutRequest },
  {
    name: "request_delete_range",
    key: "requestDeleteRange",
    type: "message",
    oneof: "request",
    message: DeleteRangeRequest,
  },
  { name: "request_txn", key: "requestTxn", type: "message", oneof: "request", message: TxnRequest },
]);

function createRequestOp(partial: Partial<RequestOp> = {}): RequestOp {
  return { request: partial.request ?? null };
}

export function readRequestOp(r: Reader): RequestOp {
  let request: RequestOp["request"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        request = { kind: "requestRange", value: readRangeRequest(r) };
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        request = { kind: "requestPut", value: readPutRequest(r) };
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        request = { kind: "requestDeleteRange", value: readDeleteRangeRequest(r) };
        r.leave(outer);
        break;
      }
      case 34: {
        const outer = r.enter();
        request = { kind: "requestTxn", value: readTxnRequest(r) };
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { request };
}

export function writeRequestOp(w: Writer, m: RequestOp): void {
  if (m.request !== null) {
    switch (m.request.kind) {
      case "requestRange": {
        const before = w.length;
        writeRangeRequest(w, m.request.value);
        w.prefix(10, before);
        break;
      }
      case "requestPut": {
        const before = w.length;
        writePutRequest(w, m.request.value);
        w.prefix(18, before);
        break;
      }
      case "requestDeleteRange": {
        const before = w.length;
        writeDeleteRangeRequest(w, m.request.value);
        w.prefix(26, before);
        break;
      }
      case "requestTxn": {
        const before = w.length;
        writeTxnRequest(w, m.request.value);
        w.prefix(34, before);
        break;
      }
    }
  }
}

export interface ResponseOp {
  readonly response:
    | { readonly kind: "responseRange"; readonly value: RangeResponse }
    | { readonly kind: "responsePut"; readonly value: PutResponse }
    | { readonly kind: "responseDeleteRange"; readonly value: DeleteRangeResponse }
    | { readonly kind: "responseTxn"; readonly value: TxnResponse }
    | null;
}

export const ResponseOp: MessageCodec<ResponseOp> = messageCodec(
  readResponseOp,
  writeResponseOp,
  createResponseOp,
  () => [
    { name: "response_range", key: "responseRange", type: "message", oneof: "response", message: RangeResponse },
    { name: "response_put", key: "responsePut", type: "message", oneof: "response", message: PutResponse },
    {
      name: "response_delete_range",
      key: "responseDeleteRange",
      type: "message",
      oneof: "response",
      message: DeleteRangeResponse,
    },
    { name: "response_txn", key: "responseTxn", type: "message", oneof: "response", message: TxnResponse },
  ],
);

function createResponseOp(partial: Partial<ResponseOp> = {}): ResponseOp {
  return { response: partial.response ?? null };
}

export function readResponseOp(r: Reader): ResponseOp {
  let response: ResponseOp["response"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        response = { kind: "responseRange", value: readRangeResponse(r) };
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        response = { kind: "responsePut", value: readPutResponse(r) };
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        response = { kind: "responseDeleteRange", value: readDeleteRangeResponse(r) };
        r.leave(outer);
        break;
      }
      case 34: {
        const outer = r.enter();
        response = { kind: "responseTxn", value: readTxnResponse(r) };
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { response };
}

export function writeResponseOp(w: Writer, m: ResponseOp): void {
  if (m.response !== null) {
    switch (m.response.kind) {
      case "responseRange": {
        const before = w.length;
        writeRangeResponse(w, m.response.value);
        w.prefix(10, before);
        break;
      }
      case "responsePut": {
        const before = w.length;
        writePutResponse(w, m.response.value);
        w.prefix(18, before);
        break;
      }
      case "responseDeleteRange": {
        const before = w.length;
        writeDeleteRangeResponse(w, m.response.value);
        w.prefix(26, before);
        break;
      }
      case "responseTxn": {
        const before = w.length;
        writeTxnResponse(w, m.response.value);
        w.prefix(34, before);
        break;
      }
    }
  }
}

export interface Compare {
  readonly result: CompareResult;
  readonly target: CompareTarget;
  readonly key: Uint8Array;
  readonly targetUnion:
    | { readonly kind: "version"; readonly value: number }
    | { readonly kind: "createRevision"; readonly value: number }
    | { readonly kind: "modRevision"; readonly value: number }
    | { readonly kind: "value"; readonly value: Uint8Array }
    | { readonly kind: "lease"; readonly value: bigint }
    | null;
  readonly rangeEnd: Uint8Array;
}

export const Compare: MessageCodec<Compare> = messageCodec(readCompare, writeCompare, createCompare, () => [
  { name: "result", key: "result", type: "enum", values: CompareResult },
  { name: "target", key: "target", type: "enum", values: CompareTarget },
  { name: "key", key: "key", type: "bytes" },
  { name: "version", key: "version", type: "int64", oneof: "targetUnion" },
  { name: "create_revision", key: "createRevision", type: "int64", oneof: "targetUnion" },
  { name: "mod_revision", key: "modRevision", type: "int64", oneof: "targetUnion" },
  { name: "value", key: "value", type: "bytes", oneof: "targetUnion" },
  { name: "lease", key: "lease", type: "int64", oneof: "targetUnion" },
  { name: "range_end", key: "rangeEnd", type: "bytes" },
]);

function createCompare(partial: Partial<Compare> = {}): Compare {
  return {
    result: partial.result ?? 0,
    target: partial.target ?? 0,
    key: partial.key ?? EMPTY_BYTES,
    targetUnion: partial.targetUnion ?? null,
    rangeEnd: partial.rangeEnd ?? EMPTY_BYTES,
  };
}

export function readCompare(r: Reader): Compare {
  let result: Compare["result"] = 0;
  let target: Compare["target"] = 0;
  let key: Compare["key"] = EMPTY_BYTES;
  let targetUnion: Compare["targetUnion"] = null;
  let rangeEnd: Compare["rangeEnd"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        result = r.enumeration();
        break;
      case 16:
        target = r.enumeration();
        break;
      case 26:
        key = r.bytes();
        break;
      case 32:
        targetUnion = { kind: "version", value: r.int64() };
        break;
      case 40:
        targetUnion = { kind: "createRevision", value: r.int64() };
        break;
      case 48:
        targetUnion = { kind: "modRevision", value: r.int64() };
        break;
      case 58:
        targetUnion = { kind: "value", value: r.bytes() };
        break;
      case 64:
        targetUnion = { kind: "lease", value: r.int64Name() };
        break;
      case 514:
        rangeEnd = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { result, target, key, targetUnion, rangeEnd };
}

export function writeCompare(w: Writer, m: Compare): void {
  if (m.rangeEnd.length !== 0) {
    w.bytes(514, m.rangeEnd);
  }
  if (m.targetUnion !== null) {
    switch (m.targetUnion.kind) {
      case "version":
        w.int64(32, m.targetUnion.value);
        break;
      case "createRevision":
        w.int64(40, m.targetUnion.value);
        break;
      case "modRevision":
        w.int64(48, m.targetUnion.value);
        break;
      case "value":
        w.bytes(58, m.targetUnion.value);
        break;
      case "lease":
        w.name(64, m.targetUnion.value);
        break;
    }
  }
  if (m.key.length !== 0) {
    w.bytes(26, m.key);
  }
  if (m.target !== 0) {
    w.enumeration(16, m.target);
  }
  if (m.result !== 0) {
    w.enumeration(8, m.result);
  }
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export const TxnRequest: MessageCodec<TxnRequest> = messageCodec(
  readTxnRequest,
  writeTxnRequest,
  createTxnRequest,
  () => [
    { name: "compare", key: "compare", type: "message", repeated: true, message: Compare },
    { name: "success", key: "success", type: "message", repeated: true, message: RequestOp },
    { name: "failure", key: "failure", type: "message", repeated: true, message: RequestOp },
  ],
);

function createTxnRequest(partial: Partial<TxnRequest> = {}): TxnRequest {
  return { compare: partial.compare ?? [], success: partial.success ?? [], failure: partial.failure ?? [] };
}

export function readTxnRequest(r: Reader): TxnRequest {
  const compare: Compare[] = [];
  const success: RequestOp[] = [];
  const failure: RequestOp[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        compare.push(readCompare(r));
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        success.push(readRequestOp(r));
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        failure.push(readRequestOp(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { compare, success, failure };
}

export function writeTxnRequest(w: Writer, m: TxnRequest): void {
  for (let i = m.failure.length - 1; i >= 0; i--) {
    const before = w.length;
    writeRequestOp(w, m.failure[i] as RequestOp);
    w.prefix(26, before);
  }
  for (let i = m.success.length - 1; i >= 0; i--) {
    const before = w.length;
    writeRequestOp(w, m.success[i] as RequestOp);
    w.prefix(18, before);
  }
  for (let i = m.compare.length - 1; i >= 0; i--) {
    const before = w.length;
    writeCompare(w, m.compare[i] as Compare);
    w.prefix(10, before);
  }
}

export interface TxnResponse {
  readonly header: ResponseHeader | null;
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export const TxnResponse: MessageCodec<TxnResponse> = messageCodec(
  readTxnResponse,
  writeTxnResponse,
  createTxnResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "succeeded", key: "succeeded", type: "bool" },
    { name: "responses", key: "responses", type: "message", repeated: true, message: ResponseOp },
  ],
);

function createTxnResponse(partial: Partial<TxnResponse> = {}): TxnResponse {
  return { header: partial.header ?? null, succeeded: partial.succeeded ?? false, responses: partial.responses ?? [] };
}

export function readTxnResponse(r: Reader): TxnResponse {
  let header: TxnResponse["header"] = null;
  let succeeded: TxnResponse["succeeded"] = false;
  const responses: ResponseOp[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        succeeded = r.bool();
        break;
      case 26: {
        const outer = r.enter();
        responses.push(readResponseOp(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, succeeded, responses };
}

export function writeTxnResponse(w: Writer, m: TxnResponse): void {
  for (let i = m.responses.length - 1; i >= 0; i--) {
    const before = w.length;
    writeResponseOp(w, m.responses[i] as ResponseOp);
    w.prefix(26, before);
  }
  if (m.succeeded) {
    w.bool(16, m.succeeded);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface CompactionRequest {
  readonly revision: number;
  readonly physical: boolean;
}

export const CompactionRequest: MessageCodec<CompactionRequest> = messageCodec(
  readCompactionRequest,
  writeCompactionRequest,
  createCompactionRequest,
  () => [
    { name: "revision", key: "revision", type: "int64" },
    { name: "physical", key: "physical", type: "bool" },
  ],
);

function createCompactionRequest(partial: Partial<CompactionRequest> = {}): CompactionRequest {
  return { revision: partial.revision ?? 0, physical: partial.physical ?? false };
}

export function readCompactionRequest(r: Reader): CompactionRequest {
  let revision: CompactionRequest["revision"] = 0;
  let physical: CompactionRequest["physical"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        revision = r.int64();
        break;
      case 16:
        physical = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { revision, physical };
}

export function writeCompactionRequest(w: Writer, m: CompactionRequest): void {
  if (m.physical) {
    w.bool(16, m.physical);
  }
  if (m.revision !== 0) {
    w.int64(8, m.revision);
  }
}

export interface CompactionResponse {
  readonly header: ResponseHeader | null;
}

export const CompactionResponse: MessageCodec<CompactionResponse> = messageCodec(
  readCompactionResponse,
  writeCompactionResponse,
  createCompactionResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createCompactionResponse(partial: Partial<CompactionResponse> = {}): CompactionResponse {
  return { header: partial.header ?? null };
}

export function readCompactionResponse(r: Reader): CompactionResponse {
  let header: CompactionResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeCompactionResponse(w: Writer, m: CompactionResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface HashRequest {}

export const HashRequest: MessageCodec<HashRequest> = messageCodec(
  readHashRequest,
  writeHashRequest,
  createHashRequest,
  () => [],
);

function createHashRequest(_partial: Partial<HashRequest> = {}): HashRequest {
  return {};
}

export function readHashRequest(r: Reader): HashRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeHashRequest(_w: Writer, _m: HashRequest): void {}

export interface HashKVRequest {
  readonly revision: number;
}

export const HashKVRequest: MessageCodec<HashKVRequest> = messageCodec(
  readHashKVRequest,
  writeHashKVRequest,
  createHashKVRequest,
  () => [{ name: "revision", key: "revision", type: "int64" }],
);

function createHashKVRequest(partial: Partial<HashKVRequest> = {}): HashKVRequest {
  return { revision: partial.revision ?? 0 };
}

export function readHashKVRequest(r: Reader): HashKVRequest {
  let revision: HashKVRequest["revision"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        revision = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { revision };
}

export function writeHashKVRequest(w: Writer, m: HashKVRequest): void {
  if (m.revision !== 0) {
    w.int64(8, m.revision);
  }
}

export interface HashKVResponse {
  readonly header: ResponseHeader | null;
  readonly hash: number;
  readonly compactRevision: number;
  readonly hashRevision: number;
}

export const HashKVResponse: MessageCodec<HashKVResponse> = messageCodec(
  readHashKVResponse,
  writeHashKVResponse,
  createHashKVResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "hash", key: "hash", type: "uint32" },
    { name: "compact_revision", key: "compactRevision", type: "int64" },
    { name: "hash_revision", key: "hashRevision", type: "int64" },
  ],
);

function createHashKVResponse(partial: Partial<HashKVResponse> = {}): HashKVResponse {
  return {
    header: partial.header ?? null,
    hash: partial.hash ?? 0,
    compactRevision: partial.compactRevision ?? 0,
    hashRevision: partial.hashRevision ?? 0,
  };
}

export function readHashKVResponse(r: Reader): HashKVResponse {
  let header: HashKVResponse["header"] = null;
  let hash: HashKVResponse["hash"] = 0;
  let compactRevision: HashKVResponse["compactRevision"] = 0;
  let hashRevision: HashKVResponse["hashRevision"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        hash = r.uint32();
        break;
      case 24:
        compactRevision = r.int64();
        break;
      case 32:
        hashRevision = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, hash, compactRevision, hashRevision };
}

export function writeHashKVResponse(w: Writer, m: HashKVResponse): void {
  if (m.hashRevision !== 0) {
    w.int64(32, m.hashRevision);
  }
  if (m.compactRevision !== 0) {
    w.int64(24, m.compactRevision);
  }
  if (m.hash !== 0) {
    w.uint32(16, m.hash);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface HashResponse {
  readonly header: ResponseHeader | null;
  readonly hash: number;
}

export const HashResponse: MessageCodec<HashResponse> = messageCodec(
  readHashResponse,
  writeHashResponse,
  createHashResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "hash", key: "hash", type: "uint32" },
  ],
);

function createHashResponse(partial: Partial<HashResponse> = {}): HashResponse {
  return { header: partial.header ?? null, hash: partial.hash ?? 0 };
}

export function readHashResponse(r: Reader): HashResponse {
  let header: HashResponse["header"] = null;
  let hash: HashResponse["hash"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        hash = r.uint32();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, hash };
}

export function writeHashResponse(w: Writer, m: HashResponse): void {
  if (m.hash !== 0) {
    w.uint32(16, m.hash);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface SnapshotRequest {}

export const SnapshotRequest: MessageCodec<SnapshotRequest> = messageCodec(
  readSnapshotRequest,
  writeSnapshotRequest,
  createSnapshotRequest,
  () => [],
);

function createSnapshotRequest(_partial: Partial<SnapshotRequest> = {}): SnapshotRequest {
  return {};
}

export function readSnapshotRequest(r: Reader): SnapshotRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeSnapshotRequest(_w: Writer, _m: SnapshotRequest): void {}

export interface SnapshotResponse {
  readonly header: ResponseHeader | null;
  readonly remainingBytes: number;
  readonly blob: Uint8Array;
  readonly version: string;
}

export const SnapshotResponse: MessageCodec<SnapshotResponse> = messageCodec(
  readSnapshotResponse,
  writeSnapshotResponse,
  createSnapshotResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "remaining_bytes", key: "remainingBytes", type: "uint64" },
    { name: "blob", key: "blob", type: "bytes" },
    { name: "version", key: "version", type: "string" },
  ],
);

function createSnapshotResponse(partial: Partial<SnapshotResponse> = {}): SnapshotResponse {
  return {
    header: partial.header ?? null,
    remainingBytes: partial.remainingBytes ?? 0,
    blob: partial.blob ?? EMPTY_BYTES,
    version: partial.version ?? "",
  };
}

export function readSnapshotResponse(r: Reader): SnapshotResponse {
  let header: SnapshotResponse["header"] = null;
  let remainingBytes: SnapshotResponse["remainingBytes"] = 0;
  let blob: SnapshotResponse["blob"] = EMPTY_BYTES;
  let version: SnapshotResponse["version"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        remainingBytes = r.uint64();
        break;
      case 26:
        blob = r.bytes();
        break;
      case 34:
        version = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, remainingBytes, blob, version };
}

export function writeSnapshotResponse(w: Writer, m: SnapshotResponse): void {
  if (m.version.length !== 0) {
    w.string(34, m.version);
  }
  if (m.blob.length !== 0) {
    w.bytes(26, m.blob);
  }
  if (m.remainingBytes !== 0) {
    w.uint64(16, m.remainingBytes);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface WatchRequest {
  readonly requestUnion:
    | { readonly kind: "createRequest"; readonly value: WatchCreateRequest }
    | { readonly kind: "cancelRequest"; readonly value: WatchCancelRequest }
    | { readonly kind: "progressRequest"; readonly value: WatchProgressRequest }
    | null;
}

export const WatchRequest: MessageCodec<WatchRequest> = messageCodec(
  readWatchRequest,
  writeWatchRequest,
  createWatchRequest,
  () => [
    {
      name: "create_request",
      key: "createRequest",
      type: "message",
      oneof: "requestUnion",
      message: WatchCreateRequest,
    },
    {
      name: "cancel_request",
      key: "cancelRequest",
      type: "message",
      oneof: "requestUnion",
      message: WatchCancelRequest,
    },
    {
      name: "progress_request",
      key: "progressRequest",
      type: "message",
      oneof: "requestUnion",
      message: WatchProgressRequest,
    },
  ],
);

function createWatchRequest(partial: Partial<WatchRequest> = {}): WatchRequest {
  return { requestUnion: partial.requestUnion ?? null };
}

export function readWatchRequest(r: Reader): WatchRequest {
  let requestUnion: WatchRequest["requestUnion"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        requestUnion = { kind: "createRequest", value: readWatchCreateRequest(r) };
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        requestUnion = { kind: "cancelRequest", value: readWatchCancelRequest(r) };
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        requestUnion = { kind: "progressRequest", value: readWatchProgressRequest(r) };
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { requestUnion };
}

export function writeWatchRequest(w: Writer, m: WatchRequest): void {
  if (m.requestUnion !== null) {
    switch (m.requestUnion.kind) {
      case "createRequest": {
        const before = w.length;
        writeWatchCreateRequest(w, m.requestUnion.value);
        w.prefix(10, before);
        break;
      }
      case "cancelRequest": {
        const before = w.length;
        writeWatchCancelRequest(w, m.requestUnion.value);
        w.prefix(18, before);
        break;
      }
      case "progressRequest": {
        const before = w.length;
        writeWatchProgressRequest(w, m.requestUnion.value);
        w.prefix(26, before);
        break;
      }
    }
  }
}

export interface WatchCreateRequest {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly startRevision: number;
  readonly progressNotify: boolean;
  readonly filters: readonly FilterType[];
  readonly prevKv: boolean;
  readonly watchId: bigint;
  readonly fragment: boolean;
}

export const WatchCreateRequest: MessageCodec<WatchCreateRequest> = messageCodec(
  readWatchCreateRequest,
  writeWatchCreateRequest,
  createWatchCreateRequest,
  () => [
    { name: "key", key: "key", type: "bytes" },
    { name: "range_end", key: "rangeEnd", type: "bytes" },
    { name: "start_revision", key: "startRevision", type: "int64" },
    { name: "progress_notify", key: "progressNotify", type: "bool" },
    { name: "filters", key: "filters", type: "enum", repeated: true, values: FilterType },
    { name: "prev_kv", key: "prevKv", type: "bool" },
    { name: "watch_id", key: "watchId", type: "int64" },
    { name: "fragment", key: "fragment", type: "bool" },
  ],
);

function createWatchCreateRequest(partial: Partial<WatchCreateRequest> = {}): WatchCreateRequest {
  return {
    key: partial.key ?? EMPTY_BYTES,
    rangeEnd: partial.rangeEnd ?? EMPTY_BYTES,
    startRevision: partial.startRevision ?? 0,
    progressNotify: partial.progressNotify ?? false,
    filters: partial.filters ?? [],
    prevKv: partial.prevKv ?? false,
    watchId: partial.watchId ?? 0n,
    fragment: partial.fragment ?? false,
  };
}

export function readWatchCreateRequest(r: Reader): WatchCreateRequest {
  let key: WatchCreateRequest["key"] = EMPTY_BYTES;
  let rangeEnd: WatchCreateRequest["rangeEnd"] = EMPTY_BYTES;
  let startRevision: WatchCreateRequest["startRevision"] = 0;
  let progressNotify: WatchCreateRequest["progressNotify"] = false;
  const filters: FilterType[] = [];
  let prevKv: WatchCreateRequest["prevKv"] = false;
  let watchId: WatchCreateRequest["watchId"] = 0n;
  let fragment: WatchCreateRequest["fragment"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        key = r.bytes();
        break;
      case 18:
        rangeEnd = r.bytes();
        break;
      case 24:
        startRevision = r.int64();
        break;
      case 32:
        progressNotify = r.bool();
        break;
      case 40:
        filters.push(r.enumeration());
        break;
      case 42: {
        const outer = r.enter();
        while (r.more()) filters.push(r.enumeration());
        r.leave(outer);
        break;
      }
      case 48:
        prevKv = r.bool();
        break;
      case 56:
        watchId = r.int64Name();
        break;
      case 64:
        fragment = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { key, rangeEnd, startRevision, progressNotify, filters, prevKv, watchId, fragment };
}

export function writeWatchCreateRequest(w: Writer, m: WatchCreateRequest): void {
  if (m.fragment) {
    w.bool(64, m.fragment);
  }
  if (m.watchId !== 0n) {
    w.name(56, m.watchId);
  }
  if (m.prevKv) {
    w.bool(48, m.prevKv);
  }
  if (m.filters.length !== 0) {
    const before = w.length;
    for (let i = m.filters.length - 1; i >= 0; i--) {
      w.packedEnumeration(m.filters[i] as FilterType);
    }
    w.prefix(42, before);
  }
  if (m.progressNotify) {
    w.bool(32, m.progressNotify);
  }
  if (m.startRevision !== 0) {
    w.int64(24, m.startRevision);
  }
  if (m.rangeEnd.length !== 0) {
    w.bytes(18, m.rangeEnd);
  }
  if (m.key.length !== 0) {
    w.bytes(10, m.key);
  }
}

export interface WatchCancelRequest {
  readonly watchId: bigint;
}

export const WatchCancelRequest: MessageCodec<WatchCancelRequest> = messageCodec(
  readWatchCancelRequest,
  writeWatchCancelRequest,
  createWatchCancelRequest,
  () => [{ name: "watch_id", key: "watchId", type: "int64" }],
);

function createWatchCancelRequest(partial: Partial<WatchCancelRequest> = {}): WatchCancelRequest {
  return { watchId: partial.watchId ?? 0n };
}

export function readWatchCancelRequest(r: Reader): WatchCancelRequest {
  let watchId: WatchCancelRequest["watchId"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        watchId = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { watchId };
}

export function writeWatchCancelRequest(w: Writer, m: WatchCancelRequest): void {
  if (m.watchId !== 0n) {
    w.name(8, m.watchId);
  }
}

export interface WatchProgressRequest {}

export const WatchProgressRequest: MessageCodec<WatchProgressRequest> = messageCodec(
  readWatchProgressRequest,
  writeWatchProgressRequest,
  createWatchProgressRequest,
  () => [],
);

function createWatchProgressRequest(_partial: Partial<WatchProgressRequest> = {}): WatchProgressRequest {
  return {};
}

export function readWatchProgressRequest(r: Reader): WatchProgressRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeWatchProgressRequest(_w: Writer, _m: WatchProgressRequest): void {}

export interface WatchResponse {
  readonly header: ResponseHeader | null;
  readonly watchId: bigint;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly Event[];
}

export const WatchResponse: MessageCodec<WatchResponse> = messageCodec(
  readWatchResponse,
  writeWatchResponse,
  createWatchResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "watch_id", key: "watchId", type: "int64" },
    { name: "created", key: "created", type: "bool" },
    { name: "canceled", key: "canceled", type: "bool" },
    { name: "compact_revision", key: "compactRevision", type: "int64" },
    { name: "cancel_reason", key: "cancelReason", type: "string" },
    { name: "fragment", key: "fragment", type: "bool" },
    { name: "events", key: "events", type: "message", repeated: true, message: Event },
  ],
);

function createWatchResponse(partial: Partial<WatchResponse> = {}): WatchResponse {
  return {
    header: partial.header ?? null,
    watchId: partial.watchId ?? 0n,
    created: partial.created ?? false,
    canceled: partial.canceled ?? false,
    compactRevision: partial.compactRevision ?? 0,
    cancelReason: partial.cancelReason ?? "",
    fragment: partial.fragment ?? false,
    events: partial.events ?? [],
  };
}

export function readWatchResponse(r: Reader): WatchResponse {
  let header: WatchResponse["header"] = null;
  let watchId: WatchResponse["watchId"] = 0n;
  let created: WatchResponse["created"] = false;
  let canceled: WatchResponse["canceled"] = false;
  let compactRevision: WatchResponse["compactRevision"] = 0;
  let cancelReason: WatchResponse["cancelReason"] = "";
  let fragment: WatchResponse["fragment"] = false;
  const events: Event[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        watchId = r.int64Name();
        break;
      case 24:
        created = r.bool();
        break;
      case 32:
        canceled = r.bool();
        break;
      case 40:
        compactRevision = r.int64();
        break;
      case 50:
        cancelReason = r.string();
        break;
      case 56:
        fragment = r.bool();
        break;
      case 90: {
        const outer = r.enter();
        events.push(readEvent(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events };
}

export function writeWatchResponse(w: Writer, m: WatchResponse): void {
  for (let i = m.events.length - 1; i >= 0; i--) {
    const before = w.length;
    writeEvent(w, m.events[i] as Event);
    w.prefix(90, before);
  }
  if (m.fragment) {
    w.bool(56, m.fragment);
  }
  if (m.cancelReason.length !== 0) {
    w.string(50, m.cancelReason);
  }
  if (m.compactRevision !== 0) {
    w.int64(40, m.compactRevision);
  }
  if (m.canceled) {
    w.bool(32, m.canceled);
  }
  if (m.created) {
    w.bool(24, m.created);
  }
  if (m.watchId !== 0n) {
    w.name(16, m.watchId);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaseGrantRequest {
  readonly ttl: number;
  readonly id: bigint;
}

export const LeaseGrantRequest: MessageCodec<LeaseGrantRequest> = messageCodec(
  readLeaseGrantRequest,
  writeLeaseGrantRequest,
  createLeaseGrantRequest,
  () => [
    { name: "TTL", key: "ttl", type: "int64" },
    { name: "ID", key: "id", type: "int64" },
  ],
);

function createLeaseGrantRequest(partial: Partial<LeaseGrantRequest> = {}): LeaseGrantRequest {
  return { ttl: partial.ttl ?? 0, id: partial.id ?? 0n };
}

export function readLeaseGrantRequest(r: Reader): LeaseGrantRequest {
  let ttl: LeaseGrantRequest["ttl"] = 0;
  let id: LeaseGrantRequest["id"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        ttl = r.int64();
        break;
      case 16:
        id = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { ttl, id };
}

export function writeLeaseGrantRequest(w: Writer, m: LeaseGrantRequest): void {
  if (m.id !== 0n) {
    w.name(16, m.id);
  }
  if (m.ttl !== 0) {
    w.int64(8, m.ttl);
  }
}

export interface LeaseGrantResponse {
  readonly header: ResponseHeader | null;
  readonly id: bigint;
  readonly ttl: number;
  readonly error: string;
}

export const LeaseGrantResponse: MessageCodec<LeaseGrantResponse> = messageCodec(
  readLeaseGrantResponse,
  writeLeaseGrantResponse,
  createLeaseGrantResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "ID", key: "id", type: "int64" },
    { name: "TTL", key: "ttl", type: "int64" },
    { name: "error", key: "error", type: "string" },
  ],
);

function createLeaseGrantResponse(partial: Partial<LeaseGrantResponse> = {}): LeaseGrantResponse {
  return { header: partial.header ?? null, id: partial.id ?? 0n, ttl: partial.ttl ?? 0, error: partial.error ?? "" };
}

export function readLeaseGrantResponse(r: Reader): LeaseGrantResponse {
  let header: LeaseGrantResponse["header"] = null;
  let id: LeaseGrantResponse["id"] = 0n;
  let ttl: LeaseGrantResponse["ttl"] = 0;
  let error: LeaseGrantResponse["error"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        id = r.int64Name();
        break;
      case 24:
        ttl = r.int64();
        break;
      case 34:
        error = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, id, ttl, error };
}

export function writeLeaseGrantResponse(w: Writer, m: LeaseGrantResponse): void {
  if (m.error.length !== 0) {
    w.string(34, m.error);
  }
  if (m.ttl !== 0) {
    w.int64(24, m.ttl);
  }
  if (m.id !== 0n) {
    w.name(16, m.id);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaseRevokeRequest {
  readonly id: bigint;
}

export const LeaseRevokeRequest: MessageCodec<LeaseRevokeRequest> = messageCodec(
  readLeaseRevokeRequest,
  writeLeaseRevokeRequest,
  createLeaseRevokeRequest,
  () => [{ name: "ID", key: "id", type: "int64" }],
);

function createLeaseRevokeRequest(partial: Partial<LeaseRevokeRequest> = {}): LeaseRevokeRequest {
  return { id: partial.id ?? 0n };
}

export function readLeaseRevokeRequest(r: Reader): LeaseRevokeRequest {
  let id: LeaseRevokeRequest["id"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id };
}

export function writeLeaseRevokeRequest(w: Writer, m: LeaseRevokeRequest): void {
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface LeaseRevokeResponse {
  readonly header: ResponseHeader | null;
}

export const LeaseRevokeResponse: MessageCodec<LeaseRevokeResponse> = messageCodec(
  readLeaseRevokeResponse,
  writeLeaseRevokeResponse,
  createLeaseRevokeResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createLeaseRevokeResponse(partial: Partial<LeaseRevokeResponse> = {}): LeaseRevokeResponse {
  return { header: partial.header ?? null };
}

export function readLeaseRevokeResponse(r: Reader): LeaseRevokeResponse {
  let header: LeaseRevokeResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeLeaseRevokeResponse(w: Writer, m: LeaseRevokeResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaseCheckpoint {
  readonly id: bigint;
  readonly remainingTtl: number;
}

export const LeaseCheckpoint: MessageCodec<LeaseCheckpoint> = messageCodec(
  readLeaseCheckpoint,
  writeLeaseCheckpoint,
  createLeaseCheckpoint,
  () => [
    { name: "ID", key: "id", type: "int64" },
    { name: "remaining_TTL", key: "remainingTtl", type: "int64" },
  ],
);

function createLeaseCheckpoint(partial: Partial<LeaseCheckpoint> = {}): LeaseCheckpoint {
  return { id: partial.id ?? 0n, remainingTtl: partial.remainingTtl ?? 0 };
}

export function readLeaseCheckpoint(r: Reader): LeaseCheckpoint {
  let id: LeaseCheckpoint["id"] = 0n;
  let remainingTtl: LeaseCheckpoint["remainingTtl"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      case 16:
        remainingTtl = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, remainingTtl };
}

export function writeLeaseCheckpoint(w: Writer, m: LeaseCheckpoint): void {
  if (m.remainingTtl !== 0) {
    w.int64(16, m.remainingTtl);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface LeaseCheckpointRequest {
  readonly checkpoints: readonly LeaseCheckpoint[];
}

export const LeaseCheckpointRequest: MessageCodec<LeaseCheckpointRequest> = messageCodec(
  readLeaseCheckpointRequest,
  writeLeaseCheckpointRequest,
  createLeaseCheckpointRequest,
  () => [{ name: "checkpoints", key: "checkpoints", type: "message", repeated: true, message: LeaseCheckpoint }],
);

function createLeaseCheckpointRequest(partial: Partial<LeaseCheckpointRequest> = {}): LeaseCheckpointRequest {
  return { checkpoints: partial.checkpoints ?? [] };
}

export function readLeaseCheckpointRequest(r: Reader): LeaseCheckpointRequest {
  const checkpoints: LeaseCheckpoint[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        checkpoints.push(readLeaseCheckpoint(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { checkpoints };
}

export function writeLeaseCheckpointRequest(w: Writer, m: LeaseCheckpointRequest): void {
  for (let i = m.checkpoints.length - 1; i >= 0; i--) {
    const before = w.length;
    writeLeaseCheckpoint(w, m.checkpoints[i] as LeaseCheckpoint);
    w.prefix(10, before);
  }
}

export interface LeaseCheckpointResponse {
  readonly header: ResponseHeader | null;
}

export const LeaseCheckpointResponse: MessageCodec<LeaseCheckpointResponse> = messageCodec(
  readLeaseCheckpointResponse,
  writeLeaseCheckpointResponse,
  createLeaseCheckpointResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createLeaseCheckpointResponse(partial: Partial<LeaseCheckpointResponse> = {}): LeaseCheckpointResponse {
  return { header: partial.header ?? null };
}

export function readLeaseCheckpointResponse(r: Reader): LeaseCheckpointResponse {
  let header: LeaseCheckpointResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeLeaseCheckpointResponse(w: Writer, m: LeaseCheckpointResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaseKeepAliveRequest {
  readonly id: bigint;
}

export const LeaseKeepAliveRequest: MessageCodec<LeaseKeepAliveRequest> = messageCodec(
  readLeaseKeepAliveRequest,
  writeLeaseKeepAliveRequest,
  createLeaseKeepAliveRequest,
  () => [{ name: "ID", key: "id", type: "int64" }],
);

function createLeaseKeepAliveRequest(partial: Partial<LeaseKeepAliveRequest> = {}): LeaseKeepAliveRequest {
  return { id: partial.id ?? 0n };
}

export function readLeaseKeepAliveRequest(r: Reader): LeaseKeepAliveRequest {
  let id: LeaseKeepAliveRequest["id"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id };
}

export function writeLeaseKeepAliveRequest(w: Writer, m: LeaseKeepAliveRequest): void {
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface LeaseKeepAliveResponse {
  readonly header: ResponseHeader | null;
  readonly id: bigint;
  readonly ttl: number;
}

export const LeaseKeepAliveResponse: MessageCodec<LeaseKeepAliveResponse> = messageCodec(
  readLeaseKeepAliveResponse,
  writeLeaseKeepAliveResponse,
  createLeaseKeepAliveResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "ID", key: "id", type: "int64" },
    { name: "TTL", key: "ttl", type: "int64" },
  ],
);

function createLeaseKeepAliveResponse(partial: Partial<LeaseKeepAliveResponse> = {}): LeaseKeepAliveResponse {
  return { header: partial.header ?? null, id: partial.id ?? 0n, ttl: partial.ttl ?? 0 };
}

export function readLeaseKeepAliveResponse(r: Reader): LeaseKeepAliveResponse {
  let header: LeaseKeepAliveResponse["header"] = null;
  let id: LeaseKeepAliveResponse["id"] = 0n;
  let ttl: LeaseKeepAliveResponse["ttl"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        id = r.int64Name();
        break;
      case 24:
        ttl = r.int64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, id, ttl };
}

export function writeLeaseKeepAliveResponse(w: Writer, m: LeaseKeepAliveResponse): void {
  if (m.ttl !== 0) {
    w.int64(24, m.ttl);
  }
  if (m.id !== 0n) {
    w.name(16, m.id);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaseTimeToLiveRequest {
  readonly id: bigint;
  readonly keys: boolean;
}

export const LeaseTimeToLiveRequest: MessageCodec<LeaseTimeToLiveRequest> = messageCodec(
  readLeaseTimeToLiveRequest,
  writeLeaseTimeToLiveRequest,
  createLeaseTimeToLiveRequest,
  () => [
    { name: "ID", key: "id", type: "int64" },
    { name: "keys", key: "keys", type: "bool" },
  ],
);

function createLeaseTimeToLiveRequest(partial: Partial<LeaseTimeToLiveRequest> = {}): LeaseTimeToLiveRequest {
  return { id: partial.id ?? 0n, keys: partial.keys ?? false };
}

export function readLeaseTimeToLiveRequest(r: Reader): LeaseTimeToLiveRequest {
  let id: LeaseTimeToLiveRequest["id"] = 0n;
  let keys: LeaseTimeToLiveRequest["keys"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      case 16:
        keys = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, keys };
}

export function writeLeaseTimeToLiveRequest(w: Writer, m: LeaseTimeToLiveRequest): void {
  if (m.keys) {
    w.bool(16, m.keys);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface LeaseTimeToLiveResponse {
  readonly header: ResponseHeader | null;
  readonly id: bigint;
  readonly ttl: number;
  readonly grantedTtl: number;
  readonly keys: readonly Uint8Array[];
}

export const LeaseTimeToLiveResponse: MessageCodec<LeaseTimeToLiveResponse> = messageCodec(
  readLeaseTimeToLiveResponse,
  writeLeaseTimeToLiveResponse,
  createLeaseTimeToLiveResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "ID", key: "id", type: "int64" },
    { name: "TTL", key: "ttl", type: "int64" },
    { name: "grantedTTL", key: "grantedTtl", type: "int64" },
    { name: "keys", key: "keys", type: "bytes", repeated: true },
  ],
);

function createLeaseTimeToLiveResponse(partial: Partial<LeaseTimeToLiveResponse> = {}): LeaseTimeToLiveResponse {
  return {
    header: partial.header ?? null,
    id: partial.id ?? 0n,
    ttl: partial.ttl ?? 0,
    grantedTtl: partial.grantedTtl ?? 0,
    keys: partial.keys ?? [],
  };
}

export function readLeaseTimeToLiveResponse(r: Reader): LeaseTimeToLiveResponse {
  let header: LeaseTimeToLiveResponse["header"] = null;
  let id: LeaseTimeToLiveResponse["id"] = 0n;
  let ttl: LeaseTimeToLiveResponse["ttl"] = 0;
  let grantedTtl: LeaseTimeToLiveResponse["grantedTtl"] = 0;
  const keys: Uint8Array[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        id = r.int64Name();
        break;
      case 24:
        ttl = r.int64();
        break;
      case 32:
        grantedTtl = r.int64();
        break;
      case 42:
        keys.push(r.bytes());
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, id, ttl, grantedTtl, keys };
}

export function writeLeaseTimeToLiveResponse(w: Writer, m: LeaseTimeToLiveResponse): void {
  for (let i = m.keys.length - 1; i >= 0; i--) {
    w.bytes(42, m.keys[i] as Uint8Array);
  }
  if (m.grantedTtl !== 0) {
    w.int64(32, m.grantedTtl);
  }
  if (m.ttl !== 0) {
    w.int64(24, m.ttl);
  }
  if (m.id !== 0n) {
    w.name(16, m.id);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaseLeasesRequest {}

export const LeaseLeasesRequest: MessageCodec<LeaseLeasesRequest> = messageCodec(
  readLeaseLeasesRequest,
  writeLeaseLeasesRequest,
  createLeaseLeasesRequest,
  () => [],
);

function createLeaseLeasesRequest(_partial: Partial<LeaseLeasesRequest> = {}): LeaseLeasesRequest {
  return {};
}

export function readLeaseLeasesRequest(r: Reader): LeaseLeasesRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeLeaseLeasesRequest(_w: Writer, _m: LeaseLeasesRequest): void {}

export interface LeaseStatus {
  readonly id: bigint;
}

export const LeaseStatus: MessageCodec<LeaseStatus> = messageCodec(
  readLeaseStatus,
  writeLeaseStatus,
  createLeaseStatus,
  () => [{ name: "ID", key: "id", type: "int64" }],
);

function createLeaseStatus(partial: Partial<LeaseStatus> = {}): LeaseStatus {
  return { id: partial.id ?? 0n };
}

export function readLeaseStatus(r: Reader): LeaseStatus {
  let id: LeaseStatus["id"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id };
}

export function writeLeaseStatus(w: Writer, m: LeaseStatus): void {
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface LeaseLeasesResponse {
  readonly header: ResponseHeader | null;
  readonly leases: readonly LeaseStatus[];
}

export const LeaseLeasesResponse: MessageCodec<LeaseLeasesResponse> = messageCodec(
  readLeaseLeasesResponse,
  writeLeaseLeasesResponse,
  createLeaseLeasesResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "leases", key: "leases", type: "message", repeated: true, message: LeaseStatus },
  ],
);

function createLeaseLeasesResponse(partial: Partial<LeaseLeasesResponse> = {}): LeaseLeasesResponse {
  return { header: partial.header ?? null, leases: partial.leases ?? [] };
}

export function readLeaseLeasesResponse(r: Reader): LeaseLeasesResponse {
  let header: LeaseLeasesResponse["header"] = null;
  const leases: LeaseStatus[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        leases.push(readLeaseStatus(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, leases };
}

export function writeLeaseLeasesResponse(w: Writer, m: LeaseLeasesResponse): void {
  for (let i = m.leases.length - 1; i >= 0; i--) {
    const before = w.length;
    writeLeaseStatus(w, m.leases[i] as LeaseStatus);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface Member {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

export const Member: MessageCodec<Member> = messageCodec(readMember, writeMember, createMember, () => [
  { name: "ID", key: "id", type: "uint64" },
  { name: "name", key: "name", type: "string" },
  { name: "peerURLs", key: "peerUrls", type: "string", repeated: true },
  { name: "clientURLs", key: "clientUrls", type: "string", repeated: true },
  { name: "isLearner", key: "isLearner", type: "bool" },
]);

function createMember(partial: Partial<Member> = {}): Member {
  return {
    id: partial.id ?? 0n,
    name: partial.name ?? "",
    peerUrls: partial.peerUrls ?? [],
    clientUrls: partial.clientUrls ?? [],
    isLearner: partial.isLearner ?? false,
  };
}

export function readMember(r: Reader): Member {
  let id: Member["id"] = 0n;
  let name: Member["name"] = "";
  const peerUrls: string[] = [];
  const clientUrls: string[] = [];
  let isLearner: Member["isLearner"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      case 18:
        name = r.string();
        break;
      case 26:
        peerUrls.push(r.string());
        break;
      case 34:
        clientUrls.push(r.string());
        break;
      case 40:
        isLearner = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, name, peerUrls, clientUrls, isLearner };
}

export function writeMember(w: Writer, m: Member): void {
  if (m.isLearner) {
    w.bool(40, m.isLearner);
  }
  for (let i = m.clientUrls.length - 1; i >= 0; i--) {
    w.string(34, m.clientUrls[i] as string);
  }
  for (let i = m.peerUrls.length - 1; i >= 0; i--) {
    w.string(26, m.peerUrls[i] as string);
  }
  if (m.name.length !== 0) {
    w.string(18, m.name);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface MemberAddRequest {
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
}

export const MemberAddRequest: MessageCodec<MemberAddRequest> = messageCodec(
  readMemberAddRequest,
  writeMemberAddRequest,
  createMemberAddRequest,
  () => [
    { name: "peerURLs", key: "peerUrls", type: "string", repeated: true },
    { name: "isLearner", key: "isLearner", type: "bool" },
  ],
);

function createMemberAddRequest(partial: Partial<MemberAddRequest> = {}): MemberAddRequest {
  return { peerUrls: partial.peerUrls ?? [], isLearner: partial.isLearner ?? false };
}

export function readMemberAddRequest(r: Reader): MemberAddRequest {
  const peerUrls: string[] = [];
  let isLearner: MemberAddRequest["isLearner"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        peerUrls.push(r.string());
        break;
      case 16:
        isLearner = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { peerUrls, isLearner };
}

export function writeMemberAddRequest(w: Writer, m: MemberAddRequest): void {
  if (m.isLearner) {
    w.bool(16, m.isLearner);
  }
  for (let i = m.peerUrls.length - 1; i >= 0; i--) {
    w.string(10, m.peerUrls[i] as string);
  }
}

export interface MemberAddResponse {
  readonly header: ResponseHeader | null;
  readonly member: Member | null;
  readonly members: readonly Member[];
}

export const MemberAddResponse: MessageCodec<MemberAddResponse> = messageCodec(
  readMemberAddResponse,
  writeMemberAddResponse,
  createMemberAddResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "member", key: "member", type: "message", message: Member },
    { name: "members", key: "members", type: "message", repeated: true, message: Member },
  ],
);

function createMemberAddResponse(partial: Partial<MemberAddResponse> = {}): MemberAddResponse {
  return { header: partial.header ?? null, member: partial.member ?? null, members: partial.members ?? [] };
}

export function readMemberAddResponse(r: Reader): MemberAddResponse {
  let header: MemberAddResponse["header"] = null;
  let member: MemberAddResponse["member"] = null;
  const members: Member[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        member = readMember(r);
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        members.push(readMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, member, members };
}

export function writeMemberAddResponse(w: Writer, m: MemberAddResponse): void {
  for (let i = m.members.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMember(w, m.members[i] as Member);
    w.prefix(26, before);
  }
  if (m.member !== null) {
    const before = w.length;
    writeMember(w, m.member);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface MemberRemoveRequest {
  readonly id: bigint;
}

export const MemberRemoveRequest: MessageCodec<MemberRemoveRequest> = messageCodec(
  readMemberRemoveRequest,
  writeMemberRemoveRequest,
  createMemberRemoveRequest,
  () => [{ name: "ID", key: "id", type: "uint64" }],
);

function createMemberRemoveRequest(partial: Partial<MemberRemoveRequest> = {}): MemberRemoveRequest {
  return { id: partial.id ?? 0n };
}

export function readMemberRemoveRequest(r: Reader): MemberRemoveRequest {
  let id: MemberRemoveRequest["id"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id };
}

export function writeMemberRemoveRequest(w: Writer, m: MemberRemoveRequest): void {
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface MemberRemoveResponse {
  readonly header: ResponseHeader | null;
  readonly members: readonly Member[];
}

export const MemberRemoveResponse: MessageCodec<MemberRemoveResponse> = messageCodec(
  readMemberRemoveResponse,
  writeMemberRemoveResponse,
  createMemberRemoveResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "members", key: "members", type: "message", repeated: true, message: Member },
  ],
);

function createMemberRemoveResponse(partial: Partial<MemberRemoveResponse> = {}): MemberRemoveResponse {
  return { header: partial.header ?? null, members: partial.members ?? [] };
}

export function readMemberRemoveResponse(r: Reader): MemberRemoveResponse {
  let header: MemberRemoveResponse["header"] = null;
  const members: Member[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        members.push(readMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, members };
}

export function writeMemberRemoveResponse(w: Writer, m: MemberRemoveResponse): void {
  for (let i = m.members.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMember(w, m.members[i] as Member);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface MemberUpdateRequest {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
}

export const MemberUpdateRequest: MessageCodec<MemberUpdateRequest> = messageCodec(
  readMemberUpdateRequest,
  writeMemberUpdateRequest,
  createMemberUpdateRequest,
  () => [
    { name: "ID", key: "id", type: "uint64" },
    { name: "peerURLs", key: "peerUrls", type: "string", repeated: true },
  ],
);

function createMemberUpdateRequest(partial: Partial<MemberUpdateRequest> = {}): MemberUpdateRequest {
  return { id: partial.id ?? 0n, peerUrls: partial.peerUrls ?? [] };
}

export function readMemberUpdateRequest(r: Reader): MemberUpdateRequest {
  let id: MemberUpdateRequest["id"] = 0n;
  const peerUrls: string[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      case 18:
        peerUrls.push(r.string());
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, peerUrls };
}

export function writeMemberUpdateRequest(w: Writer, m: MemberUpdateRequest): void {
  for (let i = m.peerUrls.length - 1; i >= 0; i--) {
    w.string(18, m.peerUrls[i] as string);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface MemberUpdateResponse {
  readonly header: ResponseHeader | null;
  readonly members: readonly Member[];
}

export const MemberUpdateResponse: MessageCodec<MemberUpdateResponse> = messageCodec(
  readMemberUpdateResponse,
  writeMemberUpdateResponse,
  createMemberUpdateResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "members", key: "members", type: "message", repeated: true, message: Member },
  ],
);

function createMemberUpdateResponse(partial: Partial<MemberUpdateResponse> = {}): MemberUpdateResponse {
  return { header: partial.header ?? null, members: partial.members ?? [] };
}

export function readMemberUpdateResponse(r: Reader): MemberUpdateResponse {
  let header: MemberUpdateResponse["header"] = null;
  const members: Member[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        members.push(readMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, members };
}

export function writeMemberUpdateResponse(w: Writer, m: MemberUpdateResponse): void {
  for (let i = m.members.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMember(w, m.members[i] as Member);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface MemberListRequest {
  readonly linearizable: boolean;
}

export const MemberListRequest: MessageCodec<MemberListRequest> = messageCodec(
  readMemberListRequest,
  writeMemberListRequest,
  createMemberListRequest,
  () => [{ name: "linearizable", key: "linearizable", type: "bool" }],
);

function createMemberListRequest(partial: Partial<MemberListRequest> = {}): MemberListRequest {
  return { linearizable: partial.linearizable ?? false };
}

export function readMemberListRequest(r: Reader): MemberListRequest {
  let linearizable: MemberListRequest["linearizable"] = false;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        linearizable = r.bool();
        break;
      default:
        r.skip(tag);
    }
  }
  return { linearizable };
}

export function writeMemberListRequest(w: Writer, m: MemberListRequest): void {
  if (m.linearizable) {
    w.bool(8, m.linearizable);
  }
}

export interface MemberListResponse {
  readonly header: ResponseHeader | null;
  readonly members: readonly Member[];
}

export const MemberListResponse: MessageCodec<MemberListResponse> = messageCodec(
  readMemberListResponse,
  writeMemberListResponse,
  createMemberListResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "members", key: "members", type: "message", repeated: true, message: Member },
  ],
);

function createMemberListResponse(partial: Partial<MemberListResponse> = {}): MemberListResponse {
  return { header: partial.header ?? null, members: partial.members ?? [] };
}

export function readMemberListResponse(r: Reader): MemberListResponse {
  let header: MemberListResponse["header"] = null;
  const members: Member[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        members.push(readMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, members };
}

export function writeMemberListResponse(w: Writer, m: MemberListResponse): void {
  for (let i = m.members.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMember(w, m.members[i] as Member);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface MemberPromoteRequest {
  readonly id: bigint;
}

export const MemberPromoteRequest: MessageCodec<MemberPromoteRequest> = messageCodec(
  readMemberPromoteRequest,
  writeMemberPromoteRequest,
  createMemberPromoteRequest,
  () => [{ name: "ID", key: "id", type: "uint64" }],
);

function createMemberPromoteRequest(partial: Partial<MemberPromoteRequest> = {}): MemberPromoteRequest {
  return { id: partial.id ?? 0n };
}

export function readMemberPromoteRequest(r: Reader): MemberPromoteRequest {
  let id: MemberPromoteRequest["id"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id };
}

export function writeMemberPromoteRequest(w: Writer, m: MemberPromoteRequest): void {
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface MemberPromoteResponse {
  readonly header: ResponseHeader | null;
  readonly members: readonly Member[];
}

export const MemberPromoteResponse: MessageCodec<MemberPromoteResponse> = messageCodec(
  readMemberPromoteResponse,
  writeMemberPromoteResponse,
  createMemberPromoteResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "members", key: "members", type: "message", repeated: true, message: Member },
  ],
);

function createMemberPromoteResponse(partial: Partial<MemberPromoteResponse> = {}): MemberPromoteResponse {
  return { header: partial.header ?? null, members: partial.members ?? [] };
}

export function readMemberPromoteResponse(r: Reader): MemberPromoteResponse {
  let header: MemberPromoteResponse["header"] = null;
  const members: Member[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        members.push(readMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, members };
}

export function writeMemberPromoteResponse(w: Writer, m: MemberPromoteResponse): void {
  for (let i = m.members.length - 1; i >= 0; i--) {
    const before = w.length;
    writeMember(w, m.members[i] as Member);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface DefragmentRequest {}

export const DefragmentRequest: MessageCodec<DefragmentRequest> = messageCodec(
  readDefragmentRequest,
  writeDefragmentRequest,
  createDefragmentRequest,
  () => [],
);

function createDefragmentRequest(_partial: Partial<DefragmentRequest> = {}): DefragmentRequest {
  return {};
}

export function readDefragmentRequest(r: Reader): DefragmentRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeDefragmentRequest(_w: Writer, _m: DefragmentRequest): void {}

export interface DefragmentResponse {
  readonly header: ResponseHeader | null;
}

export const DefragmentResponse: MessageCodec<DefragmentResponse> = messageCodec(
  readDefragmentResponse,
  writeDefragmentResponse,
  createDefragmentResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createDefragmentResponse(partial: Partial<DefragmentResponse> = {}): DefragmentResponse {
  return { header: partial.header ?? null };
}

export function readDefragmentResponse(r: Reader): DefragmentResponse {
  let header: DefragmentResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeDefragmentResponse(w: Writer, m: DefragmentResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface MoveLeaderRequest {
  readonly targetId: bigint;
}

export const MoveLeaderRequest: MessageCodec<MoveLeaderRequest> = messageCodec(
  readMoveLeaderRequest,
  writeMoveLeaderRequest,
  createMoveLeaderRequest,
  () => [{ name: "targetID", key: "targetId", type: "uint64" }],
);

function createMoveLeaderRequest(partial: Partial<MoveLeaderRequest> = {}): MoveLeaderRequest {
  return { targetId: partial.targetId ?? 0n };
}

export function readMoveLeaderRequest(r: Reader): MoveLeaderRequest {
  let targetId: MoveLeaderRequest["targetId"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        targetId = r.uint64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { targetId };
}

export function writeMoveLeaderRequest(w: Writer, m: MoveLeaderRequest): void {
  if (m.targetId !== 0n) {
    w.name(8, m.targetId);
  }
}

export interface MoveLeaderResponse {
  readonly header: ResponseHeader | null;
}

export const MoveLeaderResponse: MessageCodec<MoveLeaderResponse> = messageCodec(
  readMoveLeaderResponse,
  writeMoveLeaderResponse,
  createMoveLeaderResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createMoveLeaderResponse(partial: Partial<MoveLeaderResponse> = {}): MoveLeaderResponse {
  return { header: partial.header ?? null };
}

export function readMoveLeaderResponse(r: Reader): MoveLeaderResponse {
  let header: MoveLeaderResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeMoveLeaderResponse(w: Writer, m: MoveLeaderResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AlarmRequest {
  readonly action: AlarmAction;
  readonly memberId: bigint;
  readonly alarm: AlarmType;
}

export const AlarmRequest: MessageCodec<AlarmRequest> = messageCodec(
  readAlarmRequest,
  writeAlarmRequest,
  createAlarmRequest,
  () => [
    { name: "action", key: "action", type: "enum", values: AlarmAction },
    { name: "memberID", key: "memberId", type: "uint64" },
    { name: "alarm", key: "alarm", type: "enum", values: AlarmType },
  ],
);

function createAlarmRequest(partial: Partial<AlarmRequest> = {}): AlarmRequest {
  return { action: partial.action ?? 0, memberId: partial.memberId ?? 0n, alarm: partial.alarm ?? 0 };
}

export function readAlarmRequest(r: Reader): AlarmRequest {
  let action: AlarmRequest["action"] = 0;
  let memberId: AlarmRequest["memberId"] = 0n;
  let alarm: AlarmRequest["alarm"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        action = r.enumeration();
        break;
      case 16:
        memberId = r.uint64Name();
        break;
      case 24:
        alarm = r.enumeration();
        break;
      default:
        r.skip(tag);
    }
  }
  return { action, memberId, alarm };
}

export function writeAlarmRequest(w: Writer, m: AlarmRequest): void {
  if (m.alarm !== 0) {
    w.enumeration(24, m.alarm);
  }
  if (m.memberId !== 0n) {
    w.name(16, m.memberId);
  }
  if (m.action !== 0) {
    w.enumeration(8, m.action);
  }
}

export interface AlarmMember {
  readonly memberId: bigint;
  readonly alarm: AlarmType;
}

export const AlarmMember: MessageCodec<AlarmMember> = messageCodec(
  readAlarmMember,
  writeAlarmMember,
  createAlarmMember,
  () => [
    { name: "memberID", key: "memberId", type: "uint64" },
    { name: "alarm", key: "alarm", type: "enum", values: AlarmType },
  ],
);

function createAlarmMember(partial: Partial<AlarmMember> = {}): AlarmMember {
  return { memberId: partial.memberId ?? 0n, alarm: partial.alarm ?? 0 };
}

export function readAlarmMember(r: Reader): AlarmMember {
  let memberId: AlarmMember["memberId"] = 0n;
  let alarm: AlarmMember["alarm"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        memberId = r.uint64Name();
        break;
      case 16:
        alarm = r.enumeration();
        break;
      default:
        r.skip(tag);
    }
  }
  return { memberId, alarm };
}

export function writeAlarmMember(w: Writer, m: AlarmMember): void {
  if (m.alarm !== 0) {
    w.enumeration(16, m.alarm);
  }
  if (m.memberId !== 0n) {
    w.name(8, m.memberId);
  }
}

export interface AlarmResponse {
  readonly header: ResponseHeader | null;
  readonly alarms: readonly AlarmMember[];
}

export const AlarmResponse: MessageCodec<AlarmResponse> = messageCodec(
  readAlarmResponse,
  writeAlarmResponse,
  createAlarmResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "alarms", key: "alarms", type: "message", repeated: true, message: AlarmMember },
  ],
);

function createAlarmResponse(partial: Partial<AlarmResponse> = {}): AlarmResponse {
  return { header: partial.header ?? null, alarms: partial.alarms ?? [] };
}

export function readAlarmResponse(r: Reader): AlarmResponse {
  let header: AlarmResponse["header"] = null;
  const alarms: AlarmMember[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        alarms.push(readAlarmMember(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, alarms };
}

export function writeAlarmResponse(w: Writer, m: AlarmResponse): void {
  for (let i = m.alarms.length - 1; i >= 0; i--) {
    const before = w.length;
    writeAlarmMember(w, m.alarms[i] as AlarmMember);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface DowngradeRequest {
  readonly action: DowngradeAction;
  readonly version: string;
}

export const DowngradeRequest: MessageCodec<DowngradeRequest> = messageCodec(
  readDowngradeRequest,
  writeDowngradeRequest,
  createDowngradeRequest,
  () => [
    { name: "action", key: "action", type: "enum", values: DowngradeAction },
    { name: "version", key: "version", type: "string" },
  ],
);

function createDowngradeRequest(partial: Partial<DowngradeRequest> = {}): DowngradeRequest {
  return { action: partial.action ?? 0, version: partial.version ?? "" };
}

export function readDowngradeRequest(r: Reader): DowngradeRequest {
  let action: DowngradeRequest["action"] = 0;
  let version: DowngradeRequest["version"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        action = r.enumeration();
        break;
      case 18:
        version = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { action, version };
}

export function writeDowngradeRequest(w: Writer, m: DowngradeRequest): void {
  if (m.version.length !== 0) {
    w.string(18, m.version);
  }
  if (m.action !== 0) {
    w.enumeration(8, m.action);
  }
}

export interface DowngradeResponse {
  readonly header: ResponseHeader | null;
  readonly version: string;
}

export const DowngradeResponse: MessageCodec<DowngradeResponse> = messageCodec(
  readDowngradeResponse,
  writeDowngradeResponse,
  createDowngradeResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "version", key: "version", type: "string" },
  ],
);

function createDowngradeResponse(partial: Partial<DowngradeResponse> = {}): DowngradeResponse {
  return { header: partial.header ?? null, version: partial.version ?? "" };
}

export function readDowngradeResponse(r: Reader): DowngradeResponse {
  let header: DowngradeResponse["header"] = null;
  let version: DowngradeResponse["version"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18:
        version = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, version };
}

export function writeDowngradeResponse(w: Writer, m: DowngradeResponse): void {
  if (m.version.length !== 0) {
    w.string(18, m.version);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface DowngradeVersionTestRequest {
  readonly ver: string;
}

export const DowngradeVersionTestRequest: MessageCodec<DowngradeVersionTestRequest> = messageCodec(
  readDowngradeVersionTestRequest,
  writeDowngradeVersionTestRequest,
  createDowngradeVersionTestRequest,
  () => [{ name: "ver", key: "ver", type: "string" }],
);

function createDowngradeVersionTestRequest(
  partial: Partial<DowngradeVersionTestRequest> = {},
): DowngradeVersionTestRequest {
  return { ver: partial.ver ?? "" };
}

export function readDowngradeVersionTestRequest(r: Reader): DowngradeVersionTestRequest {
  let ver: DowngradeVersionTestRequest["ver"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        ver = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { ver };
}

export function writeDowngradeVersionTestRequest(w: Writer, m: DowngradeVersionTestRequest): void {
  if (m.ver.length !== 0) {
    w.string(10, m.ver);
  }
}

export interface StatusRequest {}

export const StatusRequest: MessageCodec<StatusRequest> = messageCodec(
  readStatusRequest,
  writeStatusRequest,
  createStatusRequest,
  () => [],
);

function createStatusRequest(_partial: Partial<StatusRequest> = {}): StatusRequest {
  return {};
}

export function readStatusRequest(r: Reader): StatusRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeStatusRequest(_w: Writer, _m: StatusRequest): void {}

export interface StatusResponse {
  readonly header: ResponseHeader | null;
  readonly version: string;
  readonly dbSize: number;
  readonly leader: bigint;
  readonly raftIndex: number;
  readonly raftTerm: number;
  readonly raftAppliedIndex: number;
  readonly errors: readonly string[];
  readonly dbSizeInUse: number;
  readonly isLearner: boolean;
  readonly storageVersion: string;
  readonly dbSizeQuota: number;
  readonly downgradeInfo: DowngradeInfo | null;
}

export const StatusResponse: MessageCodec<StatusResponse> = messageCodec(
  readStatusResponse,
  writeStatusResponse,
  createStatusResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "version", key: "version", type: "string" },
    { name: "dbSize", key: "dbSize", type: "int64" },
    { name: "leader", key: "leader", type: "uint64" },
    { name: "raftIndex", key: "raftIndex", type: "uint64" },
    { name: "raftTerm", key: "raftTerm", type: "uint64" },
    { name: "raftAppliedIndex", key: "raftAppliedIndex", type: "uint64" },
    { name: "errors", key: "errors", type: "string", repeated: true },
    { name: "dbSizeInUse", key: "dbSizeInUse", type: "int64" },
    { name: "isLearner", key: "isLearner", type: "bool" },
    { name: "storageVersion", key: "storageVersion", type: "string" },
    { name: "dbSizeQuota", key: "dbSizeQuota", type: "int64" },
    { name: "downgradeInfo", key: "downgradeInfo", type: "message", message: DowngradeInfo },
  ],
);

function createStatusResponse(partial: Partial<StatusResponse> = {}): StatusResponse {
  return {
    header: partial.header ?? null,
    version: partial.version ?? "",
    dbSize: partial.dbSize ?? 0,
    leader: partial.leader ?? 0n,
    raftIndex: partial.raftIndex ?? 0,
    raftTerm: partial.raftTerm ?? 0,
    raftAppliedIndex: partial.raftAppliedIndex ?? 0,
    errors: partial.errors ?? [],
    dbSizeInUse: partial.dbSizeInUse ?? 0,
    isLearner: partial.isLearner ?? false,
    storageVersion: partial.storageVersion ?? "",
    dbSizeQuota: partial.dbSizeQuota ?? 0,
    downgradeInfo: partial.downgradeInfo ?? null,
  };
}

export function readStatusResponse(r: Reader): StatusResponse {
  let header: StatusResponse["header"] = null;
  let version: StatusResponse["version"] = "";
  let dbSize: StatusResponse["dbSize"] = 0;
  let leader: StatusResponse["leader"] = 0n;
  let raftIndex: StatusResponse["raftIndex"] = 0;
  let raftTerm: StatusResponse["raftTerm"] = 0;
  let raftAppliedIndex: StatusResponse["raftAppliedIndex"] = 0;
  const errors: string[] = [];
  let dbSizeInUse: StatusResponse["dbSizeInUse"] = 0;
  let isLearner: StatusResponse["isLearner"] = false;
  let storageVersion: StatusResponse["storageVersion"] = "";
  let dbSizeQuota: StatusResponse["dbSizeQuota"] = 0;
  let downgradeInfo: StatusResponse["downgradeInfo"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18:
        version = r.string();
        break;
      case 24:
        dbSize = r.int64();
        break;
      case 32:
        leader = r.uint64Name();
        break;
      case 40:
        raftIndex = r.uint64();
        break;
      case 48:
        raftTerm = r.uint64();
        break;
      case 56:
        raftAppliedIndex = r.uint64();
        break;
      case 66:
        errors.push(r.string());
        break;
      case 72:
        dbSizeInUse = r.int64();
        break;
      case 80:
        isLearner = r.bool();
        break;
      case 90:
        storageVersion = r.string();
        break;
      case 96:
        dbSizeQuota = r.int64();
        break;
      case 106: {
        const outer = r.enter();
        downgradeInfo = readDowngradeInfo(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return {
    header,
    version,
    dbSize,
    leader,
    raftIndex,
    raftTerm,
    raftAppliedIndex,
    errors,
    dbSizeInUse,
    isLearner,
    storageVersion,
    dbSizeQuota,
    downgradeInfo,
  };
}

export function writeStatusResponse(w: Writer, m: StatusResponse): void {
  if (m.downgradeInfo !== null) {
    const before = w.length;
    writeDowngradeInfo(w, m.downgradeInfo);
    w.prefix(106, before);
  }
  if (m.dbSizeQuota !== 0) {
    w.int64(96, m.dbSizeQuota);
  }
  if (m.storageVersion.length !== 0) {
    w.string(90, m.storageVersion);
  }
  if (m.isLearner) {
    w.bool(80, m.isLearner);
  }
  if (m.dbSizeInUse !== 0) {
    w.int64(72, m.dbSizeInUse);
  }
  for (let i = m.errors.length - 1; i >= 0; i--) {
    w.string(66, m.errors[i] as string);
  }
  if (m.raftAppliedIndex !== 0) {
    w.uint64(56, m.raftAppliedIndex);
  }
  if (m.raftTerm !== 0) {
    w.uint64(48, m.raftTerm);
  }
  if (m.raftIndex !== 0) {
    w.uint64(40, m.raftIndex);
  }
  if (m.leader !== 0n) {
    w.name(32, m.leader);
  }
  if (m.dbSize !== 0) {
    w.int64(24, m.dbSize);
  }
  if (m.version.length !== 0) {
    w.string(18, m.version);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface DowngradeInfo {
  readonly enabled: boolean;
  readonly targetVersion: string;
}

export const DowngradeInfo: MessageCodec<DowngradeInfo> = messageCodec(
  readDowngradeInfo,
  writeDowngradeInfo,
  createDowngradeInfo,
  () => [
    { name: "enabled", key: "enabled", type: "bool" },
    { name: "targetVersion", key: "targetVersion", type: "string" },
  ],
);

function createDowngradeInfo(partial: Partial<DowngradeInfo> = {}): DowngradeInfo {
  return { enabled: partial.enabled ?? false, targetVersion: partial.targetVersion ?? "" };
}

export function readDowngradeInfo(r: Reader): DowngradeInfo {
  let enabled: DowngradeInfo["enabled"] = false;
  let targetVersion: DowngradeInfo["targetVersion"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        enabled = r.bool();
        break;
      case 18:
        targetVersion = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { enabled, targetVersion };
}

export function writeDowngradeInfo(w: Writer, m: DowngradeInfo): void {
  if (m.targetVersion.length !== 0) {
    w.string(18, m.targetVersion);
  }
  if (m.enabled) {
    w.bool(8, m.enabled);
  }
}

export interface AuthEnableRequest {}

export const AuthEnableRequest: MessageCodec<AuthEnableRequest> = messageCodec(
  readAuthEnableRequest,
  writeAuthEnableRequest,
  createAuthEnableRequest,
  () => [],
);

function createAuthEnableRequest(_partial: Partial<AuthEnableRequest> = {}): AuthEnableRequest {
  return {};
}

export function readAuthEnableRequest(r: Reader): AuthEnableRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeAuthEnableRequest(_w: Writer, _m: AuthEnableRequest): void {}

export interface AuthDisableRequest {}

export const AuthDisableRequest: MessageCodec<AuthDisableRequest> = messageCodec(
  readAuthDisableRequest,
  writeAuthDisableRequest,
  createAuthDisableRequest,
  () => [],
);

function createAuthDisableRequest(_partial: Partial<AuthDisableRequest> = {}): AuthDisableRequest {
  return {};
}

export function readAuthDisableRequest(r: Reader): AuthDisableRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeAuthDisableRequest(_w: Writer, _m: AuthDisableRequest): void {}

export interface AuthStatusRequest {}

export const AuthStatusRequest: MessageCodec<AuthStatusRequest> = messageCodec(
  readAuthStatusRequest,
  writeAuthStatusRequest,
  createAuthStatusRequest,
  () => [],
);

function createAuthStatusRequest(_partial: Partial<AuthStatusRequest> = {}): AuthStatusRequest {
  return {};
}

export function readAuthStatusRequest(r: Reader): AuthStatusRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeAuthStatusRequest(_w: Writer, _m: AuthStatusRequest): void {}

export interface AuthenticateRequest {
  readonly name: string;
  readonly password: string;
}

export const AuthenticateRequest: MessageCodec<AuthenticateRequest> = messageCodec(
  readAuthenticateRequest,
  writeAuthenticateRequest,
  createAuthenticateRequest,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "password", key: "password", type: "string" },
  ],
);

function createAuthenticateRequest(partial: Partial<AuthenticateRequest> = {}): AuthenticateRequest {
  return { name: partial.name ?? "", password: partial.password ?? "" };
}

export function readAuthenticateRequest(r: Reader): AuthenticateRequest {
  let name: AuthenticateRequest["name"] = "";
  let password: AuthenticateRequest["password"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18:
        password = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, password };
}

export function writeAuthenticateRequest(w: Writer, m: AuthenticateRequest): void {
  if (m.password.length !== 0) {
    w.string(18, m.password);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthUserAddRequest {
  readonly name: string;
  readonly password: string;
  readonly options: UserAddOptions | null;
  readonly hashedPassword: string;
}

export const AuthUserAddRequest: MessageCodec<AuthUserAddRequest> = messageCodec(
  readAuthUserAddRequest,
  writeAuthUserAddRequest,
  createAuthUserAddRequest,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "password", key: "password", type: "string" },
    { name: "options", key: "options", type: "message", message: UserAddOptions },
    { name: "hashedPassword", key: "hashedPassword", type: "string" },
  ],
);

function createAuthUserAddRequest(partial: Partial<AuthUserAddRequest> = {}): AuthUserAddRequest {
  return {
    name: partial.name ?? "",
    password: partial.password ?? "",
    options: partial.options ?? null,
    hashedPassword: partial.hashedPassword ?? "",
  };
}

export function readAuthUserAddRequest(r: Reader): AuthUserAddRequest {
  let name: AuthUserAddRequest["name"] = "";
  let password: AuthUserAddRequest["password"] = "";
  let options: AuthUserAddRequest["options"] = null;
  let hashedPassword: AuthUserAddRequest["hashedPassword"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18:
        password = r.string();
        break;
      case 26: {
        const outer = r.enter();
        options = readUserAddOptions(r);
        r.leave(outer);
        break;
      }
      case 34:
        hashedPassword = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, password, options, hashedPassword };
}

export function writeAuthUserAddRequest(w: Writer, m: AuthUserAddRequest): void {
  if (m.hashedPassword.length !== 0) {
    w.string(34, m.hashedPassword);
  }
  if (m.options !== null) {
    const before = w.length;
    writeUserAddOptions(w, m.options);
    w.prefix(26, before);
  }
  if (m.password.length !== 0) {
    w.string(18, m.password);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthUserGetRequest {
  readonly name: string;
}

export const AuthUserGetRequest: MessageCodec<AuthUserGetRequest> = messageCodec(
  readAuthUserGetRequest,
  writeAuthUserGetRequest,
  createAuthUserGetRequest,
  () => [{ name: "name", key: "name", type: "string" }],
);

function createAuthUserGetRequest(partial: Partial<AuthUserGetRequest> = {}): AuthUserGetRequest {
  return { name: partial.name ?? "" };
}

export function readAuthUserGetRequest(r: Reader): AuthUserGetRequest {
  let name: AuthUserGetRequest["name"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name };
}

export function writeAuthUserGetRequest(w: Writer, m: AuthUserGetRequest): void {
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthUserDeleteRequest {
  readonly name: string;
}

export const AuthUserDeleteRequest: MessageCodec<AuthUserDeleteRequest> = messageCodec(
  readAuthUserDeleteRequest,
  writeAuthUserDeleteRequest,
  createAuthUserDeleteRequest,
  () => [{ name: "name", key: "name", type: "string" }],
);

function createAuthUserDeleteRequest(partial: Partial<AuthUserDeleteRequest> = {}): AuthUserDeleteRequest {
  return { name: partial.name ?? "" };
}

export function readAuthUserDeleteRequest(r: Reader): AuthUserDeleteRequest {
  let name: AuthUserDeleteRequest["name"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name };
}

export function writeAuthUserDeleteRequest(w: Writer, m: AuthUserDeleteRequest): void {
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthUserChangePasswordRequest {
  readonly name: string;
  readonly password: string;
  readonly hashedPassword: string;
}

export const AuthUserChangePasswordRequest: MessageCodec<AuthUserChangePasswordRequest> = messageCodec(
  readAuthUserChangePasswordRequest,
  writeAuthUserChangePasswordRequest,
  createAuthUserChangePasswordRequest,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "password", key: "password", type: "string" },
    { name: "hashedPassword", key: "hashedPassword", type: "string" },
  ],
);

function createAuthUserChangePasswordRequest(
  partial: Partial<AuthUserChangePasswordRequest> = {},
): AuthUserChangePasswordRequest {
  return { name: partial.name ?? "", password: partial.password ?? "", hashedPassword: partial.hashedPassword ?? "" };
}

export function readAuthUserChangePasswordRequest(r: Reader): AuthUserChangePasswordRequest {
  let name: AuthUserChangePasswordRequest["name"] = "";
  let password: AuthUserChangePasswordRequest["password"] = "";
  let hashedPassword: AuthUserChangePasswordRequest["hashedPassword"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18:
        password = r.string();
        break;
      case 26:
        hashedPassword = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, password, hashedPassword };
}

export function writeAuthUserChangePasswordRequest(w: Writer, m: AuthUserChangePasswordRequest): void {
  if (m.hashedPassword.length !== 0) {
    w.string(26, m.hashedPassword);
  }
  if (m.password.length !== 0) {
    w.string(18, m.password);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthUserGrantRoleRequest {
  readonly user: string;
  readonly role: string;
}

export const AuthUserGrantRoleRequest: MessageCodec<AuthUserGrantRoleRequest> = messageCodec(
  readAuthUserGrantRoleRequest,
  writeAuthUserGrantRoleRequest,
  createAuthUserGrantRoleRequest,
  () => [
    { name: "user", key: "user", type: "string" },
    { name: "role", key: "role", type: "string" },
  ],
);

function createAuthUserGrantRoleRequest(partial: Partial<AuthUserGrantRoleRequest> = {}): AuthUserGrantRoleRequest {
  return { user: partial.user ?? "", role: partial.role ?? "" };
}

export function readAuthUserGrantRoleRequest(r: Reader): AuthUserGrantRoleRequest {
  let user: AuthUserGrantRoleRequest["user"] = "";
  let role: AuthUserGrantRoleRequest["role"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        user = r.string();
        break;
      case 18:
        role = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { user, role };
}

export function writeAuthUserGrantRoleRequest(w: Writer, m: AuthUserGrantRoleRequest): void {
  if (m.role.length !== 0) {
    w.string(18, m.role);
  }
  if (m.user.length !== 0) {
    w.string(10, m.user);
  }
}

export interface AuthUserRevokeRoleRequest {
  readonly name: string;
  readonly role: string;
}

export const AuthUserRevokeRoleRequest: MessageCodec<AuthUserRevokeRoleRequest> = messageCodec(
  readAuthUserRevokeRoleRequest,
  writeAuthUserRevokeRoleRequest,
  createAuthUserRevokeRoleRequest,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "role", key: "role", type: "string" },
  ],
);

function createAuthUserRevokeRoleRequest(partial: Partial<AuthUserRevokeRoleRequest> = {}): AuthUserRevokeRoleRequest {
  return { name: partial.name ?? "", role: partial.role ?? "" };
}

export function readAuthUserRevokeRoleRequest(r: Reader): AuthUserRevokeRoleRequest {
  let name: AuthUserRevokeRoleRequest["name"] = "";
  let role: AuthUserRevokeRoleRequest["role"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18:
        role = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, role };
}

export function writeAuthUserRevokeRoleRequest(w: Writer, m: AuthUserRevokeRoleRequest): void {
  if (m.role.length !== 0) {
    w.string(18, m.role);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthRoleAddRequest {
  readonly name: string;
}

export const AuthRoleAddRequest: MessageCodec<AuthRoleAddRequest> = messageCodec(
  readAuthRoleAddRequest,
  writeAuthRoleAddRequest,
  createAuthRoleAddRequest,
  () => [{ name: "name", key: "name", type: "string" }],
);

function createAuthRoleAddRequest(partial: Partial<AuthRoleAddRequest> = {}): AuthRoleAddRequest {
  return { name: partial.name ?? "" };
}

export function readAuthRoleAddRequest(r: Reader): AuthRoleAddRequest {
  let name: AuthRoleAddRequest["name"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name };
}

export function writeAuthRoleAddRequest(w: Writer, m: AuthRoleAddRequest): void {
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthRoleGetRequest {
  readonly role: string;
}

export const AuthRoleGetRequest: MessageCodec<AuthRoleGetRequest> = messageCodec(
  readAuthRoleGetRequest,
  writeAuthRoleGetRequest,
  createAuthRoleGetRequest,
  () => [{ name: "role", key: "role", type: "string" }],
);

function createAuthRoleGetRequest(partial: Partial<AuthRoleGetRequest> = {}): AuthRoleGetRequest {
  return { role: partial.role ?? "" };
}

export function readAuthRoleGetRequest(r: Reader): AuthRoleGetRequest {
  let role: AuthRoleGetRequest["role"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        role = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { role };
}

export function writeAuthRoleGetRequest(w: Writer, m: AuthRoleGetRequest): void {
  if (m.role.length !== 0) {
    w.string(10, m.role);
  }
}

export interface AuthUserListRequest {}

export const AuthUserListRequest: MessageCodec<AuthUserListRequest> = messageCodec(
  readAuthUserListRequest,
  writeAuthUserListRequest,
  createAuthUserListRequest,
  () => [],
);

function createAuthUserListRequest(_partial: Partial<AuthUserListRequest> = {}): AuthUserListRequest {
  return {};
}

export function readAuthUserListRequest(r: Reader): AuthUserListRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeAuthUserListRequest(_w: Writer, _m: AuthUserListRequest): void {}

export interface AuthRoleListRequest {}

export const AuthRoleListRequest: MessageCodec<AuthRoleListRequest> = messageCodec(
  readAuthRoleListRequest,
  writeAuthRoleListRequest,
  createAuthRoleListRequest,
  () => [],
);

function createAuthRoleListRequest(_partial: Partial<AuthRoleListRequest> = {}): AuthRoleListRequest {
  return {};
}

export function readAuthRoleListRequest(r: Reader): AuthRoleListRequest {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeAuthRoleListRequest(_w: Writer, _m: AuthRoleListRequest): void {}

export interface AuthRoleDeleteRequest {
  readonly role: string;
}

export const AuthRoleDeleteRequest: MessageCodec<AuthRoleDeleteRequest> = messageCodec(
  readAuthRoleDeleteRequest,
  writeAuthRoleDeleteRequest,
  createAuthRoleDeleteRequest,
  () => [{ name: "role", key: "role", type: "string" }],
);

function createAuthRoleDeleteRequest(partial: Partial<AuthRoleDeleteRequest> = {}): AuthRoleDeleteRequest {
  return { role: partial.role ?? "" };
}

export function readAuthRoleDeleteRequest(r: Reader): AuthRoleDeleteRequest {
  let role: AuthRoleDeleteRequest["role"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        role = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { role };
}

export function writeAuthRoleDeleteRequest(w: Writer, m: AuthRoleDeleteRequest): void {
  if (m.role.length !== 0) {
    w.string(10, m.role);
  }
}

export interface AuthRoleGrantPermissionRequest {
  readonly name: string;
  readonly perm: Permission | null;
}

export const AuthRoleGrantPermissionRequest: MessageCodec<AuthRoleGrantPermissionRequest> = messageCodec(
  readAuthRoleGrantPermissionRequest,
  writeAuthRoleGrantPermissionRequest,
  createAuthRoleGrantPermissionRequest,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "perm", key: "perm", type: "message", message: Permission },
  ],
);

function createAuthRoleGrantPermissionRequest(
  partial: Partial<AuthRoleGrantPermissionRequest> = {},
): AuthRoleGrantPermissionRequest {
  return { name: partial.name ?? "", perm: partial.perm ?? null };
}

export function readAuthRoleGrantPermissionRequest(r: Reader): AuthRoleGrantPermissionRequest {
  let name: AuthRoleGrantPermissionRequest["name"] = "";
  let perm: AuthRoleGrantPermissionRequest["perm"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18: {
        const outer = r.enter();
        perm = readPermission(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { name, perm };
}

export function writeAuthRoleGrantPermissionRequest(w: Writer, m: AuthRoleGrantPermissionRequest): void {
  if (m.perm !== null) {
    const before = w.length;
    writePermission(w, m.perm);
    w.prefix(18, before);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}

export interface AuthRoleRevokePermissionRequest {
  readonly role: string;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export const AuthRoleRevokePermissionRequest: MessageCodec<AuthRoleRevokePermissionRequest> = messageCodec(
  readAuthRoleRevokePermissionRequest,
  writeAuthRoleRevokePermissionRequest,
  createAuthRoleRevokePermissionRequest,
  () => [
    { name: "role", key: "role", type: "string" },
    { name: "key", key: "key", type: "bytes" },
    { name: "range_end", key: "rangeEnd", type: "bytes" },
  ],
);

function createAuthRoleRevokePermissionRequest(
  partial: Partial<AuthRoleRevokePermissionRequest> = {},
): AuthRoleRevokePermissionRequest {
  return { role: partial.role ?? "", key: partial.key ?? EMPTY_BYTES, rangeEnd: partial.rangeEnd ?? EMPTY_BYTES };
}

export function readAuthRoleRevokePermissionRequest(r: Reader): AuthRoleRevokePermissionRequest {
  let role: AuthRoleRevokePermissionRequest["role"] = "";
  let key: AuthRoleRevokePermissionRequest["key"] = EMPTY_BYTES;
  let rangeEnd: AuthRoleRevokePermissionRequest["rangeEnd"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        role = r.string();
        break;
      case 18:
        key = r.bytes();
        break;
      case 26:
        rangeEnd = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { role, key, rangeEnd };
}

export function writeAuthRoleRevokePermissionRequest(w: Writer, m: AuthRoleRevokePermissionRequest): void {
  if (m.rangeEnd.length !== 0) {
    w.bytes(26, m.rangeEnd);
  }
  if (m.key.length !== 0) {
    w.bytes(18, m.key);
  }
  if (m.role.length !== 0) {
    w.string(10, m.role);
  }
}

export interface AuthEnableResponse {
  readonly header: ResponseHeader | null;
}

export const AuthEnableResponse: MessageCodec<AuthEnableResponse> = messageCodec(
  readAuthEnableResponse,
  writeAuthEnableResponse,
  createAuthEnableResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthEnableResponse(partial: Partial<AuthEnableResponse> = {}): AuthEnableResponse {
  return { header: partial.header ?? null };
}

export function readAuthEnableResponse(r: Reader): AuthEnableResponse {
  let header: AuthEnableResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthEnableResponse(w: Writer, m: AuthEnableResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthDisableResponse {
  readonly header: ResponseHeader | null;
}

export const AuthDisableResponse: MessageCodec<AuthDisableResponse> = messageCodec(
  readAuthDisableResponse,
  writeAuthDisableResponse,
  createAuthDisableResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthDisableResponse(partial: Partial<AuthDisableResponse> = {}): AuthDisableResponse {
  return { header: partial.header ?? null };
}

export function readAuthDisableResponse(r: Reader): AuthDisableResponse {
  let header: AuthDisableResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthDisableResponse(w: Writer, m: AuthDisableResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthStatusResponse {
  readonly header: ResponseHeader | null;
  readonly enabled: boolean;
  readonly authRevision: number;
}

export const AuthStatusResponse: MessageCodec<AuthStatusResponse> = messageCodec(
  readAuthStatusResponse,
  writeAuthStatusResponse,
  createAuthStatusResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "enabled", key: "enabled", type: "bool" },
    { name: "authRevision", key: "authRevision", type: "uint64" },
  ],
);

function createAuthStatusResponse(partial: Partial<AuthStatusResponse> = {}): AuthStatusResponse {
  return { header: partial.header ?? null, enabled: partial.enabled ?? false, authRevision: partial.authRevision ?? 0 };
}

export function readAuthStatusResponse(r: Reader): AuthStatusResponse {
  let header: AuthStatusResponse["header"] = null;
  let enabled: AuthStatusResponse["enabled"] = false;
  let authRevision: AuthStatusResponse["authRevision"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 16:
        enabled = r.bool();
        break;
      case 24:
        authRevision = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, enabled, authRevision };
}

export function writeAuthStatusResponse(w: Writer, m: AuthStatusResponse): void {
  if (m.authRevision !== 0) {
    w.uint64(24, m.authRevision);
  }
  if (m.enabled) {
    w.bool(16, m.enabled);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthenticateResponse {
  readonly header: ResponseHeader | null;
  readonly token: string;
}

export const AuthenticateResponse: MessageCodec<AuthenticateResponse> = messageCodec(
  readAuthenticateResponse,
  writeAuthenticateResponse,
  createAuthenticateResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "token", key: "token", type: "string" },
  ],
);

function createAuthenticateResponse(partial: Partial<AuthenticateResponse> = {}): AuthenticateResponse {
  return { header: partial.header ?? null, token: partial.token ?? "" };
}

export function readAuthenticateResponse(r: Reader): AuthenticateResponse {
  let header: AuthenticateResponse["header"] = null;
  let token: AuthenticateResponse["token"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18:
        token = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, token };
}

export function writeAuthenticateResponse(w: Writer, m: AuthenticateResponse): void {
  if (m.token.length !== 0) {
    w.string(18, m.token);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserAddResponse {
  readonly header: ResponseHeader | null;
}

export const AuthUserAddResponse: MessageCodec<AuthUserAddResponse> = messageCodec(
  readAuthUserAddResponse,
  writeAuthUserAddResponse,
  createAuthUserAddResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthUserAddResponse(partial: Partial<AuthUserAddResponse> = {}): AuthUserAddResponse {
  return { header: partial.header ?? null };
}

export function readAuthUserAddResponse(r: Reader): AuthUserAddResponse {
  let header: AuthUserAddResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthUserAddResponse(w: Writer, m: AuthUserAddResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserGetResponse {
  readonly header: ResponseHeader | null;
  readonly roles: readonly string[];
}

export const AuthUserGetResponse: MessageCodec<AuthUserGetResponse> = messageCodec(
  readAuthUserGetResponse,
  writeAuthUserGetResponse,
  createAuthUserGetResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "roles", key: "roles", type: "string", repeated: true },
  ],
);

function createAuthUserGetResponse(partial: Partial<AuthUserGetResponse> = {}): AuthUserGetResponse {
  return { header: partial.header ?? null, roles: partial.roles ?? [] };
}

export function readAuthUserGetResponse(r: Reader): AuthUserGetResponse {
  let header: AuthUserGetResponse["header"] = null;
  const roles: string[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18:
        roles.push(r.string());
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, roles };
}

export function writeAuthUserGetResponse(w: Writer, m: AuthUserGetResponse): void {
  for (let i = m.roles.length - 1; i >= 0; i--) {
    w.string(18, m.roles[i] as string);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserDeleteResponse {
  readonly header: ResponseHeader | null;
}

export const AuthUserDeleteResponse: MessageCodec<AuthUserDeleteResponse> = messageCodec(
  readAuthUserDeleteResponse,
  writeAuthUserDeleteResponse,
  createAuthUserDeleteResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthUserDeleteResponse(partial: Partial<AuthUserDeleteResponse> = {}): AuthUserDeleteResponse {
  return { header: partial.header ?? null };
}

export function readAuthUserDeleteResponse(r: Reader): AuthUserDeleteResponse {
  let header: AuthUserDeleteResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthUserDeleteResponse(w: Writer, m: AuthUserDeleteResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserChangePasswordResponse {
  readonly header: ResponseHeader | null;
}

export const AuthUserChangePasswordResponse: MessageCodec<AuthUserChangePasswordResponse> = messageCodec(
  readAuthUserChangePasswordResponse,
  writeAuthUserChangePasswordResponse,
  createAuthUserChangePasswordResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthUserChangePasswordResponse(
  partial: Partial<AuthUserChangePasswordResponse> = {},
): AuthUserChangePasswordResponse {
  return { header: partial.header ?? null };
}

export function readAuthUserChangePasswordResponse(r: Reader): AuthUserChangePasswordResponse {
  let header: AuthUserChangePasswordResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthUserChangePasswordResponse(w: Writer, m: AuthUserChangePasswordResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserGrantRoleResponse {
  readonly header: ResponseHeader | null;
}

export const AuthUserGrantRoleResponse: MessageCodec<AuthUserGrantRoleResponse> = messageCodec(
  readAuthUserGrantRoleResponse,
  writeAuthUserGrantRoleResponse,
  createAuthUserGrantRoleResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthUserGrantRoleResponse(partial: Partial<AuthUserGrantRoleResponse> = {}): AuthUserGrantRoleResponse {
  return { header: partial.header ?? null };
}

export function readAuthUserGrantRoleResponse(r: Reader): AuthUserGrantRoleResponse {
  let header: AuthUserGrantRoleResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthUserGrantRoleResponse(w: Writer, m: AuthUserGrantRoleResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserRevokeRoleResponse {
  readonly header: ResponseHeader | null;
}

export const AuthUserRevokeRoleResponse: MessageCodec<AuthUserRevokeRoleResponse> = messageCodec(
  readAuthUserRevokeRoleResponse,
  writeAuthUserRevokeRoleResponse,
  createAuthUserRevokeRoleResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthUserRevokeRoleResponse(
  partial: Partial<AuthUserRevokeRoleResponse> = {},
): AuthUserRevokeRoleResponse {
  return { header: partial.header ?? null };
}

export function readAuthUserRevokeRoleResponse(r: Reader): AuthUserRevokeRoleResponse {
  let header: AuthUserRevokeRoleResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthUserRevokeRoleResponse(w: Writer, m: AuthUserRevokeRoleResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthRoleAddResponse {
  readonly header: ResponseHeader | null;
}

export const AuthRoleAddResponse: MessageCodec<AuthRoleAddResponse> = messageCodec(
  readAuthRoleAddResponse,
  writeAuthRoleAddResponse,
  createAuthRoleAddResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthRoleAddResponse(partial: Partial<AuthRoleAddResponse> = {}): AuthRoleAddResponse {
  return { header: partial.header ?? null };
}

export function readAuthRoleAddResponse(r: Reader): AuthRoleAddResponse {
  let header: AuthRoleAddResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthRoleAddResponse(w: Writer, m: AuthRoleAddResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthRoleGetResponse {
  readonly header: ResponseHeader | null;
  readonly perm: readonly Permission[];
}

export const AuthRoleGetResponse: MessageCodec<AuthRoleGetResponse> = messageCodec(
  readAuthRoleGetResponse,
  writeAuthRoleGetResponse,
  createAuthRoleGetResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "perm", key: "perm", type: "message", repeated: true, message: Permission },
  ],
);

function createAuthRoleGetResponse(partial: Partial<AuthRoleGetResponse> = {}): AuthRoleGetResponse {
  return { header: partial.header ?? null, perm: partial.perm ?? [] };
}

export function readAuthRoleGetResponse(r: Reader): AuthRoleGetResponse {
  let header: AuthRoleGetResponse["header"] = null;
  const perm: Permission[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18: {
        const outer = r.enter();
        perm.push(readPermission(r));
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, perm };
}

export function writeAuthRoleGetResponse(w: Writer, m: AuthRoleGetResponse): void {
  for (let i = m.perm.length - 1; i >= 0; i--) {
    const before = w.length;
    writePermission(w, m.perm[i] as Permission);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthRoleListResponse {
  readonly header: ResponseHeader | null;
  readonly roles: readonly string[];
}

export const AuthRoleListResponse: MessageCodec<AuthRoleListResponse> = messageCodec(
  readAuthRoleListResponse,
  writeAuthRoleListResponse,
  createAuthRoleListResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "roles", key: "roles", type: "string", repeated: true },
  ],
);

function createAuthRoleListResponse(partial: Partial<AuthRoleListResponse> = {}): AuthRoleListResponse {
  return { header: partial.header ?? null, roles: partial.roles ?? [] };
}

export function readAuthRoleListResponse(r: Reader): AuthRoleListResponse {
  let header: AuthRoleListResponse["header"] = null;
  const roles: string[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18:
        roles.push(r.string());
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, roles };
}

export function writeAuthRoleListResponse(w: Writer, m: AuthRoleListResponse): void {
  for (let i = m.roles.length - 1; i >= 0; i--) {
    w.string(18, m.roles[i] as string);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthUserListResponse {
  readonly header: ResponseHeader | null;
  readonly users: readonly string[];
}

export const AuthUserListResponse: MessageCodec<AuthUserListResponse> = messageCodec(
  readAuthUserListResponse,
  writeAuthUserListResponse,
  createAuthUserListResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "users", key: "users", type: "string", repeated: true },
  ],
);

function createAuthUserListResponse(partial: Partial<AuthUserListResponse> = {}): AuthUserListResponse {
  return { header: partial.header ?? null, users: partial.users ?? [] };
}

export function readAuthUserListResponse(r: Reader): AuthUserListResponse {
  let header: AuthUserListResponse["header"] = null;
  const users: string[] = [];
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      case 18:
        users.push(r.string());
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, users };
}

export function writeAuthUserListResponse(w: Writer, m: AuthUserListResponse): void {
  for (let i = m.users.length - 1; i >= 0; i--) {
    w.string(18, m.users[i] as string);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthRoleDeleteResponse {
  readonly header: ResponseHeader | null;
}

export const AuthRoleDeleteResponse: MessageCodec<AuthRoleDeleteResponse> = messageCodec(
  readAuthRoleDeleteResponse,
  writeAuthRoleDeleteResponse,
  createAuthRoleDeleteResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthRoleDeleteResponse(partial: Partial<AuthRoleDeleteResponse> = {}): AuthRoleDeleteResponse {
  return { header: partial.header ?? null };
}

export function readAuthRoleDeleteResponse(r: Reader): AuthRoleDeleteResponse {
  let header: AuthRoleDeleteResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthRoleDeleteResponse(w: Writer, m: AuthRoleDeleteResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthRoleGrantPermissionResponse {
  readonly header: ResponseHeader | null;
}

export const AuthRoleGrantPermissionResponse: MessageCodec<AuthRoleGrantPermissionResponse> = messageCodec(
  readAuthRoleGrantPermissionResponse,
  writeAuthRoleGrantPermissionResponse,
  createAuthRoleGrantPermissionResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthRoleGrantPermissionResponse(
  partial: Partial<AuthRoleGrantPermissionResponse> = {},
): AuthRoleGrantPermissionResponse {
  return { header: partial.header ?? null };
}

export function readAuthRoleGrantPermissionResponse(r: Reader): AuthRoleGrantPermissionResponse {
  let header: AuthRoleGrantPermissionResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthRoleGrantPermissionResponse(w: Writer, m: AuthRoleGrantPermissionResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface AuthRoleRevokePermissionResponse {
  readonly header: ResponseHeader | null;
}

export const AuthRoleRevokePermissionResponse: MessageCodec<AuthRoleRevokePermissionResponse> = messageCodec(
  readAuthRoleRevokePermissionResponse,
  writeAuthRoleRevokePermissionResponse,
  createAuthRoleRevokePermissionResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createAuthRoleRevokePermissionResponse(
  partial: Partial<AuthRoleRevokePermissionResponse> = {},
): AuthRoleRevokePermissionResponse {
  return { header: partial.header ?? null };
}

export function readAuthRoleRevokePermissionResponse(r: Reader): AuthRoleRevokePermissionResponse {
  let header: AuthRoleRevokePermissionResponse["header"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        header = readResponseHeader(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header };
}

export function writeAuthRoleRevokePermissionResponse(w: Writer, m: AuthRoleRevokePermissionResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface RangeStreamResponse {
  readonly rangeResponse: RangeResponse | null;
}

export const RangeStreamResponse: MessageCodec<RangeStreamResponse> = messageCodec(
  readRangeStreamResponse,
  writeRangeStreamResponse,
  createRangeStreamResponse,
  () => [{ name: "range_response", key: "rangeResponse", type: "message", message: RangeResponse }],
);

function createRangeStreamResponse(partial: Partial<RangeStreamResponse> = {}): RangeStreamResponse {
  return { rangeResponse: partial.rangeResponse ?? null };
}

export function readRangeStreamResponse(r: Reader): RangeStreamResponse {
  let rangeResponse: RangeStreamResponse["rangeResponse"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        rangeResponse = readRangeResponse(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { rangeResponse };
}

export function writeRangeStreamResponse(w: Writer, m: RangeStreamResponse): void {
  if (m.rangeResponse !== null) {
    const before = w.length;
    writeRangeResponse(w, m.rangeResponse);
    w.prefix(10, before);
  }
}

export interface RequestHeader {
  readonly id: bigint;
  readonly username: string;
  readonly authRevision: number;
}

export const RequestHeader: MessageCodec<RequestHeader> = messageCodec(
  readRequestHeader,
  writeRequestHeader,
  createRequestHeader,
  () => [
    { name: "ID", key: "id", type: "uint64" },
    { name: "username", key: "username", type: "string" },
    { name: "auth_revision", key: "authRevision", type: "uint64" },
  ],
);

function createRequestHeader(partial: Partial<RequestHeader> = {}): RequestHeader {
  return { id: partial.id ?? 0n, username: partial.username ?? "", authRevision: partial.authRevision ?? 0 };
}

export function readRequestHeader(r: Reader): RequestHeader {
  let id: RequestHeader["id"] = 0n;
  let username: RequestHeader["username"] = "";
  let authRevision: RequestHeader["authRevision"] = 0;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      case 18:
        username = r.string();
        break;
      case 24:
        authRevision = r.uint64();
        break;
      default:
        r.skip(tag);
    }
  }
  return { id, username, authRevision };
}

export function writeRequestHeader(w: Writer, m: RequestHeader): void {
  if (m.authRevision !== 0) {
    w.uint64(24, m.authRevision);
  }
  if (m.username.length !== 0) {
    w.string(18, m.username);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface InternalRaftRequest {
  readonly id: bigint;
  readonly range: RangeRequest | null;
  readonly put: PutRequest | null;
  readonly deleteRange: DeleteRangeRequest | null;
  readonly txn: TxnRequest | null;
  readonly compaction: CompactionRequest | null;
  readonly leaseGrant: LeaseGrantRequest | null;
  readonly leaseRevoke: LeaseRevokeRequest | null;
  readonly alarm: AlarmRequest | null;
  readonly leaseCheckpoint: LeaseCheckpointRequest | null;
  readonly header: RequestHeader | null;
  readonly authEnable: AuthEnableRequest | null;
  readonly authDisable: AuthDisableRequest | null;
  readonly authenticate: InternalAuthenticateRequest | null;
  readonly authStatus: AuthStatusRequest | null;
  readonly authUserAdd: AuthUserAddRequest | null;
  readonly authUserDelete: AuthUserDeleteRequest | null;
  readonly authUserGet: AuthUserGetRequest | null;
  readonly authUserChangePassword: AuthUserChangePasswordRequest | null;
  readonly authUserGrantRole: AuthUserGrantRoleRequest | null;
  readonly authUserRevokeRole: AuthUserRevokeRoleRequest | null;
  readonly authUserList: AuthUserListRequest | null;
  readonly authRoleList: AuthRoleListRequest | null;
  readonly authRoleAdd: AuthRoleAddRequest | null;
  readonly authRoleDelete: AuthRoleDeleteRequest | null;
  readonly authRoleGet: AuthRoleGetRequest | null;
  readonly authRoleGrantPermission: AuthRoleGrantPermissionRequest | null;
  readonly authRoleRevokePermission: AuthRoleRevokePermissionRequest | null;
  readonly clusterVersionSet: ClusterVersionSetRequest | null;
  readonly clusterMemberAttrSet: ClusterMemberAttrSetRequest | null;
  readonly downgradeInfoSet: DowngradeInfoSetRequest | null;
  readonly downgradeVersionTest: DowngradeVersionTestRequest | null;
}

export const InternalRaftRequest: MessageCodec<InternalRaftRequest> = messageCodec(
  readInternalRaftRequest,
  writeInternalRaftRequest,
  createInternalRaftRequest,
  () => [
    { name: "ID", key: "id", type: "uint64" },
    { name: "range", key: "range", type: "message", message: RangeRequest },
    { name: "put", key: "put", type: "message", message: PutRequest },
    { name: "delete_range", key: "deleteRange", type: "message", message: DeleteRangeRequest },
    { name: "txn", key: "txn", type: "message", message: TxnRequest },
    { name: "compaction", key: "compaction", type: "message", message: CompactionRequest },
    { name: "lease_grant", key: "leaseGrant", type: "message", message: LeaseGrantRequest },
    { name: "lease_revoke", key: "leaseRevoke", type: "message", message: LeaseRevokeRequest },
    { name: "alarm", key: "alarm", type: "message", message: AlarmRequest },
    { name: "lease_checkpoint", key: "leaseCheckpoint", type: "message", message: LeaseCheckpointRequest },
    { name: "header", key: "header", type: "message", message: RequestHeader },
    { name: "auth_enable", key: "authEnable", type: "message", message: AuthEnableRequest },
    { name: "auth_disable", key: "authDisable", type: "message", message: AuthDisableRequest },
    { name: "authenticate", key: "authenticate", type: "message", message: InternalAuthenticateRequest },
    { name: "auth_status", key: "authStatus", type: "message", message: AuthStatusRequest },
    { name: "auth_user_add", key: "authUserAdd", type: "message", message: AuthUserAddRequest },
    { name: "auth_user_delete", key: "authUserDelete", type: "message", message: AuthUserDeleteRequest },
    { name: "auth_user_get", key: "authUserGet", type: "message", message: AuthUserGetRequest },
    {
      name: "auth_user_change_password",
      key: "authUserChangePassword",
      type: "message",
      message: AuthUserChangePasswordRequest,
    },
    { name: "auth_user_grant_role", key: "authUserGrantRole", type: "message", message: AuthUserGrantRoleRequest },
    { name: "auth_user_revoke_role", key: "authUserRevokeRole", type: "message", message: AuthUserRevokeRoleRequest },
    { name: "auth_user_list", key: "authUserList", type: "message", message: AuthUserListRequest },
    { name: "auth_role_list", key: "authRoleList", type: "message", message: AuthRoleListRequest },
    { name: "auth_role_add", key: "authRoleAdd", type: "message", message: AuthRoleAddRequest },
    { name: "auth_role_delete", key: "authRoleDelete", type: "message", message: AuthRoleDeleteRequest },
    { name: "auth_role_get", key: "authRoleGet", type: "message", message: AuthRoleGetRequest },
    {
      name: "auth_role_grant_permission",
      key: "authRoleGrantPermission",
      type: "message",
      message: AuthRoleGrantPermissionRequest,
    },
    {
      name: "auth_role_revoke_permission",
      key: "authRoleRevokePermission",
      type: "message",
      message: AuthRoleRevokePermissionRequest,
    },
    { name: "cluster_version_set", key: "clusterVersionSet", type: "message", message: ClusterVersionSetRequest },
    {
      name: "cluster_member_attr_set",
      key: "clusterMemberAttrSet",
      type: "message",
      message: ClusterMemberAttrSetRequest,
    },
    { name: "downgrade_info_set", key: "downgradeInfoSet", type: "message", message: DowngradeInfoSetRequest },
    {
      name: "downgrade_version_test",
      key: "downgradeVersionTest",
      type: "message",
      message: DowngradeVersionTestRequest,
    },
  ],
);

function createInternalRaftRequest(partial: Partial<InternalRaftRequest> = {}): InternalRaftRequest {
  return {
    id: partial.id ?? 0n,
    range: partial.range ?? null,
    put: partial.put ?? null,
    deleteRange: partial.deleteRange ?? null,
    txn: partial.txn ?? null,
    compaction: partial.compaction ?? null,
    leaseGrant: partial.leaseGrant ?? null,
    leaseRevoke: partial.leaseRevoke ?? null,
    alarm: partial.alarm ?? null,
    leaseCheckpoint: partial.leaseCheckpoint ?? null,
    header: partial.header ?? null,
    authEnable: partial.authEnable ?? null,
    authDisable: partial.authDisable ?? null,
    authenticate: partial.authenticate ?? null,
    authStatus: partial.authStatus ?? null,
    authUserAdd: partial.authUserAdd ?? null,
    authUserDelete: partial.authUserDelete ?? null,
    authUserGet: partial.authUserGet ?? null,
    authUserChangePassword: partial.authUserChangePassword ?? null,
    authUserGrantRole: partial.authUserGrantRole ?? null,
    authUserRevokeRole: partial.authUserRevokeRole ?? null,
    authUserList: partial.authUserList ?? null,
    authRoleList: partial.authRoleList ?? null,
    authRoleAdd: partial.authRoleAdd ?? null,
    authRoleDelete: partial.authRoleDelete ?? null,
    authRoleGet: partial.authRoleGet ?? null,
    authRoleGrantPermission: partial.authRoleGrantPermission ?? null,
    authRoleRevokePermission: partial.authRoleRevokePermission ?? null,
    clusterVersionSet: partial.clusterVersionSet ?? null,
    clusterMemberAttrSet: partial.clusterMemberAttrSet ?? null,
    downgradeInfoSet: partial.downgradeInfoSet ?? null,
    downgradeVersionTest: partial.downgradeVersionTest ?? null,
  };
}

export function readInternalRaftRequest(r: Reader): InternalRaftRequest {
  let id: InternalRaftRequest["id"] = 0n;
  let range: InternalRaftRequest["range"] = null;
  let put: InternalRaftRequest["put"] = null;
  let deleteRange: InternalRaftRequest["deleteRange"] = null;
  let txn: InternalRaftRequest["txn"] = null;
  let compaction: InternalRaftRequest["compaction"] = null;
  let leaseGrant: InternalRaftRequest["leaseGrant"] = null;
  let leaseRevoke: InternalRaftRequest["leaseRevoke"] = null;
  let alarm: InternalRaftRequest["alarm"] = null;
  let leaseCheckpoint: InternalRaftRequest["leaseCheckpoint"] = null;
  let header: InternalRaftRequest["header"] = null;
  let authEnable: InternalRaftRequest["authEnable"] = null;
  let authDisable: InternalRaftRequest["authDisable"] = null;
  let authenticate: InternalRaftRequest["authenticate"] = null;
  let authStatus: InternalRaftRequest["authStatus"] = null;
  let authUserAdd: InternalRaftRequest["authUserAdd"] = null;
  let authUserDelete: InternalRaftRequest["authUserDelete"] = null;
  let authUserGet: InternalRaftRequest["authUserGet"] = null;
  let authUserChangePassword: InternalRaftRequest["authUserChangePassword"] = null;
  let authUserGrantRole: InternalRaftRequest["authUserGrantRole"] = null;
  let authUserRevokeRole: InternalRaftRequest["authUserRevokeRole"] = null;
  let authUserList: InternalRaftRequest["authUserList"] = null;
  let authRoleList: InternalRaftRequest["authRoleList"] = null;
  let authRoleAdd: InternalRaftRequest["authRoleAdd"] = null;
  let authRoleDelete: InternalRaftRequest["authRoleDelete"] = null;
  let authRoleGet: InternalRaftRequest["authRoleGet"] = null;
  let authRoleGrantPermission: InternalRaftRequest["authRoleGrantPermission"] = null;
  let authRoleRevokePermission: InternalRaftRequest["authRoleRevokePermission"] = null;
  let clusterVersionSet: InternalRaftRequest["clusterVersionSet"] = null;
  let clusterMemberAttrSet: InternalRaftRequest["clusterMemberAttrSet"] = null;
  let downgradeInfoSet: InternalRaftRequest["downgradeInfoSet"] = null;
  let downgradeVersionTest: InternalRaftRequest["downgradeVersionTest"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        id = r.uint64Name();
        break;
      case 26: {
        const outer = r.enter();
        range = readRangeRequest(r);
        r.leave(outer);
        break;
      }
      case 34: {
        const outer = r.enter();
        put = readPutRequest(r);
        r.leave(outer);
        break;
      }
      case 42: {
        const outer = r.enter();
        deleteRange = readDeleteRangeRequest(r);
        r.leave(outer);
        break;
      }
      case 50: {
        const outer = r.enter();
        txn = readTxnRequest(r);
        r.leave(outer);
        break;
      }
      case 58: {
        const outer = r.enter();
        compaction = readCompactionRequest(r);
        r.leave(outer);
        break;
      }
      case 66: {
        const outer = r.enter();
        leaseGrant = readLeaseGrantRequest(r);
        r.leave(outer);
        break;
      }
      case 74: {
        const outer = r.enter();
        leaseRevoke = readLeaseRevokeRequest(r);
        r.leave(outer);
        break;
      }
      case 82: {
        const outer = r.enter();
        alarm = readAlarmRequest(r);
        r.leave(outer);
        break;
      }
      case 90: {
        const outer = r.enter();
        leaseCheckpoint = readLeaseCheckpointRequest(r);
        r.leave(outer);
        break;
      }
      case 802: {
        const outer = r.enter();
        header = readRequestHeader(r);
        r.leave(outer);
        break;
      }
      case 8002: {
        const outer = r.enter();
        authEnable = readAuthEnableRequest(r);
        r.leave(outer);
        break;
      }
      case 8090: {
        const outer = r.enter();
        authDisable = readAuthDisableRequest(r);
        r.leave(outer);
        break;
      }
      case 8098: {
        const outer = r.enter();
        authenticate = readInternalAuthenticateRequest(r);
        r.leave(outer);
        break;
      }
      case 8106: {
        const outer = r.enter();
        authStatus = readAuthStatusRequest(r);
        r.leave(outer);
        break;
      }
      case 8802: {
        const outer = r.enter();
        authUserAdd = readAuthUserAddRequest(r);
        r.leave(outer);
        break;
      }
      case 8810: {
        const outer = r.enter();
        authUserDelete = readAuthUserDeleteRequest(r);
        r.leave(outer);
        break;
      }
      case 8818: {
        const outer = r.enter();
        authUserGet = readAuthUserGetRequest(r);
        r.leave(outer);
        break;
      }
      case 8826: {
        const outer = r.enter();
        authUserChangePassword = readAuthUserChangePasswordRequest(r);
        r.leave(outer);
        break;
      }
      case 8834: {
        const outer = r.enter();
        authUserGrantRole = readAuthUserGrantRoleRequest(r);
        r.leave(outer);
        break;
      }
      case 8842: {
        const outer = r.enter();
        authUserRevokeRole = readAuthUserRevokeRoleRequest(r);
        r.leave(outer);
        break;
      }
      case 8850: {
        const outer = r.enter();
        authUserList = readAuthUserListRequest(r);
        r.leave(outer);
        break;
      }
      case 8858: {
        const outer = r.enter();
        authRoleList = readAuthRoleListRequest(r);
        r.leave(outer);
        break;
      }
      case 9602: {
        const outer = r.enter();
        authRoleAdd = readAuthRoleAddRequest(r);
        r.leave(outer);
        break;
      }
      case 9610: {
        const outer = r.enter();
        authRoleDelete = readAuthRoleDeleteRequest(r);
        r.leave(outer);
        break;
      }
      case 9618: {
        const outer = r.enter();
        authRoleGet = readAuthRoleGetRequest(r);
        r.leave(outer);
        break;
      }
      case 9626: {
        const outer = r.enter();
        authRoleGrantPermission = readAuthRoleGrantPermissionRequest(r);
        r.leave(outer);
        break;
      }
      case 9634: {
        const outer = r.enter();
        authRoleRevokePermission = readAuthRoleRevokePermissionRequest(r);
        r.leave(outer);
        break;
      }
      case 10402: {
        const outer = r.enter();
        clusterVersionSet = readClusterVersionSetRequest(r);
        r.leave(outer);
        break;
      }
      case 10410: {
        const outer = r.enter();
        clusterMemberAttrSet = readClusterMemberAttrSetRequest(r);
        r.leave(outer);
        break;
      }
      case 10418: {
        const outer = r.enter();
        downgradeInfoSet = readDowngradeInfoSetRequest(r);
        r.leave(outer);
        break;
      }
      case 79202: {
        const outer = r.enter();
        downgradeVersionTest = readDowngradeVersionTestRequest(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return {
    id,
    range,
    put,
    deleteRange,
    txn,
    compaction,
    leaseGrant,
    leaseRevoke,
    alarm,
    leaseCheckpoint,
    header,
    authEnable,
    authDisable,
    authenticate,
    authStatus,
    authUserAdd,
    authUserDelete,
    authUserGet,
    authUserChangePassword,
    authUserGrantRole,
    authUserRevokeRole,
    authUserList,
    authRoleList,
    authRoleAdd,
    authRoleDelete,
    authRoleGet,
    authRoleGrantPermission,
    authRoleRevokePermission,
    clusterVersionSet,
    clusterMemberAttrSet,
    downgradeInfoSet,
    downgradeVersionTest,
  };
}

export function writeInternalRaftRequest(w: Writer, m: InternalRaftRequest): void {
  if (m.downgradeVersionTest !== null) {
    const before = w.length;
    writeDowngradeVersionTestRequest(w, m.downgradeVersionTest);
    w.prefix(79202, before);
  }
  if (m.downgradeInfoSet !== null) {
    const before = w.length;
    writeDowngradeInfoSetRequest(w, m.downgradeInfoSet);
    w.prefix(10418, before);
  }
  if (m.clusterMemberAttrSet !== null) {
    const before = w.length;
    writeClusterMemberAttrSetRequest(w, m.clusterMemberAttrSet);
    w.prefix(10410, before);
  }
  if (m.clusterVersionSet !== null) {
    const before = w.length;
    writeClusterVersionSetRequest(w, m.clusterVersionSet);
    w.prefix(10402, before);
  }
  if (m.authRoleRevokePermission !== null) {
    const before = w.length;
    writeAuthRoleRevokePermissionRequest(w, m.authRoleRevokePermission);
    w.prefix(9634, before);
  }
  if (m.authRoleGrantPermission !== null) {
    const before = w.length;
    writeAuthRoleGrantPermissionRequest(w, m.authRoleGrantPermission);
    w.prefix(9626, before);
  }
  if (m.authRoleGet !== null) {
    const before = w.length;
    writeAuthRoleGetRequest(w, m.authRoleGet);
    w.prefix(9618, before);
  }
  if (m.authRoleDelete !== null) {
    const before = w.length;
    writeAuthRoleDeleteRequest(w, m.authRoleDelete);
    w.prefix(9610, before);
  }
  if (m.authRoleAdd !== null) {
    const before = w.length;
    writeAuthRoleAddRequest(w, m.authRoleAdd);
    w.prefix(9602, before);
  }
  if (m.authRoleList !== null) {
    const before = w.length;
    writeAuthRoleListRequest(w, m.authRoleList);
    w.prefix(8858, before);
  }
  if (m.authUserList !== null) {
    const before = w.length;
    writeAuthUserListRequest(w, m.authUserList);
    w.prefix(8850, before);
  }
  if (m.authUserRevokeRole !== null) {
    const before = w.length;
    writeAuthUserRevokeRoleRequest(w, m.authUserRevokeRole);
    w.prefix(8842, before);
  }
  if (m.authUserGrantRole !== null) {
    const before = w.length;
    writeAuthUserGrantRoleRequest(w, m.authUserGrantRole);
    w.prefix(8834, before);
  }
  if (m.authUserChangePassword !== null) {
    const before = w.length;
    writeAuthUserChangePasswordRequest(w, m.authUserChangePassword);
    w.prefix(8826, before);
  }
  if (m.authUserGet !== null) {
    const before = w.length;
    writeAuthUserGetRequest(w, m.authUserGet);
    w.prefix(8818, before);
  }
  if (m.authUserDelete !== null) {
    const before = w.length;
    writeAuthUserDeleteRequest(w, m.authUserDelete);
    w.prefix(8810, before);
  }
  if (m.authUserAdd !== null) {
    const before = w.length;
    writeAuthUserAddRequest(w, m.authUserAdd);
    w.prefix(8802, before);
  }
  if (m.authStatus !== null) {
    const before = w.length;
    writeAuthStatusRequest(w, m.authStatus);
    w.prefix(8106, before);
  }
  if (m.authenticate !== null) {
    const before = w.length;
    writeInternalAuthenticateRequest(w, m.authenticate);
    w.prefix(8098, before);
  }
  if (m.authDisable !== null) {
    const before = w.length;
    writeAuthDisableRequest(w, m.authDisable);
    w.prefix(8090, before);
  }
  if (m.authEnable !== null) {
    const before = w.length;
    writeAuthEnableRequest(w, m.authEnable);
    w.prefix(8002, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeRequestHeader(w, m.header);
    w.prefix(802, before);
  }
  if (m.leaseCheckpoint !== null) {
    const before = w.length;
    writeLeaseCheckpointRequest(w, m.leaseCheckpoint);
    w.prefix(90, before);
  }
  if (m.alarm !== null) {
    const before = w.length;
    writeAlarmRequest(w, m.alarm);
    w.prefix(82, before);
  }
  if (m.leaseRevoke !== null) {
    const before = w.length;
    writeLeaseRevokeRequest(w, m.leaseRevoke);
    w.prefix(74, before);
  }
  if (m.leaseGrant !== null) {
    const before = w.length;
    writeLeaseGrantRequest(w, m.leaseGrant);
    w.prefix(66, before);
  }
  if (m.compaction !== null) {
    const before = w.length;
    writeCompactionRequest(w, m.compaction);
    w.prefix(58, before);
  }
  if (m.txn !== null) {
    const before = w.length;
    writeTxnRequest(w, m.txn);
    w.prefix(50, before);
  }
  if (m.deleteRange !== null) {
    const before = w.length;
    writeDeleteRangeRequest(w, m.deleteRange);
    w.prefix(42, before);
  }
  if (m.put !== null) {
    const before = w.length;
    writePutRequest(w, m.put);
    w.prefix(34, before);
  }
  if (m.range !== null) {
    const before = w.length;
    writeRangeRequest(w, m.range);
    w.prefix(26, before);
  }
  if (m.id !== 0n) {
    w.name(8, m.id);
  }
}

export interface EmptyResponse {}

export const EmptyResponse: MessageCodec<EmptyResponse> = messageCodec(
  readEmptyResponse,
  writeEmptyResponse,
  createEmptyResponse,
  () => [],
);

function createEmptyResponse(_partial: Partial<EmptyResponse> = {}): EmptyResponse {
  return {};
}

export function readEmptyResponse(r: Reader): EmptyResponse {
  while (r.more()) r.skip(r.tag());
  return {};
}

export function writeEmptyResponse(_w: Writer, _m: EmptyResponse): void {}

export interface InternalAuthenticateRequest {
  readonly name: string;
  readonly password: string;
  readonly simpleToken: string;
}

export const InternalAuthenticateRequest: MessageCodec<InternalAuthenticateRequest> = messageCodec(
  readInternalAuthenticateRequest,
  writeInternalAuthenticateRequest,
  createInternalAuthenticateRequest,
  () => [
    { name: "name", key: "name", type: "string" },
    { name: "password", key: "password", type: "string" },
    { name: "simple_token", key: "simpleToken", type: "string" },
  ],
);

function createInternalAuthenticateRequest(
  partial: Partial<InternalAuthenticateRequest> = {},
): InternalAuthenticateRequest {
  return { name: partial.name ?? "", password: partial.password ?? "", simpleToken: partial.simpleToken ?? "" };
}

export function readInternalAuthenticateRequest(r: Reader): InternalAuthenticateRequest {
  let name: InternalAuthenticateRequest["name"] = "";
  let password: InternalAuthenticateRequest["password"] = "";
  let simpleToken: InternalAuthenticateRequest["simpleToken"] = "";
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.string();
        break;
      case 18:
        password = r.string();
        break;
      case 26:
        simpleToken = r.string();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, password, simpleToken };
}

export function writeInternalAuthenticateRequest(w: Writer, m: InternalAuthenticateRequest): void {
  if (m.simpleToken.length !== 0) {
    w.string(26, m.simpleToken);
  }
  if (m.password.length !== 0) {
    w.string(18, m.password);
  }
  if (m.name.length !== 0) {
    w.string(10, m.name);
  }
}
