import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const FAULTLINE: string = fileURLToPath(new URL("../../src/main.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** faultline as a person runs it. Whoever starts one awaits `ended` or calls `kill`. */
export class Faultline {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  #stdout = "";
  #stderr = "";
  #changed: () => void = () => undefined;

  constructor(args: readonly string[], nodeArgs: readonly string[] = []) {
    this.process = spawn(process.execPath, [...nodeArgs, "--enable-source-maps", FAULTLINE, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NO_COLOR: "1" },
    });
    this.process.stdout?.on("data", (text: Buffer) => {
      this.#stdout += text.toString();
    });
    this.process.stderr?.on("data", (text: Buffer) => {
      this.#stderr += text.toString();
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      this.process.on("close", (code, signal) => {
        resolve({ code, signal, stdout: this.#stdout, stderr: this.#stderr });
        this.#changed();
      });
    });
  }

  /** What it has said on the way, so far. */
  get progress(): string {
    return this.#stderr;
  }

  /** Resolves when progress has said it; rejects when the program ends first. */
  async says(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#stderr)) {
      if (this.process.exitCode !== null || this.process.signalCode !== null)
        throw new Error(`ended without saying ${pattern}:\n${this.#stderr}`);
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    }
  }
}

export function faultline(...args: readonly string[]): Promise<Ended> {
  return new Faultline(args).ended;
}

/** A small plan of about four seconds with a partition in the middle. */
export const SMALL_PLAN = `
name: small
members: 3
keys: { prefix: small/, count: 20, valueBytes: 32 }
clients: { connectionsPerMember: 1, deadline: 1s }
phases:
  - name: capacity
    closed: { concurrency: 6 }
    duration: 300ms
    mix: { get-serializable: 1, get-linearizable: 1 }
  - name: steady
    open: { ratePerSecond: 150 }
    duration: 4s
    mix: { get-linearizable: 4, get-serializable: 4, put: 2, delete: 1 }
faults:
  - partition: { isolate: leader }
    phase: steady
    at: 500ms
    duration: 2500ms
checks: [linearizable, serializable, watch, converged]
`;

/** A folder of the test's own with the small plan in it. */
export class Workplace {
  readonly folder: string = mkdtempSync(join(tmpdir(), "faultline-test-"));
  readonly plan: string = join(this.folder, "small.yaml");
  readonly reports: string = join(this.folder, "reports");

  constructor(plan: string = SMALL_PLAN) {
    writeFileSync(this.plan, plan);
  }

  run(...args: readonly string[]): Faultline {
    return new Faultline(["run", this.plan, "--out", this.reports, ...args]);
  }

  /** The folders of the runs so far, oldest first. */
  runs(): string[] {
    if (!existsSync(this.reports)) return [];
    return readdirSync(this.reports)
      .sort()
      .map((name) => join(this.reports, name));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
