import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { HistoryHeader, HistoryRecord } from "../model/history.ts";

/** Text handed to the compressor at a time. */
const PIECE_CHARACTERS = 256 * 1024;
/** Compressing takes longer than making the text; level 6 would take half as long again for a fifth less. */
const COMPRESSION_LEVEL = 1;

/** Writes `history.jsonl.gz`: the header's line, then one line a record, streaming. Rejects with the system's error. */
export async function writeHistory(
  file: string,
  header: HistoryHeader,
  records: Iterable<HistoryRecord>,
): Promise<void> {
  await pipeline(
    Readable.from(pieces(header, records), { objectMode: true, highWaterMark: 2 }),
    createGzip({ level: COMPRESSION_LEVEL }),
    createWriteStream(file),
  );
}

function* pieces(header: HistoryHeader, records: Iterable<HistoryRecord>): Generator<string> {
  let text = `${JSON.stringify(header)}\n`;
  for (const record of records) {
    text += `${JSON.stringify(record)}\n`;
    if (text.length < PIECE_CHARACTERS) continue;
    yield text;
    text = "";
  }
  yield text;
}
