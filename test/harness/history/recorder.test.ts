import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { openHistory } from "../../../src/harness/history/reader.ts";
import { Recorder, type WatcherDetail } from "../../../src/harness/history/recorder.ts";
import { TextTable } from "../../../src/harness/history/texts.ts";
import { writeHistory } from "../../../src/harness/history/writer.ts";
import type { HistoryRecord, LeaseRecord, OperationRequest } from "../../../src/harness/model/history.ts";
import { OPERATION_CLASSES } from "../../../src/harness/model/plan.ts";
import fc from "../../support/fast-check.ts";

const HEADER = {
  type: "history",
  version: 1,
  run: "r1",
  members: ["n1", "n2"],
  initialRevision: 1,
  watchers: 3,
  watchEventsLost: 0,
} as const;
const NAMES = {
  members: HEADER.members,
  clients: [0, 1, 1],
  watchers: [0, 1],
  phases: ["warm-up", "steady"],
  keyText: (key: number) => `k/${key}`,
};

const ordinal = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const gap = fc.integer({ min: 0, max: 1_000_000 });
/** The driver's own (a number) or anything else (a text). */
const name = fc.oneof(
  fc.nat(1000),
  fc.string().map((text) => `x${text}`),
);
const kv = fc.record({ value: name, createRevision: ordinal, modRevision: ordinal, version: ordinal });

const step = fc.oneof(
  fc.record({
    type: fc.constant("operation" as const),
    gap,
    late: gap,
    took: gap,
    class: fc.nat(OPERATION_CLASSES.length - 1),
    client: fc.nat(NAMES.clients.length - 1),
    phase: fc.nat(1),
    key: name,
    // Of those classes that compare.
    condition: fc.record({ target: fc.constantFrom("mod-revision" as const, "version" as const), equals: ordinal }),
    refused: fc.boolean(),
    outcome: fc.oneof(
      fc.record({
        kind: fc.constant("ok" as const),
        revision: ordinal,
        deleted: fc.nat(1),
        kv: fc.option(kv),
      }),
      fc.record({ kind: fc.constantFrom("failed" as const, "unknown" as const), reason: fc.string() }),
    ),
  }),
  fc.record({
    type: fc.constant("event" as const),
    gap,
    watcher: fc.nat(1),
    kind: fc.constantFrom("put" as const, "delete" as const),
    key: name,
    value: name,
    revision: ordinal,
    version: ordinal,
    createRevision: ordinal,
    response: ordinal,
    previous: fc.option(fc.option(kv), { nil: undefined }),
  }),
  fc.record({
    type: fc.constant("watcher" as const),
    gap,
    watcher: fc.nat(1),
    what: fc.constantFrom("opened" as const, "progress" as const, "closed" as const),
    revision: ordinal,
    reason: fc.string(),
    detail: fc.record(
      {
        response: ordinal,
        selects: fc.record(
          {
            from: fc.string(),
            to: fc.option(fc.string()),
            kinds: fc.constantFrom("all" as const, "puts" as const, "deletes" as const),
          },
          { noNullPrototype: true },
        ),
      },
      { requiredKeys: [], noNullPrototype: true },
    ),
  }),
);
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Records the steps, and says as plain objects what should come back, sorted by time. */
function play(steps: readonly Step[], recorder: Recorder): HistoryRecord[] {
  const code = (text: string | number): number => (typeof text === "number" ? text : recorder.foreign(text));
  const keyText = (key: string | number): string => (typeof key === "number" ? NAMES.keyText(key) : key);
  const expected: { atNs: number; record: HistoryRecord }[] = [];
  let now = 0;
  for (const one of steps) {
    // Never two things at one instant: which comes first is then no question.
    now += one.gap + 1;
    if (one.type === "event") {
      const { type, gap: _, watcher, previous, ...numbers } = one;
      const coded = previous == null ? previous : { ...previous, value: code(previous.value) };
      const event = { ...numbers, key: code(one.key), value: code(one.value) };
      recorder.event(watcher, now, coded === undefined ? event : { ...event, previous: coded });
      const shown = previous == null ? previous : { ...previous, value: String(previous.value) };
      const value = one.kind === "delete" ? "" : String(one.value);
      const where = { watcher, member: NAMES.members[watcher] as string, atNs: now };
      const record = { ...numbers, type, ...where, key: keyText(one.key), value };
      expected.push({ atNs: now, record: shown === undefined ? record : { ...record, previous: shown } });
    } else if (one.type === "watcher") {
      const { type, gap: _, watcher, what, revision, reason, detail } = one;
      recorder.watcher(watcher, now, what, revision, reason, detail as WatcherDetail);
      const where = { watcher, member: NAMES.members[watcher] as string, atNs: now };
      const record = { type, ...where, what, revision, reason, ...(detail as WatcherDetail) };
      expected.push({ atNs: now, record });
    } else expected.push({ atNs: now, record: playOperation(one, recorder, now, code(one.key), keyText(one.key)) });
  }
  return expected.sort((a, b) => a.atNs - b.atNs).map(({ record }) => record);
}

function requestOf(
  one: Extract<Step, { type: "operation" }>,
  recorder: Recorder,
  id: number,
  key: string,
): OperationRequest {
  const kind = OPERATION_CLASSES[one.class] as (typeof OPERATION_CLASSES)[number];
  if (kind === "put") return { kind, key, value: String(id) };
  if (kind === "delete") return { kind, key };
  if (kind !== "update" && kind !== "remove") return { kind: "get", key, serializable: kind === "get-serializable" };
  const { target, equals } = one.condition;
  recorder.condition(id, target, equals);
  const condition = { target, equals, wanted: kind === "update" ? "put" : "delete" } as const;
  if (one.refused) {
    recorder.refused(id);
    return { kind: "get", key, serializable: false, condition };
  }
  return kind === "update" ? { kind: "put", key, value: String(id), condition } : { kind: "delete", key, condition };
}

function playOperation(
  one: Extract<Step, { type: "operation" }>,
  recorder: Recorder,
  startNs: number,
  keyCode: number,
  key: string,
): HistoryRecord {
  const intendedNs = Math.max(0, startNs - one.late);
  const endNs = startNs + one.took;
  const id = recorder.begin(one.phase, one.client, one.class, keyCode, intendedNs, startNs);
  const request = requestOf(one, recorder, id, key);
  const { kind } = request;
  const common = {
    type: "operation",
    id,
    client: one.client,
    member: NAMES.members[NAMES.clients[one.client] as number] as string,
    phase: NAMES.phases[one.phase] as string,
    request,
    intendedNs,
    startNs,
    endNs,
  } as const;
  const { outcome } = one;
  if (outcome.kind !== "ok") {
    recorder.unanswered(id, endNs, outcome.kind, outcome.reason);
    return { ...common, outcome: { ...outcome } };
  }
  const { revision, deleted } = outcome;
  if (kind === "put") {
    recorder.answeredPut(id, endNs, revision);
    return { ...common, outcome: { kind: "ok", response: { kind, revision } } };
  }
  if (kind === "delete") {
    recorder.answeredDelete(id, endNs, revision, deleted);
    return { ...common, outcome: { kind: "ok", response: { kind, revision, deleted } } };
  }
  const seen = outcome.kv;
  if (seen === null) recorder.answeredGet(id, endNs, revision, 0, 0, 0, 0, false);
  else {
    const value = typeof seen.value === "number" ? seen.value : recorder.foreign(seen.value);
    recorder.answeredGet(id, endNs, revision, value, seen.createRevision, seen.modRevision, seen.version, true);
  }
  const observed = seen && { ...seen, value: String(seen.value) };
  return { ...common, outcome: { kind: "ok", response: { kind: "get", revision, kv: observed } } };
}

async function inDirectory(use: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "history-"));
  try {
    await use(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("what was recorded is what is read", async () => {
  await inDirectory(async (directory) => {
    const file = join(directory, "history.jsonl.gz");
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
        const recorder = new Recorder(NAMES);
        const expected = play(steps, recorder);
        await writeHistory(file, HEADER, recorder.records());
        const history = await openHistory(file);
        assert.deepEqual(history.header, HEADER);
        const records: HistoryRecord[] = [];
        for await (const record of history.records) records.push(record);
        assert.deepEqual(records, expected);
      }),
      { numRuns: 50 },
    );
  });
});

test("more operations than one chunk holds keep their order and their answers", () => {
  const recorder = new Recorder(NAMES);
  const total = 40_000;
  for (let i = 0; i < total; i++) assert.equal(recorder.begin(1, 0, 2, i % 10, i, i), i);
  for (let i = total - 1; i >= 0; i--) recorder.answeredPut(i, total + i, i * 2);
  let id = 0;
  for (const record of recorder.records()) {
    assert.equal(record.type, "operation");
    if (record.type !== "operation" || record.outcome.kind !== "ok") return assert.fail();
    assert.equal(record.id, id);
    assert.equal(record.outcome.response.revision, id * 2);
    id++;
  }
  assert.equal(id, total);
});

test("a full recorder says so, and an operation ends exactly once", () => {
  const recorder = new Recorder(NAMES, 1);
  const id = recorder.begin(0, 0, 0, 0, 5, 5);
  assert.equal(recorder.full, true);
  assert.throws(() => [...recorder.records()], /has ended/);
  assert.throws(() => recorder.answeredPut(id, 4, 1), /after it starts/);
  recorder.unanswered(id, 6, "unknown", "deadline");
  assert.throws(() => recorder.unanswered(id, 7, "unknown", "deadline"), /ends once/);
  assert.throws(() => recorder.begin(0, 0, 0, 0, 6, 6), /full/);
});

test("past its limit a table of texts forgets, but never confuses", () => {
  const table = new TextTable(3);
  const codes = ["a", "b", "c", "a"].map((text) => table.code(text));
  assert.deepEqual(
    codes.map((code) => table.text(code)),
    ["a", "b", "(too many different texts)", "a"],
  );
});

test("requests about leases stand in the history in the order of their starts, and come back as they were", async () => {
  const recorder = new Recorder(NAMES);
  const lease = (startNs: number, endNs: number, outcome: LeaseRecord["outcome"]): LeaseRecord => ({
    type: "lease",
    lease: "7d27a204fe840603",
    action: "keepalive",
    member: "n1",
    startNs,
    endNs,
    outcome,
  });
  const late = lease(5, 40, { kind: "unknown", reason: "no answer by the deadline" });
  const first = lease(2, 3, { kind: "ok", ttlSeconds: 4 });
  const last = lease(50, 51, { kind: "ok", ttlSeconds: 0 });
  recorder.watcher(0, 1, "opened", 1, "");
  const id = recorder.begin(0, 0, OPERATION_CLASSES.indexOf("put"), 0, 10, 10);
  recorder.answeredPut(id, 12, 2);
  for (const record of [first, late, last]) assert.ok(recorder.lease(record));
  const records = [...recorder.records()];
  assert.deepEqual(
    records.map((record) => (record.type === "lease" ? record.startNs : record.type)),
    ["watcher", 2, 5, "operation", 50],
  );
  const folder = await mkdtemp(join(tmpdir(), "faultline-history-"));
  try {
    const file = join(folder, "history.jsonl.gz");
    await writeHistory(file, HEADER, recorder.records());
    const read: HistoryRecord[] = [];
    for await (const record of (await openHistory(file)).records) read.push(record);
    assert.deepEqual(read, records);
  } finally {
    await rm(folder, { recursive: true });
  }
});
