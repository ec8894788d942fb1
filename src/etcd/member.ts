/**
 * The member: one loop around the raft core (D2, D3, D4).
 *
 *   inputs   ticks, peers' messages, proposals, reads, returned syncs: gathered, and taken as one batch a turn
 *   turn     step the core with all of them -> one Ready -> send, hand to the WAL without waiting, apply, answer
 *
 * The world is handed in (clock, log, transport, trace, chance): the simulator runs this very file. Every request gets exactly
 * one answer: a response, or the error that etcd's clients know.
 */
import { assert } from "../base/assert.ts";
import { hex, type LogIndex, type MemberId, NO_MEMBER, type Term } from "../base/ids.ts";
import type { Prng } from "../base/prng.ts";
import type { Clock, Timer } from "../env/clock.ts";
import type { Trace } from "../env/trace.ts";
import type { Transport } from "../env/transport.ts";
import { InternalRaftRequest } from "../proto/gen/etcdserverpb.ts";
import { Applier, type Outcome } from "./apply/applier.ts";
import type { MakeHeader } from "./apply/header.ts";
import { MemoryBuckets } from "./backend/buckets.ts";
import { ClusterMembers, type MembersView } from "./cluster/members.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import { Leases } from "./lease/leases.ts";
import { Handovers } from "./member-handover.ts";
import { type Command, Proposals } from "./member-proposals.ts";
import { Reads } from "./member-reads.ts";
import type {
  ClusterMember,
  Entry,
  HardState,
  Identity,
  Leadership,
  MemberStatus,
  Message,
  PromiseMessage,
  PromptMessage,
  RaftInput,
  Ready,
} from "./model.ts";
import { MvccStore } from "./mvcc/store.ts";
import { RaftCore } from "./raft/core.ts";
import { CORRECT, type RaftDecisions } from "./raft/decisions.ts";
import type { RaftLimits } from "./raft/state.ts";
import { WatchHub } from "./watch/hub.ts";

/** The write-ahead log as the member needs it; `wal/` is the real one. */
export interface MemberLog {
  /** `done` comes after this has returned, in order; an error ends the log. */
  append(
    batch: { readonly hardState: HardState | null; readonly entries: readonly Entry[] },
    done: (error: Error | null) => void,
  ): void;
  close(): Promise<void>;
}

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
  /** As restored from the log. */
  readonly hardState: HardState;
  readonly entries: readonly Entry[];
  readonly log: MemberLog;
  readonly clock: Clock;
  readonly transport: Transport<Message>;
  readonly trace: Trace;
  readonly prng: Prng;
  /** Where they differ from this server's own: small ones meet their ends sooner. */
  readonly raftLimits?: Partial<RaftLimits>;
  /** Default: the correct ones. A server that is broken on purpose brings others. */
  readonly decisions?: RaftDecisions;
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
const GATE_MAX = 50_000;
/** etcd's default for idle watchers that asked to be told how far they are. */
const PROGRESS_NOTIFY_MS = 600_000;
/** What one peer may be sent without an answer stays below what its connection queues. */
const RAFT_LIMITS = { appendBytes: 512 * 1024, windowAppends: 64, uncommittedBytes: 64 * 1024 ** 2, waitingReads: 16 };

interface Gated {
  readonly deadlineMs: number;
  readonly open: (refusal: EtcdError | null) => void;
}

export class Member {
  /** What watch streams attach to. */
  readonly watches: WatchHub;
  /** Resolves when this member has applied an entry of its own proposed since its start (D4): from then on it serves. */
  readonly serving: Promise<void>;
  readonly #options: MemberOptions;
  readonly #core: RaftCore;
  readonly #store: MvccStore = new MvccStore(new MemoryBuckets(), {
    onCompaction: () => this.#options.soon(() => this.#removeCompacted()),
  });
  readonly #leases = new Leases(null);
  readonly #members: ClusterMembers;
  readonly #applier: Applier;
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
  #applied = 0 as LogIndex;
  #unsavedHardState: HardState | null = null;
  /** Number of the last Ready handed to the log, and of the last that is durable. */
  #handedOut = 0;
  #durable = 0;
  /** Promises that wait for the sync they rest on (D3), oldest first. */
  #promises: { readonly number: number; readonly messages: readonly PromiseMessage[] }[] = [];
  #isServing = false;
  #gate: Gated[] = [];
  #resolveServing: () => void = () => {};
  #ended = false;
  #leaderChangedMs = Number.NEGATIVE_INFINITY;
  #connectionLostMs = Number.NEGATIVE_INFINITY;
  #leaderChangesTotal = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
    const { identity, clock, founders, hardState } = options;
    this.serving = new Promise((resolve) => {
      this.#resolveServing = resolve;
    });
    this.#members = new ClusterMembers(identity, founders);
    this.#makeHeader = (revision) => ({
      clusterId: identity.cluster,
      memberId: identity.member,
      revision,
      raftTerm: this.#leadership.term,
    });
    this.watches = new WatchHub({
      view: this.#store,
      makeHeader: this.#makeHeader,
      onWork: () => options.soon(() => this.#catchUp()),
    });
    this.#applier = new Applier({
      store: this.#store,
      leases: this.#leases,
      cluster: this.#members,
      makeHeader: this.#makeHeader,
    });
    this.#timeoutMs = REQUEST_TIMEOUT_MS + 2 * options.electionMs;
    this.#proposals = new Proposals(identity.member, options.startNumber / 1000, {
      requestMaxBytes: options.requestMaxBytes,
      timeoutMs: this.#timeoutMs,
    });
    this.#reads = new Reads(this.#timeoutMs);
    this.#nextProgressMs = clock.monotonicMs() + PROGRESS_NOTIFY_MS;
    this.#leadership = { role: "follower", term: hardState.term, leader: NO_MEMBER };
    this.#core = new RaftCore({
      id: identity.member,
      base: {
        index: 0 as LogIndex,
        term: 0 as Term,
        configuration: { voters: founders.map((member) => member.id), learners: [] },
      },
      electionTicks: Math.ceil(options.electionMs / options.heartbeatMs),
      heartbeatTicks: 1,
      prng: options.prng,
      hardState,
      entries: options.entries,
      appliedIndex: 0 as LogIndex,
      firstSequence: options.startNumber,
      limits: { ...RAFT_LIMITS, ...options.raftLimits },
      decisions: options.decisions ?? CORRECT,
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

  /** Answers what waits with "server stopped", and closes log and transport. */
  async stop(): Promise<void> {
    if (!this.#end()) return;
    if (this.#unsavedHardState !== null)
      this.#options.log.append({ hardState: this.#unsavedHardState, entries: [] }, () => {});
    await this.#options.transport.close();
    await this.#options.log.close();
  }

  // ----------------------------------------------------------------------------------------------------------- requests

  /** Whether a serializable read may run at once on `store`. */
  get isServing(): boolean {
    return this.#isServing;
  }

  /** The store as it is now. Nobody but apply writes it: reads that may see a revision being written have no other. */
  get store(): MvccStore {
    return this.#store;
  }

  /** The cluster as it is now. */
  get members(): MembersView {
    return this.#members;
  }

  /** Null when this member serves; waits for it, but not for ever. */
  whenServing(): EtcdError | null | Promise<EtcdError | null> {
    if (this.#isServing) return null;
    if (this.#ended) return ETCD_ERRORS.stopped;
    if (this.#gate.length >= GATE_MAX) return ETCD_ERRORS.tooManyRequests;
    const deadlineMs = this.#options.clock.monotonicMs() + this.#timeoutMs;
    return new Promise((open) => this.#gate.push({ deadlineMs, open }));
  }

  get status(): MemberStatus {
    const { role, term, leader } = this.#leadership;
    return {
      identity: this.#options.identity,
      role,
      term,
      leader,
      commitIndex: this.#core.status.committed,
      appliedIndex: this.#applied,
      revision: this.#store.revision,
      compactedRevision: this.#store.compactedRevision,
      sizeBytes: this.#store.sizeBytes,
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
    if (this.#members.get(target)?.isLearner !== false) return ETCD_ERRORS.badTransferee;
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
    this.#isServing = true;
    this.#resolveServing();
    this.#openGate(null);
  }

  #openGate(refusal: EtcdError | null): void {
    const waiting = this.#gate;
    this.#gate = [];
    for (const { open } of waiting) open(refusal);
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
    while (this.#gate.length > 0 && (this.#gate[0] as Gated).deadlineMs <= nowMs)
      (this.#gate.shift() as Gated).open(ETCD_ERRORS.noLeader);
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
    assert(ready.snapshot === null && ready.snapshotsToSend.length === 0, "no log is cut yet");
    this.#persist(ready);
    if (ready.messagesAfterPersist.length > 0)
      this.#promises.push({ number: this.#handedOut, messages: ready.messagesAfterPersist });
    this.#send(ready.messages, this.#takeKeptPromises());
    if (ready.leadership !== null) this.#follow(ready.leadership);
    for (const entry of ready.entriesToApply) this.#apply(entry);
    for (const { id, index } of ready.readStates) this.#reads.confirmed(id, index);
    this.#reads.applied(this.#applied);
    // A leader that hands over is not full: what it drops waits for the next.
    const isFull = this.#leadership.role === "leader" && this.#core.transferee === NO_MEMBER;
    for (const id of ready.droppedProposals) this.#proposals.dropped(id, isFull);
    for (const id of ready.droppedReads) this.#reads.dropped(id);
    // Reads that gathered while the last round was under way.
    if (ready.readStates.length > 0 && this.#reads.size > 0) this.#wake();
  }

  #persist(ready: Ready): void {
    const hardState = ready.hardState ?? this.#unsavedHardState;
    // A commit index alone is only a hint: it goes with the next batch that must be synced.
    if (!ready.mustSync) {
      this.#unsavedHardState = hardState;
      return;
    }
    this.#unsavedHardState = null;
    this.#handedOut = ready.number;
    const { number } = ready;
    this.#options.log.append({ hardState, entries: ready.entriesToPersist }, (error) => this.#persisted(number, error));
  }

  #persisted(number: number, error: Error | null): void {
    if (this.#ended) return;
    if (error !== null) {
      this.#options.trace.error("failed to save raft hard state and entries", { error: error.message });
      this.#end();
      this.#options.failed(error);
      return;
    }
    this.#durable = number;
    this.#inputs.push({ kind: "persisted", number });
    this.#sendKeptPromises();
    this.#wake();
  }

  /** At once: an acknowledgement that waits for a turn keeps a client waiting. */
  #sendKeptPromises(): void {
    const promises = this.#takeKeptPromises();
    if (promises.length > 0) this.#send([], promises);
  }

  #takeKeptPromises(): readonly PromiseMessage[] {
    const kept: PromiseMessage[] = [];
    while (this.#promises.length > 0 && (this.#promises[0]?.number as number) <= this.#durable)
      kept.push(...(this.#promises.shift()?.messages ?? []));
    return kept;
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

  #apply(entry: Entry): void {
    assert(entry.index === this.#applied + 1, "entries are applied in order, each once", { index: entry.index });
    assert(entry.kind === "normal", "membership does not change through the log yet", { index: entry.index });
    this.#applied = entry.index;
    // A new leader's first entry.
    if (entry.data.length === 0) return;
    const command = InternalRaftRequest.decode(entry.data);
    const { outcome, events } = this.#applier.apply(command);
    if (events.length > 0) this.watches.publish(events, this.#store.revision);
    if (command.header !== null) this.#proposals.applied(command.header.id, entry.data, outcome);
  }

  /** Watchers that read history, a slice at a time: requests go on in between. */
  #catchUp(): void {
    if (!this.#ended && this.watches.work()) this.#options.soon(() => this.#catchUp());
  }

  /** What the store has compacted, a slice at a time. */
  #removeCompacted(): void {
    if (!this.#ended && this.#store.compactStep()) this.#options.soon(() => this.#removeCompacted());
  }

  /** False when it had ended before. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#isServing = false;
    this.#tickTimer?.cancel();
    this.#openGate(ETCD_ERRORS.stopped);
    this.#reads.stop();
    this.#proposals.stop();
    this.#handovers.stop();
    return true;
  }
}
