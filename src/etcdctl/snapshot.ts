/** snapshot save and snapshot status. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Command } from "commander";
import type { Context } from "./context.ts";
import { badArguments, CommandError, ExitCode } from "./errors.ts";
import { printTable } from "./table.ts";
import { formatSize } from "./text.ts";

const SHA256_BYTES = 32;
/** A file that is longer than a multiple of this by a SHA-256 ends with one: databases are whole sectors. */
const SECTOR_BYTES = 512;
/** Only the owner may read it: it holds everything. */
const FILE_MODE = 0o600;
/** Of bbolt, etcd's database. */
const BBOLT = { offset: 16, number: 0xed0cdaed } as const;

export function snapshotSaveCommand(): Command {
  return new Command("save")
    .description("Stores an etcd node backend snapshot to a given file")
    .argument("[filename]")
    .allowExcessArguments();
}

/** Takes as long as it takes. The file is there whole and synced, or not at all. */
export async function snapshotSave(context: Context, args: readonly string[]): Promise<void> {
  const [path] = args;
  if (path === undefined || args.length !== 1) throw badArguments("snapshot save expects one argument");
  const { endpoints } = context.flags;
  if (endpoints.length !== 1)
    throw failed(`snapshot must be requested to one selected node, not multiple [${endpoints.join(" ")}]`);
  const part = `${path}.part`;
  try {
    const file = await open(part, "w", FILE_MODE);
    await receive(context, file).finally(() => file.close());
    await rename(part, path);
    await syncFolder(dirname(path));
  } catch (error) {
    throw failed((error as Error).message);
  } finally {
    await rm(part, { force: true });
  }
  context.line(`Snapshot saved at ${path}`);
}

async function receive(context: Context, file: FileHandle): Promise<void> {
  const sha256 = new Trailing();
  let size = 0;
  await context.client().maintenance.snapshot(async (bytes) => {
    await file.writeFile(bytes);
    sha256.add(bytes);
    size += bytes.length;
  });
  if (!hasSum(size)) throw new Error(`sha256 checksum not found [bytes: ${size}]`);
  if (!sha256.isRight()) throw new Error("the snapshot was damaged on its way: its sha256 is not that of its bytes");
  await file.sync();
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  await folder.sync().finally(() => folder.close());
}

// --------------------------------------------------------------------------------------------------------------- status

export function snapshotStatusCommand(): Command {
  return new Command("status")
    .description("Gets backend snapshot status of a given file")
    .argument("[filename]")
    .allowExcessArguments();
}

/** Of the files that `snapshot save` writes, and of an etcd-ts member's store that nobody has open. */
export async function snapshotStatus(context: Context, args: readonly string[]): Promise<void> {
  const [path] = args;
  if (path === undefined || args.length !== 1) throw badArguments("snapshot status requires exactly one argument");
  const { bytes: totalSize } = await check(path);
  const {
    hash,
    revision,
    keys: totalKey,
  } = await context.world.readStore(path).catch((error: Error) => {
    throw new CommandError(ExitCode.ERROR, error.message);
  });
  if (context.flags.format === "json") {
    context.line(JSON.stringify({ hash, revision, totalKey, totalSize }));
    return;
  }
  const row = [hash.toString(16), `${revision}`, `${totalKey}`, formatSize(totalSize)];
  if (context.flags.format === "table") printTable(context, ["HASH", "REVISION", "TOTAL KEYS", "TOTAL SIZE"], [row]);
  else context.line(row.join(", "));
}

/** Its size without the SHA-256 behind it. */
async function check(path: string): Promise<{ readonly bytes: number }> {
  try {
    const file = await open(path, "r");
    const head = Buffer.alloc(BBOLT.offset + 4);
    const { bytesRead } = await file.read(head, 0, head.length, 0);
    const { size } = await file.stat();
    await file.close();
    if (bytesRead === head.length && head.readUInt32LE(BBOLT.offset) === BBOLT.number)
      throw new Error(
        `${path}: a snapshot of Go etcd's (a bbolt file): use its own etcdctl or etcdutl. This reads etcd-ts' snapshots.`,
      );
    if (!hasSum(size)) return { bytes: size };
    const sha256 = new Trailing();
    for await (const bytes of createReadStream(path)) sha256.add(bytes as Buffer);
    if (!sha256.isRight()) throw new Error(`${path}: damaged: its sha256 is not that of its bytes`);
    return { bytes: size - SHA256_BYTES };
  } catch (error) {
    throw new CommandError(ExitCode.ERROR, (error as Error).message);
  }
}

// ---------------------------------------------------------------------------------------------------------------- small

function failed(message: string): CommandError {
  return new CommandError(ExitCode.INTERRUPTED, message);
}

function hasSum(bytes: number): boolean {
  return bytes % SECTOR_BYTES === SHA256_BYTES;
}

/** The SHA-256 of bytes that end with it. */
class Trailing {
  readonly #sha256 = createHash("sha256");
  #last = Buffer.alloc(0);

  add(bytes: Uint8Array): void {
    const all = Buffer.concat([this.#last, bytes]);
    const end = Math.max(0, all.length - SHA256_BYTES);
    this.#sha256.update(all.subarray(0, end));
    this.#last = all.subarray(end);
  }

  isRight(): boolean {
    return this.#sha256.digest().equals(this.#last);
  }
}
