/**
 * What this process must not leave behind, however it ends: servers it started and folders it made. `finally` and `after` do not run when
 * a signal ends it. (SIGKILL leaves everything.)
 */
import type { ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { constants } from "node:os";
import { isRunning, type ProcessIdentity, processStart } from "../../src/harness/cluster/identity.ts";

const GONE_LIMIT_MS = 5000;
const GONE_POLL_MS = 5;

const children = new Set<ChildProcess>();
const folders = new Set<string>();

/** Killed when this process ends, unless it has ended before. */
export function endsWithUs(child: ChildProcess): void {
  listen();
  children.add(child);
  child.once("exit", () => children.delete(child));
}

/** Removed when this process ends, after the servers. Returns what removes it now. */
export function removedWithUs(folder: string): () => void {
  listen();
  folders.add(folder);
  return () => {
    folders.delete(folder);
    rmSync(folder, { recursive: true, force: true });
  };
}

let listening = false;

function listen(): void {
  if (listening) return;
  listening = true;
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"] as const)
    process.once(signal, () => process.exit(128 + constants.signals[signal]));
  process.once("exit", leaveNothing);
}

/** Nothing asynchronous happens any more. */
function leaveNothing(): void {
  const running = [...children].flatMap(identityOf);
  for (const child of children) child.kill("SIGKILL");
  const clock = new Int32Array(new SharedArrayBuffer(4));
  // Until then they may still make files.
  for (let waitedMs = 0; running.some(isRunning) && waitedMs < GONE_LIMIT_MS; waitedMs += GONE_POLL_MS)
    Atomics.wait(clock, 0, 0, GONE_POLL_MS);
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
}

/** None for a child that could not be started. */
function identityOf({ pid }: ChildProcess): readonly ProcessIdentity[] {
  const start = pid === undefined ? null : processStart(pid);
  return pid === undefined || start === null ? [] : [{ pid, start }];
}
