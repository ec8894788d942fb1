import { assert, unreachable } from "../../base/assert.ts";
import { type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { HardState, Leadership, Message, RaftInput, Ready } from "../model.ts";
import { Election, type VoteRequest, type VoteResponse } from "./election.ts";
import { ForwardedProposals } from "./proposals.ts";
import type { VoteResult } from "./quorum.ts";
import { ReadIndex } from "./read-index.ts";
import { Replication, refuseLeader, takeAppend, takeHeartbeat } from "./replication.ts";
import { emptyOutbox, type RaftOptions, RaftState } from "./state.ts";
import { type RaftStatus, statusOf } from "./status.ts";
import { Unsynced } from "./unsynced.ts";

/**
 * One member's raft (D1): inputs in, Readys out, nothing else. The driver steps every input that has arrived, then calls `takeReady`
 * once, and does what it says in the order of its fields. Elections always ask for pre-votes first, and a leader that does not
 * hear a quorum for an election time steps down. Throws only when an invariant is broken; the member must then stop.
 */
export class RaftCore {
  readonly #state: RaftState;
  readonly #election: Election;
  readonly #replication: Replication;
  readonly #reads: ReadIndex;
  readonly #proposals: ForwardedProposals;
  readonly #unsynced = new Unsynced();
  readonly #heartbeatTicks: number;
  #ticksSinceHeartbeat = 0;
  #heartbeatDue = false;
  #readyNumber = 0;
  #savedHardState: HardState;
  #knownLeadership: Leadership;

  constructor(options: RaftOptions) {
    assert(options.heartbeatTicks >= 1, "heartbeats are ticks apart", { heartbeatTicks: options.heartbeatTicks });
    assert(options.electionTicks > options.heartbeatTicks, "elections are slower than heartbeats");
    this.#state = new RaftState(options);
    this.#election = new Election(this.#state, options.electionTicks, options.prng);
    this.#replication = new Replication(this.#state);
    this.#reads = new ReadIndex(this.#state, options.heartbeatTicks, options.firstSequence);
    this.#proposals = new ForwardedProposals(this.#state, options.firstSequence);
    this.#heartbeatTicks = options.heartbeatTicks;
    this.#savedHardState = options.hardState;
    this.#knownLeadership = this.#leadership();
    // Alone there is nobody to wait for.
    if (this.#state.peers.length === 0) this.#campaign();
  }

  get status(): RaftStatus {
    return statusOf(this.#state, this.#replication.progress);
  }

  step(input: RaftInput): void {
    switch (input.kind) {
      case "tick":
        this.#tick();
        break;
      case "message":
        this.#receive(input.message);
        break;
      case "propose":
        this.#propose(input.id, input.data);
        break;
      case "read-index":
        this.#reads.read(input.id);
        break;
      case "persisted":
        this.#persisted(input.number);
        break;
      case "unreachable":
        this.#replication.unreachable(input.peer);
        break;
      default:
        unreachable(input);
    }
  }

  /** Everything that has become due since the last call; null when nothing has. Its contents belong to the caller. */
  takeReady(): Ready | null {
    this.#flush();
    const { log, term, vote } = this.#state;
    const hardState = this.#changedHardState();
    const entriesToPersist = log.takeEntriesToPersist();
    const voteOrTermMoved = term !== this.#savedHardState.term || vote !== this.#savedHardState.vote;
    const mustSync = voteOrTermMoved || entriesToPersist.length > 0;
    const outbox = this.#state.outbox;
    this.#state.outbox = emptyOutbox();
    if (hardState !== null) this.#savedHardState = hardState;
    const ready: Ready = {
      number: this.#readyNumber + 1,
      messages: outbox.messages,
      hardState,
      mustSync,
      entriesToPersist,
      messagesAfterPersist: outbox.promises,
      entriesToApply: log.takeEntriesToApply(),
      readStates: outbox.readStates,
      droppedProposals: outbox.droppedProposals,
      droppedReads: outbox.droppedReads,
      leadership: this.#changedLeadership(),
    };
    if (isEmpty(ready)) return null;
    this.#readyNumber++;
    if (mustSync) this.#unsynced.handOut({ number: ready.number, term, vote, index: log.handedOut });
    return ready;
  }

  // ------------------------------------------------------------------------------------------------------------- inputs

  #tick(): void {
    if (this.#state.role !== "leader") {
      this.#reads.tick();
      if (this.#election.tick()) this.#campaign();
      return;
    }
    if (this.#election.tickLeader() && !this.#replication.takeQuorumActive()) {
      this.#becomeFollower(this.#state.term, NO_MEMBER);
      return;
    }
    this.#ticksSinceHeartbeat++;
    if (this.#ticksSinceHeartbeat < this.#heartbeatTicks) return;
    this.#ticksSinceHeartbeat = 0;
    this.#heartbeatDue = true;
    this.#replication.beat();
  }

  #propose(id: number, data: Uint8Array): void {
    const { role, leader, outbox } = this.#state;
    if (role === "leader") {
      if (!this.#replication.propose(data)) outbox.droppedProposals.push(id);
    } else if (leader === NO_MEMBER) outbox.droppedProposals.push(id);
    else this.#proposals.gather(id, data);
  }

  /** What finds no room is lost like a message: the sender's client learns nothing of it before its deadline. */
  #takeForwarded(message: Extract<Message, { readonly kind: "propose" }>): void {
    if (!this.#proposals.accept(message)) return;
    for (const data of message.data) this.#replication.propose(data);
  }

  #persisted(number: number): void {
    assert(number <= this.#readyNumber, "only a Ready that was taken comes back", { number, last: this.#readyNumber });
    const batch = this.#unsynced.complete(number);
    if (batch === null) return;
    const { log, term, role, id } = this.#state;
    log.persistedTo(batch.index);
    if (role === "leader") this.#replication.maybeCommit();
    // A candidate's own vote counts like any other's: once it cannot be forgotten.
    if (role === "candidate" && batch.term === term && batch.vote === id) this.#count(id, true);
  }

  #receive(message: Message): void {
    const { id, term, voters } = this.#state;
    assert(message.to === id, "messages arrive where they were sent", { to: message.to, id });
    if (!voters.includes(message.from) || message.from === id) return;
    if (message.kind === "vote" || message.kind === "pre-vote") {
      if (message.term > term && this.#election.leaderIsFresh) return;
    }
    if (message.term > term && !isAboutNextTerm(message)) {
      const fromLeader = message.kind === "append" || message.kind === "heartbeat";
      this.#becomeFollower(message.term, fromLeader ? message.from : NO_MEMBER);
    }
    if (message.term < term) this.#refuseStale(message);
    else this.#dispatch(message);
  }

  #dispatch(message: Message): void {
    const leads = this.#state.role === "leader";
    switch (message.kind) {
      case "append":
      case "heartbeat":
        this.#hearLeader(message);
        break;
      case "append-response":
        if (leads) this.#replication.acknowledged(message);
        break;
      case "heartbeat-response":
        if (!leads) break;
        this.#replication.alive(message.from);
        this.#reads.confirm(message.from, message.readRound);
        break;
      case "vote":
      case "pre-vote":
        this.#answerVote(message);
        break;
      case "vote-response":
      case "pre-vote-response":
        this.#countResponse(message);
        break;
      case "propose":
        if (leads) this.#takeForwarded(message);
        break;
      case "read-index":
        this.#reads.request(message);
        break;
      case "read-index-response":
        this.#reads.answered(message);
        break;
      default:
        unreachable(message);
    }
  }

  /** Whoever acts on an earlier term and waits for an answer learns of the later; all else of an earlier term is void. */
  #refuseStale(message: Message): void {
    if (message.kind === "append" || message.kind === "heartbeat") refuseLeader(this.#state, message);
    if (message.kind === "vote" || message.kind === "pre-vote") this.#election.refuse(message);
  }

  #hearLeader(message: Extract<Message, { readonly kind: "append" | "heartbeat" }>): void {
    const { role, leader, term } = this.#state;
    assert(role !== "leader", "a term has one leader", { term, other: message.from });
    assert(leader === NO_MEMBER || leader === message.from, "a term has one leader", {
      term,
      other: message.from,
      leader,
    });
    if (leader === NO_MEMBER) this.#becomeFollower(term, message.from);
    this.#election.heard();
    if (message.kind === "heartbeat") takeHeartbeat(this.#state, message);
    else takeAppend(this.#state, message);
    this.#unsynced.truncated(this.#state.log.handedOut);
  }

  // -------------------------------------------------------------------------------------------------------------- roles

  #answerVote(request: VoteRequest): void {
    const granted = this.#election.answer(request);
    // Its own campaign would only get in the way of the one it has just supported.
    if (granted && request.kind === "vote") this.#becomeFollower(this.#state.term, NO_MEMBER);
  }

  #countResponse(response: VoteResponse): void {
    if (this.#election.concerns(response)) this.#count(response.from, response.granted);
  }

  #count(voter: MemberId, granted: boolean): void {
    const { role } = this.#state;
    assert(role === "candidate" || role === "pre-candidate", "only a campaign counts votes", { role });
    this.#conclude(this.#election.record(voter, granted));
  }

  #conclude(result: VoteResult): void {
    if (result === "pending") return;
    if (result === "lost") this.#becomeFollower(this.#state.term, NO_MEMBER);
    else if (this.#state.role === "pre-candidate") this.#becomeCandidate();
    else this.#becomeLeader();
  }

  /** Asks whether an election could be won before disturbing anybody with one (dissertation, section 9.6). */
  #campaign(): void {
    const state = this.#state;
    assert(state.role !== "leader", "a leader does not campaign");
    this.#changeRole("pre-candidate", NO_MEMBER);
    this.#election.request("pre-vote");
    this.#count(state.id, true);
  }

  #becomeCandidate(): void {
    const state = this.#state;
    assert(state.role === "pre-candidate", "an election follows a pre-vote", { role: state.role });
    state.term = (state.term + 1) as Term;
    state.vote = state.id;
    this.#changeRole("candidate", NO_MEMBER);
    this.#election.request("vote");
  }

  #becomeLeader(): void {
    assert(this.#state.role === "candidate" && this.#state.vote === this.#state.id, "a leader was elected");
    this.#changeRole("leader", this.#state.id);
    this.#ticksSinceHeartbeat = 0;
    this.#replication.begin();
  }

  #becomeFollower(term: Term, leader: MemberId): void {
    const state = this.#state;
    assert(term >= state.term, "terms never go back", { term, own: state.term });
    if (term > state.term) {
      state.term = term;
      state.vote = NO_MEMBER;
    }
    this.#changeRole("follower", leader);
  }

  /** Reads and proposals that wait for a leader, or for this member as leader, do not outlive the change. */
  #changeRole(role: Leadership["role"], leader: MemberId): void {
    const state = this.#state;
    assert((role === "leader") === (leader === state.id), "a leader knows itself, and nobody else does", {
      role,
      leader,
    });
    this.#reads.reset();
    this.#proposals.reset();
    this.#replication.end();
    this.#heartbeatDue = false;
    state.role = role;
    state.leader = leader;
    this.#election.restart();
  }

  // -------------------------------------------------------------------------------------------------------------- Ready

  #flush(): void {
    if (this.#state.role === "leader") {
      const roundBegan = this.#reads.startRound();
      if (roundBegan || this.#heartbeatDue) this.#replication.sendHeartbeats(this.#reads.roundInFlight);
      this.#heartbeatDue = false;
      this.#replication.flush();
    } else if (this.#state.leader !== NO_MEMBER) {
      this.#proposals.flush();
      this.#reads.forward();
    }
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

/** A pre-vote, and its being granted, speak of a term that nobody is in yet. */
function isAboutNextTerm(message: Message): boolean {
  return message.kind === "pre-vote" || (message.kind === "pre-vote-response" && message.granted);
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
    ready.droppedReads.length === 0
  );
}
