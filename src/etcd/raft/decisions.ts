import { type LogIndex, type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { Configuration, LogBase } from "../model.ts";
import { isMajority } from "./quorum.ts";

/** The last entry of a log, or any other. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/** A voter as it is asked for its vote in its own term. */
export interface Ballot {
  readonly vote: MemberId;
  readonly leader: MemberId;
  readonly candidate: MemberId;
}

/**
 * The core's safety, one question each. A member is started with `CORRECT`; servers that are broken on purpose (mutants) replace one
 * entry, so that everything else of them is the production code. All are pure.
 */
export interface RaftDecisions {
  /** One vote a term, and none once the term's leader is known (P 5.2). */
  readonly mayVote: (ballot: Ballot) => boolean;
  /** Whether a candidate's log holds all that may be committed: the last entries' terms decide, then the lengths (P 5.4.1). */
  readonly logUpToDate: (candidate: LogPosition, own: LogPosition) => boolean;
  /** Whose vote counts: a voter's, never a learner's (D 4.2.1). */
  readonly voteCounts: (configuration: Configuration, member: MemberId) => boolean;
  /** Whether an append fits: the term that this log has before its entries (null: none), and the leader's (P 5.3). */
  readonly matches: (own: Term | null, leaders: Term) => boolean;
  /** Whether a leader's entry replaces the one here, and with it all behind: only when they differ (P 5.3). */
  readonly conflicts: (own: Term, leaders: Term) => boolean;
  /** Whether a leader may commit by counting copies of an entry: only of its own term (P 5.4.2, figure 8). */
  readonly mayCommit: (entryTerm: Term, ownTerm: Term) => boolean;
  /** Whether a leader knows that it still leads: a majority of the voters has answered the read's round (D 6.4). */
  readonly readConfirmed: (voters: readonly MemberId[], answered: ReadonlySet<MemberId>) => boolean;
  /** Whether a leader may make a peer campaign: only with a complete log (D 3.10). */
  readonly transferReady: (match: LogIndex, last: LogIndex) => boolean;
  /** Whether one more change may begin: the one before is committed, and an entry of the leader's term is (D 4.1). */
  readonly mayChange: (changedAt: LogIndex, committed: LogPosition, ownTerm: Term) => boolean;
  /** Who the members are once a snapshot is installed: those it names. */
  readonly configurationOf: (snapshot: LogBase, before: Configuration) => Configuration;
}

export const CORRECT: RaftDecisions = {
  mayVote: ({ vote, leader, candidate }) => vote === candidate || (vote === NO_MEMBER && leader === NO_MEMBER),
  logUpToDate: (candidate, own) =>
    candidate.term > own.term || (candidate.term === own.term && candidate.index >= own.index),
  voteCounts: ({ voters }, member) => voters.includes(member),
  matches: (own, leaders) => own === leaders,
  conflicts: (own, leaders) => own !== leaders,
  mayCommit: (entryTerm, ownTerm) => entryTerm === ownTerm,
  readConfirmed: isMajority,
  transferReady: (match, last) => match === last,
  mayChange: (changedAt, committed, ownTerm) => changedAt <= committed.index && committed.term === ownTerm,
  configurationOf: (snapshot) => snapshot.configuration,
};
