import { execFileSync } from "node:child_process";
import { closeSync, fdatasyncSync, openSync, readFileSync, realpathSync, rmSync, writeSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { makeDirectories } from "../../env/node/directories.ts";

/** What of the machine decides about the figures. Fields as in harness/model.ts's Environment. */
export interface MachineEnvironment {
  readonly node: string;
  readonly platform: string;
  readonly cpu: string;
  readonly cores: number;
  readonly filesystem: string;
  readonly fsyncP99Ns: number | null;
  readonly warnings: readonly string[];
}

const SYNC_WRITES = 200;
const SYNC_WRITE_BYTES = 512;
const SYNC_LIMIT_MS = 1000;
/** A 99th percentile of fewer is a maximum. */
const SYNC_SAMPLES_MIN = 100;

/** Looks at the machine and measures syncs in `dataDir`, which is created: at most a second, before the run begins. */
export function inspectEnvironment(dataDir: string): MachineEnvironment {
  makeDirectories(dataDir);
  const filesystem = filesystemOf(realpathSync(dataDir));
  const warnings: string[] = [];
  if (filesystem === "tmpfs" || filesystem === "ramfs")
    warnings.push(`data lies in memory (${filesystem}): syncs cost nothing here, figures are not comparable`);
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    filesystem,
    fsyncP99Ns: measureSyncs(dataDir).p99Ns,
    warnings,
  };
}

/** Appends small records to a file in `folder`, each synced, as a WAL does. Null when too few fit into the time. */
export function measureSyncs(folder: string): { readonly p50Ns: number | null; readonly p99Ns: number | null } {
  const path = join(folder, ".sync-probe");
  const file = openSync(path, "w");
  const record = Buffer.alloc(SYNC_WRITE_BYTES, 1);
  const tookNs: number[] = [];
  try {
    const untilMs = performance.now() + SYNC_LIMIT_MS;
    while (tookNs.length < SYNC_WRITES && performance.now() < untilMs) {
      const startedNs = process.hrtime.bigint();
      writeSync(file, record);
      fdatasyncSync(file);
      tookNs.push(Number(process.hrtime.bigint() - startedNs));
    }
  } finally {
    closeSync(file);
    rmSync(path, { force: true });
  }
  if (tookNs.length < SYNC_SAMPLES_MIN) return { p50Ns: null, p99Ns: null };
  tookNs.sort((a, b) => a - b);
  const quantile = (share: number): number => tookNs[Math.ceil(tookNs.length * share) - 1] as number;
  return { p50Ns: quantile(0.5), p99Ns: quantile(0.99) };
}

/** The type of the filesystem that holds `path`, an absolute path without links; "unknown" where it cannot be told. */
export function filesystemOf(path: string): string {
  try {
    return longestMount(path, process.platform === "linux" ? linuxMounts() : otherMounts()) ?? "unknown";
  } catch {
    return "unknown";
  }
}

interface Mount {
  readonly point: string;
  readonly type: string;
}

/** Of mounts on the same point the last one counts: it hides the others. */
function longestMount(path: string, mounts: readonly Mount[]): string | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const inside = mount.point === "/" || path === mount.point || path.startsWith(`${mount.point}/`);
    if (inside && mount.point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best?.type;
}

/** /proc/self/mounts: device, mount point (blanks as octal escapes), type, options. */
function linuxMounts(): Mount[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter((fields) => fields.length >= 3)
    .map(([, point = "", type = ""]) => ({
      point: point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      type,
    }));
}

/** mount's own words: "/dev/disk3s1 on /System/Volumes/Data (apfs, local, journaled)". */
function otherMounts(): Mount[] {
  return execFileSync("/sbin/mount", { encoding: "utf8" })
    .split("\n")
    .map((line) => / on (.*) \(([^,)]+)/.exec(line))
    .filter((match) => match !== null)
    .map((match) => ({ point: match[1] as string, type: match[2] as string }));
}
