/** Transactions, lists and compactions come back from a history file as they were taken down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "../../../src/harness/history/recorder.ts";
import { RecordError, readRecord } from "../../../src/harness/history/records.ts";
import type { HistoryRecord } from "../../../src/harness/model/history.ts";
import { OPERATION_CLASSES } from "../../../src/harness/model/plan.ts";

const UPDATE = OPERATION_CLASSES.indexOf("update");
const REMOVE = OPERATION_CLASSES.indexOf("remove");

function recorder(): Recorder {
  return new Recorder({ members: ["n1"], clients: [0], watchers: [], phases: ["load"], keyText: (key) => `k${key}` });
}

function reread(record: HistoryRecord): HistoryRecord {
  return readRecord(JSON.parse(JSON.stringify(record)));
}

test("a transaction stands as the put or delete it was, and as a get when its comparison failed", () => {
  const taken = recorder();
  const begin = (kind: number): number => taken.begin(0, 0, kind, 5, 10, 10);
  const written = begin(UPDATE);
  taken.condition(written, "mod-revision", 7);
  taken.answeredPut(written, 20, 9);
  const refused = begin(UPDATE);
  taken.condition(refused, "version", 3);
  taken.refused(refused);
  taken.answeredGet(refused, 21, 9, written, 9, 9, 1, true);
  const removed = begin(REMOVE);
  taken.condition(removed, "mod-revision", 9);
  taken.answeredDelete(removed, 22, 10, 1);
  const lost = begin(UPDATE);
  taken.condition(lost, "mod-revision", 0);
  taken.unanswered(lost, 30, "unknown", "no answer");
  const records = [...taken.records()];
  assert.deepEqual(records.map(reread), records);
  const [first, second, third, fourth] = records.map((record) => (record.type === "operation" ? record.request : null));
  assert.deepEqual(first, {
    ...{ kind: "put", key: "k5", value: String(written) },
    condition: { target: "mod-revision", equals: 7, wanted: "put" },
  });
  assert.deepEqual(second, {
    ...{ kind: "get", key: "k5", serializable: false },
    condition: { target: "version", equals: 3, wanted: "put" },
  });
  assert.deepEqual(third, {
    kind: "delete",
    key: "k5",
    condition: { target: "mod-revision", equals: 9, wanted: "delete" },
  });
  assert.equal(fourth?.kind, "put");
});

test("lists and compactions, with whatever became of them", () => {
  const taken = recorder();
  const request = { from: "k", to: "l", limit: 2, revision: 7, countOnly: false, stream: true };
  const times = { startNs: 1, endNs: 2 };
  const kv = { key: "k1", value: "v", createRevision: 2, modRevision: 3, version: 2 };
  const records: readonly HistoryRecord[] = [
    {
      type: "list",
      member: "n1",
      request,
      ...times,
      outcome: { kind: "ok", revision: 9, count: 4, more: true, kvs: [kv] },
    },
    { type: "list", member: "n1", request, ...times, outcome: { kind: "failed", reason: "compacted" } },
    { type: "compaction", member: "n1", revision: 7, ...times, outcome: { kind: "ok" } },
    { type: "compaction", member: "n1", revision: 7, ...times, outcome: { kind: "unknown", reason: "late" } },
  ];
  for (const record of records) if (record.type === "list" || record.type === "compaction") taken.list(record);
  assert.deepEqual([...taken.records()].map(reread), records);
});

test("what is no such record is refused with the field that is wrong", () => {
  const list = { type: "list", member: "n1", request: { from: "a", to: "b", limit: 0, revision: 0, countOnly: 1 } };
  assert.throws(() => readRecord(list), RecordError);
  const compaction = { type: "compaction", member: "n1", startNs: 1, endNs: 2, outcome: { kind: "ok" } };
  assert.throws(() => readRecord({ ...compaction, revision: "7" }), /revision/);
});
