import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";

/** Removed after the test, once what may still write there has ended. */
export function temporaryDirectory(t: TestContext, endUsers: () => unknown = () => undefined): string {
  const directory = mkdtempSync(join(tmpdir(), "faultline-"));
  t.after(async () => {
    await endUsers();
    rmSync(directory, { recursive: true, force: true });
  });
  return directory;
}

/** A process that lives until it is ended, at most a minute. */
export const IDLE: readonly string[] = [process.execPath, "-e", "setTimeout(() => {}, 60_000); console.log('up')"];

/** Polls a condition that no event announces; the test's time-out is the limit. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(5);
}
