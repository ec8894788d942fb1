/**
 * What a member keeps on its disk, together: the log (wal/), the store behind its write buffer (backend/) and snapshot files,
 * opened in the order in which what a crash left in between is finished or discarded.
 *
 *   start     log -> a received snapshot that the log records becomes the store -> store; entries behind its base are applied again
 *   compact   the log is told to begin behind what the store holds durably (D5), and drops what lies before
 *   install   record of a received snapshot in the log, synced -> it becomes the store
 */
import type { Clock } from "../env/clock.ts";
import type { Disk } from "../env/disk.ts";
import type { SnapshotSource } from "../env/transport.ts";
import type { Backend, KeyValue } from "./backend/backend.ts";
import { encodeBase } from "./backend/base-codec.ts";
import { WriteBuffer } from "./backend/write-buffer.ts";
import type { Entry, HardState, Identity, LogBase } from "./model.ts";
import type { SnapshotRecord, WalBatch } from "./wal/record.ts";
import { WalError } from "./wal/segment.ts";
import {
  openSnapshotFiles,
  type ReceivedSnapshot,
  type SnapshotFile,
  type SnapshotFiles,
} from "./wal/snapshot-files.ts";
import { type AppendDone, type OpenedWal, openWal, type Wal } from "./wal/wal.ts";

/** What the member needs of its storage; `Storage` is the real one. */
export interface MemberStorage {
  /** As found at the start, with what it was founded with. */
  readonly hardState: HardState;
  /** Behind which the log begins; null: this member knows nothing yet, and is to join. */
  readonly base: LogBase | null;
  readonly entries: readonly Entry[];
  /** The store; another one after `install`. */
  readonly buffer: WriteBuffer;
  /** `done` comes after this has returned, in order; an error ends the log. */
  append(batch: WalBatch, done: AppendDone): void;
  compact(before: LogBase | null, done: AppendDone): LogBase | null;
  makeSnapshot(): Promise<SnapshotFile>;
  openSnapshot(file: SnapshotFile): Promise<SnapshotSource>;
  receiveSnapshot(base: LogBase): Promise<SnapshotReceiver>;
  install(record: SnapshotRecord): Promise<void>;
  close(): Promise<void>;
}

/** A snapshot on its way from the leader: written piece by piece, then one of the other two. */
export interface SnapshotReceiver {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<SnapshotRecord>;
  discard(): Promise<void>;
}

/**
 * The state that a cluster begins with on each founder: its members. The log begins behind it, so that whoever joins later gets a
 * snapshot first, with everybody in it.
 */
export interface Founding {
  readonly base: LogBase;
  readonly members: readonly KeyValue[];
}

export interface StorageOptions {
  readonly disk: Disk;
  readonly identity: Identity;
  /** Null: this member joins a cluster that is there already, or has a log. */
  readonly founding: Founding | null;
  readonly clock: Clock;
  /** Opens the store in this file of the disk's. */
  readonly openBackend: (name: string) => Promise<Backend>;
  /** The store failed: no promise can be kept any more. */
  readonly failed: (error: Error) => void;
  readonly segmentMaxBytes?: number;
  readonly preallocateBytes?: number;
  /** How often what was applied goes into the store: the write buffer's, D5. */
  readonly commitMs?: number;
  readonly maxOperations?: number;
}

const SNAPSHOT_DIRECTORY = "snap";

/** Rejects with `WalError` or `BackendError` when what is there cannot be used, with the system's error when the disk fails. */
export async function openStorage(options: StorageOptions): Promise<Storage> {
  const { disk, openBackend } = options;
  const opened = await openWal(options);
  const files = await openSnapshotFiles(disk, SNAPSHOT_DIRECTORY, opened.snapshot);
  const backend = await openBackend(files.storeName);
  const begins = opened.snapshot?.base.index ?? 0;
  if ((backend.base?.index ?? 0) < begins)
    throw new WalError(
      `${files.storeName}: the store has entries up to ${backend.base?.index ?? 0} only, and the log begins behind ${begins}`,
    );
  // A founder's store is written before its log. Otherwise only synced entries are applied; that their records seem torn is damage.
  const founded = opened.snapshot === null ? (options.founding?.base.index ?? 0) : 0;
  const ends = Math.max(founded, begins + opened.entries.length);
  if ((backend.base?.index ?? 0) > ends)
    throw new WalError(
      `wal: the end of the log is lost: its last entry is ${ends}, and ${files.storeName} has entries up to ${backend.base?.index}`,
    );
  const storage = new Storage(options, opened, files, backend);
  if (storage.base === null && options.founding !== null) {
    if (opened.entries.length > 0)
      throw new WalError("the log begins at index 1: a version of this server wrote it whose logs had no founding");
    await storage.found(options.founding);
  }
  return storage;
}

export class Storage implements MemberStorage {
  /** As found at the start. */
  readonly existed: boolean;
  readonly repaired: OpenedWal["repaired"];
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  readonly wal: Wal;
  #base: LogBase | null;
  readonly #options: StorageOptions;
  readonly #files: SnapshotFiles;
  #buffer: WriteBuffer;
  #failure: Error | null = null;

  constructor(options: StorageOptions, opened: OpenedWal, files: SnapshotFiles, backend: Backend) {
    this.#options = options;
    this.existed = opened.existed;
    this.repaired = opened.repaired;
    this.hardState = opened.hardState;
    this.#base = opened.snapshot?.base ?? null;
    this.entries = opened.entries;
    this.wal = opened.wal;
    this.#files = files;
    this.#buffer = this.#bufferAbove(backend);
  }

  get base(): LogBase | null {
    return this.#base;
  }

  get buffer(): WriteBuffer {
    return this.#buffer;
  }

  /** Once, before a member runs on it: first the store, then the log that begins behind it. A crash in between does it again. */
  async found({ base, members }: Founding): Promise<void> {
    for (const { key, value } of members) this.#buffer.put("members", key, value);
    if (this.#buffer.appliedIndex < base.index) this.#buffer.applied(base);
    await this.#buffer.flush();
    if (this.#failure !== null) throw this.#failure;
    const snapshot: SnapshotRecord = { kind: "made", base, file: null };
    await new Promise<void>((resolve, reject) => {
      this.append({ snapshot, hardState: null, entries: [] }, (error) => (error === null ? resolve() : reject(error)));
    });
    this.#base = base;
  }

  append(batch: WalBatch, done: AppendDone): void {
    this.wal.append(batch, done);
  }

  /** Lets the log begin behind what the store holds durably: behind which entry, or null when there is nothing new. */
  compact(before: LogBase | null, done: (error: Error | null) => void): LogBase | null {
    const base = this.#buffer.durableBase;
    if (base === null || base.index <= (before?.index ?? 0)) return null;
    this.wal.append({ snapshot: { kind: "made", base, file: null }, hardState: null, entries: [] }, done);
    return base;
  }

  /** A file of everything applied so far, for a follower that lacks entries the log no longer has. */
  makeSnapshot(): Promise<SnapshotFile> {
    return this.#files.make((name) => this.#buffer.copyTo(name));
  }

  /** To be sent to one follower; a newer one may take its place meanwhile. */
  async openSnapshot({ name, base }: SnapshotFile): Promise<SnapshotSource> {
    const file = await this.#options.disk.open(name, { create: false });
    return {
      header: encodeBase(base),
      bytes: await file.size(),
      read: (offset, length) => file.read(offset, length),
      close: () => file.close(),
    };
  }

  receiveSnapshot(base: LogBase): Promise<ReceivedSnapshot> {
    return this.#files.receive(base);
  }

  /** Makes what was received the store, once the log's record of it is synced. What was applied and not durable is gone. */
  async install({ base }: SnapshotRecord): Promise<void> {
    await this.#buffer.close();
    await this.#files.install(base);
    this.#buffer = this.#bufferAbove(await this.#options.openBackend(this.#files.storeName));
  }

  async close(): Promise<void> {
    await this.#buffer.close();
    await this.wal.close();
  }

  #bufferAbove(backend: Backend): WriteBuffer {
    const { clock, commitMs, maxOperations } = this.#options;
    const failed = (error: Error): void => {
      this.#failure = error;
      this.#options.failed(error);
    };
    const limits = {
      ...(commitMs !== undefined && { commitMs }),
      ...(maxOperations !== undefined && { maxOperations }),
    };
    return new WriteBuffer({ backend, clock, failed, ...limits });
  }
}

/** The same storage but for some of its parts: for those who watch what a member does with it, or break it on purpose. */
export function storageWith(storage: MemberStorage, changes: Partial<Omit<MemberStorage, "buffer">>): MemberStorage {
  return {
    hardState: storage.hardState,
    base: storage.base,
    entries: storage.entries,
    get buffer() {
      return storage.buffer;
    },
    append: (batch, done) => storage.append(batch, done),
    compact: (before, done) => storage.compact(before, done),
    makeSnapshot: () => storage.makeSnapshot(),
    openSnapshot: (file) => storage.openSnapshot(file),
    receiveSnapshot: (base) => storage.receiveSnapshot(base),
    install: (record) => storage.install(record),
    close: () => storage.close(),
    ...changes,
  };
}
