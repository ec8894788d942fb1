import { createReadStream, existsSync } from "node:fs";
import { createInterface } from "node:readline";

/** A member that writes more than this has the rest left unread. */
const READ_MAX_BYTES: number = 256 * 1024 * 1024;
const LINES_MAX = 20_000;
const LINE_MAX_CHARACTERS = 400;
const CONTROL = /\p{Cc}/gu;

export interface LogLine {
  /** Of the run: how much earlier or later depends on the two clocks. */
  readonly atNs: number;
  /** As it was written, long ones cut, and nothing in it that a terminal would obey. */
  readonly text: string;
}

export interface MemberLog {
  /** Hex, by which members call each other; null where the log does not say. */
  readonly id: string | null;
  readonly lines: readonly LogLine[];
}

/**
 * The lines of a member's log that are of interest, as far as they say when they were written. `startedMs` is the wall clock at the
 * run's beginning. A log that is not there has no lines.
 */
export async function readMemberLog(file: string, startedMs: number, interest: RegExp): Promise<MemberLog> {
  if (!existsSync(file)) return { id: null, lines: [] };
  let id: string | null = null;
  const lines: LogLine[] = [];
  const stream = createReadStream(file, { end: READ_MAX_BYTES });
  try {
    for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
      id ??= memberIdOf(line);
      if (lines.length >= LINES_MAX || !interest.test(line)) continue;
      const wallMs = timeOf(line);
      if (wallMs !== null) lines.push({ atNs: Math.round((wallMs - startedMs) * 1e6), text: printable(line) });
    }
  } finally {
    stream.destroy();
  }
  return { id, lines };
}

/** Of the member that writes: what Go etcd's two loggers call it when it starts. */
function memberIdOf(line: string): string | null {
  return (
    /"local-member-id":"([0-9a-f]+)"|starting member ([0-9a-f]+) in cluster/.exec(line)?.slice(1).find(Boolean) ?? null
  );
}

/** Milliseconds since 1970: zap's and pino's JSON, and the two plain forms of etcd 3.4, which are in local time. */
function timeOf(line: string): number | null {
  const iso = /^\{.*?"ts":"([^"]+)"/.exec(line)?.[1];
  const epoch = /^\{.*?"time":(\d{13})\b/.exec(line)?.[1];
  const plain = /^(?:raft)?(\d{4})[-/](\d\d)[-/](\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)/.exec(line);
  const text = iso ?? (plain === null ? null : `${plain[1]}-${plain[2]}-${plain[3]}T${plain[4]}`);
  const ms = epoch !== undefined ? Number(epoch) : text === null ? Number.NaN : Date.parse(text);
  return Number.isFinite(ms) ? ms : null;
}

function printable(line: string): string {
  const text = line.replace(CONTROL, "\u{fffd}");
  return text.length > LINE_MAX_CHARACTERS ? `${text.slice(0, LINE_MAX_CHARACTERS)}...` : text;
}
