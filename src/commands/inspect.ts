import { existsSync } from "node:fs";
import type { Command } from "commander";
import { CommandError, EXIT } from "./exit.ts";
import { type Inspection, inspectMember, memberFolderOf } from "./inspect-read.ts";
import { print } from "./print.ts";

/** `faultline inspect <data-dir>`: the records of a member's log and its snapshots; the directory may be in use or broken. */
export function addInspect(program: Command, exit: (code: number) => void): void {
  program
    .command("inspect")
    .description("print the log and the snapshots in a member's data directory; changes nothing")
    .argument("<data-dir>", "as etcd-ts --data-dir")
    .option("--json", "print it as JSON")
    .action(async (path: string, options: { readonly json?: true }) => {
      const inspection = await inspected(path);
      await print(options.json ? JSON.stringify(inspection, null, 2) : textOf(inspection));
      if (inspection.error !== null) throw new CommandError(`${path}: ${inspection.error}`, EXIT.environment);
      exit(EXIT.pass);
    });
}

async function inspected(path: string): Promise<Inspection> {
  if (!existsSync(path)) throw new CommandError(`${path} does not exist: name a member's data directory`);
  const folder = memberFolderOf(path);
  if (folder === null) throw new CommandError(`${path} holds no member's data: there is no member/wal in it`);
  try {
    return await inspectMember(folder);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new CommandError(`${path} changed while it was read: try again`, EXIT.environment);
    if (code !== undefined) throw new CommandError(`${path} cannot be read: ${message}`, EXIT.environment);
    throw error;
  }
}

function textOf(inspection: Inspection): string {
  const { cluster, member, segments, records, snapshots } = inspection;
  const lines = [member === null ? "no log" : `member ${member} of cluster ${cluster}`];
  for (const { file, firstIndex, bytes } of segments) {
    lines.push("", `${file}  from index ${firstIndex}, ${bytes} bytes`, row(HEADINGS));
    for (const each of records) {
      if (each.segment !== file) continue;
      const { offset, batch, kind, index, term } = each;
      lines.push(row([offset, batch, kind, index, term, each.bytes, each.what]));
    }
  }
  lines.push("", endOf(inspection), "");
  if (snapshots.length === 0) lines.push("no snapshots");
  for (const { file, kind, index, term, bytes } of snapshots) {
    const place = index === null ? "" : `  index ${index}, term ${term}`;
    lines.push(`${file}  ${kind}${place}, ${bytes} bytes`);
  }
  return lines.join("\n");
}

const HEADINGS = ["offset", "batch", "kind", "index", "term", "bytes", "what"];
const WIDTHS = [10, 8, 10, 9, 6, 8];

function row(cells: readonly (string | number)[]): string {
  return cells
    .map((cell, i) => (i === cells.length - 1 ? `${cell}` : `${cell}`.padStart(WIDTHS[i] as number)))
    .join("  ");
}

function endOf({ end, records }: Inspection): string {
  const count = `${records.length} ${records.length === 1 ? "record" : "records"}`;
  if (end === null) return `${count} before the log breaks`;
  if (end.kind === "torn")
    return `${count}; a batch at offset ${end.offset} is not whole: being written, or torn (a start cuts ${end.droppedBytes} bytes off)`;
  return `${count}; the log ends at offset ${end.offset}`;
}
