import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId, Term } from "../../base/ids.ts";
import type { Change, ChangeRefusal, Entry, Message } from "../model.ts";
import { changed, encodeConfigData } from "./configuration.ts";
import { plus } from "./log.ts";
import { Progress } from "./progress.ts";
import { isMajority, majorityIndex } from "./quorum.ts";
import type { RaftState } from "./state.ts";

type Kind<Name extends Message["kind"]> = Extract<Message, { readonly kind: Name }>;

const EMPTY = new Uint8Array(0);

/**
 * The leader's half of log replication (Raft, sections 5.3 and 5.4). Nothing is sent while inputs come in: `flush` sends once
 * a turn what each peer's progress allows, so that everything which arrived meanwhile travels together (D2).
 */
export class Replication {
  readonly #state: RaftState;
  /** Ascending by id. Who was removed stays until it was told, or is silent. */
  #progress: ReadonlyMap<MemberId, Progress> = new Map();
  /** Members that were removed, and the entry that says so. */
  readonly #leaving = new Map<MemberId, LogIndex>();
  #uncommittedBytes = 0;

  constructor(state: RaftState) {
    this.#state = state;
  }

  /** What this leader knows of its peers, ascending by id; empty when it does not lead. */
  get progress(): ReadonlyMap<MemberId, Progress> {
    return this.#progress;
  }

  /** Leadership begins: an empty entry of the new term lets it commit what earlier terms left (Raft, sections 5.4.2 and 8). */
  begin(): void {
    const { log } = this.#state;
    assert(this.#state.role === "leader", "only a leader replicates");
    this.end();
    this.#uncommittedBytes = log.bytesBetween(log.committed, log.lastIndex);
    this.#follow();
    this.#append("normal", EMPTY);
  }

  end(): void {
    this.#progress = new Map();
    this.#leaving.clear();
  }

  /** The configuration in effect has changed: a progress for each peer, and for who leaves as long as it is to be told. */
  #follow(): void {
    const { log, peers, limits } = this.#state;
    const before = this.#progress;
    const after = new Map(
      peers.map((peer) => [peer, before.get(peer) ?? new Progress(plus(log.lastIndex, 1), limits.windowAppends)]),
    );
    for (const peer of peers) this.#leaving.delete(peer);
    for (const [peer, progress] of before) {
      if (after.has(peer)) continue;
      after.set(peer, progress);
      if (!this.#leaving.has(peer)) this.#leaving.set(peer, log.configurationIndex);
    }
    this.#progress = new Map([...after].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** False when too much is uncommitted already: nothing was appended. */
  propose(data: Uint8Array): boolean {
    const bytes = this.#uncommittedBytes + data.length;
    if (this.#uncommittedBytes > 0 && bytes > this.#state.limits.uncommittedBytes) return false;
    this.#append("normal", data);
    return true;
  }

  #append(kind: Entry["kind"], data: Uint8Array): void {
    const { log, term } = this.#state;
    log.append({ term, index: plus(log.lastIndex, 1), kind, data });
    this.#uncommittedBytes += data.length;
  }

  /**
   * Appends a change of the configuration, in effect from now on (dissertation, chapter 4), or says why not: one at a time, and none
   * before an entry of this term is committed, since a leader may not know before which change was the last.
   */
  change(change: Change, context: Uint8Array): ChangeRefusal | null {
    const { log, term, decisions, review } = this.#state;
    const committed = { index: log.committed, term: log.termAt(log.committed) as Term };
    if (!decisions.mayChange(log.configurationIndex, committed, term)) return "change-pending";
    const configuration = changed(log.configuration, change);
    if (typeof configuration === "string") return configuration;
    if (change.kind === "promote" && !this.#hasCaughtUp(change.member)) return "learner-behind";
    const refusal = review(change, context, log.configurationIndex);
    if (refusal !== null) return refusal;
    this.#append("config", encodeConfigData(configuration, context));
    this.#follow();
    // Who is new gets an election time to say a word before its silence counts.
    this.#progress.get(change.member)?.heard();
    this.maybeCommit();
    return null;
  }

  /** What a peer lacks fits into one append, and it answers. */
  #hasCaughtUp(peer: MemberId): boolean {
    const { log, limits } = this.#state;
    const progress = this.#progress.get(peer);
    if (progress?.state !== "replicate" || !progress.isLive || progress.match < log.base.index) return false;
    return log.bytesBetween(progress.match, log.lastIndex) <= limits.appendBytes;
  }

  /**
   * Commits what a majority has persisted. Entries of earlier terms are committed only along with one of this term (Raft,
   * section 5.4.2, figure 8). This member counts with what it has synced itself (D3).
   */
  maybeCommit(): void {
    const { log, term, role, id, voters, decisions } = this.#state;
    assert(role === "leader", "only a leader commits by counting");
    const reached = voters.map((voter) => (voter === id ? log.persisted : this.#matchOf(voter)));
    const index = Math.max(majorityIndex(reached), this.#decidedAlone()) as LogIndex;
    if (index <= log.committed || !decisions.mayCommit(log.termAt(index) as Term, term)) return;
    this.#uncommittedBytes -= log.bytesBetween(log.committed, index);
    assert(this.#uncommittedBytes >= 0, "uncommitted bytes are never negative");
    log.commitTo(index);
  }

  /**
   * A single voter decides by itself that another decides with it from then on: nobody is elected without its vote before or
   * after. Waiting for both would be waiting for a member that cannot come before it is known to belong here.
   */
  #decidedAlone(): LogIndex {
    const { log, id } = this.#state;
    const before = log.previousConfiguration?.voters;
    const isAlone = before?.length === 1 && before[0] === id;
    return (isAlone ? Math.min(log.persisted, log.configurationIndex) : 0) as LogIndex;
  }

  #matchOf(peer: MemberId): LogIndex {
    const progress = this.#progress.get(peer);
    assert(progress !== undefined, "a leader knows all voters", { peer });
    return progress.match;
  }

  acknowledged(message: Kind<"append-response">): void {
    const { log } = this.#state;
    const progress = this.#progress.get(message.from);
    if (progress === undefined) return;
    if (message.rejected === null) {
      assert(message.index <= log.lastIndex, "a peer acknowledges what was sent", { index: message.index });
      progress.accepted(message.index);
      this.maybeCommit();
      return;
    }
    // Where the peer's log has a lower term than ours at the hint, ours cannot match before it reaches that term.
    const { hintIndex, hintTerm } = message.rejected;
    progress.rejected(message.index, log.lastNotAbove(hintIndex, hintTerm).index);
  }

  /** The peer answered a heartbeat. */
  alive(peer: MemberId): void {
    this.#progress.get(peer)?.alive();
  }

  /** What was in flight to the peer may be lost. */
  unreachable(peer: MemberId): void {
    this.#progress.get(peer)?.probe();
  }

  /** The peer took a snapshot of `index`, or none. */
  snapshotEnded(peer: MemberId, index: LogIndex | null): void {
    assert(index === null || index <= this.#state.log.lastIndex, "a snapshot is of what is committed", { index });
    this.#progress.get(peer)?.snapshotEnded(index);
  }

  /** Whether a majority, this member included if it votes, answered since the last call. */
  takeQuorumActive(): boolean {
    const active = new Set([this.#state.id]);
    for (const [peer, progress] of this.#progress) if (progress.takeActive()) active.add(peer);
    for (const [peer, index] of this.#leaving)
      if (!active.has(peer) && index <= this.#state.log.committed) this.#forget(peer);
    return isMajority(this.#state.voters, active);
  }

  #forget(peer: MemberId): void {
    this.#leaving.delete(peer);
    this.#progress = new Map([...this.#progress].filter(([id]) => id !== peer));
  }

  /** A heartbeat interval has passed. */
  beat(): void {
    for (const progress of this.#progress.values()) progress.beat();
  }

  /** A heartbeat never tells a peer to commit what it is not known to hold. */
  sendHeartbeats(readRound: number): void {
    const { log, outbox } = this.#state;
    for (const [peer, progress] of this.#progress) {
      const commit = Math.min(log.committed, progress.match) as LogIndex;
      progress.commitSent = Math.max(progress.commitSent, commit) as LogIndex;
      const { from, to, term } = this.#state.address(peer);
      outbox.messages.push({ kind: "heartbeat", from, to, term, commit, readRound });
    }
  }

  /** Sends every peer what it lacks, as far as its window allows, and the commit index if it has moved. */
  flush(): void {
    const { log } = this.#state;
    for (const [peer, progress] of this.#progress) {
      if (progress.next <= log.base.index) {
        this.#sendSnapshot(peer, progress);
        continue;
      }
      while (progress.maySend && (progress.next <= log.lastIndex || progress.mustSend))
        this.#send(peer, progress, true);
      if (progress.mustSend) this.#send(peer, progress, false);
      if (progress.state === "replicate" && progress.commitSent < log.committed) this.#send(peer, progress, false);
    }
    for (const [peer, index] of this.#leaving) {
      const progress = this.#progress.get(peer);
      if (progress !== undefined && progress.match >= index && progress.commitSent >= index) this.#forget(peer);
    }
  }

  /** Only to a peer that answers: to one that is down the attempt would be repeated in vain. */
  #sendSnapshot(peer: MemberId, progress: Progress): void {
    if (!(progress.maySend || progress.mustSend) || !progress.isLive) return;
    progress.snapshot(this.#state.log.base.index);
    this.#state.outbox.snapshotsToSend.push(peer);
  }

  #send(peer: MemberId, progress: Progress, withEntries: boolean): void {
    const { log, limits, outbox } = this.#state;
    const previousIndex = plus(progress.next, -1);
    const previousTerm = log.termAt(previousIndex);
    assert(previousTerm !== null, "a leader sends from inside its own log", { previousIndex, last: log.lastIndex });
    const entries = withEntries ? log.slice(progress.next, limits.appendBytes) : [];
    progress.sent(plus(previousIndex, entries.length));
    progress.commitSent = log.committed;
    const { from, to, term } = this.#state.address(peer);
    const { committed: commit } = log;
    outbox.messages.push({ kind: "append", from, to, term, previousIndex, previousTerm, commit, entries });
  }
}
