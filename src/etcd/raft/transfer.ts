import { assert } from "../../base/assert.ts";
import { type LogIndex, type MemberId, NO_MEMBER } from "../../base/ids.ts";
import type { Replication } from "./replication.ts";
import type { RaftState } from "./state.ts";

/**
 * Handing leadership over (Raft dissertation, section 3.10): the leader takes no more proposals, brings the target's log up to its own,
 * and then makes it campaign at once. Until it hears of a later term it leads on; what has not come about after an election time is
 * given up.
 */
export class Transfer {
  readonly #state: RaftState;
  readonly #replication: Replication;
  readonly #electionTicks: number;
  #target: MemberId = NO_MEMBER;
  #ticks = 0;
  #isAsked = false;

  constructor(state: RaftState, replication: Replication, electionTicks: number) {
    this.#state = state;
    this.#replication = replication;
    this.#electionTicks = electionTicks;
  }

  /** 0 when there is no transfer. */
  get target(): MemberId {
    return this.#target;
  }

  /** As leader. Only another voter can lead; a second target takes the place of the first. */
  begin(target: MemberId): void {
    const { role, id, voters } = this.#state;
    assert(role === "leader", "only a leader hands over", { role });
    if (target === id || target === this.#target || !voters.includes(target)) return;
    this.#target = target;
    this.#ticks = 0;
    this.#isAsked = false;
  }

  end(): void {
    this.#target = NO_MEMBER;
  }

  tick(): void {
    this.#ticks++;
    if (this.#ticks >= this.#electionTicks) this.end();
  }

  /** At the end of a turn: is it time to ask? */
  flush(): void {
    if (this.#target === NO_MEMBER || this.#isAsked) return;
    assert(this.#state.voters.includes(this.#target), "members do not change during a transfer");
    this.#isAsked = this.#ask(this.#target);
  }

  /** A leader that was removed leaves to the first voter that can follow it at once, if there is one. */
  leave(): void {
    for (const voter of this.#state.voters) if (this.#ask(voter)) return;
  }

  #ask(target: MemberId): boolean {
    const { log, decisions, outbox } = this.#state;
    const match = this.#replication.progress.get(target)?.match ?? (0 as LogIndex);
    if (!decisions.transferReady(match, log.lastIndex)) return false;
    outbox.messages.push({ kind: "timeout-now", ...this.#state.address(target) });
    return true;
  }
}
