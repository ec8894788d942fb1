/**
 * The segments of a WAL: their names, how they are made and removed, and how all are read back. A break that a crash explains
 * (tail.ts) is a torn write and can be cut off; any other is corruption, and the log is refused.
 *
 *   <sequence>-<first index>.wal     both 16 hex digits
 *   next.tmp                         a segment that does not have its name yet
 *
 * A segment has its name only once its head, and but for the very first one its first batch, are durable. That batch repeats
 * the hard state, so that the segments before it can be removed, the oldest first, when a snapshot stands for them.
 */
import type { LogIndex } from "../../base/ids.ts";
import { hex } from "../../base/ids.ts";
import type { Disk, DiskFile } from "../../env/disk.ts";
import type { Identity } from "../model.ts";
import {
  type BatchPlace,
  type Broken,
  encodeHead,
  isZero,
  type ReadBatch,
  readBatch,
  readHead,
  sealBetween,
} from "./record.ts";
import { whyNotTorn } from "./tail.ts";

/** The log cannot be used; the message names file and offset. */
export class WalError extends Error {
  override readonly name = "WalError";
}

export interface Segment {
  readonly file: string;
  readonly sequence: number;
  readonly firstIndex: LogIndex;
}

/** Where the next batch goes. */
export interface Position extends BatchPlace {
  readonly file: string;
}

/** How the last segment ends. */
export type LogEnd =
  | { readonly kind: "whole" }
  /** A batch was being written: everything from `offset` on goes. */
  | { readonly kind: "torn"; readonly offset: number; readonly droppedBytes: number; readonly broken: string }
  /** A batch is there, but for some of its seal, which lies between `offset` and the position. */
  | { readonly kind: "unsealed"; readonly offset: number };

export interface LogRead {
  /** Empty: there is no log. */
  readonly segments: readonly Segment[];
  readonly position: Position | null;
  readonly end: LogEnd;
}

/** Who is told what is read, in order. */
export interface LogVisitor {
  segment(segment: Segment, identity: Identity): void;
  batch(batch: ReadBatch, position: Position): void;
}

const FIRST_SEQUENCE = 1;
const FIRST_BATCH = 1;
/** No head is longer. */
const HEAD_READ_BYTES = 4096;
const UNFINISHED_SEGMENT = "next.tmp";
const SEGMENT_NAME = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

export function segmentPath(directory: string, sequence: number, firstIndex: LogIndex): string {
  return `${directory}/${hex16(sequence)}-${hex16(firstIndex)}.wal`;
}

// ---------------------------------------------------------------------------------------------------------------- make

/**
 * Makes the log's directory with its first segment, durable before it has its name: under that name a log is never without
 * the head that says whose it is.
 */
export async function createLog(disk: Disk, directory: string, identity: Identity): Promise<Position> {
  const unfinished = `${directory}.tmp`;
  await disk.makeDirectory(unfinished);
  for (const name of await disk.list(unfinished)) await disk.remove(`${unfinished}/${name}`);
  const firstIndex = 1 as LogIndex;
  const sequence = FIRST_SEQUENCE;
  const head = encodeHead({ sequence, firstIndex, batchNumber: FIRST_BATCH, identity, chain: 0 });
  const file = await disk.open(segmentPath(unfinished, sequence, firstIndex), { create: true });
  await file.write(head.bytes, 0);
  await file.sync();
  await file.close();
  await disk.syncDirectory(unfinished);
  await disk.rename(unfinished, directory);
  await disk.syncDirectory(parentOf(directory).path);
  const path = segmentPath(directory, sequence, firstIndex);
  return { file: path, sequence, offset: head.bytes.length, number: FIRST_BATCH, chain: head.chain };
}

/** Makes a later segment with its first batch; it too has its name only once it is durable. The file stays open. */
export async function createSegment(disk: Disk, directory: string, name: string, bytes: Uint8Array): Promise<DiskFile> {
  const unfinished = `${directory}/${UNFINISHED_SEGMENT}`;
  const file = await disk.open(unfinished, { create: true, synced: true });
  try {
    await file.write(bytes, 0);
    await disk.rename(unfinished, name);
    await disk.syncDirectory(directory);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Removes what lies wholly behind `index`, the oldest first and each durably: a crash leaves segments without a gap. Returns those
 * that stay. A segment is needed while the next one goes on with a later index.
 */
export async function removeSegments(
  disk: Disk,
  directory: string,
  segments: readonly Segment[],
  index: LogIndex,
): Promise<readonly Segment[]> {
  let kept = segments;
  for (;;) {
    const [oldest, next] = kept;
    if (oldest === undefined || next === undefined || next.firstIndex > index + 1) return kept;
    await disk.remove(oldest.file);
    await disk.syncDirectory(directory);
    kept = kept.slice(1);
  }
}

// ---------------------------------------------------------------------------------------------------------------- read

/** Whose log it is, as its first segment says; null when there is none. Rejects with `WalError`. */
export async function readIdentity(disk: Disk, directory: string): Promise<Identity | null> {
  const name = (await disk.list(directory)).find((candidate) => SEGMENT_NAME.test(candidate));
  if (name === undefined) return null;
  const path = `${directory}/${name}`;
  const file = await disk.open(path, { create: false });
  try {
    const head = readHead(await file.read(0, HEAD_READ_BYTES));
    if ("broken" in head) throw corruption(path, head, "a segment gets its name with its head durable");
    return head.identity;
  } finally {
    await file.close();
  }
}

/** Reads every segment in order and changes nothing. Rejects with `WalError`. `identity` null: whoever's log it is. */
export async function readLog(
  disk: Disk,
  directory: string,
  identity: Identity | null,
  visitor: LogVisitor,
): Promise<LogRead> {
  const names = (await disk.list(directory)).filter((name) => SEGMENT_NAME.test(name));
  if (names.length === 0 && (await exists(disk, directory))) throw missingSegment(directory, FIRST_SEQUENCE);
  const segments: Segment[] = [];
  let position: Position | null = null;
  let end: LogEnd = { kind: "whole" };
  for (const [index, name] of names.entries()) {
    const file = `${directory}/${name}`;
    const bytes: Uint8Array = await disk.read(file);
    const begun = beginSegment(file, bytes, sequenceOf(name), position, identity);
    segments.push(begun.segment);
    visitor.segment(begun.segment, begun.identity);
    const read = readBatches(bytes, begun.position, visitor);
    position = read.position;
    if (index === names.length - 1) end = endOf(bytes, read);
    else if (read.broken !== null) throw corruption(file, read.broken, "a later segment exists");
    else if (read.unsealedFrom !== null) {
      const broken = { broken: "a batch's seal", offset: read.unsealedFrom };
      throw corruption(file, broken, "a later segment exists");
    }
  }
  return { segments, position, end };
}

interface Begun {
  readonly segment: Segment;
  readonly identity: Identity;
  readonly position: Position;
}

/** `before`: where the segment before ended; null for the first that is there. */
function beginSegment(
  file: string,
  bytes: Uint8Array,
  sequence: number,
  before: Position | null,
  identity: Identity | null,
): Begun {
  if (before !== null && sequence !== before.sequence + 1) throw missingSegment(file, before.sequence + 1);
  const head = readHead(bytes);
  if ("broken" in head) throw corruption(file, head, "a segment gets its name with its head durable");
  if (identity !== null) checkIdentity(file, head.identity, identity);
  const number = before?.number ?? (sequence === FIRST_SEQUENCE ? FIRST_BATCH : head.batchNumber);
  const chain = before?.chain ?? (sequence === FIRST_SEQUENCE ? 0 : head.chain);
  if (head.sequence !== sequence || head.batchNumber !== number || head.chain !== chain) {
    throw new WalError(`${file}: this segment does not continue the one before it; the log is corrupt`);
  }
  return {
    segment: { file, sequence, firstIndex: head.firstIndex },
    identity: head.identity,
    position: { file, sequence, offset: head.end, number, chain: head.next },
  };
}

interface BatchesRead {
  /** Behind the last batch that is there. */
  readonly position: Position;
  readonly broken: Broken | null;
  /** The broken batch came with the head of a later segment. */
  readonly isFirst: boolean;
  /** From where on the last batch lacks its seal. */
  readonly unsealedFrom: number | null;
}

/** Every batch from `position` on, up to a break or to where all is zeros. */
function readBatches(bytes: Uint8Array, start: Position, visitor: LogVisitor): BatchesRead {
  let position = start;
  let isFirst = start.sequence > FIRST_SEQUENCE;
  for (;;) {
    const batch = readBatch(bytes, position);
    if ("broken" in batch) {
      const isEnd = !isFirst && isZero(bytes, position.offset, bytes.length);
      return { position, broken: isEnd ? null : batch, isFirst, unsealedFrom: null };
    }
    const unsealedFrom = batch.isSealed ? null : batch.recordsEnd;
    if (unsealedFrom !== null && (isFirst || !isZero(bytes, batch.end, bytes.length)))
      return { position, broken: { broken: "a batch's seal", offset: unsealedFrom }, isFirst, unsealedFrom };
    visitor.batch(batch, position);
    position = { ...position, offset: batch.end, number: position.number + 1, chain: batch.chain };
    if (unsealedFrom !== null) return { position, broken: null, isFirst, unsealedFrom };
    isFirst = false;
  }
}

/** Of the last segment. */
function endOf(bytes: Uint8Array, { position, broken, isFirst, unsealedFrom }: BatchesRead): LogEnd {
  const { file, offset } = position;
  if (broken === null) return unsealedFrom === null ? { kind: "whole" } : { kind: "unsealed", offset: unsealedFrom };
  if (isFirst) throw corruption(file, broken, "a segment gets its name with its first batch durable");
  const why = whyNotTorn(bytes, position);
  if (why !== null) throw corruption(file, broken, why);
  return { kind: "torn", offset, droppedBytes: bytes.length - offset, broken: broken.broken };
}

export function missingSegment(path: string, sequence: number): WalError {
  return new WalError(`${path}: segment ${sequence} of the log is missing`);
}

function checkIdentity(file: string, found: Identity, wanted: Identity): void {
  if (found.cluster === wanted.cluster && found.member === wanted.member) return;
  throw new WalError(
    `${file}: this log belongs to member ${hex(found.member)} of cluster ${hex(found.cluster)}, ` +
      `not to member ${hex(wanted.member)} of cluster ${hex(wanted.cluster)}`,
  );
}

function corruption(file: string, { broken, offset }: Broken, why: string): WalError {
  return new WalError(`${file}: corrupt at offset ${offset} (${broken}): not a torn end, because ${why}`);
}

// -------------------------------------------------------------------------------------------------------------- repair

/** Makes the end of a log that was read such that it can be gone on with, durably, and removes what was never finished. */
export async function repair(disk: Disk, directory: string, position: Position, end: LogEnd): Promise<DiskFile> {
  if ((await disk.list(directory)).includes(UNFINISHED_SEGMENT))
    await disk.remove(`${directory}/${UNFINISHED_SEGMENT}`);
  const file = await disk.open(position.file, { create: false, synced: true });
  if (end.kind === "torn") await file.truncate(end.offset);
  if (end.kind === "unsealed") await file.write(sealBetween(end.offset, position.offset), end.offset);
  // Also when nothing was broken: a process that was killed may leave a batch that was written but never synced.
  await file.sync();
  await disk.syncDirectory(directory);
  return file;
}

async function exists(disk: Disk, directory: string): Promise<boolean> {
  const { path, name } = parentOf(directory);
  return (await disk.list(path)).includes(name);
}

function parentOf(directory: string): { path: string; name: string } {
  const slash = directory.lastIndexOf("/");
  return { path: slash < 0 ? "." : directory.slice(0, slash), name: directory.slice(slash + 1) };
}

function sequenceOf(name: string): number {
  return Number.parseInt(name.slice(0, 16), 16);
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}
