/**
 * A Disk in memory that can crash: of each file's writes since its last sync any subset survives, in any pieces of a sector.
 * Names are durable at once (their loss is a later test's matter). Calls can be made to fail.
 */
import type { Disk, DiskFile } from "../../src/env/disk.ts";

const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

interface StoredFile {
  durable: Uint8Array;
  unsynced: Change[];
}

export type DiskCall = "write" | "sync" | "truncate" | "open" | "syncDirectory";

export class MemoryDisk implements Disk {
  readonly #files = new Map<string, StoredFile>();
  /** Called before each call; throws to make it fail. */
  before: (call: DiskCall, name: string) => void | Promise<void> = () => {};
  /** Every call in order: "write wal/1 at 0 (50)". */
  readonly calls: string[] = [];

  async makeDirectory(): Promise<void> {}

  async list(directory: string): Promise<readonly string[]> {
    const names = [...this.#files.keys()].filter((name) => name.startsWith(`${directory}/`));
    return names.map((name) => name.slice(directory.length + 1)).sort();
  }

  async open(name: string, { create }: { create: boolean }): Promise<DiskFile> {
    await this.#call("open", name);
    let file = this.#files.get(name);
    if (file === undefined) {
      if (!create) throw Object.assign(new Error(`ENOENT: ${name}`), { code: "ENOENT" });
      file = { durable: new Uint8Array(0), unsynced: [] };
      this.#files.set(name, file);
    }
    return this.#handle(name, file);
  }

  async read(name: string): Promise<Uint8Array> {
    return this.contents(name);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, this.#file(from));
    this.#files.delete(from);
  }

  async remove(name: string): Promise<void> {
    this.#file(name);
    this.#files.delete(name);
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#call("syncDirectory", directory);
  }

  /** What a reader sees: with everything written, synced or not. */
  contents(name: string): Uint8Array {
    const { durable, unsynced } = this.#file(name);
    return unsynced.reduce(apply, durable);
  }

  /** Puts a file in place, synced. */
  put(name: string, bytes: Uint8Array): void {
    this.#files.set(name, { durable: bytes.slice(), unsynced: [] });
  }

  names(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  /** What a power cut leaves: `keeps` is asked for each sector of each unsynced write, and for each truncation. */
  crash(keeps: () => boolean): MemoryDisk {
    const after = new MemoryDisk();
    for (const [name, { durable, unsynced }] of this.#files) {
      const kept = unsynced.flatMap(sectors).filter(() => keeps());
      after.put(name, kept.reduce(apply, durable));
    }
    return after;
  }

  async #call(call: DiskCall, name: string, detail = ""): Promise<void> {
    this.calls.push(`${call} ${name}${detail}`);
    await this.before(call, name);
  }

  #file(name: string): StoredFile {
    const file = this.#files.get(name);
    if (file === undefined) throw Object.assign(new Error(`ENOENT: ${name}`), { code: "ENOENT" });
    return file;
  }

  #handle(name: string, file: StoredFile): DiskFile {
    return {
      size: async () => this.contents(name).length,
      write: async (bytes, offset) => {
        await this.#call("write", name, ` at ${offset} (${bytes.length})`);
        file.unsynced.push({ kind: "write", offset, bytes: bytes.slice() });
      },
      sync: async () => {
        const count = file.unsynced.length;
        await this.#call("sync", name);
        file.durable = file.unsynced.splice(0, count).reduce(apply, file.durable);
      },
      truncate: async (size) => {
        await this.#call("truncate", name, ` to ${size}`);
        file.unsynced.push({ kind: "truncate", size });
      },
      close: async () => {},
    };
  }
}

function apply(before: Uint8Array, change: Change): Uint8Array {
  if (change.kind === "truncate") {
    const cut = new Uint8Array(change.size);
    cut.set(before.subarray(0, change.size));
    return cut;
  }
  const after = new Uint8Array(Math.max(before.length, change.offset + change.bytes.length));
  after.set(before);
  after.set(change.bytes, change.offset);
  return after;
}

/** A write as the disk may tear it: at sector boundaries. */
function sectors(change: Change): readonly Change[] {
  if (change.kind === "truncate") return [change];
  const pieces: Change[] = [];
  let at = 0;
  while (at < change.bytes.length) {
    const offset = change.offset + at;
    const size = Math.min(SECTOR_BYTES - (offset % SECTOR_BYTES), change.bytes.length - at);
    pieces.push({ kind: "write", offset, bytes: change.bytes.subarray(at, at + size) });
    at += size;
  }
  return pieces;
}
