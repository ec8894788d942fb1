import assert from "node:assert/strict";
import test from "node:test";
import protobuf from "protobufjs";
import { CodecError } from "../../src/base/codec.ts";
import {
  AuthUserGetResponse,
  Compare,
  PutRequest,
  RangeResponse,
  ResponseHeader,
  TxnRequest,
  WatchCreateRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { KV, Watch } from "../../src/proto/gen/rpc.ts";
import { EMPTY_BYTES, NESTING_MAX, Reader } from "../../src/proto/reader.ts";
import { Writer } from "../../src/proto/writer.ts";
import fc from "../support/fast-check.ts";
import { arbitraryMessage, isName, root, subjects, toTwin } from "./messages.ts";

const everyMessage = await subjects();
const RUNS = { numRuns: 30 };

test("every message type has a codec, and there are many", () => {
  for (const { type, codec } of everyMessage) assert.equal(typeof codec?.encode, "function", type.fullName);
  assert.ok(everyMessage.length > 110, `${everyMessage.length} messages`);
});

test("our bytes mean the same to protobufjs, and its bytes the same to us, for every message type", () => {
  for (const { type, codec } of everyMessage) {
    fc.assert(
      fc.property(arbitraryMessage(type), (message) => {
        const twin = type.fromObject(toTwin(type, message));
        const bytes = codec.encode(message);
        const seen = type.toObject(type.decode(bytes), { longs: String, bytes: Array, defaults: true, oneofs: true });
        const meant = type.toObject(twin, { longs: String, bytes: Array, defaults: true, oneofs: true });
        assert.deepEqual(seen, meant, type.fullName);
        assert.deepEqual(codec.decode(bytes), message, type.fullName);
        assert.deepEqual(codec.decode(type.encode(twin).finish()), message, type.fullName);
      }),
      RUNS,
    );
  }
});

test("fields stand in ascending order and zero values are left out", () => {
  for (const { type, codec } of everyMessage) {
    assert.equal(codec.encode(codec.create()).length, 0, `${type.fullName}: defaults take no byte`);
    fc.assert(
      fc.property(arbitraryMessage(type), (message) => {
        const reader = protobuf.Reader.create(codec.encode(message));
        for (let last = 0; reader.pos < reader.len; ) {
          const tag = reader.uint32();
          assert.ok(tag >>> 3 >= last, `${type.fullName}: field ${tag >>> 3} after ${last}`);
          last = tag >>> 3;
          reader.skipType(tag & 7);
        }
      }),
      RUNS,
    );
  }
});

test("a codec tells its fields as the .proto has them", () => {
  for (const { type, codec } of everyMessage) {
    const told = codec.fields().map((field) => `${field.name} ${field.repeated ?? false} ${field.oneof !== undefined}`);
    const fields = [...type.fieldsArray].sort((a, b) => a.id - b.id);
    const declared = fields.map((field) => `${field.name} ${field.repeated} ${field.partOf !== null}`);
    assert.deepEqual(told, declared, type.fullName);
  }
});

test("an ordinal beyond the safe integers saturates and keeps its sign", () => {
  const header = root.lookupType("etcdserverpb.ResponseHeader");
  const cases: [bigint, number][] = [
    [2n ** 53n - 1n, Number.MAX_SAFE_INTEGER],
    [2n ** 53n, Number.MAX_SAFE_INTEGER],
    [2n ** 63n - 1n, Number.MAX_SAFE_INTEGER],
    [-(2n ** 53n) + 1n, Number.MIN_SAFE_INTEGER],
    [-(2n ** 53n), Number.MIN_SAFE_INTEGER],
    [-(2n ** 63n), Number.MIN_SAFE_INTEGER],
    [-1n, -1],
    [-(2n ** 32n), -(2 ** 32)],
    [2n ** 32n, 2 ** 32],
  ];
  for (const [sent, read] of cases) {
    const bytes = header.encode(header.fromObject({ revision: String(sent) })).finish();
    assert.equal(ResponseHeader.decode(bytes).revision, read, `${sent}`);
  }
  const term = header.encode(header.fromObject({ raft_term: String(2n ** 64n - 1n) })).finish();
  assert.equal(ResponseHeader.decode(term).raftTerm, Number.MAX_SAFE_INTEGER);
});

test("a name keeps all its bits, signed for leases and unsigned for members", () => {
  const put = PutRequest.decode(PutRequest.encode(PutRequest.create({ lease: -(2n ** 63n) })));
  assert.equal(put.lease, -(2n ** 63n));
  const header = ResponseHeader.decode(ResponseHeader.encode(ResponseHeader.create({ clusterId: 2n ** 64n - 1n })));
  assert.equal(header.clusterId, 2n ** 64n - 1n);
});

test("an ordinal of ours that is not a safe integer is a bug, not bytes, and the next message is unharmed", () => {
  for (const revision of [2 ** 53, 1.5, Number.NaN])
    assert.throws(() => ResponseHeader.encode(ResponseHeader.create({ revision })), /safe integer/);
  assert.throws(() => ResponseHeader.encode(ResponseHeader.create({ raftTerm: -1 })), /negative/);
  assert.deepEqual(ResponseHeader.encode(ResponseHeader.create({ revision: 1 })), new Uint8Array([24, 1]));
});

test("a oneof's member is present even when it is zero", () => {
  const bytes = Compare.encode(Compare.create({ targetUnion: { kind: "version", value: 0 } }));
  assert.deepEqual(bytes, new Uint8Array([32, 0]));
  assert.deepEqual(Compare.decode(bytes).targetUnion, { kind: "version", value: 0 });
  assert.equal(Compare.decode(new Uint8Array(0)).targetUnion, null);
  assert.deepEqual(Compare.decode(new Uint8Array([32, 7, 58, 0])).targetUnion, { kind: "value", value: EMPTY_BYTES });
});

test("a repeated enum is read packed and unpacked, even mixed", () => {
  const bytes = new Uint8Array([0x28, 1, 0x2a, 2, 0, 1, 0x28, 0]);
  assert.deepEqual(WatchCreateRequest.decode(bytes).filters, [1, 0, 1, 0]);
});

test("of a scalar or sub-message that occurs twice the last one counts", () => {
  assert.equal(ResponseHeader.decode(new Uint8Array([24, 1, 24, 2])).revision, 2);
  const twice = RangeResponse.decode(new Uint8Array([10, 2, 24, 1, 10, 2, 32, 5]));
  assert.deepEqual(twice.header, ResponseHeader.create({ raftTerm: 5 }));
});

test("unknown fields of every wire type are passed over, groups included", () => {
  const unknown = [
    [0xf8, 0x07, 0xff, 0xff, 0x03],
    [0xf9, 0x07, 1, 2, 3, 4, 5, 6, 7, 8],
    [0xfa, 0x07, 2, 9, 9],
    [0xfb, 0x07, 0x08, 1, 0x13, 0x14, 0xfc, 0x07],
    [0xfd, 0x07, 1, 2, 3, 4],
    [0x1a, 1, 7], // field 3 (revision) with the wire type of bytes: not ours
  ].flat();
  assert.equal(ResponseHeader.decode(new Uint8Array([...unknown, 24, 9, ...unknown])).revision, 9);
});

test("malformed input is a CodecError", () => {
  const malformed: Record<string, number[]> = {
    "cut varint": [24, 0x80],
    "varint of eleven bytes": [24, ...new Array(10).fill(0x80), 1],
    "length past the end": [10, 5, 1],
    "huge length": [10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
    "field number zero": [0, 1],
    "wire type six": [0x0e],
    "wire type seven": [0x0f],
    "tag beyond 32 bits": [0x80, 0x80, 0x80, 0x80, 0x10, 1],
    "end of a group that never began": [0x7c],
    "group never ended": [0x7b, 0x08, 1],
    "cut fixed32": [0x7d, 1, 2],
    "cut fixed64": [0x79, 1, 2],
  };
  for (const [what, bytes] of Object.entries(malformed))
    assert.throws(() => RangeResponse.decode(new Uint8Array(bytes)), CodecError, what);
  assert.throws(() => AuthUserGetResponse.decode(new Uint8Array([18, 2, 0xc3, 0x28])), CodecError, "not UTF-8");
  assert.throws(
    () => RangeResponse.decode(new Uint8Array([10, 3, 24, 1, 24, 1])),
    CodecError,
    "varint past its message",
  );
});

test("nesting stops at a limit instead of the stack's end", () => {
  const nested = (levels: number): TxnRequest => {
    let txn = TxnRequest.create();
    for (let i = 0; i < levels; i++)
      txn = TxnRequest.create({ success: [{ request: { kind: "requestTxn", value: txn } }] });
    return txn;
  };
  assert.doesNotThrow(() => TxnRequest.decode(TxnRequest.encode(nested(NESTING_MAX / 2))));
  assert.throws(() => TxnRequest.decode(TxnRequest.encode(nested(NESTING_MAX / 2 + 1))), CodecError);
  const groups = new Uint8Array(200_000).fill(0x7b);
  assert.throws(() => TxnRequest.decode(groups), CodecError);
});

test("garbage never crashes or hangs: it decodes or is a CodecError", () => {
  const decodes = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): void => {
    try {
      decode(bytes);
    } catch (error) {
      assert.ok(error instanceof CodecError, String(error));
    }
  };
  for (const { type, codec } of everyMessage) {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => decodes(codec.decode, bytes)),
      RUNS,
    );
    const damaged = fc.tuple(arbitraryMessage(type), fc.nat(), fc.nat(255), fc.boolean());
    fc.assert(
      fc.property(damaged, ([message, place, byte, cut]) => {
        const bytes = codec.encode(message);
        if (bytes.length === 0) return;
        bytes[place % bytes.length] = byte;
        decodes(codec.decode, cut ? bytes.subarray(0, place % bytes.length) : bytes);
      }),
      RUNS,
    );
  }
});

test("byte fields are plain views into the input, also when that is a Buffer's slice", () => {
  const bytes = PutRequest.encode(PutRequest.create({ key: new Uint8Array([1, 2, 3]) }));
  const input = Buffer.concat([Buffer.from([9, 9]), bytes]).subarray(2);
  const { key } = PutRequest.decode(input);
  assert.deepEqual(key, new Uint8Array([1, 2, 3]));
  assert.equal(key.buffer, input.buffer);
  assert.equal(Object.getPrototypeOf(key), Uint8Array.prototype);
});

test("a message larger than the shared block is written whole, and results never share memory that is written again", () => {
  const value = new Uint8Array(5_000_000).map((_, i) => i);
  const large = PutRequest.encode(PutRequest.create({ key: new Uint8Array([1]), value }));
  const small = PutRequest.encode(PutRequest.create({ key: new Uint8Array([7]) }));
  PutRequest.encode(PutRequest.create({ key: new Uint8Array([8]) }));
  assert.deepEqual(PutRequest.decode(large).value, value);
  assert.deepEqual(small, new Uint8Array([10, 1, 7]));
});

test("messages of all sizes one after the other come out whole, and none changes another", () => {
  const sizes = fc.array(fc.oneof(fc.nat(100), fc.nat(5000), fc.nat(60_000)), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(sizes, (lengths) => {
      const values = lengths.map((length, i) => new Uint8Array(length).fill(i + 1));
      const written = values.map((value) => PutRequest.encode(PutRequest.create({ value })));
      for (const [i, bytes] of written.entries()) assert.deepEqual(PutRequest.decode(bytes).value, values[i]);
    }),
    RUNS,
  );
});

test("64-bit words survive every length of varint, signed and unsigned, however often they come", () => {
  const writer = new Writer();
  const known = [0n, 1n, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n];
  const value = fc
    .tuple(fc.nat(64), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
    .map(([shift, any]) => any >> BigInt(shift));
  fc.assert(
    fc.property(fc.array(fc.oneof(value, fc.constantFrom(...known)), { minLength: 1, maxLength: 100 }), (values) => {
      for (const sent of [...values, ...values]) {
        writer.name(8, sent);
        writer.name(8, sent);
        const reader = new Reader(writer.take());
        assert.equal(reader.tag(), 8);
        assert.equal(reader.uint64Name(), sent);
        assert.equal(reader.tag(), 8);
        assert.equal(reader.int64Name(), BigInt.asIntN(64, sent));
        assert.equal(reader.more(), false);
      }
    }),
    RUNS,
  );
});

test("methods carry path, direction and codecs", () => {
  assert.equal(KV.Put.path, "/etcdserverpb.KV/Put");
  assert.equal(KV.Put.request, PutRequest);
  assert.deepEqual([KV.Put.requestStream, KV.Put.responseStream], [false, false]);
  assert.deepEqual([Watch.Watch.requestStream, Watch.Watch.responseStream], [true, true]);
});

test("names are exactly the ids: every other 64-bit field is counted", () => {
  const names = new Set<string>();
  for (const { type } of everyMessage) for (const field of type.fieldsArray) if (isName(field)) names.add(field.name);
  const known = ["ID", "cluster_id", "lease", "leader", "memberID", "member_ID", "member_id", "targetID", "watch_id"];
  for (const name of known) assert.ok(names.has(name), name);
});
