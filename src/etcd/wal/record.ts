/**
 * The bytes of a WAL segment, pure. A segment is a head record, then batches; a batch is a start record and what one write
 * brought. Every record is framed alike, little-endian:
 *
 *   length u32 | checksum u32 | kind u8 | payload of that length
 *
 *   head         version, segment sequence, first index, cluster, member, chain: the checksum the segment before ended with
 *   batch start  batch number, bytes of the records after it
 *   entry        term, index, kind, data
 *   hard state   term, vote, commit
 *
 * Checksums are CRC-32C over length, kind and payload. Entries and hard states are chained: each is seeded with the checksum
 * before it, so that a lost, moved or repeated record breaks the rest. A batch start is seeded with its own place (segment,
 * offset) instead: it can be recognised behind a break, which is how a torn tail is told from corruption.
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

/** `bytesEnd`: where the batch would end, if its start can still be read. */
export interface BrokenBatch {
  readonly broken: string;
  readonly offset: number;
  readonly bytesEnd: number | null;
}

const FORMAT_VERSION = 1;
const FRAME_BYTES = 9;
const HEAD_BYTES = FRAME_BYTES + 37;
const BATCH_START_BYTES = FRAME_BYTES + 12;
const ENTRY_FIXED_BYTES = FRAME_BYTES + 17;
const HARD_STATE_BYTES = FRAME_BYTES + 24;
const TWO_32 = 2 ** 32;

const KIND = { head: 1, batchStart: 2, entry: 3, hardState: 4 } as const;
const ENTRY_KINDS = ["normal", "config"] as const;

export function encodeHead(head: SegmentHead): Encoded {
  const writer = new RecordWriter(HEAD_BYTES);
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

/** What a batch takes on disk. */
export function batchBytes(batch: WalBatch): number {
  let bytes = BATCH_START_BYTES + (batch.hardState === null ? 0 : HARD_STATE_BYTES);
  for (const entry of batch.entries) bytes += ENTRY_FIXED_BYTES + entry.data.length;
  return bytes;
}

export function encodeBatch(batch: WalBatch, place: BatchPlace): Encoded {
  const size = batchBytes(batch);
  const writer = new RecordWriter(size);
  const start = writer.begin();
  writer.uint64(place.number);
  writer.uint32(size - BATCH_START_BYTES);
  writer.finish(start, KIND.batchStart, placeSeed(place.sequence, place.offset));
  let chain = crc32c(writer.bytes, place.chain, 0, BATCH_START_BYTES);
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
  return writer.done(chain);
}

/** The head at the start of a segment; null when it is torn, cut or of another format. */
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
  if (start === null) return { broken: "no batch start", offset, bytesEnd: null };
  if (start.number !== place.number) return { broken: "a batch out of order", offset, bytesEnd: null };
  const view = viewOf(bytes);
  let at = offset + BATCH_START_BYTES;
  let chain = crc32c(bytes, place.chain, offset, at);
  let hardState: HardState | null = null;
  const entries: Entry[] = [];
  const end = start.end;
  while (at < end) {
    const frame = readFrame(bytes, at, chain);
    if (frame === null || frame.end > end) return { broken: "a record's checksum", offset: at, bytesEnd: end };
    const payload = at + FRAME_BYTES;
    if (frame.kind === KIND.entry && frame.end - at >= ENTRY_FIXED_BYTES) {
      entries.push(readEntry(bytes, view, payload, frame.end));
    } else if (frame.kind === KIND.hardState && frame.end - at === HARD_STATE_BYTES) {
      hardState = readHardState(view, payload);
    } else return { broken: "a record of unknown kind", offset: at, bytesEnd: end };
    chain = frame.checksum;
    at = frame.end;
  }
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
export function readBatchStart(
  bytes: Uint8Array,
  sequence: number,
  offset: number,
): { readonly number: number; readonly end: number } | null {
  if (offset + BATCH_START_BYTES > bytes.length || bytes[offset + 8] !== KIND.batchStart) return null;
  const frame = readFrame(bytes, offset, placeSeed(sequence, offset));
  if (frame === null || frame.end !== offset + BATCH_START_BYTES) return null;
  const view = viewOf(bytes);
  return {
    number: readUint64(view, offset + FRAME_BYTES),
    end: frame.end + view.getUint32(offset + FRAME_BYTES + 8, true),
  };
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

  constructor(size: number) {
    this.bytes = new Uint8Array(size);
    this.#view = viewOf(this.bytes);
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
