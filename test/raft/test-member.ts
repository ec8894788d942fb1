import assert from "node:assert/strict";
import { type LogIndex, type MemberId, NO_MEMBER, type Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Configuration, Entry, HardState, LogBase, Message, RaftInput, Ready } from "../../src/etcd/model.ts";
import { decodeConfigEntry } from "../../src/etcd/raft/configuration.ts";
import { RaftCore } from "../../src/etcd/raft/core.ts";
import { CORRECT, type RaftDecisions } from "../../src/etcd/raft/decisions.ts";
import type { RaftLimits } from "../../src/etcd/raft/state.ts";

export interface TestMemberOptions {
  readonly id: MemberId;
  /** Nobody, for one that is to join. */
  readonly voters: readonly MemberId[];
  readonly learners?: readonly MemberId[];
  readonly seed: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly limits: RaftLimits;
  readonly decisions?: RaftDecisions;
}

export const ROOMY: RaftLimits = {
  appendBytes: 1 << 20,
  windowAppends: 64,
  uncommittedBytes: 1 << 24,
  waitingReads: 1000,
};

/** What a disk holds: hard state, and a log behind a base. Later entries overwrite from their first index on. */
export class Disk {
  base: LogBase;
  hardState: HardState = { term: 0 as Term, vote: NO_MEMBER, commit: 0 as LogIndex };
  /** Behind the base. */
  entries: Entry[] = [];

  constructor(base: LogBase) {
    this.base = base;
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length;
  }

  entryAt(index: number): Entry | null {
    return this.entries[index - this.base.index - 1] ?? null;
  }

  /** Whether this entry is here, or was when it was forgotten. */
  holds(entry: Entry): boolean {
    return entry.index <= this.base.index || this.entryAt(entry.index)?.term === entry.term;
  }

  /** The members that the log names last: no code of the core's but the entry's own. */
  get configuration(): Configuration {
    const last = this.entries.findLast((entry) => entry.kind === "config");
    return last === undefined ? this.base.configuration : decodeConfigEntry(last).configuration;
  }

  write(ready: Pick<Ready, "snapshot" | "hardState" | "entriesToPersist">): void {
    if (ready.snapshot !== null) {
      this.base = ready.snapshot;
      this.entries = [];
    }
    if (ready.hardState !== null) this.hardState = ready.hardState;
    const first = ready.entriesToPersist[0];
    if (first === undefined) return;
    assert.ok(first.index > this.base.index && first.index <= this.lastIndex + 1, "entries to persist leave no gap");
    this.entries.length = first.index - this.base.index - 1;
    this.entries.push(...ready.entriesToPersist);
  }

  compact(base: LogBase): void {
    this.entries = this.entries.slice(base.index - this.base.index);
    this.base = base;
  }

  copy(): Disk {
    const copy = new Disk(this.base);
    copy.hardState = this.hardState;
    copy.entries = [...this.entries];
    return copy;
  }
}

/**
 * A member's driver as the server has it, without the server: takes Readys, holds promises back until the sync they rest on,
 * forgets what was not synced when it crashes. The test decides when a turn is taken and when a sync returns.
 */
export class TestMember {
  readonly id: MemberId;
  core: RaftCore | null = null;
  /** What survives any crash. */
  disk: Disk;
  /** What the running member believes its disk will hold: everything handed out. */
  view: Disk;
  /** Handed out and not yet synced, oldest first. */
  unsynced: Ready[] = [];
  lives = 0;
  readonly #options: TestMemberOptions;

  constructor(options: TestMemberOptions) {
    this.id = options.id;
    this.#options = options;
    const { voters, learners = [] } = options;
    this.disk = new Disk({ index: 0 as LogIndex, term: 0 as Term, configuration: { voters, learners } });
    this.view = this.disk;
    this.start();
  }

  get running(): RaftCore {
    assert.ok(this.core !== null, `member ${this.id} runs`);
    return this.core;
  }

  /** Restarts from what the disk holds; everything applied behind the snapshot is gone and will be handed out again. */
  start(): void {
    assert.ok(this.core === null, "only a stopped member starts");
    const { id, seed, electionTicks, heartbeatTicks, limits, decisions = CORRECT } = this.#options;
    this.lives++;
    this.core = new RaftCore({
      id,
      base: this.disk.base,
      electionTicks,
      heartbeatTicks,
      prng: new Prng(seed * 1000 + Number(id) * 100 + this.lives),
      hardState: this.disk.hardState,
      entries: this.disk.entries,
      appliedIndex: this.disk.base.index,
      firstSequence: this.lives * 1_000_000,
      limits,
      decisions,
    });
    this.view = this.disk.copy();
    this.unsynced = [];
  }

  step(input: RaftInput): void {
    this.running.step(input);
  }

  /** One turn: the Ready and the messages that may leave at once; null when nothing is due. */
  turn(): { readonly ready: Ready; readonly leaving: readonly Message[] } | null {
    const ready = this.running.takeReady();
    if (ready === null) return null;
    this.view.write(ready);
    const isLasting = ready.entriesToPersist.length > 0 || ready.snapshot !== null;
    assert.ok(ready.mustSync || !isLasting, "entries and snapshots are synced");
    for (const entry of ready.entriesToApply) {
      assert.equal(this.disk.entryAt(entry.index)?.term, entry.term, "what is applied is on this member's own disk");
    }
    if (!ready.mustSync && this.unsynced.length === 0) {
      this.disk.write(ready);
      return { ready, leaving: [...ready.messages, ...ready.messagesAfterPersist] };
    }
    this.unsynced.push(ready);
    return { ready, leaving: ready.messages };
  }

  /** The sync of the oldest `count` Readys returns: what they promise may leave. */
  sync(count: number): readonly Message[] {
    const synced = this.unsynced.splice(0, count);
    for (const ready of synced) this.disk.write(ready);
    const last = synced.at(-1);
    if (last !== undefined) this.step({ kind: "persisted", number: last.number });
    return synced.flatMap((ready) => ready.messagesAfterPersist);
  }

  /** Forgets the log up to an applied entry, as a driver does whose state of that place is durable. */
  compact(index: LogIndex): void {
    const base = this.running.baseAt(index);
    assert.ok(base !== null, "a log is cut where it is known");
    this.step({ kind: "compact", index });
    this.disk.compact(base);
    this.view.compact(base);
  }

  /**
   * Power is lost: the first `kept` of the unsynced writes happen to be on disk, and of the next the first `torn` of its parts:
   * a snapshot's record, then the hard state.
   */
  crash(kept: number, torn = 0): void {
    for (const ready of this.unsynced.slice(0, kept)) this.disk.write(ready);
    const next = this.unsynced[kept];
    if (torn > 0 && next !== undefined) {
      this.disk.write({ ...next, hardState: torn > 1 ? next.hardState : null, entriesToPersist: [] });
    }
    this.unsynced = [];
    this.core = null;
  }
}
