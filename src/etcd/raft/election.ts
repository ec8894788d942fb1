import { assert } from "../../base/assert.ts";
import { type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { Prng } from "../../base/prng.ts";
import type { Message } from "../model.ts";
import { type VoteResult, voteResult } from "./quorum.ts";
import type { RaftState } from "./state.ts";

export type VoteRequest = Extract<Message, { readonly kind: "vote" | "pre-vote" }>;
export type VoteResponse = Extract<Message, { readonly kind: "vote-response" | "pre-vote-response" }>;

/** Election time, and the votes given and gathered (Raft, section 5.2; dissertation, sections 4.2.3 and 9.6). */
export class Election {
  readonly #state: RaftState;
  readonly #electionTicks: number;
  readonly #prng: Prng;
  readonly #votes = new Map<MemberId, boolean>();
  #elapsed = 0;
  #timeout = 0;

  constructor(state: RaftState, electionTicks: number, prng: Prng) {
    assert(electionTicks >= 2, "an election takes at least two ticks", { electionTicks });
    this.#state = state;
    this.#electionTicks = electionTicks;
    this.#prng = prng;
    this.restart();
  }

  /** Time begins anew with a new random time-out, so that members seldom campaign at once. */
  restart(): void {
    this.#elapsed = 0;
    this.#timeout = this.#electionTicks + this.#prng.below(this.#electionTicks);
    this.#votes.clear();
  }

  /** The leader was heard. */
  heard(): void {
    assert(this.#state.leader !== NO_MEMBER, "only a known leader is heard");
    this.#elapsed = 0;
  }

  /** For all but a leader. True when it is time to campaign. */
  tick(): boolean {
    this.#elapsed++;
    return this.#elapsed >= this.#timeout;
  }

  /** For a leader. True once in each election time: time to look whether a quorum still answers. */
  tickLeader(): boolean {
    this.#elapsed++;
    if (this.#elapsed < this.#electionTicks) return false;
    this.#elapsed = 0;
    return true;
  }

  /** While this member leads, or heard a leader within the shortest election time, it helps no other to power. */
  get leaderIsFresh(): boolean {
    return this.#state.leader !== NO_MEMBER && this.#elapsed < this.#electionTicks;
  }

  /** Asks every voter for its vote in this term, or whether it would give it in the next. */
  request(kind: VoteRequest["kind"], transfer: boolean): void {
    const { log, peers, outbox, term, decisions } = this.#state;
    const campaignTerm = (kind === "pre-vote" ? term + 1 : term) as Term;
    for (const to of peers) {
      if (!decisions.voteCounts(log.configuration, to)) continue;
      const address = { ...this.#state.address(to), term: campaignTerm };
      outbox.promises.push({ kind, ...address, lastIndex: log.lastIndex, lastTerm: log.lastTerm, transfer });
    }
  }

  /** Counts one voter's word; its first stands. Anybody else's does not count. */
  record(voter: MemberId, granted: boolean): VoteResult {
    const { log, voters, decisions } = this.#state;
    if (decisions.voteCounts(log.configuration, voter) && !this.#votes.has(voter)) this.#votes.set(voter, granted);
    return voteResult(voters.length, this.#votes);
  }

  /** Whether a response belongs to the campaign that is on. */
  concerns(response: VoteResponse): boolean {
    const { role, term } = this.#state;
    if (response.kind === "vote-response") return role === "candidate" && response.term === term;
    // A granted pre-vote repeats the term asked about, a refused one carries the voter's own.
    return role === "pre-candidate" && response.term === (response.granted ? plus1(term) : term);
  }

  /**
   * Whether this member may campaign: a voter; and one whose removal may yet come to nothing, since it may be the only one that can
   * complete it (D 4.2.2). Who knows itself removed, a learner and a stranger never do.
   */
  get mayCampaign(): boolean {
    const { log, id, isVoter } = this.#state;
    if (isVoter) return true;
    const isPending = log.configurationIndex > log.committed;
    return isPending && log.previousConfiguration?.voters.includes(id) === true;
  }

  /** Answers a request for a vote in this member's term, or for a pre-vote in it or beyond. True when it was granted. */
  answer(request: VoteRequest): boolean {
    const state = this.#state;
    assert(request.kind === "pre-vote" || request.term === state.term, "votes are cast in one's own term");
    const { vote, leader, decisions } = state;
    const isFree = decisions.mayVote({ vote, leader, candidate: request.from });
    const mayVote = isFree || (request.kind === "pre-vote" && request.term > state.term);
    const candidate = { index: request.lastIndex, term: request.lastTerm };
    const granted = mayVote && decisions.logUpToDate(candidate, state.log.last);
    if (granted && request.kind === "vote") {
      assert(state.role !== "leader" && state.role !== "candidate", "who campaigns votes for itself", {
        role: state.role,
      });
      state.vote = request.from;
      this.#elapsed = 0;
    }
    this.#respond(request, granted, granted ? request.term : state.term);
    return granted;
  }

  /** Tells a candidate of an earlier term which term it is (Raft, section 5.1). */
  refuse(request: VoteRequest): void {
    assert(request.term < this.#state.term, "only stale requests are refused unread");
    this.#respond(request, false, this.#state.term);
  }

  #respond(request: VoteRequest, granted: boolean, term: Term): void {
    const kind = request.kind === "vote" ? "vote-response" : "pre-vote-response";
    this.#state.outbox.promises.push({ kind, ...this.#state.address(request.from), term, granted });
  }
}

function plus1(term: Term): Term {
  return (term + 1) as Term;
}
