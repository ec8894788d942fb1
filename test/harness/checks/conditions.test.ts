/** A transaction that wrote found its key as it had to be; one that did not, did not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { checkLinearizable } from "../../../src/harness/checks/linearizable.ts";
import type { Condition, OperationRecord } from "../../../src/harness/model/history.ts";
import { HistoryBuilder, kv } from "./builder.ts";

function judge(builder: HistoryBuilder, conditions: Readonly<Record<number, Condition>>): string {
  const operations = builder.operations.map((operation): OperationRecord => {
    const condition = conditions[operation.id];
    return condition === undefined ? operation : { ...operation, request: { ...operation.request, condition } };
  });
  return checkLinearizable(operations, { initialRevision: 1 }).verdict;
}

const put = (equals: number, target: Condition["target"] = "mod-revision"): Condition => ({
  target,
  equals,
  wanted: "put",
});

test("an update of what was there is valid, of what was not it is proof", () => {
  const builder = new HistoryBuilder().put("a", "1", 2, { at: [0, 1] }).put("a", "2", 3, { at: [2, 3] });
  assert.equal(judge(builder, { 0: put(0), 1: put(2) }), "valid");
  assert.equal(judge(builder, { 1: put(0) }), "invalid");
  assert.equal(judge(builder, { 0: put(2) }), "invalid");
  assert.equal(judge(builder, { 1: put(1, "version") }), "valid");
  assert.equal(judge(builder, { 1: put(2, "version") }), "invalid");
});

test("after a deletion a key is created anew", () => {
  const builder = new HistoryBuilder()
    .put("a", "1", 2, { at: [0, 1] })
    .delete("a", 1, 3, { at: [2, 3] })
    .put("a", "2", 4, { at: [4, 5] });
  assert.equal(judge(builder, { 1: { target: "mod-revision", equals: 2, wanted: "delete" }, 2: put(0) }), "valid");
  assert.equal(judge(builder, { 2: put(2) }), "invalid");
  assert.equal(judge(builder, { 2: put(0, "version") }), "valid");
});

test("who is refused is shown something else than what it compared with", () => {
  const builder = new HistoryBuilder().put("a", "1", 2, { at: [0, 1] }).get("a", kv("1", 2), 2, { at: [2, 3] });
  assert.equal(judge(builder, { 1: put(0) }), "valid");
  assert.equal(judge(builder, { 1: put(2) }), "invalid");
  const absent = new HistoryBuilder().get("a", null, 1, { at: [0, 1] });
  assert.equal(judge(absent, { 0: put(7) }), "valid");
  assert.equal(judge(absent, { 0: put(0) }), "invalid");
});

test("a write of unknown outcome may have made what was compared with, but nothing older than what is known", () => {
  const builder = new HistoryBuilder()
    .put("a", "1", 2, { at: [0, 1] })
    .put("a", "lost", "unknown", { at: [2, 3] })
    .put("a", "3", 4, { at: [4, 5] });
  assert.equal(judge(builder, { 2: put(3) }), "valid");
  assert.equal(judge(builder, { 2: put(1) }), "invalid");
  assert.equal(judge(builder, { 2: put(0) }), "invalid", "nobody deleted it");
});
