/**
 * The bytes of a WAL segment, pure. A segment is a head record, then batches; a batch is a start record, what one write
 * brought, and a seal. Every record is framed alike, little-endian:
 *
 *   length u32 | checksum u32 | kind u8 | payload of that length
 *
 *   head         version, segment sequence, first index, cluster, member, chain: the checksum the segment before ended with
 *   batch start  batch number, bytes of the records after it, how many of the batch's pieces are nothing but zeros
 *   entry        term, index, kind, data
 *   hard state   term, vote, commit
 *
 * Checksums are CRC-32C over length, kind and payload. Entries and hard states are chained: each is seeded with the checksum
 * before it, so that a lost, moved or repeated record breaks the rest. A batch start is seeded with its own place (segment,
 * offset) instead: it can be recognised behind a break.
 *
 * The seal is a few bytes that are not zero, as many as it takes for the next start to lie within one sector, with some of
 * the seal before it in the same one: a start is never torn, and a sector that goes missing later takes a seal with it.
 * A piece is what a batch has of one sector. What all this is good for says tail.ts.
 */
import { assert } from "../../base/assert.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { ClusterId, LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Entry, HardState, Identity } from "../model.ts";

export interface SegmentHead {
  readonly sequence: number;
  /** The index the log goes on with here; entries may also overwrite from a lower one. */
  readonly firstIndex: LogIndex;
  readonly identity: Identity;
  readonly chain: number;
}

export interface WalBatch {
  /** Null when unchanged. */
  readonly hardState: HardState | null;
  /** Contiguous; overwrite what the log held from their first index on. */
  readonly entries: readonly Entry[];
}

/** Where a batch goes: both ends of the chain and its own place. */
export interface BatchPlace {
  readonly sequence: number;
  readonly offset: number;
  readonly number: number;
  readonly chain: number;
}

export interface Encoded {
  readonly bytes: Uint8Array;
  /** The checksum that seeds what comes next. */
  readonly chain: number;
}

export interface ReadBatch extends WalBatch {
  /** Where the next batch begins. */
  readonly end: number;
  readonly chain: number;
}

export interface BrokenBatch {
  readonly broken: string;
  readonly offset: number;
}

export interface BatchStart {
  readonly number: number;
  /** Where its records end and where, behind the seal, the batch does. */
  readonly recordsEnd: number;
  readonly end: number;
  readonly zeroPieces: number;
}

/** What a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

const FORMAT_VERSION = 2;
const FRAME_BYTES = 9;
const HEAD_BYTES = FRAME_BYTES + 37;
export const BATCH_START_BYTES: number = FRAME_BYTES + 16;
/** The number and the bytes of the records: what seeds the chain of a batch. */
const BATCH_EXTENT_BYTES = 12;
/** Several, so that one damaged byte never looks like a piece that is missing. */
const SEAL_MIN_BYTES = 4;
const SEAL = 0xa5;
const ENTRY_FIXED_BYTES = FRAME_BYTES + 17;
const HARD_STATE_BYTES = FRAME_BYTES + 24;
const TWO_32 = 2 ** 32;

const KIND = { head: 1, batchStart: 2, entry: 3, hardState: 4 } as const;
const ENTRY_KINDS = ["normal", "config"] as const;

export function encodeHead(head: SegmentHead): Encoded {
  const writer = new RecordWriter(new Uint8Array(HEAD_BYTES));
  const at = writer.begin();
  writer.uint8(FORMAT_VERSION);
  writer.uint64(head.sequence);
  writer.uint64(head.firstIndex);
  writer.name(head.identity.cluster);
  writer.name(head.identity.member);
  writer.uint32(head.chain);
  writer.finish(at, KIND.head, 0);
  return writer.done(crc32c(writer.bytes));
}

export function encodeBatch(batch: WalBatch, place: BatchPlace): Encoded {
  const recordsBytes = recordsBytesOf(batch);
  const recordsEnd = BATCH_START_BYTES + recordsBytes;
  const bytes = new Uint8Array(sealedEnd(place.offset + recordsEnd) - place.offset).fill(SEAL, recordsEnd);
  const start = new RecordWriter(bytes.subarray(0, BATCH_START_BYTES));
  const startsAt = start.begin();
  start.uint64(place.number);
  start.uint32(recordsBytes);
  const seed = crc32c(bytes, place.chain, FRAME_BYTES, FRAME_BYTES + BATCH_EXTENT_BYTES);
  const chain = encodeRecords(batch, new RecordWriter(bytes.subarray(BATCH_START_BYTES, recordsEnd)), seed);
  // Counted before the start itself is whole: a piece with any byte of a start, a frame or a seal is never all zeros.
  start.uint32(countZeroPieces(bytes, place.offset));
  start.finish(startsAt, KIND.batchStart, placeSeed(place.sequence, place.offset));
  return { bytes, chain };
}

function recordsBytesOf(batch: WalBatch): number {
  let bytes = batch.hardState === null ? 0 : HARD_STATE_BYTES;
  for (const entry of batch.entries) bytes += ENTRY_FIXED_BYTES + entry.data.length;
  return bytes;
}

function encodeRecords(batch: WalBatch, writer: RecordWriter, seed: number): number {
  let chain = seed;
  for (const entry of batch.entries) {
    const at = writer.begin();
    writer.uint64(entry.term);
    writer.uint64(entry.index);
    writer.uint8(ENTRY_KINDS.indexOf(entry.kind));
    writer.blob(entry.data);
    chain = writer.finish(at, KIND.entry, chain);
  }
  if (batch.hardState !== null) {
    const at = writer.begin();
    writer.uint64(batch.hardState.term);
    writer.name(batch.hardState.vote);
    writer.uint64(batch.hardState.commit);
    chain = writer.finish(at, KIND.hardState, chain);
  }
  return writer.done(chain).chain;
}

/** Where a batch ends whose records end at `recordsEnd`, both in the file. */
function sealedEnd(recordsEnd: number): number {
  const end = recordsEnd + SEAL_MIN_BYTES;
  const inSector = end % SECTOR_BYTES;
  if (inSector < SEAL_MIN_BYTES) return end - inSector + SEAL_MIN_BYTES;
  return inSector + BATCH_START_BYTES > SECTOR_BYTES ? end - inSector + SECTOR_BYTES + SEAL_MIN_BYTES : end;
}

/** How many of a batch's pieces are nothing but zeros; `offset`: where the batch starts in the file. */
export function countZeroPieces(batch: Uint8Array, offset: number): number {
  let count = 0;
  let end: number;
  for (let at = 0; at < batch.length; at = end) {
    end = Math.min(at + SECTOR_BYTES - ((offset + at) % SECTOR_BYTES), batch.length);
    if (isZero(batch, at, end)) count++;
  }
  return count;
}

export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if (bytes[at] !== 0) return false;
  return true;
}

/** The head at the start of a segment; null when it is damaged, cut or of another format. */
export function readHead(bytes: Uint8Array): (SegmentHead & { readonly end: number; readonly next: number }) | null {
  const frame = readFrame(bytes, 0, 0);
  if (frame === null || frame.kind !== KIND.head || frame.end !== HEAD_BYTES) return null;
  const view = viewOf(bytes);
  if (view.getUint8(FRAME_BYTES) !== FORMAT_VERSION) return null;
  return {
    sequence: readUint64(view, FRAME_BYTES + 1),
    firstIndex: readUint64(view, FRAME_BYTES + 9) as LogIndex,
    identity: {
      cluster: view.getBigUint64(FRAME_BYTES + 17, true) as ClusterId,
      member: view.getBigUint64(FRAME_BYTES + 25, true) as MemberId,
    },
    chain: view.getUint32(FRAME_BYTES + 33, true),
    end: HEAD_BYTES,
    next: crc32c(bytes, 0, 0, HEAD_BYTES),
  };
}

/** The batch with this number at this place: whole, or what is wrong with it. */
export function readBatch(bytes: Uint8Array, place: BatchPlace): ReadBatch | BrokenBatch {
  const { offset } = place;
  const start = readBatchStart(bytes, place.sequence, offset);
  if (start === null) return { broken: "no batch start", offset };
  if (start.number !== place.number) return { broken: "a batch out of order", offset };
  const { recordsEnd, end } = start;
  const view = viewOf(bytes);
  let at = offset + BATCH_START_BYTES;
  let chain = crc32c(bytes, place.chain, offset + FRAME_BYTES, offset + FRAME_BYTES + BATCH_EXTENT_BYTES);
  let hardState: HardState | null = null;
  const entries: Entry[] = [];
  while (at < recordsEnd) {
    const frame = readFrame(bytes, at, chain);
    if (frame === null || frame.end > recordsEnd) return { broken: "a record's checksum", offset: at };
    const payload = at + FRAME_BYTES;
    if (frame.kind === KIND.entry && frame.end - at >= ENTRY_FIXED_BYTES) {
      entries.push(readEntry(bytes, view, payload, frame.end));
    } else if (frame.kind === KIND.hardState && frame.end - at === HARD_STATE_BYTES) {
      hardState = readHardState(view, payload);
    } else return { broken: "a record of unknown kind", offset: at };
    chain = frame.checksum;
    at = frame.end;
  }
  if (end > bytes.length) return { broken: "a batch's seal", offset: at };
  for (; at < end; at++) if (bytes[at] !== SEAL) return { broken: "a batch's seal", offset: at };
  return { hardState, entries, end, chain };
}

/** Where a batch numbered above `number` starts, at `from` or after; null when none does. Only for what follows a break. */
export function findLaterBatch(bytes: Uint8Array, sequence: number, from: number, number: number): number | null {
  for (let at = from; at + BATCH_START_BYTES <= bytes.length; at++) {
    if (bytes[at + 8] !== KIND.batchStart) continue;
    const start = readBatchStart(bytes, sequence, at);
    if (start !== null && start.number > number) return at;
  }
  return null;
}

/** The start record of a batch at exactly `offset`. */
export function readBatchStart(bytes: Uint8Array, sequence: number, offset: number): BatchStart | null {
  if (offset + BATCH_START_BYTES > bytes.length || bytes[offset + 8] !== KIND.batchStart) return null;
  const frame = readFrame(bytes, offset, placeSeed(sequence, offset));
  if (frame === null || frame.end !== offset + BATCH_START_BYTES) return null;
  const view = viewOf(bytes);
  const recordsEnd = frame.end + view.getUint32(offset + FRAME_BYTES + 8, true);
  return {
    number: readUint64(view, offset + FRAME_BYTES),
    recordsEnd,
    end: sealedEnd(recordsEnd),
    zeroPieces: view.getUint32(offset + FRAME_BYTES + 12, true),
  };
}

/** Whether the bytes from `offset` to the end of the file, too few for a start, are the beginning of this batch's. */
export function beginsBatchStart(bytes: Uint8Array, offset: number, number: number): boolean {
  const known = new RecordWriter(new Uint8Array(BATCH_START_BYTES));
  const at = known.begin();
  known.uint64(number);
  known.uint32(0);
  known.uint32(0);
  known.finish(at, KIND.batchStart, 0);
  return bytes.subarray(offset).every((byte, place) => {
    const isKnown = place < 4 || (place >= 8 && place < FRAME_BYTES + 8);
    return !isKnown || byte === known.bytes[place];
  });
}

function readEntry(bytes: Uint8Array, view: DataView, payload: number, end: number): Entry {
  const kind = ENTRY_KINDS[view.getUint8(payload + 16)];
  assert(kind !== undefined, "an entry with a valid checksum has a known kind", { payload });
  return {
    term: readUint64(view, payload) as Term,
    index: readUint64(view, payload + 8) as LogIndex,
    kind,
    data: bytes.subarray(payload + 17, end),
  };
}

function readHardState(view: DataView, payload: number): HardState {
  return {
    term: readUint64(view, payload) as Term,
    vote: view.getBigUint64(payload + 8, true) as MemberId,
    commit: readUint64(view, payload + 16) as LogIndex,
  };
}

/** A frame whose checksum holds under `seed`; null otherwise, also when it is cut. */
function readFrame(
  bytes: Uint8Array,
  at: number,
  seed: number,
): { kind: number; end: number; checksum: number } | null {
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

function placeSeed(sequence: number, offset: number): number {
  const place = new Uint8Array(16);
  const view = viewOf(place);
  writeUint64(view, 0, sequence);
  writeUint64(view, 8, offset);
  return crc32c(place);
}

class RecordWriter {
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

  done(chain: number): Encoded {
    assert(this.#at === this.bytes.length, "a batch fills the bytes counted for it");
    return { bytes: this.bytes, chain };
  }

  uint8(value: number): void {
    this.bytes[this.#at++] = value;
  }

  uint32(value: number): void {
    this.#view.setUint32(this.#at, value, true);
    this.#at += 4;
  }

  uint64(value: number): void {
    writeUint64(this.#view, this.#at, value);
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

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeUint64(view: DataView, at: number, value: number): void {
  assert(Number.isSafeInteger(value) && value >= 0, "an ordinal is a safe integer", { value });
  view.setUint32(at, value % TWO_32, true);
  view.setUint32(at + 4, Math.floor(value / TWO_32), true);
}

function readUint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * TWO_32;
}
