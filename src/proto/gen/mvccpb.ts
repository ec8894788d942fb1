// Generated from src/proto/mvccpb.proto by `npm run generate`: change that, not this.
import { EMPTY_BYTES, type Reader } from "../reader.ts";
import { type MessageCodec, messageCodec } from "../wire.ts";
import type { Writer } from "../writer.ts";
export const EventType: { readonly PUT: 0; readonly DELETE: 1 } = { PUT: 0, DELETE: 1 };
export type EventType = (typeof EventType)[keyof typeof EventType];

export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  readonly lease: bigint;
}

export const KeyValue: MessageCodec<KeyValue> = messageCodec(readKeyValue, writeKeyValue, createKeyValue, () => [
  { name: "key", key: "key", type: "bytes" },
  { name: "create_revision", key: "createRevision", type: "int64" },
  { name: "mod_revision", key: "modRevision", type: "int64" },
  { name: "version", key: "version", type: "int64" },
  { name: "value", key: "value", type: "bytes" },
  { name: "lease", key: "lease", type: "int64" },
]);

function createKeyValue(partial: Partial<KeyValue> = {}): KeyValue {
  return {
    key: partial.key ?? EMPTY_BYTES,
    createRevision: partial.createRevision ?? 0,
    modRevision: partial.modRevision ?? 0,
    version: partial.version ?? 0,
    value: partial.value ?? EMPTY_BYTES,
    lease: partial.lease ?? 0n,
  };
}

export function readKeyValue(r: Reader): KeyValue {
  let key: KeyValue["key"] = EMPTY_BYTES;
  let createRevision: KeyValue["createRevision"] = 0;
  let modRevision: KeyValue["modRevision"] = 0;
  let version: KeyValue["version"] = 0;
  let value: KeyValue["value"] = EMPTY_BYTES;
  let lease: KeyValue["lease"] = 0n;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 10:
        key = r.bytes();
        break;
      case 16:
        createRevision = r.int64();
        break;
      case 24:
        modRevision = r.int64();
        break;
      case 32:
        version = r.int64();
        break;
      case 42:
        value = r.bytes();
        break;
      case 48:
        lease = r.int64Name();
        break;
      default:
        r.skip(tag);
    }
  }
  return { key, createRevision, modRevision, version, value, lease };
}

export function writeKeyValue(w: Writer, m: KeyValue): void {
  if (m.lease !== 0n) {
    w.name(48, m.lease);
  }
  if (m.value.length !== 0) {
    w.bytes(42, m.value);
  }
  if (m.version !== 0) {
    w.int64(32, m.version);
  }
  if (m.modRevision !== 0) {
    w.int64(24, m.modRevision);
  }
  if (m.createRevision !== 0) {
    w.int64(16, m.createRevision);
  }
  if (m.key.length !== 0) {
    w.bytes(10, m.key);
  }
}

export interface Event {
  readonly type: EventType;
  readonly kv: KeyValue | null;
  readonly prevKv: KeyValue | null;
}

export const Event: MessageCodec<Event> = messageCodec(readEvent, writeEvent, createEvent, () => [
  { name: "type", key: "type", type: "enum", values: EventType },
  { name: "kv", key: "kv", type: "message", message: KeyValue },
  { name: "prev_kv", key: "prevKv", type: "message", message: KeyValue },
]);

function createEvent(partial: Partial<Event> = {}): Event {
  return { type: partial.type ?? 0, kv: partial.kv ?? null, prevKv: partial.prevKv ?? null };
}

export function readEvent(r: Reader): Event {
  let type: Event["type"] = 0;
  let kv: Event["kv"] = null;
  let prevKv: Event["prevKv"] = null;
  while (r.more()) {
    const tag = r.tag();
    switch (tag) {
      case 8:
        type = r.enumeration();
        break;
      case 18: {
        const outer = r.enter();
        kv = readKeyValue(r);
        r.leave(outer);
        break;
      }
      case 26: {
        const outer = r.enter();
        prevKv = readKeyValue(r);
        r.leave(outer);
        break;
      }
      default:
        r.skip(tag);
    }
  }
  return { type, kv, prevKv };
}

export function writeEvent(w: Writer, m: Event): void {
  if (m.prevKv !== null) {
    const before = w.length;
    writeKeyValue(w, m.prevKv);
    w.prefix(26, before);
  }
  if (m.kv !== null) {
    const before = w.length;
    writeKeyValue(w, m.kv);
    w.prefix(18, before);
  }
  if (m.type !== 0) {
    w.enumeration(8, m.type);
  }
}
