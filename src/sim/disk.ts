/**
 * The disk of one machine. What a running process wrote and did not sync is in the machine's memory: a process that dies leaves
 * it there, a power cut keeps any subset of it, in sectors. A new, renamed or removed name lasts only once its directory was
 * synced. Every call is answered by the scheduler, and may be slow or fail.
 */
import type { Prng } from "../base/prng.ts";
import type { Disk, DiskFile } from "../env/disk.ts";
import type { DiskPlan } from "./model.ts";
import type { Scheduler } from "./scheduler.ts";

const SECTOR_BYTES = 512;
/** What a call costs that needs no disk. */
const CALL_US = 5;
/** A disk that is slower than this is broken: the healing must be able to count on it. */
const SLOWEST_US = 3_000_000;

type Change =
  | { readonly kind: "write"; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: "truncate"; readonly size: number };

/** What is under a name: as durable, and as processes see it. */
interface StoredFile {
  readonly kind: "file";
  durable: Image;
  seen: Image;
  unsynced: Change[];
}

interface Directory {
  readonly kind: "directory";
  durable: Map<string, Node>;
  seen: Map<string, Node>;
  /** Each one call; null: the name is gone. */
  unsynced: ReadonlyMap<string, Node | null>[];
}

type Node = StoredFile | Directory;

/** Bytes that grow at their end without being copied each time. */
class Image {
  #bytes = new Uint8Array(4096);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  apply(change: Change): void {
    const end = change.kind === "truncate" ? change.size : Math.max(this.#size, change.offset + change.bytes.length);
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      grown.set(this.#bytes.subarray(0, this.#size));
      this.#bytes = grown;
    }
    if (end < this.#size) this.#bytes.fill(0, end, this.#size);
    this.#size = end;
    if (change.kind === "write") this.#bytes.set(change.bytes, change.offset);
  }

  slice(from: number, to: number): Uint8Array {
    return this.#bytes.slice(Math.min(from, this.#size), Math.min(to, this.#size));
  }

  copy(): Image {
    const copy = new Image();
    copy.apply({ kind: "write", offset: 0, bytes: this.slice(0, this.#size) });
    return copy;
  }
}

function withSyncedWrites(file: DiskFile): DiskFile {
  return {
    ...file,
    async write(bytes, offset) {
      await file.write(bytes, offset);
      await file.sync();
    },
  };
}

/** How a process reaches the disk: it runs what is answered, unless the process is gone by then. */
export type RunInProcess = (action: () => void) => void;

export class MachineDisk {
  /** How much longer than usual everything takes. */
  slowness = 1;
  full = false;
  /** The next sync fails. */
  failsSync = false;
  /** Called once, somewhere in the middle of the next sync. */
  duringSync: (() => void) | null = null;
  readonly #plan: DiskPlan;
  readonly #scheduler: Scheduler;
  readonly #chance: Prng;
  #root: Directory = newDirectory();

  constructor(plan: DiskPlan, scheduler: Scheduler, chance: Prng) {
    this.#plan = plan;
    this.#scheduler = scheduler;
    this.#chance = chance;
  }

  /** Power is lost and back: of everything unsynced a seeded subset is left. Returns how many pieces were lost. */
  powerCut(): number {
    // Often all or nothing of it: both are much likelier on a real disk than a fair coin for each sector.
    const keepChance = this.#chance.pick([0, 0.5, 0.9, 1]);
    let lost = 0;
    this.#root = crashed(this.#root, () => {
      const keeps = this.#chance.float() < keepChance;
      if (!keeps) lost++;
      return keeps;
    });
    return lost;
  }

  forProcess(run: RunInProcess): Disk {
    const call = <Result>(costMs: number, work: () => Result): Promise<Result> => this.#call(run, costMs, work);
    return {
      makeDirectory: (name) => call(0, () => this.#makeDirectory(name)),
      list: (name) => call(0, () => this.#list(name)),
      open: async (name, { create, synced = false }) => {
        const file = await call(0, () => this.#open(name, create));
        const handle = this.#handle(name, file, run);
        return synced ? withSyncedWrites(handle) : handle;
      },
      read: (name) => call(0, () => this.#bytesOf(this.#file(name))),
      rename: (from, to) => call(0, () => this.#rename(from, to)),
      remove: (name) => call(0, () => this.#remove(name)),
      syncDirectory: (name) => call(this.#plan.syncMs, () => this.#syncDirectory(name)),
    };
  }

  #handle(name: string, file: StoredFile, run: RunInProcess): DiskFile {
    return {
      size: () => this.#call(run, 0, () => file.seen.size),
      read: (offset, length) => this.#call(run, 0, () => file.seen.slice(offset, offset + length)),
      // At once in the memory of the machine: a crash while the call is under way may leave it, or parts of it.
      write: (bytes, offset) => {
        const fits = this.full ? this.#chance.below(bytes.length + 1) : bytes.length;
        if (fits > 0) change(file, { kind: "write", offset, bytes: bytes.slice(0, fits) });
        return this.#call(run, this.#plan.writeMs, () => {
          if (fits < bytes.length) throw systemError("ENOSPC", `write ${name}`);
        });
      },
      sync: () => {
        const covered = file.unsynced.length;
        this.#disturb();
        return this.#call(run, this.#plan.syncMs, () => {
          if (this.failsSync) {
            this.failsSync = false;
            throw systemError("EIO", `sync ${name}`);
          }
          for (const done of file.unsynced.splice(0, covered)) file.durable.apply(done);
        });
      },
      truncate: (size) => this.#call(run, 0, () => change(file, { kind: "truncate", size })),
      close: () => this.#call(run, 0, () => {}),
    };
  }

  #disturb(): void {
    const disturb = this.duringSync;
    this.duringSync = null;
    if (disturb !== null) this.#scheduler.after(this.#chance.float() * this.#plan.syncMs * 1000, disturb);
  }

  #call<Result>(run: RunInProcess, costMs: number, work: () => Result): Promise<Result> {
    const delayUs = Math.min((CALL_US + this.#chance.exponential(costMs * 1000)) * this.slowness, SLOWEST_US);
    return new Promise((resolve, reject) => {
      this.#scheduler.after(delayUs, () =>
        run(() => {
          try {
            resolve(work());
          } catch (error) {
            reject(error);
          }
        }),
      );
    });
  }

  // -------------------------------------------------------------------------------------------------------------- names

  #makeDirectory(name: string): void {
    const { parent, base } = this.#place(name);
    if (parent.seen.has(base)) return;
    this.#needsRoom(name);
    setNames(parent, new Map([[base, newDirectory()]]));
  }

  #list(name: string): readonly string[] {
    const found = this.#find(name);
    return found?.kind === "directory" ? [...found.seen.keys()].sort() : [];
  }

  #open(name: string, create: boolean): StoredFile {
    if (create && this.#find(name) === null) {
      this.#needsRoom(name);
      const { parent, base } = this.#place(name);
      setNames(parent, new Map([[base, { kind: "file", durable: new Image(), seen: new Image(), unsynced: [] }]]));
    }
    return this.#file(name);
  }

  #rename(from: string, to: string): void {
    const [source, target] = [this.#place(from), this.#place(to)];
    const moved = this.#find(from);
    if (moved === null) throw systemError("ENOENT", from);
    if (source.parent === target.parent) {
      setNames(
        source.parent,
        new Map([
          [source.base, null],
          [target.base, moved],
        ]),
      );
      return;
    }
    setNames(target.parent, new Map([[target.base, moved]]));
    setNames(source.parent, new Map([[source.base, null]]));
  }

  #remove(name: string): void {
    this.#file(name);
    const { parent, base } = this.#place(name);
    setNames(parent, new Map([[base, null]]));
  }

  #syncDirectory(name: string): void {
    const found = this.#find(name);
    if (found?.kind !== "directory") throw systemError("ENOENT", name);
    found.durable = new Map(found.seen);
    found.unsynced = [];
  }

  #needsRoom(name: string): void {
    if (this.full) throw systemError("ENOSPC", name);
  }

  #bytesOf(file: StoredFile): Uint8Array {
    return file.seen.slice(0, file.seen.size);
  }

  #file(name: string): StoredFile {
    const found = this.#find(name);
    if (found?.kind !== "file") throw systemError("ENOENT", name);
    return found;
  }

  #find(name: string): Node | null {
    let found: Node | undefined = this.#root;
    for (const part of name.split("/")) {
      if (part === "." || part === "") continue;
      if (found?.kind !== "directory") return null;
      found = found.seen.get(part);
    }
    return found ?? null;
  }

  #place(name: string): { readonly parent: Directory; readonly base: string } {
    const slash = name.lastIndexOf("/");
    const parent = this.#find(slash < 0 ? "." : name.slice(0, slash));
    if (parent?.kind !== "directory") throw systemError("ENOENT", name);
    return { parent, base: name.slice(slash + 1) };
  }
}

/** An error of the disk's, as the server expects it. */
export function isDiskError(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOSPC" || error.code === "EIO");
}

function systemError(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code, syscall: what.split(" ")[0] });
}

function newDirectory(): Directory {
  return { kind: "directory", durable: new Map(), seen: new Map(), unsynced: [] };
}

function change(file: StoredFile, done: Change): void {
  file.seen.apply(done);
  file.unsynced.push(done);
}

function setNames(directory: Directory, names: ReadonlyMap<string, Node | null>): void {
  directory.unsynced.push(names);
  apply(directory.seen, names);
}

function apply(names: Map<string, Node>, changed: ReadonlyMap<string, Node | null>): void {
  for (const [name, node] of changed) {
    if (node === null) names.delete(name);
    else names.set(name, node);
  }
}

function crashed(directory: Directory, keeps: () => boolean): Directory {
  const names = new Map(directory.durable);
  for (const changed of directory.unsynced) if (keeps()) apply(names, changed);
  const after = new Map<string, Node>();
  for (const [name, node] of names) {
    if (node.kind === "directory") after.set(name, crashed(node, keeps));
    else {
      const durable = node.durable.copy();
      for (const whole of node.unsynced) for (const piece of piecesOf(whole)) if (keeps()) durable.apply(piece);
      after.set(name, { kind: "file", durable, seen: durable.copy(), unsynced: [] });
    }
  }
  return { kind: "directory", durable: after, seen: new Map(after), unsynced: [] };
}

/** A write as a power cut may tear it: at sector boundaries. */
function piecesOf(whole: Change): readonly Change[] {
  if (whole.kind === "truncate") return [whole];
  const pieces: Change[] = [];
  for (let at = 0; at < whole.bytes.length; ) {
    const offset = whole.offset + at;
    const size = Math.min(SECTOR_BYTES - (offset % SECTOR_BYTES), whole.bytes.length - at);
    pieces.push({ kind: "write", offset, bytes: whole.bytes.subarray(at, at + size) });
    at += size;
  }
  return pieces;
}
