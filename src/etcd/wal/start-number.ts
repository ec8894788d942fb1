/**
 * A number for each start of a member, far above the one before, whatever its wall clock says: what a member counts from it
 * (forwarded proposals, read rounds, request ids) never comes twice, and its leader never takes it for something old.
 */
import type { Disk, DiskFile } from "../../env/disk.ts";
import { WalError } from "./segment.ts";

const FILE = "start-number";
const UNFINISHED = "start-number.tmp";
/** What one start may count at least while the clock is behind: more than an hour's worth of one a microsecond. */
const SPAN = 2 ** 32;

/**
 * Microseconds since 1970, or later when the clock was set back since an earlier start. Durable when it resolves. Rejects with
 * `WalError` when the file is not what was written here, with the system's error when the disk fails.
 */
export async function takeStartNumber(disk: Disk, wallMs: number): Promise<number> {
  const before = (await disk.list(".")).includes(FILE) ? parse(await disk.read(FILE)) : 0;
  const number = Math.max(Math.floor(wallMs * 1000), before + SPAN);
  if (!Number.isSafeInteger(number)) throw new WalError(`${FILE}: no number is left above ${before}`);
  const file = await disk.open(UNFINISHED, { create: true });
  await writeAll(file, Buffer.from(`${number}\n`));
  await disk.rename(UNFINISHED, FILE);
  await disk.syncDirectory(".");
  return number;
}

async function writeAll(file: DiskFile, bytes: Uint8Array): Promise<void> {
  try {
    // A crash may have left a longer one.
    await file.truncate(0);
    await file.write(bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}

function parse(bytes: Uint8Array): number {
  const text = Buffer.from(bytes).toString("latin1");
  const number = Number(text);
  if (!/^[0-9]+\n$/.test(text) || !Number.isSafeInteger(number))
    throw new WalError(
      `${FILE}: damaged: a number and a line end are wanted, not ${JSON.stringify(text.slice(0, 40))}`,
    );
  return number;
}
