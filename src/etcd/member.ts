/**
 * The member: one loop around the raft core (D2, D3, D4).
 *
 *   inputs   ticks, peers' messages, proposals, reads, returned syncs: gathered, and taken as one batch a turn
 *   turn     step the core with all of them -> one Ready -> send, hand to the WAL without waiting, apply, answer
 *
 * The world is handed in (clock, log, transport, trace, chance): the simulator runs this very file. Every request gets exactly
 * one answer: a response, or the error that etcd's clients know.
 */
import { hex, type LogIndex, type MemberId, NO_MEMBER, type Term } from "../base/ids.ts";
import type { Prng } from "../base/prng.ts";
import type { Clock, Timer } from "../env/clock.ts";
import type { Trace } from "../env/trace.ts";
import type { Transport } from "../env/transport.ts";
import type { Outcome } from "./apply/applier.ts";
import type { MakeHeader } from "./apply/header.ts";
import type { MembersView } from "./cluster/members.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import { Applying } from "./member-apply.ts";
import { CAREFUL, type MemberDecisions } from "./member-decisions.ts";
import { MemberDisk } from "./member-disk.ts";
import { Gate } from "./member-gate.ts";
import { Handovers } from "./member-handover.ts";
import { type Command, Proposals } from "./member-proposals.ts";
import { Reads } from "./member-reads.ts";
import type {
  ClusterMember,
  Identity,
  Leadership,
  LogBase,
  MemberStatus,
  Message,
  PromiseMessage,
  PromptMessage,
  RaftInput,
  Ready,
} from "./model.ts";
import type { MvccStore } from "./mvcc/store.ts";
import { RaftCore } from "./raft/core.ts";
import { CORRECT, type RaftDecisions } from "./raft/decisions.ts";
import type { RaftLimits } from "./raft/state.ts";
import type { MemberStorage } from "./storage.ts";
import { WatchHub } from "./watch/hub.ts";

export interface MemberOptions {
  readonly identity: Identity;
  readonly name: string;
  readonly clientUrls: readonly string[];
  /** This member among them. */
  readonly founders: readonly ClusterMember[];
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly requestMaxBytes: number;
  /** Above all that an earlier start may have counted up to from its own, by one a microsecond at most: `wal/start-number`. */
  readonly startNumber: number;
  /** Its failures come to `fail`. */
  readonly storage: MemberStorage;
  readonly clock: Clock;
  readonly transport: Transport<Message>;
  readonly trace: Trace;
  readonly prng: Prng;
  /** Where they differ from this server's own: small ones meet their ends sooner. */
  readonly raftLimits?: Partial<RaftLimits>;
  /** Default: the correct ones. A server that is broken on purpose brings others. */
  readonly decisions?: RaftDecisions;
  readonly memberDecisions?: MemberDecisions;
  /** Runs a turn soon: after what has already arrived, before any timer. */
  readonly soon: (turn: () => void) => void;
  /** No promise can be kept any more (D3): end this member. Called at most once; nothing is acknowledged afterwards. */
  readonly failed: (error: Error) => void;
}

export type Answer<Response> = Response | EtcdError;

/** A read that may be run. */
export type Reading<Response> = () => Answer<Response>;

/** etcd's: what a request may take, elections aside. */
const REQUEST_TIMEOUT_MS = 5_000;
/** etcd's default for idle watchers that asked to be told how far they are. */
const PROGRESS_NOTIFY_MS = 600_000;
/** A member that is to join. */
const NOTHING: LogBase = { index: 0 as LogIndex, term: 0 as Term, configuration: { voters: [], learners: [] } };
/** What one peer may be sent without an answer stays below what its connection queues. */
const RAFT_LIMITS = { appendBytes: 512 * 1024, windowAppends: 64, uncommittedBytes: 64 * 1024 ** 2, waitingReads: 16 };

export class Member {
  /** What watch streams attach to. */
  readonly watches: WatchHub;
  /** Resolves when this member has applied an entry of its own proposed since its start (D4): from then on it serves. */
  readonly serving: Promise<void>;
  readonly #options: MemberOptions;
  readonly #core: RaftCore;
  readonly #applying: Applying;
  readonly #disk: MemberDisk;
  readonly #gate = new Gate();
  readonly #proposals: Proposals;
  readonly #reads: Reads;
  readonly #handovers = new Handovers();
  readonly #timeoutMs: number;
  readonly #makeHeader: MakeHeader;
  #inputs: RaftInput[] = [];
  #turnDue = false;
  #tickTimer: Timer | null = null;
  #nextTickMs = 0;
  #nextProgressMs: number;
  #leadership: Leadership;
  #resolveServing: () => void = () => {};
  #ended = false;
  #leaderChangedMs = Number.NEGATIVE_INFINITY;
  #connectionLostMs = Number.NEGATIVE_INFINITY;
  #leaderChangesTotal = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { identity, clock, storage } = options;
    this.serving = new Promise((resolve) => {
      this.#resolveServing = resolve;
    });
    this.#makeHeader = (revision) => ({
      clusterId: identity.cluster,
      memberId: identity.member,
      revision,
      raftTerm: this.#leadership.term,
    });
    const decisions = options.memberDecisions ?? CAREFUL;
    this.#applying = this.#makeApplying(decisions);
    this.#disk = new MemberDisk(storage, (number, error) => this.#persisted(number, error));
    this.watches = new WatchHub({
      view: this.store,
      makeHeader: this.#makeHeader,
      onWork: () => options.soon(() => this.#catchUp()),
    });
    this.#timeoutMs = REQUEST_TIMEOUT_MS + 2 * options.electionMs;
    this.#proposals = new Proposals(identity.member, options.startNumber / 1000, {
      requestMaxBytes: options.requestMaxBytes,
      timeoutMs: this.#timeoutMs,
    });
    this.#reads = new Reads(this.#timeoutMs, decisions);
    this.#nextProgressMs = clock.monotonicMs() + PROGRESS_NOTIFY_MS;
    this.#leadership = { role: "follower", term: storage.hardState.term, leader: NO_MEMBER };
    this.#core = this.#makeCore();
  }

  #makeApplying(decisions: MemberDecisions): Applying {
    return new Applying({
      ...this.#options,
      makeHeader: this.#makeHeader,
      decisions,
      listener: {
        published: (events) => this.watches.publish(events, this.store.revision),
        outcome: (id, data, outcome) => this.#proposals.applied(id, data, outcome),
        progressed: () => this.#reads.applied(this.#applying.applied),
      },
    });
  }

  #makeCore(): RaftCore {
    const { identity, storage, electionMs, heartbeatMs, prng, startNumber, raftLimits, decisions } = this.#options;
    return new RaftCore({
      id: identity.member,
      base: storage.base ?? NOTHING,
      electionTicks: Math.ceil(electionMs / heartbeatMs),
      heartbeatTicks: 1,
      prng,
      hardState: storage.hardState,
      entries: storage.entries,
      appliedIndex: this.#applying.applied,
      firstSequence: startNumber,
      limits: { ...RAFT_LIMITS, ...raftLimits },
      decisions: decisions ?? CORRECT,
    });
  }

  /** Begins to take part. */
  start(): void {
    const { transport, clock, heartbeatMs } = this.#options;
    transport.receive({
      messages: (_, messages) => {
        for (const message of messages) this.#inputs.push({ kind: "message", message });
        this.#wake();
      },
      unreachable: (peer) => {
        this.#connectionLostMs = clock.monotonicMs();
        this.#handovers.unreachable(peer);
        this.#inputs.push({ kind: "unreachable", peer });
        this.#wake();
      },
    });
    this.#nextTickMs = clock.monotonicMs() + heartbeatMs;
    this.#tickTimer = clock.after(heartbeatMs, () => this.#tick());
    this.#publish();
    this.#wake();
  }

  /** Answers what waits with "server stopped", and closes storage and transport. */
  async stop(): Promise<void> {
    if (!this.#end()) return;
    await this.#options.transport.close();
    await this.#disk.close();
  }

  /** The storage failed: what was promised may be lost, so nothing more is. */
  fail(error: Error): void {
    if (!this.#end()) return;
    this.#options.trace.error("the storage failed", { error: error.message });
    this.#options.failed(error);
  }

  // ----------------------------------------------------------------------------------------------------------- requests

  /** Whether a serializable read may run at once on `store`. */
  get isServing(): boolean {
    return this.#gate.isOpen;
  }

  /** The store as it is now. */
  get store(): MvccStore {
    return this.#applying.store;
  }

  /** The cluster as it is now. */
  get members(): MembersView {
    return this.#applying.members;
  }

  /** Null when this member serves; waits for it, but not for ever. */
  whenServing(): EtcdError | null | Promise<EtcdError | null> {
    if (this.#gate.isOpen) return null;
    if (this.#ended) return ETCD_ERRORS.stopped;
    return this.#gate.wait(this.#options.clock.monotonicMs() + this.#timeoutMs);
  }

  get status(): MemberStatus {
    const { role, term, leader } = this.#leadership;
    return {
      identity: this.#options.identity,
      role,
      term,
      leader,
      commitIndex: this.#core.status.committed,
      appliedIndex: this.#applying.applied,
      revision: this.store.revision,
      compactedRevision: this.store.compactedRevision,
      sizeBytes: this.store.sizeBytes,
      leaderChangesTotal: this.#leaderChangesTotal,
      proposalsPending: this.#proposals.size,
      proposalsFailedTotal: this.#proposals.failedTotal,
    };
  }

  /** The header of an answer at `revision`, bound. */
  get makeHeader(): MakeHeader {
    return this.#makeHeader;
  }

  /**
   * Comes to `run` when its state is there: serializable at once, linearizable after a quorum was asked (D4). Whoever has asked
   * runs it when it has room for the answer: later is as good, the state only becomes newer.
   */
  async read<Response>(serializable: boolean, run: Reading<Response>): Promise<EtcdError | Reading<Response>> {
    const refusal = await this.whenServing();
    if (refusal !== null) return refusal;
    if (serializable) return run;
    if (this.#ended) return ETCD_ERRORS.stopped;
    return new Promise((resolve) => {
      this.#reads.add(this.#options.clock.monotonicMs(), (late) => resolve(late ?? run));
      this.#wake();
    });
  }

  /** Runs a command through the log: what it came to, or why it is not known. */
  async write(command: Command): Promise<Outcome> {
    const refusal = await this.whenServing();
    return refusal === null ? this.#propose(command) : { kind: "refused", error: refusal };
  }

  /** Hands leadership to another voter (Raft dissertation, section 3.10). Null once that leads; only the leader can do it. */
  async moveLeader(target: MemberId): Promise<EtcdError | null> {
    if (this.#ended) return ETCD_ERRORS.stopped;
    const { role, leader } = this.#leadership;
    if (role !== "leader") return ETCD_ERRORS.notLeader;
    if (this.members.get(target)?.isLearner !== false) return ETCD_ERRORS.badTransferee;
    return target === leader ? null : this.#handOver(target, this.#timeoutMs, false);
  }

  /** Before a stop: a leader leaves to the voter that is furthest, so that the others need not miss it first. In any case soon over. */
  async leave(): Promise<void> {
    const { role, peers, configuration } = this.#core.status;
    if (this.#ended || role !== "leader") return;
    const voters = peers.filter(({ id, isLive }) => isLive && configuration.voters.includes(id));
    const furthest = Math.max(...voters.map(({ match }) => match));
    const target = voters.find(({ match }) => match === furthest);
    if (target !== undefined) await this.#handOver(target.id, this.#options.electionMs, true);
  }

  #handOver(target: MemberId, timeoutMs: number, isHasty: boolean): Promise<EtcdError | null> {
    this.#inputs.push({ kind: "transfer", target });
    this.#wake();
    return this.#handovers.add(target, this.#options.clock.monotonicMs() + timeoutMs, isHasty);
  }

  #propose(command: Command): Promise<Outcome> {
    if (this.#ended) return Promise.resolve({ kind: "refused", error: ETCD_ERRORS.stopped });
    return new Promise((resolve) => {
      const proposal = this.#proposals.add(command, this.#options.clock.monotonicMs(), resolve);
      if (proposal === null) return;
      this.#inputs.push({ kind: "propose", ...proposal });
      this.#wake();
    });
  }

  /** Tells the cluster name and client URLs, again until it was applied here; then everything that waits may be served (D4). */
  async #publish(): Promise<void> {
    const { identity, name, clientUrls, trace } = this.#options;
    const memberAttributes = { name, clientUrls };
    const outcome = await this.#propose({ clusterMemberAttrSet: { memberId: identity.member, memberAttributes } });
    if (this.#ended) return;
    if (outcome.kind === "refused") {
      trace.warn("failed to publish local member to cluster through raft", { error: outcome.error.message });
      return this.#publish();
    }
    trace.info("published local member to cluster through raft", {
      "local-member-id": hex(identity.member),
      "cluster-id": hex(identity.cluster),
      name,
      "client-urls": clientUrls,
    });
    this.#resolveServing();
    this.#gate.open();
  }

  // --------------------------------------------------------------------------------------------------------------- loop

  #tick(): void {
    if (this.#ended) return;
    const { clock, heartbeatMs } = this.#options;
    const nowMs = clock.monotonicMs();
    // However late: one tick. Time this process did not have is no evidence against a leader.
    this.#nextTickMs = Math.max(this.#nextTickMs + heartbeatMs, nowMs + heartbeatMs / 2);
    this.#tickTimer = clock.after(this.#nextTickMs - nowMs, () => this.#tick());
    this.#inputs.push({ kind: "tick" });
    this.#reads.retry();
    this.#reads.expire(nowMs);
    this.#handovers.expire(nowMs);
    this.#proposals.expire(nowMs, {
      leaderChangedMs: this.#leaderChangedMs,
      connectionLostMs: this.#connectionLostMs,
    });
    this.#gate.expire(nowMs);
    this.#repropose();
    if (nowMs >= this.#nextProgressMs) {
      this.#nextProgressMs = nowMs + PROGRESS_NOTIFY_MS;
      this.watches.notifyProgress();
    }
    this.#wake();
  }

  #wake(): void {
    if (this.#turnDue || this.#ended) return;
    this.#turnDue = true;
    this.#options.soon(() => this.#turn());
  }

  #turn(): void {
    this.#turnDue = false;
    if (this.#ended) return;
    const inputs = this.#inputs;
    this.#inputs = [];
    for (const input of inputs) this.#core.step(input);
    if (this.#leadership.leader !== NO_MEMBER) {
      const round = this.#reads.begin();
      if (round !== null) this.#core.step({ kind: "read-index", id: round });
    }
    const ready = this.#core.takeReady();
    if (ready !== null) this.#obey(ready);
  }

  /** In the order of Ready's fields. */
  #obey(ready: Ready): void {
    this.#disk.persist(ready, null);
    this.#send(ready.messages, this.#disk.takeKept());
    if (ready.leadership !== null) this.#follow(ready.leadership);
    this.#applying.take(ready.entriesToApply);
    for (const { id, index } of ready.readStates) this.#reads.confirmed(id, index);
    this.#reads.applied(this.#applying.applied);
    // A leader that hands over is not full: what it drops waits for the next.
    const isFull = this.#leadership.role === "leader" && this.#core.transferee === NO_MEMBER;
    for (const id of ready.droppedProposals) this.#proposals.dropped(id, isFull);
    for (const id of ready.droppedReads) this.#reads.dropped(id);
    // Reads that gathered while the last round was under way.
    if (ready.readStates.length > 0 && this.#reads.size > 0) this.#wake();
  }

  #persisted(number: number, error: Error | null): void {
    if (this.#ended) return;
    if (error !== null) {
      this.fail(error);
      return;
    }
    this.#inputs.push({ kind: "persisted", number });
    // At once: an acknowledgement that waits for a turn keeps a client waiting.
    const promises = this.#disk.takeKept();
    if (promises.length > 0) this.#send([], promises);
    this.#wake();
  }

  /** One batch for each peer. */
  #send(messages: readonly PromptMessage[], promises: readonly PromiseMessage[]): void {
    const batches = new Map<MemberId, Message[]>();
    for (const list of [messages, promises]) {
      for (const message of list) {
        const batch = batches.get(message.to);
        if (batch === undefined) batches.set(message.to, [message]);
        else batch.push(message);
      }
    }
    for (const [to, batch] of batches) this.#options.transport.send(to, batch);
  }

  #follow(leadership: Leadership): void {
    const { trace, clock, identity } = this.#options;
    const before = this.#leadership;
    this.#leadership = leadership;
    if (leadership.leader === before.leader && leadership.role === before.role) return;
    trace.info("raft state changed", {
      "local-member-id": hex(identity.member),
      role: leadership.role,
      term: leadership.term,
      leader: hex(leadership.leader),
    });
    if (leadership.leader === before.leader) return;
    this.#handovers.leaderIs(leadership.leader);
    this.#leaderChangedMs = clock.monotonicMs();
    if (leadership.leader === NO_MEMBER) return;
    this.#leaderChangesTotal++;
    this.#reads.retry();
    this.#repropose();
    this.#wake();
  }

  #repropose(): void {
    if (this.#leadership.leader === NO_MEMBER) return;
    for (const { id, data } of this.#proposals.takeWaiting()) this.#inputs.push({ kind: "propose", id, data });
  }

  /** Watchers that read history, a slice at a time: requests go on in between. */
  #catchUp(): void {
    if (!this.#ended && this.watches.work()) this.#options.soon(() => this.#catchUp());
  }

  /** False when it had ended before. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#tickTimer?.cancel();
    this.#gate.stop();
    this.#reads.stop();
    this.#proposals.stop();
    this.#handovers.stop();
    return true;
  }
}
