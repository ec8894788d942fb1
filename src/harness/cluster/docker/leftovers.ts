import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning } from "../identity.ts";
import { type Engine, engineTrouble, isSettled, limited } from "./engine.ts";
import { abandoned, LABEL, type Labels } from "./labels.ts";

const REMOVE_LIMIT_MS = 20_000;
const REMOVE_POLL_MS = 50;

/** How much was removed. */
export interface Removed {
  readonly containers: number;
  readonly networks: number;
  readonly volumes: number;
}

/**
 * Removes everything of one cluster, whatever state it is in. Rejects when the engine does not answer or something is still there
 * after some time.
 */
export async function removeCluster(engine: Engine, cluster: string): Promise<Removed> {
  const label = `${LABEL.cluster}=${cluster}`;
  const untilMs = performance.now() + REMOVE_LIMIT_MS;
  const removed = new Map<string, "containers" | "networks" | "volumes">();
  for (;;) {
    const found = await findAll(engine, label);
    // Networks and volumes can go when the containers that use them are gone; what was refused is tried again.
    for (const kind of ["containers", "networks", "volumes"] as const) {
      const names = found[kind].map(({ name }) => name);
      const attempts = await Promise.allSettled(names.map((name) => removeOne(engine, kind, name)));
      attempts.forEach((attempt, i) => {
        if (attempt.status === "fulfilled") removed.set(`${kind} ${names[i]}`, kind);
        else if (!isSettled(attempt.reason) && performance.now() > untilMs) throw attempt.reason;
      });
    }
    if (found.containers.length + found.networks.length + found.volumes.length === 0) break;
    if (performance.now() > untilMs) throw new Error(`the cluster ${cluster} could not be removed completely`);
    await delay(REMOVE_POLL_MS);
  }
  const count = (kind: string): number => [...removed.values()].filter((each) => each === kind).length;
  return { containers: count("containers"), networks: count("networks"), volumes: count("volumes") };
}

/** Removes what harnesses of this machine left that were killed. Answers a line for each cluster, for people. */
export async function sweepEngine(engine: Engine): Promise<readonly string[]> {
  const { containers, networks, volumes } = await findAll(engine, LABEL.cluster);
  const labels = [...containers, ...networks, ...volumes].map((each) => each.labels);
  const lines: string[] = [];
  for (const [cluster, run] of abandoned(labels, hostname(), isRunning)) {
    try {
      const removed = await removeCluster(engine, cluster);
      const counts = `${removed.containers} containers, ${removed.networks} networks, ${removed.volumes} volumes`;
      lines.push(`${run} was killed in the middle: removed ${counts}`);
    } catch (error) {
      lines.push(`${run} was killed in the middle: ${engineTrouble(error)}`);
    }
  }
  return lines;
}

interface Labelled {
  readonly name: string;
  readonly labels: Labels;
}

async function findAll(
  { dockerode }: Engine,
  label: string,
): Promise<Readonly<Record<"containers" | "networks" | "volumes", readonly Labelled[]>>> {
  const filters = { label: [label] };
  const [containers, networks, volumes] = await Promise.all([
    dockerode.listContainers({ all: true, filters, ...limited() }),
    dockerode.listNetworks({ filters, ...limited() }),
    dockerode.listVolumes({ filters, ...limited() }),
  ]);
  return {
    containers: containers.map(({ Id, Labels }) => ({ name: Id, labels: Labels })),
    networks: networks.map(({ Id, Labels }) => ({ name: Id, labels: Labels ?? {} })),
    volumes: (volumes.Volumes ?? []).map(({ Name, Labels }) => ({ name: Name, labels: Labels ?? {} })),
  };
}

async function removeOne({ dockerode }: Engine, kind: keyof Removed, name: string): Promise<void> {
  if (kind === "containers") await dockerode.getContainer(name).remove({ force: true, v: true, ...limited() });
  else if (kind === "networks") await dockerode.getNetwork(name).remove(limited());
  else await dockerode.getVolume(name).remove(limited());
}
