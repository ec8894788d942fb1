import { deepEqual, equal, match } from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { checkConverged } from "../../../src/harness/checks/converged.ts";
import { FINDINGS_SHOWN_MAX, Findings } from "../../../src/harness/checks/findings.ts";
import { judge } from "../../../src/harness/checks/judge.ts";
import { combine, guarded } from "../../../src/harness/checks/verdict.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import { CHECK_NAMES, type CheckName } from "../../../src/harness/model/plan.ts";
import type { CheckResult, VerdictKind } from "../../../src/harness/model/verdict.ts";
import fc from "../../support/fast-check.ts";
import { HistoryBuilder, kv } from "./builder.ts";
import { simulate } from "./simulated.ts";

const MEMBERS = ["n1", "n2", "n3"];

function together(revision: number, converged = true): RunEvent {
  return { atNs: 9e9, kind: "converged", converged, revisions: { n1: revision, n2: revision, n3: revision } };
}

function converged(history: HistoryBuilder, events: readonly RunEvent[], verdict: string, text?: RegExp): void {
  const result = checkConverged(history.operations, events, { initialRevision: 1, members: MEMBERS });
  equal(result.verdict, verdict, JSON.stringify(result, null, 1));
  if (text !== undefined) match(`${result.findings[0]?.text} ${result.summary}`, text);
}

const final = { at: [900, 910], phase: "final" } as const;
const written = (): HistoryBuilder =>
  new HistoryBuilder().put("a", "1", 2, { at: [0, 10] }).put("a", "2", 3, { at: [20, 30] });

test("acknowledged writes that are there at the end, or superseded, have survived", () => {
  converged(written().get("a", kv("2", 3, 2, 2), 3, final), [together(3)], "valid");
  const unknown = written()
    .put("a", "3", "unknown", { at: [40, 50] })
    .get("a", kv("3", 4, 3, 2), 4, final);
  converged(unknown, [together(4)], "valid");
  const deleted = written()
    .delete("a", 1, 4, { at: [40, 50] })
    .get("a", null, 4, final);
  converged(deleted, [together(4)], "valid");
  const perhaps = written()
    .delete("a", 0, "unknown", { at: [40, 50] })
    .get("a", null, 4, final);
  converged(perhaps, [together(4)], "valid");
});

test("an acknowledged write that is gone at the end is lost", () => {
  converged(
    written().get("a", kv("1", 2), 3, final),
    [together(3)],
    "invalid",
    /acknowledged rev 3, client 1's put of a = 2 .* is lost/,
  );
  converged(written().get("a", null, 3, final), [together(3)], "invalid", /is lost/);
  const undone = written()
    .delete("a", 1, 4, { at: [40, 50] })
    .get("a", kv("2", 3, 2, 2), 4, final);
  converged(undone, [together(4)], "invalid", /acknowledged rev 4, client 2's delete of a/);
});

test("members that show different contents at one revision have diverged", () => {
  const split = written()
    .get("a", kv("2", 3, 2, 2), 5, final)
    .get("a", kv("x", 4, 3, 2), 5, { ...final, member: "n2" });
  converged(split, [together(5)], "invalid", /at the same revision, n1 showed a = 2 .* and n2 a = x/);
});

test("members that stay apart are a finding; a member that was down, or no final read, is unknown", () => {
  const fine = written().get("a", kv("2", 3, 2, 2), 3, final);
  const apart: RunEvent = { atNs: 9e9, kind: "converged", converged: false, revisions: { n1: 3, n2: 3, n3: 2 } };
  converged(fine, [apart], "invalid", /n3 rev 2/);
  const exit: RunEvent = {
    atNs: 5e9,
    kind: "member-exited",
    member: "n3",
    code: null,
    signal: "SIGKILL",
    planned: false,
    crashed: false,
  };
  converged(fine, [exit, apart], "unknown", /n3 was down/);
  converged(fine, [exit, { atNs: 6e9, kind: "member-started", member: "n3", pid: 1 }, together(3)], "valid");
  converged(fine, [{ ...apart, revisions: { n1: 3, n2: 3 } }], "unknown", /n3 did not say/);
  converged(fine, [{ ...apart, revisions: { n1: 3, n2: 3, n3: -1 } }], "unknown", /n3 did not say/);
  converged(fine, [{ ...apart, revisions: { n1: 3, n2: 2, n3: -1 } }], "invalid", /n2 rev 2/);
  converged(fine, [together(3, false)], "unknown", /did not say in time/);
  converged(fine, [], "unknown", /Nobody waited/);
  converged(written(), [together(3)], "unknown", /1 key with acknowledged writes had no final read/);
  converged(new HistoryBuilder(), [together(1)], "unknown", /nothing to judge/);
});

function result(check: CheckName, verdict: VerdictKind): CheckResult {
  return { check, verdict, summary: "", findings: [], findingsTotal: 0, tookMs: 0 };
}

const base = {
  run: "r",
  staleness: [],
  serializableAsLinearizable: "unknown",
  interruptedBy: null,
  crashed: [],
  doubts: [],
} as const;

test("invalid wins over unknown wins over valid, and exit codes follow", () => {
  const verdict = (...kinds: VerdictKind[]): [VerdictKind, number] => {
    const checks = kinds.map((kind, i) => result(CHECK_NAMES[i] as CheckName, kind));
    const combined = combine({ ...base, planned: CHECK_NAMES.slice(0, kinds.length), checks });
    return [combined.verdict, combined.exitCode];
  };
  deepEqual(verdict("valid", "valid"), ["valid", 0]);
  deepEqual(verdict("valid", "unknown"), ["unknown", 3]);
  deepEqual(verdict("unknown", "invalid", "valid"), ["invalid", 2]);
  deepEqual(verdict(), ["unknown", 3]);
});

test("a planned check without a result, or one that threw, is unknown", () => {
  const missing = combine({ ...base, planned: ["watch"], checks: [result("linearizable", "valid")] });
  deepEqual([missing.verdict, missing.checks.length], ["unknown", 2]);
  let nowMs = 0;
  const threw = guarded(
    "watch",
    () => (nowMs += 5),
    () => {
      throw new Error("out of memory");
    },
  );
  deepEqual([threw.verdict, threw.tookMs], ["unknown", 5]);
  match(threw.summary, /out of memory/);
});

test("an interrupted run exits as its signal asks, unless a promise was broken", () => {
  const checks = [result("watch", "valid")];
  equal(combine({ ...base, planned: [], checks, interruptedBy: "SIGINT" }).exitCode, 130);
  equal(combine({ ...base, planned: [], checks, interruptedBy: "SIGTERM" }).exitCode, 143);
  equal(combine({ ...base, planned: [], checks, interruptedBy: "SIGHUP" }).exitCode, 129);
  const broken = [result("watch", "invalid")];
  equal(combine({ ...base, planned: [], checks: broken, interruptedBy: "SIGINT" }).exitCode, 2);
});

test("a crash fails the gate, and a fault without proven effect decides nothing", () => {
  const fine = { ...base, planned: [], checks: [result("watch", "valid")] };
  const crash = combine({ ...fine, crashed: ["n2"] });
  deepEqual([crash.verdict, crash.exitCode], ["valid", 1]);
  match(crash.headline, /n2 crashed/);
  equal(combine({ ...fine, crashed: ["n2"], checks: [result("watch", "invalid")] }).exitCode, 2);
  const leaky = combine({ ...fine, doubts: ["fault partition-leader was not proven"] });
  deepEqual([leaky.verdict, leaky.exitCode], ["unknown", 3]);
  match(leaky.headline, /fault partition-leader was not proven/);
});

test("of very many findings the earliest few are kept and all are counted", () => {
  const findings = new Findings();
  for (let i = 5_000; i > 0; i--) findings.add(`finding ${i}`, [], i);
  const { findings: shown, findingsTotal } = findings.result("watch", "valid", "");
  deepEqual([shown.length, findingsTotal], [FINDINGS_SHOWN_MAX, 5_000]);
  deepEqual(
    shown.map((each) => each.atNs),
    Array.from({ length: FINDINGS_SHOWN_MAX }, (_, i) => i + 1),
  );
});

const SHAPE = {
  operations: 300,
  keys: 6,
  clients: 6,
  members: 3,
  watchers: 3,
  unknown: 5,
  serializable: 50,
  writes: 50,
};

test("a whole run of a correct store is valid, its lagging reads would not be linearizable", () => {
  const seen = { valid: 0, invalid: 0, unknown: 0 };
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { operations, watchEvents, watchers, events } = simulate(new Prng(seed), SHAPE);
      const header = {
        type: "history",
        version: 1,
        run: "r",
        members: MEMBERS,
        initialRevision: 1,
        watchers: 0,
        watchEventsLost: 0,
      } as const;
      const verdict = judge(
        { header, operations, watchEvents, watchers, leases: [], events },
        {
          checks: CHECK_NAMES.filter((name) => name !== "lease" && name !== "lists"),
          windows: [{ name: "during", startNs: 0, endNs: Number.MAX_SAFE_INTEGER }],
          interruptedBy: null,
          nowMs: () => 0,
        },
      );
      deepEqual(
        verdict.checks.flatMap((check) => check.findings),
        [],
      );
      deepEqual([verdict.verdict, verdict.exitCode], ["valid", 0]);
      seen[verdict.serializableAsLinearizable]++;
      const stale = verdict.staleness.some((row) => row.stale > 0);
      equal(verdict.serializableAsLinearizable, stale ? "invalid" : "valid");
    }),
    { numRuns: 40 },
  );
  equal(seen.invalid > 20, true, JSON.stringify(seen));
});

test("members that are apart once the harness itself broke decide nothing; what an answer showed still does", () => {
  const { operations, watchEvents, watchers } = simulate(new Prng(1), SHAPE);
  const header = {
    type: "history",
    version: 1,
    run: "r",
    members: MEMBERS,
    initialRevision: 1,
    watchers: 0,
    watchEventsLost: 0,
  } as const;
  const apart: RunEvent = { atNs: 1e12, kind: "converged", converged: false, revisions: { n1: 9, n2: 1, n3: 9 } };
  const broke: RunEvent = {
    atNs: 1e11,
    kind: "harness-broke",
    reason: "toxiproxy between the members ended (SIGKILL)",
  };
  const options = {
    checks: ["linearizable", "watch", "converged"] as const,
    windows: [],
    interruptedBy: null,
    nowMs: () => 0,
  };
  const judged = (events: readonly RunEvent[], seen = operations) =>
    judge({ header, operations: seen, watchEvents, watchers, leases: [], events }, options);
  deepEqual([judged([apart]).verdict, judged([apart]).exitCode], ["invalid", 2]);
  deepEqual([judged([broke, apart]).verdict, judged([broke, apart]).exitCode], ["unknown", 3]);
  const answered = operations.findIndex(({ outcome }) => outcome.kind === "ok" && outcome.response.kind === "put");
  const wrong = operations.map((operation, i) =>
    i === answered && operation.outcome.kind === "ok"
      ? { ...operation, outcome: { kind: "ok" as const, response: { kind: "put" as const, revision: 1 } } }
      : operation,
  );
  deepEqual(judged([broke, apart], wrong).exitCode, 2);
});
