/** mvcc and apply against their slow twin, and the rules that a random walk meets too rarely. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/ids.ts";
import { Applier } from "../../src/etcd/apply/applier.ts";
import { encodeRange, isPassedOn } from "../../src/etcd/apply/encoded-range.ts";
import { innerHeader } from "../../src/etcd/apply/header.ts";
import { answerRange } from "../../src/etcd/apply/range.ts";
import { validateTxn } from "../../src/etcd/apply/validate.ts";
import { MemoryBuckets } from "../../src/etcd/backend/buckets.ts";
import { Alarms } from "../../src/etcd/cluster/alarms.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "../../src/etcd/errors.ts";
import { Leases } from "../../src/etcd/lease/leases.ts";
import type { StoreEvent } from "../../src/etcd/model.ts";
import { MvccStore, NEWEST } from "../../src/etcd/mvcc/store.ts";
import {
  type DeleteRangeResponse,
  InternalRaftRequest,
  type PutResponse,
  RangeRequest,
  type RangeResponse,
  type ResponseOp,
  type TxnResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import type { KeyValue } from "../../src/proto/gen/mvccpb.ts";
import fc from "../support/fast-check.ts";
import {
  bytes,
  compactionRequest,
  deleteRequest,
  leaseCheckpointRequest,
  leaseGrantRequest,
  leaseRevokeRequest,
  putRequest,
  rangeRequest,
  txnRequest,
} from "./arbitraries.ts";
import { Twin, type TwinEvent, text } from "./twin.ts";

const command = fc.oneof(
  { weight: 4, arbitrary: putRequest.map((put) => InternalRaftRequest.create({ put })) },
  { weight: 2, arbitrary: deleteRequest.map((deleteRange) => InternalRaftRequest.create({ deleteRange })) },
  {
    weight: 4,
    arbitrary: txnRequest.filter((txn) => validateTxn(txn) === null).map((txn) => InternalRaftRequest.create({ txn })),
  },
  { weight: 1, arbitrary: compactionRequest.map((compaction) => InternalRaftRequest.create({ compaction })) },
  { weight: 3, arbitrary: leaseGrantRequest.map((leaseGrant) => InternalRaftRequest.create({ leaseGrant })) },
  { weight: 1, arbitrary: leaseRevokeRequest.map((leaseRevoke) => InternalRaftRequest.create({ leaseRevoke })) },
  {
    weight: 1,
    arbitrary: leaseCheckpointRequest.map((leaseCheckpoint) => InternalRaftRequest.create({ leaseCheckpoint })),
  },
);

test("random commands leave the answers, events and every past state that full copies of each revision have", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 30 }), fc.array(rangeRequest, { maxLength: 12 }), (commands, ranges) => {
      const { store, leases, applier } = makeApplier();
      const twin = new Twin();
      for (const each of commands) {
        // What a leader writes is what every member reads back.
        const received = InternalRaftRequest.decode(InternalRaftRequest.encode(each));
        const { outcome, events } = applier.apply(received);
        const expected = twin.command(() => runOnTwin(twin, each));
        assert.deepEqual(plainOutcome(outcome), expected);
        assert.deepEqual([store.revision, store.compactedRevision], [twin.revision, twin.compacted]);
        store.compactStep({ keys: 1, changes: 1 });
        if (events.length > 0) assert.deepEqual(events.map(plainEvent), twin.events[twin.revision]);
      }
      for (const range of ranges) {
        const expected = twin.command(() => twin.range(range));
        assert.deepEqual(plainRange(answerRange(store, range, innerHeader)), expected);
        if (isPassedOn(range)) assert.deepEqual(plainRange(encodeRange(store, range, innerHeader)), expected);
      }
      checkHistory(store, twin);
      for (const { id, ttlSeconds, remainingSeconds } of leases.list())
        assert.deepEqual({ ttl: ttlSeconds, left: remainingSeconds }, twin.leases.get(id));
      assert.equal(leases.size, twin.leases.size);
      for (const id of twin.leases.keys()) assert.deepEqual(leases.keysOf(id), twin.keysOf(id));
    }),
    { numRuns: 500 },
  );
});

test("what a request's bytes do after apply does not change what was stored", () => {
  const { store, applier } = makeApplier();
  const encoded = InternalRaftRequest.encode(putOf("key", "value"));
  applier.apply(InternalRaftRequest.decode(encoded));
  encoded.fill(0);
  const kv = store.get(bytes("key"), NEWEST);
  assert.deepEqual([text(kv?.key ?? bytes("")), text(kv?.value ?? bytes(""))], ["key", "value"]);
});

test("the same commands give the same store whatever the headers of the answers say", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 20 }), (commands) => {
      const one = makeApplier();
      const store = new MvccStore(new MemoryBuckets());
      const other = new Applier({
        store,
        leases: new Leases(null),
        alarms: new Alarms(null),
        cluster: { setAttributes() {} },
        makeHeader: (revision) => ({ clusterId: 1n, memberId: 2n, revision, raftTerm: 3 }),
      });
      for (const each of commands) {
        assert.deepEqual(one.applier.apply(each).events, other.apply(each).events);
      }
      assert.equal(one.store.sizeBytes, store.sizeBytes);
    }),
    { numRuns: 100 },
  );
});

test("a member's published attributes reach the cluster and make no revision", () => {
  const published: unknown[] = [];
  const store = new MvccStore(new MemoryBuckets());
  const applier = new Applier({
    store,
    leases: new Leases(null),
    alarms: new Alarms(null),
    cluster: { setAttributes: (...fields) => published.push(fields) },
    makeHeader: innerHeader,
  });
  const memberAttributes = { name: "n1", clientUrls: ["http://127.0.0.1:1"] };
  const result = applier.apply(
    InternalRaftRequest.create({ clusterMemberAttrSet: { memberId: 9n, memberAttributes } }),
  );
  assert.deepEqual(result, { outcome: { kind: "none" }, events: [] });
  assert.deepEqual(published, [[9n, "n1", ["http://127.0.0.1:1"]]]);
  assert.equal(store.revision, 1);
});

test("a command of a kind this server does not know stops it", () => {
  const { applier } = makeApplier();
  assert.throws(() => applier.apply(InternalRaftRequest.create({})), /of a kind this server knows/);
});

test("a point read finds what was there at each revision from the first to the last, and refuses the next", () => {
  const { store, applier } = makeApplier();
  for (const value of ["1", "2", "3"]) applier.apply(putOf("k", value));
  const seen = [1, 2, 3, 4].map((at) => store.get(bytes("k"), at as Revision)).map((kv) => kv && text(kv.value));
  assert.deepEqual(seen, [null, "1", "2", "3"]);
  const future = RangeRequest.create({ key: bytes("k"), revision: 5 });
  assert.equal(answerRange(store, future, innerHeader), ETCD_ERRORS.futureRevision);
});

function makeApplier(): { store: MvccStore; leases: Leases; applier: Applier } {
  const store = new MvccStore(new MemoryBuckets());
  const leases = new Leases(null);
  const cluster = { setAttributes() {} };
  const alarms = new Alarms(null);
  return { store, leases, applier: new Applier({ store, leases, alarms, cluster, makeHeader: innerHeader }) };
}

function putOf(name: string, value: string): InternalRaftRequest {
  const put = {
    key: bytes(name),
    value: bytes(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  };
  return InternalRaftRequest.create({ put });
}

function runOnTwin(twin: Twin, command: InternalRaftRequest): unknown {
  const { put, deleteRange, txn, compaction, leaseGrant, leaseRevoke, leaseCheckpoint } = command;
  if (compaction !== null) return twin.compact(compaction);
  if (put !== null) return twin.put(put);
  if (leaseGrant !== null) return twin.leaseGrant(leaseGrant);
  if (leaseRevoke !== null) return twin.leaseRevoke(leaseRevoke);
  if (leaseCheckpoint !== null) return twin.leaseCheckpoint(leaseCheckpoint);
  if (deleteRange !== null) return twin.deleteRange(deleteRange);
  assert.ok(txn !== null);
  return twin.txn(txn);
}

function checkHistory(store: MvccStore, twin: Twin): void {
  // What the compacted revision itself changed is told, but not what each change replaced; and only what it left.
  for (let revision = Math.max(2, twin.compacted + 1); revision <= twin.revision; revision++) {
    const changes = store.changesAt(revision as Revision);
    const events = changes.map((kv): StoreEvent => {
      return { kind: kv.version === 0 ? "delete" : "put", kv, previous: store.previousOf(kv) };
    });
    assert.deepEqual(events.map(plainEvent), twin.events[revision]);
  }
}

type Outcome = ReturnType<Applier["apply"]>["outcome"];

function plainOutcome(outcome: Outcome): unknown {
  switch (outcome.kind) {
    case "put":
      return plainPut(outcome.response);
    case "deleteRange":
      return plainDelete(outcome.response);
    case "txn":
      return plainTxn(outcome.response);
    case "leaseGrant": {
      const { header, id, ttl } = outcome.response;
      return { revision: header?.revision, id, ttl };
    }
    case "leaseRevoke":
    case "compaction":
      return { revision: outcome.response.header?.revision };
    case "refused":
      return outcome.error.message;
    default:
      return null;
  }
}

function plainPut({ header, prevKv }: PutResponse): unknown {
  return { revision: header?.revision, previous: prevKv && plainKeyValue(prevKv) };
}

function plainDelete({ header, deleted, prevKvs }: DeleteRangeResponse): unknown {
  return { revision: header?.revision, deleted, previous: prevKvs.map(plainKeyValue) };
}

function plainTxn({ header, succeeded, responses }: TxnResponse): unknown {
  return { revision: header?.revision, succeeded, responses: responses.map(plainOperation) };
}

function plainOperation({ response }: ResponseOp): unknown {
  switch (response?.kind) {
    case "responseRange":
      return plainRange(response.value);
    case "responsePut":
      return plainPut(response.value);
    case "responseDeleteRange":
      return plainDelete(response.value);
    case "responseTxn":
      return plainTxn(response.value);
    default:
      return null;
  }
}

function plainRange(result: RangeResponse | EtcdError): unknown {
  if (isEtcdError(result)) return result.message;
  const { header, kvs, more, count } = result;
  return { revision: header?.revision, kvs: kvs.map(plainKeyValue), more, count };
}

function plainKeyValue(kv: KeyValue): unknown {
  const { createRevision: create, modRevision: mod, version, lease } = kv;
  return { key: text(kv.key), value: text(kv.value), create, mod, version, lease };
}

function plainEvent({ kind, kv, previous }: StoreEvent): TwinEvent {
  const event = { kind, key: text(kv.key), value: text(kv.value), mod: kv.modRevision };
  return { ...event, previous: previous === null ? null : (plainKeyValue(previous) as TwinEvent["previous"]) };
}
