import { assert, unreachable } from "../../base/assert.ts";
import { type LogIndex, type MemberId, NO_MEMBER, type Term } from "../../base/ids.ts";
import type { Configuration, Leadership, LogBase, Message, RaftInput, Ready } from "../model.ts";
import { Election, type VoteRequest, type VoteResponse } from "./election.ts";
import { acknowledgeCommitted, refuseLeader, takeAppend, takeHeartbeat, takeSnapshot } from "./following.ts";
import { Intake } from "./intake.ts";
import { ForwardedProposals } from "./proposals.ts";
import type { VoteResult } from "./quorum.ts";
import { ReadIndex } from "./read-index.ts";
import { Readies } from "./readies.ts";
import { Replication } from "./replication.ts";
import { type RaftOptions, RaftState } from "./state.ts";
import { type RaftStatus, statusOf } from "./status.ts";
import { Transfer } from "./transfer.ts";

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
  readonly #transfer: Transfer;
  readonly #intake: Intake;
  readonly #readies: Readies;
  readonly #heartbeatTicks: number;
  #ticksSinceHeartbeat = 0;
  #heartbeatDue = false;

  constructor(options: RaftOptions) {
    assert(options.heartbeatTicks >= 1, "heartbeats are ticks apart", { heartbeatTicks: options.heartbeatTicks });
    assert(options.electionTicks > options.heartbeatTicks, "elections are slower than heartbeats");
    this.#state = new RaftState(options);
    this.#election = new Election(this.#state, options.electionTicks, options.prng);
    this.#replication = new Replication(this.#state);
    this.#reads = new ReadIndex(this.#state, options.heartbeatTicks, options.firstSequence);
    this.#proposals = new ForwardedProposals(this.#state, options.firstSequence);
    this.#transfer = new Transfer(this.#state, this.#replication, options.electionTicks);
    this.#intake = new Intake(this.#state, this.#replication, this.#transfer, this.#proposals);
    this.#readies = new Readies(this.#state, options.hardState);
    this.#heartbeatTicks = options.heartbeatTicks;
    // Alone there is nobody to wait for.
    if (this.#state.isVoter && this.#state.voters.length === 1) this.#campaign();
  }

  /** Whom a leader is handing over to; 0 when it is not. */
  get transferee(): MemberId {
    return this.#transfer.target;
  }

  /** As in `status`, at no cost. */
  get committed(): LogIndex {
    return this.#state.log.committed;
  }

  get baseIndex(): LogIndex {
    return this.#state.log.base.index;
  }

  /** The same object as long as it is the same. */
  get configuration(): Configuration {
    return this.#state.log.configuration;
  }

  get status(): RaftStatus {
    return statusOf(this.#state, this.#replication.progress, this.#transfer.target);
  }

  /** Term and members as of an applied entry, which is what a snapshot of it says; null when the log begins behind it. */
  baseAt(index: LogIndex): LogBase | null {
    assert(index <= this.#state.log.applied, "a snapshot is of what is applied", { index });
    return this.#state.log.baseAt(index);
  }

  /** The first place from which on the entries up to `to` have no more than `maxBytes` of data. */
  startWithin(to: LogIndex, maxBytes: number): LogIndex {
    return this.#state.log.startWithin(to, maxBytes);
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
        this.#intake.propose(input);
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
      case "change":
        this.#intake.change(input);
        break;
      case "transfer":
        if (this.#state.role === "leader") this.#transfer.begin(input.target);
        break;
      case "compact":
        this.#state.log.compact(input.index);
        break;
      case "snapshot-received":
        this.#snapshotReceived(input.snapshot);
        break;
      case "snapshot-sent":
        this.#replication.snapshotEnded(input.peer, input.index);
        break;
      default:
        unreachable(input);
    }
  }

  /** Everything that has become due since the last call; null when nothing has. Its contents belong to the caller. */
  takeReady(): Ready | null {
    this.#flush();
    return this.#readies.take();
  }

  // ------------------------------------------------------------------------------------------------------------- inputs

  #tick(): void {
    if (this.#state.role !== "leader") {
      this.#reads.tick();
      if (!this.#election.tick()) return;
      if (this.#election.mayCampaign) this.#campaign();
      else this.#becomeFollower(this.#state.term, NO_MEMBER);
      return;
    }
    this.#transfer.tick();
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

  /** Of no use when this member is as far already: then its leader does not know it. A leader has all that is committed anyway. */
  #snapshotReceived(snapshot: LogBase): void {
    const { log, role, term } = this.#state;
    if (snapshot.index <= log.committed) {
      acknowledgeCommitted(this.#state);
      return;
    }
    if (snapshot.term > term) this.#becomeFollower(snapshot.term, NO_MEMBER);
    else if (role === "leader") return;
    else if (role !== "follower") this.#becomeFollower(term, NO_MEMBER);
    if (!takeSnapshot(this.#state, snapshot)) return;
    this.#readies.install(snapshot);
  }

  #persisted(number: number): void {
    const batch = this.#readies.persisted(number);
    if (batch === null) return;
    const { log, term, role, id } = this.#state;
    log.persistedTo(batch.index);
    if (role === "leader") this.#replication.maybeCommit();
    // A candidate's own vote counts like any other's: once it cannot be forgotten.
    if (role === "candidate" && batch.term === term && batch.vote === id) this.#count(id, true);
  }

  #receive(message: Message): void {
    const { id, term } = this.#state;
    assert(message.to === id, "messages arrive where they were sent", { to: message.to, id });
    // Whoever sends is heard, member or not: its configuration may be ahead of ours, or behind (D 4.1).
    if (message.from === id) return;
    if ((message.kind === "vote" || message.kind === "pre-vote") && !message.transfer) {
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
        this.#intake.takeForwarded(message);
        break;
      case "propose-change":
        this.#intake.takeForwardedChange(message);
        break;
      case "propose-refused":
        this.#proposals.refused(message);
        break;
      case "change-refused":
        this.#proposals.changeRefused(message);
        break;
      case "timeout-now":
        this.#campaignAtOnce(message.from);
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

  /**
   * Whoever acts on an earlier term and waits for an answer learns of the later. What became of a proposal is true in any term. All
   * else of an earlier term is void.
   */
  #refuseStale(message: Message): void {
    if (message.kind === "append" || message.kind === "heartbeat") refuseLeader(this.#state, message);
    if (message.kind === "vote" || message.kind === "pre-vote") this.#election.refuse(message);
    if (message.kind === "propose" || message.kind === "propose-change") this.#dispatch(message);
    if (message.kind === "propose-refused" || message.kind === "change-refused") this.#dispatch(message);
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
    this.#readies.truncated();
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
    else if (this.#state.role === "pre-candidate") this.#becomeCandidate(false);
    else this.#becomeLeader();
  }

  /** Asks whether an election could be won before disturbing anybody with one (dissertation, section 9.6). */
  #campaign(): void {
    const state = this.#state;
    assert(state.role !== "leader", "a leader does not campaign");
    this.#changeRole("pre-candidate", NO_MEMBER);
    this.#election.request("pre-vote", false);
    this.#count(state.id, true);
  }

  /** The leader wants this member to take over, and has made sure that it can win (D 3.10). */
  #campaignAtOnce(leader: MemberId): void {
    if (this.#state.role === "follower" && this.#state.leader === leader && this.#state.isVoter)
      this.#becomeCandidate(true);
  }

  #becomeCandidate(transfer: boolean): void {
    const state = this.#state;
    assert(state.role === "pre-candidate" || transfer, "an election follows a pre-vote", { role: state.role });
    state.term = (state.term + 1) as Term;
    state.vote = state.id;
    this.#changeRole("candidate", NO_MEMBER);
    this.#election.request("vote", transfer);
  }

  #becomeLeader(): void {
    assert(this.#state.role === "candidate" && this.#state.vote === this.#state.id, "a leader was elected");
    this.#changeRole("leader", this.#state.id);
    this.#ticksSinceHeartbeat = 0;
    this.#proposals.begin();
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
    this.#transfer.end();
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
      this.#transfer.flush();
      this.#leaveIfRemoved();
    } else if (this.#state.leader !== NO_MEMBER) {
      this.#proposals.flush();
      this.#reads.forward();
    }
  }

  /** A leader that removed itself leads until that is committed, and has just told everybody (D 4.2.2). */
  #leaveIfRemoved(): void {
    const { log, isVoter, term } = this.#state;
    if (isVoter || log.configurationIndex > log.committed) return;
    this.#transfer.leave();
    this.#becomeFollower(term, NO_MEMBER);
  }
}

/** A pre-vote, and its being granted, speak of a term that nobody is in yet. */
function isAboutNextTerm(message: Message): boolean {
  return message.kind === "pre-vote" || (message.kind === "pre-vote-response" && message.granted);
}
