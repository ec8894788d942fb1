/**
 * A Disk in memory that can crash: of each file's writes since its last sync any subset survives, in any pieces of a sector,
 * and of each directory's new, renamed and removed names any subset of those since its last sync. Calls can be made to fail.
 */
import type { Disk, DiskFile, OpenOptions } from "../../src/env/disk.ts";

const SECTOR_BYTES = 512;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

interface StoredFile {
  readonly kind: "file";
  durable: Uint8Array;
  unsynced: Change[];
}

interface Directory {
  readonly kind: "directory";
  durable: Map<string, StoredFile | Directory>;
  /** Each one call; null: the name is gone. */
  unsynced: ReadonlyMap<string, StoredFile | Directory | null>[];
}

export interface PendingWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export type DiskCall = "write" | "sync" | "truncate" | "open" | "syncDirectory" | "makeDirectory" | "rename" | "remove";

export class MemoryDisk implements Disk {
  readonly #root: Directory;
  /** Called before each call; throws to make it fail. `write`: what is about to be written. */
  before: (call: DiskCall, name: string, write: PendingWrite | null) => void | Promise<void> = () => {};
  /** Every call in order: "write wal/1 at 0 (50)". */
  readonly calls: string[] = [];

  constructor(root: Directory = newDirectory()) {
    this.#root = root;
  }

  async makeDirectory(name: string): Promise<void> {
    await this.#call("makeDirectory", name);
    const { parent, base } = this.#place(name);
    if (!namesOf(parent).has(base)) parent.unsynced.push(new Map([[base, newDirectory()]]));
  }

  async list(directory: string): Promise<readonly string[]> {
    const found = this.#find(directory);
    return found?.kind === "directory" ? [...namesOf(found).keys()].sort() : [];
  }

  async open(name: string, { create, synced = false }: OpenOptions): Promise<DiskFile> {
    await this.#call("open", name);
    if (create && this.#find(name) === null) {
      const { parent, base } = this.#place(name);
      parent.unsynced.push(new Map([[base, { kind: "file", durable: new Uint8Array(0), unsynced: [] }]]));
    }
    const file = this.#handle(name, this.#file(name));
    return synced ? { ...file, write: (bytes, offset) => file.write(bytes, offset).then(() => file.sync()) } : file;
  }

  async read(name: string): Promise<Uint8Array> {
    return this.contents(name);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#call("rename", `${from} ${to}`);
    const [source, target] = [this.#place(from), this.#place(to)];
    if (source.parent !== target.parent) throw new Error("a rename stays within one directory here");
    const moved = this.#find(from) ?? missing(from);
    const change: [string, StoredFile | Directory | null][] = [
      [source.base, null],
      [target.base, moved],
    ];
    source.parent.unsynced.push(new Map(change));
  }

  async remove(name: string): Promise<void> {
    await this.#call("remove", name);
    this.#file(name);
    const { parent, base } = this.#place(name);
    parent.unsynced.push(new Map([[base, null]]));
  }

  async syncDirectory(directory: string): Promise<void> {
    await this.#call("syncDirectory", directory);
    const found = this.#find(directory);
    if (found?.kind !== "directory") return missing(directory);
    found.durable = namesOf(found);
    found.unsynced = [];
  }

  /** What a reader sees: with everything written, synced or not. */
  contents(name: string): Uint8Array {
    const { durable, unsynced } = this.#file(name);
    return unsynced.reduce(apply, durable);
  }

  /** Puts a file in place, synced, and makes its directories. */
  put(name: string, bytes: Uint8Array): void {
    const parts = name.split("/");
    const base = parts.pop() as string;
    let directory = this.#root;
    for (const part of parts) {
      const next = namesOf(directory).get(part);
      const child = next?.kind === "directory" ? next : newDirectory();
      setDurably(directory, part, child);
      directory = child;
    }
    setDurably(directory, base, { kind: "file", durable: bytes.slice(), unsynced: [] });
  }

  /** Every file's path, sorted. */
  names(): readonly string[] {
    return pathsIn(this.#root, "").sort();
  }

  /** What a power cut leaves: `keeps` is asked for each unsynced change of names, each truncation and each written sector. */
  crash(keeps: () => boolean): MemoryDisk {
    return new MemoryDisk(crashed(this.#root, keeps));
  }

  async #call(call: DiskCall, name: string, detail = "", write: PendingWrite | null = null): Promise<void> {
    this.calls.push(`${call} ${name}${detail}`);
    await this.before(call, name, write);
  }

  #find(name: string): StoredFile | Directory | null {
    let found: StoredFile | Directory | undefined = this.#root;
    for (const part of name.split("/").filter((each) => each !== ".")) {
      if (found?.kind !== "directory") return null;
      found = namesOf(found).get(part);
    }
    return found ?? null;
  }

  #place(name: string): { parent: Directory; base: string } {
    const slash = name.lastIndexOf("/");
    const parent = this.#find(slash < 0 ? "." : name.slice(0, slash));
    return parent?.kind === "directory" ? { parent, base: name.slice(slash + 1) } : missing(name);
  }

  #file(name: string): StoredFile {
    const found = this.#find(name);
    return found?.kind === "file" ? found : missing(name);
  }

  #handle(name: string, file: StoredFile): DiskFile {
    return {
      size: async () => file.unsynced.reduce(apply, file.durable).length,
      read: async (offset, length) => file.unsynced.reduce(apply, file.durable).slice(offset, offset + length),
      write: async (bytes, offset) => {
        await this.#call("write", name, ` at ${offset} (${bytes.length})`, { offset, bytes });
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

function newDirectory(): Directory {
  return { kind: "directory", durable: new Map(), unsynced: [] };
}

function setDurably(directory: Directory, name: string, node: StoredFile | Directory): void {
  directory.durable = namesOf(directory).set(name, node);
  directory.unsynced = [];
}

function missing(name: string): never {
  throw Object.assign(new Error(`ENOENT: ${name}`), { code: "ENOENT" });
}

function namesOf(
  { durable, unsynced }: Directory,
  keeps: () => boolean = () => true,
): Map<string, StoredFile | Directory> {
  const names = new Map(durable);
  for (const change of unsynced.filter(() => keeps())) {
    for (const [name, node] of change) {
      if (node === null) names.delete(name);
      else names.set(name, node);
    }
  }
  return names;
}

function pathsIn(directory: Directory, path: string): string[] {
  return [...namesOf(directory)].flatMap(([name, node]) =>
    node.kind === "file" ? [path + name] : pathsIn(node, `${path}${name}/`),
  );
}

function crashed(directory: Directory, keeps: () => boolean): Directory {
  const after = newDirectory();
  for (const [name, node] of namesOf(directory, keeps)) {
    if (node.kind === "directory") after.durable.set(name, crashed(node, keeps));
    else {
      const kept = node.unsynced.flatMap(sectors).filter(() => keeps());
      after.durable.set(name, { kind: "file", durable: kept.reduce(apply, node.durable.slice()), unsynced: [] });
    }
  }
  return after;
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
