/**
 * Protobuf's wire format (protobuf.dev, "Encoding"), the part etcd's messages need. One reader and one writer, so that one
 * place owns the 64-bit policy: an ordinal is a `number` that saturates at the safe integers when read and is asserted safe
 * when written; a name (`jstype = JS_STRING` in the .proto) is a `bigint` that keeps all 64 bits.
 *
 * Where messages repeat themselves: of a scalar, a sub-message or a oneof that occurs twice the last one wins (sub-messages
 * are replaced, not merged: no encoder in use splits them). Unknown fields are dropped.
 */
import { assert } from "../base/assert.ts";
import { type Codec, CodecError } from "../base/codec.ts";

/** One field as the .proto has it: what turns messages into JSON and back without knowing them. */
export interface FieldInfo {
  /** As the .proto spells it. */
  readonly name: string;
  /** The message's property, or for a member of a oneof its `kind`. */
  readonly key: string;
  readonly type: "bool" | "uint32" | "int64" | "uint64" | "string" | "bytes" | "enum" | "message";
  readonly repeated?: true;
  /** The property that holds the oneof this field is a member of. */
  readonly oneof?: string;
  /** Of the field's messages. */
  readonly message?: MessageCodec<unknown>;
  /** Of the field's enum. */
  readonly values?: Readonly<Record<string, number>>;
}

/** A codec that can also fill in the defaults of what is not given, and tell its fields, ascending by number. */
export interface MessageCodec<Message> extends Codec<Message> {
  create(partial?: Partial<Message>): Message;
  fields(): readonly FieldInfo[];
}

export const EMPTY_BYTES: Uint8Array = new Uint8Array(0);

/** Messages and unknown groups inside each other; deeper input is refused. */
export const NESTING_MAX = 100;
/** Small messages are cut from blocks of this size: an allocation of its own costs each of them ten times the writing. */
const BLOCK_BYTES = 16 * 1024;
/** A larger message is copied into memory of its own, so that keeping it does not keep a block. */
const SHARED_MAX_BYTES = 2048;
/** What messages larger than a block are written in is kept for the next of them up to this size. */
const LARGE_KEEP_BYTES = 4 * 1024 * 1024;
const ASCII_SHORT_BYTES = 64;
const TWO_32 = 2 ** 32;

const utf8Decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf8Encoder = new TextEncoder();

// Two words of 32 bits seen as one of 64: the cheapest way between words and bigint.
const words = new Uint32Array(2);
const signedWord = new BigInt64Array(words.buffer);
const unsignedWord = new BigUint64Array(words.buffer);
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

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
    if (length <= ASCII_SHORT_BYTES) {
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

/**
 * Writes a message from its last byte to its first: a sub-message's length is known when its prefix is due. Fields are
 * therefore given in descending order and stand ascending in the result. All methods take the tag as it stands on the wire.
 * A block is filled from its end; what was handed out of it is never written again.
 */
export class Writer {
  #block: Uint8Array = new Uint8Array(BLOCK_BYTES);
  /** Takes the place of a block for a message larger than one; nothing is ever cut from it. */
  #large: Uint8Array = EMPTY_BYTES;
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
    if (this.#large.length > LARGE_KEEP_BYTES) this.#large = EMPTY_BYTES;
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
    if (length <= ASCII_SHORT_BYTES) {
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

// Encoding is synchronous and never calls back, so one writer serves every message of the thread.
const sharedWriter = new Writer();

/**
 * Puts a message's generated parts together. What `encode` returns shares its ArrayBuffer with other small messages: it may be
 * kept and read, but neither transferred to another thread nor written to.
 */
export function messageCodec<Message>(
  read: (reader: Reader) => Message,
  write: (writer: Writer, message: Message) => void,
  create: (partial?: Partial<Message>) => Message,
  fields: () => readonly FieldInfo[],
): MessageCodec<Message> {
  return {
    encode(message) {
      sharedWriter.reset(); // a message whose assertion failed may have left its half behind
      write(sharedWriter, message);
      return sharedWriter.take();
    },
    decode(bytes) {
      return read(new Reader(bytes));
    },
    create,
    fields,
  };
}
