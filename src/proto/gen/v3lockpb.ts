// Generated from src/proto/v3lockpb.proto by `npm run generate`: change that, not this.
import { EMPTY_BYTES, type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
import { ResponseHeader, readResponseHeader, writeResponseHeader } from "./etcdserverpb.ts";
export interface LockRequest {
  readonly name: Uint8Array;
  readonly lease: bigint;
}

export const LockRequest: MessageCodec<LockRequest> = messageCodec(
  readLockRequest,
  writeLockRequest,
  createLockRequest,
  () => [
    { name: "name", key: "name", type: "bytes" },
    { name: "lease", key: "lease", type: "int64" },
  ],
);

function createLockRequest(partial: Partial<LockRequest> = {}): LockRequest {
  return { name: partial.name ?? EMPTY_BYTES, lease: partial.lease ?? 0n };
}

export function readLockRequest(r: Reader): LockRequest {
  let name: LockRequest["name"] = EMPTY_BYTES;
  let lease: LockRequest["lease"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        name = r.bytes();
        break;
      case 16:
        lease = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { name, lease };
}

export function writeLockRequest(w: Writer, m: LockRequest): void {
  if (m.lease !== 0n) {
    w.name(16, m.lease);
  }
  if (m.name.length !== 0) {
    w.bytes(10, m.name);
  }
}

export interface LockResponse {
  readonly header: ResponseHeader | null;
  readonly key: Uint8Array;
}

export const LockResponse: MessageCodec<LockResponse> = messageCodec(
  readLockResponse,
  writeLockResponse,
  createLockResponse,
  () => [
    { name: "header", key: "header", type: "message", message: ResponseHeader },
    { name: "key", key: "key", type: "bytes" },
  ],
);

function createLockResponse(partial: Partial<LockResponse> = {}): LockResponse {
  return { header: partial.header ?? null, key: partial.key ?? EMPTY_BYTES };
}

export function readLockResponse(r: Reader): LockResponse {
  let header: LockResponse["header"] = null;
  let key: LockResponse["key"] = EMPTY_BYTES;
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
        key = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { header, key };
}

export function writeLockResponse(w: Writer, m: LockResponse): void {
  if (m.key.length !== 0) {
    w.bytes(18, m.key);
  }
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}

export interface UnlockRequest {
  readonly key: Uint8Array;
}

export const UnlockRequest: MessageCodec<UnlockRequest> = messageCodec(
  readUnlockRequest,
  writeUnlockRequest,
  createUnlockRequest,
  () => [{ name: "key", key: "key", type: "bytes" }],
);

function createUnlockRequest(partial: Partial<UnlockRequest> = {}): UnlockRequest {
  return { key: partial.key ?? EMPTY_BYTES };
}

export function readUnlockRequest(r: Reader): UnlockRequest {
  let key: UnlockRequest["key"] = EMPTY_BYTES;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        key = r.bytes();
        break;
      default:
        r.skip(tag);
    }
  }
  return { key };
}

export function writeUnlockRequest(w: Writer, m: UnlockRequest): void {
  if (m.key.length !== 0) {
    w.bytes(10, m.key);
  }
}

export interface UnlockResponse {
  readonly header: ResponseHeader | null;
}

export const UnlockResponse: MessageCodec<UnlockResponse> = messageCodec(
  readUnlockResponse,
  writeUnlockResponse,
  createUnlockResponse,
  () => [{ name: "header", key: "header", type: "message", message: ResponseHeader }],
);

function createUnlockResponse(partial: Partial<UnlockResponse> = {}): UnlockResponse {
  return { header: partial.header ?? null };
}

export function readUnlockResponse(r: Reader): UnlockResponse {
  let header: UnlockResponse["header"] = null;
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

export function writeUnlockResponse(w: Writer, m: UnlockResponse): void {
  if (m.header !== null) {
    const before = w.length;
    writeResponseHeader(w, m.header);
    w.prefix(10, before);
  }
}
