/** The data directory: nobody else's while this process runs, with the log, the store and the snapshots of one member. */
import { join } from "node:path";
import type { Disk, DiskFile } from "../../env/disk.ts";
import { nodeClock } from "../../env/node/clock.ts";
import { DirectoryInUse, type DirectoryLock, lockDirectory, nodeDisk } from "../../env/node/disk.ts";
import type { Trace } from "../../env/trace.ts";
import { BackendError } from "../backend/backend.ts";
import { openLmdbBackend } from "../backend/lmdb.ts";
import type { Config } from "../config/config.ts";
import type { ClusterMember, Identity } from "../model.ts";
import { openStorage, type Storage } from "../storage.ts";
import { readIdentity, WalError } from "../wal/segment.ts";
import { takeStartNumber } from "../wal/start-number.ts";
import { EnvironmentError, isSystemError, messageOf, storageHint } from "./environment.ts";
import { membersOf, originOf } from "./origin.ts";

export interface DataEvents {
  /** How long each sync of the log took. */
  synced(seconds: number): void;
  /** The storage failed: no promise can be kept any more. */
  failed(error: Error): void;
}

export interface Data {
  readonly identity: Identity;
  readonly members: readonly ClusterMember[];
  readonly storage: Storage;
  readonly startNumber: number;
}

/** Rejects with `EnvironmentError` when it cannot be used. */
export async function lockDataDirectory({ dataDir }: Config): Promise<DirectoryLock> {
  try {
    return await lockDirectory(dataDir);
  } catch (error) {
    if (error instanceof DirectoryInUse)
      throw new EnvironmentError(`${error.message}: stop it, or choose another --data-dir`);
    throw new EnvironmentError(`--data-dir ${dataDir} cannot be used: ${messageOf(error)}`);
  }
}

/** Finds out who this member is, and opens or begins its data. Rejects with `EnvironmentError` when that cannot be. */
export async function openData(config: Config, events: DataEvents, trace: Trace): Promise<Data> {
  const folder = join(config.dataDir, "member");
  const disk = timedDisk(nodeDisk(folder), (seconds) => events.synced(seconds));
  try {
    const { identity, members, founding } = await originOf(config, await readIdentity(disk, "wal"));
    const storage = await openStorage({
      disk,
      identity,
      founding,
      clock: nodeClock,
      openBackend: (name) => openLmdbBackend(join(folder, name)),
      failed: (error) => events.failed(error),
      commitMs: config.backendCommitMs,
      maxOperations: config.backendOperationsMax,
    });
    if (storage.repaired !== null) trace.warn("repaired the torn end of the log", { ...storage.repaired });
    if (storage.existed)
      trace.info("restarting local member", {
        "commit-index": storage.hardState.commit,
        term: storage.hardState.term,
        entries: storage.entries.length,
      });
    const isLeftAlone = storage.base === null && members.length === 0;
    return {
      identity,
      members: isLeftAlone ? await membersOf(config, identity) : members,
      storage,
      startNumber: await takeStartNumber(disk, nodeClock.wallMs()),
    };
  } catch (error) {
    if (error instanceof WalError || error instanceof BackendError || isSystemError(error))
      throw new EnvironmentError(
        `the log in ${config.dataDir} cannot be used: ${messageOf(error)}${storageHint(config.dataDir, error)}`,
      );
    throw error;
  }
}

function timedDisk(disk: Disk, observe: (seconds: number) => void): Disk {
  const time = async (work: Promise<void>): Promise<void> => {
    const startedMs = nodeClock.monotonicMs();
    await work;
    observe((nodeClock.monotonicMs() - startedMs) / 1000);
  };
  const timed = (file: DiskFile, synced: boolean): DiskFile => ({
    size: () => file.size(),
    read: (offset, length) => file.read(offset, length),
    write: (bytes, offset) => (synced ? time(file.write(bytes, offset)) : file.write(bytes, offset)),
    sync: () => time(file.sync()),
    truncate: (size) => file.truncate(size),
    close: () => file.close(),
  });
  return { ...disk, open: async (name, options) => timed(await disk.open(name, options), options.synced === true) };
}
