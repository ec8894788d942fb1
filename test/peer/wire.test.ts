import assert from "node:assert/strict";
import { test } from "node:test";
import { CodecError } from "../../src/base/codec.ts";
import type { LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import type { Change, ChangeRefusal, Entry, Message } from "../../src/etcd/model.ts";
import { fromWire, toWire } from "../../src/etcd/peer/wire.ts";
import { Message as WireMessage } from "../../src/proto/gen/peerpb.ts";
import fc from "../support/fast-check.ts";

const FROM = 0xfedc_ba98_7654_3210n as MemberId;
const TO = 3n as MemberId;

/** Plain objects: the decoder's have a prototype too. */
const record = <Shape extends object>(shape: { [Key in keyof Shape]: fc.Arbitrary<Shape[Key]> }): fc.Arbitrary<Shape> =>
  fc.record<Shape, never>(shape, { noNullPrototype: true }) as fc.Arbitrary<Shape>;
const ordinal = fc.maxSafeNat();
const index = ordinal as fc.Arbitrary<LogIndex>;
const term = ordinal as fc.Arbitrary<Term>;
const data = fc.uint8Array({ maxLength: 40 });
const entry: fc.Arbitrary<Entry> = record({ term, index, kind: fc.constantFrom("normal", "config"), data });
const address = { from: fc.constant(FROM), to: fc.constant(TO), term };
const last = { lastIndex: index, lastTerm: term, transfer: fc.boolean() };
const change: fc.Arbitrary<Change> = record({
  kind: fc.constantFrom("add-voter", "add-learner", "promote", "remove", "update"),
  member: fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }) as fc.Arbitrary<MemberId>,
});
const reason: fc.Arbitrary<ChangeRefusal> = fc.constantFrom(
  "member-exists",
  "member-unknown",
  "not-a-learner",
  "last-voter",
  "too-many-members",
  "learner-behind",
  "change-pending",
  "no-leader",
  "peer-url-exists",
  "too-many-learners",
);

const message: fc.Arbitrary<Message> = fc.oneof(
  record({
    ...address,
    kind: fc.constant("append" as const),
    previousIndex: index,
    previousTerm: term,
    entries: fc.array(entry, { maxLength: 4 }),
    commit: index,
  }),
  record({
    ...address,
    kind: fc.constant("append-response" as const),
    index,
    rejected: fc.option(record({ hintIndex: index, hintTerm: term })),
  }),
  record({ ...address, kind: fc.constant("heartbeat" as const), commit: index, readRound: ordinal }),
  record({ ...address, kind: fc.constant("heartbeat-response" as const), readRound: ordinal }),
  record({ ...address, kind: fc.constantFrom("pre-vote" as const, "vote" as const), ...last }),
  record({
    ...address,
    kind: fc.constantFrom("pre-vote-response" as const, "vote-response" as const),
    granted: fc.boolean(),
  }),
  record({
    ...address,
    kind: fc.constant("propose" as const),
    sequence: ordinal,
    data: fc.array(data, { maxLength: 8 }),
  }),
  record({ ...address, kind: fc.constant("propose-refused" as const), sequence: ordinal, taken: ordinal }),
  record({ ...address, kind: fc.constant("propose-change" as const), sequence: ordinal, change, context: data }),
  record({ ...address, kind: fc.constant("change-refused" as const), sequence: ordinal, reason }),
  record({ ...address, kind: fc.constant("timeout-now" as const) }),
  record({ ...address, kind: fc.constant("read-index" as const), id: ordinal }),
  record({ ...address, kind: fc.constant("read-index-response" as const), id: ordinal, index: fc.option(index) }),
);

test("every message arrives as it was sent", () => {
  fc.assert(
    fc.property(message, (sent) => {
      const decoded = WireMessage.decode(WireMessage.encode(toWire(sent)));
      assert.deepEqual(fromWire(decoded, FROM, TO), sent);
    }),
  );
});

test("what the log keeps does not keep the batch that brought it", () => {
  const sent: Message = {
    kind: "propose",
    from: FROM,
    to: TO,
    term: 1 as Term,
    sequence: 1,
    data: [new Uint8Array(3)],
  };
  const received = fromWire(WireMessage.decode(WireMessage.encode(toWire(sent))), FROM, TO);
  assert.ok(received.kind === "propose");
  assert.equal(received.data[0]?.buffer.byteLength, 3);
});

test("the entries of an append share memory that holds nothing else", () => {
  const entry = (index: number, bytes: number): Entry => {
    return { term: 1 as Term, index: index as LogIndex, kind: "normal", data: new Uint8Array(bytes).fill(index) };
  };
  const [previousIndex, previousTerm, commit] = [0 as LogIndex, 0 as Term, 0 as LogIndex];
  const entries = [entry(1, 3), entry(2, 0), entry(3, 5)];
  const addressed = { from: FROM, to: TO, term: 1 as Term };
  const sent: Message = { kind: "append", ...addressed, previousIndex, previousTerm, commit, entries };
  const received = fromWire(WireMessage.decode(WireMessage.encode(toWire(sent))), FROM, TO);
  assert.ok(received.kind === "append");
  assert.deepEqual(received.entries, entries);
  assert.equal(new Set(received.entries.map(({ data }) => data.buffer)).size, 1);
  assert.equal(received.entries[0]?.data.buffer.byteLength, 8);
});

test("a message of an unknown kind is refused", () => {
  assert.throws(() => fromWire(WireMessage.decode(new Uint8Array([8, 1])), FROM, TO), CodecError);
});
