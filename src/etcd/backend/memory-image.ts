/**
 * The memory backend's file: commits one behind the other, each a checksum, a length, the state of the log it stands for and its
 * changes. The first holds everything there was when the file was made. A commit that a crash has torn is the last one, since the
 * next is written only after it was synced.
 */
import { assert } from "../../base/assert.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { LogBase } from "../model.ts";
import { BackendError, BUCKETS, type Change } from "./backend.ts";
import { decodeBase, encodeBase } from "./base-codec.ts";
import { ENTRY_BYTES, MemoryBuckets } from "./buckets.ts";

/** What a backend holds. */
export interface State {
  base: LogBase | null;
  readonly buckets: MemoryBuckets;
}

export interface Image {
  readonly state: State;
  /** It ends with a part of a commit, which counts for nothing. */
  readonly isTorn: boolean;
}

const LENGTH_BYTES = 4;
/** Checksum of all that follows, and how many bytes do. */
const HEAD_BYTES = 8;
const CHANGE_BYTES: number = 1 + 2 * LENGTH_BYTES;

assert(CHANGE_BYTES <= ENTRY_BYTES, "what an entry is counted as has room for its lengths");

export function emptyState(): State {
  return { base: null, buckets: new MemoryBuckets() };
}

/** One commit. */
export function encodeCommit(changes: readonly Change[], base: LogBase): Uint8Array {
  let room = 0;
  for (const { key, value } of changes) room += CHANGE_BYTES + key.length + (value?.length ?? 0);
  const writer = new CommitWriter(room, base);
  for (const { bucket, key, value } of changes) writer.add(bucket, key, value);
  return writer.finish();
}

/** All that there is, as one commit. */
export function encodeState({ base, buckets }: State): Uint8Array {
  assert(base !== null, "an image is of something committed");
  const writer = new CommitWriter(buckets.sizeBytes, base);
  for (const bucket of BUCKETS) buckets.each(bucket, (key, value) => writer.add(bucket, key, value));
  return writer.finish();
}

class CommitWriter {
  readonly #bytes: Buffer;
  #at: number;

  constructor(room: number, base: LogBase) {
    const encodedBase = encodeBase(base);
    this.#bytes = Buffer.allocUnsafe(HEAD_BYTES + LENGTH_BYTES + encodedBase.length + room);
    this.#at = this.#bytes.writeUInt32BE(encodedBase.length, HEAD_BYTES);
    this.#put(encodedBase);
  }

  /** A key as bytes, or with one character a byte; the value null: it is deleted. */
  add(bucket: (typeof BUCKETS)[number], key: Uint8Array | string, value: Uint8Array | null): void {
    this.#at = this.#bytes.writeUInt8(BUCKETS.indexOf(bucket), this.#at);
    this.#at = this.#bytes.writeUInt32BE(key.length, this.#at);
    if (typeof key === "string") this.#at += this.#bytes.write(key, this.#at, "latin1");
    else this.#put(key);
    this.#at = this.#bytes.writeUInt32BE(value === null ? 0 : value.length + 1, this.#at);
    if (value !== null) this.#put(value);
  }

  finish(): Uint8Array {
    this.#bytes.writeUInt32BE(this.#at - HEAD_BYTES, LENGTH_BYTES);
    this.#bytes.writeUInt32BE(crc32c(this.#bytes, 0, LENGTH_BYTES, this.#at));
    return this.#bytes.subarray(0, this.#at);
  }

  #put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}

/** Throws `BackendError` when not even the first commit is whole. */
export function decodeImage(image: Uint8Array, name: string): Image {
  const bytes = Buffer.from(image.buffer, image.byteOffset, image.byteLength);
  const state = emptyState();
  let at = 0;
  while (at < bytes.length) {
    const end = endOfCommit(bytes, at);
    if (end === null) break;
    readCommit(bytes, at + HEAD_BYTES, end, state);
    at = end;
  }
  if (state.base === null) throw new BackendError(`${name}: damaged: its checksum does not hold`);
  return { state, isTorn: at < bytes.length };
}

/** Null: it is not whole. */
function endOfCommit(bytes: Buffer, at: number): number | null {
  if (at + HEAD_BYTES > bytes.length) return null;
  const end = at + HEAD_BYTES + bytes.readUInt32BE(at + LENGTH_BYTES);
  if (end > bytes.length) return null;
  return bytes.readUInt32BE(at) === crc32c(bytes, 0, at + LENGTH_BYTES, end) ? end : null;
}

function readCommit(bytes: Buffer, from: number, end: number, state: State): void {
  let at = from;
  const number = (): number => {
    at += LENGTH_BYTES;
    return bytes.readUInt32BE(at - LENGTH_BYTES);
  };
  const part = (length: number): Uint8Array => {
    at += length;
    return Uint8Array.prototype.slice.call(bytes, at - length, at);
  };
  state.base = decodeBase(part(number()));
  while (at < end) {
    const bucket = BUCKETS[bytes.readUInt8(at++)];
    assert(bucket !== undefined, "a commit is of known buckets");
    const key = part(number());
    const length = number();
    if (length === 0) state.buckets.delete(bucket, key);
    else state.buckets.put(bucket, key, part(length - 1));
  }
}
