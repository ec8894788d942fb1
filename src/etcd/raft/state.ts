import { assert } from "../../base/assert.ts";
import { type LogIndex, type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { Prng } from "../../base/prng.ts";
import type {
  Change,
  ChangeRefusal,
  Entry,
  HardState,
  LogBase,
  PromiseMessage,
  PromptMessage,
  ReadState,
  Ready,
  Role,
} from "../model.ts";
import { membersOf } from "./configuration.ts";
import type { RaftDecisions } from "./decisions.ts";
import { RaftLog } from "./log.ts";

export interface RaftLimits {
  /** Data in one append or forwarded proposal; a single larger entry still travels alone. */
  readonly appendBytes: number;
  /** Appends a leader sends to one peer without an answer. */
  readonly windowAppends: number;
  /**
   * Data a leader takes in beyond its commit index, and a follower gathers for its leader in one turn; more is dropped (a single
   * entry always fits).
   */
  readonly uncommittedBytes: number;
  /** Reads of this member's own clients that wait for a round to start; more are dropped. */
  readonly waitingReads: number;
}

/**
 * What the state says against a change, asked by a leader before it appends it: it has to hold all up to `since`, the change before.
 * So the answer follows from the log alone, and no two changes are allowed that exclude each other.
 */
export type ReviewChange = (change: Change, context: Uint8Array, since: LogIndex) => ChangeRefusal | null;

export interface RaftOptions {
  readonly id: MemberId;
  /**
   * Where the log begins: the last snapshot recorded in the WAL. At the very first start index and term are 0 and the configuration
   * names the founders, or nobody on a member that is to join and learns from the log or a snapshot who the others are.
   */
  readonly base: LogBase;
  /** A follower campaigns after this many ticks without a leader, or up to twice as many, drawn anew each time. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly prng: Prng;
  /** As restored from the WAL; all zero at the very first start. */
  readonly hardState: HardState;
  /** As restored from the WAL: contiguous from the base on. */
  readonly entries: readonly Entry[];
  /** Entries up to this one are in the store already and are not handed out again; not before the base. */
  readonly appliedIndex: LogIndex;
  /**
   * Numbers this member's forwarded proposals and reads, upwards from here: more than any it used in an earlier life, or a
   * late answer to that life could be taken for one to this. Microseconds of the wall clock at the start will do.
   */
  readonly firstSequence: number;
  readonly limits: RaftLimits;
  readonly decisions: RaftDecisions;
  /** Default: nothing. */
  readonly review?: ReviewChange;
}

/** What goes into the next Ready. */
export interface Outbox {
  messages: PromptMessage[];
  promises: PromiseMessage[];
  readStates: ReadState[];
  droppedProposals: number[];
  droppedReads: number[];
  refusedChanges: Ready["refusedChanges"][number][];
  snapshotsToSend: MemberId[];
}

export function emptyOutbox(): Outbox {
  return {
    messages: [],
    promises: [],
    readStates: [],
    droppedProposals: [],
    droppedReads: [],
    refusedChanges: [],
    snapshotsToSend: [],
  };
}

/** What all parts of the core see. Role, term and leader change in core.ts alone; the vote also where it is granted. */
export class RaftState {
  readonly id: MemberId;
  readonly log: RaftLog;
  readonly limits: RaftLimits;
  readonly decisions: RaftDecisions;
  readonly review: ReviewChange;
  term: Term;
  vote: MemberId;
  role: Role = "follower";
  leader: MemberId = NO_MEMBER;
  outbox: Outbox = emptyOutbox();

  constructor(options: RaftOptions) {
    const { appendBytes, windowAppends, uncommittedBytes, waitingReads } = options.limits;
    assert(appendBytes > 0 && windowAppends > 0, "appends have room", { appendBytes, windowAppends });
    assert(uncommittedBytes > 0 && waitingReads > 0, "proposals and reads have room", {
      uncommittedBytes,
      waitingReads,
    });
    this.id = options.id;
    this.limits = options.limits;
    this.decisions = options.decisions;
    this.review = options.review ?? (() => null);
    const { base, entries, appliedIndex: applied, hardState } = options;
    // A crash may have kept a snapshot's record without the hard state behind it: nobody got a vote in that later term.
    const isBehind = hardState.term < base.term;
    this.term = isBehind ? base.term : hardState.term;
    this.vote = isBehind ? NO_MEMBER : hardState.vote;
    const committed = Math.max(options.hardState.commit, applied) as LogIndex;
    this.log = new RaftLog({ base, entries, committed, applied }, options.decisions);
    assert(this.log.lastTerm <= this.term, "the log is not ahead of the term", { term: this.term });
  }

  /** Of the configuration in effect. Ascending: every loop goes in this order, so that the same inputs give the same outputs. */
  get voters(): readonly MemberId[] {
    return this.log.configuration.voters;
  }

  get isVoter(): boolean {
    return this.voters.includes(this.id);
  }

  /** All other members, learners too, ascending. */
  get peers(): readonly MemberId[] {
    return membersOf(this.log.configuration).filter((id) => id !== this.id);
  }

  address(to: MemberId): { readonly from: MemberId; readonly to: MemberId; readonly term: Term } {
    assert(to !== this.id, "a member does not write to itself", { to });
    return { from: this.id, to, term: this.term };
  }
}
