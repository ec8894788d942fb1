import assert from "node:assert/strict";
import { test } from "node:test";
import { type SamplesInput, samplesOf } from "../../../src/harness/history/samples.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import type { HistoryRecord, OperationRequest, Outcome } from "../../../src/harness/model/history.ts";
import type { Phase } from "../../../src/harness/model/plan.ts";

const SECOND = 1e9;
const MS = 1e6;

const steady: Phase = {
  name: "steady",
  loop: { kind: "open", ratePerSecond: 100, arrivals: "even" },
  durationMs: 10_000,
  mix: { put: 1, "get-linearizable": 1 },
  measured: true,
};
const most: Phase = {
  name: "most",
  loop: { kind: "closed", concurrency: 8 },
  durationMs: 2000,
  mix: { "get-serializable": 1 },
  measured: true,
};
const warmUp: Phase = { ...steady, name: "warm-up", measured: false };

/** most 0-2 s, warm-up 2-4 s, steady 4-14 s. */
const PHASE_EVENTS: readonly RunEvent[] = [
  { atNs: 0, kind: "phase-started", phase: "most" },
  { atNs: 2 * SECOND, kind: "phase-ended", phase: "most" },
  { atNs: 2 * SECOND, kind: "phase-started", phase: "warm-up" },
  { atNs: 4 * SECOND, kind: "phase-ended", phase: "warm-up" },
  { atNs: 4 * SECOND, kind: "phase-started", phase: "steady" },
  { atNs: 14 * SECOND, kind: "phase-ended", phase: "steady" },
];
const FAULT: readonly RunEvent[] = [
  { atNs: 7 * SECOND, kind: "fault-injected", fault: "f1", members: ["n1"], description: "cut" },
  { atNs: 9 * SECOND, kind: "fault-healed", fault: "f1" },
];

function input(events: readonly RunEvent[], changes: Partial<SamplesInput> = {}): SamplesInput {
  return {
    run: "r",
    command: "faultline run plan.yaml --seed 1",
    startedAt: "2026-01-01T00:00:00Z",
    durationNs: 15 * SECOND,
    environment: {
      faultlineVersion: "0",
      target: "ts",
      proxy: "embedded",
      node: "20",
      platform: "linux",
      cpu: "one",
      cores: 2,
      filesystem: "ext4",
      fsyncP99Ns: null,
      warnings: [],
    },
    unsent: 3,
    phases: [most, warmUp, steady],
    events: [...PHASE_EVENTS, ...events].sort((a, b) => a.atNs - b.atNs),
    cpu: new Map([["most", { serverMicros: 1000, clientMicros: null }]]),
    ...changes,
  };
}

let nextId = 0;
function operation(
  phase: string,
  intendedNs: number,
  latencyNs: number,
  request: OperationRequest,
  outcome: Outcome["kind"] = "ok",
  lagNs = 0,
): HistoryRecord {
  const response =
    request.kind === "get"
      ? ({ kind: "get", revision: 2, kv: null } as const)
      : request.kind === "put"
        ? ({ kind: "put", revision: 2 } as const)
        : ({ kind: "delete", revision: 2, deleted: 1 } as const);
  return {
    type: "operation",
    id: nextId++,
    client: 0,
    member: "n1",
    phase,
    request,
    intendedNs,
    startNs: intendedNs + lagNs,
    endNs: intendedNs + latencyNs,
    outcome: outcome === "ok" ? { kind: "ok", response } : { kind: outcome, reason: "why" },
  };
}
const get = (serializable: boolean): OperationRequest => ({ kind: "get", key: "a", serializable });
const put = (value: string): OperationRequest => ({ kind: "put", key: "a", value });

/** A put every 100 ms from 4 s to 14 s, each ok after 1 ms but for `silent`. */
function puts(silent: (atNs: number) => boolean): HistoryRecord[] {
  return Array.from({ length: 100 }, (_, i) => {
    const atNs = 4 * SECOND + i * 100 * MS;
    return operation("steady", atNs, MS, put(`v${i}`), silent(atNs) ? "unknown" : "ok");
  });
}

test("operations fall before, during and after the fault by their intended start", () => {
  // Meant to start at 6.9 s and answered during the fault: still one of `before`.
  const straggler = operation("steady", 6.9 * SECOND, 300 * MS, get(false));
  const samples = samplesOf(input(FAULT), [...puts(() => false), straggler]);
  assert.deepEqual(
    samples.windows.map(({ name, startNs, endNs }) => [name, startNs / SECOND, endNs / SECOND]),
    [
      ["before", 4, 7],
      ["during", 7, 9],
      ["after", 9, 14],
    ],
  );
  const counts = samples.windows.map(({ classes }) => classes.map((one) => [one.class, one.ok, one.perSecond]));
  assert.deepEqual(counts, [
    [
      ["get-linearizable", 1, 1 / 3],
      ["put", 30, 10],
    ],
    [["put", 20, 10]],
    [["put", 50, 10]],
  ]);
});

test("without a fault there is one window, and no outage", () => {
  const samples = samplesOf(
    input([]),
    puts(() => false),
  );
  assert.deepEqual(
    samples.windows.map(({ name }) => name),
    ["before"],
  );
  assert.equal(samples.outage, null);
});

test("a fault that is never healed lasts to the end", () => {
  const samples = samplesOf(
    input(FAULT.slice(0, 1)),
    puts(() => false),
  );
  assert.deepEqual(
    samples.windows.map(({ name, endNs }) => [name, endNs / SECOND]),
    [
      ["before", 7],
      ["during", 14],
    ],
  );
});

test("an interrupted phase ends where the run does", () => {
  const events = input([]).events.filter((event) => !(event.kind === "phase-ended" && event.phase === "steady"));
  const samples = samplesOf({ ...input([]), events, durationNs: 6 * SECOND }, []);
  assert.equal(samples.windows[0]?.endNs, 6 * SECOND);
});

test("the outage is the longest stretch without an acknowledged write that touches the fault or follows it", () => {
  const quiet = (from: number, to: number) => (atNs: number) => atNs >= from * SECOND && atNs < to * SECOND;
  const outage = (silent: (atNs: number) => boolean) => samplesOf(input(FAULT), puts(silent)).outage;
  // 6.9 s + 1 ms was the last acknowledgement, 8.5 s + 1 ms the next.
  assert.deepEqual(outage(quiet(7, 8.5)), { startNs: 6901 * MS, endNs: 8501 * MS });
  // A longer silence that ended before the fault does not count.
  assert.deepEqual(
    outage((atNs) => quiet(4.5, 6.8)(atNs) || quiet(7, 8)(atNs)),
    { startNs: 6901 * MS, endNs: 8001 * MS },
  );
  // Writes that never come back: until the phase ends.
  assert.deepEqual(outage(quiet(12, 14)), { startNs: 11_901 * MS, endNs: 14 * SECOND });
  assert.deepEqual(
    outage(() => true),
    { startNs: 4 * SECOND, endNs: 14 * SECOND },
  );
});

test("a run without writes has no outage", () => {
  const reads = [operation("steady", 5 * SECOND, MS, get(false))];
  assert.equal(samplesOf(input(FAULT), reads).outage, null);
});

test("percentiles are withheld where there are too few samples", () => {
  const latency = (count: number) => {
    const records = Array.from({ length: count }, (_, i) => operation("steady", 5 * SECOND + i, MS, get(false)));
    return samplesOf(input([]), records).windows[0]?.classes[0]?.latency;
  };
  const withheld = (count: number) => {
    const { p50Ns, p99Ns, p999Ns } = latency(count) ?? assert.fail();
    return [p50Ns, p99Ns, p999Ns].map((value) => value === null);
  };
  assert.deepEqual(withheld(9), [true, true, true]);
  assert.deepEqual(withheld(10), [false, true, true]);
  assert.deepEqual(withheld(999), [false, true, true]);
  assert.deepEqual(withheld(1000), [false, false, true]);
  assert.deepEqual(withheld(9999), [false, false, true]);
  assert.deepEqual(withheld(10_000), [false, false, false]);
  assert.equal(latency(10)?.p50Ns, MS);
});

test("a time-out counts at its deadline, a refusal does not count as a latency", () => {
  const records = [
    operation("steady", 5 * SECOND, 2 * SECOND, put("a"), "unknown"),
    operation("steady", 5 * SECOND, 1, put("b"), "failed"),
  ];
  const [summary] = samplesOf(input([]), records).windows[0]?.classes ?? [];
  assert.deepEqual([summary?.ok, summary?.failed, summary?.unknown], [0, 1, 1]);
  assert.equal(summary?.latency.count, 1);
  assert.equal(summary?.latency.maxNs, 2 * SECOND);
});

test("warm-up and final reads are in no figure", () => {
  const records = [
    operation("warm-up", 3 * SECOND, MS, put("a")),
    operation("final", 14.5 * SECOND, MS, get(false)),
    {
      type: "event",
      watcher: 0,
      member: "n1",
      atNs: 3.1 * SECOND,
      kind: "put",
      key: "a",
      value: "a",
      revision: 2,
      version: 1,
    },
  ] as const;
  const samples = samplesOf(input([]), records);
  assert.deepEqual(samples.windows[0]?.classes, []);
  assert.equal(samples.windows[0]?.watchDelivery.count, 0);
  assert.equal(samples.startLag.count, 0);
  assert.ok(samples.series.every((point) => point.ok === 0));
});

test("capacity is what a closed loop did, with CPU for each ok operation", () => {
  const records = Array.from({ length: 100 }, (_, i) =>
    operation("most", i * MS, MS, get(true), i < 50 ? "ok" : "unknown"),
  );
  const [capacity] = samplesOf(input([]), records).capacity;
  assert.equal(capacity?.concurrency, 8);
  assert.equal(capacity?.classes[0]?.class, "get-serializable");
  assert.equal(capacity?.classes[0]?.perSecond, 25);
  assert.equal(capacity?.serverCpuMicrosPerOperation, 20);
  assert.equal(capacity?.clientCpuMicrosPerOperation, null);
});

test("a delivery counts from its put's intended start, in its put's window, once for each watcher", () => {
  const event = (watcher: number, atNs: number, value: string) =>
    ({ type: "event", watcher, member: "n1", atNs, kind: "put", key: "a", value, revision: 2, version: 1 }) as const;
  const samples = samplesOf(input(FAULT), [
    operation("steady", 6.9 * SECOND, SECOND, put("a"), "unknown", 50 * MS),
    event(0, 7.4 * SECOND, "a"),
    event(1, 8.9 * SECOND, "a"),
    event(1, 8.9 * SECOND, "nobody wrote this"),
  ]);
  const [before, during] = samples.windows;
  assert.equal(before?.watchDelivery.count, 2);
  assert.equal(before?.watchDelivery.maxNs, 2 * SECOND);
  assert.equal(during?.watchDelivery.count, 0);
  assert.equal(samples.startLag.maxNs, 50 * MS);
  assert.equal(samples.unsent, 3);
});

test("the series has a point for every class in every column, zero where nothing was meant to start", () => {
  const records = puts((atNs) => atNs >= 7 * SECOND && atNs < 8 * SECOND).filter(
    (record) => record.type === "operation" && !(record.intendedNs >= 10 * SECOND && record.intendedNs < 11 * SECOND),
  );
  const { series, bucketNs } = samplesOf(input(FAULT), records);
  assert.equal(bucketNs, 250 * MS);
  assert.equal(series.length, 2 * 40);
  const at = (seconds: number) => series.find((point) => point.atNs === seconds * SECOND && point.class === "put");
  assert.deepEqual([at(4)?.ok, at(4)?.unknown, at(4)?.p50Ns, at(4)?.p99Ns], [3, 0, MS, null]);
  assert.deepEqual([at(7)?.ok, at(7)?.unknown], [0, 3]);
  assert.deepEqual([at(10)?.ok, at(10)?.unknown, at(10)?.p50Ns], [0, 0, null]);
  const total = series.reduce((sum, point) => sum + point.ok + point.failed + point.unknown, 0);
  assert.equal(total, records.length);
});

test("a long run gets wider columns, and a run of closed loops alone is charted, too", () => {
  const events = (endNs: number): RunEvent[] => [
    { atNs: 0, kind: "phase-started", phase: "most" },
    { atNs: endNs, kind: "phase-ended", phase: "most" },
  ];
  const samples = samplesOf({ ...input([]), phases: [most], events: events(3600 * SECOND) }, []);
  assert.equal(samples.bucketNs, 30 * SECOND);
  assert.equal(samples.series.length, 120);
  assert.deepEqual(samples.windows, []);
});

test("a distribution's buckets join up and hold every latency", () => {
  const latencies = [MS, MS, 1.01 * MS, 3 * MS, 800 * MS];
  const records = latencies.map((latency) => operation("steady", 5 * SECOND, latency, put("a")));
  const [distribution] = samplesOf(input([]), records).distributions;
  const { edgesNs, counts } = distribution ?? assert.fail();
  assert.equal(edgesNs.length, counts.length + 1);
  assert.ok(edgesNs.every((edge, i) => i === 0 || edge > (edgesNs[i - 1] as number)));
  for (const [i, count] of counts.entries()) {
    const inside = latencies.filter((one) => one >= (edgesNs[i] as number) && one < (edgesNs[i + 1] as number));
    assert.equal(count, inside.length);
  }
});
