import assert from "node:assert/strict";
import { test } from "node:test";
import { CommandError } from "../../src/commands/exit.ts";
import type { Interrupt } from "../../src/commands/interrupt.ts";
import { type RepeatableRun, repeatRuns } from "../../src/commands/repeat.ts";
import type { SessionResult } from "../../src/commands/run-session.ts";
import type { Verdict } from "../../src/harness/model/verdict.ts";

const KINDS = { 0: "valid", 1: "valid", 2: "invalid", 3: "unknown", 130: "unknown" } as const;

/** A run that ends with this exit code, or with this error. */
type End = keyof typeof KINDS | Error;

interface Scene {
  readonly exitCode: number;
  readonly printed: readonly string[];
  readonly seeds: readonly number[];
}

function result(code: keyof typeof KINDS): SessionResult {
  const kind = KINDS[code];
  const verdict: Verdict = {
    run: "r",
    verdict: kind,
    headline: `a headline for ${code}`,
    exitCode: code,
    interrupted: code === 130,
    checks: [{ check: "lease", verdict: kind, summary: "s", findings: [], findingsTotal: 0, tookMs: 0 }],
    staleness: [],
    serializableAsLinearizable: "unknown",
  };
  return { samples: {} as SessionResult["samples"], verdict, leases: null, reportPath: "reports/r/report.html" };
}

/** `interruptIn`: Ctrl-C comes while this run, counted from 0, goes on. */
async function repeat(ends: readonly End[], json = false, interruptIn = -1): Promise<Scene> {
  const seeds: number[] = [];
  const printed: string[] = [];
  const interrupt = { by: null as "SIGINT" | null, again: new Promise(() => {}) };
  const make = (index: number): RepeatableRun => ({
    seed: 100 + index,
    command: `faultline run p --seed ${100 + index}`,
    run: async () => {
      seeds.push(100 + index);
      if (index === interruptIn) interrupt.by = "SIGINT";
      const end = ends[index] as End;
      if (end instanceof Error) throw end;
      return result(end);
    },
    kill: () => {},
  });
  const exitCode = await repeatRuns({
    times: ends.length,
    make,
    interrupt: interrupt as unknown as Interrupt,
    json,
    out: async (text) => void printed.push(text),
  });
  return { exitCode, printed, seeds };
}

test("the exit code is the first that occurred of 2, 70, 69, 3, 1, 0", async () => {
  const environment = new CommandError("no such thing", 69);
  assert.equal((await repeat([0, 0])).exitCode, 0);
  assert.equal((await repeat([0, 1, 0])).exitCode, 1);
  assert.equal((await repeat([1, 3, 0])).exitCode, 3);
  assert.equal((await repeat([3, environment, 1])).exitCode, 69);
  assert.equal((await repeat([0, environment, new Error("a bug")])).exitCode, 70);
  assert.equal((await repeat([0, new Error("a bug"), environment, 2, 3])).exitCode, 2);
});

test("one line a run, the failing one with the command that repeats it, then the rate", async () => {
  const { printed, seeds } = await repeat([0, 2, 3, 2]);
  assert.deepEqual(seeds, [100, 101, 102, 103]);
  assert.equal(printed.length, 5);
  assert.match(printed[0] ?? "", /^run 1 of 4 {2}seed 100 .* VALID {2}a headline for 0$/);
  assert.match(printed[1] ?? "", /^run 2 of 4 {2}seed 101 .* INVALID {2}a headline for 2\n/);
  assert.match(printed[1] ?? "", /\n {2}repeat {3}faultline run p --seed 101$/);
  assert.equal(printed[4], "\n2 of 4 runs broke a promise: lease in 2; 1 passed; 1 inconclusive");
});

test("a first run that cannot begin is the last, and says why; a later one is counted", async () => {
  const absent = new CommandError("etcd is not here", 69);
  const first = await repeat([absent, 0]);
  assert.deepEqual([first.exitCode, first.seeds.length], [69, 1]);
  assert.match(first.printed[0] ?? "", /NO VERDICT \(69\) {2}etcd is not here$/);
  const later = await repeat([0, absent, 0]);
  assert.equal(later.seeds.length, 3);
  assert.match(later.printed.at(-1) ?? "", /0 of 3 runs broke a promise; 2 passed; 1 without a verdict$/);
});

test("Ctrl-C ends it after the run it came in; a broken promise still wins", async () => {
  const stopped = await repeat([0, 130, 0, 0], false, 1);
  assert.deepEqual([stopped.exitCode, stopped.seeds.length], [130, 2]);
  const broken = await repeat([2, 130, 0], false, 1);
  assert.equal(broken.exitCode, 2);
});

test("as JSON it is one document with every run", async () => {
  const { printed } = await repeat([0, 2, new CommandError("full", 69)], true);
  assert.equal(printed.length, 1);
  const { planned, exitCode, broken, runs } = JSON.parse(printed[0] ?? "");
  assert.deepEqual([planned, exitCode, broken], [3, 2, { lease: 1 }]);
  assert.deepEqual(
    runs.map((run: { seed: number; exitCode: number; error: string | null; verdict: Verdict | null }) => [
      run.seed,
      run.exitCode,
      run.error,
      run.verdict?.verdict ?? null,
    ]),
    [
      [100, 0, null, "valid"],
      [101, 2, null, "invalid"],
      [102, 69, "full", null],
    ],
  );
});
