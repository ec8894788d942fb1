/**
 * Names in the `key` bucket, laid out as etcd's: the main revision in 8 bytes, `_`, the sub revision in 8, big-endian, and `t` behind
 * a tombstone's. So the bucket's order is the order of changes, and the bytes that HashKV covers are etcd's.
 */
const HALF = 2 ** 32;
const SEPARATOR = 0x5f;
const TOMBSTONE_MARK = 0x74;
const PUT_BYTES = 17;
const TOMBSTONE_BYTES = 18;

export function revisionKey(main: number, sub: number, isTombstone: boolean): Uint8Array {
  const key = Buffer.allocUnsafe(isTombstone ? TOMBSTONE_BYTES : PUT_BYTES);
  writePutKey(key, main, sub);
  if (isTombstone) key[17] = TOMBSTONE_MARK;
  return key;
}

const lookedUp = Buffer.alloc(PUT_BYTES);

/** Of a put, and there only until the next call: for a look that keeps nothing. */
export function putKeyForLookup(main: number, sub: number): Uint8Array {
  writePutKey(lookedUp, main, sub);
  return lookedUp;
}

function writePutKey(key: Buffer, main: number, sub: number): void {
  key.writeUInt32BE(Math.floor(main / HALF), 0);
  key.writeUInt32BE(main >>> 0, 4);
  key[8] = SEPARATOR;
  key.writeUInt32BE(Math.floor(sub / HALF), 9);
  key.writeUInt32BE(sub >>> 0, 13);
}

export function mainOf(key: Uint8Array): number {
  return word(key, 0) * HALF + word(key, 4);
}

export function subOf(key: Uint8Array): number {
  return word(key, 9) * HALF + word(key, 13);
}

export function isTombstoneKey(key: Uint8Array): boolean {
  return key.length === TOMBSTONE_BYTES;
}

function word(bytes: Uint8Array, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
