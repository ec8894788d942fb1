/** Where the store keeps its changes, and how one is written and read: key = revision, value = mvccpb.KeyValue, as in etcd. */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import { copyOf } from "../../base/shared-bytes.ts";
import { KeyValue } from "../../proto/gen/mvccpb.ts";
import { EMPTY_BYTES, Reader } from "../../proto/reader.ts";
import type { Bucket, BucketReader } from "../backend/backend.ts";
import type { StoredKeyValue } from "../model.ts";
import { isTombstoneKey, mainOf, putKeyForLookup, revisionKey } from "./revision-key.ts";

/** `WriteBuffer` is one; what is written is read at once. */
export interface StoreStorage extends BucketReader {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: Bucket, key: Uint8Array): void;
  /** What was put and deleted since the last entry belongs to none: it may become durable with the state after that entry. */
  unlogged(): void;
  /** Taken from the disk; for the quota. */
  readonly sizeBytes: number;
  /** Of that, what is not free to be written again. */
  readonly sizeInUseBytes: number;
}

export const KEY_BUCKET = "key";
/** Of mvccpb.KeyValue, as they stand on the wire. */
const TAGS = { key: 10, createRevision: 16, modRevision: 24, version: 32, lease: 48 } as const;

/** Where a put lies. */
interface Version {
  readonly main: number;
  readonly sub: number;
}

/** An entry of the `key` bucket. */
interface StoredBytes {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function writeChange(storage: StoreStorage, main: Revision, sub: number, change: KeyValue): StoredKeyValue {
  // A copy: what is encoded shares its memory with messages that nobody needs any more.
  const message = KeyValue.encode(change);
  const encoded = copyOf(message, 0, message.length);
  storage.put(KEY_BUCKET, revisionKey(main, sub, change.version === 0), encoded);
  // Decoded again: no request's buffer is kept alive by it.
  return decodeChange(main, encoded);
}

/** As it is stored, and only there until the next call. */
export function peekVersion(storage: BucketReader, { main, sub }: Version): Uint8Array {
  const bytes = storage.peek(KEY_BUCKET, putKeyForLookup(main, sub));
  assert(bytes !== null, "the index and the values agree", { main, sub });
  assert(modRevisionIn(bytes) === main, "a value is of its revision", { main, sub });
  return bytes;
}

/** Of an encoded key-value, without a look at the rest; 0 for a tombstone. */
function modRevisionIn(bytes: Uint8Array): number {
  const reader = new Reader(bytes);
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === TAGS.modRevision) return reader.int64();
    reader.skip(tag);
  }
  return 0;
}

export function readVersion(storage: BucketReader, { main, sub }: Version): StoredKeyValue {
  const bytes = storage.get(KEY_BUCKET, putKeyForLookup(main, sub));
  assert(bytes !== null, "the index and the values agree", { main, sub });
  return decodeVersion(bytes, main);
}

/** Of the bytes of a put; its fields are views of them. */
export function decodeVersion(bytes: Uint8Array, main: number): StoredKeyValue {
  const kv = KeyValue.decode(bytes) as StoredKeyValue;
  assert(kv.modRevision === main && kv.version > 0, "a value is of its revision", { main });
  return kv;
}

export function readChange({ key, value }: StoredBytes): StoredKeyValue {
  const kv = decodeChange(mainOf(key) as Revision, value);
  assert((kv.version === 0) === isTombstoneKey(key), "a tombstone is marked in its key");
  return kv;
}

/** Whoever needs no value saves a view of it. */
export function readWithoutValue({ key, value }: StoredBytes): StoredKeyValue {
  const reader = new Reader(value);
  let [name, createRevision, version, lease] = [EMPTY_BYTES, 0, 0, 0n];
  while (reader.more()) {
    const tag = reader.tag();
    if (tag === TAGS.key) name = reader.bytes();
    else if (tag === TAGS.createRevision) createRevision = reader.int64();
    else if (tag === TAGS.version) version = reader.int64();
    else if (tag === TAGS.lease) lease = reader.int64Name();
    else reader.skip(tag);
  }
  assert((version === 0) === isTombstoneKey(key), "a tombstone is marked in its key");
  const modRevision = mainOf(key) as Revision;
  return { key: name, createRevision: createRevision as Revision, modRevision, version, value: EMPTY_BYTES, lease };
}

/** A tombstone's value is its key alone; its revision stands in front of it. */
function decodeChange(main: Revision, bytes: Uint8Array): StoredKeyValue {
  const kv = KeyValue.decode(bytes) as StoredKeyValue;
  return kv.version === 0 ? { ...kv, modRevision: main } : kv;
}
