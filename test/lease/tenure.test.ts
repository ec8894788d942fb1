/** What one leader counts, against a list of all leases that is gone through for every look. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Term } from "../../src/base/ids.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { type Lease, Leases } from "../../src/etcd/lease/leases.ts";
import { Tenure } from "../../src/etcd/lease/tenure.ts";
import fc from "../support/fast-check.ts";

const ELECTION_MS = 1_000;
const BEGAN_MS = 10_000;

type Step =
  | { readonly kind: "grant"; readonly id: bigint; readonly ttl: number }
  | { readonly kind: "renew" | "revoke"; readonly id: bigint }
  | { readonly kind: "pass"; readonly ms: number }
  | { readonly kind: "look" };

const id = fc.bigInt({ min: 1n, max: 5n });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("grant" as const), id, ttl: fc.constantFrom(2, 9, 600, 1_000) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("renew" as const), id }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke" as const), id }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("pass" as const), ms: fc.constantFrom(1, 700, 2_999, 3_000, 150_000) }),
  },
  { weight: 5, arbitrary: fc.constant({ kind: "look" as const }) },
);

/** One lease as the twin counts it. */
interface Counted {
  deadlineMs: number;
  /** When it is looked at next after its end was noticed. */
  againMs: number;
  /** When what is left of it was recorded, or could have been, the last time. */
  recordedMs: number;
  left: number;
}

class Twin {
  readonly counted = new Map<bigint, Counted>();

  set(id: bigint, deadlineMs: number, left: number): void {
    this.counted.set(id, { deadlineMs, againMs: deadlineMs, recordedMs: deadlineMs - left * 1_000, left });
  }

  expired(nowMs: number): readonly bigint[] {
    const due = [...this.counted].filter(([, { againMs }]) => againMs <= nowMs);
    for (const [, counted] of due) counted.againMs = nowMs + 3_000;
    return due.map(([each]) => each).sort();
  }

  /** Those of which 300 s have passed unrecorded, and which have more than 300 s by what is recorded. */
  checkpoints(nowMs: number): readonly (readonly [bigint, number])[] {
    const due = [...this.counted].filter(
      ([, { left, recordedMs, deadlineMs }]) => left > 300 && recordedMs + 300_000 <= nowMs && deadlineMs > nowMs,
    );
    return due.map(([each, { deadlineMs }]) => [each, Math.ceil((deadlineMs - nowMs) / 1_000)] as const).sort();
  }
}

test("leases are noticed when they have run out and again every three seconds, and recorded every five minutes", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const leases = new Leases(new MemoryBuckets());
      const tenure = new Tenure(5 as Term, leases, ELECTION_MS);
      const twin = new Twin();
      let nowMs = BEGAN_MS;
      leases.watch({
        granted: (lease) => tenure.granted(lease, nowMs),
        checkpointed: (lease) => tenure.checkpointed(lease),
        revoked: (gone) => tenure.revoked(gone),
      });
      // Two from before, one of them with what the leader before has recorded.
      leases.grant(100n, 600);
      leases.grant(101n, 1_000);
      leases.checkpoint(101n, 400);
      tenure.begin(nowMs);
      twin.set(100n, nowMs + 600_000 + ELECTION_MS, 600);
      twin.set(101n, nowMs + 400_000 + ELECTION_MS, 400);
      const renew = (lease: Lease): void => {
        tenure.renew(lease, nowMs);
        if (tenure.isCheckpointed(lease)) {
          const { checkpointsProposed } = tenure;
          leases.checkpoint(lease.id, 0);
          tenure.takenBack(lease.id, checkpointsProposed);
        }
        // The leader before may acknowledge renewals for one election time-out more, but of no lease with a checkpoint.
        const fromMs = lease.id === 100n ? Math.max(nowMs, BEGAN_MS + ELECTION_MS) : nowMs;
        twin.set(lease.id, fromMs + lease.ttlSeconds * 1_000, lease.ttlSeconds);
      };
      for (const each of steps) {
        if (each.kind === "pass") nowMs += each.ms;
        else if (each.kind === "look") {
          assert.deepEqual([...tenure.takeExpired(nowMs, 100)].sort(), twin.expired(nowMs));
          const recorded = tenure.takeCheckpoints(nowMs, 100).map((due) => [due.id, due.remainingSeconds] as const);
          assert.deepEqual([...recorded].sort(), twin.checkpoints(nowMs));
          for (const [due, left] of recorded) {
            leases.checkpoint(due, left);
            const counted = twin.counted.get(due) as Counted;
            Object.assign(counted, { left, recordedMs: counted.deadlineMs - left * 1_000 });
          }
        } else if (each.kind === "grant") {
          if (leases.grant(each.id, each.ttl) === null) twin.set(each.id, nowMs + each.ttl * 1_000, each.ttl);
        } else {
          const lease = leases.get(each.id);
          if (lease === null) continue;
          if (each.kind === "renew") renew(lease);
          else {
            leases.revoke(each.id);
            twin.counted.delete(each.id);
          }
        }
        for (const [known, { deadlineMs }] of twin.counted)
          assert.equal(tenure.remainingMs(known, nowMs), deadlineMs - nowMs);
      }
      const order = [...twin.counted].sort(([, a], [, b]) => a.deadlineMs - b.deadlineMs);
      assert.deepEqual(
        tenure.byDeadline().map((each) => twin.counted.get(each)?.deadlineMs),
        order.map(([, { deadlineMs }]) => deadlineMs),
      );
    }),
    { numRuns: 200 },
  );
});
