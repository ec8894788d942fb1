/**
 * The write-ahead log: what a member promised, durable before it answers (D3).
 *
 *   const { wal, hardState, snapshot, entries } = await openWal({ disk, identity })     replays, repairs a torn tail
 *   wal.append({ hardState, entries }, (error) => ...)          returns at once; `done` after write and sync
 *   wal.append({ snapshot, hardState, entries }, ...)           the log may begin behind it; what is older is removed
 *   await wal.close()
 *
 * Group commit: at most one batch is being written and synced; what is appended meanwhile becomes the next batch, in order.
 * Because a batch is written only after the one before is durable, a crash can tear the last batch only. The file grows by
 * zeros ahead of need: a sync of bytes that are overwritten costs less than one that also moves the file's end.
 *
 * After a failed write or sync nobody knows what is on the disk: that append, all waiting and all later ones end with the
 * error, and the member has to stop.
 */
import { assert } from "../../base/assert.ts";
import type { LogIndex } from "../../base/ids.ts";
import type { Disk, DiskFile } from "../../env/disk.ts";
import type { Entry, HardState, Identity } from "../model.ts";
import { type Encoded, encodeBatch, encodeHead, type WalBatch } from "./record.ts";
import { Replay, type Replayed } from "./replay.ts";
import {
  createLog,
  createSegment,
  missingSegment,
  type Position,
  readLog,
  removeSegments,
  repair,
  type Segment,
  segmentPath,
} from "./segment.ts";

export interface WalOptions {
  readonly disk: Disk;
  /** A log of another identity is refused. */
  readonly identity: Identity;
  /** Folder of the segments; default "wal". */
  readonly directory?: string;
  /** A segment that has reached this size gets no further batch. */
  readonly segmentMaxBytes?: number;
  /** How much is written ahead of need at a time; 0 for nothing. */
  readonly preallocateBytes?: number;
}

export interface OpenedWal extends Replayed {
  readonly wal: Wal;
  /** False when the log was created just now. */
  readonly existed: boolean;
  /** Where a torn batch was cut off. */
  readonly repaired: { readonly file: string; readonly offset: number; readonly droppedBytes: number } | null;
}

export type AppendDone = (error: Error | null) => void;

interface Waiting {
  readonly batch: WalBatch;
  readonly done: AppendDone;
}

const SEGMENT_MAX_BYTES = 64 * 1024 * 1024;
const PREALLOCATE_BYTES = 1024 * 1024;
/** A batch's length is a u32, and one write of it should not take seconds. */
const BATCH_MAX_BYTES = 64 * 1024 * 1024;

/** Rejects with `WalError` when the log is corrupt or another's, with the system's error when the disk fails. */
export async function openWal(options: WalOptions): Promise<OpenedWal> {
  const { disk, identity, directory = "wal" } = options;
  const { segmentMaxBytes = SEGMENT_MAX_BYTES, preallocateBytes = PREALLOCATE_BYTES } = options;
  let replay: Replay | null = null;
  const read = await readLog(disk, directory, identity, {
    segment: (segment) => {
      replay ??= new Replay(segment.firstIndex);
    },
    batch: (batch) => replay?.take(batch),
  });
  const replayed = finish(replay ?? new Replay(1 as LogIndex), read.segments, directory);
  const existed = read.position !== null;
  const position = read.position ?? (await createLog(disk, directory, identity));
  const { file: path, sequence } = position;
  const segments = existed ? read.segments : [{ file: path, sequence, firstIndex: 1 as LogIndex }];
  const file = await repair(disk, directory, position, read.end);
  const wal = new Wal({
    ...{ disk, identity, directory, segmentMaxBytes, preallocateBytes },
    ...{ position, segments, file, fileBytes: await file.size(), replayed },
  });
  const { end } = read;
  const repaired = end.kind === "torn" ? { file: path, offset: end.offset, droppedBytes: end.droppedBytes } : null;
  return { wal, existed, repaired, ...replayed };
}

function finish(replay: Replay, segments: readonly Segment[], directory: string): Replayed {
  const first = segments[0];
  // Segments are removed only behind a snapshot that the log records.
  if (replay.missingUpTo !== null) throw missingSegment(first?.file ?? directory, (first?.sequence ?? 1) - 1);
  return replay.finish();
}

interface WalState extends Required<WalOptions> {
  readonly position: Position;
  readonly segments: readonly Segment[];
  readonly file: DiskFile;
  readonly fileBytes: number;
  readonly replayed: Replayed;
}

export class Wal {
  readonly #options: WalState;
  #position: Position;
  /** From the oldest that is still there to the one being written. */
  #segments: readonly Segment[];
  #file: DiskFile;
  /** Up to here the file is there already, as zeros. */
  #fileBytes: number;
  /** Of the last entry appended, and of the last one that is durable. */
  #lastIndex: number;
  #durableIndex: number;
  /** As of the last batch that is durable. */
  #hardState: HardState;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #error: Error | null = null;
  #closed = false;

  constructor(state: WalState) {
    this.#options = state;
    this.#position = state.position;
    this.#segments = state.segments;
    this.#file = state.file;
    this.#fileBytes = state.fileBytes;
    const { snapshot, hardState, entries } = state.replayed;
    this.#hardState = hardState;
    this.#lastIndex = (snapshot?.base.index ?? 0) + entries.length;
    this.#durableIndex = this.#lastIndex;
  }

  /** The failure that ended this log; null while it works. */
  get error(): Error | null {
    return this.#error;
  }

  /**
   * Appends in order. `done` is never called before this returns: null when durable, else the error that ended the log. A snapshot
   * that was made here must be durable in the store already; in an empty log it is the state that the cluster was founded with.
   */
  append(batch: WalBatch, done: AppendDone): void {
    assert(!this.#closed, "a closed log takes nothing");
    const { snapshot = null, hardState, entries } = batch;
    assert(snapshot !== null || hardState !== null || entries.length > 0, "an append brings something");
    if (snapshot !== null && (snapshot.kind === "received" || this.#lastIndex === 0))
      this.#lastIndex = snapshot.base.index;
    else assert((snapshot?.base.index ?? 0) <= this.#lastIndex, "what was made here comes from this log");
    for (const entry of entries) {
      assert(entry.index >= 1 && entry.index <= this.#lastIndex + 1, "an appended entry leaves no gap");
      this.#lastIndex = entry.index;
    }
    this.#waiting.push({ batch, done });
    this.#writing ??= this.#drain();
  }

  /** Waits for what was appended, then closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#writing;
    await this.#file.close();
  }

  /** Begins to write before it returns: what the caller does next goes on beside the write. */
  async #drain(): Promise<void> {
    // `done` never comes before `append` has returned.
    if (this.#error !== null) await Promise.resolve();
    while (this.#waiting.length > 0) {
      const taken = this.#takeBatch();
      try {
        if (this.#error === null) await this.#write(merge(taken));
      } catch (error) {
        this.#error = error instanceof Error ? error : new Error(String(error));
      }
      for (const { done } of taken) done(this.#error);
    }
    this.#writing = null;
  }

  /** What waits, in order, up to the size of one batch; a snapshot begins one. */
  #takeBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { batch } of this.#waiting) {
      for (const entry of batch.entries) bytes += entry.data.length;
      if (count > 0 && (bytes > BATCH_MAX_BYTES || batch.snapshot != null)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(batch: WalBatch): Promise<void> {
    if (this.#position.offset >= this.#options.segmentMaxBytes) await this.#writeIntoNextSegment(batch);
    else await this.#writeIntoThisSegment(batch);
    const { snapshot = null, hardState, entries } = batch;
    this.#hardState = hardState ?? this.#hardState;
    if (snapshot !== null && (snapshot.kind === "received" || this.#durableIndex === 0))
      this.#durableIndex = snapshot.base.index;
    this.#durableIndex = entries.at(-1)?.index ?? this.#durableIndex;
    if (snapshot === null) return;
    const { disk, directory } = this.#options;
    this.#segments = await removeSegments(disk, directory, this.#segments, snapshot.base.index);
  }

  async #writeIntoThisSegment(batch: WalBatch): Promise<void> {
    const encoded = encodeBatch(batch, this.#position);
    const { offset } = this.#position;
    const end = offset + encoded.bytes.length;
    const zeros = end > this.#fileBytes ? this.#zerosBehind(end) : 0;
    const bytes = zeros > 0 ? Buffer.concat([encoded.bytes, new Uint8Array(zeros)]) : encoded.bytes;
    await this.#file.write(bytes, offset);
    this.#fileBytes = Math.max(this.#fileBytes, end + zeros);
    this.#advance(encoded);
  }

  /** How many go in the same write as the batch before them; whatever a crash leaves of them reads as zeros. */
  #zerosBehind(end: number): number {
    const { segmentMaxBytes, preallocateBytes } = this.#options;
    return Math.max(Math.min(preallocateBytes, segmentMaxBytes - end), 0);
  }

  /** Head and batch in one write, durable before the segment has its name: neither can be torn. */
  async #writeIntoNextSegment(batch: WalBatch): Promise<void> {
    const { disk, directory, identity } = this.#options;
    const { number, chain } = this.#position;
    const { snapshot = null, entries } = batch;
    const goesOn = snapshot?.kind === "received" ? snapshot.base.index : this.#durableIndex;
    const firstIndex = Math.min(goesOn + 1, entries[0]?.index ?? Number.POSITIVE_INFINITY) as LogIndex;
    const sequence = this.#position.sequence + 1;
    const head = encodeHead({ sequence, firstIndex, batchNumber: number, identity, chain });
    const file = segmentPath(directory, sequence, firstIndex);
    const position: Position = { file, sequence, offset: head.bytes.length, number, chain: head.chain };
    // So that this segment can do without those before it; these are removed for a newer snapshot only, and that is a record here.
    const encoded = encodeBatch({ ...batch, hardState: batch.hardState ?? this.#hardState }, position);
    const bytes = Buffer.concat([head.bytes, encoded.bytes]);
    const opened = await createSegment(disk, directory, file, bytes);
    await this.#file.close();
    this.#file = opened;
    this.#fileBytes = bytes.length;
    this.#segments = [...this.#segments, { file, sequence, firstIndex }];
    this.#position = position;
    this.#advance(encoded);
  }

  #advance({ bytes, chain }: Encoded): void {
    const { file, sequence, offset, number } = this.#position;
    this.#position = { file, sequence, offset: offset + bytes.length, number: number + 1, chain };
  }
}

/** One batch of several appends: later entries overwrite on replay, the last hard state counts. */
function merge(appends: readonly Waiting[]): WalBatch {
  const only = appends[0];
  if (appends.length === 1 && only !== undefined) return only.batch;
  let hardState: HardState | null = null;
  const entries: Entry[] = [];
  for (const { batch } of appends) {
    for (const entry of batch.entries) entries.push(entry);
    hardState = batch.hardState ?? hardState;
  }
  return { snapshot: only?.batch.snapshot ?? null, hardState, entries };
}
