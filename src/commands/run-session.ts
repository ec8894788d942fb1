import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { assert } from "../base/assert.ts";
import { Prng } from "../base/prng.ts";
import { nodeClock } from "../env/node/clock.ts";
import { makeDirectories } from "../env/node/directories.ts";
import { nodeStreams } from "../env/node/streams.ts";
import type { TlsOptions } from "../env/node/streams-tls.ts";
import type { StreamNetwork } from "../env/streams.ts";
import type { Cluster } from "../harness/cluster/cluster.ts";
import { connectEndpoints } from "../harness/cluster/endpoints.ts";
import { inspectEnvironment } from "../harness/cluster/environment.ts";
import { sweep } from "../harness/cluster/sweep.ts";
import { RUN_FILES, writeEvents, writePlan, writeSamples } from "../harness/history/run-files.ts";
import { samplesOf } from "../harness/history/samples.ts";
import { writeHistory } from "../harness/history/writer.ts";
import { LoadError } from "../harness/load/driver.ts";
import type { RunEvent } from "../harness/model/events.ts";
import type { LaunchedTarget, Plan } from "../harness/model/plan.ts";
import type { MachineEnvironment, Samples } from "../harness/model/samples.ts";
import type { Verdict } from "../harness/model/verdict.ts";
import { type LeaseEvidence, readLeaseEvidence } from "../harness/report/lease-evidence.ts";
import { CommandError, EXIT } from "./exit.ts";
import { type Interrupt, stoppedBy } from "./interrupt.ts";
import { judgeRun } from "./judging.ts";
import { faultlineVersion } from "./package.ts";
import type { Progress } from "./progress.ts";
import { type LoadResult, runLoad, sayEvent, sharesStore } from "./run-load.ts";
import { findRuntime, isEnvironmental, type Runtime } from "./runtime.ts";

export interface SessionOptions {
  readonly plan: Plan;
  /** Of https endpoints. */
  readonly tls: TlsOptions;
  /** Repeats the run. */
  readonly command: string;
  readonly reportsDir: string;
  readonly keep: boolean;
  readonly progress: Progress;
  readonly interrupt: Interrupt;
}

export interface SessionResult {
  readonly samples: Samples;
  readonly verdict: Verdict;
  /** Null: no lease was lost. */
  readonly leases: LeaseEvidence | null;
  readonly reportPath: string;
}

/** Of members that run already. */
const DATA_ELSEWHERE = { filesystem: "unknown", fsyncP99Ns: null, warnings: [] } as const;

/** What the load is put on. */
interface Opened {
  readonly cluster: Cluster;
  readonly network: StreamNetwork;
  /** The plan, with the keys that the load uses. */
  readonly plan: Plan;
  /** For the report. */
  readonly subject: string;
  readonly machine: MachineEnvironment;
}

/** One run from plan to report. Owns the run's folder and, while it lasts, the cluster. */
export class RunSession {
  readonly #options: SessionOptions;
  readonly #startedAt = new Date();
  readonly #originMs = nodeClock.monotonicMs();
  readonly #events: RunEvent[] = [];
  #folder = "";
  #cluster: Cluster | null = null;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Throws `CommandError` when the machine or the cluster does not let it begin. */
  async run(): Promise<SessionResult> {
    const { plan, progress, reportsDir, interrupt, keep } = this.#options;
    if (existsSync(reportsDir) && !statSync(reportsDir).isDirectory())
      throw new CommandError(`${reportsDir} is not a folder; name another one with --out`);
    const { target } = plan;
    const runtime = target.kind === "endpoints" ? await this.#sweepOnly() : await this.#findRuntime(target);
    const run = this.#makeFolder();
    writePlan(this.#folder, plan);
    const members = `${plan.members} members ${runtime === null ? "that run already" : `of ${runtime.label}`}`;
    progress.say(`${run}: ${runtime === null ? "connecting to" : "launching"} ${members}, seed ${plan.seed}`);
    const prng = new Prng(plan.seed);
    let load: LoadResult;
    let environment: Samples["environment"];
    try {
      const opened = runtime === null ? await this.#connect(run, prng) : await this.#launch(runtime, prng);
      environment = this.#environment(opened);
      load = await runLoad({
        plan: opened.plan,
        cluster: opened.cluster,
        network: opened.network,
        prng,
        originMs: this.#originMs,
        signal: interrupt.signal,
        progress,
        record: this.#record,
      });
    } catch (error) {
      throw this.#explained(error);
    } finally {
      await this.#cluster?.stop();
    }
    if (interrupt.by !== null) this.#record({ atNs: this.#nowNs(), kind: "interrupted", signal: interrupt.by });
    progress.say("writing the history, checking it, writing the report");
    let verdict: Verdict | null = null;
    try {
      const samples = await this.#writeRecords(run, load, environment);
      verdict = await judgeRun(this.#folder);
      const { writeReport } = await import("../harness/report/write.ts");
      const reportPath = await writeReport(this.#folder);
      const leases = await readLeaseEvidence(this.#folder);
      if (verdict.exitCode === EXIT.pass && !keep) this.#removeData();
      return { samples, verdict, leases, reportPath };
    } catch (error) {
      throw this.#unwritten(error, verdict);
    }
  }

  #removeData(): void {
    rmSync(join(this.#folder, RUN_FILES.data), { recursive: true, force: true });
  }

  /** The system refused to write (a full disk, say): no bug, and a verdict that is there still counts. */
  #unwritten(error: unknown, verdict: Verdict | null): unknown {
    const { syscall, message } = error as NodeJS.ErrnoException;
    if (syscall === undefined) return error;
    const known = verdict === null ? "there is no verdict" : `verdict ${verdict.verdict}: ${verdict.headline}`;
    const text = `${this.#folder} could not be written: ${message}; ${known}`;
    return new CommandError(text, verdict?.exitCode === EXIT.safety ? EXIT.safety : EXIT.environment);
  }

  /** Ends every process at once, for a person who does not want to wait. */
  kill(): void {
    this.#cluster?.killAll();
  }

  #nowNs(): number {
    return Math.round((nodeClock.monotonicMs() - this.#originMs) * 1e6);
  }

  #record = (event: RunEvent): void => {
    this.#events.push(event);
    sayEvent(event, this.#options.progress);
  };

  /** `20261122-170212-quickstart-7`; a number behind it when two runs begin in the same second. */
  #makeFolder(): string {
    const { plan, reportsDir } = this.#options;
    const stamp = this.#startedAt.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
    const name = `${stamp}-${plan.name}-${plan.seed}`;
    for (let i = 1; ; i++) {
      const run = i === 1 ? name : `${name}-${i}`;
      this.#folder = join(reportsDir, run);
      if (existsSync(this.#folder)) continue;
      try {
        makeDirectories(reportsDir);
        mkdirSync(this.#folder);
        return run;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST") continue;
        throw new CommandError(
          `${this.#folder}: ${(error as Error).message}; name another folder with --out`,
          EXIT.environment,
        );
      }
    }
  }

  /** Before anything is made: a target that cannot be had leaves no run behind. */
  async #findRuntime(target: LaunchedTarget): Promise<Runtime> {
    const { plan, keep, reportsDir, progress, interrupt } = this.#options;
    const say = (text: string): void => progress.say(text);
    const options = { ...plan, target, keep, environment: process.env, say, signal: interrupt.signal };
    try {
      return await findRuntime(options, reportsDir);
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async #sweepOnly(): Promise<null> {
    const { reportsDir, progress } = this.#options;
    for (const line of await sweep(reportsDir)) progress.say(`swept up: ${line}`);
    return null;
  }

  /** The run's keys are apart from everybody else's, also from those of a run that begins elsewhere in the same second. */
  async #connect(run: string, prng: Prng): Promise<Opened> {
    const { plan, tls } = this.#options;
    const prefix = `${plan.keys.prefix}${run}-${randomBytes(3).toString("hex")}/`;
    const note = (text: string): void => this.#record({ atNs: this.#nowNs(), kind: "note", text });
    assert(plan.target.kind === "endpoints", "there is something to connect to");
    const { endpoints } = plan.target;
    const cluster = await connectEndpoints({ endpoints, tls, keyPrefix: prefix, prng: prng.fork(), say: note });
    this.#cluster = cluster;
    note(`all keys of this run have the prefix ${prefix}`);
    const subject = `version ${cluster.version} at ${endpoints.join(", ")}: members that ran already`;
    const machine = { ...inspectEnvironment(this.#folder), ...DATA_ELSEWHERE };
    return { cluster, network: cluster.network, plan: { ...plan, keys: { ...plan.keys, prefix } }, subject, machine };
  }

  async #launch(runtime: Runtime, prng: Prng): Promise<Opened> {
    const { plan } = this.#options;
    const { cluster, machine, place } = await runtime.launch(this.#folder, prng.uint32());
    this.#cluster = cluster;
    for (const { name, pid } of cluster.members)
      if (pid !== null) this.#record({ atNs: 0, kind: "member-started", member: name, pid });
    cluster.onStart((member, pid) => this.#record({ atNs: this.#nowNs(), kind: "member-started", member, pid }));
    cluster.onExit(({ member, code, signal, planned, crashed }) => {
      if (planned) return;
      const atNs = this.#nowNs();
      if (cluster.members.some(({ name }) => name === member))
        this.#record({ atNs, kind: "member-exited", member, code, signal, planned, crashed });
      else
        this.#record({
          atNs,
          kind: "harness-broke",
          reason: `${member} between the members ended (${signal ?? code ?? "it is not heard any more"})`,
        });
    });
    const subject = `${runtime.label}, ${cluster.members.length} members, ${place}`;
    return { cluster, network: nodeStreams, plan, subject, machine };
  }

  #environment({ cluster, subject, machine }: Opened): Samples["environment"] {
    return {
      ...machine,
      faultlineVersion: faultlineVersion(),
      target: subject,
      proxy: cluster.proxyVersion,
    };
  }

  async #writeRecords(run: string, load: LoadResult, environment: Samples["environment"]): Promise<Samples> {
    const { plan, command } = this.#options;
    const { driver, cpu, unsent } = load;
    const events = this.#events.sort((a, b) => a.atNs - b.atNs);
    const header = {
      type: "history",
      version: 1,
      run,
      members: (this.#cluster as Cluster).members.map(({ name }) => name),
      initialRevision: driver.initialRevision,
      watchers: plan.clients.watchersPerMember * plan.members,
      watchEventsLost: driver.recorder.eventsLost,
      ...(sharesStore(plan) ? { exclusive: false } : {}),
    } as const;
    await writeHistory(join(this.#folder, RUN_FILES.history), header, driver.recorder.records());
    writeEvents(this.#folder, events);
    const samples = samplesOf(
      {
        run,
        command,
        startedAt: this.#startedAt.toISOString(),
        durationNs: this.#nowNs(),
        environment,
        unsent,
        phases: plan.phases,
        events,
        cpu,
      },
      driver.recorder.records(),
    );
    writeSamples(this.#folder, samples);
    return samples;
  }

  #explained(error: unknown): unknown {
    const { interrupt } = this.#options;
    if (interrupt.by !== null && this.#cluster === null) {
      if (this.#folder !== "") this.#removeData();
      return new CommandError("interrupted before there was anything to report", stoppedBy(interrupt.by));
    }
    if (isEnvironmental(error) || error instanceof LoadError) return new CommandError(error.message, EXIT.environment);
    return error;
  }
}
