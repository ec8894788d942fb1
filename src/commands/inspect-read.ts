import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { hex } from "../base/ids.ts";
import { nodeDisk } from "../env/node/disk.ts";
import type { Configuration, Entry } from "../etcd/model.ts";
import { decodeConfigEntry } from "../etcd/raft/configuration.ts";
import { type ReadBatch, recordPlaces } from "../etcd/wal/record.ts";
import { type LogEnd, readLog, WalError } from "../etcd/wal/segment.ts";
import { parseSnapshotName } from "../etcd/wal/snapshot-files.ts";
import { InternalRaftRequest } from "../proto/gen/etcdserverpb.ts";

/** What lies in a member's data directory; ids are hex. */
export interface Inspection {
  readonly directory: string;
  readonly cluster: string | null;
  readonly member: string | null;
  readonly segments: readonly { readonly file: string; readonly firstIndex: number; readonly bytes: number }[];
  readonly records: readonly InspectedRecord[];
  /** How the log ends; null when it could not be read to its end. */
  readonly end: { readonly kind: LogEnd["kind"]; readonly offset: number; readonly droppedBytes: number } | null;
  readonly snapshots: readonly InspectedSnapshot[];
  /** Why the log was not read to its end; the records are those before. */
  readonly error: string | null;
}

export interface InspectedRecord {
  readonly segment: string;
  readonly offset: number;
  readonly batch: number;
  readonly kind: "entry" | "config" | "hard-state" | "snapshot";
  /** Of a hard state: its commit. */
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
  /** The command's kind, who votes, or for whom. */
  readonly what: string;
}

export interface InspectedSnapshot {
  readonly file: string;
  readonly kind: "store" | "made" | "received" | "unfinished";
  /** Null where the file's name does not say. */
  readonly index: number | null;
  readonly term: number | null;
  readonly bytes: number;
}

/** A data directory, or the member's folder in it; null when it holds neither. */
export function memberFolderOf(path: string): string | null {
  return [join(path, "member"), path].find((folder) => existsSync(join(folder, "wal"))) ?? null;
}

/** Reads and changes nothing. Rejects with the system's error. */
export async function inspectMember(directory: string): Promise<Inspection> {
  const disk = nodeDisk(directory);
  const segments: Inspection["segments"][number][] = [];
  const records: InspectedRecord[] = [];
  let identity: { readonly cluster: string; readonly member: string } | null = null;
  let end: Inspection["end"] = null;
  let error: string | null = null;
  try {
    const read = await readLog(disk, "wal", null, {
      segment({ file, firstIndex }, { cluster, member }) {
        identity = { cluster: hex(cluster), member: hex(member) };
        segments.push({ file, firstIndex, bytes: statSync(join(directory, file)).size });
      },
      batch(batch, { file, offset, number }) {
        for (const record of recordsOf(batch, offset)) records.push({ segment: file, batch: number, ...record });
      },
    });
    const { kind } = read.end;
    const droppedBytes = read.end.kind === "torn" ? read.end.droppedBytes : 0;
    end = { kind, offset: read.position?.offset ?? 0, droppedBytes };
  } catch (cause) {
    if (!(cause instanceof WalError)) throw cause;
    error = cause.message;
  }
  const { cluster = null, member = null } = (identity ?? {}) as { cluster?: string; member?: string };
  return { directory, cluster, member, segments, records, end, snapshots: snapshotsIn(directory), error };
}

type PlacedRecord = Omit<InspectedRecord, "segment" | "batch">;

function recordsOf(batch: ReadBatch, offset: number): readonly PlacedRecord[] {
  const { snapshot, entries, hardState } = batch;
  const contents: Omit<PlacedRecord, "offset" | "bytes">[] = [];
  if (snapshot !== null) {
    const { index, term, configuration } = snapshot.base;
    const file = snapshot.file === null ? "" : ` ${snapshot.file.bytes} bytes,`;
    contents.push({ kind: "snapshot", index, term, what: `${snapshot.kind},${file} ${namesOf(configuration)}` });
  }
  for (const entry of entries) {
    const { index, term } = entry;
    contents.push({ kind: entry.kind === "config" ? "config" : "entry", index, term, what: commandOf(entry) });
  }
  if (hardState !== null) {
    const { commit, term, vote } = hardState;
    contents.push({ kind: "hard-state", index: commit, term, what: vote === 0n ? "no vote" : `vote ${hex(vote)}` });
  }
  return recordPlaces(batch, offset).map((place, i) => ({ ...place, ...(contents[i] as (typeof contents)[number]) }));
}

function commandOf(entry: Entry): string {
  try {
    if (entry.kind === "config") return namesOf(decodeConfigEntry(entry).configuration);
    if (entry.data.length === 0) return "no-op";
    const command = InternalRaftRequest.decode(entry.data);
    const kind = Object.entries(command).find(([key, value]) => key !== "header" && key !== "id" && value !== null);
    return kind?.[0] ?? "nothing";
  } catch (error) {
    return `not readable: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function namesOf({ voters, learners }: Configuration): string {
  const list = `voters ${voters.map(hex).join(" ")}`;
  return learners.length === 0 ? list : `${list}, learners ${learners.map(hex).join(" ")}`;
}

function snapshotsIn(directory: string): readonly InspectedSnapshot[] {
  const folder = join(directory, "snap");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .flatMap((name): readonly InspectedSnapshot[] => {
      const { index = null, term = null, kind = null } = parseSnapshotName(name) ?? {};
      const isStore = name === "db" ? "store" : null;
      const isUnfinished = name.endsWith(".tmp") ? "unfinished" : null;
      const found = isStore ?? isUnfinished ?? (kind === "snap" ? "made" : kind);
      const bytes = statSync(join(folder, name)).size;
      return found === null ? [] : [{ file: `snap/${name}`, kind: found, index, term, bytes }];
    });
}
