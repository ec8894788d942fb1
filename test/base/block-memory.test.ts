import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { BlockMemory } from "../../src/base/block-memory.ts";

const MIB = 1024 * 1024;

test("no two pieces lie in the same place, and each is as long as was asked for", () => {
  const memory = new BlockMemory();
  const lengths = [0, 1, MIB, MIB, MIB, 2 * MIB, MIB, 3 * MIB, 10 * MIB, 7, 0];
  const pieces = lengths.map((length, i) => {
    const piece = memory.take(length);
    assert.equal(piece.length, length);
    return piece.fill(i);
  });
  for (const [i, piece] of pieces.entries()) assert.ok(piece.every((byte) => byte === i));
});

test("what was done with is given back block by block, and nothing before it was", () => {
  const memory = new BlockMemory();
  // Now and then there is nothing to keep.
  const pieces = Array.from({ length: 100 }, (_, i) => memory.take(i % 7 === 3 ? 0 : 300_000));
  const lengths = pieces.map(({ length }) => length);
  const isThere = (piece: Uint8Array): boolean => piece.length === lengths[pieces.indexOf(piece)];
  for (const [i, piece] of pieces.entries()) {
    assert.ok(pieces.slice(i).every(isThere), `${i}`);
    memory.done(piece);
  }
  const [fromHeap, inBlocks] = [false, true].map((isBlock) =>
    pieces.filter(({ buffer }) => buffer instanceof ArrayBuffer && buffer.resizable === isBlock),
  ) as [Uint8Array[], Uint8Array[]];
  const waiting = inBlocks.filter(({ buffer }) => buffer === pieces.at(-1)?.buffer);
  const gone = inBlocks.filter(({ buffer }) => buffer.byteLength === 0);
  assert.ok(fromHeap.length > 0 && fromHeap.length <= 7, `${fromHeap.length}`);
  assert.equal(gone.length + waiting.length + fromHeap.length, pieces.length);
  memory.done(new Uint8Array(1));
  assert.ok(waiting.every((piece) => piece.length === 0));
  assert.ok(fromHeap.every(isThere));
});

test("what nobody holds any more is given back a block a turn; what somebody holds stays", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const held = new BlockMemory();
  const [, , kept] = [held.take(2 * MIB), held.take(MIB), held.take(MIB)] as const;
  // Two lie in the heap, then two in each block.
  const piecesOf = (memory: BlockMemory): Uint8Array[] => Array.from({ length: 12 }, () => memory.take(2 * MIB - 1));
  const pieces = piecesOf(new BlockMemory());
  const there = (): number => pieces.filter(({ length }) => length > 0).length;
  assert.equal(there(), 12);
  for (let turn = 0; there() > 1; turn++) {
    assert.ok(turn < 1_000, "it is given back");
    const before = there();
    collect();
    await new Promise(setImmediate);
    assert.ok(before - there() <= 4, `${before - there()} pieces, two in a block, in one turn`);
  }
  assert.equal(kept.length, MIB);
  held.done(kept);
});
