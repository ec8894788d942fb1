import { assert } from "../../base/assert.ts";
import { type LogIndex, type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { Prng } from "../../base/prng.ts";
import type { Entry, HardState, PromiseMessage, PromptMessage, ReadState, Role } from "../model.ts";
import { RaftLog } from "./log.ts";

export interface RaftLimits {
  /** Data in one append or forwarded proposal; a single larger entry still travels alone. */
  readonly appendBytes: number;
  /** Appends a leader sends to one peer without an answer. */
  readonly windowAppends: number;
  /** Data a leader takes in beyond its commit index; more is dropped (a single entry always fits). */
  readonly uncommittedBytes: number;
  /** Reads of this member's own clients that wait for a round to start; more are dropped. */
  readonly waitingReads: number;
}

export interface RaftOptions {
  readonly id: MemberId;
  /** This member included. Order does not matter. */
  readonly voters: readonly MemberId[];
  /** A follower campaigns after this many ticks without a leader, or up to twice as many, drawn anew each time. */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  readonly prng: Prng;
  /** As restored from the WAL; all zero at the very first start. */
  readonly hardState: HardState;
  /** As restored from the WAL: contiguous from index 1. */
  readonly entries: readonly Entry[];
  /** Entries up to this one are in the store already and are not handed out again. */
  readonly appliedIndex: LogIndex;
  /**
   * Numbers this member's forwarded proposals and reads, upwards from here: more than any it used in an earlier life, or a
   * late answer to that life could be taken for one to this. Microseconds of the wall clock at the start will do.
   */
  readonly firstSequence: number;
  readonly limits: RaftLimits;
}

/** What goes into the next Ready. */
export interface Outbox {
  messages: PromptMessage[];
  promises: PromiseMessage[];
  readStates: ReadState[];
  droppedProposals: number[];
  droppedReads: number[];
}

export function emptyOutbox(): Outbox {
  return { messages: [], promises: [], readStates: [], droppedProposals: [], droppedReads: [] };
}

/** What all parts of the core see. Role, term and leader change in core.ts alone; the vote also where it is granted. */
export class RaftState {
  readonly id: MemberId;
  /** Ascending: every loop over members goes in this order, so that the same inputs give the same outputs. */
  readonly voters: readonly MemberId[];
  readonly peers: readonly MemberId[];
  readonly log: RaftLog;
  readonly limits: RaftLimits;
  term: Term;
  vote: MemberId;
  role: Role = "follower";
  leader: MemberId = NO_MEMBER;
  outbox: Outbox = emptyOutbox();

  constructor(options: RaftOptions) {
    assert(options.voters.includes(options.id), "a member is one of the voters", { id: options.id });
    assert(new Set(options.voters).size === options.voters.length, "voters are distinct", { voters: options.voters });
    const { appendBytes, windowAppends, uncommittedBytes, waitingReads } = options.limits;
    assert(appendBytes > 0 && windowAppends > 0, "appends have room", { appendBytes, windowAppends });
    assert(uncommittedBytes > 0 && waitingReads > 0, "proposals and reads have room", {
      uncommittedBytes,
      waitingReads,
    });
    this.id = options.id;
    this.voters = [...options.voters].sort((a, b) => (a < b ? -1 : 1));
    this.peers = this.voters.filter((voter) => voter !== options.id);
    this.limits = options.limits;
    this.term = options.hardState.term;
    this.vote = options.hardState.vote;
    const committed = Math.max(options.hardState.commit, options.appliedIndex) as LogIndex;
    this.log = new RaftLog(options.entries, committed, options.appliedIndex);
    assert(this.log.lastTerm <= this.term, "the log is not ahead of the term", { term: this.term });
  }

  address(to: MemberId): { readonly from: MemberId; readonly to: MemberId; readonly term: Term } {
    assert(to !== this.id, "a member does not write to itself", { to });
    return { from: this.id, to, term: this.term };
  }
}
