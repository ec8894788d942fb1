/** The twin's leases, the ended ones too: from which entry of the log to which each lived, and what hung on it when. */
import type { Entry } from "../etcd/model.ts";

/** Index behind the log: it lives. */
export const ALIVE: number = Number.POSITIVE_INFINITY;

export interface TwinLease {
  readonly id: bigint;
  readonly ttlSeconds: number;
  /** The entry that granted it. */
  readonly granted: Entry;
  /** The index that ended it, or `ALIVE`. */
  endedAt: number;
  /** What the last checkpoint left of it, null: all; and the last but for those of that one's term. */
  checkpoint: Checkpoint;
  inherited: Checkpoint;
  /** What hung on it from an index on, sorted; in order. */
  readonly keys: { readonly index: number; readonly keys: readonly string[] }[];
}

interface Checkpoint {
  /** Whose leader proposed it. */
  readonly term: number;
  readonly remainingSeconds: number | null;
}

/** Told as it is replayed. */
export interface LeaseListener {
  granted(lease: TwinLease): void;
  checkpointed(lease: TwinLease): void;
  /** `entry` ended it. */
  ended(lease: TwinLease, entry: Entry): void;
}

export class TwinLeases {
  /** Ids are given out once: clients choose them so. */
  readonly #leases = new Map<bigint, TwinLease>();
  readonly #leaseOf = new Map<string, TwinLease>();
  readonly #listeners: LeaseListener[] = [];

  listen(listener: LeaseListener): void {
    this.#listeners.push(listener);
  }

  /** Of a lease that lives; null: it does not. */
  ttlOf(id: bigint): number | null {
    const lease = this.#leases.get(id);
    return lease?.endedAt === ALIVE ? lease.ttlSeconds : null;
  }

  /** Also when it has ended. */
  get(id: bigint): TwinLease | null {
    return this.#leases.get(id) ?? null;
  }

  get living(): readonly TwinLease[] {
    return [...this.#leases.values()].filter(({ endedAt }) => endedAt === ALIVE);
  }

  /** At some moment between two indices, both included, the lease was there; or, with `isThere` false, it was not. */
  mayBe(id: bigint, isThere: boolean, first: number, last: number): boolean {
    const lease = this.#leases.get(id);
    if (lease === undefined) return !isThere;
    const { granted, endedAt } = lease;
    return isThere ? granted.index <= last && endedAt > first : granted.index > first || endedAt <= last;
  }

  grant(entry: Entry, id: bigint, ttlSeconds: number): void {
    if (this.#leases.has(id)) return;
    const keys = [{ index: entry.index, keys: [] }];
    const whole: Checkpoint = { term: entry.term, remainingSeconds: null };
    const lease: TwinLease = {
      id,
      ttlSeconds,
      granted: entry,
      endedAt: ALIVE,
      checkpoint: whole,
      inherited: whole,
      keys,
    };
    this.#leases.set(id, lease);
    for (const each of this.#listeners) each.granted(lease);
  }

  /** Ends it; the keys that go with it, in order. */
  revoke(entry: Entry, id: bigint): readonly string[] {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.endedAt !== ALIVE) return [];
    const keys = lease.keys.at(-1)?.keys ?? [];
    lease.endedAt = entry.index;
    for (const each of this.#listeners) each.ended(lease, entry);
    return keys;
  }

  checkpoint({ term }: Entry, id: bigint, remainingSeconds: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.endedAt !== ALIVE) return;
    if (lease.checkpoint.term < term) lease.inherited = lease.checkpoint;
    lease.checkpoint = { term, remainingSeconds: remainingSeconds > 0 ? remainingSeconds : null };
    for (const each of this.#listeners) each.checkpointed(lease);
  }

  /** The key's newest version hangs on this lease, or on none: 0. */
  attach(index: number, key: string, id: bigint): void {
    const before = this.#leaseOf.get(key);
    if (before?.id === id) return;
    if (before !== undefined) move(before, index, (keys) => keys.filter((each) => each !== key));
    const lease = this.#leases.get(id);
    if (lease === undefined) {
      this.#leaseOf.delete(key);
      return;
    }
    this.#leaseOf.set(key, lease);
    move(lease, index, (keys) => [...keys, key].sort());
  }
}

/** What the leader of a term found when it began: seconds, for the lease as a whole or what an earlier checkpoint had left of it. */
export function foundBy(term: number, { ttlSeconds, checkpoint, inherited }: TwinLease): number {
  return (checkpoint.term < term ? checkpoint : inherited).remainingSeconds ?? ttlSeconds;
}

function move(lease: TwinLease, index: number, change: (keys: readonly string[]) => readonly string[]): void {
  lease.keys.push({ index, keys: change(lease.keys.at(-1)?.keys ?? []) });
}
