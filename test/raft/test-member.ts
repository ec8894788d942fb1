import assert from "node:assert/strict";
import { type LogIndex, type MemberId, NO_MEMBER, type Term } from "../../src/base/ids.ts";
import { Prng } from "../../src/base/prng.ts";
import type { Entry, HardState, Message, RaftInput, Ready } from "../../src/etcd/model.ts";
import { RaftCore } from "../../src/etcd/raft/core.ts";
import { CORRECT } from "../../src/etcd/raft/decisions.ts";
import type { RaftLimits } from "../../src/etcd/raft/state.ts";

export interface TestMemberOptions {
  readonly id: MemberId;
  readonly voters: readonly MemberId[];
  readonly seed: number;
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly limits: RaftLimits;
}

export const ROOMY: RaftLimits = {
  appendBytes: 1 << 20,
  windowAppends: 64,
  uncommittedBytes: 1 << 24,
  waitingReads: 1000,
};

/** What a disk holds: hard state and log. Later entries overwrite from their first index on. */
class Disk {
  hardState: HardState = { term: 0 as Term, vote: NO_MEMBER, commit: 0 as LogIndex };
  entries: Entry[] = [];

  write(ready: Ready): void {
    if (ready.hardState !== null) this.hardState = ready.hardState;
    const first = ready.entriesToPersist[0];
    if (first === undefined) return;
    assert.ok(first.index <= this.entries.length + 1, "entries to persist leave no gap");
    this.entries.length = first.index - 1;
    this.entries.push(...ready.entriesToPersist);
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
  disk: Disk = new Disk();
  /** What the running member believes its disk will hold: everything handed out. */
  view: Disk = new Disk();
  /** Handed out and not yet synced, oldest first. */
  unsynced: Ready[] = [];
  lives = 0;
  readonly #options: TestMemberOptions;

  constructor(options: TestMemberOptions) {
    this.id = options.id;
    this.#options = options;
    this.start();
  }

  get running(): RaftCore {
    assert.ok(this.core !== null, `member ${this.id} runs`);
    return this.core;
  }

  /** Restarts from what the disk holds; everything applied is gone and will be handed out again. */
  start(): void {
    assert.ok(this.core === null, "only a stopped member starts");
    const { id, voters, seed, electionTicks, heartbeatTicks, limits } = this.#options;
    this.lives++;
    this.core = new RaftCore({
      id,
      base: { index: 0 as LogIndex, term: 0 as Term, configuration: { voters, learners: [] } },
      electionTicks,
      heartbeatTicks,
      prng: new Prng(seed * 1000 + Number(id) * 100 + this.lives),
      hardState: this.disk.hardState,
      entries: this.disk.entries,
      appliedIndex: 0 as LogIndex,
      firstSequence: this.lives * 1_000_000,
      limits,
      decisions: CORRECT,
    });
    this.view = new Disk();
    this.view.hardState = this.disk.hardState;
    this.view.entries = [...this.disk.entries];
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
    assert.ok(ready.mustSync || ready.entriesToPersist.length === 0, "entries are synced");
    for (const entry of ready.entriesToApply) {
      assert.equal(
        this.disk.entries[entry.index - 1]?.term,
        entry.term,
        "what is applied is on this member's own disk",
      );
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

  /** Power is lost: the first `kept` of the unsynced writes happen to be on disk, of the next perhaps only its hard state. */
  crash(kept: number, torn = false): void {
    for (const ready of this.unsynced.slice(0, kept)) this.disk.write(ready);
    const next = this.unsynced[kept];
    if (torn && next !== undefined) this.disk.write({ ...next, entriesToPersist: [] });
    this.unsynced = [];
    this.core = null;
  }
}
