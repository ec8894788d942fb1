/**
 * The one loop around the raft core (D2, D3):
 *
 *   inputs   ticks, peers' messages, proposals, reads, returned syncs: gathered, and taken as one batch a turn
 *   turn     step the core with all of them -> one Ready -> send, hand to the log without waiting, apply
 *
 * What a snapshot from the leader brings is recorded in the log first; when that is synced it takes the place of the state, and
 * nothing is read or applied meanwhile. What waits for an answer hears of everything through `LoopListener`.
 */
import type { LogIndex, MemberId, Term } from "../base/ids.ts";
import type { SnapshotSource } from "../env/transport.ts";
import type { MakeHeader } from "./apply/header.ts";
import { clash } from "./cluster/validate.ts";
import { Applying, type ApplyListener } from "./member-apply.ts";
import { CAREFUL } from "./member-decisions.ts";
import { MemberDisk } from "./member-disk.ts";
import { Notices } from "./member-notices.ts";
import type { MemberOptions } from "./member-options.ts";
import { PeerBook } from "./member-peers.ts";
import { Snapshots } from "./member-snapshots.ts";
import type { Configuration, Leadership, LogBase, Message, RaftInput, Ready } from "./model.ts";
import { RaftCore } from "./raft/core.ts";
import { CORRECT } from "./raft/decisions.ts";
import type { RaftStatus } from "./raft/status.ts";
import type { SnapshotRecord } from "./wal/record.ts";

export interface LoopListener extends ApplyListener {
  /** The core has taken in what came: a read's round to be asked for in the same turn, null when there is none. */
  readRound(): number | null;
  /** Leadership is another, known before anything more is applied. */
  follow(leadership: Leadership): void;
  /** After each turn: confirmed reads, what was dropped or refused. All that it lets apply is applied. */
  turned(ready: Ready): void;
  unreachable(peer: MemberId): void;
  /** The state is being replaced, and then is another: of a later moment. */
  held(): void;
  restored(): void;
  request(from: MemberId, request: Uint8Array): Promise<Uint8Array | null>;
  /** A peer says that the cluster has removed this member. */
  removed(): void;
  failed(error: Error): void;
}

const SNAPSHOT_COUNT = 10_000;
const CATCH_UP_ENTRIES = 5_000;
const LOG_BYTES = 64 * 1024 ** 2;
/** A member that is to join. */
const NOTHING: LogBase = { index: 0 as LogIndex, term: 0 as Term, configuration: { voters: [], learners: [] } };
/** What one peer may be sent without an answer stays below what its connection queues. */
const RAFT_LIMITS = { appendBytes: 512 * 1024, windowAppends: 64, uncommittedBytes: 64 * 1024 ** 2, waitingReads: 16 };

export class Loop {
  readonly applying: Applying;
  readonly #options: MemberOptions;
  readonly #listener: LoopListener;
  readonly #core: RaftCore;
  readonly #notices: Notices;
  readonly #disk: MemberDisk;
  readonly #snapshots: Snapshots;
  readonly #peers: PeerBook;
  #inputs: RaftInput[] = [];
  #turnDue = false;
  #ended = false;
  #stopped: Promise<void> = Promise.resolve();
  /** What takes the place of the state when the sync of that Ready has returned. */
  #installing: { readonly number: number; readonly record: SnapshotRecord } | null = null;
  /** Where the log begins on the disk, and how far this member was when that was looked at. */
  #logBase: LogBase | null;
  #cutAt: number;
  /** Of data, written since then. */
  #uncutBytes = 0;

  constructor(options: MemberOptions, makeHeader: MakeHeader, listener: LoopListener) {
    this.#options = options;
    this.#listener = listener;
    const { storage, transport, electionMs, memberDecisions = CAREFUL } = options;
    this.applying = new Applying({ ...options, makeHeader, decisions: memberDecisions, listener });
    this.#notices = new Notices(options.clock, (messages) => this.#send(messages));
    this.#disk = new MemberDisk(storage, (number, error) => this.#persisted(number, error));
    this.#core = makeCore(options, this.applying);
    this.#snapshots = new Snapshots({
      ...options,
      retryMs: electionMs,
      log: this.#core,
      hasState: () => !this.applying.isHeld,
      step: (input) => this.step(input),
    });
    this.#peers = new PeerBook(transport, this.applying.members);
    this.#peers.appended(storage.entries);
    this.#logBase = storage.base;
    this.#cutAt = this.applying.resumesAt;
  }

  get status(): RaftStatus {
    return this.#core.status;
  }

  get configuration(): Configuration {
    return this.#core.configuration;
  }

  get committed(): LogIndex {
    return this.#core.committed;
  }

  /** Whom this leader is handing over to; 0 when it is not. */
  get transferee(): MemberId {
    return this.#core.transferee;
  }

  /** Rejects when the state cannot be loaded. Takes part in nothing before it is. */
  async start(): Promise<void> {
    await this.applying.load();
    if (this.#ended) return;
    this.#peers.update(this.#core.configuration);
    this.#options.transport.receive({
      messages: (_, messages) => {
        for (const message of messages) {
          if (message.kind === "propose") this.#notices.forwarded(message.from);
          this.#inputs.push({ kind: "message", message });
        }
        this.wake();
      },
      unreachable: (peer) => {
        this.#listener.unreachable(peer);
        this.step({ kind: "unreachable", peer });
      },
      snapshot: (_, header) => this.#snapshots.take(header),
      request: (from, request) => this.#listener.request(from, request),
      removed: () => this.#listener.removed(),
    });
    this.wake();
  }

  step(input: RaftInput): void {
    this.#inputs.push(input);
    this.wake();
  }

  /** There is something to do: one turn soon, however often this is called. */
  wake(): void {
    if (this.#turnDue || this.#ended) return;
    this.#turnDue = true;
    this.#options.soon(() => this.#turn());
  }

  /** Nothing more happens. */
  end(): void {
    this.#ended = true;
    this.#stopped = this.applying.stop();
    this.#snapshots.stop();
    this.#notices.stop();
  }

  async close(): Promise<void> {
    await this.#options.transport.close();
    await Promise.all([this.#stopped, this.#snapshots.copied()]);
    await this.#disk.close();
  }

  // -------------------------------------------------------------------------------------------------------------- turns

  #turn(): void {
    this.#turnDue = false;
    if (this.#ended) return;
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const input of inputs) this.#core.step(input);
    const round = this.#listener.readRound();
    if (round !== null) this.#core.step({ kind: "read-index", id: round });
    const ready = this.#core.takeReady();
    const received = this.#snapshots.decided(ready?.snapshot ?? null);
    if (ready !== null) this.#obey(ready, received);
  }

  /** In the order of Ready's fields. */
  #obey(ready: Ready, received: SnapshotRecord | null): void {
    this.#peers.appended(ready.entriesToPersist);
    for (const { data } of ready.entriesToPersist) this.#uncutBytes += data.length;
    this.#peers.update(this.#core.configuration);
    this.#send(this.#notices.hold(ready.messages, this.#core.configuration));
    this.#disk.persist(ready, received);
    if (received !== null) this.#hold(ready.number, received);
    this.#send(this.#disk.takeKept());
    this.#snapshots.send(ready.snapshotsToSend);
    if (ready.leadership !== null) this.#listener.follow(ready.leadership);
    this.applying.take(ready.entriesToApply);
    this.#peers.update(this.#core.configuration);
    this.#listener.turned(ready);
    this.#cutLog();
  }

  #persisted(number: number, error: Error | null): void {
    if (this.#ended) return;
    if (error !== null) {
      this.#listener.failed(error);
      return;
    }
    // At once: an acknowledgement that waits for a turn keeps a client waiting.
    this.#send(this.#disk.takeKept());
    if (this.#installing?.number === number) void this.#install(this.#installing.record);
    this.step({ kind: "persisted", number });
  }

  /** One batch for each peer. */
  #send(messages: readonly Message[]): void {
    const batches = new Map<MemberId, Message[]>();
    for (const message of messages) {
      const batch = batches.get(message.to);
      if (batch === undefined) batches.set(message.to, [message]);
      else batch.push(message);
    }
    for (const [to, batch] of batches) this.#options.transport.send(to, batch);
  }

  // ---------------------------------------------------------------------------------------------------------- snapshots

  /** For a client. */
  openSnapshot(): Promise<SnapshotSource> {
    return this.#snapshots.open();
  }

  #hold(number: number, record: SnapshotRecord): void {
    this.#installing = { number, record };
    this.#logBase = record.base;
    this.applying.hold();
    this.#listener.held();
  }

  async #install(record: SnapshotRecord): Promise<void> {
    this.#installing = null;
    const { trace } = this.#options;
    const restored = (): void => {
      if (this.#ended) return;
      trace.info("applied snapshot", { "snapshot-index": record.base.index });
      this.#cutAt = record.base.index;
      this.#snapshots.installed();
      this.#listener.restored();
    };
    try {
      await this.#snapshots.copied();
      if (this.#ended) return;
      await this.applying.install(record, restored);
    } catch (error) {
      if (!this.#ended) this.#listener.failed(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    this.wake();
  }

  /** After so many entries or bytes the log begins behind what the store holds durably (D5); in memory some more stay for who lags. */
  #cutLog(): void {
    const { storage, trace, snapshotCount = SNAPSHOT_COUNT, catchUpEntries = CATCH_UP_ENTRIES } = this.#options;
    const { logBytes = LOG_BYTES } = this.#options;
    const { applied, isHeld } = this.applying;
    if ((applied - this.#cutAt < snapshotCount && this.#uncutBytes < logBytes) || isHeld) return;
    this.#cutAt = applied;
    this.#uncutBytes = 0;
    const base = storage.compact(this.#logBase, (error) => {
      if (error !== null && !this.#ended) this.#listener.failed(error);
    });
    if (base === null) return;
    this.#logBase = base;
    trace.info("saved snapshot", { "snapshot-index": base.index });
    const index = Math.max(base.index - catchUpEntries, this.#core.startWithin(base.index, logBytes)) as LogIndex;
    if (index > this.#core.baseIndex) this.step({ kind: "compact", index });
  }
}

function makeCore(options: MemberOptions, applying: Applying): RaftCore {
  const { identity, storage, electionMs, heartbeatMs, prng, startNumber, raftLimits } = options;
  const { decisions = CORRECT, learnersMax = Number.POSITIVE_INFINITY } = options;
  return new RaftCore({
    id: identity.member,
    base: storage.base ?? NOTHING,
    electionTicks: Math.ceil(electionMs / heartbeatMs),
    heartbeatTicks: 1,
    prng,
    hardState: storage.hardState,
    entries: storage.entries,
    appliedIndex: applying.resumesAt,
    firstSequence: startNumber,
    limits: { ...RAFT_LIMITS, ...raftLimits },
    decisions,
    // A state that lacks the change before cannot say: later it can.
    review: (change, context, since) =>
      applying.applied < since ? "change-pending" : clash(applying.members, change, context, learnersMax),
  });
}
