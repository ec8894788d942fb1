/** What is passed on as it is stored is what its codec would have written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { EncodedKeyValues } from "../../src/etcd/mvcc/encoded.ts";
import { KeyTable } from "../../src/etcd/mvcc/key-table.ts";
import { RangeResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { KeyValue } from "../../src/proto/gen/mvccpb.ts";
import fc from "../support/fast-check.ts";

const number = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const keyValue = fc.record({
  key: fc.uint8Array({ minLength: 1, maxLength: 300 }),
  value: fc.oneof(
    fc.uint8Array(),
    fc.constantFrom(127, 128, 16_383, 16_384, 200_000).map((size) => new Uint8Array(size)),
  ),
  lease: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  ...{ created: number, main: number, version: number },
});

test("key-values gathered as stored, or by their keys alone, are the field kvs of an answer", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(keyValue, fc.boolean())), (all) => {
      const table = new KeyTable();
      const gathered = new EncodedKeyValues();
      const kvs = all.map(([{ key, value, lease, created, main, version }, isKeyOnly]) => {
        const kv = KeyValue.create({ key, createRevision: created, modRevision: main, version });
        const whole = { ...kv, value, lease };
        if (isKeyOnly)
          gathered.addKey(table, table.add(key, { main, sub: 0, created, version }), {
            main,
            sub: 0,
            created,
            version,
          });
        else gathered.add(KeyValue.encode(whole));
        return isKeyOnly ? kv : whole;
      });
      const expected = RangeResponse.encode(RangeResponse.create({ kvs }));
      assert.equal(gathered.length, expected.length);
      assert.equal(Buffer.compare(gathered.take(), expected), 0);
      assert.equal(gathered.take().length, 0, "the next begins with nothing");
    }),
  );
});
