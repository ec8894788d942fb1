import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Configuration, Role } from "../model.ts";
import type { Progress, ProgressState } from "./progress.ts";
import type { RaftState } from "./state.ts";

/** A look from outside: for status requests, metrics, logs and tests. */
export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: MemberId;
  /** 0 when unknown. */
  readonly leader: MemberId;
  /** Whom a leader is handing over to; 0 when it is not. */
  readonly transferee: MemberId;
  /** In effect: the newest in the log, committed or not. */
  readonly configuration: Configuration;
  /** The log begins behind this entry. */
  readonly baseIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly committed: LogIndex;
  readonly persisted: LogIndex;
  /** Handed out to be applied. */
  readonly applied: LogIndex;
  /** Ascending by id, learners and members that were just removed among them; empty on a member that does not lead. */
  readonly peers: readonly PeerStatus[];
}

export interface PeerStatus {
  readonly id: MemberId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: ProgressState;
  readonly inFlight: number;
  /** Whether it answered in this election time or the one before. */
  readonly isLive: boolean;
}

export function statusOf(
  state: RaftState,
  progress: ReadonlyMap<MemberId, Progress>,
  transferee: MemberId,
): RaftStatus {
  const { id, role, term, vote, leader, log } = state;
  const { configuration, lastIndex, committed, persisted, applied } = log;
  const peers: PeerStatus[] = [];
  for (const [peer, { match, next, state: sending, inFlight, isLive }] of progress) {
    peers.push({ id: peer, match, next, state: sending, inFlight, isLive });
  }
  const marks = { baseIndex: log.base.index, lastIndex, committed, persisted, applied };
  return { id, role, term, vote, leader, transferee, configuration, ...marks, peers };
}
