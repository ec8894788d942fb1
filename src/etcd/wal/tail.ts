/**
 * Whether a break in the last segment is a torn tail, to be cut off, or corruption, to be refused. Pure.
 *
 * What a crash can leave: a batch is written only after the one before is durable, to the end of the file, and nothing is
 * written ahead of need. So only the last batch can be torn. Of its pieces (what it has of each sector) any subset is there;
 * a missing one reads as zeros, or the file ends before it. The other bytes of a sector it shares with the batch before stay.
 *
 * What follows, and what can be told:
 *
 *   the start is whole      the batch's extent is known. If the file ends within it, it is torn. If the file goes on behind
 *                           it, a later batch was written, this one was durable: corruption. If all of it is there, it is
 *                           torn when more pieces are zeros than it was written with, corruption when not.
 *   the file ends in it     torn, if what is there is a beginning of it or nothing but zeros.
 *   its piece is all zeros  the start is missing, and with it the extent. A later batch's start behind it: corruption.
 *                           Otherwise everything to the end of the file counts as the rest of this one batch.
 *   anything else           a start lies within one sector, so it is damaged, not torn: corruption.
 *
 * What cannot be told, because a crash leaves the very same bytes: a file cut short anywhere in place of the last batch's
 * end; a whole piece of the last batch zeroed later; zeros from exactly a batch's first byte to the end of the file. Sectors
 * zeroed whole are told, as the first of them holds some of the seal before, which a crash would have left. A client's value
 * that imitates a later batch at the right offset makes a log refused whose last start a crash has lost: the safe side.
 */
import { assert } from "../../base/assert.ts";
import {
  BATCH_START_BYTES,
  type BatchPlace,
  beginsBatchStart,
  countZeroPieces,
  findLaterBatch,
  isZero,
  readBatchStart,
  SECTOR_BYTES,
} from "./record.ts";

/** For a batch that cannot be read at `place`: null when it is a torn tail, otherwise why a crash does not explain it. */
export function whyNotTorn(bytes: Uint8Array, { sequence, offset, number }: BatchPlace): string | null {
  assert(offset < bytes.length, "what is broken begins within the file", { offset });
  const start = readBatchStart(bytes, sequence, offset);
  if (start === null) return whyStartNotLost(bytes, sequence, offset, number);
  if (start.number !== number) return `batch ${start.number} stands in the place of batch ${number}`;
  if (bytes.length < start.end) return null;
  if (bytes.length > start.end) return `the log goes on behind this batch at offset ${start.end}`;
  const zeroPieces = countZeroPieces(bytes.subarray(offset), offset);
  return zeroPieces > start.zeroPieces ? null : "no sector of the last batch is missing";
}

function whyStartNotLost(bytes: Uint8Array, sequence: number, offset: number, number: number): string | null {
  const sectorEnd = offset - (offset % SECTOR_BYTES) + SECTOR_BYTES;
  const isLost = isZero(bytes, offset, Math.min(sectorEnd, bytes.length));
  if (bytes.length < offset + BATCH_START_BYTES)
    return isLost || beginsBatchStart(bytes, offset, number) ? null : "what is there begins no batch";
  if (!isLost) return "the start of the batch is damaged and its sector is not missing";
  const later = findLaterBatch(bytes, sequence, sectorEnd, number);
  return later === null ? null : `a later batch follows at offset ${later}`;
}
