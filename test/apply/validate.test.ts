/** What is refused at the door, and the duplicate key rule against comparing every pair. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  TXN_OPERATIONS_MAX,
  validateDeleteRange,
  validatePut,
  validateRange,
  validateTxn,
} from "../../src/etcd/apply/validate.ts";
import { ETCD_ERRORS } from "../../src/etcd/errors.ts";
import {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import fc from "../support/fast-check.ts";
import { bytes, txnRequest } from "./arbitraries.ts";
import { text } from "./twin.ts";

const put = (name: string): RequestOp => ({
  request: { kind: "requestPut", value: PutRequest.create({ key: bytes(name) }) },
});
const remove = (name: string, end = ""): RequestOp => ({
  request: { kind: "requestDeleteRange", value: DeleteRangeRequest.create({ key: bytes(name), rangeEnd: bytes(end) }) },
});
const nested = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): RequestOp => ({
  request: { kind: "requestTxn", value: TxnRequest.create({ success, failure }) },
});
const txn = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): TxnRequest =>
  TxnRequest.create({ success, failure });
const puts = (count: number): readonly RequestOp[] => Array.from({ length: count }, (_, index) => put(`k${index}`));

test("an empty key is refused in every request, compares included", () => {
  const error = ETCD_ERRORS.keyNotProvided;
  assert.equal(validateRange(RangeRequest.create({ rangeEnd: bytes("z") })), error);
  assert.equal(validatePut(PutRequest.create({})), error);
  assert.equal(validateDeleteRange(DeleteRangeRequest.create({})), error);
  assert.equal(validateTxn(TxnRequest.create({ compare: [Compare.create({})] })), error);
  assert.equal(validateTxn(txn([], [put("")])), error);
});

test("sort options outside etcd's are refused", () => {
  const key = bytes("k");
  assert.equal(validateRange(RangeRequest.create({ key })), null);
  assert.equal(validateRange(RangeRequest.create({ key, sortOrder: 3 as 2 })), ETCD_ERRORS.invalidSortOption);
  assert.equal(validateRange(RangeRequest.create({ key, sortTarget: 5 as 4 })), ETCD_ERRORS.invalidSortOption);
});

test("a put that keeps value or lease may not bring one", () => {
  const key = bytes("k");
  const withValue = PutRequest.create({ key, value: bytes("v"), ignoreValue: true });
  assert.equal(validatePut(withValue), ETCD_ERRORS.valueProvided);
  assert.equal(validatePut(PutRequest.create({ key, lease: 1n, ignoreLease: true })), ETCD_ERRORS.leaseProvided);
  assert.equal(validatePut(PutRequest.create({ key, ignoreLease: true, ignoreValue: true })), null);
});

test("128 operations pass, 129 do not, and a nested transaction gets what its parent leaves", () => {
  assert.equal(validateTxn(txn(puts(TXN_OPERATIONS_MAX))), null);
  assert.equal(validateTxn(txn(puts(TXN_OPERATIONS_MAX + 1))), ETCD_ERRORS.tooManyOperations);
  const parent = puts(126);
  assert.equal(validateTxn(txn([...parent, nested([put("x")])])), null);
  assert.equal(validateTxn(txn([...parent, nested([put("x"), put("y")])])), ETCD_ERRORS.tooManyOperations);
});

test("an operation without a request is refused with etcd's odd text", () => {
  assert.equal(validateTxn(txn([{ request: null }])), ETCD_ERRORS.keyNotFound);
});

test("a key written twice on one path is refused in either order; on paths that exclude each other it is fine", () => {
  const refused = [
    txn([put("a"), put("a")]),
    txn([put("a"), remove("a")]),
    txn([remove("a", "c"), put("b")]),
    txn([], [put("b"), remove("a", "b\0")]),
    txn([put("a"), nested([put("a")])]),
    txn([nested([], [remove("a", "z")]), put("b")]),
    txn([nested([remove("a")]), nested([put("a")])]),
    txn([nested([nested([put("a")])]), nested([], [put("a")])]),
  ];
  for (const each of refused) assert.equal(validateTxn(each), ETCD_ERRORS.duplicateKey);
  const fine = [
    txn([put("a")], [put("a"), remove("b", "\0")]),
    txn([nested([put("a")], [put("a")])]),
    txn([nested([put("a")], [remove("a")])]),
    txn([remove("a"), remove("a"), remove("a", "z")]),
    txn([put("c"), remove("a", "c")]),
    txn([put("b"), remove("b\0", "c")]),
    // etcd's ways: a nested deletion after a nested put, and a deletion of everything from a key on.
    txn([nested([put("a")]), nested([remove("a")])]),
    txn([put("b"), remove("a", "\0")]),
  ];
  for (const each of fine) assert.equal(validateTxn(each), null);
});

test("the sweep over puts and deletions finds what comparing every put with every deletion finds", () => {
  fc.assert(
    fc.property(txnRequest, (request) => {
      const isFine = writesOf(request.success) !== null && writesOf(request.failure) !== null;
      assert.equal(validateTxn(request), isFine ? null : ETCD_ERRORS.duplicateKey);
    }),
    { numRuns: 3000 },
  );
});

interface Writes {
  readonly puts: readonly string[];
  readonly covers: readonly ((key: string) => boolean)[];
}

/** As etcd goes about it: own deletions, then each nested transaction's puts and after them its deletions, then own puts. */
function writesOf(operations: readonly RequestOp[]): Writes | null {
  const covers: ((key: string) => boolean)[] = [];
  const puts: string[] = [];
  const isTaken = (key: string): boolean => puts.includes(key) || covers.some((cover) => cover(key));
  for (const { request } of operations) if (request?.kind === "requestDeleteRange") covers.push(coverOf(request.value));
  for (const { request } of operations) {
    if (request?.kind !== "requestTxn") continue;
    const success = writesOf(request.value.success);
    const failure = writesOf(request.value.failure);
    if (success === null || failure === null) return null;
    const own = new Set([...success.puts, ...failure.puts]);
    for (const key of own) if (isTaken(key)) return null;
    puts.push(...own);
    covers.push(...success.covers, ...failure.covers);
  }
  for (const { request } of operations) {
    if (request?.kind !== "requestPut") continue;
    const key = text(request.value.key);
    if (isTaken(key)) return null;
    puts.push(key);
  }
  return { puts, covers };
}

function coverOf(request: DeleteRangeRequest): (key: string) => boolean {
  const from = text(request.key);
  const end = text(request.rangeEnd);
  return (key) => (end === "" ? key === from : key >= from && key < end);
}
