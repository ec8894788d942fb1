import { assert } from "../../base/assert.ts";
import type { LogIndex, MemberId } from "../../base/ids.ts";
import type { Message } from "../model.ts";
import { type LogPosition, plus } from "./log.ts";
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
  readonly #progress = new Map<MemberId, Progress>();
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
    const { log, peers, limits } = this.#state;
    assert(this.#state.role === "leader", "only a leader replicates");
    this.#progress.clear();
    for (const peer of peers) this.#progress.set(peer, new Progress(plus(log.lastIndex, 1), limits.windowAppends));
    this.#uncommittedBytes = log.bytesBetween(log.committed, log.lastIndex);
    this.#append(EMPTY);
  }

  end(): void {
    this.#progress.clear();
  }

  /** False when too much is uncommitted already: nothing was appended. */
  propose(data: Uint8Array): boolean {
    const bytes = this.#uncommittedBytes + data.length;
    if (this.#uncommittedBytes > 0 && bytes > this.#state.limits.uncommittedBytes) return false;
    this.#append(data);
    return true;
  }

  #append(data: Uint8Array): void {
    const { log, term } = this.#state;
    log.append({ term, index: plus(log.lastIndex, 1), kind: "normal", data });
    this.#uncommittedBytes += data.length;
  }

  /**
   * Commits what a majority has persisted. Entries of earlier terms are committed only along with one of this term (Raft,
   * section 5.4.2, figure 8). This member counts with what it has synced itself (D3).
   */
  maybeCommit(): void {
    const { log, term, role } = this.#state;
    assert(role === "leader", "only a leader commits by counting");
    const reached: LogIndex[] = [log.persisted];
    for (const progress of this.#progress.values()) reached.push(progress.match);
    const index = majorityIndex(reached);
    if (index <= log.committed || log.termAt(index) !== term) return;
    this.#uncommittedBytes -= log.bytesBetween(log.committed, index);
    assert(this.#uncommittedBytes >= 0, "uncommitted bytes are never negative");
    log.commitTo(index);
  }

  acknowledged(message: Kind<"append-response">): void {
    const { log } = this.#state;
    const progress = this.#of(message.from);
    progress.active = true;
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
    this.#of(peer).alive();
  }

  /** What was in flight to the peer may be lost. */
  unreachable(peer: MemberId): void {
    this.#progress.get(peer)?.probe();
  }

  /** Whether a majority, this member included, answered since the last call. */
  takeQuorumActive(): boolean {
    const active = new Set([this.#state.id]);
    for (const [peer, progress] of this.#progress) {
      if (progress.active) active.add(peer);
      progress.active = false;
    }
    return isMajority(this.#state.voters, active);
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
      outbox.messages.push({ kind: "heartbeat", ...this.#state.address(peer), commit, readRound });
    }
  }

  /** Sends every peer what it lacks, as far as its window allows, and the commit index if it has moved. */
  flush(): void {
    const { log } = this.#state;
    for (const [peer, progress] of this.#progress) {
      while (progress.maySend && (progress.next <= log.lastIndex || progress.mustSend))
        this.#send(peer, progress, true);
      if (progress.mustSend) this.#send(peer, progress, false);
      if (progress.state === "replicate" && progress.commitSent < log.committed) this.#send(peer, progress, false);
    }
  }

  #send(peer: MemberId, progress: Progress, withEntries: boolean): void {
    const { log, limits, outbox } = this.#state;
    const previousIndex = plus(progress.next, -1);
    const previousTerm = log.termAt(previousIndex);
    assert(previousTerm !== null, "a leader sends from inside its own log", { previousIndex, last: log.lastIndex });
    const entries = withEntries ? log.slice(progress.next, limits.appendBytes) : [];
    progress.sent(plus(previousIndex, entries.length));
    progress.commitSent = log.committed;
    const address = this.#state.address(peer);
    outbox.messages.push({ kind: "append", ...address, previousIndex, previousTerm, entries, commit: log.committed });
  }

  #of(peer: MemberId): Progress {
    const progress = this.#progress.get(peer);
    assert(progress !== undefined, "a leader knows all its peers", { peer });
    return progress;
  }
}

/**
 * A follower's half: takes entries that fit its log, or says where the two logs may still agree. The answer is a promise and
 * waits for the sync (D3).
 */
export function takeAppend(state: RaftState, message: Kind<"append">): void {
  const { log, outbox } = state;
  assert(state.leader === message.from, "entries come from the leader of the term", { from: message.from });
  const previous: LogPosition = { index: message.previousIndex, term: message.previousTerm };
  const matched = log.tryAppend(previous, message.entries);
  const address = state.address(message.from);
  if (matched === null) {
    const hint = log.lastNotAbove(message.previousIndex, message.previousTerm);
    const rejected = { hintIndex: hint.index, hintTerm: hint.term };
    outbox.promises.push({ kind: "append-response", ...address, index: message.previousIndex, rejected });
    return;
  }
  log.commitTo(Math.min(message.commit, matched) as LogIndex);
  outbox.promises.push({ kind: "append-response", ...address, index: matched, rejected: null });
}

/** Answered at once: whoever answers in this term has helped no leader of a later one to power, and that is no new promise. */
export function takeHeartbeat(state: RaftState, message: Kind<"heartbeat">): void {
  assert(state.leader === message.from, "heartbeats come from the leader of the term", { from: message.from });
  state.log.commitTo(message.commit);
  const address = state.address(message.from);
  state.outbox.messages.push({ kind: "heartbeat-response", ...address, readRound: message.readRound });
}

/**
 * A leader of an earlier term learns which term it is. Without an answer a member whose term has run ahead could neither win (others
 * hear the leader) nor follow.
 */
export function refuseLeader(state: RaftState, message: Kind<"append" | "heartbeat">): void {
  assert(message.term < state.term, "only a stale leader is refused", { term: message.term });
  const address = state.address(message.from);
  if (message.kind === "heartbeat") {
    state.outbox.messages.push({ kind: "heartbeat-response", ...address, readRound: 0 });
    return;
  }
  const rejected = { hintIndex: state.log.lastIndex, hintTerm: state.log.lastTerm };
  state.outbox.promises.push({ kind: "append-response", ...address, index: message.previousIndex, rejected });
}
