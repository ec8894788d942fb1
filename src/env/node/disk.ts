/**
 * A data directory on this machine's filesystem, and the lock that keeps a second process out of it.
 *
 *   const lock = await lockDirectory(path)      throws DirectoryInUse; await lock.release()
 *   const disk = nodeDisk(path)                 the Disk of env/disk.ts, names relative to path
 */
import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { type FileHandle, link, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import type { Disk, DiskFile } from "../disk.ts";
import { makeDirectories } from "./directories.ts";

/** Only the owner may look into a data directory. */
const DIRECTORY_MODE = 0o700;
const FILE_MODE = 0o600;
/** Elsewhere it is missing, or promises less than a sync. */
const SYNCED_FLAG = process.platform === "linux" ? constants.O_DSYNC : 0;

export function nodeDisk(root: string): Disk {
  return {
    async makeDirectory(name) {
      await makeDurably(join(root, name));
    },
    async list(directory) {
      try {
        return (await readdir(join(root, directory))).sort();
      } catch (error) {
        if (codeOf(error) === "ENOENT") return [];
        throw error;
      }
    },
    async open(name, { create, synced = false }) {
      const flag = synced ? SYNCED_FLAG : 0;
      return new NodeFile(await openFile(join(root, name), create, flag), synced && flag === 0);
    },
    async read(name) {
      return readFile(join(root, name));
    },
    async rename(from, to) {
      await rename(join(root, from), join(root, to));
    },
    async remove(name) {
      await rm(join(root, name));
    },
    async syncDirectory(directory) {
      await syncNames(join(root, directory));
    },
  };
}

/** What lies above a data directory's root nobody else syncs: a directory that is lost takes everything in it along. */
async function makeDurably(path: string): Promise<void> {
  for (const made of makeDirectories(path, DIRECTORY_MODE)) await syncNames(dirname(resolve(made)));
}

async function syncNames(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A file that is there is not emptied. */
function openFile(path: string, create: boolean, flag: number): Promise<FileHandle> {
  return open(path, constants.O_RDWR | (create ? constants.O_CREAT : 0) | flag, FILE_MODE);
}

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #syncsWrites: boolean;

  /** `syncsWrites`: each needs a sync, which the system does not do by itself. */
  constructor(handle: FileHandle, syncsWrites: boolean) {
    this.#handle = handle;
    this.#syncsWrites = syncsWrites;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#handle.read(bytes, at, length - at, offset + at);
      if (bytesRead === 0) return bytes.subarray(0, at);
      at += bytesRead;
    }
    return bytes;
  }

  async write(bytes: Uint8Array, offset: number): Promise<void> {
    // The system writes what fits and tells why the rest does not only when it is asked again.
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await this.#handle.write(bytes, at, bytes.length - at, offset + at);
      if (bytesWritten === 0) throw new Error(`short write: ${at} of ${bytes.length} bytes`);
      at += bytesWritten;
    }
    if (this.#syncsWrites) await this.sync();
  }

  sync(): Promise<void> {
    return this.#handle.datasync();
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Another process works in this directory. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
}

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Takes the directory for this process, making it when it is not there. The lock is the file lock.N with the highest N, and names its
 * holder by pid and start time, so that a lock left by a killed process is taken over even when its pid has been given out again.
 *
 * Taking is linking lock.N+1, which one process alone can do. The highest is never removed, only outnumbered, so whoever looked at
 * an older state either finds its number taken or sees a higher one afterwards; no moment exists in which two may think they hold it.
 */
export async function lockDirectory(path: string): Promise<DirectoryLock> {
  await makeDurably(path);
  const highest = await highestLock(path);
  if (highest > 0) await refuseIfHeld(path, highest);
  const number = highest + 1;
  const mine = `${process.pid} ${(await startOf(process.pid)) ?? "unknown"}\n`;
  if (!(await linkLock(path, number, mine))) await refuse(path, number);
  const now = await highestLock(path);
  if (now !== number) {
    await rm(lockFile(path, number), { force: true });
    await refuse(path, now);
  }
  for (const older of await lockNumbers(path)) {
    if (older < number) await rm(lockFile(path, older), { force: true });
  }
  return {
    async release() {
      // Emptied and kept: its number must not be given out again while somebody may still hold an older view.
      if ((await readIfThere(lockFile(path, number))) === mine) await writeFile(lockFile(path, number), "");
    },
  };
}

function lockFile(path: string, number: number): string {
  return join(path, `lock.${number}`);
}

async function lockNumbers(path: string): Promise<number[]> {
  const names = await readdir(path);
  return names.flatMap((name) => {
    const digits = /^lock\.([1-9][0-9]{0,14})$/.exec(name)?.[1];
    return digits === undefined ? [] : [Number(digits)];
  });
}

async function highestLock(path: string): Promise<number> {
  return Math.max(0, ...(await lockNumbers(path)));
}

/** Link makes the name and its content appear in one step, and fails when the name is taken. */
async function linkLock(path: string, number: number, content: string): Promise<boolean> {
  const whole = join(path, `lock-${process.pid}-${linked++}.tmp`);
  await writeFile(whole, content, { mode: FILE_MODE });
  try {
    await link(whole, lockFile(path, number));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    await rm(whole, { force: true });
  }
}

/** Makes the temporary names of one process differ. */
let linked = 0;

async function refuseIfHeld(path: string, number: number): Promise<void> {
  const held = await readIfThere(lockFile(path, number));
  if (held !== null && (await isHolderAlive(held))) await refuse(path, number);
}

async function refuse(path: string, number: number): Promise<never> {
  const [pid = ""] = ((await readIfThere(lockFile(path, number))) ?? "").split(" ");
  throw new DirectoryInUse(`data directory ${path} is in use by process ${pid === "" ? "unknown" : pid}`);
}

async function isHolderAlive(held: string): Promise<boolean> {
  const [pid = "", ...start] = held.trim().split(" ");
  const now = await startOf(Number(pid));
  return now !== null && now === start.join(" ");
}

/** When a process began, in words that only compare; null when there is none. */
async function startOf(pid: number): Promise<string | null> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  const stat = await readIfThere(`/proc/${pid}/stat`);
  // Field 22, counted behind the process's name, which may hold spaces and parentheses.
  if (stat !== null) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  return new Promise((resolve) => {
    execFile("ps", ["-o", "lstart=", "-p", String(pid)], (error, stdout) => {
      resolve(error === null && stdout.trim() !== "" ? stdout.trim().replace(/\s+/g, " ") : null);
    });
  });
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
