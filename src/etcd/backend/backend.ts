/**
 * What the store is kept in: buckets of ordered keys, and commits that are whole or not there. lmdb.ts is the real one, memory.ts
 * the simulator's; write-buffer.ts stands above either.
 *
 * A commit carries the state of the log it stands for (D5): index, term and configuration are never of another moment than the
 * data. What was committed is visible at once when `visible` resolves, and survives a power cut when `durable` does; a crash before
 * that leaves the state of some commit, never a part of one.
 */
import type { LogBase } from "../model.ts";

export const BUCKETS = ["key", "lease", "auth", "members", "meta", "alarm"] as const;
export type Bucket = (typeof BUCKETS)[number];

/** LMDB takes no longer ones. */
export const KEY_MAX_BYTES = 1024;

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A put, or with `value` null a deletion. The bytes are handed over: nobody changes them afterwards. */
export interface Change {
  readonly bucket: Bucket;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

export interface Range {
  /** Inclusive; absent: from the first. */
  readonly from?: Uint8Array;
  /** Exclusive; absent: to the last. */
  readonly to?: Uint8Array;
  readonly limit?: number;
  /** Ends with the entry whose key and value reach it, together with those before. */
  readonly maxBytes?: number;
}

export interface BucketReader {
  /** Null when it is not there. The bytes stay as they are, and are not to be changed. */
  get(bucket: Bucket, key: Uint8Array): Uint8Array | null;
  /** The same, but the bytes are there only until the next call: they were not copied. */
  peek(bucket: Bucket, key: Uint8Array): Uint8Array | null;
  /** In ascending order of bytes. The bytes stay as they are, and are not to be changed. */
  range(bucket: Bucket, range: Range): readonly KeyValue[];
  /**
   * Visits what a range begins with: as many entries as it allows or fewer, but one if there is any. The name of the last, null when
   * there is none. A value's bytes are there only until `visit` returns, which must not read: they were not copied.
   */
  scan(bucket: Bucket, range: Range, visit: (key: Uint8Array, value: Uint8Array) => void): Uint8Array | null;
}

export interface Committed {
  readonly visible: Promise<void>;
  /** After `visible`, and after every earlier commit's. Both reject when the disk fails: then no later commit may be made. */
  readonly durable: Promise<void>;
}

export interface Backend extends BucketReader {
  /** Of the last commit that is visible; null before the first. */
  readonly base: LogBase | null;
  /** Taken from the disk, or what it would be. */
  readonly sizeBytes: number;
  /** Of that, what is not free to be written again. */
  readonly sizeInUseBytes: number;
  /** Later changes of one key win. The next one only after `visible`. */
  commit(changes: readonly Change[], base: LogBase): Committed;
  /** Writes one commit's state into a file beside its own that does not exist yet, not synced: which commit's. Commits may go on. */
  copyTo(name: string): Promise<LogBase>;
  /**
   * Gives back to the disk what is free. Reads go on; no commit is under way or begins until it has resolved. Rejects with
   * `BackendError` when from then on nothing may be relied on, with the system's error when nothing has happened. A crash meanwhile
   * loses nothing.
   */
  defragment(): Promise<void>;
  /** After what was committed is durable. */
  close(): Promise<void>;
}

/** The files cannot be used. */
export class BackendError extends Error {
  override readonly name = "BackendError";
}
