/** Header compression for HTTP/2: RFC 7541. Names and values are latin1 strings; a field list is name, value, name, value. */
import { assert } from "../base/assert.ts";
import { entryBytes, HpackTable } from "./hpack-table.ts";
import { huffmanDecode, huffmanDecodedMaxBytes, huffmanEncode, huffmanLength } from "./huffman.ts";

/** Malformed compression: it breaks the connection (COMPRESSION_ERROR), because the two tables no longer agree. */
export class HpackError extends Error {
  override readonly name = "HpackError";
}

export interface HpackDecoderOptions<Head> {
  /** The SETTINGS_HEADER_TABLE_SIZE that we announced. */
  readonly tableMaxBytes: number;
  /** Uncompressed size (RFC 9113, section 10.5.1) above which fields are dropped and `tooLarge` is reported. */
  readonly listMaxBytes: number;
  /** What a field list means to the caller. It must be immutable: equal blocks share one. */
  interpret(fields: readonly string[], tooLarge: boolean): Head;
}

interface CachedBlock<Head> {
  readonly block: Buffer;
  readonly generation: number;
  readonly head: Head;
}

const CACHE_SLOTS = 64;
const CACHED_BLOCK_MAX_BYTES = 128;
/** Five continuation bytes hold more than any length we accept. */
const INTEGER_MAX_BYTES = 5;

/**
 * Decodes header blocks. Calls of one method mostly repeat the same few bytes, so a block that neither changed the table nor
 * was decoded under an older one is answered from a small cache, interpretation included.
 */
export class HpackDecoder<Head> {
  readonly #options: HpackDecoderOptions<Head>;
  readonly #table: HpackTable;
  readonly #cache: (CachedBlock<Head> | null)[] = new Array<CachedBlock<Head> | null>(CACHE_SLOTS).fill(null);
  #scratch: Buffer = Buffer.allocUnsafeSlow(256);
  #bytes: Buffer = this.#scratch;
  #offset = 0;
  #end = 0;

  constructor(options: HpackDecoderOptions<Head>) {
    this.#options = options;
    this.#table = new HpackTable(options.tableMaxBytes);
  }

  /** For tests and metrics. */
  get tableBytes(): number {
    return this.#table.bytes;
  }

  /** Decodes the whole block bytes[start, end). Throws `HpackError`. */
  decode(bytes: Buffer, start: number, end: number): Head {
    const slot = hash(bytes, start, end) & (CACHE_SLOTS - 1);
    const cached = this.#cache[slot]!;
    if (cached !== null && cached.generation === this.#table.generation && equal(cached.block, bytes, start, end)) {
      return cached.head;
    }
    const generation = this.#table.generation;
    const head = this.#decodeBlock(bytes, start, end);
    if (generation === this.#table.generation && end - start <= CACHED_BLOCK_MAX_BYTES) {
      this.#cache[slot] = { block: Buffer.from(bytes.subarray(start, end)), generation, head };
    }
    return head;
  }

  #decodeBlock(bytes: Buffer, start: number, end: number): Head {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
    const fields: string[] = [];
    const limit = this.#options.listMaxBytes;
    let listBytes = 0;
    while (this.#offset < end) {
      const first = bytes[this.#offset]!;
      if ((first & 0xe0) === 0x20) {
        if (listBytes > 0) throw new HpackError("a table size update stands only at the start of a block");
        this.#resize();
        continue;
      }
      let name: string;
      let value: string;
      if (first >= 0x80) {
        const index = this.#index(7);
        name = this.#table.name(index);
        value = this.#table.value(index);
      } else {
        const inserted = first >= 0x40;
        const prefix = inserted ? 6 : 4;
        const named = (first & ((1 << prefix) - 1)) !== 0;
        if (named) {
          name = this.#table.name(this.#index(prefix));
        } else {
          this.#offset++;
          name = this.#string();
        }
        value = this.#string();
        if (inserted) this.#table.insert(name, value);
      }
      listBytes += entryBytes(name, value);
      if (listBytes <= limit) fields.push(name, value);
    }
    return this.#options.interpret(fields, listBytes > limit);
  }

  #resize(): void {
    const maxBytes = this.#integer(5);
    if (maxBytes > this.#options.tableMaxBytes) throw new HpackError("a table size above the announced limit");
    this.#table.resize(maxBytes);
  }

  #index(prefixBits: number): number {
    const index = this.#integer(prefixBits);
    if (!this.#table.has(index)) throw new HpackError("an index that no table has");
    return index;
  }

  /** RFC 7541, section 5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = this.#bytes[this.#offset++]! & mask;
    if (value < mask) return value;
    for (let i = 0; i < INTEGER_MAX_BYTES; i++) {
      if (this.#offset >= this.#end) throw new HpackError("an integer is cut off");
      const byte = this.#bytes[this.#offset++]!;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    throw new HpackError("an integer is too large");
  }

  /** RFC 7541, section 5.2. */
  #string(): string {
    if (this.#offset >= this.#end) throw new HpackError("a string is missing");
    const huffman = this.#bytes[this.#offset]! >= 0x80;
    const length = this.#integer(7);
    const start = this.#offset;
    const end = start + length;
    if (end > this.#end) throw new HpackError("a string is cut off");
    this.#offset = end;
    if (!huffman) return this.#bytes.toString("latin1", start, end);
    const decodedMaxBytes = huffmanDecodedMaxBytes(length);
    if (decodedMaxBytes > this.#scratch.length) this.#scratch = Buffer.allocUnsafeSlow(decodedMaxBytes);
    const decoded = huffmanDecode(this.#bytes, start, end, this.#scratch);
    if (decoded < 0) throw new HpackError("invalid Huffman coding");
    return this.#scratch.toString("latin1", 0, decoded);
  }
}

function hash(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > CACHED_BLOCK_MAX_BYTES) return 0;
  let sum = end - start;
  for (let i = start; i < end; i++) sum = (Math.imul(sum, 31) + bytes[i]!) | 0;
  return sum ^ (sum >>> 15);
}

function equal(block: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (block.length !== end - start) return false;
  for (let i = 0; i < block.length; i++) if (block[i] !== bytes[start + i]) return false;
  return true;
}

/** How a literal travels: into the dynamic table, beside it, or marked so that no intermediary may ever put it there. */
export type Indexing = "index" | "plain" | "never";

/**
 * Encodes header blocks: `field` for each field, then `finish`. Blocks must leave in the order they were finished. A finished
 * block may be sent again as long as `generation` is what it was both before and after it was encoded.
 */
export class HpackEncoder {
  readonly #tableMaxBytes: number;
  readonly #table: HpackTable;
  #target: Buffer = Buffer.allocUnsafeSlow(512);
  #offset = 0;
  /** The smallest table size since the last block, still to be announced; -1 when nothing changed (RFC 7541, section 4.2). */
  #smallestResize = -1;

  constructor(tableMaxBytes: number) {
    this.#tableMaxBytes = tableMaxBytes;
    this.#table = new HpackTable(tableMaxBytes);
  }

  get generation(): number {
    return this.#table.generation;
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. Our own maximum stays a limit. */
  setPeerLimit(maxBytes: number): void {
    const size = Math.min(maxBytes, this.#tableMaxBytes);
    if (size === this.#table.maxBytes) return;
    this.#table.resize(size);
    this.#smallestResize = this.#smallestResize < 0 ? size : Math.min(this.#smallestResize, size);
  }

  field(name: string, value: string, indexing: Indexing): void {
    assert(name.length > 0, "a field has a name");
    this.#reserve(2 * (name.length + value.length) + 32);
    this.#announceResize();
    const index = indexing === "never" ? 0 : this.#table.findField(name, value);
    if (index > 0) {
      this.#integer(0x80, 7, index);
      return;
    }
    const named = this.#table.findName(name);
    if (indexing === "index") this.#integer(0x40, 6, named);
    else this.#integer(indexing === "never" ? 0x10 : 0x00, 4, named);
    if (named === 0) this.#string(name);
    this.#string(value);
    if (indexing === "index") this.#table.insert(name, value);
  }

  /** The block, copied. */
  finish(): Buffer {
    this.#announceResize();
    const block = Buffer.from(this.#target.subarray(0, this.#offset));
    this.#offset = 0;
    return block;
  }

  #announceResize(): void {
    if (this.#smallestResize < 0) return;
    assert(this.#offset === 0, "a table size changes between blocks");
    if (this.#smallestResize < this.#table.maxBytes) this.#integer(0x20, 5, this.#smallestResize);
    this.#integer(0x20, 5, this.#table.maxBytes);
    this.#smallestResize = -1;
  }

  #integer(pattern: number, prefixBits: number, value: number): void {
    const mask = (1 << prefixBits) - 1;
    if (value < mask) {
      this.#target[this.#offset++] = pattern | value;
      return;
    }
    this.#target[this.#offset++] = pattern | mask;
    value -= mask;
    for (; value >= 0x80; value = Math.floor(value / 128)) this.#target[this.#offset++] = (value & 0x7f) | 0x80;
    this.#target[this.#offset++] = value;
  }

  #string(text: string): void {
    const coded = huffmanLength(text);
    if (text.length > 0 && coded <= text.length) {
      this.#integer(0x80, 7, coded);
      this.#offset = huffmanEncode(text, this.#target, this.#offset);
      return;
    }
    this.#integer(0, 7, text.length);
    this.#target.write(text, this.#offset, "latin1");
    this.#offset += text.length;
  }

  #reserve(bytes: number): void {
    if (this.#offset + bytes <= this.#target.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#offset + bytes));
    this.#target.copy(larger, 0, 0, this.#offset);
    this.#target = larger;
  }
}
