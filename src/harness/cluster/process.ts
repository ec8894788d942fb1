import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makeDirectories } from "../../env/node/directories.ts";
import type { ProcessRegistry } from "./registry.ts";

export interface ProcessOptions {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  /** Default: ours. */
  readonly environment?: NodeJS.ProcessEnv;
  /** Standard output and error are appended to it. */
  readonly logFile: string;
  readonly registry: ProcessRegistry;
}

/** Exactly one of the two is set. */
export interface ProcessExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/**
 * A process of the run, in a group of its own: Ctrl-C in the terminal reaches only the harness, which decides what ends when. It does not
 * outlive a harness that ends by a bug; one that is killed has left it to `sweep`.
 */
export class ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logFile: string;
  /** Settles when it has ended and the registry knows. */
  readonly exited: Promise<ProcessExit>;
  #exit: ProcessExit | null = null;

  static readonly #running: Set<ManagedProcess> = new Set();

  static {
    process.on("exit", () => {
      for (const each of ManagedProcess.#running) each.#signal("SIGKILL");
    });
  }

  private constructor(options: ProcessOptions, child: ChildProcess, pid: number) {
    this.name = options.name;
    this.pid = pid;
    this.logFile = options.logFile;
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.#exit = { code, signal };
        ManagedProcess.#running.delete(this);
        options.registry.remove(pid);
        resolve(this.#exit);
      });
    });
  }

  /** Starts it and enters it in the registry before anything else can happen. Throws when the program cannot be started. */
  static start(options: ProcessOptions): ManagedProcess {
    const [program = "", ...args] = options.command;
    makeDirectories(dirname(options.logFile));
    const log = openSync(options.logFile, "a");
    try {
      const child = spawn(program, args, { detached: true, stdio: ["ignore", log, log], env: options.environment });
      // Comes a turn later with the reason; whether there is a process is known now.
      child.on("error", () => undefined);
      if (child.pid === undefined) throw new Error(`${options.name} could not be started: is ${program} a program?`);
      const managed = new ManagedProcess(options, child, child.pid);
      ManagedProcess.#running.add(managed);
      try {
        options.registry.add(options.name, child.pid);
      } catch (error) {
        // What no sweep could find must not run.
        managed.#signal("SIGKILL");
        throw error;
      }
      return managed;
    } finally {
      closeSync(log);
    }
  }

  /** Null while it runs. */
  get exit(): ProcessExit | null {
    return this.#exit;
  }

  /** SIGTERM, and SIGKILL when it has not ended after `graceMs`. A paused process is woken up to hear it. */
  async stop(graceMs: number): Promise<ProcessExit> {
    this.#signal("SIGTERM");
    this.#signal("SIGCONT");
    const abort = new AbortController();
    const late = delay(graceMs, "late", { signal: abort.signal }).catch(() => "stopped");
    const outcome = await Promise.race([this.exited, late]);
    abort.abort();
    if (outcome === "late") this.#signal("SIGKILL");
    return await this.exited;
  }

  async kill(): Promise<ProcessExit> {
    this.#signal("SIGKILL");
    return await this.exited;
  }

  /** Freezes it: its sockets stay open, its time goes on. */
  pause(): void {
    this.#signal("SIGSTOP");
  }

  resume(): void {
    this.#signal("SIGCONT");
  }

  /** To the whole group. After the exit the id may be another's: then nothing is sent. */
  #signal(signal: NodeJS.Signals): void {
    if (this.#exit !== null) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      // Ended, and the exit not yet noticed.
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** The last lines of a log, for an error message. */
export function logTail(logFile: string, linesMax = 15): string {
  try {
    return readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-linesMax).join("\n");
  } catch {
    return "";
  }
}

/** The same with the file's name, as the second half of a sentence. */
export function logEnd(logFile: string): string {
  return `the end of ${logFile}:\n${logTail(logFile)}`;
}
