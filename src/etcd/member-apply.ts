/**
 * Committed entries on their way into the state: one at a time, in order, each once. The state is the store and the cluster's
 * members, behind one write buffer (D5); while that is full applying waits, and entries queue up.
 */
import { assert } from "../base/assert.ts";
import type { LogIndex } from "../base/ids.ts";
import { InternalRaftRequest } from "../proto/gen/etcdserverpb.ts";
import { Applier, type Outcome } from "./apply/applier.ts";
import type { MakeHeader } from "./apply/header.ts";
import { MemoryBuckets } from "./backend/buckets.ts";
import { ClusterMembers } from "./cluster/members.ts";
import { Leases } from "./lease/leases.ts";
import type { MemberDecisions } from "./member-decisions.ts";
import type { ClusterMember, Configuration, Entry, Identity, StoreEvent } from "./model.ts";
import { MvccStore } from "./mvcc/store.ts";
import type { MemberStorage } from "./storage.ts";

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
  /** What a command came to; `data` is its entry's. */
  outcome(requestId: bigint, data: Uint8Array, outcome: Outcome): void;
  /** Entries were applied apart from `take`. */
  progressed(): void;
}

/** So that requests go on while many entries are applied. */
const SLICE_ENTRIES = 1000;

export class Applying {
  /** Nobody but apply writes it: reads that may see a revision being written have no other. */
  readonly store: MvccStore = new MvccStore(new MemoryBuckets());
  readonly members: ClusterMembers;
  readonly leases: Leases;
  readonly #options: ApplyingOptions;
  readonly #applier: Applier;
  #applied: LogIndex;
  #configuration: Configuration;
  #queue: readonly Entry[] = [];
  #isRunning = false;

  constructor(options: ApplyingOptions) {
    this.#options = options;
    const { identity, founders, storage, makeHeader } = options;
    this.members = new ClusterMembers(identity, founders);
    this.leases = new Leases(storage.buffer);
    this.#applier = new Applier({ store: this.store, leases: this.leases, cluster: this.members, makeHeader });
    this.#applied = storage.base?.index ?? (0 as LogIndex);
    this.#configuration = storage.base?.configuration ?? { voters: [], learners: [] };
  }

  /** The last entry whose effects can be read. */
  get applied(): LogIndex {
    return this.#applied;
  }

  /** Entries that are committed and synced here: applied at once, unless some wait already or must. */
  take(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    this.#queue = this.#queue.length === 0 ? entries : [...this.#queue, ...entries];
    if (!this.#isRunning) this.#run();
  }

  #run(): void {
    const { buffer } = this.#options.storage;
    const slice = this.#queue.slice(0, SLICE_ENTRIES);
    let count = 0;
    for (const entry of slice) {
      if (buffer.isFull) break;
      this.#apply(entry);
      count++;
    }
    this.#queue = this.#queue.slice(count);
    this.#isRunning = this.#queue.length > 0;
    if (!this.#isRunning) return;
    const goOn = (): void => {
      this.#run();
      this.#options.listener.progressed();
    };
    if (buffer.isFull) void buffer.commit().then(() => this.#options.soon(goOn));
    else this.#options.soon(goOn);
  }

  #apply(entry: Entry): void {
    const { index, term, data } = entry;
    assert(index === this.#applied + 1, "entries are applied in order, each once", { index, applied: this.#applied });
    assert(entry.kind === "normal", "membership does not change through the log yet", { index });
    this.#applied = index;
    // A new leader's first entry is empty.
    if (data.length > 0) this.#carryOut(data);
    const { buffer } = this.#options.storage;
    if (index > buffer.appliedIndex) buffer.applied({ index, term, configuration: this.#configuration });
  }
  #carryOut(data: Uint8Array): void {
    const { listener } = this.#options;
    const command = InternalRaftRequest.decode(data);
    const { outcome, events } = this.#applier.apply(command);
    if (events.length > 0) listener.published(events);
    if (command.header !== null) listener.outcome(command.header.id, data, outcome);
  }
}
