import type { Clock, Timer } from "../../env/clock.ts";
import type { ManagedProcess, ProcessExit } from "./process.ts";

/** One end of one member's process. */
export interface MemberExit extends ProcessExit {
  readonly member: string;
  /** Somebody asked for it: a fault, a restart, the end of the run. */
  readonly planned: boolean;
  /** It ended by itself: an exit code of its own, an abort, a fault of its memory. Then it stays down. */
  readonly crashed: boolean;
}

export interface SupervisorOptions {
  readonly member: string;
  /** Starts the member's process; throws when that cannot be done. */
  readonly start: () => ManagedProcess;
  readonly clock: Clock;
  readonly started: (pid: number) => void;
  readonly exited: (exit: MemberExit) => void;
}

export const RESTART_DELAY_MS = 1000;

/** Signals by which a program ends itself; any other comes from outside (SIGKILL also from a kernel out of memory). */
const OWN_SIGNALS: ReadonlySet<NodeJS.Signals> = new Set([
  "SIGABRT",
  "SIGSEGV",
  "SIGBUS",
  "SIGILL",
  "SIGFPE",
  "SIGTRAP",
  "SIGSYS",
]);
/** A server that is told to stop may end in order: by 0 or as a shell counts SIGTERM and SIGINT. By itself it never does. */
const TOLD_CODES: ReadonlySet<number> = new Set([0, 128 + 2, 128 + 15]);

export function isCrash({ code, signal }: ProcessExit): boolean {
  if (signal !== null) return OWN_SIGNALS.has(signal);
  return code === null || !TOLD_CODES.has(code);
}

/** Keeps one member running: brings it back after a second when someone else ended it, leaves it down when it crashed. */
export class Supervisor {
  readonly #options: SupervisorOptions;
  #process: ManagedProcess | null = null;
  #restart: Timer | null = null;
  /** The exit that comes next was asked for. */
  #asked = false;
  #stopped = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** The running process; null while it is down. */
  get process(): ManagedProcess | null {
    return this.#process;
  }

  /** Does nothing while it runs, or after `stop`. Throws when the process cannot be started. */
  start(): void {
    this.#cancelRestart();
    if (this.#process !== null || this.#stopped) return;
    const process = this.#options.start();
    this.#process = process;
    this.#asked = false;
    this.#options.started(process.pid);
    void process.exited.then((exit) => this.#ended(exit));
  }

  /** SIGKILL; it stays down until `start`. */
  async kill(): Promise<void> {
    this.#cancelRestart();
    this.#asked = true;
    await this.#process?.kill();
  }

  /** SIGTERM, then SIGKILL; for good. */
  async stop(graceMs: number): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart();
    this.#asked = true;
    await this.#process?.stop(graceMs);
  }

  /** SIGKILL, for good, without waiting. */
  abandon(): void {
    this.#stopped = true;
    void this.kill();
  }

  #ended(exit: ProcessExit): void {
    const { member, clock, exited } = this.#options;
    this.#process = null;
    const planned = this.#asked;
    const crashed = !planned && isCrash(exit);
    exited({ member, ...exit, planned, crashed });
    if (planned || crashed) return;
    this.#restart = clock.after(RESTART_DELAY_MS, () => {
      this.#restart = null;
      try {
        this.start();
      } catch {
        exited({ member, code: null, signal: null, planned: false, crashed: true });
      }
    });
  }

  #cancelRestart(): void {
    this.#restart?.cancel();
    this.#restart = null;
  }
}
