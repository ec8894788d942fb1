import { CodecError } from "../base/codec.ts";
import { HIGH, LOW, SHORT_STRING_LENGTH, signedWord, TWO_32, unsignedWord, words } from "./words.ts";

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** Messages and unknown groups inside each other; deeper input is refused. */
export const NESTING_MAX = 100;

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const NAME_SLOTS = 64;

/**
 * Words to bigint, remembering the last of each slot: making a bigint costs more than the rest of a response header, and a
 * connection sees the same few cluster and member ids over and over.
 */
class Names {
  readonly #low = new Uint32Array(NAME_SLOTS);
  readonly #high = new Uint32Array(NAME_SLOTS);
  readonly #values: bigint[] = new Array<bigint>(NAME_SLOTS).fill(0n); // as two words of 0 mean
  readonly #view: BigInt64Array | BigUint64Array;

  /** `view` sees `words` as a signed or an unsigned integer. */
  constructor(view: BigInt64Array | BigUint64Array) {
    this.#view = view;
  }

  of(low: number, high: number): bigint {
    const slot = (low ^ (high >>> 8)) & (NAME_SLOTS - 1);
    if (this.#low[slot] === low && this.#high[slot] === high) return this.#values[slot] as bigint;
    words[LOW] = low;
    words[HIGH] = high;
    const value = this.#view[0] as bigint;
    this.#low[slot] = low;
    this.#high[slot] = high;
    this.#values[slot] = value;
    return value;
  }
}

const signedNames = new Names(signedWord);
const unsignedNames = new Names(unsignedWord);

/** Reads one message's fields in the order they come. Every method throws CodecError where the input is malformed. */
export class Reader {
  readonly #bytes: Uint8Array;
  /** Where the innermost open message ends. */
  #end: number;
  #position = 0;
  #depth = 0;
  /** The words of the 64-bit varint read last. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length;
  }

  /** Whether the open message goes on. */
  more(): boolean {
    return this.#position < this.#end;
  }

  /** Opens a sub-message (or a packed list); `leave` takes what this returns. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    if (++this.#depth > NESTING_MAX) throw new CodecError("message nested too deeply");
    this.#end = this.#position + length;
    return outer;
  }

  leave(outer: number): void {
    this.#depth--;
    this.#end = outer;
  }

  /** The next field's number and wire type as they stand on the wire: number << 3 | type. */
  tag(): number {
    if (this.#position < this.#end) {
      const byte = this.#bytes[this.#position] as number;
      if (byte < 0x80 && byte >= 8) {
        this.#position++;
        return byte;
      }
    }
    this.#varint();
    if (this.#high !== 0 || this.#low >>> 3 === 0) throw new CodecError("malformed field tag");
    return this.#low;
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  uint32(): number {
    this.#varint();
    return this.#low;
  }

  /** An enum's value; numbers without a name are kept, as proto3 asks. */
  enumeration<Value extends number>(): Value {
    this.#varint();
    return (this.#low | 0) as Value;
  }

  /** An ordinal, saturated at the safe integers. */
  uint64(): number {
    this.#varint();
    return this.#high < 0x20_0000 ? this.#high * TWO_32 + this.#low : Number.MAX_SAFE_INTEGER;
  }

  /** An ordinal, saturated at the safe integers. */
  int64(): number {
    this.#varint();
    if (this.#high < 0x20_0000) return this.#high * TWO_32 + this.#low;
    const value = (this.#high | 0) * TWO_32 + this.#low;
    return value > 0 ? Number.MAX_SAFE_INTEGER : Math.max(value, Number.MIN_SAFE_INTEGER);
  }

  uint64Name(): bigint {
    this.#varint();
    return unsignedNames.of(this.#low, this.#high);
  }

  int64Name(): bigint {
    this.#varint();
    return signedNames.of(this.#low, this.#high);
  }

  /** A view into the input. */
  bytes(): Uint8Array {
    const length = this.#length();
    if (length === 0) return EMPTY_BYTES;
    // Not subarray: of a Buffer that would be a Buffer, and slower.
    const view = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#position, length);
    this.#position += length;
    return view;
  }

  string(): string {
    const length = this.#length();
    const start = this.#position;
    this.#position += length;
    if (length <= SHORT_STRING_LENGTH) {
      let text = "";
      let at = start;
      for (; at < this.#position; at++) {
        const byte = this.#bytes[at] as number;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (at === this.#position) return text;
    }
    try {
      return utf8Decoder.decode(this.#bytes.subarray(start, this.#position));
    } catch {
      throw new CodecError("string is not UTF-8");
    }
  }

  /** Passes over a field this program does not know. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#varint();
        break;
      case 1:
        this.#advance(8);
        break;
      case 2:
        this.#advance(this.#length());
        break;
      case 3:
        this.#skipGroup(tag + 1);
        break;
      case 5:
        this.#advance(4);
        break;
      default:
        throw new CodecError("malformed wire type");
    }
  }

  #skipGroup(endTag: number): void {
    if (++this.#depth > NESTING_MAX) throw new CodecError("message nested too deeply");
    for (let tag = this.tag(); tag !== endTag; tag = this.tag()) this.skip(tag);
    this.#depth--;
  }

  #advance(count: number): void {
    if (count > this.#end - this.#position) throw new CodecError("message ends inside a field");
    this.#position += count;
  }

  /** A length prefix whose bytes are all there. */
  #length(): number {
    this.#varint();
    if (this.#high !== 0 || this.#low > this.#end - this.#position) throw new CodecError("length passes the end");
    return this.#low;
  }

  #varint(): void {
    this.#high = 0;
    let low = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.#byte();
      low |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#low = low;
        return;
      }
    }
    this.#longVarint(low);
  }

  /** Bytes five to ten; bits past the 64th are dropped, as Go does. */
  #longVarint(lowest28: number): void {
    const fifth = this.#byte();
    this.#low = (lowest28 | ((fifth & 0x0f) << 28)) >>> 0;
    let high = (fifth & 0x7f) >>> 4;
    let last = fifth;
    for (let shift = 3; last >= 0x80; shift += 7) {
      if (shift > 31) throw new CodecError("varint longer than ten bytes");
      last = this.#byte();
      high |= (last & 0x7f) << shift;
    }
    this.#high = high >>> 0;
  }

  #byte(): number {
    if (this.#position >= this.#end) throw new CodecError("message ends inside a field");
    return this.#bytes[this.#position++] as number;
  }
}
