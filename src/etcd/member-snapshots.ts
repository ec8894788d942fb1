/**
 * Snapshots of the whole state on their way (Raft, section 7): to followers whose entries the log no longer has, and from a leader.
 * Either way one copy at a time: followers that need one at the same moment share a file, and a member takes in one at most.
 */
import { assert } from "../base/assert.ts";
import { hex, type LogIndex, type MemberId } from "../base/ids.ts";
import type { Clock } from "../env/clock.ts";
import type { Trace } from "../env/trace.ts";
import type { ClusterTransport, SnapshotSink, SnapshotSource } from "../env/transport.ts";
import { decodeBase } from "./backend/base-codec.ts";
import type { LogBase, Message, RaftInput } from "./model.ts";
import type { MemberStorage, SnapshotReceiver } from "./storage.ts";
import type { SnapshotRecord } from "./wal/record.ts";
import type { SnapshotFile } from "./wal/snapshot-files.ts";

export interface SnapshotsOptions {
  readonly storage: MemberStorage;
  readonly transport: ClusterTransport<Message>;
  readonly clock: Clock;
  readonly trace: Trace;
  /** How long after a failed attempt the next may begin. */
  readonly retryMs: number;
  readonly log: LogMarks;
  /** False while the state is being replaced: there is nothing to copy. */
  readonly hasState: () => boolean;
  readonly step: (input: RaftInput) => void;
}

/** Of this member's log, now. */
export interface LogMarks {
  /** It begins behind this entry. */
  readonly baseIndex: LogIndex;
  readonly committed: LogIndex;
}

/** Each takes a share of the disk and of the network from what clients wait for. */
const SENDING_MAX = 2;

interface Received {
  readonly record: SnapshotRecord;
  readonly receiver: SnapshotReceiver;
}

export class Snapshots {
  readonly #options: SnapshotsOptions;
  /** Each until its end was told. */
  readonly #sending = new Set<MemberId>();
  #waiting: MemberId[] = [];
  #copying: Promise<SnapshotFile | null> = Promise.resolve(null);
  #isTaking = false;
  #received: Received | null = null;
  #ended = false;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  // ------------------------------------------------------------------------------------------------------------ sending

  /** Comes to one `snapshot-sent` for each peer, at the latest when a transfer that is under way already has ended. */
  send(peers: readonly MemberId[]): void {
    for (const peer of peers) if (!this.#sending.has(peer) && !this.#waiting.includes(peer)) this.#waiting.push(peer);
    this.#sendWaiting();
  }

  #sendWaiting(): void {
    while (!this.#ended && this.#sending.size < SENDING_MAX) {
      const peer = this.#waiting.shift();
      if (peer === undefined) return;
      this.#sending.add(peer);
      void this.#send(peer);
    }
  }

  async #send(peer: MemberId): Promise<void> {
    const index = await this.#attempt(peer);
    if (this.#ended) return;
    const tell = (): void => {
      this.#sending.delete(peer);
      this.#options.step({ kind: "snapshot-sent", peer, index });
      this.#sendWaiting();
    };
    // What has just failed would fail again at once.
    if (index === null) this.#options.clock.after(this.#options.retryMs, tell);
    else tell();
  }

  /** What the peer has taken; null when nothing. */
  async #attempt(peer: MemberId): Promise<LogIndex | null> {
    const { storage, transport, trace } = this.#options;
    try {
      const file = await this.#copy(peer);
      const source = await storage.openSnapshot(file);
      if (this.#ended) {
        await source.close();
        return null;
      }
      const details = { to: hex(peer), "snapshot-index": file.base.index, bytes: source.bytes };
      trace.info("sending database snapshot", details);
      const isTaken = await transport.sendSnapshot(peer, source);
      if (isTaken) trace.info("sent database snapshot", details);
      else trace.warn("failed to send database snapshot", details);
      return isTaken ? file.base.index : null;
    } catch (error) {
      trace.warn("failed to make a database snapshot", {
        error: error instanceof Error ? error.message : String(error),
      });
      return null;
    }
  }

  /**
   * The last copy, as long as the log goes on from where it ends; otherwise a new one, after the one that is being made. Whoever joins
   * needs one that knows it: in an older one members may be missing that it must answer while it catches up.
   */
  #copy(peer: MemberId): Promise<SnapshotFile> {
    const { storage, log, hasState } = this.#options;
    const copying = this.#copying.then((last) => {
      if (last !== null && last.base.index >= log.baseIndex && knows(last, peer)) return last;
      if (this.#ended || !hasState()) throw new Error("the state is being replaced");
      return storage.makeSnapshot();
    });
    this.#copying = copying.catch(() => null);
    return copying;
  }

  /** Resolves when no copy is being made: the store may be closed then. */
  async copied(): Promise<void> {
    await this.#copying;
  }

  /** A copy of everything applied by now, for a client: to be read, and closed. Rejects when it cannot be made. */
  async open(): Promise<SnapshotSource> {
    const { storage, hasState } = this.#options;
    const opening = this.#copying.then(async () => {
      if (this.#ended || !hasState()) throw new Error("the state is being replaced");
      const file = await storage.makeSnapshot();
      return { file, source: await storage.openSnapshot(file) };
    });
    this.#copying = opening.then(
      ({ file }) => file,
      () => null,
    );
    return (await opening).source;
  }

  // ------------------------------------------------------------------------------------------------------------- taking

  /** A leader offers a snapshot. Null: not now, or it is of no use. */
  async take(header: Uint8Array): Promise<SnapshotSink | null> {
    const { log, step, storage, trace } = this.#options;
    if (this.#ended || this.#isTaking) return null;
    const base = decodeBase(header);
    if (base.index <= log.committed) {
      // The core tells the leader, which does not know.
      step({ kind: "snapshot-received", snapshot: base });
      return null;
    }
    this.#isTaking = true;
    try {
      const receiver = await storage.receiveSnapshot(base);
      trace.info("receiving database snapshot", { "snapshot-index": base.index });
      return this.#sink(receiver);
    } catch (error) {
      this.#isTaking = false;
      throw error;
    }
  }

  #sink(receiver: SnapshotReceiver): SnapshotSink {
    return {
      write: (bytes) => receiver.write(bytes),
      finish: async () => {
        const record = await receiver.finish().catch((error: unknown) => {
          this.#isTaking = false;
          throw error;
        });
        if (this.#ended) return false;
        this.#received = { record, receiver };
        this.#options.step({ kind: "snapshot-received", snapshot: record.base });
        return true;
      },
      discard: async () => {
        this.#isTaking = false;
        await receiver.discard();
      },
    };
  }

  /** After the turn in which the core heard of what arrived: what is to be installed, null when that is nothing. */
  decided(snapshot: LogBase | null): SnapshotRecord | null {
    const received = this.#received;
    this.#received = null;
    if (snapshot === null) {
      if (received !== null) {
        this.#isTaking = false;
        void received.receiver.discard().catch(() => {});
      }
      return null;
    }
    assert(received?.record.base.index === snapshot.index, "a snapshot that is installed has just arrived", {
      index: snapshot.index,
    });
    return received.record;
  }

  /** What was to be installed is the state: another may come. */
  installed(): void {
    this.#isTaking = false;
  }

  stop(): void {
    this.#ended = true;
  }
}

function knows({ base }: SnapshotFile, peer: MemberId): boolean {
  const { voters, learners } = base.configuration;
  return voters.includes(peer) || learners.includes(peer);
}
