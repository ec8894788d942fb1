/**
 * The files of one data directory; names are relative to it, with "/" between parts. Every promise rejects with the system's
 * error. Nothing is durable before `sync`: a crash keeps any subset of the unsynced writes, and a created, renamed or removed
 * name is durable only after `syncDirectory`.
 */
export interface Disk {
  /** Creates missing parents. */
  makeDirectory(name: string): Promise<void>;
  /** Names in a directory, sorted; empty when it does not exist. */
  list(directory: string): Promise<readonly string[]>;
  /** Opens for reading and writing; `create` makes the file when it is not there, otherwise ENOENT. */
  open(name: string, options: OpenOptions): Promise<DiskFile>;
  read(name: string): Promise<Uint8Array>;
  rename(from: string, to: string): Promise<void>;
  remove(name: string): Promise<void>;
  syncDirectory(directory: string): Promise<void>;
}

export interface OpenOptions {
  readonly create: boolean;
  /** A write is durable when it resolves: one call, and one wait, where a write and a sync are two. Other changes need `sync`. */
  readonly synced?: boolean;
}

export interface DiskFile {
  size(): Promise<number>;
  /** The bytes from `offset` on; fewer than `length` only where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /** Writes all of `bytes` at `offset`, or rejects: a short write is an error. */
  write(bytes: Uint8Array, offset: number): Promise<void>;
  /** Durable afterwards: every write that had resolved before the call (fdatasync). */
  sync(): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}
