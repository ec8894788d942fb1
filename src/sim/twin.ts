/**
 * The slow twin: the committed log replayed by the plainest store there is, every version of every key in a list. What members
 * answer, and what they hold in the end, must be what it says.
 */
import { assert } from "../base/assert.ts";
import type { Entry } from "../etcd/model.ts";
import {
  type Compare,
  CompareTarget,
  InternalRaftRequest,
  type PutRequest,
  type RequestOp,
  type TxnRequest,
} from "../proto/gen/etcdserverpb.ts";
import { TwinLeases } from "./twin-leases.ts";

export interface TwinKeyValue {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  /** 0: deleted. */
  readonly version: number;
  /** 0: none. */
  readonly lease: bigint;
}

/** As a member shows it, in an answer or in its store. */
export interface ShownKeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: bigint;
}

/** A compaction that took effect. */
export interface TwinCompaction {
  readonly index: number;
  readonly revision: number;
}

const FIRST_REVISION = 1;
/** As the store has it. */
export const NEVER_COMPACTED = -1;

export class Twin {
  readonly leases: TwinLeases;
  /** In order. */
  readonly compactions: TwinCompaction[] = [];
  /** By key, oldest first; deletions are versions too. */
  readonly #versions = new Map<string, TwinKeyValue[]>();
  /** By revision. */
  readonly #changes: TwinKeyValue[][] = [[], []];
  /** By log index: the revision after it. */
  readonly #revisions: number[];
  #open: TwinKeyValue[] = [];

  /** `begins`: the index behind which the log begins. */
  constructor(begins: number) {
    this.#revisions = Array.from({ length: begins + 1 }, () => FIRST_REVISION);
    this.leases = new TwinLeases();
  }

  /** How far the log was replayed. */
  get index(): number {
    return this.#revisions.length - 1;
  }

  get revision(): number {
    return this.#changes.length - 1;
  }

  revisionAt(index: number): number {
    return this.#revisions[index] as number;
  }

  /** What an entry's compaction, or one before it, has left to be read: nothing below. */
  compactedAt(index: number): number {
    return this.compactions.findLast((each) => each.index <= index)?.revision ?? NEVER_COMPACTED;
  }

  /** Oldest first; deletions are versions too. */
  versionsOf(key: string): readonly TwinKeyValue[] {
    return this.#versions.get(key) ?? [];
  }

  /** Every key that was ever written, sorted. */
  get keys(): readonly string[] {
    return [...this.#versions.keys()].sort();
  }

  /** The log index that made a revision above the first. */
  indexOf(revision: number): number {
    let index = this.#revisions.length - 1;
    while (index > 0 && (this.#revisions[index - 1] as number) >= revision) index--;
    return index;
  }

  changesAt(revision: number): readonly TwinKeyValue[] {
    return this.#changes[revision] ?? [];
  }

  /** The key as of a revision; null when it was absent. */
  get(key: string, revision: number): TwinKeyValue | null {
    const versions = this.#versions.get(key) ?? [];
    for (let at = versions.length - 1; at >= 0; at--) {
      const version = versions[at] as TwinKeyValue;
      if (version.modRevision <= revision) return version.version === 0 ? null : version;
    }
    return null;
  }

  replay(entry: Entry): void {
    assert(entry.index === this.index + 1, "the log is replayed in order", { index: entry.index });
    if (entry.kind === "normal" && entry.data.length > 0) this.#run(entry, InternalRaftRequest.decode(entry.data));
    for (const { key, lease } of this.#open) this.leases.attach(entry.index, key, lease);
    if (this.#open.length > 0) {
      this.#changes.push(this.#open);
      this.#open = [];
    }
    this.#revisions.push(this.revision);
  }

  #run(entry: Entry, command: InternalRaftRequest): void {
    const { put, deleteRange, txn, compaction, leaseGrant, leaseRevoke, leaseCheckpoint } = command;
    if (put !== null && this.#mayPut(put)) this.#put(put);
    if (deleteRange !== null) this.#delete(textOf(deleteRange.key));
    if (txn !== null) this.#txn(txn);
    if (compaction !== null) this.#compact(entry.index, compaction.revision);
    if (leaseGrant !== null) this.leases.grant(entry, leaseGrant.id, leaseGrant.ttl);
    if (leaseRevoke !== null) for (const key of this.leases.revoke(entry, leaseRevoke.id)) this.#delete(key);
    for (const { id, remainingTtl } of leaseCheckpoint?.checkpoints ?? [])
      this.leases.checkpoint(entry, id, remainingTtl);
  }

  #compact(index: number, revision: number): void {
    if (revision > this.compactedAt(index) && revision <= this.revision) this.compactions.push({ index, revision });
  }

  /** All or nothing: what one operation is refused for, all are. */
  #txn(txn: TxnRequest): void {
    const holds = txn.compare.every((compare) => this.#holds(compare));
    const operations = holds ? txn.success : txn.failure;
    if (operations.every(({ request }) => this.#may(request)))
      for (const { request } of operations) this.#operation(request);
  }

  #may(request: RequestOp["request"]): boolean {
    if (request?.kind === "requestPut") return this.#mayPut(request.value);
    if (request?.kind !== "requestRange" || request.value.revision === 0) return true;
    const { revision } = request.value;
    return revision <= this.revision && revision >= (this.compactions.at(-1)?.revision ?? NEVER_COMPACTED);
  }

  #mayPut({ lease }: PutRequest): boolean {
    return lease === 0n || this.leases.ttlOf(lease) !== null;
  }

  #operation(request: RequestOp["request"]): void {
    if (request?.kind === "requestPut") this.#put(request.value);
    if (request?.kind === "requestDeleteRange") this.#delete(textOf(request.value.key));
    assert(request?.kind !== "requestTxn", "clients of the simulator do not nest transactions");
  }

  /** Before anything of the transaction ran. */
  #holds({ target, targetUnion, key, rangeEnd }: Compare): boolean {
    const isKnown = target === CompareTarget.MOD && targetUnion?.kind === "modRevision" && rangeEnd.length === 0;
    assert(isKnown, "clients of the simulator compare one key's modification");
    return (this.get(textOf(key), this.revision)?.modRevision ?? 0) === targetUnion.value;
  }

  #put(request: PutRequest): void {
    const [key, value] = [textOf(request.key), textOf(request.value)];
    const before = this.get(key, this.revision + 1);
    const modRevision = this.revision + 1;
    this.#add({
      key,
      value,
      createRevision: before?.createRevision ?? modRevision,
      modRevision,
      version: (before?.version ?? 0) + 1,
      lease: request.lease,
    });
  }

  #delete(key: string): void {
    if (this.get(key, this.revision + 1) === null) return;
    this.#add({ key, value: "", createRevision: 0, modRevision: this.revision + 1, version: 0, lease: 0n });
  }

  #add(version: TwinKeyValue): void {
    const versions = this.#versions.get(version.key);
    if (versions === undefined) this.#versions.set(version.key, [version]);
    else versions.push(version);
    this.#open.push(version);
  }
}

export function textOf(bytes: Uint8Array): string {
  return Buffer.prototype.latin1Slice.call(bytes, 0, bytes.length);
}

export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** Whether what a member shows is what the twin holds, in every field. */
export function isSame(shown: ShownKeyValue | null | undefined, held: TwinKeyValue | null): boolean {
  if (shown === null || shown === undefined || held === null) return (shown ?? null) === held;
  return (
    shown.modRevision === held.modRevision &&
    shown.createRevision === held.createRevision &&
    shown.version === held.version &&
    shown.lease === held.lease &&
    textOf(shown.key) === held.key &&
    textOf(shown.value) === held.value
  );
}

/** For a line of text; values are long, so only their beginning. */
export function shownAs(kv: ShownKeyValue | TwinKeyValue | null | undefined): string {
  if (kv === null || kv === undefined) return "nothing";
  const value = typeof kv.value === "string" ? kv.value : textOf(kv.value);
  return `${value.slice(0, 12)} (mod ${kv.modRevision}, create ${kv.createRevision}, version ${kv.version})`;
}
