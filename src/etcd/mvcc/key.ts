/**
 * Keys inside the store: the bytes of a key as a latin-1 string, one character a byte, so that JavaScript's string order is
 * etcd's byte order and a key can be compared and hashed without touching a buffer.
 */

/** A set of neighbouring keys: from <= key < to; `to` null has no upper end. Empty when to <= from. */
export interface KeyRange {
  readonly from: string;
  readonly to: string | null;
}

export function keyName(key: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(key, 0, key.length);
}

/** The keys a request's (key, range_end) pair selects: no end is exactly the key, the end "\0" everything from the key on. */
export function keyRange(key: Uint8Array, rangeEnd: Uint8Array): KeyRange {
  const from = keyName(key);
  if (rangeEnd.length === 0) return { from, to: `${from}\0` };
  if (rangeEnd.length === 1 && rangeEnd[0] === 0) return { from, to: null };
  return { from, to: keyName(rangeEnd) };
}

export function contains(range: KeyRange, key: string): boolean {
  return range.from <= key && (range.to === null || key < range.to);
}

export function isEmptyRange(range: KeyRange): boolean {
  return range.to !== null && range.to <= range.from;
}
