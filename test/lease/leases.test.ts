/** What the log made of leases is what a restart finds, and what they can be asked and told. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { ETCD_ERRORS } from "../../src/etcd/errors.ts";
import { Leases } from "../../src/etcd/lease/leases.ts";
import { Lease } from "../../src/proto/gen/leasepb.ts";
import fc from "../support/fast-check.ts";

type Step =
  | { readonly kind: "grant"; readonly id: bigint; readonly seconds: number }
  | { readonly kind: "checkpoint"; readonly id: bigint; readonly seconds: number }
  | { readonly kind: "revoke"; readonly id: bigint }
  | { readonly kind: "attach"; readonly id: bigint; readonly key: string };

const id = fc.constantFrom(1n, 2n, 2n ** 63n - 1n, -1n, -(2n ** 63n));
const seconds = fc.integer({ min: 0, max: 600 });
const key = fc.constantFrom("a", "a\0", "b", "\xff");
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("grant" as const), id, seconds }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("checkpoint" as const), id, seconds }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("revoke" as const), id }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("attach" as const), id: fc.oneof(id, fc.constant(0n)), key }) },
);

const contents = (leases: Leases): unknown =>
  [...leases.list()]
    .map((lease) => ({ ...lease, keys: leases.keysOf(lease.id) }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));

test("a restart finds the leases as they were, and the keys' versions told again put the attachments back", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const buckets = new MemoryBuckets();
      const leases = new Leases(buckets);
      /** Every version of every key, also those whose lease ended since. */
      const versions: (readonly [string, bigint])[] = [];
      for (const each of steps) {
        if (each.kind === "grant") leases.grant(each.id, each.seconds);
        else if (each.kind === "checkpoint") leases.checkpoint(each.id, each.seconds);
        else if (each.kind === "revoke") {
          if (leases.get(each.id) === null) continue;
          for (const doomed of leases.keysOf(each.id)) versions.push([doomed, 0n]);
          leases.revoke(each.id);
        } else if (each.id === 0n || leases.get(each.id) !== null) {
          versions.push([each.key, each.id]);
          leases.attach(each.key, each.id);
        }
      }
      // What it held before is forgotten.
      const again = new Leases(new MemoryBuckets());
      again.grant(77n, 5);
      again.attach("a", 77n);
      await again.load(buckets, async () => {});
      for (const [name, lease] of versions) again.attach(name, lease);
      assert.deepEqual(contents(again), contents(leases));
    }),
    { numRuns: 300 },
  );
});

test("thousands of leases load in slices", async () => {
  const buckets = new MemoryBuckets();
  const leases = new Leases(buckets);
  for (let i = 1n; i <= 2_500n; i++) leases.grant(i * 3n, 60);
  let pauses = 0;
  const again = new Leases(buckets);
  await again.load(buckets, async () => {
    pauses++;
  });
  assert.deepEqual([again.size, pauses], [2_500, 2]);
  assert.deepEqual(contents(again), contents(leases));
});

test("the bucket has etcd's layout: the id's 8 bytes big-endian, and leasepb.Lease", () => {
  const buckets = new MemoryBuckets();
  const leases = new Leases(buckets);
  leases.grant(-2n, 600);
  leases.checkpoint(-2n, 300);
  const [stored, ...others] = [...buckets.range("lease", {})];
  assert.equal(Buffer.from(stored?.key ?? []).toString("hex"), "fffffffffffffffe");
  assert.deepEqual(Lease.decode(stored?.value ?? new Uint8Array()), { id: -2n, ttl: 600, remainingTtl: 300 });
  assert.equal(others.length, 0);
  leases.revoke(-2n);
  assert.equal([...buckets.range("lease", {})].length, 0);
});

test("an id is granted once, and not for longer than etcd grants", () => {
  const leases = new Leases(new MemoryBuckets());
  assert.equal(leases.grant(5n, 9_000_000_000), null);
  assert.equal(leases.grant(5n, 10), ETCD_ERRORS.leaseExists);
  // The length is looked at first.
  assert.equal(leases.grant(5n, 9_000_000_001), ETCD_ERRORS.leaseTtlTooLarge);
  assert.equal(leases.grant(0n, 10), ETCD_ERRORS.leaseNotFound);
  leases.revoke(5n);
  assert.equal(leases.grant(5n, 10), null);
});

test("a key hangs on the lease of its newest version alone", () => {
  const leases = new Leases(new MemoryBuckets());
  leases.grant(1n, 60);
  leases.grant(2n, 60);
  leases.attach("k", 1n);
  leases.attach("k", 2n);
  leases.attach("z", 1n);
  assert.deepEqual([leases.keysOf(1n), leases.keysOf(2n)], [["z"], ["k"]]);
  leases.attach("k", 0n);
  leases.revoke(1n);
  assert.deepEqual([leases.keysOf(1n), leases.keysOf(2n)], [[], []]);
  // Its lease is gone, so the key that hung on it is free.
  leases.attach("z", 2n);
  assert.deepEqual(leases.keysOf(2n), ["z"]);
});
