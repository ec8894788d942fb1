/** Random commands over a key space small enough that they meet. */

import {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  LeaseCheckpointRequest,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import fc from "../support/fast-check.ts";

export const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));

const NAMES = ["a", "a\0", "ab", "b", "c\xff", "d"];
export const key: fc.Arbitrary<Uint8Array> = fc.constantFrom(...NAMES).map(bytes);
export const rangeEnd: fc.Arbitrary<Uint8Array> = fc.constantFrom("", "", "\0", "b", "c", "e").map(bytes);
const value = fc.constantFrom("", "x", "y", "zz").map(bytes);
const flag = fc.boolean();
const rarely = fc.integer({ min: 0, max: 5 }).map((n) => n === 0);

export const putRequest: fc.Arbitrary<PutRequest> = fc
  .record({
    key,
    value,
    prevKv: flag,
    ignoreValue: rarely,
    ignoreLease: rarely,
    lease: fc.constantFrom(0n, 0n, 1n, 2n, -3n),
  })
  .map(({ lease, ...fields }) => {
    const value = fields.ignoreValue ? bytes("") : fields.value;
    return PutRequest.create({ ...fields, value, lease: fields.ignoreLease ? 0n : lease });
  });

const leaseId = fc.constantFrom(1n, 2n, -3n);

export const leaseGrantRequest: fc.Arbitrary<LeaseGrantRequest> = fc
  .record({ id: leaseId, ttl: fc.constantFrom(2, 60, 9_000_000_000, 9_000_000_001) })
  .map((fields) => LeaseGrantRequest.create(fields));

export const leaseRevokeRequest: fc.Arbitrary<LeaseRevokeRequest> = leaseId.map((id) =>
  LeaseRevokeRequest.create({ id }),
);

export const leaseCheckpointRequest: fc.Arbitrary<LeaseCheckpointRequest> = fc
  .array(fc.record({ id: leaseId, remainingTtl: fc.constantFrom(0, 1, 30) }), { maxLength: 3 })
  .map((checkpoints) => LeaseCheckpointRequest.create({ checkpoints }));

export const deleteRequest: fc.Arbitrary<DeleteRangeRequest> = fc
  .record({ key, rangeEnd, prevKv: flag })
  .map((fields) => DeleteRangeRequest.create(fields));

export const compactionRequest: fc.Arbitrary<CompactionRequest> = fc
  .record({ revision: fc.integer({ min: -2, max: 24 }), physical: flag })
  .map((fields) => CompactionRequest.create(fields));

const filter = fc.oneof(
  { weight: 4, arbitrary: fc.constant(0) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 9 }) },
);

export const rangeRequest: fc.Arbitrary<RangeRequest> = fc
  .record({
    key,
    rangeEnd,
    limit: fc.integer({ min: -1, max: 4 }),
    revision: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 30 })),
    sortOrder: fc.constantFrom(0, 1, 2),
    sortTarget: fc.constantFrom(0, 0, 1, 2, 3, 4),
    keysOnly: rarely,
    countOnly: rarely,
    minModRevision: filter,
    maxModRevision: filter,
    minCreateRevision: filter,
    maxCreateRevision: filter,
  })
  .map((fields) => RangeRequest.create(fields as Partial<RangeRequest>));

const ordinal = fc.integer({ min: 0, max: 6 });

export const compare: fc.Arbitrary<Compare> = fc
  .record({
    key,
    rangeEnd,
    result: fc.constantFrom(0, 1, 2, 3),
    union: fc.oneof(
      fc.record({ target: fc.constant(0), targetUnion: ordinal.map((n) => ({ kind: "version", value: n })) }),
      fc.record({ target: fc.constant(1), targetUnion: ordinal.map((n) => ({ kind: "createRevision", value: n })) }),
      fc.record({ target: fc.constant(2), targetUnion: ordinal.map((n) => ({ kind: "modRevision", value: n })) }),
      fc.record({ target: fc.constant(3), targetUnion: value.map((v) => ({ kind: "value", value: v })) }),
      fc.record({ target: fc.constant(4), targetUnion: ordinal.map((n) => ({ kind: "lease", value: BigInt(n) })) }),
      fc.record({ target: fc.constantFrom(0, 1, 2, 3, 4), targetUnion: fc.constant(null) }),
    ),
  })
  .map(({ union, ...fields }) => Compare.create({ ...fields, ...union } as Partial<Compare>));

export const txnRequest: fc.Arbitrary<TxnRequest> = fc.letrec<{ txn: TxnRequest; op: RequestOp }>((tie) => ({
  op: fc.oneof(
    { maxDepth: 2, withCrossShrink: true },
    rangeRequest.map((value): RequestOp => ({ request: { kind: "requestRange", value } })),
    putRequest.map((value): RequestOp => ({ request: { kind: "requestPut", value } })),
    deleteRequest.map((value): RequestOp => ({ request: { kind: "requestDeleteRange", value } })),
    tie("txn").map((value): RequestOp => ({ request: { kind: "requestTxn", value } })),
  ),
  txn: fc
    .record({
      compare: fc.array(compare, { maxLength: 2 }),
      success: fc.array(tie("op"), { maxLength: 4 }),
      failure: fc.array(tie("op"), { maxLength: 3 }),
    })
    .map((fields) => TxnRequest.create(fields)),
})).txn;
