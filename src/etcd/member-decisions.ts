import type { LogIndex } from "../base/ids.ts";

/**
 * The member's own safety, one question each, as `raft/decisions.ts` has the core's. A member is started with `CAREFUL`; servers
 * that are broken on purpose (mutants) replace one entry. All are pure.
 */
export interface MemberDecisions {
  /** Whether a read that a quorum confirmed at `index` may be answered: once everything up to there is applied here (D4). */
  readonly mayRead: (index: LogIndex, applied: LogIndex) => boolean;
  /** The last entry that counts as applied at a start, given the last whose effects are in the store. */
  readonly resumeAt: (stored: LogIndex) => LogIndex;
}

export const CAREFUL: MemberDecisions = {
  mayRead: (index, applied) => index <= applied,
  resumeAt: (stored) => stored,
};
