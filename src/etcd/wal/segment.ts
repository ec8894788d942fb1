/**
 * The segments of a WAL: their names, how they are made, and how all are read back at start. A break that a crash explains
 * (tail.ts) is a torn write and is cut off; any other is corruption, and the log is refused.
 */
import type { LogIndex } from "../../base/ids.ts";
import { hex } from "../../base/ids.ts";
import type { Disk, DiskFile } from "../../env/disk.ts";
import type { Identity } from "../model.ts";
import { type BrokenBatch, encodeHead, readBatch, readHead, type WalBatch } from "./record.ts";
import { whyNotTorn } from "./tail.ts";

/** The log cannot be used; the message names file and offset. */
export class WalError extends Error {
  override readonly name = "WalError";
}

/** Where the next batch goes. */
export interface Position {
  readonly file: string;
  readonly sequence: number;
  readonly offset: number;
  readonly batchNumber: number;
  readonly chain: number;
}

export interface Recovered {
  readonly batches: readonly WalBatch[];
  /** Null: there is no log yet. */
  readonly position: Position | null;
  readonly repaired: { readonly file: string; readonly offset: number; readonly droppedBytes: number } | null;
}

const FIRST_SEQUENCE = 1;
const FIRST_BATCH = 1;
/** A segment that does not have its name yet; what a crash leaves of it is removed. */
const UNFINISHED_SEGMENT = "next.tmp";
const SEGMENT_NAME = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

export function segmentPath(directory: string, sequence: number, firstIndex: LogIndex): string {
  return `${directory}/${hex16(sequence)}-${hex16(firstIndex)}.wal`;
}

/**
 * Makes the log's directory with its first segment, durable before it has its name: under that name a log is never without
 * the head that says whose it is.
 */
export async function createLog(disk: Disk, directory: string, identity: Identity): Promise<Position> {
  const unfinished = `${directory}.tmp`;
  await disk.makeDirectory(unfinished);
  for (const name of await disk.list(unfinished)) await disk.remove(`${unfinished}/${name}`);
  const firstIndex = 1 as LogIndex;
  const head = encodeHead({ sequence: FIRST_SEQUENCE, firstIndex, identity, chain: 0 });
  const file = await disk.open(segmentPath(unfinished, FIRST_SEQUENCE, firstIndex), { create: true });
  await file.write(head.bytes, 0);
  await file.sync();
  await file.close();
  await disk.syncDirectory(unfinished);
  await disk.rename(unfinished, directory);
  await disk.syncDirectory(parentOf(directory).path);
  return {
    file: segmentPath(directory, FIRST_SEQUENCE, firstIndex),
    sequence: FIRST_SEQUENCE,
    offset: head.bytes.length,
    batchNumber: FIRST_BATCH,
    chain: head.chain,
  };
}

/** Makes a later segment with its first batch; it too has its name only once it is durable. The file stays open. */
export async function createSegment(disk: Disk, directory: string, name: string, bytes: Uint8Array): Promise<DiskFile> {
  const unfinished = `${directory}/${UNFINISHED_SEGMENT}`;
  const file = await disk.open(unfinished, { create: true });
  try {
    await file.write(bytes, 0);
    await file.sync();
    await disk.rename(unfinished, name);
    await disk.syncDirectory(directory);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Reads every segment in order and cuts off a torn tail. */
export async function recover(disk: Disk, directory: string, identity: Identity): Promise<Recovered> {
  const all = await disk.list(directory);
  const names = all.filter((name) => SEGMENT_NAME.test(name));
  if (names.length === 0 && (await exists(disk, directory))) {
    throw new WalError(`${directory}: segment ${FIRST_SEQUENCE} of the log is missing`);
  }
  if (all.includes(UNFINISHED_SEGMENT)) await disk.remove(`${directory}/${UNFINISHED_SEGMENT}`);
  const batches: WalBatch[] = [];
  let position: Position | null = null;
  for (const [index, name] of names.entries()) {
    const file = `${directory}/${name}`;
    const expected: Position = {
      file,
      sequence: position === null ? FIRST_SEQUENCE : position.sequence + 1,
      offset: 0,
      batchNumber: position?.batchNumber ?? FIRST_BATCH,
      chain: position?.chain ?? 0,
    };
    if (sequenceOf(name) !== expected.sequence) {
      throw new WalError(`${file}: segment ${expected.sequence} of the log is missing`);
    }
    const bytes = await disk.read(file);
    const read = readSegment(bytes, expected, identity, batches);
    position = read.position;
    if (read.broken === null) continue;
    if (index < names.length - 1) throw corruption(file, read.broken, "a later segment exists");
    if (read.isFirstOfSegment)
      throw corruption(file, read.broken, "a segment gets its name with its first batch durable");
    const { offset, sequence, batchNumber: number, chain } = position;
    const why = whyNotTorn(bytes, { offset, sequence, number, chain });
    if (why !== null) throw corruption(file, read.broken, why);
    await cut(disk, file, offset);
    return { batches, position, repaired: { file, offset, droppedBytes: bytes.length - offset } };
  }
  return { batches, position, repaired: null };
}

interface SegmentRead {
  /** Behind the last whole batch. */
  readonly position: Position;
  readonly broken: BrokenBatch | null;
  /** The broken batch came with a later segment's head. */
  readonly isFirstOfSegment: boolean;
}

/** Appends the segment's whole batches to `batches`. */
function readSegment(bytes: Uint8Array, expected: Position, identity: Identity, batches: WalBatch[]): SegmentRead {
  const { sequence, file } = expected;
  const head = readHead(bytes);
  if (head === null) {
    const broken = { broken: "the segment's head", offset: 0 };
    throw corruption(file, broken, "a segment gets its name with its head durable");
  }
  checkIdentity(file, head.identity, identity);
  if (head.sequence !== sequence || head.chain !== expected.chain) {
    throw new WalError(`${file}: this segment does not continue the one before it; the log is corrupt`);
  }
  let position: Position = { ...expected, offset: head.end, chain: head.next };
  const beginsWithBatch = sequence > FIRST_SEQUENCE;
  while (position.offset < bytes.length || (beginsWithBatch && position.offset === head.end)) {
    const { offset, chain, batchNumber } = position;
    const batch = readBatch(bytes, { sequence, offset, number: batchNumber, chain });
    if ("broken" in batch) {
      return { position, broken: batch, isFirstOfSegment: beginsWithBatch && offset === head.end };
    }
    batches.push(batch);
    position = { ...position, offset: batch.end, chain: batch.chain, batchNumber: batchNumber + 1 };
  }
  return { position, broken: null, isFirstOfSegment: false };
}

function checkIdentity(file: string, found: Identity, wanted: Identity): void {
  if (found.cluster === wanted.cluster && found.member === wanted.member) return;
  throw new WalError(
    `${file}: this log belongs to member ${hex(found.member)} of cluster ${hex(found.cluster)}, ` +
      `not to member ${hex(wanted.member)} of cluster ${hex(wanted.cluster)}`,
  );
}

function corruption(file: string, { broken, offset }: BrokenBatch, why: string): WalError {
  return new WalError(`${file}: corrupt at offset ${offset} (${broken}): not a torn end, because ${why}`);
}

async function cut(disk: Disk, name: string, size: number): Promise<void> {
  const file = await disk.open(name, { create: false });
  await file.truncate(size);
  await file.sync();
  await file.close();
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
