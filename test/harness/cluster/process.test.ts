import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isRunning, processStart } from "../../../src/harness/cluster/identity.ts";
import { logTail, ManagedProcess } from "../../../src/harness/cluster/process.ts";
import { ProcessRegistry, type RegistryFile, readRegistry } from "../../../src/harness/cluster/registry.ts";
import { eventually, IDLE, temporaryDirectory } from "./support.ts";

const timeout = 30_000;

function start(
  t: TestContext,
  command: readonly string[],
): { runDir: string; registry: ProcessRegistry; child: ManagedProcess } {
  let child: ManagedProcess | null = null;
  const runDir = temporaryDirectory(t, () => child?.kill());
  const registry = new ProcessRegistry(runDir, { keepData: false });
  child = ManagedProcess.start({ name: "n1", command, logFile: join(runDir, "logs", "n1.log"), registry });
  return { runDir, registry, child };
}

const node = (code: string): readonly string[] => [process.execPath, "-e", code];
const entries = (runDir: string): RegistryFile["processes"] | undefined => readRegistry(runDir)?.processes;

test("a started process is on disk with id and start time in the same turn, and gone from it when it ends", {
  timeout,
}, async (t) => {
  const { runDir, registry, child } = start(t, IDLE);
  const written = entries(runDir);
  assert.deepEqual(written, [{ name: "n1", pid: child.pid, start: processStart(child.pid) }]);
  assert.ok(written.every(isRunning));
  assert.ok(isRunning(readRegistry(runDir)?.harness ?? { pid: 0, start: "" }));
  assert.throws(() => registry.close(), /processes end before/);
  await child.kill();
  assert.deepEqual(entries(runDir), []);
  registry.close();
  assert.equal(existsSync(join(runDir, "processes.json")), false);
});

test("output goes to the log, and an own exit code is told from a signal", { timeout }, async (t) => {
  const { child } = start(t, node("console.log('one'); console.error('two'); process.exitCode = 3"));
  assert.deepEqual(await child.exited, { code: 3, signal: null });
  assert.deepEqual(child.exit, { code: 3, signal: null });
  assert.equal(readFileSync(child.logFile, "utf8"), "one\ntwo\n");
  assert.equal(logTail(child.logFile, 1), "two");
});

test("stop asks first, and insists with one that does not listen or is frozen", { timeout }, async (t) => {
  const polite = start(
    t,
    node("process.on('SIGTERM', () => process.exit(7)); setTimeout(() => {}, 60_000); console.log('up')"),
  );
  await eventually(() => logTail(polite.child.logFile) === "up");
  assert.deepEqual(await polite.child.stop(20_000), { code: 7, signal: null });
  const deaf = start(t, node("process.on('SIGTERM', () => {}); setTimeout(() => {}, 60_000); console.log('up')"));
  await eventually(() => logTail(deaf.child.logFile) === "up");
  assert.deepEqual(await deaf.child.stop(50), { code: null, signal: "SIGKILL" });
  const frozen = start(t, IDLE);
  frozen.child.pause();
  assert.deepEqual(await frozen.child.stop(20_000), { code: null, signal: "SIGTERM" });
  assert.deepEqual(await frozen.child.stop(20_000), { code: null, signal: "SIGTERM" });
});

test("a paused process does nothing until it is resumed", { timeout }, async (t) => {
  const { child } = start(t, node("setInterval(() => console.log('tick'), 2)"));
  await eventually(() => logTail(child.logFile) !== "");
  child.pause();
  const stopped = () => readFileSync(`/proc/${child.pid}/stat`, "latin1").split(") ")[1]?.startsWith("T") === true;
  if (process.platform === "linux") await eventually(stopped);
  const ticks = logTail(child.logFile, 1e6).length;
  child.resume();
  await eventually(() => logTail(child.logFile, 1e6).length > ticks);
});

test("a program that is not there is one clear error", { timeout }, (t) => {
  assert.throws(
    () => start(t, ["/nonexistent/program"]),
    /n1 could not be started: is \/nonexistent\/program a program/,
  );
});

test("a process id alone proves nothing: another start time is another process", { timeout }, () => {
  const identity = { pid: process.pid, start: processStart(process.pid) ?? "" };
  assert.ok(isRunning(identity));
  assert.equal(isRunning({ ...identity, start: `1${identity.start}` }), false);
  assert.equal(processStart(2 ** 22 + 1), null);
});
