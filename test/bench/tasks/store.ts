/** What the store's requests cost in CPU, a step at a time and in memory. */
import type { Bench } from "tinybench";
import type { Revision } from "../../../src/base/ids.ts";
import type { StoredKeyValue } from "../../../src/etcd/model.ts";
import { PutRequest, RangeRequest, RangeResponse } from "../../../src/proto/gen/etcdserverpb.ts";
import { keyAt } from "../store/requests.ts";

const VALUE = new Uint8Array(256).fill(0x61);

export function addTasks(bench: Bench): void {
  const put = PutRequest.encode(PutRequest.create({ key: keyAt(1), value: VALUE }));
  bench.add("messages: read a put", () => {
    PutRequest.decode(put);
  });
  const range = RangeRequest.encode(RangeRequest.create({ key: keyAt(1), serializable: true }));
  bench.add("messages: read a range", () => {
    RangeRequest.decode(range);
  });
  for (const count of [1, 1000]) {
    const response = RangeResponse.create({ kvs: Array.from({ length: count }, (_, i) => keyValueAt(i)), count });
    bench.add(`messages: write an answer of ${count} key-value(s)`, () => {
      RangeResponse.encode(response);
    });
  }
}

function keyValueAt(index: number): StoredKeyValue {
  const revision = (index + 2) as Revision;
  return { key: keyAt(index), value: VALUE, createRevision: revision, modRevision: revision, version: 1, lease: 0n };
}
