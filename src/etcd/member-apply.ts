/**
 * Committed entries on their way into the state: one at a time, in order, each once. The state is the store, the leases and the
 * cluster's members, behind one write buffer (D5); while that is full applying waits, and entries queue up.
 *
 *   load       at the start: the state is what the buffer holds; entries behind it are applied again
 *   hold       a snapshot is to take the place of the state: nothing is applied until it has
 *   install    it does; then what came meanwhile is applied
 */
import { assert } from "../base/assert.ts";
import type { LogIndex } from "../base/ids.ts";
import { InternalRaftRequest } from "../proto/gen/etcdserverpb.ts";
import { Applier, type Outcome } from "./apply/applier.ts";
import type { MakeHeader } from "./apply/header.ts";
import { hashBuckets } from "./backend/hash.ts";
import { Alarms } from "./cluster/alarms.ts";
import { ClusterMembers } from "./cluster/members.ts";
import { Leases } from "./lease/leases.ts";
import type { MemberDecisions } from "./member-decisions.ts";
import type { Change, ClusterMember, Configuration, Entry, Identity, StoreEvent } from "./model.ts";
import { keyName } from "./mvcc/key.ts";
import { MvccStore } from "./mvcc/store.ts";
import { decodeConfigEntry } from "./raft/configuration.ts";
import type { MemberStorage } from "./storage.ts";
import type { SnapshotRecord } from "./wal/record.ts";

export interface ApplyingOptions {
  readonly identity: Identity;
  readonly founders: readonly ClusterMember[];
  readonly storage: MemberStorage;
  readonly makeHeader: MakeHeader;
  readonly decisions: MemberDecisions;
  readonly soon: (step: () => void) => void;
  readonly listener: ApplyListener;
}

/** Told as it happens. */
export interface ApplyListener {
  /** One new revision of the store. */
  published(events: readonly StoreEvent[]): void;
  /** For now nothing more is published: before anything else is done. */
  paused(): void;
  /** What a command came to; `data` is its entry's. */
  outcome(requestId: bigint, data: Uint8Array, outcome: Outcome): void;
  /** The membership is another, or there is news of a member. */
  changed(change: Change, context: Uint8Array): void;
  /** The last entry that was applied is another, apart from `take`. */
  progressed(): void;
}

const NOBODY: Configuration = { voters: [], learners: [] };
const NOTHING_APPLIED = 0 as LogIndex;
/** So that requests go on while many entries are applied; their bytes tell transactions with many puts. */
const SLICE_ENTRIES = 1000;
const SLICE_BYTES = 128 * 1024;

export class Applying {
  /** Nobody but apply writes it: reads that may see a revision being written have no other. */
  readonly store: MvccStore;
  readonly members: ClusterMembers;
  readonly leases: Leases;
  readonly alarms: Alarms;
  /** The last entry that counts as applied at the start. */
  readonly resumesAt: LogIndex;
  readonly #options: ApplyingOptions;
  readonly #applier: Applier;
  #applied: LogIndex = NOTHING_APPLIED;
  #configuration: Configuration = NOBODY;
  #queue: Entry[] = [];
  /** The state is not there, or about to be replaced. */
  #isHeld = true;
  #isRunning = false;
  #isCompacting = false;
  #isStopped = false;
  #replacing: Promise<void> = Promise.resolve();

  constructor(options: ApplyingOptions) {
    this.#options = options;
    const { identity, founders, storage, makeHeader, decisions } = options;
    this.store = new MvccStore(storage.buffer, { onCompaction: () => this.#removeCompacted() });
    this.members = new ClusterMembers(identity, founders);
    this.leases = new Leases(storage.buffer);
    this.alarms = new Alarms(storage.buffer);
    const { store, leases, alarms, members: cluster } = this;
    this.#applier = new Applier({ store, leases, alarms, cluster, makeHeader });
    this.resumesAt = decisions.resumeAt(storage.buffer.appliedIndex);
  }

  /** The last entry whose effects can be read; 0 until the state is loaded. */
  get applied(): LogIndex {
    return this.#applied;
  }

  /** False: nothing may be read. */
  get isHeld(): boolean {
    return this.#isHeld;
  }

  /** Once, before anything is read. */
  async load(): Promise<void> {
    await this.#read();
    this.#release(this.resumesAt, () => {});
  }

  /** Lets what has arrived meanwhile go first: for work in slices. Never resolves once this has stopped: the storage may be closed. */
  pause(): Promise<void> {
    return new Promise((resolve) =>
      this.#options.soon(() => {
        if (!this.#isStopped) resolve();
      }),
    );
  }

  /** etcd's Hash, of all that is stored. What is applied meanwhile may be in it. */
  async hash(): Promise<number> {
    const { storage } = this.#options;
    for (;;) {
      const { contents } = this.store;
      const pause = async (): Promise<boolean> => {
        await this.pause();
        return this.store.contents === contents;
      };
      const hash = contents === null ? null : await hashBuckets(storage.buffer, pause);
      if (hash !== null) return hash;
      await this.pause();
    }
  }

  /** Nothing more is applied, and nothing is read in slices. Resolves when nobody is busy with the storage. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#replacing.catch(() => {});
  }

  hold(): void {
    assert(!this.#isHeld, "one snapshot is installed at a time");
    this.#isHeld = true;
    this.#queue = [];
  }

  /** The log has the snapshot's record, synced. `restored` is called when its state can be read, before anything more is applied. */
  async install(record: SnapshotRecord, restored: () => void): Promise<void> {
    const { storage } = this.#options;
    this.store.detach();
    this.#replacing = storage.install(record);
    await this.#replacing;
    if (this.#isStopped) return;
    await this.#read();
    assert(storage.buffer.appliedIndex === record.base.index, "a snapshot holds what its record says");
    this.#release(record.base.index, restored);
  }

  async #read(): Promise<void> {
    const { buffer } = this.#options.storage;
    const pause = (): Promise<void> => this.pause();
    this.members.load(buffer);
    this.#configuration = buffer.durableBase?.configuration ?? NOBODY;
    this.alarms.load(buffer);
    await this.leases.load(buffer, pause);
    await this.store.load(buffer, { pause, changed: (key, lease) => this.leases.attach(keyName(key), lease) });
  }

  #release(applied: LogIndex, released: () => void): void {
    this.#applied = applied;
    this.#isHeld = false;
    released();
    if (!this.#isRunning) this.#run();
    this.#options.listener.progressed();
  }

  /** Entries that are committed and synced here: applied at once, unless some wait already or must. */
  take(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    for (const entry of entries) this.#queue.push(entry);
    if (!this.#isRunning) this.#run();
  }

  #run(): void {
    const { storage, soon, listener } = this.#options;
    const { buffer } = storage;
    const entriesMax = Math.min(this.#queue.length, SLICE_ENTRIES);
    let count = 0;
    let bytes = 0;
    while (!this.#isHeld && !this.#isStopped && !buffer.isFull && count < entriesMax && bytes < SLICE_BYTES) {
      const entry = this.#queue[count++] as Entry;
      bytes += entry.data.length;
      this.#apply(entry);
    }
    if (count > 0) listener.paused();
    this.#queue.splice(0, count);
    this.#isRunning = this.#queue.length > 0 && !this.#isHeld && !this.#isStopped;
    if (!this.#isRunning) return;
    const goOn = (): void => {
      this.#run();
      listener.progressed();
    };
    if (buffer.isFull) void buffer.commit().then(() => soon(goOn));
    else soon(goOn);
  }

  #apply(entry: Entry): void {
    const { index, term, data } = entry;
    assert(index === this.#applied + 1, "entries are applied in order, each once", { index, applied: this.#applied });
    this.#applied = index;
    if (entry.kind === "config") this.#change(entry);
    // A new leader's first entry is empty.
    else if (data.length > 0) this.#carryOut(data);
    const { buffer } = this.#options.storage;
    if (index > buffer.appliedIndex) buffer.applied({ index, term, configuration: this.#configuration });
  }

  #change(entry: Entry): void {
    const { configuration, context } = decodeConfigEntry(entry);
    this.#configuration = configuration;
    const change = this.members.configured(configuration, context);
    if (change !== null) this.#options.listener.changed(change, context);
  }

  #carryOut(data: Uint8Array): void {
    const { listener } = this.#options;
    const command = InternalRaftRequest.decode(data);
    const { outcome, events } = this.#applier.apply(command);
    if (events.length > 0) listener.published(events);
    if (command.header !== null) listener.outcome(command.header.id, data, outcome);
  }

  /** A slice at a time: requests go on in between, and no more is removed than the disk takes. */
  #removeCompacted(): void {
    if (this.#isCompacting) return;
    this.#isCompacting = true;
    const { storage, soon } = this.#options;
    const step = (): void => {
      this.#isCompacting = !this.#isHeld && !this.#isStopped && this.store.compactStep();
      if (!this.#isCompacting) return;
      if (storage.buffer.isFull) void storage.buffer.commit().then(() => soon(step));
      else soon(step);
    };
    soon(step);
  }
}
