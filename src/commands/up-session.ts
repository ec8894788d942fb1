import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeDirectories } from "../env/node/directories.ts";
import { type Cluster, LaunchError } from "../harness/cluster/cluster.ts";
import { launchCluster } from "../harness/cluster/launch.ts";
import { findProgram } from "../harness/cluster/programs.ts";
import type { MemberExit } from "../harness/cluster/supervisor.ts";
import { sweep } from "../harness/cluster/sweep.ts";
import { type Program, programLabel, TargetError } from "../harness/cluster/targets.ts";
import { watchLeaders } from "../harness/faults/leaders.ts";
import { EMBEDDED_TOXIPROXY } from "../harness/faults/toxiproxy/program.ts";
import { RUN_FILES } from "../harness/history/run-files.ts";
import type { LaunchedTarget } from "../harness/model.ts";
import { eventText } from "../harness/report/event-text.ts";
import { CommandError, EXIT } from "./exit.ts";
import type { Interrupt } from "./interrupt.ts";
import { onPath } from "./on-path.ts";
import type { Progress } from "./progress.ts";
import { formatTable } from "./table.ts";
import { hints } from "./up-hints.ts";

/** Of the seed for the proxy's chances. */
const SEED_BOUND: number = 2 ** 32;

export interface UpOptions {
  readonly members: number;
  readonly target: LaunchedTarget;
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
      for (const line of await sweep(out)) progress.say(`swept up: ${line}`);
      const program = await this.#findProgram();
      const folder = this.#makeFolder();
      try {
        await this.#launch(program, folder);
        await this.#stay(program, folder);
      } finally {
        await this.#cluster?.stop();
        if (!keep) this.#clear(folder);
      }
    } catch (error) {
      if (interrupt.by !== null && this.#cluster === null)
        throw new CommandError(
          "interrupted before the cluster was up",
          interrupt.by === "SIGINT" ? EXIT.interrupted : EXIT.terminated,
        );
      if (error instanceof TargetError || error instanceof LaunchError)
        throw new CommandError(error.message, EXIT.environment);
      throw error;
    }
  }

  /** Ends every process at once, for a person who does not want to wait. The next start removes the data. */
  kill(): void {
    this.#cluster?.killAll();
  }

  async #findProgram(): Promise<Program> {
    const { target, progress, interrupt } = this.#options;
    return await findProgram(target, {
      environment: process.env,
      say: (text) => progress.say(text),
      signal: interrupt.signal,
    });
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

  async #launch(program: Program, folder: string): Promise<void> {
    const { members, keep, progress, interrupt } = this.#options;
    progress.say(`launching ${members} ${members === 1 ? "member" : "members"} of ${programLabel(program)}`);
    const cluster = await launchCluster({
      members,
      runDir: folder,
      target: program,
      proxy: EMBEDDED_TOXIPROXY,
      seed: randomInt(SEED_BOUND),
      keepData: keep,
      signal: interrupt.signal,
    });
    this.#cluster = cluster;
    cluster.onStart((member, pid) => progress.say(`${member} started again (pid ${pid})`));
    cluster.onExit((exit) => {
      if (exit.planned) return;
      this.#crashed ||= exit.crashed;
      progress.say(exitText(exit, join(folder, RUN_FILES.logs)));
    });
  }

  async #stay(program: Program, folder: string): Promise<void> {
    const { progress, interrupt } = this.#options;
    const cluster = this.#cluster as Cluster;
    const leader = await cluster.leader();
    console.log(overview(cluster, folder, leader?.member ?? null));
    progress.say(`${programLabel(program)} is up: Ctrl-C stops it${this.#options.keep ? "" : " and removes its data"}`);
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
