import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Clock } from "../../../src/env/clock.ts";
import { ManagedProcess } from "../../../src/harness/cluster/process.ts";
import { ProcessRegistry } from "../../../src/harness/cluster/registry.ts";
import { isCrash, type MemberExit, RESTART_DELAY_MS, Supervisor } from "../../../src/harness/cluster/supervisor.ts";
import { eventually, IDLE, temporaryDirectory } from "./support.ts";

const timeout = 30_000;

interface Supervised {
  readonly supervisor: Supervisor;
  readonly exits: MemberExit[];
  readonly pids: number[];
  /** Delays asked for; `fire` lets the last one pass. */
  readonly delaysMs: number[];
  fire(): void;
}

function supervise(t: TestContext, command: readonly string[]): Supervised {
  const runDir = temporaryDirectory(t, () => supervisor.stop(0));
  const registry = new ProcessRegistry(runDir, { keepData: false });
  const exits: MemberExit[] = [];
  const pids: number[] = [];
  const delaysMs: number[] = [];
  let pending: (() => void) | null = null;
  const clock: Clock = {
    monotonicMs: () => 0,
    wallMs: () => 0,
    after(delayMs, action) {
      delaysMs.push(delayMs);
      pending = action;
      return {
        cancel: () => {
          pending = null;
        },
      };
    },
  };
  const supervisor = new Supervisor({
    member: "n1",
    start: () => ManagedProcess.start({ name: "n1", command, logFile: join(runDir, "logs", "n1.log"), registry }),
    clock,
    started: (pid) => pids.push(pid),
    exited: (exit) => exits.push(exit),
  });
  return { supervisor, exits, pids, delaysMs, fire: () => pending?.() };
}

test("a member killed by hand is reported as unplanned and comes back after a second", { timeout }, async (t) => {
  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    const { supervisor, exits, pids, delaysMs, fire } = supervise(t, IDLE);
    supervisor.start();
    process.kill(pids[0] as number, signal);
    await eventually(() => exits.length === 1);
    assert.deepEqual(exits, [{ member: "n1", code: null, signal, planned: false, crashed: false }]);
    assert.equal(supervisor.process, null);
    assert.deepEqual(delaysMs, [RESTART_DELAY_MS]);
    fire();
    assert.equal(pids.length, 2);
    assert.notEqual(supervisor.process, null);
    await supervisor.stop(20_000);
  }
});

test("a member that ends by itself is a crash and stays down", { timeout }, async (t) => {
  for (const code of ["process.exit(4)", "process.abort()"]) {
    const { supervisor, exits, delaysMs } = supervise(t, [process.execPath, "-e", code]);
    supervisor.start();
    await eventually(() => exits.length === 1);
    assert.equal(exits[0]?.crashed, true, code);
    assert.deepEqual(delaysMs, []);
  }
});

test("what the harness asks for is planned: kill leaves it down, start brings it back, stop is for good", {
  timeout,
}, async (t) => {
  const { supervisor, exits, pids, delaysMs } = supervise(t, IDLE);
  supervisor.start();
  supervisor.start();
  assert.equal(pids.length, 1, "one process at a time");
  await supervisor.kill();
  assert.equal(supervisor.process, null);
  supervisor.start();
  assert.equal(pids.length, 2);
  await supervisor.stop(20_000);
  supervisor.start();
  assert.equal(pids.length, 2);
  assert.deepEqual(
    exits.map((exit) => [exit.signal, exit.planned, exit.crashed]),
    [
      ["SIGKILL", true, false],
      ["SIGTERM", true, false],
    ],
  );
  assert.deepEqual(delaysMs, []);
});

test("stop during the wait for a restart cancels it", { timeout }, async (t) => {
  const { supervisor, exits, pids, fire } = supervise(t, IDLE);
  supervisor.start();
  process.kill(pids[0] as number, "SIGKILL");
  await eventually(() => exits.length === 1);
  await supervisor.stop(0);
  fire();
  assert.equal(pids.length, 1);
});

test("only an end of its own making is a crash", () => {
  const of = (code: number | null, signal: NodeJS.Signals | null): boolean => isCrash({ code, signal });
  assert.deepEqual([of(1, null), of(70, null), of(null, "SIGABRT"), of(null, "SIGSEGV")], [true, true, true, true]);
  assert.deepEqual(
    [of(0, null), of(143, null), of(null, "SIGKILL"), of(null, "SIGTERM"), of(null, "SIGHUP")],
    [false, false, false, false, false],
  );
});
