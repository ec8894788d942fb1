import assert from "node:assert/strict";
import { test } from "node:test";
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
