/**
 * The write-ahead log: what a member promised, durable before it answers (D3).
 *
 *   const { wal, hardState, entries } = await openWal({ disk, identity })     replays, repairs a torn tail
 *   wal.append({ hardState, entries }, (error) => ...)                        returns at once; `done` after write and sync
 *   await wal.close()
 *
 * Group commit: at most one batch is being written and synced; what is appended meanwhile becomes the next batch, in order.
 * Because a batch is written only after the one before is durable, a crash can tear the last batch only.
 *
 * After a failed write or sync nobody knows what is on the disk: that append, all waiting and all later ones end with the
 * error, and the member has to stop.
 */
import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Disk, DiskFile } from "../../env/disk.ts";
import type { Entry, HardState, Identity } from "../model.ts";
import { type Encoded, encodeBatch, encodeHead, type WalBatch } from "./record.ts";
import { createLog, createSegment, type Position, recover, segmentPath } from "./segment.ts";

export interface WalOptions {
  readonly disk: Disk;
  /** A log of another identity is refused. */
  readonly identity: Identity;
  /** Folder of the segments; default "wal". */
  readonly directory?: string;
  /** A segment that has reached this size gets no further batch. */
  readonly segmentMaxBytes?: number;
}

export interface OpenedWal {
  readonly wal: Wal;
  /** False when the log was created just now. */
  readonly existed: boolean;
  /** Term 0, no vote and commit 0 when none was written. `commit` never passes the last entry. */
  readonly hardState: HardState;
  /** From index 1 on, contiguous. */
  readonly entries: readonly Entry[];
  /** Where a torn batch was cut off. */
  readonly repaired: { readonly file: string; readonly offset: number; readonly droppedBytes: number } | null;
}

export type AppendDone = (error: Error | null) => void;

interface Waiting {
  readonly batch: WalBatch;
  readonly done: AppendDone;
}

const SEGMENT_MAX_BYTES = 64 * 1024 * 1024;
/** A batch's length is a u32, and one write of it should not take seconds. */
const BATCH_MAX_BYTES = 64 * 1024 * 1024;
const NO_HARD_STATE: HardState = { term: 0 as Term, vote: 0n as MemberId, commit: 0 as LogIndex };

/** Rejects with `WalError` when the log is corrupt or another's, with the system's error when the disk fails. */
export async function openWal(options: WalOptions): Promise<OpenedWal> {
  const { disk, identity, directory = "wal", segmentMaxBytes = SEGMENT_MAX_BYTES } = options;
  const recovered = await recover(disk, directory, identity);
  const { batches, repaired } = recovered;
  const position = recovered.position ?? (await createLog(disk, directory, identity));
  const { hardState, entries } = replay(batches);
  const file = await disk.open(position.file, { create: false });
  // A process that was killed may leave a batch that was written but never synced: what is replayed counts as durable.
  await file.sync();
  await disk.syncDirectory(directory);
  const wal = new Wal({ disk, identity, directory, segmentMaxBytes, position, file, lastIndex: entries.length });
  return { wal, existed: recovered.position !== null, hardState, entries, repaired };
}

function replay(batches: readonly WalBatch[]): { hardState: HardState; entries: readonly Entry[] } {
  let hardState = NO_HARD_STATE;
  const entries: Entry[] = [];
  for (const batch of batches) {
    for (const entry of batch.entries) {
      assert(entry.index >= 1 && entry.index <= entries.length + 1, "a logged entry leaves no gap", {
        index: entry.index,
      });
      entries.length = entry.index - 1;
      entries.push(entry);
    }
    if (batch.hardState !== null) hardState = batch.hardState;
  }
  assert(hardState.commit <= entries.length, "what was committed here was logged here", { commit: hardState.commit });
  return { hardState, entries };
}

interface WalState extends Required<WalOptions> {
  readonly position: Position;
  readonly file: DiskFile;
  readonly lastIndex: number;
}

export class Wal {
  readonly #options: WalState;
  #position: Position;
  #file: DiskFile;
  /** Of the last entry appended, and of the last one that is durable. */
  #lastIndex: number;
  #writtenIndex: number;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | null = null;
  #error: Error | null = null;
  #closed = false;

  constructor(state: WalState) {
    this.#options = state;
    this.#position = state.position;
    this.#file = state.file;
    this.#lastIndex = state.lastIndex;
    this.#writtenIndex = state.lastIndex;
  }

  /** The failure that ended this log; null while it works. */
  get error(): Error | null {
    return this.#error;
  }

  /** Appends in order. `done` is never called before this returns: null when durable, else the error that ended the log. */
  append(batch: WalBatch, done: AppendDone): void {
    assert(!this.#closed, "a closed log takes nothing");
    assert(batch.hardState !== null || batch.entries.length > 0, "an append brings something");
    for (const entry of batch.entries) {
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

  async #drain(): Promise<void> {
    // One turn for everything the caller appends in this one, and so that `done` never comes before `append` returned.
    await Promise.resolve();
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

  /** What waits, in order, up to the size of one batch. */
  #takeBatch(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { batch } of this.#waiting) {
      for (const entry of batch.entries) bytes += entry.data.length;
      if (count > 0 && bytes > BATCH_MAX_BYTES) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #write(batch: WalBatch): Promise<void> {
    if (this.#position.offset >= this.#options.segmentMaxBytes) return this.#writeIntoNextSegment(batch);
    const { sequence, offset, batchNumber, chain } = this.#position;
    const encoded = encodeBatch(batch, { sequence, offset, number: batchNumber, chain });
    await this.#file.write(encoded.bytes, offset);
    await this.#file.sync();
    this.#advance(batch, encoded);
  }

  /** Head and batch in one write, durable before the segment has its name: neither can be torn. */
  async #writeIntoNextSegment(batch: WalBatch): Promise<void> {
    const { disk, directory, identity } = this.#options;
    const before = this.#position;
    const firstIndex = batch.entries[0]?.index ?? ((this.#writtenIndex + 1) as LogIndex);
    const sequence = before.sequence + 1;
    const head = encodeHead({ sequence, firstIndex, identity, chain: before.chain });
    const offset = head.bytes.length;
    const encoded = encodeBatch(batch, { sequence, offset, number: before.batchNumber, chain: head.chain });
    const name = segmentPath(directory, sequence, firstIndex);
    const file = await createSegment(disk, directory, name, Buffer.concat([head.bytes, encoded.bytes]));
    await this.#file.close();
    this.#file = file;
    this.#position = { ...before, file: name, sequence, offset };
    this.#advance(batch, encoded);
  }

  #advance(batch: WalBatch, { bytes, chain }: Encoded): void {
    const { offset, batchNumber } = this.#position;
    this.#position = { ...this.#position, offset: offset + bytes.length, batchNumber: batchNumber + 1, chain };
    this.#writtenIndex = batch.entries.at(-1)?.index ?? this.#writtenIndex;
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
  return { hardState, entries };
}
