/**
 * The snapshot files beside the store's own, and the steps by which one that was received becomes the store:
 *
 *   db                        the store (its backend's file)
 *   <index>-<term>.snap       a copy of the store at that entry, made here, to be sent; only the newest is kept
 *   <index>-<term>.received   of the leader; not the store yet
 *   making.tmp                a copy that is not whole yet
 *
 *   make      copy into making.tmp -> sync -> rename -> sync of the directory
 *   receive   write -> sync of file and directory -> record in the log, synced -> rename to db -> sync of the directory
 *
 * Whoever starts again finishes the last steps when the log has the record, and discards the file when it has not.
 */
import { assert } from "../../base/assert.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { Disk, DiskFile } from "../../env/disk.ts";
import type { LogBase } from "../model.ts";
import type { SnapshotRecord } from "./record.ts";
import { WalError } from "./segment.ts";

export interface SnapshotFile {
  readonly name: string;
  readonly base: LogBase;
}

const STORE = "db";
const MAKING = "making.tmp";
const OURS = /\.(snap|received|tmp)$/;
const SNAPSHOT_NAME = /^([0-9a-f]{16})-([0-9a-f]{16})\.(snap|received)$/;
const CHUNK_BYTES = 1024 * 1024;

/** Index and term in a snapshot file's name; null when it is no such file. */
export function parseSnapshotName(name: string): { index: number; term: number; kind: "snap" | "received" } | null {
  const [, index = "", term = "", kind] = SNAPSHOT_NAME.exec(name) ?? [];
  if (kind !== "snap" && kind !== "received") return null;
  return { index: Number.parseInt(index, 16), term: Number.parseInt(term, 16), kind };
}

/** `recorded`: what the log says. Rejects with `WalError` when a file that the log vouches for is damaged. */
export async function openSnapshotFiles(
  disk: Disk,
  directory: string,
  recorded: SnapshotRecord | null,
): Promise<SnapshotFiles> {
  await disk.makeDirectory(directory);
  await disk.syncDirectory(".");
  const files = new SnapshotFiles(disk, directory);
  const wanted = recorded?.file == null ? null : files.receivedName(recorded.base);
  for (const name of await disk.list(directory)) {
    const path = `${directory}/${name}`;
    if (path === wanted && recorded?.file != null) {
      await checkFile(disk, path, recorded.file);
      await files.install(recorded.base);
    } else if (OURS.test(name)) await disk.remove(path);
  }
  // A killed process may leave a rename that was never synced: before the store is opened, it must be the store for good.
  await disk.syncDirectory(directory);
  return files;
}

export class SnapshotFiles {
  /** What the store's backend opens. */
  readonly storeName: string;
  readonly #disk: Disk;
  readonly #directory: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.storeName = `${directory}/${STORE}`;
  }

  receivedName({ index, term }: LogBase): string {
    return `${this.#directory}/${hex16(index)}-${hex16(term)}.received`;
  }

  /** A whole file of the state that `copy` writes, in place of older ones; who has one of those open reads on. */
  async make(copy: (name: string) => Promise<LogBase>): Promise<SnapshotFile> {
    const disk = this.#disk;
    const making = `${this.#directory}/${MAKING}`;
    if ((await disk.list(this.#directory)).includes(MAKING)) await disk.remove(making);
    const base = await copy(making);
    const file = await disk.open(making, { create: false });
    await file.sync();
    await file.close();
    const name = `${this.#directory}/${hex16(base.index)}-${hex16(base.term)}.snap`;
    await disk.rename(making, name);
    await disk.syncDirectory(this.#directory);
    for (const other of await disk.list(this.#directory)) {
      const path = `${this.#directory}/${other}`;
      if (path !== name && parseSnapshotName(other)?.kind === "snap") await disk.remove(path);
    }
    return { name, base };
  }

  /** Begins to receive the leader's snapshot; what was left of an earlier attempt goes. */
  async receive(base: LogBase): Promise<ReceivedSnapshot> {
    const name = this.receivedName(base);
    if ((await this.#disk.list(this.#directory)).some((other) => `${this.#directory}/${other}` === name))
      await this.#disk.remove(name);
    const file = await this.#disk.open(name, { create: true });
    return new ReceivedSnapshot(base, file, {
      syncName: () => this.#disk.syncDirectory(this.#directory),
      remove: () => this.#disk.remove(name),
    });
  }

  /** Puts what was received in the store's place: after the log's record is synced, and while no backend is open. */
  async install(base: LogBase): Promise<void> {
    await this.#disk.rename(this.receivedName(base), this.storeName);
    await this.#disk.syncDirectory(this.#directory);
  }
}

/** A snapshot on its way from the leader. */
export class ReceivedSnapshot {
  readonly #base: LogBase;
  readonly #file: DiskFile;
  readonly #names: { readonly syncName: () => Promise<void>; readonly remove: () => Promise<void> };
  #bytes = 0;
  #checksum = 0;
  #ended = false;

  constructor(base: LogBase, file: DiskFile, names: { syncName: () => Promise<void>; remove: () => Promise<void> }) {
    this.#base = base;
    this.#file = file;
    this.#names = names;
  }

  /** The next bytes; one at a time. */
  async write(bytes: Uint8Array): Promise<void> {
    assert(!this.#ended, "a snapshot that has ended takes nothing");
    const at = this.#bytes;
    this.#bytes += bytes.length;
    this.#checksum = crc32c(bytes, this.#checksum);
    await this.#file.write(bytes, at);
  }

  /** All is there and durable: what the log is to record. */
  async finish(): Promise<SnapshotRecord> {
    this.#ended = true;
    await this.#file.sync();
    await this.#file.close();
    await this.#names.syncName();
    return { kind: "received", base: this.#base, file: { bytes: this.#bytes, checksum: this.#checksum } };
  }

  /** Nobody wants it: the stream broke, or this member is as far already. */
  async discard(): Promise<void> {
    if (!this.#ended) await this.#file.close();
    this.#ended = true;
    await this.#names.remove();
  }
}

async function checkFile(disk: Disk, name: string, recorded: { bytes: number; checksum: number }): Promise<void> {
  const file = await disk.open(name, { create: false });
  try {
    let checksum = 0;
    let at = 0;
    for (;;) {
      const bytes = await file.read(at, CHUNK_BYTES);
      checksum = crc32c(bytes, checksum);
      at += bytes.length;
      if (bytes.length < CHUNK_BYTES) break;
    }
    if (at !== recorded.bytes) throw new WalError(`${name}: damaged: ${at} bytes of ${recorded.bytes}`);
    if (checksum !== recorded.checksum)
      throw new WalError(`${name}: damaged: its checksum is not what the log records`);
  } finally {
    await file.close();
  }
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}
