import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeDirectories } from "../env/node/directories.ts";
import type { Cluster } from "../harness/cluster/cluster.ts";
import type { MemberExit } from "../harness/cluster/supervisor.ts";
import { watchLeaders } from "../harness/faults/leaders.ts";
import { RUN_FILES } from "../harness/history/run-files.ts";
import type { LaunchedTarget, ProxyChoice, Runtime as RuntimeName } from "../harness/model/plan.ts";
import { eventText } from "../harness/report/event-text.ts";
import { CommandError, EXIT } from "./exit.ts";
import { type Interrupt, stoppedBy } from "./interrupt.ts";
import { onPath } from "./on-path.ts";
import type { Progress } from "./progress.ts";
import { findRuntime, isEnvironmental, type Runtime } from "./runtime.ts";
import { formatTable } from "./table.ts";
import { hints } from "./up-hints.ts";

/** Of the seed for the proxy's chances. */
const SEED_BOUND: number = 2 ** 32;
/** What only a plan can say. */
const DEFAULTS = {
  resources: { cpus: null, memoryMegabytes: null, dataMegabytes: null },
  logLevel: "info",
} as const;

export interface UpOptions {
  readonly members: number;
  readonly target: LaunchedTarget;
  readonly runtime: RuntimeName;
  readonly proxy: ProxyChoice;
  readonly out: string;
  readonly keep: boolean;
  readonly progress: Progress;
  readonly interrupt: Interrupt;
}

/** A cluster for a person to play with, from its launch to Ctrl-C. Owns the cluster and its folder. */
export class UpSession {
  readonly #options: UpOptions;
  #cluster: Cluster | null = null;
  #crashed = false;

  constructor(options: UpOptions) {
    this.#options = options;
  }

  /** Resolves when it was asked to stop and everything has ended. Throws `CommandError` when the cluster does not come up. */
  async run(): Promise<void> {
    const { out, keep, progress, interrupt } = this.#options;
    try {
      const say = (text: string): void => progress.say(text);
      const runtime = await findRuntime(
        { ...this.#options, ...DEFAULTS, environment: process.env, say, signal: interrupt.signal },
        out,
      );
      const folder = this.#makeFolder();
      try {
        await this.#launch(runtime, folder);
        await this.#stay(runtime, folder);
      } finally {
        await this.#cluster?.stop();
        if (!keep) this.#clear(folder);
      }
    } catch (error) {
      if (interrupt.by !== null && this.#cluster === null)
        throw new CommandError("interrupted before the cluster was up", stoppedBy(interrupt.by));
      if (isEnvironmental(error)) throw new CommandError(error.message, EXIT.environment);
      throw error;
    }
  }

  /** Ends every process at once, for a person who does not want to wait. The next start removes the data. */
  kill(): void {
    this.#cluster?.killAll();
  }

  /** `20261122-170212-up-Xy3kQz` */
  #makeFolder(): string {
    const { out } = this.#options;
    const stamp = new Date().toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
    try {
      makeDirectories(out);
      return mkdtempSync(join(out, `${stamp}-up-`));
    } catch (error) {
      throw new CommandError(`${out}: ${(error as Error).message}; name another folder with --out`, EXIT.environment);
    }
  }

  async #launch(runtime: Runtime, folder: string): Promise<void> {
    const { members, progress } = this.#options;
    progress.say(`launching ${members} ${members === 1 ? "member" : "members"} of ${runtime.label}`);
    const { cluster } = await runtime.launch(folder, randomInt(SEED_BOUND));
    this.#cluster = cluster;
    cluster.onStart((member, pid) => progress.say(`${member} started again (pid ${pid})`));
    cluster.onExit((exit) => {
      if (exit.planned) return;
      this.#crashed ||= exit.crashed;
      progress.say(exitText(exit, join(folder, RUN_FILES.logs)));
    });
  }

  async #stay(runtime: Runtime, folder: string): Promise<void> {
    const { progress, interrupt } = this.#options;
    const cluster = this.#cluster as Cluster;
    const leader = await cluster.leader();
    console.log(overview(cluster, folder, leader?.member ?? null));
    progress.say(`${runtime.label} is up: Ctrl-C stops it${this.#options.keep ? "" : " and removes its data"}`);
    await watchLeaders({
      cluster,
      nowNs: () => 0,
      record: (event) => progress.say(eventText(event)),
      signal: interrupt.signal,
    });
  }

  /** An orderly end leaves nothing; the logs of what failed stay. */
  #clear(folder: string): void {
    const { progress, interrupt } = this.#options;
    const failed = this.#crashed || (this.#cluster === null && interrupt.by === null);
    rmSync(failed ? join(folder, RUN_FILES.data) : folder, { recursive: true, force: true });
    if (failed) progress.say(`the logs stay in ${join(folder, RUN_FILES.logs)}`);
  }
}

function exitText({ member, code, signal, crashed }: MemberExit, logs: string): string {
  const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`;
  const next = crashed ? `it crashed and stays down, its log is ${join(logs, `${member}.log`)}` : "it is started again";
  return `${member} ${how}: ${next}`;
}

function overview(cluster: Cluster, folder: string, leader: string | null): string {
  const { members, proxyUrl, proxyVersion } = cluster;
  const rows = members.map(({ name, clientEndpoint, directClientEndpoint, pid }) => [
    name,
    clientEndpoint,
    directClientEndpoint,
    String(pid ?? "down"),
  ]);
  const subject = leader ?? (members[0] as (typeof members)[number]).name;
  const etcdctl = onPath("etcdctl", process.env) !== null;
  const tries = hints({ members, subject, proxyUrl, etcdctl }).flatMap(({ about, commands }) => [
    `  # ${about}`,
    ...commands.map((command) => `  ${command}`),
  ]);
  return [
    formatTable([["member", "through its proxy", "direct", "pid"], ...rows]),
    "",
    `proxy    ${proxyUrl} (${proxyVersion})`,
    `files    ${folder}`,
    "",
    "Try in another terminal:",
    ...tries,
  ].join("\n");
}
