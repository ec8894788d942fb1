import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { assert } from "../../base/assert.ts";
import { makeDirectories } from "../../env/node/directories.ts";
import { type ProcessIdentity, processStart } from "./identity.ts";

/** `<run>/processes.json`: what a later start needs to clean up after a harness that was killed. */
export interface RegistryFile {
  /** Ids and start times mean nothing on another machine, or in another container that shares the folder. */
  readonly host: string;
  readonly harness: ProcessIdentity;
  readonly keepData: boolean;
  readonly processes: readonly RegisteredProcess[];
}

export interface RegisteredProcess extends ProcessIdentity {
  readonly name: string;
}

const FILE_NAME = "processes.json";

/**
 * The processes a run has started and not yet seen end. On disk before anything else is done with them; the file exists from
 * `open` to `close`, so that one without a living harness means: killed in the middle.
 */
export class ProcessRegistry {
  readonly #runDir: string;
  readonly #harness: ProcessIdentity;
  readonly #keepData: boolean;
  #processes: readonly RegisteredProcess[] = [];

  constructor(runDir: string, options: { readonly keepData: boolean }) {
    const start = processStart(process.pid);
    assert(start !== null, "a running process has a start time", { pid: process.pid });
    this.#runDir = runDir;
    this.#harness = { pid: process.pid, start };
    this.#keepData = options.keepData;
    makeDirectories(runDir);
    this.#write();
  }

  /** Synchronous, to be called in the same turn as the spawn. Does nothing when the process is already gone. */
  add(name: string, pid: number): void {
    const start = processStart(pid);
    if (start === null) return;
    this.#processes = [...this.#processes, { name, pid, start }];
    this.#write();
  }

  /** The process ended and was noticed. */
  remove(pid: number): void {
    this.#processes = this.#processes.filter((entry) => entry.pid !== pid);
    try {
      this.#write();
    } catch {
      // A full disk, a folder taken away: an entry that stays is harmless, its start time fits no process any more.
    }
  }

  /** Every process has ended: an orderly end of the run. */
  close(): void {
    assert(this.#processes.length === 0, "a run's processes end before it does", { processes: this.#processes });
    rmSync(join(this.#runDir, FILE_NAME), { force: true });
  }

  /** By rename: a reader sees the old file or the new one, never half of it. */
  #write(): void {
    const file: RegistryFile = {
      host: hostname(),
      harness: this.#harness,
      keepData: this.#keepData,
      processes: this.#processes,
    };
    const path = join(this.#runDir, FILE_NAME);
    writeFileSync(`${path}.new`, `${JSON.stringify(file, null, 2)}\n`);
    renameSync(`${path}.new`, path);
  }
}

/** What the run in `runDir` left behind; null when it ended in order or never started a process. Throws when it is unreadable. */
export function readRegistry(runDir: string): RegistryFile | null {
  let text: string;
  try {
    text = readFileSync(join(runDir, FILE_NAME), "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
  const value: unknown = JSON.parse(text);
  if (!isRegistryFile(value)) throw new Error(`${join(runDir, FILE_NAME)} is not a list of processes`);
  return value;
}

/** Takes the list away: nothing of that run is left to clean up. */
export function removeRegistry(runDir: string): void {
  rmSync(join(runDir, FILE_NAME), { force: true });
}

function isRegistryFile(value: unknown): value is RegistryFile {
  const file = value as RegistryFile | null;
  return (
    typeof file === "object" &&
    file !== null &&
    typeof file.host === "string" &&
    isIdentity(file.harness) &&
    typeof file.keepData === "boolean" &&
    Array.isArray(file.processes) &&
    file.processes.every((entry: unknown) => isIdentity(entry) && typeof (entry as RegisteredProcess).name === "string")
  );
}

function isIdentity(value: unknown): value is ProcessIdentity {
  const identity = value as ProcessIdentity | null;
  // A signal to a group is sent to minus its id: 0 and 1 would mean every process.
  return Number.isSafeInteger(identity?.pid) && (identity?.pid ?? 0) > 1 && typeof identity?.start === "string";
}
