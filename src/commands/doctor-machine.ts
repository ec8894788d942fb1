import { existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { dirname, join, resolve } from "node:path";
import { filesystemOf, measureSyncs } from "../harness/cluster/environment.ts";
import { reserveAddresses } from "../harness/cluster/network.ts";
import { Ports } from "../harness/cluster/ports.ts";
import { formatDuration } from "../harness/report/format.ts";
import type { Finding } from "./doctor-finding.ts";

const QUICKSTART_MEMBERS = 3;
const CORES_WANTED = 2;
const GIBIBYTE: number = 1024 ** 3;
const MEMORY_WANTED_BYTES: number = GIBIBYTE;
/** etcd's own advice for its log: slower syncs cost leaders their office under load. */
const SYNC_P99_WANTED_NS = 10e6;

/** What the machine itself brings. Measures syncs below `reportsDir`, without a trace, for at most a second. */
export async function lookAtMachine(reportsDir: string): Promise<readonly Finding[]> {
  return [lookAtNode(), lookAtCores(), lookAtMemory(), lookAtDisk(reportsDir), await lookAtPorts()];
}

/** main.ts lets no older one get here. */
function lookAtNode(): Finding {
  const version = process.versions.node;
  return {
    name: "node",
    state: "ok",
    needed: true,
    found: version,
    enables: "everything",
    remedy: null,
    figures: { version },
  };
}

function lookAtCores(): Finding {
  const cores = availableParallelism();
  const model = cpus()[0]?.model.trim() ?? "unknown";
  const enough = cores >= CORES_WANTED;
  return {
    name: "cores",
    state: enough ? "ok" : "poor",
    needed: false,
    found: `${cores} (${model})`,
    enables: "figures that tell of the store rather than of the load beside it",
    remedy: enough ? null : "compare figures only with others of this machine",
    figures: { cores, model },
  };
}

function lookAtMemory(): Finding {
  // A container's limit, where there is one; "none" is 0 or larger than the machine.
  const limit = process.constrainedMemory();
  const totalBytes = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const availableBytes = Math.min(process.availableMemory(), totalBytes);
  const enough = availableBytes >= MEMORY_WANTED_BYTES;
  return {
    name: "memory",
    state: enough ? "ok" : "poor",
    needed: false,
    found: `${gibibytes(totalBytes)}, ${gibibytes(availableBytes)} of it available`,
    enables: "a cluster and its load side by side",
    remedy: enough ? null : "end other programs, or allow this container more",
    figures: { totalBytes, availableBytes },
  };
}

function gibibytes(bytes: number): string {
  return `${(bytes / GIBIBYTE).toFixed(1)} GiB`;
}

function lookAtDisk(reportsDir: string): Finding {
  const about = { name: "disk", needed: true, enables: `members' data and reports in ${reportsDir}` };
  let probe: DiskProbe;
  try {
    probe = probeDisk(reportsDir);
  } catch (error) {
    return {
      ...about,
      state: "missing",
      found: `${reportsDir} cannot be written: ${(error as Error).message}`,
      remedy: "name another folder with --out",
      figures: { filesystem: null, fsyncP50Ns: null, fsyncP99Ns: null },
    };
  }
  const { filesystem, fsyncP50Ns, fsyncP99Ns } = probe;
  const inMemory = filesystem === "tmpfs" || filesystem === "ramfs";
  const slow = fsyncP99Ns === null || fsyncP99Ns > SYNC_P99_WANTED_NS;
  const remedy = inMemory
    ? "syncs cost nothing in memory: name a folder on a disk with --out to get comparable figures"
    : slow
      ? "name a folder on a faster disk with --out"
      : null;
  return {
    ...about,
    state: remedy === null ? "ok" : "poor",
    found: `${filesystem}; a synced write takes p50 ${formatDuration(fsyncP50Ns)}, p99 ${formatDuration(fsyncP99Ns)}`,
    remedy,
    figures: { filesystem, fsyncP50Ns, fsyncP99Ns },
  };
}

interface DiskProbe {
  readonly filesystem: string;
  /** Null when too few syncs fit into the time to say. */
  readonly fsyncP50Ns: number | null;
  readonly fsyncP99Ns: number | null;
}

/** Throws the system's error where nothing can be written. */
function probeDisk(reportsDir: string): DiskProbe {
  // Reports may not exist yet and shall not be made by looking.
  let nearest = resolve(reportsDir);
  while (!existsSync(nearest)) nearest = dirname(nearest);
  const folder = mkdtempSync(join(realpathSync(nearest), ".faultline-doctor-"));
  try {
    const { p50Ns, p99Ns } = measureSyncs(folder);
    return { filesystem: filesystemOf(folder), fsyncP50Ns: p50Ns, fsyncP99Ns: p99Ns };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function lookAtPorts(): Promise<Finding> {
  const ports = new Ports();
  const about = { name: "ports", needed: true, enables: "members and proxies on 127.0.0.1" };
  try {
    await reserveAddresses(QUICKSTART_MEMBERS, ports);
    await ports.reserve();
    return { ...about, state: "ok", found: "enough are free on 127.0.0.1", remedy: null, figures: {} };
  } catch (error) {
    const remedy = "end the programs that hold them, or bring up the loopback interface";
    return { ...about, state: "missing", found: (error as Error).message, remedy, figures: {} };
  } finally {
    await ports.close();
  }
}
