/**
 * The segments of a WAL: their names, how the first is made, and how all are read back at start. A break at the very end of
 * the log is a torn write and is cut off; a break with a later batch behind it is corruption, and the log is refused.
 */
import type { LogIndex } from "../../base/ids.ts";
import { hex } from "../../base/ids.ts";
import type { Disk } from "../../env/disk.ts";
import type { Identity } from "../model.ts";
import { encodeHead, findLaterBatch, readBatch, readBatchStart, readHead, type WalBatch } from "./record.ts";

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
const SEGMENT_NAME = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

export function segmentPath(directory: string, sequence: number, firstIndex: LogIndex): string {
  return `${directory}/${hex16(sequence)}-${hex16(firstIndex)}.wal`;
}

/** Makes the first segment: a head, durable before the first batch is written. */
export async function createSegment(disk: Disk, directory: string, identity: Identity): Promise<Position> {
  await disk.makeDirectory(directory);
  const firstIndex = 1 as LogIndex;
  const name = segmentPath(directory, FIRST_SEQUENCE, firstIndex);
  const head = encodeHead({ sequence: FIRST_SEQUENCE, firstIndex, identity, chain: 0 });
  const file = await disk.open(name, { create: true });
  await file.write(head.bytes, 0);
  await file.sync();
  await file.close();
  await disk.syncDirectory(directory);
  return {
    file: name,
    sequence: FIRST_SEQUENCE,
    offset: head.bytes.length,
    batchNumber: FIRST_BATCH,
    chain: head.chain,
  };
}

/** Reads every segment in order and cuts off a torn tail. */
export async function recover(disk: Disk, directory: string, identity: Identity): Promise<Recovered> {
  const names = (await disk.list(directory)).filter((name) => SEGMENT_NAME.test(name));
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
    if (read.broken === null) {
      position = read.position;
      continue;
    }
    if (index < names.length - 1 || read.broken.laterBatchAt !== null) throw corruption(file, read.broken);
    const offset = read.position?.offset ?? 0;
    if (offset === 0) await removeSegment(disk, directory, file);
    else await cut(disk, file, offset);
    position = read.position ?? position;
    return { batches, position, repaired: { file, offset, droppedBytes: bytes.length - offset } };
  }
  return { batches, position, repaired: null };
}

interface Break {
  readonly reason: string;
  readonly offset: number;
  readonly laterBatchAt: number | null;
}

/** Appends the segment's whole batches to `batches`. `position` null: not even the head is whole. */
function readSegment(
  bytes: Uint8Array,
  expected: Position,
  identity: Identity,
  batches: WalBatch[],
): { readonly position: Position | null; readonly broken: Break | null } {
  const { sequence, file } = expected;
  const head = readHead(bytes);
  if (head === null) {
    // The first head was durable before any batch; a later one came with its first batch.
    const newest = sequence === FIRST_SEQUENCE ? FIRST_BATCH - 1 : expected.batchNumber;
    const laterBatchAt = findLaterBatch(bytes, sequence, 0, newest);
    return { position: null, broken: { reason: "the segment's head", offset: 0, laterBatchAt } };
  }
  checkIdentity(file, head.identity, identity);
  if (head.sequence !== sequence || head.chain !== expected.chain) {
    throw new WalError(`${file}: this segment does not continue the one before it; the log is corrupt`);
  }
  let position: Position = { ...expected, offset: head.end, chain: head.next };
  while (position.offset < bytes.length) {
    const { offset, chain, batchNumber } = position;
    const batch = readBatch(bytes, { sequence, offset, number: batchNumber, chain });
    if ("broken" in batch) {
      const laterBatchAt = laterBatch(bytes, position, batch.bytesEnd);
      return { position, broken: { reason: batch.broken, offset: batch.offset, laterBatchAt } };
    }
    batches.push(batch);
    position = { ...position, offset: batch.end, chain: batch.chain, batchNumber: batchNumber + 1 };
  }
  return { position, broken: null };
}

/** Behind a batch whose start is whole, the next one has only one place; otherwise it may be anywhere. */
function laterBatch(bytes: Uint8Array, position: Position, bytesEnd: number | null): number | null {
  const { sequence, offset, batchNumber } = position;
  if (bytesEnd === null) return findLaterBatch(bytes, sequence, offset, batchNumber);
  const start = readBatchStart(bytes, sequence, bytesEnd);
  return start !== null && start.number > batchNumber ? bytesEnd : null;
}

function checkIdentity(file: string, found: Identity, wanted: Identity): void {
  if (found.cluster === wanted.cluster && found.member === wanted.member) return;
  throw new WalError(
    `${file}: this log belongs to member ${hex(found.member)} of cluster ${hex(found.cluster)}, ` +
      `not to member ${hex(wanted.member)} of cluster ${hex(wanted.cluster)}`,
  );
}

function corruption(file: string, { reason, offset, laterBatchAt }: Break): WalError {
  const evidence = laterBatchAt === null ? "a later segment exists" : `a later batch follows at offset ${laterBatchAt}`;
  return new WalError(`${file}: corrupt at offset ${offset} (${reason}): not a torn end, because ${evidence}`);
}

async function cut(disk: Disk, name: string, size: number): Promise<void> {
  const file = await disk.open(name, { create: false });
  await file.truncate(size);
  await file.sync();
  await file.close();
}

async function removeSegment(disk: Disk, directory: string, name: string): Promise<void> {
  await disk.remove(name);
  await disk.syncDirectory(directory);
}

function sequenceOf(name: string): number {
  return Number.parseInt(name.slice(0, 16), 16);
}

function hex16(value: number): string {
  return value.toString(16).padStart(16, "0");
}
