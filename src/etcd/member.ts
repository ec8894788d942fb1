/**
 * The member as those see it who ask something of it: every request waits here, and gets exactly one answer, a response or the error
 * that etcd's clients know. What happens meanwhile is the loop's (member-loop.ts); what a member is started with, member-options.ts.
 */
import { hex, type MemberId, NO_MEMBER, type Term } from "../base/ids.ts";
import type { SnapshotSource } from "../env/transport.ts";
import type { Outcome } from "./apply/applier.ts";
import type { MakeHeader } from "./apply/header.ts";
import type { AlarmsView } from "./cluster/alarms.ts";
import type { MembersView } from "./cluster/members.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import type { Leases } from "./lease/leases.ts";
import { Changes } from "./member-changes.ts";
import { CAREFUL } from "./member-decisions.ts";
import { Duties, type LeaderDuties, type PeerAnswers } from "./member-duties.ts";
import { Gate } from "./member-gate.ts";
import { Handovers } from "./member-handover.ts";
import { Loop } from "./member-loop.ts";
import type { MemberOptions } from "./member-options.ts";
import { type Command, Proposals } from "./member-proposals.ts";
import { Publishing } from "./member-publish.ts";
import { Reads } from "./member-reads.ts";
import { Removals } from "./member-removals.ts";
import { Ticker } from "./member-ticker.ts";
import type { Change, Configuration, Leadership, MemberStatus, Ready } from "./model.ts";
import type { MvccStore } from "./mvcc/store.ts";
import { WatchHub } from "./watch/hub.ts";

export type Answer<Response> = Response | EtcdError;

/** A read that may be run. */
export type Reading<Response> = () => Answer<Response>;

/** etcd's: what a request may take, elections aside. */
const REQUEST_TIMEOUT_MS = 5_000;
/** etcd's: who is removed stays so long, that others and its own clients hear of it. */
const REMOVED_LINGER_MS = 1_000;
/** etcd's: further behind what is committed nothing more is taken in. */
const APPLY_LAG_MAX = 5_000;
/** etcd's default for idle watchers that asked to be told how far they are. */
const WATCH_PROGRESS_MS = 600_000;

export class Member {
  /** What watch streams attach to. */
  readonly watches: WatchHub;
  /** Resolves when this member has applied an entry of its own proposed since its start (D4): from then on it serves. */
  readonly serving: Promise<void>;
  /** The header of an answer at a revision. */
  readonly makeHeader: MakeHeader;
  readonly #options: MemberOptions;
  readonly #loop: Loop;
  readonly #gate = new Gate();
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #changes = new Changes();
  readonly #handovers: Handovers;
  readonly #duties = new Duties();
  readonly #publishing: Publishing;
  readonly #timeoutMs: number;
  readonly #ticker: Ticker;
  readonly #removals = new Removals();
  readonly #watchProgressMs: number;
  #nextProgressMs: number;
  #leadership: Leadership;
  #ended = false;
  #isRemoved = false;
  #leaderChangedMs = Number.NEGATIVE_INFINITY;
  #connectionLostMs = Number.NEGATIVE_INFINITY;
  #leaderChangesTotal = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { identity, clock, storage, soon, heartbeatMs, electionMs, requestMaxBytes, startNumber } = options;
    this.#publishing = new Publishing(options, (command) => this.#propose(command, null));
    this.serving = this.#publishing.done;
    void this.serving.then(() => this.#open());
    this.#leadership = { role: "follower", term: storage.hardState.term, leader: NO_MEMBER };
    this.makeHeader = (revision) => ({
      clusterId: identity.cluster,
      memberId: identity.member,
      revision,
      raftTerm: this.#leadership.term,
    });
    this.#loop = this.#makeLoop();
    this.#handovers = new Handovers(this.#loop, clock);
    const onWork = (): void => soon(() => this.#catchUp());
    this.watches = new WatchHub({ view: this.store, makeHeader: this.makeHeader, onWork });
    this.#timeoutMs = REQUEST_TIMEOUT_MS + 2 * electionMs;
    const limits = { requestMaxBytes, timeoutMs: this.#timeoutMs };
    this.#proposals = new Proposals(identity.member, startNumber / 1000, limits);
    this.#reads = new Reads(this.#timeoutMs, options.memberDecisions ?? CAREFUL);
    this.#watchProgressMs = options.watchProgressMs ?? WATCH_PROGRESS_MS;
    this.#nextProgressMs = clock.monotonicMs() + this.#watchProgressMs;
    this.#ticker = new Ticker(clock, heartbeatMs, (nowMs) => this.#tick(nowMs));
  }

  #makeLoop(): Loop {
    const { identity, clock } = this.#options;
    return new Loop(this.#options, this.makeHeader, {
      readRound: () => (this.#leadership.leader === NO_MEMBER ? null : this.#reads.begin()),
      follow: (leadership) => this.#follow(leadership),
      turned: (ready) => this.#turned(ready),
      published: (events) => this.watches.publish(events, this.store.revision),
      paused: () => this.watches.flush(),
      outcome: (id, data, outcome) => this.#proposals.applied(id, data, outcome),
      changed: (change, context) => {
        this.#changes.applied(change, context);
        if (change.kind === "remove" && change.member === identity.member) this.#remove(REMOVED_LINGER_MS);
      },
      progressed: () => this.#reads.applied(this.#loop.applying.applied),
      unreachable: (peer) => {
        this.#connectionLostMs = clock.monotonicMs();
        this.#handovers.unreachable(peer);
      },
      held: () => {
        this.#gate.close();
        this.watches.suspend();
      },
      restored: () => this.#restored(),
      request: (from, request) => this.#duties.answer(from, request),
      removed: () => this.#remove(0),
      failed: (error) => this.fail(error),
    });
  }

  /** Begins to take part, as soon as the state is loaded. */
  start(): void {
    const started = this.#loop.start().then(() => {
      if (this.#ended) return;
      this.watches.restored();
      this.#ticker.start();
      if (this.members.removed.has(this.#options.identity.member)) this.#remove(0);
      this.#publish();
    });
    started.catch((error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))));
  }

  /** Answers what waits with "server stopped", and closes storage and transport. */
  async stop(): Promise<void> {
    if (this.#end()) await this.#loop.close();
  }

  /** The storage failed: what was promised may be lost, so nothing more is. */
  fail(error: Error): void {
    if (!this.#end()) return;
    this.#options.trace.error("the storage failed", { error: error.message });
    this.#options.failed(error);
  }

  // ------------------------------------------------------------------------------------------------------------- a look

  /** Whether a serializable read may run at once on `store`. */
  get isServing(): boolean {
    return this.#gate.isOpen;
  }

  /** The store as it is now. */
  get store(): MvccStore {
    return this.#loop.applying.store;
  }

  get leases(): Leases {
    return this.#loop.applying.leases;
  }

  /** What the cluster must heed. */
  get alarms(): AlarmsView {
    return this.#loop.applying.alarms;
  }

  /** The cluster as it is now. */
  get members(): MembersView {
    return this.#loop.applying.members;
  }

  /** A learner answers serializable ranges and questions about itself; all else is refused (`learnerRefuses`). */
  get isLearner(): boolean {
    return this.members.get(this.#options.identity.member)?.isLearner === true;
  }

  /** 0 when unknown. */
  get leader(): MemberId {
    return this.#leadership.leader;
  }

  /** What a request may take. */
  get requestTimeoutMs(): number {
    return this.#timeoutMs;
  }

  /** An id that no request of any member had or will have, but for members that share 16 bits of theirs. */
  newId(): bigint {
    return this.#proposals.newId();
  }

  /** Who decides, as this member has it in its log, committed or not. */
  get configuration(): Configuration {
    return this.#loop.configuration;
  }

  get status(): MemberStatus {
    const { role, term, leader } = this.#leadership;
    return {
      identity: this.#options.identity,
      role,
      term,
      leader,
      commitIndex: this.#loop.committed,
      appliedIndex: this.#loop.applying.applied,
      revision: this.store.revision,
      compactedRevision: this.store.compactedRevision,
      sizeBytes: this.store.sizeBytes,
      sizeInUseBytes: this.store.sizeInUseBytes,
      alarms: this.alarms.raised,
      leaderChangesTotal: this.#leaderChangesTotal,
      proposalsPending: this.#proposals.size,
      proposalsFailedTotal: this.#proposals.failedTotal,
    };
  }

  // ----------------------------------------------------------------------------------------------------------- requests

  /** Null when this member serves; waits for it, but not for ever. */
  whenServing(): EtcdError | null | Promise<EtcdError | null> {
    if (this.#gate.isOpen) return null;
    return this.#ended ? ETCD_ERRORS.stopped : this.#gate.wait(this.#deadlineMs());
  }

  /**
   * Comes to `run` when its state is there: serializable at once, linearizable after a quorum was asked (D4). Whoever has asked
   * runs it when it has room for the answer: later is as good, the state only becomes newer.
   */
  read<Response>(serializable: boolean, run: Reading<Response>): Promise<EtcdError | Reading<Response>> {
    // No async function: under load every promise on this way costs as much as a step of the read itself.
    if (!this.#gate.isOpen) return this.#entered().then((refusal) => refusal ?? this.read(serializable, run));
    if (serializable) return Promise.resolve(this.#reading(run));
    // A snapshot may be taking the place of the state: now, or when it is run.
    const ready = (): Reading<Response> | Promise<EtcdError | Reading<Response>> =>
      this.#gate.isOpen ? this.#reading(run) : this.read(true, run);
    return this.#readTurn().then((refusal) => refusal ?? ready());
  }

  #reading<Response>(run: Reading<Response>): Reading<Response> {
    return () => {
      if (this.#ended) return ETCD_ERRORS.stopped;
      return this.#loop.applying.isHeld ? ETCD_ERRORS.timeout : run();
    };
  }

  /** Runs a command through the log: what it came to, or why it is not known. */
  write(command: Command): Promise<Outcome> {
    if (this.#gate.isOpen) return this.#propose(command, null);
    return this.#entered().then((refusal) =>
      refusal === null ? this.#propose(command, null) : { kind: "refused", error: refusal },
    );
  }

  async #entered(): Promise<EtcdError | null> {
    return this.whenServing();
  }

  /**
   * Changes the membership: null once it is applied here. `context` is the encoded membershippb.Member for "add-..." and "update".
   * Whether the change is allowed by etcd's rules is the caller's to know; what has changed since is refused all the same.
   */
  async changeMembers(change: Change, context: Uint8Array): Promise<EtcdError | null> {
    const refusal = await this.whenServing();
    if (refusal !== null) return refusal;
    const changed = this.#changes.add(change, context, this.#deadlineMs());
    this.#repropose();
    return changed;
  }

  /** Everything applied here by now, as a file: to be read, and closed. Rejects when it cannot be made. */
  openSnapshot(): Promise<SnapshotSource> {
    return this.#loop.openSnapshot();
  }

  /** Rewrites this member's store without what is free in it, while requests go on. */
  defragment(): Promise<void> {
    return this.#options.storage.buffer.defragment();
  }

  /** etcd's Hash of this member's whole store. */
  hash(): Promise<number> {
    return this.#loop.applying.hash();
  }

  /** After a compaction was applied: null when what it removes is gone from the disk, too. */
  async whenRemoved(revision: number): Promise<EtcdError | null> {
    if (this.#ended) return ETCD_ERRORS.stopped;
    return this.#removals.wait(this.store, () => this.#options.storage.buffer, revision);
  }

  /** Lets what has arrived meanwhile go first: for work in slices. */
  pause(): Promise<void> {
    return this.#loop.applying.pause();
  }

  /** Hands leadership to another voter (Raft dissertation, section 3.10). Null once that leads; only the leader can do it. */
  async moveLeader(target: MemberId): Promise<EtcdError | null> {
    if (this.#ended) return ETCD_ERRORS.stopped;
    const { role, leader } = this.#leadership;
    if (role !== "leader") return ETCD_ERRORS.notLeader;
    if (this.members.get(target)?.isLearner !== false) return ETCD_ERRORS.badTransferee;
    return target === leader ? null : this.#handovers.begin(target, this.#timeoutMs, false);
  }

  /** Before a stop: a leader leaves to the voter that is furthest, so that the others need not miss it first. In any case soon over. */
  async leave(): Promise<void> {
    this.#removals.stop();
    if (!this.#ended) await this.#handovers.leave(this.#options.electionMs);
  }

  // --------------------------------------------------------------------------------------------------------- leadership

  /** Told from now on: what a leader has to do beside leading. */
  assign(duties: LeaderDuties, answers: PeerAnswers): void {
    this.#duties.assign(duties, answers);
  }

  /** The term in which this member led at a moment after the call, as a quorum says; null: it does not, or nobody says so. */
  async confirmLeadership(): Promise<Term | null> {
    const { role, term } = this.#leadership;
    if (this.#ended || role !== "leader") return null;
    const refusal = await this.#readTurn();
    // Whoever ceases to lead in a term never leads in it again; so it was this leader's own round.
    const isLeader = this.#leadership.role === "leader" && this.#leadership.term === term;
    return refusal === null && isLeader ? term : null;
  }

  /** Into this member's own log, as leader of this very term, or nowhere. */
  proposeAsLeader(command: Command, term: Term): Promise<Outcome> {
    return this.#propose(command, term);
  }

  /** A question to the leader, another member; null when there is no answer in time. */
  async ask(to: MemberId, request: Uint8Array, timeoutMs: number): Promise<Uint8Array | null> {
    return this.#ended ? null : this.#options.transport.request(to, request, timeoutMs);
  }

  // -------------------------------------------------------------------------------------------------------------- parts

  #deadlineMs(): number {
    return this.#options.clock.monotonicMs() + this.#timeoutMs;
  }

  #readTurn(): Promise<EtcdError | null> {
    if (this.#ended) return Promise.resolve(ETCD_ERRORS.stopped);
    return new Promise((resolve) => {
      this.#reads.add(this.#options.clock.monotonicMs(), resolve);
      this.#loop.wake();
    });
  }

  /** `term`: for its leader alone; null: for whoever leads. */
  #propose(command: Command, term: Term | null): Promise<Outcome> {
    if (this.#ended) return Promise.resolve({ kind: "refused", error: ETCD_ERRORS.stopped });
    if (this.#loop.committed > this.#loop.applying.applied + APPLY_LAG_MAX)
      return Promise.resolve({ kind: "refused", error: ETCD_ERRORS.tooManyRequests });
    return new Promise((resolve) => {
      const proposal = this.#proposals.add(command, this.#options.clock.monotonicMs(), resolve, term);
      if (proposal !== null) this.#loop.step({ kind: "propose", id: proposal.id, data: proposal.data, term });
    });
  }

  #repropose(): void {
    if (this.#leadership.leader === NO_MEMBER) return;
    for (const { id, data } of this.#proposals.takeWaiting()) this.#loop.step({ kind: "propose", id, data });
    for (const { id, change, context } of this.#changes.takeWaiting())
      this.#loop.step({ kind: "change", id, change, context });
  }

  #publish(): void {
    void this.#publishing.publish(() => this.#ended);
  }

  #open(): void {
    if (this.#publishing.isDone && !this.#ended && !this.#loop.applying.isHeld) this.#gate.open();
  }

  /** A snapshot of the leader's has become the state. */
  #restored(): void {
    this.watches.restored();
    this.#open();
    // It may have been among what the snapshot stands for, which is never applied here.
    if (!this.#publishing.isDone) this.#publish();
    if (this.members.removed.has(this.#options.identity.member)) this.#remove(0);
  }

  #tick(nowMs: number): void {
    this.#loop.step({ kind: "tick" });
    this.#reads.retry();
    this.#reads.expire(nowMs);
    this.#handovers.expire(nowMs);
    const troubles = { leaderChangedMs: this.#leaderChangedMs, connectionLostMs: this.#connectionLostMs };
    this.#proposals.expire(nowMs, troubles);
    this.#changes.expire(nowMs);
    this.#gate.expire(nowMs);
    this.#repropose();
    if (nowMs >= this.#nextProgressMs) {
      this.#nextProgressMs = nowMs + this.#watchProgressMs;
      this.watches.notifyProgress();
    }
    this.#duties.due(nowMs);
  }

  #turned(ready: Ready): void {
    for (const { id, index } of ready.readStates) this.#reads.confirmed(id, index);
    this.#reads.applied(this.#loop.applying.applied);
    // A leader that hands over is not full: what it drops waits for the next.
    const isFull = this.#leadership.role === "leader" && this.#loop.transferee === NO_MEMBER;
    for (const id of ready.droppedProposals) this.#proposals.dropped(id, isFull);
    for (const id of ready.droppedReads) this.#reads.dropped(id);
    for (const { id, reason } of ready.refusedChanges) this.#changes.refused(id, reason);
    // Reads that gathered while the last round was under way.
    if (ready.readStates.length > 0 && this.#reads.size > 0) this.#loop.wake();
  }

  #follow(leadership: Leadership): void {
    const { trace, clock, identity } = this.#options;
    const before = this.#leadership;
    this.#leadership = leadership;
    const { role, term, leader } = leadership;
    this.#duties.follow(before, leadership, clock.monotonicMs());
    if (leader === before.leader && role === before.role) return;
    const details = { "local-member-id": hex(identity.member), role, term, leader: hex(leader) };
    trace.info("raft state changed", details);
    if (leader === before.leader) return;
    this.#handovers.leaderIs(leader);
    this.#leaderChangedMs = clock.monotonicMs();
    if (leader === NO_MEMBER) return;
    this.#leaderChangesTotal++;
    this.#reads.retry();
    this.#repropose();
    this.#loop.wake();
  }

  /** Watchers that read history, a slice at a time: requests go on in between. */
  #catchUp(): void {
    if (!this.#ended && this.watches.work()) this.#options.soon(() => this.#catchUp());
  }

  /** The cluster has removed this member. */
  #remove(lingerMs: number): void {
    if (this.#ended || this.#isRemoved) return;
    this.#isRemoved = true;
    const { trace, clock, identity, removed } = this.#options;
    trace.warn("the member has been permanently removed from the cluster", { "local-member-id": hex(identity.member) });
    clock.after(lingerMs, () => {
      if (this.#end()) removed();
    });
  }

  /** False when it had ended before. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#ticker.stop();
    this.#loop.end();
    this.#gate.stop();
    this.#reads.stop();
    this.#proposals.stop();
    this.#changes.stop();
    this.#handovers.stop();
    this.#removals.stop();
    this.#duties.stop();
    return true;
  }
}
