/**
 * The leader's part of leases: it counts their time, answers for them, and proposes the end of those whose time is up.
 *
 * A leader that stood still may have been replaced and not know it (etcd issues 12528 and 15247), so nothing is said or done on its
 * clock alone. Let s be the moment a quorum round began, and P the moment a later leader gave every lease its time anew:
 *
 *   a renewal is acknowledged at A < s + election time-out. If there is a later leader, s < P, and it keeps the lease until
 *   P + time to live + election time-out, which is after A + time to live: the promise holds, whoever leads, and whatever was
 *   renewed there meanwhile.
 *   a revocation is proposed only if the lease had run out before s. Until then nobody else had led, so nobody else renewed it. The
 *   proposal goes into this leader's own log in this term, or nowhere: if it is committed at all, then before the later leader's
 *   first entry, and that leader renews nothing before it has applied its own.
 *
 * The member tells `leaderSince` and `follower` when they begin, and `due` often. Nothing here sets a timer.
 */
import type { Term } from "../../base/ids.ts";
import type { InternalRaftRequest } from "../../proto/gen/etcdserverpb.ts";
import { type Answer, AnswerKind, type Question } from "../../proto/gen/leasepb.ts";
import type { Leases } from "./leases.ts";
import { type Proof, Rounds } from "./rounds.ts";
import { CHECKPOINT_SECONDS, Tenure } from "./tenure.ts";

export type LeaseCommand = Partial<Pick<InternalRaftRequest, "leaseRevoke" | "leaseCheckpoint">>;

/** Since this process began. */
export interface LeaseCounts {
  /** As applied here. */
  readonly granted: number;
  readonly revoked: number;
  /** As acknowledged here, as leader. */
  readonly renewed: number;
  /** Revoked because their time was up, as proposed here. */
  readonly expired: number;
}

/** What the leader's part needs of the member. Neither promise rejects. */
export interface LessorHost {
  nowMs(): number;
  /** As `RoundsOptions.confirm`. */
  confirmLeadership(): Promise<Term | null>;
  /** Appends to this member's own log, as leader of this very term, or to none. True when it was applied here. */
  proposeAsLeader(command: LeaseCommand, term: Term): Promise<boolean>;
}

/** etcd's rhythm: 1,000 revocations a second. */
const SCAN_MS = 500;
const EXPIRED_MAX = 500;
const REVOKING_MAX = 1_000;
const CHECKPOINTS_MAX = 1_000;
const AGAIN: Answer = { kind: AnswerKind.AGAIN, ttl: 0, grantedTtl: 0, keys: [] };
const UNKNOWN: Answer = { kind: AnswerKind.UNKNOWN, ttl: 0, grantedTtl: 0, keys: [] };

export class Lessor {
  readonly #leases: Leases;
  readonly #host: LessorHost;
  readonly #electionMs: number;
  readonly #checkpointSeconds: number;
  readonly #rounds: Rounds;
  /** Null while another member leads, or none. */
  #tenure: Tenure | null = null;
  #nextScanMs = Number.NEGATIVE_INFINITY;
  readonly #counts = { granted: 0, revoked: 0, renewed: 0, expired: 0 };

  /** `checkpointSeconds`: how often what is left of long leases is recorded. */
  constructor(leases: Leases, host: LessorHost, electionMs: number, checkpointSeconds: number = CHECKPOINT_SECONDS) {
    this.#leases = leases;
    this.#host = host;
    this.#electionMs = electionMs;
    this.#checkpointSeconds = checkpointSeconds;
    this.#rounds = new Rounds({ nowMs: () => host.nowMs(), confirm: () => host.confirmLeadership(), electionMs });
    leases.watch({
      granted: (lease) => {
        this.#counts.granted++;
        this.#tenure?.granted(lease, host.nowMs());
      },
      checkpointed: (lease) => this.#tenure?.checkpointed(lease),
      revoked: (id) => {
        this.#counts.revoked++;
        this.#tenure?.revoked(id);
      },
    });
  }

  get counts(): LeaseCounts {
    return this.#counts;
  }

  /** This member leads. Time counts from the first proof of it, which comes after all entries of earlier terms were applied. */
  leaderSince(term: Term): void {
    if (this.#tenure?.term === term) return;
    this.#tenure = new Tenure(term, this.#leases, this.#electionMs, this.#checkpointSeconds);
    void this.#prove(this.#tenure);
  }

  /** This member does not lead any more. */
  follower(): void {
    this.#tenure = null;
  }

  due(nowMs: number): void {
    const tenure = this.#tenure;
    if (tenure === null) return;
    if (!tenure.hasBegun) {
      if (!this.#rounds.isRunning) void this.#prove(tenure);
      return;
    }
    if (nowMs < this.#nextScanMs) return;
    this.#nextScanMs = nowMs + SCAN_MS;
    const limit = Math.min(EXPIRED_MAX, REVOKING_MAX - tenure.revoking.size);
    const expired = tenure.takeExpired(nowMs, limit).filter((id) => !tenure.revoking.has(id));
    if (expired.length > 0) void this.#revoke(tenure, expired);
    const checkpoints = tenure
      .takeCheckpoints(nowMs, CHECKPOINTS_MAX)
      .map(({ id, remainingSeconds }) => ({ id, remainingTtl: remainingSeconds }));
    if (checkpoints.length > 0) void this.#host.proposeAsLeader({ leaseCheckpoint: { checkpoints } }, tenure.term);
  }

  /** Ids of all leases: the next to run out first where this member counts their time. */
  list(): readonly bigint[] {
    if (this.#tenure?.hasBegun) return this.#tenure.byDeadline();
    return [...this.#leases.list()].map(({ id }) => id);
  }

  /** One answer for each question, in order; `AGAIN` for all while this member cannot prove that it leads. */
  async decide(questions: readonly Question[]): Promise<readonly Answer[]> {
    const askedMs = this.#host.nowMs();
    const tenure = this.#tenure;
    const proof = tenure === null ? null : await this.#prove(tenure);
    if (tenure === null || proof === null) return questions.map(() => AGAIN);
    const nowMs = this.#host.nowMs();
    const checkpointed = new Set<bigint>();
    const answers = questions.map((question) => {
      const lease = this.#leases.get(question.id);
      if (lease === null) return UNKNOWN;
      if (!question.renew) return this.#look(tenure, question, nowMs);
      // Only when the revocation is applied is it certain that the lease is gone. One asked for in time is saved until it is proposed.
      if (tenure.revoking.has(lease.id) || tenure.isExpired(lease.id, askedMs)) return AGAIN;
      tenure.renew(lease, nowMs);
      this.#counts.renewed++;
      if (tenure.isCheckpointed(lease)) checkpointed.add(lease.id);
      return { kind: AnswerKind.ALIVE, ttl: lease.ttlSeconds, grantedTtl: lease.ttlSeconds, keys: [] };
    });
    if (checkpointed.size === 0 || (await this.#takeBack(tenure, checkpointed, proof))) return answers;
    return answers.map((answer, i) => (checkpointed.has((questions[i] as Question).id) ? AGAIN : answer));
  }

  #look(tenure: Tenure, { id, keys }: Question, nowMs: number): Answer {
    return {
      kind: AnswerKind.ALIVE,
      // Towards zero, as etcd; adding makes -0 plain.
      ttl: Math.trunc(tenure.remainingMs(id, nowMs) / 1000) + 0,
      grantedTtl: this.#leases.get(id)?.ttlSeconds ?? 0,
      keys: keys ? this.#leases.keysOf(id).map((key) => Buffer.from(key, "latin1")) : [],
    };
  }

  /** The next leader must not know of a checkpoint from before a renewal that was acknowledged. False: it may, and now it is too late. */
  async #takeBack(tenure: Tenure, ids: ReadonlySet<bigint>, proof: Proof): Promise<boolean> {
    const { checkpointsProposed } = tenure;
    const checkpoints = [...ids].map((id) => ({ id, remainingTtl: 0 }));
    if (!(await this.#host.proposeAsLeader({ leaseCheckpoint: { checkpoints } }, tenure.term))) return false;
    for (const id of ids) tenure.takenBack(id, checkpointsProposed);
    return this.#host.nowMs() - proof.sinceMs < this.#electionMs;
  }

  async #revoke(tenure: Tenure, expired: readonly bigint[]): Promise<void> {
    if ((await this.#prove(tenure)) === null) return;
    const nowMs = this.#host.nowMs();
    for (const id of expired) {
      if (!tenure.isExpired(id, nowMs) || tenure.revoking.has(id)) continue;
      tenure.revoking.add(id);
      void this.#host.proposeAsLeader({ leaseRevoke: { id } }, tenure.term).then((isApplied) => {
        tenure.revoking.delete(id);
        if (isApplied) this.#counts.expired++;
      });
    }
  }

  /** Null: this member cannot prove that it leads in this term, or does so no more. */
  async #prove(tenure: Tenure): Promise<Proof | null> {
    const proof = await this.#rounds.prove();
    if (proof?.term !== tenure.term || this.#tenure !== tenure) return null;
    if (!tenure.hasBegun) tenure.begin(this.#host.nowMs());
    return proof;
  }
}
