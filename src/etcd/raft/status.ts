import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Role } from "../model.ts";
import type { Progress } from "./progress.ts";
import type { RaftState } from "./state.ts";

/** A look from outside: for status requests, metrics, logs and tests. */
export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: MemberId;
  /** 0 when unknown. */
  readonly leader: MemberId;
  readonly lastIndex: LogIndex;
  readonly committed: LogIndex;
  readonly persisted: LogIndex;
  /** Handed out to be applied. */
  readonly applied: LogIndex;
  /** Ascending by id; empty on a member that does not lead. */
  readonly peers: readonly PeerStatus[];
}

export interface PeerStatus {
  readonly id: MemberId;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly state: "probe" | "replicate";
  readonly inFlight: number;
}

export function statusOf(state: RaftState, progress: ReadonlyMap<MemberId, Progress>): RaftStatus {
  const { id, role, term, vote, leader, log } = state;
  const { lastIndex, committed, persisted, applied } = log;
  const peers: PeerStatus[] = [];
  for (const [peer, { match, next, state: sending, inFlight }] of progress) {
    peers.push({ id: peer, match, next, state: sending, inFlight });
  }
  return { id, role, term, vote, leader, lastIndex, committed, persisted, applied, peers };
}
