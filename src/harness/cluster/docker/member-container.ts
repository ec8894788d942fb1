import type { Clock, Timer } from "../../../env/clock.ts";
import type { ProcessExit } from "../process.ts";
import { isCrash, type MemberExit, RESTART_DELAY_MS } from "../supervisor.ts";
import { type EngineContainer, isSettled, limited } from "./engine.ts";
import type { LogFile } from "./log-file.ts";

const END_LIMIT_MS = 10_000;
const SIGNAL_NAMES: Readonly<Record<number, NodeJS.Signals>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  4: "SIGILL",
  5: "SIGTRAP",
  6: "SIGABRT",
  7: "SIGBUS",
  8: "SIGFPE",
  9: "SIGKILL",
  11: "SIGSEGV",
  15: "SIGTERM",
  31: "SIGSYS",
};

/** A container's exit code is that of its process, or says as in a shell which signal ended it. */
export function exitOf(exitCode: number): ProcessExit {
  const signal = SIGNAL_NAMES[exitCode - 128];
  return signal === undefined ? { code: exitCode, signal: null } : { code: null, signal };
}

export interface MemberContainerOptions {
  readonly member: string;
  readonly container: EngineContainer;
  readonly log: LogFile;
  readonly clock: Clock;
  readonly started: (pid: number) => void;
  readonly exited: (exit: MemberExit) => void;
}

/**
 * One member's container over its starts and ends, as Supervisor does it for processes: brought back after a second when someone
 * else ended it, left down when it crashed. What is asked of it happens in the order asked.
 */
export class MemberContainer {
  readonly #options: MemberContainerOptions;
  #pid: number | null = null;
  #up = false;
  #paused = false;
  /** The exit that comes next was asked for. */
  #asked = false;
  #stopped = false;
  #restart: Timer | null = null;
  #queue: Promise<unknown> = Promise.resolve();
  #onDeath: () => void = () => undefined;

  constructor(options: MemberContainerOptions) {
    this.#options = options;
  }

  /** On the engine's machine; null while it is down. */
  get pid(): number | null {
    return this.#pid;
  }

  get log(): LogFile {
    return this.#options.log;
  }

  /** Its first start, which also makes it. Rejects when it cannot be started. */
  async startFirst(start: () => Promise<void>): Promise<void> {
    await this.#enqueue(() => this.#begin(start));
  }

  /** Does nothing while it runs, or after `stop`. */
  async start(): Promise<void> {
    this.#cancelRestart();
    await this.#enqueue(async () => {
      if (!this.#up && !this.#stopped) await this.#begin(() => this.#options.container.start(limited()));
    });
  }

  /** SIGKILL; it stays down until `start`. */
  async kill(): Promise<void> {
    this.#cancelRestart();
    await this.#enqueue(() => this.#end(() => this.#options.container.kill({ signal: "SIGKILL", ...limited() })));
  }

  /** SIGTERM, then SIGKILL; it stays down until `start`. */
  async terminate(graceMs: number): Promise<void> {
    this.#cancelRestart();
    const t = Math.ceil(graceMs / 1000);
    await this.#enqueue(() => this.#end(() => this.#options.container.stop({ t, ...limited() })));
  }

  /** The same, for good. */
  async stop(graceMs: number): Promise<void> {
    this.abandon();
    await this.terminate(graceMs);
  }

  /** The freezer: all of its processes stand still. */
  async pause(): Promise<void> {
    await this.#enqueue(async () => {
      if (!this.#up || this.#paused) return;
      await settled(this.#options.container.pause(limited()));
      this.#paused = true;
    });
  }

  async resume(): Promise<void> {
    await this.#enqueue(() => this.#thaw());
  }

  /** From now on nothing is brought back. */
  abandon(): void {
    this.#stopped = true;
    this.#cancelRestart();
  }

  /** The engine says that it ended. */
  died(exitCode: number): void {
    if (!this.#up) return;
    const { log } = this.#options;
    this.#up = false;
    this.#paused = false;
    this.#pid = null;
    this.#onDeath();
    // What it said last, also when it ended before it was listened to.
    log.follow();
    const exit = exitOf(exitCode);
    const planned = this.#asked || this.#stopped;
    // A member that took more memory than its container may have was killed, too, but nobody else did it.
    if (!planned && exit.signal === "SIGKILL") void this.#ranOutOfMemory().then((oom) => this.#ended(exit, false, oom));
    else this.#ended(exit, planned, !planned && isCrash(exit));
  }

  async #ranOutOfMemory(): Promise<boolean> {
    try {
      return (await this.#options.container.inspect(limited())).State.OOMKilled;
    } catch {
      // Removed by whoever killed it, or the engine is gone.
      return false;
    }
  }

  #ended(exit: ProcessExit, planned: boolean, crashed: boolean): void {
    const { member, clock, exited } = this.#options;
    exited({ member, ...exit, planned, crashed });
    if (planned || crashed || this.#stopped) return;
    this.#restart = clock.after(RESTART_DELAY_MS, () => {
      this.#restart = null;
      this.start().catch(() => exited({ member, code: null, signal: null, planned: false, crashed: true }));
    });
  }

  async #begin(start: () => Promise<unknown>): Promise<void> {
    const { container, log, started } = this.#options;
    this.#asked = false;
    this.#up = true;
    try {
      await start();
    } catch (error) {
      this.#up = false;
      throw error;
    }
    log.follow();
    const { State } = await container.inspect(limited());
    // It may have ended in the meantime.
    if (!this.#up || !State.Running) return;
    this.#pid = State.Pid;
    started(State.Pid);
  }

  async #end(end: () => Promise<unknown>): Promise<void> {
    if (!this.#up) return;
    this.#asked = true;
    await this.#thaw();
    const dead = new Promise<"dead">((resolve) => {
      this.#onDeath = () => resolve("dead");
    });
    await settled(end());
    if (!this.#up) return;
    let timer: Timer | null = null;
    const late = new Promise<"late">((resolve) => {
      timer = this.#options.clock.after(END_LIMIT_MS, () => resolve("late"));
    });
    const heard = await Promise.race([dead, late]);
    (timer as Timer | null)?.cancel();
    if (heard === "late") throw new Error(`the engine does not say that ${this.#options.member} has ended`);
  }

  async #thaw(): Promise<void> {
    if (!this.#paused) return;
    await settled(this.#options.container.unpause(limited()));
    this.#paused = false;
  }

  #cancelRestart(): void {
    this.#restart?.cancel();
    this.#restart = null;
  }

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(task);
    this.#queue = done.catch(() => undefined);
    return done;
  }
}

async function settled(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!isSettled(error)) throw error;
  }
}
