import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { HistoryHeader, HistoryRecord } from "../model/history.ts";
import { RecordError, readHeader, readRecord } from "./records.ts";

/** A longer line is not one of ours. */
const LINE_MAX_CHARACTERS = 16 * 1024 * 1024;

/** The file is not a history, or not a whole one: "file:line: what". */
export class HistoryError extends Error {
  override readonly name = "HistoryError";
  /** The file ends in the middle, as it does when its writer was killed: every record before that was good. */
  readonly truncated: boolean;
  constructor(message: string, truncated = false) {
    super(message);
    this.truncated = truncated;
  }
}

export interface HistoryFile {
  readonly header: HistoryHeader;
  /**
   * In the file's order; can be taken once. Throws `HistoryError` where the file goes wrong, after everything before it. Ending
   * the loop early closes the file.
   */
  readonly records: AsyncIterable<HistoryRecord>;
}

/** Opens a history, compressed or plain. Throws `HistoryError`, or the system's error when the file cannot be read. */
export async function openHistory(file: string): Promise<HistoryFile> {
  const pieces = linesOf(file, await openText(file));
  const first = await pieces.next();
  if (first.done) throw new HistoryError(`${file}: empty, not a history`);
  const [line, ...rest] = first.value;
  const header = parse(file, 1, line as string, readHeader);
  return { header, records: recordsOf(file, rest, pieces) };
}

async function* recordsOf(
  file: string,
  first: readonly string[],
  pieces: AsyncGenerator<readonly string[]>,
): AsyncGenerator<HistoryRecord> {
  let number = 1;
  for (const line of first) yield parse(file, ++number, line, readRecord);
  for await (const lines of pieces) {
    for (const line of lines) yield parse(file, ++number, line, readRecord);
  }
}

async function openText(file: string): Promise<Readable> {
  const handle = await open(file);
  const { buffer, bytesRead } = await handle.read(new Uint8Array(2), 0, 2, 0);
  await handle.close();
  const stream = createReadStream(file);
  if (bytesRead < 2 || buffer[0] !== 0x1f || buffer[1] !== 0x8b) return stream;
  const text = createGunzip();
  stream.on("error", (error) => text.destroy(error));
  text.on("close", () => stream.destroy());
  return stream.pipe(text);
}

/** Whole lines as they come, never an empty list; the last line must end like the others. */
async function* linesOf(file: string, stream: Readable): AsyncGenerator<readonly string[]> {
  stream.setEncoding("utf8");
  let rest = "";
  let line = 0;
  try {
    for await (const piece of stream as AsyncIterable<string>) {
      const lines = (rest + piece).split("\n");
      rest = lines.pop() as string;
      if (rest.length > LINE_MAX_CHARACTERS) throw new HistoryError(`${file}:${line + 1}: a line longer than 16 MiB`);
      line += lines.length;
      if (lines.length > 0) yield lines;
    }
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (code === "Z_BUF_ERROR") throw cut(file, line);
    if (code.startsWith("Z_"))
      throw new HistoryError(`${file}: damaged after line ${line}: ${(error as Error).message}`);
    throw error;
  }
  if (rest !== "") throw cut(file, line);
}

function cut(file: string, line: number): HistoryError {
  return new HistoryError(`${file}: ends in the middle, after line ${line}: whoever wrote it was stopped`, true);
}

function parse<Result>(file: string, line: number, text: string, read: (input: unknown) => Result): Result {
  try {
    return read(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new HistoryError(`${file}:${line}: not JSON: ${error.message}`);
    if (error instanceof RecordError) throw new HistoryError(`${file}:${line}: ${error.message}`);
    throw error;
  }
}
