import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Prng } from "../../../src/base/prng.ts";
import { EtcdClient } from "../../../src/client/client.ts";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";

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

/** A client of one member, which it stays with. */
export function clientOf(t: TestContext, endpoint: string): EtcdClient {
  const client = new EtcdClient({
    endpoints: [endpoint],
    network: nodeStreams,
    clock: nodeClock,
    prng: new Prng(1),
    pinned: true,
    timeoutMs: 1000,
  });
  t.after(() => client.close());
  return client;
}
