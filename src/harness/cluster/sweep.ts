import { existsSync, readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isRunning, type ProcessIdentity } from "./identity.ts";
import { type RegistryFile, readRegistry, removeRegistry } from "./registry.ts";

const GONE_POLL_MS = 10;
const GONE_LIMIT_MS = 5000;

/**
 * Cleans up after harnesses that were killed: for every run folder in `reportsDir` whose harness is gone, ends the process groups
 * it left (only where id and start time still match) and removes its data unless it was to be kept. Answers a line for each such
 * run, for people; none when there was nothing to do.
 */
export async function sweep(reportsDir: string): Promise<readonly string[]> {
  if (!existsSync(reportsDir)) return [];
  const lines: string[] = [];
  for (const entry of readdirSync(reportsDir, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const line = await sweepRun(join(reportsDir, entry.name), entry.name);
    if (line !== null) lines.push(line);
  }
  return lines;
}

async function sweepRun(runDir: string, run: string): Promise<string | null> {
  let registry: RegistryFile | null;
  try {
    registry = readRegistry(runDir);
  } catch (error) {
    return `${run}: cannot tell what it left behind: ${(error as Error).message}`;
  }
  if (registry === null || registry.host !== hostname() || isRunning(registry.harness)) return null;
  const leftOver = registry.processes.filter(isRunning);
  for (const identity of leftOver) killGroup(identity);
  if (!(await allGone(leftOver))) return `${run}: ${names(leftOver)} could not be stopped`;
  const dataDir = join(runDir, "data");
  const removesData = !registry.keepData && existsSync(dataDir);
  if (removesData) rmSync(dataDir, { recursive: true, force: true });
  removeRegistry(runDir);
  const stopped = leftOver.length === 0 ? "no process was left" : `stopped ${names(leftOver)}`;
  return `${run} was killed in the middle: ${stopped}, data ${removesData ? "removed" : "left in place"}`;
}

/** Members lead their own groups. A paused group is killed just the same. */
function killGroup({ pid }: ProcessIdentity): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Gone since it was looked at, or not ours to end: `allGone` tells which.
  }
}

async function allGone(identities: readonly ProcessIdentity[]): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < GONE_LIMIT_MS; waitedMs += GONE_POLL_MS) {
    if (!identities.some(isRunning)) return true;
    await delay(GONE_POLL_MS);
  }
  return false;
}

function names(processes: RegistryFile["processes"]): string {
  return processes.map((entry) => `${entry.name} (${entry.pid})`).join(", ");
}
