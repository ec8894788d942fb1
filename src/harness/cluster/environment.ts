import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { makeDirectories } from "../../env/node/directories.ts";
import type { MachineEnvironment } from "../model/samples.ts";

const SYNC_WRITES = 200;
const SYNC_PROBE = ".sync-probe";
const SYNC_LIMIT_MS = 1000;
/** A 99th percentile of fewer is a maximum. */
const SYNC_SAMPLES_MIN = 100;

/** What a member's data lies on. */
export type StorageEnvironment = Pick<MachineEnvironment, "filesystem" | "fsyncP99Ns" | "warnings">;

/** Looks at the machine and measures syncs in `dataDir`, which is created: at most a second, before the run begins. */
export function inspectEnvironment(dataDir: string): MachineEnvironment {
  makeDirectories(dataDir);
  const filesystem = filesystemOf(fs.realpathSync(dataDir));
  return { ...inspectMachine(), ...storageEnvironment(filesystem, measureSyncs(dataDir).p99Ns) };
}

/** All but the storage. */
export function inspectMachine(): Omit<MachineEnvironment, keyof StorageEnvironment> {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
  };
}

export function storageEnvironment(filesystem: string, fsyncP99Ns: number | null): StorageEnvironment {
  const warnings: string[] = [];
  if (filesystem === "tmpfs" || filesystem === "ramfs")
    warnings.push(`data lies in memory (${filesystem}): syncs cost nothing here, figures are not comparable`);
  return { filesystem, fsyncP99Ns, warnings };
}

/** Appends small records to a file in `folder`, each synced, as a WAL does. Null when too few fit into the time. */
export function measureSyncs(folder: string): { readonly p50Ns: number | null; readonly p99Ns: number | null } {
  return syncQuantiles(timeSyncs(fs, join(folder, SYNC_PROBE), SYNC_WRITES, SYNC_LIMIT_MS));
}

/** The same as a program for `node -e` on another machine: prints what `syncQuantiles` reads. */
export function syncProgram(folder: string): string {
  const call = [JSON.stringify(`${folder}/${SYNC_PROBE}`), SYNC_WRITES, SYNC_LIMIT_MS].join(", ");
  return `console.log(JSON.stringify((${timeSyncs.toString()})(require("node:fs"), ${call})))`;
}

export function syncQuantiles(samplesNs: readonly number[]): {
  readonly p50Ns: number | null;
  readonly p99Ns: number | null;
} {
  if (samplesNs.length < SYNC_SAMPLES_MIN) return { p50Ns: null, p99Ns: null };
  const sorted = [...samplesNs].sort((a, b) => a - b);
  const quantile = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] as number;
  return { p50Ns: quantile(0.5), p99Ns: quantile(0.99) };
}

/** Knows nothing but its arguments: its text also runs elsewhere. */
function timeSyncs(
  files: Pick<typeof fs, "openSync" | "writeSync" | "fdatasyncSync" | "closeSync" | "rmSync">,
  path: string,
  writes: number,
  limitMs: number,
): number[] {
  const file = files.openSync(path, "w");
  const record = Buffer.alloc(512, 1);
  const tookNs: number[] = [];
  try {
    const untilMs = performance.now() + limitMs;
    while (tookNs.length < writes && performance.now() < untilMs) {
      const startedNs = process.hrtime.bigint();
      files.writeSync(file, record);
      files.fdatasyncSync(file);
      tookNs.push(Number(process.hrtime.bigint() - startedNs));
    }
  } finally {
    files.closeSync(file);
    files.rmSync(path, { force: true });
  }
  return tookNs;
}

/** The type of the filesystem that holds `path`, an absolute path without links; "unknown" where it cannot be told. */
export function filesystemOf(path: string): string {
  try {
    const mounts =
      process.platform === "linux" ? linuxMounts(fs.readFileSync("/proc/self/mounts", "utf8")) : otherMounts();
    return longestMount(path, mounts) ?? "unknown";
  } catch {
    return "unknown";
  }
}

export interface Mount {
  readonly point: string;
  readonly type: string;
}

/** Of mounts on the same point the last one counts: it hides the others. */
export function longestMount(path: string, mounts: readonly Mount[]): string | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    const inside = mount.point === "/" || path === mount.point || path.startsWith(`${mount.point}/`);
    if (inside && mount.point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best?.type;
}

/** /proc/self/mounts: device, mount point (blanks as octal escapes), type, options. */
export function linuxMounts(text: string): readonly Mount[] {
  return text
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
