import assert from "node:assert/strict";
import { test } from "node:test";
import { Prng } from "../../../src/base/prng.ts";
import { GrpcError, StatusCode } from "../../../src/grpc/status.ts";
import { IN_FLIGHT_MAX } from "../../../src/harness/load/calls.ts";
import { type LaneSource, runLanes, runOpenLoop } from "../../../src/harness/load/loops.ts";
import { Arrivals } from "../../../src/harness/load/schedule.ts";
import { Bench } from "./manual.ts";

const MS = 1e6;
const PUT = 2;

/** An open loop of 1,000 puts a second for 100 ms. */
function openLoop(bench: Bench, ratePerSecond = 1000): Promise<number> {
  const arrivals = new Arrivals(ratePerSecond, "even", new Prng(1));
  return runOpenLoop(bench.options, bench.source(), arrivals, 1, 100 * MS);
}

function endless(): LaneSource {
  return { client: 0, kind: PUT, key: 0, next: () => true };
}

test("an open loop starts operations when they are due, though none is answered", async () => {
  const bench = new Bench(1000);
  const loop = openLoop(bench);
  bench.clock.advanceTo(50);
  assert.equal(bench.waiting.length, 50);
  bench.clock.advanceTo(100);
  assert.equal(bench.waiting.length, 99);
  assert.equal(bench.stoppedAtMs, 100);
  for (const done of bench.waiting) bench.answer(done);
  bench.clock.advanceTo(200);
  assert.equal(await loop, 0);
  assert.deepEqual(bench.calls.tally, { ok: 99, failed: 0, unknown: 0 });
});

test("after a stall of the driver everything due starts at once, and latency still counts from the intended start", async () => {
  const bench = new Bench(1000);
  bench.serve = (done) => bench.answer(done);
  const loop = openLoop(bench);
  bench.clock.advanceTo(20);
  bench.clock.stallTo(80);
  bench.clock.advanceTo(150);
  assert.equal(await loop, 0);
  const operations = bench.operations();
  assert.deepEqual(
    operations.map(({ intendedNs }) => intendedNs / MS),
    Array.from({ length: 99 }, (_, i) => i + 1),
  );
  const stalled = operations.filter(({ intendedNs }) => intendedNs > 20 * MS && intendedNs <= 80 * MS);
  assert.equal(stalled.length, 60);
  assert.ok(stalled.every(({ startNs }) => startNs === 80 * MS));
});

test("above the cap on operations in flight they are counted, not dropped silently", async () => {
  const bench = new Bench(1000);
  // 500,000/s for 100 ms: 49,999 due.
  const loop = openLoop(bench, 500_000);
  bench.clock.advanceTo(100);
  assert.equal(bench.calls.inFlight, IN_FLIGHT_MAX);
  for (const done of [...bench.waiting]) bench.answer(done);
  bench.clock.advanceTo(200);
  assert.equal(await loop, 49_999 - IN_FLIGHT_MAX);
});

test("at its deadline an operation is recorded as unknown, canceled, and a late answer is ignored", async () => {
  const bench = new Bench(30);
  const loop = openLoop(bench, 10_000);
  bench.clock.advanceTo(300);
  assert.equal(await loop, 0);
  assert.equal(bench.calls.tally.unknown, 999);
  assert.equal(bench.canceled.length, 999);
  for (const done of bench.waiting) bench.answer(done);
  assert.equal(bench.calls.tally.ok, 0);
  for (const { startNs, endNs, outcome } of bench.operations()) {
    assert.deepEqual(outcome, { kind: "unknown", reason: "no answer by the deadline" });
    // Looked for every 10 ms.
    assert.ok(endNs - startNs >= 30 * MS && endNs - startNs <= 41 * MS);
  }
});

test("without a connection an operation fails at once: it certainly had no effect", async () => {
  const bench = new Bench(1000);
  bench.connected = false;
  const loop = openLoop(bench);
  bench.clock.advanceTo(200);
  await loop;
  assert.equal(bench.calls.tally.failed, 99);
  assert.ok(bench.operations().every(({ startNs, endNs }) => startNs === endNs));
});

test("an aborted open loop starts nothing more and resolves when what is in flight has ended", async () => {
  const bench = new Bench(500);
  let over = false;
  const loop = openLoop(bench).then(() => {
    over = true;
  });
  bench.clock.advanceTo(50);
  bench.abort.abort();
  bench.clock.advanceTo(400);
  await Promise.resolve();
  assert.equal(bench.waiting.length, 50);
  assert.equal(over, false);
  bench.clock.advanceTo(600);
  await loop;
  assert.equal(bench.calls.tally.unknown, 50);
});

test("a closed loop keeps its concurrency, each operation followed by the next", async () => {
  const bench = new Bench(1000);
  const loop = runLanes(bench.options, 8, endless(), 100 * MS);
  for (let round = 0; round < 20; round++) {
    assert.equal(bench.calls.inFlight, 8);
    bench.clock.advanceTo(round);
    for (const done of bench.waiting.splice(0)) bench.answer(done);
  }
  bench.clock.advanceTo(110);
  assert.equal(bench.stoppedAtMs !== null && bench.stoppedAtMs <= 110, true);
  for (const done of bench.waiting.splice(0)) bench.answer(done);
  bench.clock.advanceTo(120);
  await loop;
  assert.equal(bench.calls.tally.ok, 8 * 21);
});

test("a closed loop on a dead connection tries again with pauses, without recursion", async () => {
  const bench = new Bench(1000);
  bench.serve = (done) => done(new GrpcError(StatusCode.UNAVAILABLE, "closed", false), null);
  const loop = runLanes(bench.options, 2, endless(), 100 * MS);
  bench.clock.advanceTo(200);
  await loop;
  const { failed } = bench.calls.tally;
  assert.ok(failed >= 16 && failed <= 24, String(failed));
});

test("lanes stop when their source has nothing left", async () => {
  const bench = new Bench(1000);
  let left = 5;
  const loop = runLanes(bench.options, 3, { ...endless(), next: () => left-- > 0 }, Number.POSITIVE_INFINITY);
  for (let ms = 0; ms < 50; ms += 5) {
    bench.clock.advanceTo(ms);
    for (const done of bench.waiting.splice(0)) bench.answer(done);
  }
  await loop;
  assert.equal(bench.calls.tally.ok, 5);
});

test("a full recorder ends a closed loop", async () => {
  const bench = new Bench(1000, 20);
  const loop = runLanes(bench.options, 4, endless(), Number.POSITIVE_INFINITY);
  for (let ms = 0; ms < 100; ms += 10) {
    bench.clock.advanceTo(ms);
    for (const done of bench.waiting.splice(0)) bench.answer(done);
  }
  await loop;
  assert.equal(bench.operations().length, 20);
});
