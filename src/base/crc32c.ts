/** CRC-32C (Castagnoli; RFC 3720, appendix B.4), eight bytes a step. */

const POLYNOMIAL_REVERSED = 0x82f63b78;
/** TABLES[k * 256 + b]: the effect of byte b followed by k zero bytes. */
const TABLES = makeTables();

/**
 * The checksum of bytes[start, end). `seed` is the checksum of what came before: `crc32c(b, crc32c(a))` is that of a and b
 * joined. 0 for nothing.
 */
export function crc32c(bytes: Uint8Array, seed: number = 0, start: number = 0, end: number = bytes.length): number {
  let crc = ~seed;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    crc ^= word(bytes, at);
    const high = word(bytes, at + 4);
    crc =
      (TABLES[1792 + (crc & 255)] as number) ^
      (TABLES[1536 + ((crc >>> 8) & 255)] as number) ^
      (TABLES[1280 + ((crc >>> 16) & 255)] as number) ^
      (TABLES[1024 + (crc >>> 24)] as number) ^
      (TABLES[768 + (high & 255)] as number) ^
      (TABLES[512 + ((high >>> 8) & 255)] as number) ^
      (TABLES[256 + ((high >>> 16) & 255)] as number) ^
      (TABLES[high >>> 24] as number);
  }
  for (; at < end; at++) crc = (TABLES[(crc ^ (bytes[at] as number)) & 255] as number) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL_REVERSED : 0);
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] as number;
    tables[at] = (tables[before & 255] as number) ^ (before >>> 8);
  }
  return tables;
}
