/**
 * Whether a break in the last segment is a torn tail, to be cut off, or corruption, to be refused. Pure.
 *
 * What a crash can leave: a batch is written only after the one before is durable, and over zeros: the file is zeros from the
 * last batch on, some written ahead of need, the rest past its end. So only the last batch can be torn. Of its pieces (what it
 * has of each sector) any subset is there; a missing one reads as zeros. The other bytes of a sector it shares with the batch
 * before stay. A write may also be cut at a byte: from there on all is zeros.
 *
 * What follows, and what can be told (`used`: where the file's last byte that is not zero ends):
 *
 *   the start is whole        the batch's extent is known. Used behind it: a later batch was written, so this one was durable:
 *                             corruption. Torn when all of its seal is zeros, or more of its pieces are zeros than it was
 *                             written with. Otherwise all of it is there: corruption.
 *   used ends within it       torn, if what is there is a beginning of it.
 *   its piece is all zeros    the start is missing, and with it the extent. A later batch's start behind it: corruption.
 *                             Otherwise everything that is used counts as the rest of this one batch.
 *   anything else             a start lies within one sector, so it is damaged, not torn: corruption.
 *
 * What cannot be told, because a crash leaves the very same bytes: zeros, or the file's end, from anywhere on, with nothing
 * behind; a whole piece of the last batch zeroed later, unless it holds some of the seal before, which a crash would have left.
 * A client's value that imitates a later batch at the right offset makes a log refused whose last start a crash has lost: the
 * safe side.
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
  const used = usedEnd(bytes);
  assert(offset < used, "what is broken holds something", { offset, used });
  const start = readBatchStart(bytes, sequence, offset);
  if (start === null) return whyStartNotLost(bytes, used, { sequence, offset, number });
  if (start.number !== number) return `batch ${start.number} stands in the place of batch ${number}`;
  if (used > start.end) return `the log goes on behind this batch at offset ${start.end}`;
  if (used <= start.recordsEnd) return null;
  const zeroPieces = countZeroPieces(bytes, offset, start.end, 0);
  return zeroPieces > start.zeroPieces ? null : "no sector of the last batch is missing";
}

function whyStartNotLost(
  bytes: Uint8Array,
  used: number,
  { sequence, offset, number }: Pick<BatchPlace, "sequence" | "offset" | "number">,
): string | null {
  const sectorEnd = offset - (offset % SECTOR_BYTES) + SECTOR_BYTES;
  if (!isZero(bytes, offset, sectorEnd)) {
    const isCut = used < offset + BATCH_START_BYTES && beginsBatchStart(bytes, offset, used, number);
    return isCut ? null : "the start of the batch is damaged and its sector is not missing";
  }
  const later = findLaterBatch(bytes, sequence, sectorEnd, number);
  return later === null ? null : `a later batch follows at offset ${later}`;
}

/** Where the last byte that is not zero ends. */
function usedEnd(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
