/**
 * The bytes of a WAL segment, pure. A segment is a head record, then batches, then zeros that were written ahead of need; a
 * batch is a start record, what one write brought, and a seal. The records, each in a frame (frame.ts):
 *
 *   head         version, segment sequence, first index, number of the first batch, cluster, member, chain: the checksum the
 *                segment before ended with
 *   batch start  batch number, bytes of the records after it, how many of the batch's pieces are nothing but zeros
 *   snapshot     kind, index, term, bytes and checksum of a received file, voters, learners
 *   entry        term, index, kind, data
 *   hard state   term, vote, commit
 *
 * The records of a batch are chained: each checksum is seeded with the one before it, so that a lost, moved or repeated record
 * breaks the rest. A batch start is seeded with its own place (segment, offset) instead: it can be recognised behind a break.
 *
 * The seal is a few bytes that are not zero, as many as it takes for the next start to lie within one sector, with some of
 * the seal before it in the same one: a disk never tears a start, and a start that goes missing later takes a seal with it.
 * A piece is what a batch has of one sector. What all this is good for says tail.ts.
 */
import { assert } from "../../base/assert.ts";
import { crc32c } from "../../base/crc32c.ts";
import type { ClusterId, LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Entry, HardState, Identity, LogBase } from "../model.ts";
import { FRAME_BYTES, type Frame, RecordWriter, readFrame, readUint64, viewOf } from "./frame.ts";

export interface SegmentHead {
  readonly sequence: number;
  /** The index the log goes on with here; entries may also overwrite from a lower one. */
  readonly firstIndex: LogIndex;
  readonly batchNumber: number;
  readonly identity: Identity;
  readonly chain: number;
}

/** A state of the store behind which the log may begin. */
export interface SnapshotRecord {
  /**
   * made: the store here has it, and durably, so what lies behind it in the log may go; the log goes on.
   * received: from the leader; the log before it is void and begins anew behind it.
   */
  readonly kind: "made" | "received";
  readonly base: LogBase;
  /** The received file that becomes the store; null when the state was made here. */
  readonly file: { readonly bytes: number; readonly checksum: number } | null;
}

export interface WalBatch {
  /** Comes before the entries. */
  readonly snapshot?: SnapshotRecord | null;
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
  readonly snapshot: SnapshotRecord | null;
  readonly recordsEnd: number;
  /** Where the next batch begins. */
  readonly end: number;
  readonly chain: number;
  /** False: the write was cut within the seal. All records are there. */
  readonly isSealed: boolean;
}

export interface Broken {
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

const FORMAT_VERSION = 3;
const HEAD_BYTES = FRAME_BYTES + 45;
export const BATCH_START_BYTES: number = FRAME_BYTES + 16;
/** The number and the bytes of the records: what seeds the chain of a batch. */
const BATCH_EXTENT_BYTES = 12;
/** Several, so that one damaged byte never looks like a piece that is missing. */
const SEAL_MIN_BYTES = 4;
const SEAL = 0xa5;
const SNAPSHOT_FIXED_BYTES = FRAME_BYTES + 31;
const ID_BYTES = 8;
const ENTRY_FIXED_BYTES = FRAME_BYTES + 17;
const HARD_STATE_BYTES = FRAME_BYTES + 24;

const KIND = { head: 1, batchStart: 2, entry: 3, hardState: 4, snapshot: 5 } as const;
const ENTRY_KINDS = ["normal", "config"] as const;
const SNAPSHOT_KINDS = ["made", "received"] as const;

// ---------------------------------------------------------------------------------------------------------------- head

export function encodeHead(head: SegmentHead): Encoded {
  const writer = new RecordWriter(new Uint8Array(HEAD_BYTES));
  const at = writer.begin();
  writer.uint8(FORMAT_VERSION);
  writer.uint64(head.sequence);
  writer.uint64(head.firstIndex);
  writer.uint64(head.batchNumber);
  writer.name(head.identity.cluster);
  writer.name(head.identity.member);
  writer.uint32(head.chain);
  writer.finish(at, KIND.head, 0);
  assert(writer.isFull, "a head fills the bytes counted for it");
  return { bytes: writer.bytes, chain: crc32c(writer.bytes) };
}

/** The head at the start of a segment, or why there is none. */
export function readHead(bytes: Uint8Array): (SegmentHead & { readonly end: number; readonly next: number }) | Broken {
  const frame = readFrame(bytes, 0, 0);
  if (frame === null || frame.kind !== KIND.head) return { broken: "the segment's head", offset: 0 };
  const view = viewOf(bytes);
  if (view.getUint8(FRAME_BYTES) !== FORMAT_VERSION || frame.end !== HEAD_BYTES)
    return { broken: "a head of another version of the format", offset: 0 };
  return {
    sequence: readUint64(view, FRAME_BYTES + 1),
    firstIndex: readUint64(view, FRAME_BYTES + 9) as LogIndex,
    batchNumber: readUint64(view, FRAME_BYTES + 17),
    identity: {
      cluster: view.getBigUint64(FRAME_BYTES + 25, true) as ClusterId,
      member: view.getBigUint64(FRAME_BYTES + 33, true) as MemberId,
    },
    chain: view.getUint32(FRAME_BYTES + 41, true),
    end: HEAD_BYTES,
    next: crc32c(bytes, 0, 0, HEAD_BYTES),
  };
}

// --------------------------------------------------------------------------------------------------------- write a batch

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
  start.uint32(countZeroPieces(bytes, 0, bytes.length, place.offset));
  start.finish(startsAt, KIND.batchStart, placeSeed(place.sequence, place.offset));
  return { bytes, chain };
}

function recordsBytesOf({ snapshot, entries, hardState }: WalBatch): number {
  let bytes = snapshotBytesOf(snapshot);
  for (const entry of entries) bytes += ENTRY_FIXED_BYTES + entry.data.length;
  return hardState === null ? bytes : bytes + HARD_STATE_BYTES;
}

function snapshotBytesOf(snapshot: SnapshotRecord | null | undefined): number {
  if (snapshot == null) return 0;
  const { voters, learners } = snapshot.base.configuration;
  return SNAPSHOT_FIXED_BYTES + (voters.length + learners.length) * ID_BYTES;
}

function encodeRecords(batch: WalBatch, writer: RecordWriter, seed: number): number {
  let chain = seed;
  if (batch.snapshot != null) chain = encodeSnapshot(batch.snapshot, writer, chain);
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
  assert(writer.isFull, "a batch fills the bytes counted for it");
  return chain;
}

function encodeSnapshot({ kind, base, file }: SnapshotRecord, writer: RecordWriter, seed: number): number {
  assert((kind === "received") === (file !== null), "what was received has a file", { kind });
  const at = writer.begin();
  writer.uint8(SNAPSHOT_KINDS.indexOf(kind));
  writer.uint64(base.index);
  writer.uint64(base.term);
  writer.uint64(file?.bytes ?? 0);
  writer.uint32(file?.checksum ?? 0);
  const { voters, learners } = base.configuration;
  assert(Math.max(voters.length, learners.length) < 256, "a configuration is bounded");
  writer.uint8(voters.length);
  writer.uint8(learners.length);
  for (const id of [...voters, ...learners]) writer.name(id);
  return writer.finish(at, KIND.snapshot, seed);
}

/** Where a batch ends whose records end at `recordsEnd`, both in the file. */
function sealedEnd(recordsEnd: number): number {
  const end = recordsEnd + SEAL_MIN_BYTES;
  const inSector = end % SECTOR_BYTES;
  if (inSector < SEAL_MIN_BYTES) return end - inSector + SEAL_MIN_BYTES;
  return inSector + BATCH_START_BYTES > SECTOR_BYTES ? end - inSector + SECTOR_BYTES + SEAL_MIN_BYTES : end;
}

/** What stands between the records of a batch and its end. */
export function sealBetween(recordsEnd: number, end: number): Uint8Array {
  return new Uint8Array(end - recordsEnd).fill(SEAL);
}

/**
 * How many pieces of bytes[from, to) are nothing but zeros; what lies past the last byte counts as zeros. `shift`: where in the
 * file the bytes begin.
 */
export function countZeroPieces(bytes: Uint8Array, from: number, to: number, shift: number): number {
  let count = 0;
  let end: number;
  for (let at = from; at < to; at = end) {
    end = Math.min(at + SECTOR_BYTES - ((shift + at) % SECTOR_BYTES), to);
    if (isZero(bytes, at, end)) count++;
  }
  return count;
}

/** Whether bytes[from, to) are zeros; what lies past the last byte is. */
export function isZero(bytes: Uint8Array, from: number, to: number): boolean {
  const end = Math.min(to, bytes.length);
  for (let at = from; at < end; at++) if (bytes[at] !== 0) return false;
  return true;
}

// ---------------------------------------------------------------------------------------------------------- read a batch

/** The batch with this number at this place: whole, or what is wrong with it. */
export function readBatch(bytes: Uint8Array, place: BatchPlace): ReadBatch | Broken {
  const { offset } = place;
  const start = readBatchStart(bytes, place.sequence, offset);
  if (start === null) return { broken: "no batch start", offset };
  if (start.number !== place.number) return { broken: "a batch out of order", offset };
  const { recordsEnd, end } = start;
  const view = viewOf(bytes);
  let at = offset + BATCH_START_BYTES;
  let chain = crc32c(bytes, place.chain, offset + FRAME_BYTES, offset + FRAME_BYTES + BATCH_EXTENT_BYTES);
  let snapshot: SnapshotRecord | null = null;
  let hardState: HardState | null = null;
  const entries: Entry[] = [];
  while (at < recordsEnd) {
    const frame = readFrame(bytes, at, chain);
    if (frame === null || frame.end > recordsEnd) return { broken: "a record's checksum", offset: at };
    if (isOf(KIND.entry, frame, at)) entries.push(readEntry(bytes, view, at + FRAME_BYTES, frame.end));
    else if (isOf(KIND.hardState, frame, at)) hardState = readHardState(view, at + FRAME_BYTES);
    else if (isOf(KIND.snapshot, frame, at)) snapshot = readSnapshot(view, at + FRAME_BYTES, frame.end);
    else return { broken: "a record of unknown kind", offset: at };
    chain = frame.checksum;
    at = frame.end;
  }
  while (at < end && bytes[at] === SEAL) at++;
  if (!isZero(bytes, at, end)) return { broken: "a batch's seal", offset: at };
  return { snapshot, hardState, entries, recordsEnd, end, chain, isSealed: at === end };
}

function isOf(kind: number, frame: Frame, at: number): boolean {
  if (frame.kind !== kind) return false;
  const bytes = frame.end - at;
  if (kind === KIND.hardState) return bytes === HARD_STATE_BYTES;
  return bytes >= (kind === KIND.entry ? ENTRY_FIXED_BYTES : SNAPSHOT_FIXED_BYTES);
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

function readSnapshot(view: DataView, payload: number, end: number): SnapshotRecord {
  const kind = SNAPSHOT_KINDS[view.getUint8(payload)];
  const voters = view.getUint8(payload + 29);
  const ids: MemberId[] = [];
  for (let at = payload + 31; at + ID_BYTES <= end; at += ID_BYTES) ids.push(view.getBigUint64(at, true) as MemberId);
  assert(kind !== undefined && voters <= ids.length, "a snapshot with a valid checksum is one", { payload });
  return {
    kind,
    base: {
      index: readUint64(view, payload + 1) as LogIndex,
      term: readUint64(view, payload + 9) as Term,
      configuration: { voters: ids.slice(0, voters), learners: ids.slice(voters) },
    },
    file:
      kind === "made" ? null : { bytes: readUint64(view, payload + 17), checksum: view.getUint32(payload + 25, true) },
  };
}

/** Where each record of a batch that starts at `offset` lies, in the order they were written. */
export function recordPlaces(
  { snapshot, entries, hardState }: ReadBatch,
  offset: number,
): readonly { readonly offset: number; readonly bytes: number }[] {
  const sizes = entries.map((entry) => ENTRY_FIXED_BYTES + entry.data.length);
  if (snapshot !== null) sizes.unshift(snapshotBytesOf(snapshot));
  if (hardState !== null) sizes.push(HARD_STATE_BYTES);
  let at = offset + BATCH_START_BYTES;
  return sizes.map((bytes) => {
    at += bytes;
    return { offset: at - bytes, bytes };
  });
}

// ---------------------------------------------------------------------------------------------------------- batch starts

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

/** Whether bytes[offset, to), all there is of it, are the beginning of this batch's start. */
export function beginsBatchStart(bytes: Uint8Array, offset: number, to: number, number: number): boolean {
  const known = new RecordWriter(new Uint8Array(BATCH_START_BYTES));
  const at = known.begin();
  known.uint64(number);
  known.uint32(0);
  known.uint32(0);
  known.finish(at, KIND.batchStart, 0);
  return bytes.subarray(offset, to).every((byte, place) => {
    const isKnown = place < 4 || (place >= 8 && place < FRAME_BYTES + 8);
    return !isKnown || byte === known.bytes[place];
  });
}

/** The checksum of segment and offset. */
function placeSeed(sequence: number, offset: number): number {
  const place = new RecordWriter(new Uint8Array(16));
  place.uint64(sequence);
  place.uint64(offset);
  return crc32c(place.bytes);
}
