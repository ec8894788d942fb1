/**
 * Key-values as an answer carries them: the field `kvs` of etcdserverpb.RangeResponse again and again, each as it is stored. Nothing
 * is decoded to be encoded again. They are gathered in one buffer that the process keeps, and copied out once.
 */
import type { BlockMemory } from "../../base/block-memory.ts";
import type { KeyTable, KeyVersion, Slot } from "./key-table.ts";

/** Field 2, a message. */
const KVS_TAG = 0x12;
/** Of mvccpb.KeyValue, as they stand on the wire. */
const TAGS = { key: 0x0a, createRevision: 0x10, modRevision: 0x18, version: 0x20 } as const;
/** A tag and a length, or a tag and a number. */
const FIELD_MAX_BYTES = 11;
/** Room for a thousand small key-values: so much is asked for often. */
const KEPT_BYTES = 512 * 1024;

let buffer = new Uint8Array(KEPT_BYTES);

/** One at a time in the process: what it gathers is taken before another begins. */
export class EncodedKeyValues {
  #end = 0;

  get length(): number {
    return this.#end;
  }

  /** A key-value as it is stored. */
  add(stored: Uint8Array): void {
    this.#reserve(stored.length + FIELD_MAX_BYTES);
    this.#field(KVS_TAG, stored.length);
    buffer.set(stored, this.#end);
    this.#end += stored.length;
  }

  /** A key-value without value and lease. */
  addKey(table: KeyTable, slot: Slot, { created, main, version }: KeyVersion): void {
    const keyBytes = table.keyLength(slot);
    const length =
      4 + varintBytes(keyBytes) + keyBytes + varintBytes(created) + varintBytes(main) + varintBytes(version);
    this.#reserve(length + FIELD_MAX_BYTES);
    this.#field(KVS_TAG, length);
    this.#field(TAGS.key, keyBytes);
    table.copyKey(slot, buffer, this.#end);
    this.#end += keyBytes;
    this.#field(TAGS.createRevision, created);
    this.#field(TAGS.modRevision, main);
    this.#field(TAGS.version, version);
  }

  /** What was gathered, in that memory or else in memory of its own. */
  take(memory?: BlockMemory): Uint8Array {
    const taken = memory === undefined ? Buffer.allocUnsafeSlow(this.#end) : memory.take(this.#end);
    taken.set(buffer.subarray(0, this.#end));
    this.#end = 0;
    if (buffer.length > KEPT_BYTES) buffer = new Uint8Array(KEPT_BYTES);
    return taken;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= buffer.length) return;
    const larger = new Uint8Array(2 * (this.#end + bytes));
    larger.set(buffer.subarray(0, this.#end));
    buffer = larger;
  }

  #field(tag: number, value: number): void {
    buffer[this.#end++] = tag;
    let rest = value;
    while (rest >= 0x80) {
      buffer[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    buffer[this.#end++] = rest;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
