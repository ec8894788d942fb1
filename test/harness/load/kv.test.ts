import assert from "node:assert/strict";
import { test } from "node:test";
import { Recorder } from "../../../src/harness/history/recorder.ts";
import { Keys } from "../../../src/harness/load/keys.ts";
import { GET_LINEARIZABLE, KvWorkload } from "../../../src/harness/load/kv.ts";
import { Values } from "../../../src/harness/load/values.ts";
import { RangeResponse, ResponseHeader } from "../../../src/proto/gen/etcdserverpb.ts";
import { KeyValue } from "../../../src/proto/gen/mvccpb.ts";

const keys = new Keys({ prefix: "k", count: 10 });
const values = new Values(32);

/** What the history says of a read of key 3 that was answered with this pair. */
function observed(key: Uint8Array, value: Uint8Array): string | undefined {
  const recorder = new Recorder({
    members: ["n1"],
    clients: [0],
    watchers: [],
    phases: ["p"],
    keyText: (index) => keys.text(index),
  });
  const workload = new KvWorkload(keys, values, recorder);
  const id = recorder.begin(0, 0, GET_LINEARIZABLE, 3, 0, 0);
  const kv = KeyValue.create({ key, value, createRevision: 5, modRevision: 9, version: 2 });
  workload.record(
    GET_LINEARIZABLE,
    3,
    id,
    1,
    RangeResponse.create({ header: ResponseHeader.create({ revision: 12 }), kvs: [kv] }),
  );
  // The answer's own revision, 12, may be the change of any key.
  assert.equal(workload.newestChange, Buffer.compare(key, keys.bytes(3)) === 0 ? 9 : 0);
  const [record] = recorder.records();
  assert.ok(record?.type === "operation" && record.outcome.kind === "ok" && record.outcome.response.kind === "get");
  return record.outcome.response.kv?.value;
}

test("a value of ours reads as the id of its put", () => {
  assert.equal(observed(keys.bytes(3), values.write(77)), "77");
});

test("a damaged value, somebody else's value and an answer about another key name no put", () => {
  const damaged = values.write(77).slice();
  damaged[20] = 0;
  assert.match(observed(keys.bytes(3), damaged) ?? "", /^77\.+.*not written by this run/s);
  assert.match(observed(keys.bytes(3), values.write(77).subarray(1)) ?? "", /31 bytes, not written/);
  assert.match(observed(keys.bytes(4), values.write(77)) ?? "", /^k4 .* answered instead$/);
});
