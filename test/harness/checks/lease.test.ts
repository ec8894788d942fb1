import assert from "node:assert/strict";
import { test } from "node:test";
import { brokenLeases, checkLease } from "../../../src/harness/checks/lease.ts";
import type { LeaseRecord } from "../../../src/harness/model/history.ts";
import fc from "../../support/fast-check.ts";

const S = 1e9;

function record(
  action: LeaseRecord["action"],
  startS: number,
  endS: number,
  ttlSeconds: number | "unknown" | "failed",
  lease = "a1",
): LeaseRecord {
  const outcome: LeaseRecord["outcome"] =
    typeof ttlSeconds === "number" ? { kind: "ok", ttlSeconds } : { kind: ttlSeconds, reason: "no answer" };
  return {
    type: "lease",
    lease,
    action,
    member: "n1",
    startNs: Math.round(startS * S),
    endNs: Math.round(endS * S),
    outcome,
  };
}

const granted = record("grant", 0, 0.1, 4);

function verdict(...records: readonly LeaseRecord[]): string {
  return checkLease([granted, ...records], { planned: 1 }).verdict;
}

test("a lease that is gone before its acknowledged time breaks a promise, and the finding says who promised what", () => {
  const result = checkLease([granted, record("keepalive", 3, 3.2, 4), record("keepalive", 5, 5.1, 0)], { planned: 1 });
  assert.equal(result.verdict, "invalid");
  assert.equal(result.findingsTotal, 1);
  assert.match(
    result.findings[0]?.text ?? "",
    /^lease a1 was gone at 5\.100 s \(n1\), 1\.9 s before its time: n1 acknowledged its keepalive called at 3\.000 s with 4 s to live$/,
  );
  assert.match(result.summary, /1 lease gone, 1 of them before the time/);
});

test("a lease that is gone after its acknowledged time, counted from the call, has just run out", () => {
  assert.equal(verdict(record("keepalive", 3, 3.2, 4), record("keepalive", 7, 7.001, 0)), "valid");
  assert.equal(verdict(record("keepalive", 3, 3.2, 4), record("keepalive", 6.9, 6.999, 0)), "invalid");
});

test("a keepalive of unknown outcome promises nothing", () => {
  assert.equal(
    verdict(record("keepalive", 1, 1, 4), record("keepalive", 4, 6, "unknown"), record("keepalive", 6, 6.1, 0)),
    "valid",
  );
  assert.equal(
    verdict(record("keepalive", 1, 1, 4), record("keepalive", 4, 4, "failed"), record("keepalive", 6, 6.1, 0)),
    "valid",
  );
});

test("an answer that does not know the lease and one that has renewed it cannot overlap within the time to live", () => {
  // Renewed at some moment of 2..6, so alive until 6 at least; gone at some moment of 3..5.
  assert.equal(verdict(record("keepalive", 2, 6, 4), record("keepalive", 3, 5, 0)), "invalid");
  // The answer that does not know it may be as late as 7.
  assert.equal(verdict(record("keepalive", 2, 6, 4), record("keepalive", 3, 7, 0)), "valid");
});

test("a lease that is kept alive after it was gone breaks a promise", () => {
  assert.equal(verdict(record("keepalive", 8, 8.1, 0), record("keepalive", 9, 9.1, 4)), "invalid");
});

test("a time-to-live of 0 is a lease with less than a second left, -1 one that is gone", () => {
  assert.equal(verdict(record("keepalive", 1, 1, 4), record("time-to-live", 2, 2.1, 0)), "valid");
  assert.equal(verdict(record("keepalive", 1, 1, 4), record("time-to-live", 2, 2.1, -1)), "invalid");
});

test("nothing was put to the test without a keepalive, or with fewer leases than planned", () => {
  assert.equal(verdict(), "unknown");
  assert.equal(checkLease([granted, record("keepalive", 1, 1, 4)], { planned: 2 }).verdict, "unknown");
});

// A store that keeps leases as it promises: each is alive from its grant until the last renewal's moment plus its time to live, and
// some time longer, because whoever revokes comes late. Requests take effect at one moment between call and answer.

const request = fc.record({
  /** Since the call before, and how long until the effect, and from there until the answer. Milliseconds. */
  gapMs: fc.integer({ min: 0, max: 3000 }),
  toEffectMs: fc.integer({ min: 0, max: 1500 }),
  toAnswerMs: fc.integer({ min: 0, max: 1500 }),
  ask: fc.boolean(),
  answer: fc.oneof(
    { weight: 4, arbitrary: fc.constant("ok" as const) },
    { weight: 1, arbitrary: fc.constant("unknown" as const) },
  ),
});
const scene = fc.record({
  ttlSeconds: fc.integer({ min: 1, max: 4 }),
  lateMs: fc.integer({ min: 0, max: 1000 }),
  requests: fc.array(request, { minLength: 1, maxLength: 20 }),
  /** When the store drops the lease though it is alive. */
  dropMs: fc.integer({ min: 0, max: 20_000 }),
});
type Scene = typeof scene extends fc.Arbitrary<infer T> ? T : never;

interface Told {
  readonly record: LeaseRecord;
  readonly effectMs: number;
}

/** What clients are told, each with the moment it took effect. `dropMs` infinite: the store is correct. */
function simulate({ ttlSeconds, lateMs, requests }: Scene, dropMs: number): readonly Told[] {
  const grant: Told = { record: record("grant", 0, 0, ttlSeconds), effectMs: 0 };
  let callMs = 0;
  const calls = requests.map((each) => {
    callMs += each.gapMs;
    return {
      ...each,
      callMs,
      effectMs: callMs + each.toEffectMs,
      answerMs: callMs + each.toEffectMs + each.toAnswerMs,
    };
  });
  let expiresMs = ttlSeconds * 1000;
  let gone = false;
  const told = [...calls]
    .sort((a, b) => a.effectMs - b.effectMs)
    .map(({ ask, answer, callMs, effectMs, answerMs }): Told => {
      gone ||= effectMs >= dropMs || effectMs >= expiresMs + lateMs;
      if (!gone && !ask) expiresMs = Math.max(expiresMs, effectMs + ttlSeconds * 1000);
      const left = Math.max(0, Math.floor((expiresMs - effectMs) / 1000));
      const ttl = gone ? (ask ? -1 : 0) : ask ? left : ttlSeconds;
      const action = ask ? "time-to-live" : "keepalive";
      return {
        record: record(action, callMs / 1000, answerMs / 1000, answer === "ok" ? ttl : "unknown"),
        effectMs,
      };
    });
  return [grant, ...told];
}

test("a store that keeps its leases is never accused, however its answers overlap", () => {
  fc.assert(
    fc.property(scene, (scene) => {
      const records = simulate(scene, Number.POSITIVE_INFINITY).map(({ record }) => record);
      assert.deepEqual(brokenLeases(records), []);
    }),
    { numRuns: 2000 },
  );
});

test("a store that drops a live lease is accused exactly when no moments of renewal and loss explain the answers", () => {
  fc.assert(
    fc.property(scene, (scene) => {
      const records = simulate(scene, scene.dropMs).map(({ record }) => record);
      assert.equal(brokenLeases(records).length > 0, !explicable(records), JSON.stringify(records));
    }),
    { numRuns: 3000 },
  );
});

/**
 * The slow twin: is there one moment of loss such that every acknowledged renewal can have happened before it and had run out by
 * it, and every answer that does not know the lease can have been given after it? Only answers' ends are worth trying.
 */
function explicable(records: readonly LeaseRecord[]): boolean {
  const ok = records.flatMap((each) => (each.outcome.kind === "ok" ? [{ ...each, ttl: each.outcome.ttlSeconds }] : []));
  const gone = ok.filter(({ action, ttl }) => (action === "time-to-live" ? ttl < 0 : ttl <= 0));
  const kept = ok.filter(({ action, ttl }) => action !== "time-to-live" && ttl > 0);
  const moments = [...gone.map(({ endNs }) => endNs), Number.POSITIVE_INFINITY];
  return moments.some(
    (lossNs) =>
      gone.every(({ endNs }) => endNs >= lossNs) &&
      kept.every(({ startNs, endNs, ttl }) => {
        const renewedNs = Math.min(endNs, Math.max(startNs, lossNs - ttl * S));
        return renewedNs >= startNs && renewedNs <= lossNs - ttl * S;
      }),
  );
}

test("a store that drops a live lease is accused whenever its holder hears of it in time", () => {
  fc.assert(
    fc.property(scene, fc.integer({ min: 0, max: 900 }), (scene, afterMs) => {
      const told = simulate(
        { ...scene, requests: scene.requests.map((each) => ({ ...each, ask: false })) },
        Number.POSITIVE_INFINITY,
      );
      const renewed = told.filter(({ record }) => record.outcome.kind === "ok" && record.outcome.ttlSeconds > 0);
      const last = renewed.at(-1) as Told;
      // Dropped right after the last renewal; the answer that says so comes less than the time to live after that renewal's call.
      const heardS = last.record.startNs / S + (scene.ttlSeconds * afterMs) / 1000;
      const records = [
        ...renewed.map(({ record }) => record),
        record("keepalive", Math.max(0, heardS - 0.001), heardS, 0),
      ];
      assert.equal(brokenLeases(records).length, 1);
    }),
    { numRuns: 1000 },
  );
});
