// Generated from src/proto/v3electionpb.proto by `npm run generate`: change that, not this.
import { EMPTY_BYTES, type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
import { ResponseHeader, readResponseHeader, writeResponseHeader } from "./etcdserverpb.ts";
import { KeyValue, readKeyValue, writeKeyValue } from "./mvccpb.ts";
export interface CampaignRequest {
  readonly name: Uint8Array;
  readonly lease: bigint;
  readonly value: Uint8Array;
}

export const CampaignRequest: MessageCodec<CampaignRequest> = messageCodec(
  readCampaignRequest,
  writeCampaignRequest,
  createCampaignRequest,
  () => [
    { name: "name", key: "name", type: "bytes" },
    { name: "lease", key: "lease", type: "int64" },
    { name: "value", key: "value", type: "bytes" },
  ],
);

function createCampaignRequest(partial: Partial<CampaignRequest> = {}): CampaignRequest {
  return { name: partial.name ?? EMPTY_BYTES, lease: partial.lease ?? 0n, value: partial.value ?? EMPTY_BYTES };
}

export function readCampaignRequest(r: Reader): CampaignRequest {
  let name: CampaignRequest["name"] = EMPTY_BYTES;
  let lease: CampaignRequest["lease"] = 0n;
  let value: CampaignRequest["value"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.bytes();
        break;
      case 16:
        lease = r.int64Name();
        break;
      case 26:
        value = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, lease, value };
}

export function writeCampaignRequest(w: Writer, m: CampaignRequest): void {
  if (m.value.length !== 0) {
    w.bytes(26, m.value);
  }
  if (m.lease !== 0n) {
    w.name(16, m.lease);
  }
  if (m.name.length !== 0) {
    w.bytes(10, m.name);
  }
}

export interface CampaignResponse {
  readonly header: ResponseHeader | null;
  readonly leader: LeaderKey | null;
}

export const CampaignResponse: MessageCodec<CampaignResponse> = messageCodec(
  readCampaignResponse,
  writeCampaignResponse,
  createCampaignResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "leader", key: "leader", type: "message", message: LeaderKey },
  ],
);

function createCampaignResponse(partial: Partial<CampaignResponse> = {}): CampaignResponse {
  return { header: partial.header ?? null, leader: partial.leader ?? null };
}

export function readCampaignResponse(r: Reader): CampaignResponse {
  let header: CampaignResponse["header"] = null;
  let leader: CampaignResponse["leader"] = null;
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
        leader = readLeaderKey(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, leader };
}

export function writeCampaignResponse(w: Writer, m: CampaignResponse): void {
  if (m.leader !== null) {
    const before = w.length;
    writeLeaderKey(w, m.leader);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface LeaderKey {
  readonly name: Uint8Array;
  readonly key: Uint8Array;
  readonly rev: number;
  readonly lease: bigint;
}

export const LeaderKey: MessageCodec<LeaderKey> = messageCodec(readLeaderKey, writeLeaderKey, createLeaderKey, () => [
  { name: "name", key: "name", type: "bytes" },
  { name: "key", key: "key", type: "bytes" },
  { name: "rev", key: "rev", type: "int64" },
  { name: "lease", key: "lease", type: "int64" },
]);

function createLeaderKey(partial: Partial<LeaderKey> = {}): LeaderKey {
  return {
    name: partial.name ?? EMPTY_BYTES,
    key: partial.key ?? EMPTY_BYTES,
    rev: partial.rev ?? 0,
    lease: partial.lease ?? 0n,
  };
}

export function readLeaderKey(r: Reader): LeaderKey {
  let name: LeaderKey["name"] = EMPTY_BYTES;
  let key: LeaderKey["key"] = EMPTY_BYTES;
  let rev: LeaderKey["rev"] = 0;
  let lease: LeaderKey["lease"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.bytes();
        break;
      case 18:
        key = r.bytes();
        break;
      case 24:
        rev = r.int64();
        break;
      case 32:
        lease = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, key, rev, lease };
}

export function writeLeaderKey(w: Writer, m: LeaderKey): void {
  if (m.lease !== 0n) {
    w.name(32, m.lease);
  }
  if (m.rev !== 0) {
    w.int64(24, m.rev);
  }
  if (m.key.length !== 0) {
    w.bytes(18, m.key);
  }
  if (m.name.length !== 0) {
    w.bytes(10, m.name);
  }
}

export interface LeaderRequest {
  readonly name: Uint8Array;
}

export const LeaderRequest: MessageCodec<LeaderRequest> = messageCodec(
  readLeaderRequest,
  writeLeaderRequest,
  createLeaderRequest,
  () => [{ name: "name", key: "name", type: "bytes" }],
);

function createLeaderRequest(partial: Partial<LeaderRequest> = {}): LeaderRequest {
  return { name: partial.name ?? EMPTY_BYTES };
}

export function readLeaderRequest(r: Reader): LeaderRequest {
  let name: LeaderRequest["name"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name };
}

export function writeLeaderRequest(w: Writer, m: LeaderRequest): void {
  if (m.name.length !== 0) {
    w.bytes(10, m.name);
  }
}

export interface LeaderResponse {
  readonly header: ResponseHeader | null;
  readonly kv: KeyValue | null;
}

export const LeaderResponse: MessageCodec<LeaderResponse> = messageCodec(
  readLeaderResponse,
  writeLeaderResponse,
  createLeaderResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "kv", key: "kv", type: "message", message: KeyValue },
  ],
);

function createLeaderResponse(partial: Partial<LeaderResponse> = {}): LeaderResponse {
  return { header: partial.header ?? null, kv: partial.kv ?? null };
}

export function readLeaderResponse(r: Reader): LeaderResponse {
  let header: LeaderResponse["header"] = null;
  let kv: LeaderResponse["kv"] = null;
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
        kv = readKeyValue(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { header, kv };
}

export function writeLeaderResponse(w: Writer, m: LeaderResponse): void {
  if (m.kv !== null) {
    const before = w.length;
    writeKeyValue(w, m.kv);
    w.prefix(18, before);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface ResignRequest {
  readonly leader: LeaderKey | null;
}

export const ResignRequest: MessageCodec<ResignRequest> = messageCodec(
  readResignRequest,
  writeResignRequest,
  createResignRequest,
  () => [{ name: "leader", key: "leader", type: "message", message: LeaderKey }],
);

function createResignRequest(partial: Partial<ResignRequest> = {}): ResignRequest {
  return { leader: partial.leader ?? null };
}

export function readResignRequest(r: Reader): ResignRequest {
  let leader: ResignRequest["leader"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        leader = readLeaderKey(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { leader };
}

export function writeResignRequest(w: Writer, m: ResignRequest): void {
  if (m.leader !== null) {
    const before = w.length;
    writeLeaderKey(w, m.leader);
    w.prefix(10, before);
  }
}

export interface ResignResponse {
  readonly header: ResponseHeader | null;
}

export const ResignResponse: MessageCodec<ResignResponse> = messageCodec(
  readResignResponse,
  writeResignResponse,
  createResignResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createResignResponse(partial: Partial<ResignResponse> = {}): ResignResponse {
  return { header: partial.header ?? null };
}

export function readResignResponse(r: Reader): ResignResponse {
  let header: ResignResponse["header"] = null;
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

export function writeResignResponse(w: Writer, m: ResignResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface ProclaimRequest {
  readonly leader: LeaderKey | null;
  readonly value: Uint8Array;
}

export const ProclaimRequest: MessageCodec<ProclaimRequest> = messageCodec(
  readProclaimRequest,
  writeProclaimRequest,
  createProclaimRequest,
  () => [
    { name: "leader", key: "leader", type: "message", message: LeaderKey },
    { name: "value", key: "value", type: "bytes" },
  ],
);

function createProclaimRequest(partial: Partial<ProclaimRequest> = {}): ProclaimRequest {
  return { leader: partial.leader ?? null, value: partial.value ?? EMPTY_BYTES };
}

export function readProclaimRequest(r: Reader): ProclaimRequest {
  let leader: ProclaimRequest["leader"] = null;
  let value: ProclaimRequest["value"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10: {
        const outer = r.enter();
        leader = readLeaderKey(r);
        r.leave(outer);
        break;
      }
      case 18:
        value = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { leader, value };
}

export function writeProclaimRequest(w: Writer, m: ProclaimRequest): void {
  if (m.value.length !== 0) {
    w.bytes(18, m.value);
  }
  if (m.leader !== null) {
    const before = w.length;
    writeLeaderKey(w, m.leader);
    w.prefix(10, before);
  }
}

export interface ProclaimResponse {
  readonly header: ResponseHeader | null;
}

export const ProclaimResponse: MessageCodec<ProclaimResponse> = messageCodec(
  readProclaimResponse,
  writeProclaimResponse,
  createProclaimResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createProclaimResponse(partial: Partial<ProclaimResponse> = {}): ProclaimResponse {
  return { header: partial.header ?? null };
}

export function readProclaimResponse(r: Reader): ProclaimResponse {
  let header: ProclaimResponse["header"] = null;
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

export function writeProclaimResponse(w: Writer, m: ProclaimResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}
