/**
 * Leases as the log made them: which exist, for how long they were granted, and which keys hang on them. State and nothing else:
 * no time passes here (D1), so every member that applied the same entries holds the same leases. The leader's part, which counts
 * time and proposes the end of those whose time is up, is in lessor.ts.
 *
 *   grant, revoke, checkpoint    written by apply alone; kept in the `lease` bucket under the id, 8 bytes big-endian
 *   attach                       follows every change of a key; kept nowhere, because the keys' versions say it too
 *   load                         at start and after an installed snapshot, before the keys' versions are told to `attach`
 */
import { assert } from "../../base/assert.ts";
import { hex } from "../../base/ids.ts";
import { Lease as StoredLease } from "../../proto/gen/leasepb.ts";
import type { Bucket, BucketReader } from "../backend/backend.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";

export interface Lease {
  /** Any 64 bits but 0, which means "no lease"; signed, as the API has it. */
  readonly id: bigint;
  /** As granted. */
  readonly ttlSeconds: number;
  /** What was left of it at the last checkpoint since it was renewed; null: no checkpoint was. */
  readonly remainingSeconds: number | null;
}

/** The lease bucket of the store. */
export type LeaseStorage = Pick<BucketReader, "range"> & {
  put(bucket: Bucket, key: Uint8Array, value: Uint8Array): void;
  delete(bucket: Bucket, key: Uint8Array): void;
};

/** Told of every change, in order, while it is applied. */
export interface LeaseWatcher {
  granted(lease: Lease): void;
  checkpointed(lease: Lease): void;
  revoked(id: bigint): void;
}

/** Reads the state without changing it. */
export interface LeasesView {
  readonly size: number;
  get(id: bigint): Lease | null;
  list(): Iterable<Lease>;
  /** The names (`keyName`) of the keys attached, in order of bytes. */
  keysOf(id: bigint): readonly string[];
}

export const NO_LEASE = 0n;
/** etcd's: 285 years. */
export const TTL_MAX_SECONDS = 9_000_000_000;
const BUCKET: Bucket = "lease";
/** Read at a time while loading. */
const SLICE = 1_000;

interface Held {
  lease: Lease;
  readonly keys: Set<string>;
}

export class Leases implements LeasesView {
  #storage: LeaseStorage | null;
  readonly #held = new Map<bigint, Held>();
  /** Which lease each attached key hangs on. */
  readonly #leaseOf = new Map<string, bigint>();
  #watcher: LeaseWatcher | null = null;

  /** Null: kept nowhere, whoever owns it applies the whole log again after a restart. */
  constructor(storage: LeaseStorage | null) {
    this.#storage = storage;
  }

  watch(watcher: LeaseWatcher): void {
    assert(this.#watcher === null, "leases have one watcher");
    this.#watcher = watcher;
  }

  /** Forgets everything and takes what `storage` holds, without the attachments. */
  async load(storage: LeaseStorage, pause: () => Promise<void>): Promise<void> {
    this.#storage = storage;
    this.#held.clear();
    this.#leaseOf.clear();
    for (let from: Uint8Array | null = new Uint8Array(0); from !== null; ) {
      let last: Uint8Array | null = null;
      let read = 0;
      for (const { key, value } of storage.range(BUCKET, { from, limit: SLICE })) {
        const { id, ttl, remainingTtl } = StoredLease.decode(value);
        this.#held.set(id, {
          lease: { id, ttlSeconds: ttl, remainingSeconds: remainingTtl > 0 ? remainingTtl : null },
          keys: new Set(),
        });
        last = key;
        read++;
      }
      from = last === null || read < SLICE ? null : after(last);
      if (from !== null) await pause();
    }
  }

  get size(): number {
    return this.#held.size;
  }

  get(id: bigint): Lease | null {
    return this.#held.get(id)?.lease ?? null;
  }

  *list(): Generator<Lease> {
    for (const { lease } of this.#held.values()) yield lease;
  }

  keysOf(id: bigint): readonly string[] {
    return [...(this.#held.get(id)?.keys ?? [])].sort();
  }

  /** Null when it was granted. Whoever proposes has chosen the id and raised the time to the minimum: no flag of this member counts. */
  grant(id: bigint, ttlSeconds: number): EtcdError | null {
    if (id === NO_LEASE) return ETCD_ERRORS.leaseNotFound;
    if (ttlSeconds > TTL_MAX_SECONDS) return ETCD_ERRORS.leaseTtlTooLarge;
    if (this.#held.has(id)) return ETCD_ERRORS.leaseExists;
    const lease: Lease = { id, ttlSeconds, remainingSeconds: null };
    this.#held.set(id, { lease, keys: new Set() });
    this.#keep(lease);
    this.#watcher?.granted(lease);
    return null;
  }

  /** Ends a lease; its keys are the caller's to delete, in the same revision. */
  revoke(id: bigint): void {
    const held = this.#held.get(id);
    assert(held !== undefined, "a lease that is revoked exists", { id: hex(id) });
    for (const key of held.keys) this.#leaseOf.delete(key);
    this.#held.delete(id);
    this.#storage?.delete(BUCKET, bucketKey(id));
    this.#watcher?.revoked(id);
  }

  /** What is left of a lease, for the next leader; 0: all of it again. A lease that is gone is none of its business. */
  checkpoint(id: bigint, remainingSeconds: number): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    held.lease = { ...held.lease, remainingSeconds: remainingSeconds > 0 ? remainingSeconds : null };
    this.#keep(held.lease);
    this.#watcher?.checkpointed(held.lease);
  }

  /** A key's newest version hangs on this lease, or on none: 0, also for a deletion. Versions of the past may name leases that ended. */
  attach(key: string, id: bigint): void {
    const before = this.#leaseOf.get(key);
    if (before === id || (before === undefined && id === NO_LEASE)) return;
    if (before !== undefined) {
      this.#held.get(before)?.keys.delete(key);
      this.#leaseOf.delete(key);
    }
    const held = this.#held.get(id);
    if (held === undefined) return;
    held.keys.add(key);
    this.#leaseOf.set(key, id);
  }

  #keep({ id, ttlSeconds, remainingSeconds }: Lease): void {
    const value = StoredLease.encode({ id, ttl: ttlSeconds, remainingTtl: remainingSeconds ?? 0 });
    this.#storage?.put(BUCKET, bucketKey(id), value);
  }
}

function bucketKey(id: bigint): Uint8Array {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt.asUintN(64, id));
  return key;
}

/** The first key that can follow. */
function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
