/** Where keys and their changes are found: the table, the hash index and both with the tree, against maps and lists. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { HashIndex } from "../../src/etcd/mvcc/hash-index.ts";
import { KeyTable, type KeyVersion, type Slot } from "../../src/etcd/mvcc/key-table.ts";
import { Names } from "../../src/etcd/mvcc/names.ts";
import fc from "../support/fast-check.ts";

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
const FIRST: KeyVersion = { main: 1, sub: 0, created: 1, version: 1 };

test("the hash index finds what a map does, whatever comes and goes, also where keys end alike", () => {
  const names = fc.integer({ min: 0, max: 1500 }).map((n) => `${n}/same ending`);
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.integer({ min: 0, max: 3 })), { maxLength: 3000 }), (changes) => {
      const keys: string[] = [];
      const index = new HashIndex((slot, key) => keys[slot] === Buffer.from(key).toString("latin1"));
      const twin = new Map<string, Slot>();
      for (const [name, kind] of changes) {
        const slot = twin.get(name);
        if (slot === undefined) {
          const added = (keys.push(name) - 1) as Slot;
          index.add(bytes(name), added);
          twin.set(name, added);
        } else if (kind === 0) {
          index.remove(bytes(name), slot);
          twin.delete(name);
        }
      }
      for (let n = 0; n <= 1500; n++) {
        const name = `${n}/same ending`;
        assert.equal(index.get(bytes(name)), twin.get(name) ?? null);
      }
    }),
    { numRuns: 50 },
  );
});

test("names come and go in any order: they are found by key and in order, each with its slot, and slots are used again", () => {
  // Of any length, so that the buffer of a chunk's names moves.
  const name = fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 0, max: 6 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.boolean()), { maxLength: 2500 }), (changes) => {
      const names = new Names();
      const twin = new Map<string, Slot>();
      for (const [[n, size], remove] of changes) {
        const text = String.fromCharCode(n & 0xff) + String(n).repeat(size ** 2);
        const slot = twin.get(text);
        if (slot === undefined) twin.set(text, names.add(bytes(text), FIRST));
        else if (remove) {
          names.remove(slot);
          twin.delete(text);
        }
      }
      const sorted = [...twin.keys()].sort((a, b) => (a < b ? -1 : 1));
      const walked: string[] = [];
      names.ascend("", null, (slot) => walked.push(names.table.name(slot)) > 0);
      assert.deepEqual(walked, sorted);
      assert.equal(names.size, twin.size);
      for (const [text, slot] of twin) {
        assert.equal(names.get(bytes(text)), slot);
        assert.deepEqual(names.table.key(slot), bytes(text));
      }
      assert.equal(names.get(bytes("absent")), null);
      assert.ok([...twin.values()].every((slot) => slot < 2500));
    }),
    { numRuns: 50 },
  );
});

interface Life {
  readonly slot: Slot;
  changes: readonly KeyVersion[];
}

/** The slow twin's answers, from the list of a key's changes. */
function changeIn(changes: readonly KeyVersion[], revision: number): KeyVersion | null {
  return changes.findLast(({ main }) => main <= revision) ?? null;
}

function keptIn(changes: readonly KeyVersion[], compacted: number): readonly KeyVersion[] {
  const last = changeIn(changes, compacted);
  const isNeeded = last !== null && (last.version > 0 || last.main === compacted);
  return changes.filter((change) => change.main > compacted || (isNeeded && change === last));
}

function nextIn(changes: readonly KeyVersion[], main: number, wants: "put" | "delete"): KeyVersion | null {
  const { version, created } = changes.at(-1) as KeyVersion;
  if (wants === "delete") return version === 0 ? null : { main, sub: 0, created: 0, version: 0 };
  return { main, sub: 0, created: version > 0 ? created : main, version: version + 1 };
}

test("the table answers at every revision as a list of changes does, before and after compaction, keys of more than a chunk", () => {
  const change = fc.tuple(fc.integer({ min: 0, max: 2200 }), fc.constantFrom("put", "put", "delete"));
  // Few keys among many, so that some have many changes.
  const few = fc.tuple(fc.constantFrom(0, 1, 1023, 1024, 2200), fc.constantFrom("put", "put", "delete"));
  fc.assert(
    fc.property(fc.array(fc.oneof(change, few, few), { maxLength: 300 }), fc.nat(300), (changes, compacted) => {
      const table = new KeyTable();
      const lives: Life[] = Array.from({ length: 2201 }, (_, n) => ({
        slot: table.add(bytes(`key ${n}`), FIRST),
        changes: [FIRST],
      }));
      for (const [at, [n, wants]] of changes.entries()) {
        const life = lives[n] as Life;
        const next = nextIn(life.changes, at + 2, wants as "put" | "delete");
        if (next === null) continue;
        if (next.version === 0) table.tombstone(life.slot, next.main, 0);
        else table.put(life.slot, next.main, 0);
        life.changes = [...life.changes, next];
      }
      for (const each of lives.filter((life) => life.changes.length > 1)) {
        check(table, each, changes.length + 2);
        const kept = keptIn(each.changes, compacted);
        const obsolete = table.obsoleteAt(each.slot, compacted);
        assert.equal(obsolete, each.changes.length - kept.length);
        const told: KeyVersion[] = [];
        table.dropOldest(each.slot, obsolete, (dropped) => told.push(dropped));
        // The newest stays until its key is removed.
        const left = kept.length === 0 ? each.changes.slice(-1) : kept;
        assert.deepEqual(told, each.changes.slice(0, each.changes.length - left.length));
        check(table, { slot: each.slot, changes: left }, changes.length + 2);
      }
    }),
    { numRuns: 50 },
  );
});

function check(table: KeyTable, { slot, changes }: Life, end: number): void {
  assert.equal(table.changes(slot), changes.length);
  assert.deepEqual(table.newest(slot), changes.at(-1));
  for (let revision = 0; revision <= end; revision++) {
    const expected = changeIn(changes, revision);
    assert.deepEqual(table.changeAt(slot, revision), expected);
    assert.deepEqual(table.at(slot, revision), expected?.version === 0 ? null : expected);
    assert.equal(table.isAliveAt(slot, revision), expected !== null && expected.version > 0);
  }
}

test("revisions of a key only ascend, only a living key is deleted, and a name is not added twice to a place", () => {
  const table = new KeyTable();
  const slot = table.add(bytes("a"), { main: 5, sub: 1, created: 5, version: 1 });
  assert.throws(() => table.put(slot, 5, 1), /revisions of a key ascend/);
  assert.throws(() => table.put(slot, 4, 9), /revisions of a key ascend/);
  table.tombstone(slot, 5, 2);
  assert.throws(() => table.tombstone(slot, 6, 0), /only a living key/);
  table.remove(slot);
  assert.throws(() => table.remove(slot), /only a name that is there/);
});

test("a key that takes a slot over knows nothing of the one before", () => {
  const table = new KeyTable();
  const slot = table.add(bytes("a long one"), FIRST);
  table.put(slot, 2, 0);
  table.remove(slot);
  const next = table.add(bytes("b"), { main: 7, sub: 3, created: 4, version: 2 });
  assert.equal(next, slot);
  assert.deepEqual([table.name(next), table.changes(next), table.at(next, 6)], ["b", 1, null]);
  assert.deepEqual(table.newest(next), { main: 7, sub: 3, created: 4, version: 2 });
  assert.equal(table.size, 1);
});
