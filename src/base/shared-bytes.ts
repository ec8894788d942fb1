/**
 * Copies of small byte strings, many in one block of memory: memory of its own costs each of them more than the copying, and the
 * collector of garbage has an eye on every one. What is kept keeps no more than its block.
 */
const BLOCK_BYTES = 4096;
const SHARED_MAX_BYTES = 1024;
/** Where a loop is faster than a view of the source. */
const LOOP_MAX_BYTES = 32;

let block = new Uint8Array(BLOCK_BYTES);
let used = 0;

/** Plain bytes that stay, not a Buffer: those are slow to cut. */
export function copyOf(source: Uint8Array, start: number, end: number): Uint8Array {
  const size = end - start;
  if (size > SHARED_MAX_BYTES) return new Uint8Array(source.buffer, source.byteOffset + start, size).slice();
  if (used + size > BLOCK_BYTES) {
    block = new Uint8Array(BLOCK_BYTES);
    used = 0;
  }
  if (size <= LOOP_MAX_BYTES) for (let i = 0; i < size; i++) block[used + i] = source[start + i] as number;
  else block.set(new Uint8Array(source.buffer, source.byteOffset + start, size), used);
  used += size;
  return new Uint8Array(block.buffer, used - size, size);
}
