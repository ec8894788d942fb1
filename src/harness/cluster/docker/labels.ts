import type { ProcessIdentity } from "../identity.ts";

/**
 * Everything that a run makes in an engine (containers, networks, volumes) says whose it is, so that it can be removed when the
 * harness cannot do it any more. What does not carry all of these labels is never touched.
 */
export type Labels = Readonly<Record<string, string>>;

export const LABEL = {
  /** Of the cluster: random. */
  cluster: "faultline.cluster",
  /** Name of the run's folder, for people. */
  run: "faultline.run",
  /** The member it belongs to, or "toxiproxy". */
  part: "faultline.part",
  host: "faultline.host",
  pid: "faultline.harness.pid",
  start: "faultline.harness.start",
} as const;

export interface Owner {
  readonly cluster: string;
  readonly run: string;
  /** An engine may serve harnesses on several machines; process ids mean something on one of them. */
  readonly host: string;
  readonly harness: ProcessIdentity;
}

export function labelsOf({ cluster, run, host, harness }: Owner, part: string): Record<string, string> {
  return {
    [LABEL.cluster]: cluster,
    [LABEL.run]: run,
    [LABEL.part]: part,
    [LABEL.host]: host,
    [LABEL.pid]: String(harness.pid),
    [LABEL.start]: harness.start,
  };
}

/** Null when they are not, or not completely, a run's. */
export function ownerOf(labels: Labels): Owner | null {
  const { [LABEL.cluster]: cluster = "", [LABEL.run]: run = "", [LABEL.host]: host = "" } = labels;
  const { [LABEL.pid]: pid = "", [LABEL.start]: start = "" } = labels;
  if (!/^[0-9a-f]{12}$/.test(cluster) || run === "" || host === "" || !/^\d+$/.test(pid) || start === "") return null;
  return { cluster, run, host, harness: { pid: Number(pid), start } };
}

/** The clusters, id -> run, among `found` whose harness ran on this `host` and runs no more. */
export function abandoned(
  found: readonly Labels[],
  host: string,
  isRunning: (harness: ProcessIdentity) => boolean,
): ReadonlyMap<string, string> {
  const clusters = new Map<string, string>();
  for (const labels of found) {
    const owner = ownerOf(labels);
    if (owner === null || owner.host !== host || clusters.has(owner.cluster)) continue;
    if (!isRunning(owner.harness)) clusters.set(owner.cluster, owner.run);
  }
  return clusters;
}
