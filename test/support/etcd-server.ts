/** Servers as processes of their own, ours or Go etcd, each with a data directory that is removed in the end. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { MEMBER_NODE_OPTIONS } from "../../src/base/node-options.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { Ports } from "../../src/harness/cluster/ports.ts";
import { endsWithUs, removedWithUs } from "./belongings.ts";

export type ServerKind = "etcd-ts" | "etcd";

const MAIN = fileURLToPath(new URL("../../src/etcd/main.js", import.meta.url));
const READY_TIMEOUT_MS = 30_000;
const LOG_KEPT_BYTES = 64 * 1024;

/** Null when the server can run here, else why not. */
export function whyNot(kind: ServerKind): string | null {
  if (kind === "etcd-ts") return null;
  return isInstalled("etcd") ? null : "Go etcd is not installed (Debian package etcd-server)";
}

export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--help"], { stdio: "ignore" }).error === undefined;
}

export interface ServerOptions {
  readonly kind?: ServerKind;
  readonly name?: string;
  readonly clientPort: number;
  /** Where it really listens; default: any port. */
  readonly peerPort?: number;
  /** As --initial-cluster; default: this member alone. */
  readonly cluster?: string;
  readonly advertisePeerUrl?: string;
  readonly advertiseClientUrl?: string;
  readonly flags?: readonly string[];
  /** Of Go etcd; default: the one on the PATH. */
  readonly binary?: string;
  /** Where the data directory is made; default: the system's folder for temporary files. */
  readonly folder?: string;
}

/** One member; may be killed and started again on the same data. */
export class ServerProcess {
  readonly clientUrl: string;
  readonly #options: ServerOptions;
  readonly #directory: string;
  #child: ChildProcess | null = null;
  #log = "";

  constructor(context: Pick<TestContext, "after">, options: ServerOptions) {
    this.#options = options;
    this.clientUrl = `http://127.0.0.1:${options.clientPort}`;
    this.#directory = mkdtempSync(join(options.folder ?? tmpdir(), "faultline-server-"));
    const remove = removedWithUs(this.#directory);
    context.after(async () => {
      await this.kill("SIGKILL");
      remove();
    });
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#options.clientPort}`;
  }

  /** What it said last, for failures. */
  get log(): string {
    return this.#log;
  }

  start(): void {
    assert.equal(this.#child, null, "the server is not running");
    const [command, ...first] =
      this.#options.kind === "etcd"
        ? [this.#options.binary ?? "etcd"]
        : [process.execPath, ...MEMBER_NODE_OPTIONS, MAIN];
    const child = spawn(command as string, [...first, ...this.#flags()], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    endsWithUs(child);
    child.stderr?.on("data", (bytes: Buffer) => {
      this.#log = (this.#log + bytes.toString()).slice(-LOG_KEPT_BYTES);
    });
  }

  /** Waits for the process's end; the exit code, or null when a signal ended it. */
  kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (child === null) return Promise.resolve(null);
    child.kill(signal);
    return this.exited();
  }

  async exited(): Promise<number | null> {
    const child = this.#child;
    if (child === null) return null;
    if (child.exitCode === null && child.signalCode === null)
      await new Promise((resolve) => {
        child.once("exit", resolve);
      });
    this.#child = null;
    return child.exitCode;
  }

  /** Serves clients: a linearizable read succeeds. */
  async ready(): Promise<void> {
    await eventually(async () => {
      assert.equal(this.#child?.exitCode, null, `the server ended early:\n${this.#log}`);
      return (await this.health("/health")) === 200;
    }, `${this.clientUrl} is healthy; its log:\n${this.#log}`);
  }

  /** The HTTP status of a path; 0 when there is no answer. */
  async health(path: string): Promise<number> {
    try {
      const response = await fetch(this.clientUrl + path, { signal: AbortSignal.timeout(2000) });
      await response.arrayBuffer();
      return response.status;
    } catch {
      return 0;
    }
  }

  #flags(): readonly string[] {
    const { name = "n1", peerPort = 0, advertiseClientUrl = this.clientUrl, flags = [] } = this.#options;
    const { advertisePeerUrl = `http://127.0.0.1:${peerPort}` } = this.#options;
    return [
      `--name=${name}`,
      `--data-dir=${join(this.#directory, "data")}`,
      `--listen-client-urls=${this.clientUrl}`,
      `--advertise-client-urls=${advertiseClientUrl}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--initial-advertise-peer-urls=${advertisePeerUrl}`,
      `--initial-cluster=${this.#options.cluster ?? `${name}=${advertisePeerUrl}`}`,
      ...flags,
    ];
  }
}

/** Ports to listen on, all different; until the test ends none that a test beside it, or an outgoing connection, would take. */
export async function freePorts(
  context: { after(end: () => Promise<void>): void },
  count: number,
): Promise<readonly number[]> {
  const ports = new Ports();
  context.after(() => ports.close());
  return freePortsOf(ports, count);
}

/** The same, until the owner of `ports` closes them. */
export async function freePortsOf(ports: Ports, count: number): Promise<readonly number[]> {
  const free: number[] = [];
  while (free.length < count) free.push(await ports.reserve());
  for (const port of free) await ports.release(port);
  return free;
}

/** Asks again until the condition holds; fails after half a minute. */
export async function eventually(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const limitMs = nodeClock.monotonicMs() + READY_TIMEOUT_MS;
  while (!(await condition())) {
    assert.ok(nodeClock.monotonicMs() < limitMs, `waited too long for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A folder of the workplace beside the repository, when it is there. */
export function sharedFolder(name: string): string | null {
  const folder = join(process.cwd(), "..", "shared", name);
  return existsSync(folder) ? folder : null;
}
