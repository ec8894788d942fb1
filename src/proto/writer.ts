import { assert } from "../base/assert.ts";
import { HIGH, LOW, SHORT_STRING_LENGTH, TWO_32, unsignedWord, words } from "./words.ts";

/** Small messages are cut from blocks of this size: an allocation of its own costs each of them ten times the writing. */
const BLOCK_BYTES = 16 * 1024;
/** A larger message is copied into memory of its own, so that keeping it does not keep a block. */
const SHARED_MAX_BYTES = 2048;
/** What messages larger than a block are written in is kept for the next of them up to this size. */
const LARGE_KEEP_BYTES = 4 * 1024 * 1024;

const NOTHING = new Uint8Array(0);
const utf8Encoder = new TextEncoder();

/**
 * Writes a message from its last byte to its first: a sub-message's length is known when its prefix is due. Fields are
 * therefore given in descending order and stand ascending in the result. All methods take the tag as it stands on the wire.
 * A block is filled from its end; what was handed out of it is never written again.
 */
export class Writer {
  #block: Uint8Array = new Uint8Array(BLOCK_BYTES);
  /** Takes the place of a block for a message larger than one; nothing is ever cut from it. */
  #large: Uint8Array = NOTHING;
  /** Where the open message ends: at the beginning of the one before it. */
  #end = BLOCK_BYTES;
  /** Where its written part begins. */
  #position = BLOCK_BYTES;

  /** Bytes of the open message written so far. */
  get length(): number {
    return this.#end - this.#position;
  }

  /** The message; the writer is ready for the next. */
  take(): Uint8Array {
    const length = this.length;
    if (length > SHARED_MAX_BYTES) {
      const copy = this.#block.slice(this.#position, this.#end);
      this.reset();
      return copy;
    }
    const view = new Uint8Array(this.#block.buffer as ArrayBuffer, this.#position, length);
    this.#end = this.#position;
    return view;
  }

  /** Drops what was written of the open message. */
  reset(): void {
    this.#position = this.#end;
    if (this.#block !== this.#large) return;
    if (this.#large.length > LARGE_KEEP_BYTES) this.#large = NOTHING;
    this.#moveTo(new Uint8Array(BLOCK_BYTES));
  }

  /** Puts tag and length before a sub-message (or packed list) whose last byte was written at `length` = `before`. */
  prefix(tag: number, before: number): void {
    const size = this.length - before;
    this.#reserve(10);
    this.#varint32(size);
    this.#varint32(tag);
  }

  bytes(tag: number, value: Uint8Array): void {
    this.#reserve(value.length + 10);
    this.#position -= value.length;
    this.#block.set(value, this.#position);
    this.#varint32(value.length);
    this.#varint32(tag);
  }

  string(tag: number, value: string): void {
    const length = value.length;
    this.#reserve(length + 10);
    const start = this.#position - length;
    let at = 0;
    if (length <= SHORT_STRING_LENGTH) {
      for (; at < length; at++) {
        const unit = value.charCodeAt(at);
        if (unit >= 0x80) break;
        this.#block[start + at] = unit;
      }
    }
    if (at < length) this.bytes(tag, utf8Encoder.encode(value));
    else {
      this.#position = start;
      this.#varint32(length);
      this.#varint32(tag);
    }
  }

  bool(tag: number, value: boolean): void {
    this.#reserve(6);
    this.#block[--this.#position] = value ? 1 : 0;
    this.#varint32(tag);
  }

  uint32(tag: number, value: number): void {
    assert(value >>> 0 === value, "a uint32 field takes a 32-bit integer", { tag, value });
    this.#reserve(10);
    this.#varint32(value);
    this.#varint32(tag);
  }

  enumeration(tag: number, value: number): void {
    this.packedEnumeration(value);
    this.#varint32(tag);
  }

  /** One value of a packed list. */
  packedEnumeration(value: number): void {
    assert((value | 0) === value, "an enum takes a 32-bit integer", { value });
    this.#reserve(16);
    if (value >= 0) this.#varint32(value);
    else this.#varint64(value >>> 0, 0xffff_ffff);
  }

  uint64(tag: number, value: number): void {
    assert(value >= 0, "an unsigned field takes no negative number", { tag, value });
    this.int64(tag, value);
  }

  int64(tag: number, value: number): void {
    this.#reserve(16);
    if (value >>> 0 === value) this.#varint32(value);
    else {
      assert(Number.isSafeInteger(value), "an ordinal is a safe integer", { tag, value });
      this.#varint64(value >>> 0, Math.floor(value / TWO_32) >>> 0);
    }
    this.#varint32(tag);
  }

  /** Signed and unsigned names alike: their lowest 64 bits. */
  name(tag: number, value: bigint): void {
    this.#reserve(16);
    unsignedWord[0] = value;
    this.#varint64(words[LOW] as number, words[HIGH] as number);
    this.#varint32(tag);
  }

  #reserve(count: number): void {
    if (count <= this.#position) return;
    const needed = this.length + count;
    if (needed <= BLOCK_BYTES) {
      this.#moveTo(new Uint8Array(BLOCK_BYTES));
      return;
    }
    if (this.#block === this.#large || this.#large.length < needed) this.#large = new Uint8Array(2 * needed);
    this.#moveTo(this.#large);
  }

  /** Goes on in another block with the open message, if any. */
  #moveTo(block: Uint8Array): void {
    const position = block.length - this.length;
    block.set(this.#block.subarray(this.#position, this.#end), position);
    this.#block = block;
    this.#position = position;
    this.#end = block.length;
  }

  #varint32(value: number): void {
    if (value < 0x80) {
      this.#block[--this.#position] = value;
      return;
    }
    let at = this.#position - (value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5);
    this.#position = at;
    for (; value >= 0x80; value >>>= 7) this.#block[at++] = (value & 0x7f) | 0x80;
    this.#block[at] = value;
  }

  #varint64(low: number, high: number): void {
    if (high === 0) {
      this.#varint32(low);
      return;
    }
    // 28 bits, then 28, then 8: each piece but the last is written in full, so that groups of seven stay aligned.
    const middle = ((low >>> 28) | (high << 4)) & 0xfff_ffff;
    const top = high >>> 24;
    if (top === 0) this.#varint32(middle);
    else {
      this.#varint32(top);
      this.#fourGroups(middle);
    }
    this.#fourGroups(low & 0xfff_ffff);
  }

  /** Four groups of seven bits, each announcing another after it. */
  #fourGroups(bits: number): void {
    const at = this.#position - 4;
    this.#position = at;
    this.#block[at] = bits | 0x80;
    this.#block[at + 1] = (bits >>> 7) | 0x80;
    this.#block[at + 2] = (bits >>> 14) | 0x80;
    this.#block[at + 3] = (bits >>> 21) | 0x80;
  }
}
