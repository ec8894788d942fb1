/**
 * The time that one leader counts for the leases, from its first committed entry to the end of its term. Nobody else counts: what
 * it knows ends with it, and the next leader begins anew from the leases' state. Time is an argument, monotonic milliseconds.
 */
import type { Term } from "../../base/ids.ts";
import { DueQueue } from "./due-queue.ts";
import type { Lease, LeasesView } from "./leases.ts";

/** A revocation that was not applied by then is tried again. */
const RETRY_MS = 3_000;
/** etcd's. A lease for longer than this gets what is left of it recorded each time so much of it has passed without a renewal. */
export const CHECKPOINT_SECONDS = 300;
/** A new leader of more leases than that lets them run out one after the other, so many a second. */
const SPREAD_ABOVE = 1_000;
const SPREAD_PER_SECOND = 750;

export class Tenure {
  readonly term: Term;
  /** Revocations proposed and not applied yet. */
  readonly revoking: Set<bigint> = new Set();
  readonly #leases: LeasesView;
  readonly #electionMs: number;
  readonly #checkpointSeconds: number;
  readonly #deadlines = new Map<bigint, number>();
  /** When to look at a lease whose time may be up. */
  readonly #ends = new DueQueue();
  readonly #checkpoints = new DueQueue();
  /** Number of the last checkpoint proposed for a lease that was not taken back since. */
  readonly #proposed = new Map<bigint, number>();
  #proposals = 0;
  #hasBegun = false;
  /** What the leader before acknowledged, it did by then. */
  #inheritedMs = Number.NEGATIVE_INFINITY;

  constructor(term: Term, leases: LeasesView, electionMs: number, checkpointSeconds: number = CHECKPOINT_SECONDS) {
    this.term = term;
    this.#leases = leases;
    this.#electionMs = electionMs;
    this.#checkpointSeconds = checkpointSeconds;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /**
   * Gives every lease its whole time, or what the last checkpoint left of it, and one election time-out: whatever the leader before
   * acknowledged, it did so within an election time-out of proof that it led, so before `nowMs` and that time-out.
   */
  begin(nowMs: number): void {
    this.#hasBegun = true;
    this.#inheritedMs = nowMs + this.#electionMs;
    const leases = [...this.#leases.list()].sort((a, b) => recorded(a) - recorded(b));
    const gapMs = leases.length > SPREAD_ABOVE ? 1000 / SPREAD_PER_SECOND : 0;
    let lastMs = Number.NEGATIVE_INFINITY;
    for (const lease of leases) {
      lastMs = Math.max(nowMs + recorded(lease) * 1000 + this.#electionMs, lastMs + gapMs);
      this.#set(lease, lastMs);
    }
  }

  // ------------------------------------------------------------------------------------------- as the leases' state changes

  granted(lease: Lease, nowMs: number): void {
    if (this.#hasBegun) this.#set(lease, nowMs + lease.ttlSeconds * 1000);
  }

  checkpointed(lease: Lease): void {
    const deadlineMs = this.#deadlines.get(lease.id);
    if (deadlineMs !== undefined) this.#schedule(lease, deadlineMs);
  }

  revoked(id: bigint): void {
    this.#deadlines.delete(id);
    this.#ends.delete(id);
    this.#checkpoints.delete(id);
    this.#proposed.delete(id);
  }

  // ------------------------------------------------------------------------------------------------------ as time passes

  /** Below zero: it has run out and is not revoked yet. Only once begun, of a lease that exists. */
  remainingMs(id: bigint, nowMs: number): number {
    return (this.#deadlines.get(id) ?? nowMs) - nowMs;
  }

  isExpired(id: bigint, nowMs: number): boolean {
    const deadlineMs = this.#deadlines.get(id);
    return deadlineMs !== undefined && deadlineMs <= nowMs;
  }

  /** The leader before may still acknowledge a renewal of its own: the first ones here do not cut that short. */
  renew(lease: Lease, nowMs: number): void {
    const ttlMs = lease.ttlSeconds * 1000;
    const inheritedMs = Math.min(this.#inheritedMs + ttlMs, this.#deadlines.get(lease.id) ?? nowMs);
    this.#set(lease, Math.max(nowMs + ttlMs, inheritedMs));
  }

  /** Leases whose time is up. They come again after a while, unless they were renewed or revoked. */
  takeExpired(nowMs: number, limit: number): readonly bigint[] {
    const expired = this.#ends.take(nowMs, limit);
    for (const id of expired) this.#ends.set(id, nowMs + RETRY_MS);
    return expired;
  }

  /** What is left of the leases for which that is to be recorded now. */
  takeCheckpoints(nowMs: number, limit: number): readonly { readonly id: bigint; readonly remainingSeconds: number }[] {
    this.#proposals++;
    const due = this.#checkpoints.take(nowMs, limit).filter((id) => !this.isExpired(id, nowMs));
    return due.map((id) => {
      this.#proposed.set(id, this.#proposals);
      // If it is lost, the next takes as long as if it were not.
      this.#checkpoints.set(id, nowMs + this.#checkpointSeconds * 1000);
      return { id, remainingSeconds: Math.ceil(this.remainingMs(id, nowMs) / 1000) };
    });
  }

  /** Whether the next leader might give the lease less than its whole time: a renewal must take that back first. */
  isCheckpointed(lease: Lease): boolean {
    return lease.remainingSeconds !== null || this.#proposed.has(lease.id);
  }

  /** Taking checkpoints back is proposed after those proposed so far. What this returns goes to `takenBack` when it is applied. */
  get checkpointsProposed(): number {
    return this.#proposals;
  }

  takenBack(id: bigint, checkpointsProposed: number): void {
    if ((this.#proposed.get(id) ?? 0) <= checkpointsProposed) this.#proposed.delete(id);
  }

  /** The next to run out first. */
  byDeadline(): readonly bigint[] {
    return [...this.#deadlines].sort(([, a], [, b]) => a - b).map(([id]) => id);
  }

  #set(lease: Lease, deadlineMs: number): void {
    this.#deadlines.set(lease.id, deadlineMs);
    this.#ends.set(lease.id, deadlineMs);
    this.#schedule(lease, deadlineMs);
  }

  #schedule(lease: Lease, deadlineMs: number): void {
    const seconds = recorded(lease);
    if (seconds > this.#checkpointSeconds)
      this.#checkpoints.set(lease.id, deadlineMs - (seconds - this.#checkpointSeconds) * 1000);
    else this.#checkpoints.delete(lease.id);
  }
}

/** What a new leader would give it. */
function recorded({ ttlSeconds, remainingSeconds }: Lease): number {
  return remainingSeconds ?? ttlSeconds;
}
