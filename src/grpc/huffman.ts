import { assert } from "../base/assert.ts";

/**
 * HPACK's Huffman code (RFC 7541, appendix B). It is canonical: codes of one length are consecutive in the order of their
 * symbols, so the lengths below say everything. Symbol 256 is the end of the string, whose leading ones pad the last byte.
 */
// biome-ignore format: a table of 16 columns
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

const END_OF_STRING = 256;
const CODES: Uint32Array = assignCodes();

/**
 * Decoding goes eight bits at a time: tables of 256 slots, one for each prefix of whole bytes. A slot holds symbol << 8 | bits
 * of it that lie in this byte, or the negated number of the next table.
 */
const TABLES: readonly Int32Array[] = buildTables();

function assignCodes(): Uint32Array {
  assert(LENGTHS.length === 257, "one length for each symbol");
  const codes = new Uint32Array(257);
  let next = 0;
  for (let length = 1; length <= 30; length++) {
    next *= 2;
    for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
      if (LENGTHS[symbol] === length) codes[symbol] = next++;
    }
  }
  assert(next === 2 ** 30, "the code is complete");
  return codes;
}

function buildTables(): Int32Array[] {
  const tables = [new Int32Array(256)];
  for (let symbol = 0; symbol <= END_OF_STRING; symbol++) {
    let remaining = LENGTHS[symbol]!;
    const code = CODES[symbol]!;
    let table = tables[0]!;
    while (remaining > 8) {
      remaining -= 8;
      const slot = (code >>> remaining) & 0xff;
      if (table[slot] === 0) table[slot] = -(tables.push(new Int32Array(256)) - 1);
      table = tables[-table[slot]!]!;
    }
    const first = (code << (8 - remaining)) & 0xff;
    table.fill((symbol << 8) | remaining, first, first + (1 << (8 - remaining)));
  }
  return tables;
}

/** Bytes that `text` (latin1) takes when coded. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += LENGTHS[text.charCodeAt(i)]!;
  return (bits + 7) >>> 3;
}

/** Writes the coded `text` (latin1) and returns the offset behind it. */
export function huffmanEncode(text: string, target: Uint8Array, offset: number): number {
  let pending = 0; // the last `bits` bits are not yet written
  let bits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i);
    let code = CODES[symbol]!;
    let length = LENGTHS[symbol]!;
    if (length > 16) {
      // In two halves, so that 7 pending bits and the code fit into 32.
      pending = (pending << (length - 16)) | (code >>> 16);
      bits += length - 16;
      for (; bits >= 8; bits -= 8) target[offset++] = pending >>> (bits - 8);
      code &= 0xffff;
      length = 16;
    }
    pending = (pending << length) | code;
    bits += length;
    for (; bits >= 8; bits -= 8) target[offset++] = pending >>> (bits - 8);
  }
  if (bits > 0) target[offset++] = (pending << (8 - bits)) | (0xff >>> bits);
  return offset;
}

/** The most bytes that `length` coded bytes can stand for: the shortest code has five bits. */
export function huffmanDecodedMaxBytes(length: number): number {
  return Math.floor((length * 8) / 5);
}

/** Decodes bytes[start, end) into `target` and returns the length, or -1 when the coding is invalid (RFC 7541, section 5.2). */
export function huffmanDecode(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let table = TABLES[0]!;
  let pending = 0;
  let bits = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    pending = (pending << 8) | bytes[i]!;
    bits += 8;
    while (bits >= 8) {
      const slot = table[(pending >>> (bits - 8)) & 0xff]!;
      if (slot < 0) {
        table = TABLES[-slot]!;
        bits -= 8;
        continue;
      }
      if (slot >> 8 === END_OF_STRING) return -1;
      target[length++] = slot >> 8;
      bits -= slot & 0xff;
      table = TABLES[0]!;
    }
  }
  while (bits > 0) {
    const slot = table[(pending << (8 - bits)) & 0xff]!;
    if (slot < 0 || (slot & 0xff) > bits) break;
    target[length++] = slot >> 8;
    bits -= slot & 0xff;
    table = TABLES[0]!;
  }
  // What is left must be padding: fewer than eight ones, which no symbol's code ends in.
  const ones = (1 << bits) - 1;
  return table === TABLES[0] && (pending & ones) === ones ? length : -1;
}
