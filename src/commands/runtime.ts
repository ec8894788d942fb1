import { join } from "node:path";
import type { Cluster } from "../harness/cluster/cluster.ts";
import { LaunchError } from "../harness/cluster/cluster.ts";
import { ImageError } from "../harness/cluster/docker/image.ts";
import { inspectEnvironment } from "../harness/cluster/environment.ts";
import { launchCluster } from "../harness/cluster/launch.ts";
import { findProgram } from "../harness/cluster/programs.ts";
import { sweep } from "../harness/cluster/sweep.ts";
import { programLabel, TargetError } from "../harness/cluster/targets.ts";
import { proxyProgram } from "../harness/faults/toxiproxy/program.ts";
import { RUN_FILES } from "../harness/history/run-files.ts";
import type { LaunchedTarget, Plan } from "../harness/model/plan.ts";
import type { MachineEnvironment } from "../harness/model/samples.ts";

/** What a cluster is to be made of, and how. */
export interface RuntimeOptions extends Pick<Plan, "runtime" | "proxy" | "members" | "resources" | "logLevel"> {
  readonly target: LaunchedTarget;
  /** Keeps the members' data. */
  readonly keep: boolean;
  readonly environment: NodeJS.ProcessEnv;
  /** Told what takes long, and what was swept up. */
  readonly say: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Everything that is needed is there, and nothing is made yet. */
export interface Runtime {
  /** What will run, for people. */
  readonly label: string;
  /** `runDir` is the run's own folder. Rejects as `isEnvironmental` knows, or with the signal's reason; then nothing is left. */
  launch(runDir: string, seed: number): Promise<Launched>;
}

export interface Launched {
  readonly cluster: Cluster;
  readonly machine: MachineEnvironment;
  /** For the report: "processes". */
  readonly place: string;
}

/** Sweeps up what earlier runs left, in `reportsDir` and in an engine, and finds what the cluster is made of. */
export async function findRuntime(options: RuntimeOptions, reportsDir: string): Promise<Runtime> {
  for (const line of await sweep(reportsDir)) options.say(`swept up: ${line}`);
  if (options.runtime === "process") return await findProcesses(options);
  // testcontainers takes half a second to load.
  const { findContainers } = await import("./runtime-docker.ts");
  return await findContainers(options);
}

/** The machine lacks something, or does not let it be done: the message says what, and no stack is needed. */
export function isEnvironmental(error: unknown): error is Error {
  return error instanceof TargetError || error instanceof LaunchError || error instanceof ImageError;
}

async function findProcesses(options: RuntimeOptions): Promise<Runtime> {
  const { members, logLevel, keep, signal, environment } = options;
  const target = await findProgram(options.target, options);
  const proxy = proxyProgram(options.proxy, environment);
  return {
    label: programLabel(target),
    launch: async (runDir, seed) => {
      const machine = inspectEnvironment(join(runDir, RUN_FILES.data));
      const made = { members, runDir, logLevel, target, proxy, seed, keepData: keep, signal };
      const cluster = await launchCluster(made);
      return { cluster, machine, place: "processes" };
    },
  };
}
