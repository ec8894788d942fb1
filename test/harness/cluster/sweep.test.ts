/** After `kill -9` of the harness the next start cleans up, and touches nothing else. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isRunning, type ProcessIdentity, processStart } from "../../../src/harness/cluster/identity.ts";
import { ProcessRegistry, type RegistryFile, readRegistry } from "../../../src/harness/cluster/registry.ts";
import { sweep } from "../../../src/harness/cluster/sweep.ts";
import { eventually, IDLE, temporaryDirectory } from "./support.ts";

const timeout = 30_000;

interface Dummy extends ProcessIdentity {
  readonly ended: Promise<unknown>;
  readonly hasEnded: () => boolean;
}

function dummy(t: TestContext): Dummy {
  const [program = "", ...args] = IDLE;
  const child = spawn(program, args, { detached: true, stdio: "ignore" });
  const ended = once(child, "exit");
  const pid = child.pid as number;
  t.after(() => child.kill("SIGKILL"));
  return {
    pid,
    start: processStart(pid) as string,
    ended,
    hasEnded: () => child.exitCode !== null || child.signalCode !== null,
  };
}

async function deadHarness(t: TestContext): Promise<ProcessIdentity> {
  const { pid, start, ended } = dummy(t);
  process.kill(pid, "SIGKILL");
  await ended;
  return { pid, start };
}

function leaveRun(reports: string, name: string, file: Partial<RegistryFile> & Pick<RegistryFile, "harness">): string {
  const runDir = join(reports, name);
  mkdirSync(join(runDir, "data", "n1"), { recursive: true });
  writeFileSync(join(runDir, "data", "n1", "wal"), "x");
  mkdirSync(join(runDir, "logs"));
  const complete: RegistryFile = { host: hostname(), keepData: false, processes: [], ...file };
  writeFileSync(join(runDir, "processes.json"), JSON.stringify(complete));
  return runDir;
}

const named = ({ pid, start }: ProcessIdentity, name: string) => ({ name, pid, start });

test("a dead harness's processes are ended, its data removed, its logs kept, and one line says so", {
  timeout,
}, async (t) => {
  const reports = temporaryDirectory(t);
  const [left, paused] = [dummy(t), dummy(t)];
  process.kill(paused.pid, "SIGSTOP");
  const harness = await deadHarness(t);
  const runDir = leaveRun(reports, "run-1", { harness, processes: [named(left, "n1"), named(paused, "n2")] });
  const lines = await sweep(reports);
  await Promise.all([left.ended, paused.ended]);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^run-1 was killed in the middle: stopped n1 \(\d+\), n2 \(\d+\), data removed$/);
  assert.equal(existsSync(join(runDir, "data")), false);
  assert.equal(existsSync(join(runDir, "logs")), true);
  assert.equal(readRegistry(runDir), null);
  assert.deepEqual(await sweep(reports), [], "the second time there is nothing to do");
});

test("data that was to be kept is kept", { timeout }, async (t) => {
  const reports = temporaryDirectory(t);
  const runDir = leaveRun(reports, "run-1", { harness: await deadHarness(t), keepData: true });
  assert.match((await sweep(reports))[0] ?? "", /no process was left, data left in place/);
  assert.equal(existsSync(join(runDir, "data", "n1", "wal")), true);
});

test("a process that only took over the id is left alone", { timeout }, async (t) => {
  const reports = temporaryDirectory(t);
  const innocent = dummy(t);
  const harness = await deadHarness(t);
  leaveRun(reports, "run-1", { harness, processes: [{ ...named(innocent, "n1"), start: "1@another" }] });
  assert.match((await sweep(reports))[0] ?? "", /no process was left/);
  assert.equal(innocent.hasEnded(), false);
});

test("a running harness's run, another machine's, a finished one and a broken list are left alone", {
  timeout,
}, async (t) => {
  const reports = temporaryDirectory(t);
  const busy = dummy(t);
  const self = { pid: process.pid, start: processStart(process.pid) as string };
  const harness = await deadHarness(t);
  const processes = [named(busy, "n1")];
  const running = leaveRun(reports, "running", { harness: self, processes });
  const foreign = leaveRun(reports, "foreign", { harness, processes, host: "another-machine" });
  mkdirSync(join(reports, "finished", "data"), { recursive: true });
  const broken = leaveRun(reports, "broken", { harness });
  writeFileSync(join(broken, "processes.json"), '{"processes":[{"pid":-1}]}');
  writeFileSync(join(reports, "a-file"), "");
  const lines = await sweep(reports);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /^broken: cannot tell what it left behind/);
  for (const runDir of [running, foreign, broken, join(reports, "finished")])
    assert.equal(existsSync(join(runDir, "data")), true, runDir);
  assert.equal(busy.hasEnded(), false);
  assert.deepEqual(await sweep(join(reports, "nowhere")), []);
});

/** A harness that starts one member and ends by `end`; what it has left on the list. */
async function endedHarness(runDir: string, end: string): Promise<readonly ProcessIdentity[]> {
  const from = (name: string): string => new URL(`../../../src/harness/cluster/${name}.js`, import.meta.url).href;
  const harness = spawn(
    process.execPath,
    [
      "--input-type=module",
      "-e",
      `import { ProcessRegistry } from ${JSON.stringify(from("registry"))};
       import { ManagedProcess } from ${JSON.stringify(from("process"))};
       const registry = new ProcessRegistry(${JSON.stringify(runDir)}, { keepData: false });
       ManagedProcess.start({ name: "n1", command: ${JSON.stringify(IDLE)}, logFile: ${JSON.stringify(join(runDir, "n1.log"))}, registry });
       ${end}`,
    ],
    { stdio: ["ignore", "inherit", "ignore"] },
  );
  await once(harness, "exit");
  return readRegistry(runDir)?.processes ?? [];
}

test("a harness ended by SIGKILL in the middle leaves exactly what the sweep needs", { timeout }, async (t) => {
  const reports = temporaryDirectory(t);
  const left = await endedHarness(join(reports, "run-1"), 'process.kill(process.pid, "SIGKILL");');
  assert.equal(left.length, 1);
  const { pid, start } = left[0] as ProcessIdentity;
  assert.equal(processStart(pid), start, "the member outlives its harness");
  assert.match((await sweep(reports))[0] ?? "", /stopped n1/);
  await eventually(() => processStart(pid) === null);
});

test("a harness that ends by a bug leaves no process, and the rest to the sweep", { timeout }, async (t) => {
  const reports = temporaryDirectory(t);
  const left = await endedHarness(join(reports, "run-1"), 'setImmediate(() => { throw new Error("a bug"); });');
  assert.equal(left.length, 1);
  await eventually(() => !left.some(isRunning));
  assert.match((await sweep(reports))[0] ?? "", /^run-1 was killed in the middle: no process was left/);
});

test("an orderly end leaves nothing to sweep", { timeout }, async (t) => {
  const reports = temporaryDirectory(t);
  new ProcessRegistry(join(reports, "run-1"), { keepData: false }).close();
  assert.deepEqual(await sweep(reports), []);
});
