/** Clusters to be measured: ours or Go etcd, as processes of their own that talk to each other without anything between them. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { assert } from "../../../src/base/assert.ts";
import { MEMBER_NODE_OPTIONS } from "../../../src/base/node-options.ts";
import { Prng } from "../../../src/base/prng.ts";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import { GrpcConnection } from "../../../src/grpc/connection.ts";
import { MemberProbes } from "../../../src/harness/cluster/member-probes.ts";
import { Ports } from "../../../src/harness/cluster/ports.ts";
import { logEnd } from "../../../src/harness/cluster/process.ts";
import { etcdFlags, memberEnvironment, type Program } from "../../../src/harness/cluster/targets.ts";
import { endsWithUs, removedWithUs } from "../../support/belongings.ts";
import { freePortsOf } from "../../support/etcd-server.ts";
import type { Pauses } from "./pause-meter.ts";

const MAIN = fileURLToPath(new URL("../../../src/etcd/main.js", import.meta.url));
const PAUSE_METER = new URL("./pause-meter.js", import.meta.url).href;
const READY_LIMIT_MS = 300_000;
const POLL_MS = 10;
/** As Linux counts CPU time in /proc (USER_HZ). */
const TICK_SECONDS = 0.01;
/** Nothing that is measured may run into the default of 2 GiB. */
const QUOTA_BYTES = 8 * 1024 ** 3;
const RESPONSE_MAX_BYTES = 1024 ** 3;

export interface ClusterOptions {
  readonly program: Program;
  readonly members: number;
  readonly flags?: readonly string[];
  /** Ours only: measure pauses of the event loop, for `BenchMember.pauses`; perhaps where they are spent, too. */
  readonly pauses?: "no" | "how-long" | "where";
  /** Ours only: a CPU profile of each member, written into this folder when it stops. */
  readonly profileDir?: string | null;
}

export class BenchMember {
  readonly name: string;
  readonly port: number;
  readonly #command: readonly string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #logFile: string;
  #child: ChildProcess | null = null;

  constructor(name: string, port: number, command: readonly string[], environment: NodeJS.ProcessEnv, logFile: string) {
    this.name = name;
    this.port = port;
    this.#command = command;
    this.#environment = environment;
    this.#logFile = logFile;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  start(): void {
    assert(this.#child === null, "a member is started once at a time");
    const [program = "", ...args] = this.#command;
    const log = openSync(this.#logFile, "a");
    this.#child = spawn(program, args, { stdio: ["ignore", log, log, "ipc"], env: this.#environment });
    endsWithUs(this.#child);
    closeSync(log);
  }

  /** Resolves when the process has ended. */
  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  /** Resolves when a linearizable read is answered. */
  async serves(): Promise<void> {
    const untilMs = performance.now() + READY_LIMIT_MS;
    for (;;) {
      if (this.#child?.exitCode !== null || performance.now() > untilMs)
        throw new Error(`${this.name} does not serve; ${logEnd(this.#logFile)}`);
      if ((await this.#get("/health"))?.includes("true") === true) return;
      await delay(POLL_MS);
    }
  }

  /** User and system, since its start. */
  cpuSeconds(): number {
    // The program's name, in parentheses, may contain anything.
    const fields = this.#proc("stat")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS;
  }

  /** What it holds in memory now: all of it, and the part that is not pages of files. */
  memory(): { readonly residentBytes: number; readonly anonymousBytes: number } {
    const status = this.#proc("status");
    const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) * 1024;
    return { residentBytes: field("VmRSS"), anonymousBytes: field("RssAnon") };
  }

  /** A value of its metrics page, the sum where it is told by labels; null where it has none of that name. */
  async metrics(): Promise<(name: string) => number | null> {
    const text = (await this.#get("/metrics")) ?? "";
    return (name) => {
      const found = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})?\\s+(\\S+)$`, "gm"))];
      return found.length === 0 ? null : found.reduce((sum, [, value]) => sum + Number(value), 0);
    };
  }

  /** The longest pauses of its event loop since they were last asked for. */
  async pauses(): Promise<Pauses> {
    const child = this.#child;
    assert(child !== null, "only a running member is asked");
    const answer = once(child, "message");
    child.send("pauses");
    const [pauses] = (await answer) as [Pauses];
    return pauses;
  }

  /** Its owner closes it. */
  async connect(): Promise<GrpcConnection> {
    const stream = nodeStreams.connect({ host: "127.0.0.1", port: this.port });
    const connection = new GrpcConnection(stream, { clock: nodeClock, maxResponseBytes: RESPONSE_MAX_BYTES });
    await new Promise<void>((resolve, reject) => {
      connection.onReady(resolve);
      connection.onClosed((error) => reject(error ?? new Error("closed before it was open")));
    });
    return connection;
  }

  #proc(file: string): string {
    return readFileSync(`/proc/${this.#child?.pid}/${file}`, "utf8");
  }

  async #get(path: string): Promise<string | null> {
    try {
      const response = await fetch(this.url + path, { signal: AbortSignal.timeout(5000) });
      const text = await response.text();
      return response.ok ? text : null;
    } catch {
      return null;
    }
  }
}

/** Owns its processes, their ports and its folder until `stop`, or until this process ends, be it by a signal. */
export class BenchCluster {
  readonly members: readonly BenchMember[];
  readonly #ports: Ports;
  readonly #removeFolder: () => void;
  readonly #stopSignal: "SIGTERM" | "SIGKILL";
  readonly #probes: MemberProbes;

  /** Resolves when every member serves. */
  static async start(options: ClusterOptions): Promise<BenchCluster> {
    const folder = mkdtempSync(join(tmpdir(), "faultline-bench-"));
    const removeFolder = removedWithUs(folder);
    const ports = new Ports();
    const members = await makeMembers(options, folder, ports);
    const cluster = new BenchCluster(members, ports, removeFolder, options.profileDir != null);
    try {
      for (const member of cluster.members) member.start();
      await Promise.all(cluster.members.map((member) => member.serves()));
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  private constructor(members: readonly BenchMember[], ports: Ports, removeFolder: () => void, isProfiled: boolean) {
    this.members = members;
    this.#ports = ports;
    this.#removeFolder = removeFolder;
    this.#stopSignal = isProfiled ? "SIGTERM" : "SIGKILL";
    this.#probes = new MemberProbes(new Map(members.map(({ name, url }) => [name, url])), new Prng(1));
  }

  async leader(): Promise<BenchMember> {
    for (;;) {
      const leader = await this.#probes.leader();
      const member = this.members.find(({ name }) => name === leader?.member);
      if (member !== undefined) return member;
      await delay(POLL_MS);
    }
  }

  /** The revision each member has applied; null where it does not answer. */
  revisions(): Promise<Readonly<Record<string, number | null>>> {
    return this.#probes.revisions();
  }

  cpuSeconds(): number {
    return this.members.reduce((sum, member) => sum + member.cpuSeconds(), 0);
  }

  async stop(): Promise<void> {
    this.#probes.close();
    await Promise.all(this.members.map((member) => member.stop(this.#stopSignal)));
    await this.#ports.close();
    this.#removeFolder();
  }
}

async function makeMembers(options: ClusterOptions, folder: string, ports: Ports): Promise<readonly BenchMember[]> {
  const { program, members, flags = [], pauses = "no", profileDir = null } = options;
  const free = await freePortsOf(ports, 2 * members);
  const urlOf = (port: number | undefined): string => `http://127.0.0.1:${port}`;
  const names = Array.from({ length: members }, (_, i) => `n${i + 1}`);
  const peerUrls = new Map(names.map((name, i) => [name, urlOf(free[members + i])]));
  const extra = [
    ...(pauses === "no" ? [] : ["--import", pauses === "where" ? `${PAUSE_METER}?where` : PAUSE_METER]),
    ...(profileDir === null ? [] : ["--cpu-prof", "--cpu-prof-dir", profileDir]),
  ];
  const start = program.kind === "ts" ? [process.execPath, ...MEMBER_NODE_OPTIONS, ...extra, MAIN] : [program.binary];
  const environment = memberEnvironment();
  return names.map((name, i) => {
    const clientUrl = urlOf(free[i]);
    const own = etcdFlags({
      name,
      token: "bench",
      dataDir: join(folder, name),
      listenPeerUrl: peerUrls.get(name) as string,
      listenClientUrl: clientUrl,
      advertiseClientUrl: clientUrl,
      peerUrls,
    });
    const command = [...start, ...own, "--quota-backend-bytes", String(QUOTA_BYTES), "--log-level", "warn", ...flags];
    return new BenchMember(name, free[i] as number, command, environment, join(folder, `${name}.log`));
  });
}
