import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcError, StatusCode } from "../../../src/grpc/status.ts";
import { outcomeOf, reasonOf } from "../../../src/harness/load/outcomes.ts";

test("what never reached the server has failed, whatever its code", () => {
  for (const code of Object.values(StatusCode)) assert.equal(outcomeOf(new GrpcError(code, "gone", false)), "failed");
});

test("refusals from before the proposal have failed", () => {
  const refused: readonly [number, string][] = [
    [StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided"],
    [StatusCode.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"],
    [StatusCode.RESOURCE_EXHAUSTED, "etcdserver: mvcc: database space exceeded"],
    [StatusCode.UNKNOWN, "etcdserver: too many requests"],
    [StatusCode.UNAVAILABLE, "etcdserver: no leader"],
  ];
  for (const [code, text] of refused) assert.equal(outcomeOf(new GrpcError(code, text)), "failed", text);
});

test("everything else is unknown: it may have taken effect", () => {
  const open: readonly [number, string][] = [
    [StatusCode.UNAVAILABLE, "etcdserver: leader changed"],
    [StatusCode.UNAVAILABLE, "etcdserver: request timed out"],
    [StatusCode.UNAVAILABLE, "etcdserver: request timed out, possibly due to previous leader failure"],
    [StatusCode.UNAVAILABLE, "etcdserver: server stopped"],
    [StatusCode.UNAVAILABLE, "connection reset"],
    [StatusCode.RESOURCE_EXHAUSTED, "received message larger than max"],
    [StatusCode.DEADLINE_EXCEEDED, "context deadline exceeded"],
    [StatusCode.CANCELLED, "canceled"],
    [StatusCode.INTERNAL, "no"],
    [StatusCode.DATA_LOSS, "etcdserver: corrupt cluster"],
    [StatusCode.UNKNOWN, "etcdserver: no leader"],
    [99, "etcdserver: too many requests"],
  ];
  for (const [code, text] of open) assert.equal(outcomeOf(new GrpcError(code, text)), "unknown", text);
});

test("a reason names the code in words", () => {
  assert.equal(reasonOf(new GrpcError(StatusCode.DEADLINE_EXCEEDED, "late")), "deadline exceeded: late");
  assert.equal(reasonOf(new GrpcError(77, "odd")), "code 77: odd");
});
