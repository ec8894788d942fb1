/**
 * The frame around every record of the log, and the numbers in it; little-endian:
 *
 *   length u32 | checksum u32 | kind u8 | payload of that length
 *
 * The checksum is CRC-32C over length, kind and payload, begun with a seed that says what the record must follow.
 */
import { assert } from "../../base/assert.ts";
import { crc32c } from "../../base/crc32c.ts";

export interface Frame {
  readonly kind: number;
  readonly end: number;
  readonly checksum: number;
}

export const FRAME_BYTES = 9;
const TWO_32 = 2 ** 32;

/** A frame whose checksum holds under `seed`; null otherwise, also when it is cut. */
export function readFrame(bytes: Uint8Array, at: number, seed: number): Frame | null {
  if (at + FRAME_BYTES > bytes.length) return null;
  const view = viewOf(bytes);
  const end = at + FRAME_BYTES + view.getUint32(at, true);
  if (end > bytes.length) return null;
  const checksum = frameChecksum(bytes, at, end, seed);
  return checksum === view.getUint32(at + 4, true) ? { kind: bytes[at + 8] as number, end, checksum } : null;
}

/** Over everything but the checksum's own four bytes. */
function frameChecksum(bytes: Uint8Array, at: number, end: number, seed: number): number {
  return crc32c(bytes, crc32c(bytes, seed, at, at + 4), at + 8, end);
}

/** Fills bytes with records, each between `begin` and `finish`. */
export class RecordWriter {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#view = viewOf(bytes);
  }

  /** Leaves room for the frame; returns where it begins. */
  begin(): number {
    const at = this.#at;
    this.#at += FRAME_BYTES;
    return at;
  }

  /** Fills in the frame begun at `at`; returns its checksum. */
  finish(at: number, kind: number, seed: number): number {
    this.#view.setUint32(at, this.#at - at - FRAME_BYTES, true);
    this.bytes[at + 8] = kind;
    const checksum = frameChecksum(this.bytes, at, this.#at, seed);
    this.#view.setUint32(at + 4, checksum, true);
    return checksum;
  }

  get isFull(): boolean {
    return this.#at === this.bytes.length;
  }

  uint8(value: number): void {
    this.bytes[this.#at++] = value;
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  uint64(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, "an ordinal is a safe integer", { value });
    this.#view.setUint32(this.#at, value % TWO_32, true);
    this.#view.setUint32(this.#at + 4, Math.floor(value / TWO_32), true);
    this.#at += 8;
  }

  name(value: bigint): void {
    this.#view.setBigUint64(this.#at, value, true);
    this.#at += 8;
  }

  blob(value: Uint8Array): void {
    this.bytes.set(value, this.#at);
    this.#at += value.length;
  }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function readUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}
