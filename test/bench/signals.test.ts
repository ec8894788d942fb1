/** A benchmark that is ended half way ends its servers. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isRunning, type ProcessIdentity, processStart } from "../../src/harness/cluster/identity.ts";
import { eventually } from "../support/etcd-server.ts";

const BENCHMARK = fileURLToPath(new URL("./store.js", import.meta.url));
const MEMBERS = 3;

for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const)
  test(`${signal} to a benchmark of the store ends its servers and removes their folder`, async (t) => {
    if (process.platform !== "linux") return t.skip("children are found in /proc");
    const folder = mkdtempSync(join(tmpdir(), "faultline-signals-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const benchmark = spawn(process.execPath, [BENCHMARK, "--smoke", "--only", "shapes", "--etcd", "none"], {
      stdio: "ignore",
      env: { ...process.env, TMPDIR: folder },
    });
    const ended = once(benchmark, "exit");
    let servers: readonly ProcessIdentity[] = [];
    t.after(() => {
      benchmark.kill("SIGKILL");
      for (const server of servers) if (isRunning(server)) process.kill(server.pid, "SIGKILL");
    });
    await eventually(() => {
      assert.equal(benchmark.exitCode, null, "the benchmark goes on");
      servers = serversOf(benchmark.pid as number);
      return servers.length === MEMBERS && readdirSync(folder).length > 0;
    }, "its servers run");
    benchmark.kill(signal);
    assert.deepEqual(await ended, [128 + constants.signals[signal], null]);
    assert.deepEqual(servers.filter(isRunning), []);
    assert.deepEqual(readdirSync(folder), []);
  });

function serversOf(parent: number): readonly ProcessIdentity[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const start = processStart(Number(name));
      // Between fork and exec a child is still called as its parent is.
      const isServer = readFileSync(`/proc/${name}/cmdline`, "latin1").includes("etcd/main.js");
      return Number(ppid) === parent && start !== null && isServer ? [{ pid: Number(name), start }] : [];
    } catch {
      // Ended since the list was read.
      return [];
    }
  });
}
