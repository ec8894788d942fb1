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
import type { Backend } from "./backend/backend.ts";
import { WriteBuffer } from "./backend/write-buffer.ts";
import type { Entry, HardState, Identity, LogBase } from "./model.ts";
import type { SnapshotRecord } from "./wal/record.ts";
import { WalError } from "./wal/segment.ts";
import {
  openSnapshotFiles,
  type ReceivedSnapshot,
  type SnapshotFile,
  type SnapshotFiles,
} from "./wal/snapshot-files.ts";
import { type OpenedWal, openWal, type Wal } from "./wal/wal.ts";

export interface StorageOptions {
  readonly disk: Disk;
  readonly identity: Identity;
  readonly clock: Clock;
  /** Opens the store in this file of the disk's. */
  readonly openBackend: (name: string) => Promise<Backend>;
  /** The store failed: no promise can be kept any more. */
  readonly failed: (error: Error) => void;
  readonly segmentMaxBytes?: number;
  readonly preallocateBytes?: number;
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
  return new Storage(options, opened, files, backend);
}

export class Storage {
  /** As found at the start. */
  readonly existed: boolean;
  readonly repaired: OpenedWal["repaired"];
  readonly hardState: HardState;
  /** Behind which the log begins; null: from index 1 on. */
  readonly base: LogBase | null;
  readonly entries: readonly Entry[];
  readonly wal: Wal;
  readonly #options: StorageOptions;
  readonly #files: SnapshotFiles;
  #buffer: WriteBuffer;

  constructor(options: StorageOptions, opened: OpenedWal, files: SnapshotFiles, backend: Backend) {
    this.#options = options;
    this.existed = opened.existed;
    this.repaired = opened.repaired;
    this.hardState = opened.hardState;
    this.base = opened.snapshot?.base ?? null;
    this.entries = opened.entries;
    this.wal = opened.wal;
    this.#files = files;
    this.#buffer = this.#bufferAbove(backend);
  }

  /** The store; another one after `install`. */
  get buffer(): WriteBuffer {
    return this.#buffer;
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
    const { clock, failed } = this.#options;
    return new WriteBuffer({ backend, clock, failed });
  }
}
