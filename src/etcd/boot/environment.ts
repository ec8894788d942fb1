import { statfsSync } from "node:fs";

/** The surroundings do not let the server run: one line, exit code 69. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

export function isSystemError(error: unknown): boolean {
  return typeof codeOf(error) === "string" && error instanceof Error && "syscall" in error;
}

/** With less than that a disk is full: a database's page and a record of the log are no more. */
const FULL_BELOW_BYTES = 256 * 1024;

/** What to do about a storage that failed, when its disk is full. LMDB does not say why it cannot write. */
export function storageHint(directory: string, error: unknown): string {
  const isFull = codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT" || freeBytesOf(directory) < FULL_BELOW_BYTES;
  return isFull ? ": no space is left on its disk; make room there and start again, nothing acknowledged is lost" : "";
}

function freeBytesOf(directory: string): number {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
