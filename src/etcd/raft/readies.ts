import { assert } from "../../base/assert.ts";
import type { HardState, Leadership, LogBase, Ready } from "../model.ts";
import { emptyOutbox, type RaftState } from "./state.ts";
import { type Batch, Unsynced } from "./unsynced.ts";

/**
 * Makes Readys out of what the core has become since the last one, and numbers them. A Ready comes back by its number once it is
 * durable, and then says what may be relied on.
 */
export class Readies {
  readonly #state: RaftState;
  readonly #unsynced = new Unsynced();
  #number = 0;
  #snapshot: LogBase | null = null;
  #savedHardState: HardState;
  #knownLeadership: Leadership;

  constructor(state: RaftState, savedHardState: HardState) {
    this.#state = state;
    this.#savedHardState = savedHardState;
    this.#knownLeadership = this.#leadership();
  }

  /** The log begins anew behind this snapshot, which is to be installed. */
  install(snapshot: LogBase): void {
    this.#snapshot = snapshot;
    this.truncated();
  }

  /** The log may have been cut: what was handed out before no longer vouches for what is gone. */
  truncated(): void {
    this.#unsynced.truncated(this.#state.log.handedOut);
  }

  /** The newest of what is durable now and was not known to be; null when nothing is. */
  persisted(number: number): Batch | null {
    assert(number <= this.#number, "only a Ready that was taken comes back", { number, last: this.#number });
    return this.#unsynced.complete(number);
  }

  /** Null when nothing has become due since the last one. */
  take(): Ready | null {
    const { log, term, vote, outbox } = this.#state;
    const hardState = this.#changedHardState();
    const entriesToPersist = log.takeEntriesToPersist();
    const voteOrTermMoved = term !== this.#savedHardState.term || vote !== this.#savedHardState.vote;
    const snapshot = this.#snapshot;
    const mustSync = voteOrTermMoved || entriesToPersist.length > 0 || snapshot !== null;
    this.#state.outbox = emptyOutbox();
    this.#snapshot = null;
    if (hardState !== null) this.#savedHardState = hardState;
    const ready: Ready = {
      number: this.#number + 1,
      messages: outbox.messages,
      snapshotsToSend: outbox.snapshotsToSend,
      snapshot,
      hardState,
      mustSync,
      entriesToPersist,
      messagesAfterPersist: outbox.promises,
      entriesToApply: log.takeEntriesToApply(),
      readStates: outbox.readStates,
      droppedProposals: outbox.droppedProposals,
      droppedReads: outbox.droppedReads,
      refusedChanges: outbox.refusedChanges,
      leadership: this.#changedLeadership(),
    };
    if (isEmpty(ready)) return null;
    this.#number++;
    if (mustSync) this.#unsynced.handOut({ number: ready.number, term, vote, index: log.handedOut });
    return ready;
  }

  #changedHardState(): HardState | null {
    const saved = this.#savedHardState;
    const { term, vote, log } = this.#state;
    // The saved commit never passes what is synced, so that no torn write can leave it beyond the end of the log.
    const commit = log.applicable > saved.commit ? log.applicable : saved.commit;
    if (term === saved.term && vote === saved.vote && commit === saved.commit) return null;
    return { term, vote, commit };
  }

  #changedLeadership(): Leadership | null {
    const known = this.#knownLeadership;
    const { role, term, leader } = this.#state;
    if (role === known.role && term === known.term && leader === known.leader) return null;
    this.#knownLeadership = this.#leadership();
    return this.#knownLeadership;
  }

  #leadership(): Leadership {
    const { role, term, leader } = this.#state;
    return { role, term, leader };
  }
}

function isEmpty(ready: Ready): boolean {
  return (
    ready.hardState === null &&
    ready.leadership === null &&
    ready.messages.length === 0 &&
    ready.entriesToPersist.length === 0 &&
    ready.messagesAfterPersist.length === 0 &&
    ready.entriesToApply.length === 0 &&
    ready.readStates.length === 0 &&
    ready.droppedProposals.length === 0 &&
    ready.droppedReads.length === 0 &&
    ready.refusedChanges.length === 0 &&
    ready.snapshotsToSend.length === 0 &&
    ready.snapshot === null
  );
}
