import type { ObservedKeyValue, OperationRecord, OperationResponse } from "../model/history.ts";

/** An acknowledged write that changed the store, and the version it left if nothing of unknown outcome touched its key. */
export interface KnownWrite {
  readonly operation: OperationRecord;
  readonly kind: "put" | "delete";
  readonly key: string;
  /** Empty for a delete. */
  readonly value: string;
  readonly revision: number;
  /** Version and create revision of the key after it, counted over acknowledged writes alone; 0 after a delete. */
  readonly version: number;
  readonly createRevision: number;
}

export interface KeyFacts {
  /** By revision. */
  readonly writes: KnownWrite[];
  /** In the order of their starts, like every list of operations here. */
  readonly unknownPuts: OperationRecord[];
  readonly unknownDeletes: OperationRecord[];
  readonly failedPuts: OperationRecord[];
}

const NOTHING: KeyFacts = { writes: [], unknownPuts: [], unknownDeletes: [], failedPuts: [] };

/** An operation that was answered. */
export interface Answered {
  readonly operation: OperationRecord;
  readonly response: OperationResponse;
}

/** Who wrote a value: a write that was acknowledged with that revision, one of unknown outcome, or nobody. */
export type Author =
  | { readonly kind: "known" | "unknown"; readonly operation: OperationRecord }
  /** The revision belongs to another write. */
  | { readonly kind: "conflict"; readonly operation: OperationRecord }
  /** The only put of this value certainly had no effect. */
  | { readonly kind: "failed"; readonly operation: OperationRecord }
  | { readonly kind: "other-revision"; readonly operation: OperationRecord }
  | { readonly kind: "nobody" };

/** What the writes of a history say about the store, indexed for the checks. */
export class StoreFacts {
  /** Revision of the store before the first operation. */
  readonly initialRevision: number;
  /** Every acknowledged write by revision; of two writes that claim one revision, the first. */
  readonly byRevision: ReadonlyMap<number, KnownWrite>;
  readonly duplicates: readonly KnownWrite[];
  /** All keys, in the order of their starts. */
  readonly unknownWrites: readonly OperationRecord[];
  readonly #keys = new Map<string, KeyFacts>();

  constructor(operations: readonly OperationRecord[], initialRevision: number) {
    this.initialRevision = initialRevision;
    const byRevision = new Map<number, KnownWrite>();
    const duplicates: KnownWrite[] = [];
    const unknownWrites: OperationRecord[] = [];
    for (const operation of [...operations].sort((a, b) => a.startNs - b.startNs || a.id - b.id)) {
      const { request, outcome } = operation;
      if (request.kind === "get") continue;
      const facts = this.#factsOf(request.key);
      if (outcome.kind === "unknown") {
        unknownWrites.push(operation);
        (request.kind === "put" ? facts.unknownPuts : facts.unknownDeletes).push(operation);
      } else if (outcome.kind === "failed") {
        if (request.kind === "put") facts.failedPuts.push(operation);
      } else if (changesStore(outcome.response)) {
        const { kind, key } = request;
        const value = request.kind === "put" ? request.value : "";
        const { revision } = outcome.response;
        const write: KnownWrite = { operation, kind, key, value, revision, version: 0, createRevision: 0 };
        facts.writes.push(write);
        if (byRevision.has(write.revision)) duplicates.push(write);
        else byRevision.set(write.revision, write);
      }
    }
    for (const { writes } of this.#keys.values()) countVersions(writes.sort((a, b) => a.revision - b.revision));
    this.byRevision = byRevision;
    this.duplicates = duplicates;
    this.unknownWrites = unknownWrites;
  }

  ofKey(key: string): KeyFacts {
    return this.#keys.get(key) ?? NOTHING;
  }

  /** The last acknowledged write of the key with a revision of at most `revision`. */
  lastWrite(key: string, revision: number): KnownWrite | null {
    const { writes } = this.ofKey(key);
    let low = 0;
    let high = writes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((writes[middle] as KnownWrite).revision <= revision) low = middle + 1;
      else high = middle;
    }
    return writes[low - 1] ?? null;
  }

  /** Who put this value under this key at this revision. Of several of unknown outcome, the one called first. */
  author(key: string, value: string, revision: number): Author {
    const owner = this.byRevision.get(revision);
    if (owner !== undefined) {
      const same = owner.kind === "put" && owner.key === key && owner.value === value;
      return { kind: same ? "known" : "conflict", operation: owner.operation };
    }
    const facts = this.ofKey(key);
    const [unknown] = this.unknownPutsOf(key, value);
    if (unknown !== undefined) return { kind: "unknown", operation: unknown };
    const failed = facts.failedPuts.find((operation) => putsValue(operation, value));
    if (failed !== undefined) return { kind: "failed", operation: failed };
    const other = facts.writes.find((write) => write.kind === "put" && write.value === value);
    return other === undefined ? { kind: "nobody" } : { kind: "other-revision", operation: other.operation };
  }

  unknownPutsOf(key: string, value: string): readonly OperationRecord[] {
    return this.ofKey(key).unknownPuts.filter((operation) => putsValue(operation, value));
  }

  #factsOf(key: string): KeyFacts {
    let facts = this.#keys.get(key);
    if (facts === undefined) {
      facts = { writes: [], unknownPuts: [], unknownDeletes: [], failedPuts: [] };
      this.#keys.set(key, facts);
    }
    return facts;
  }
}

function putsValue({ request }: OperationRecord, value: string): boolean {
  return request.kind === "put" && request.value === value;
}

/** Writes of one key, by revision; these objects are ours until the facts are handed out. */
function countVersions(writes: { -readonly [Field in keyof KnownWrite]: KnownWrite[Field] }[]): void {
  let version = 0;
  let createRevision = 0;
  for (const write of writes) {
    if (write.kind === "put" && version === 0) createRevision = write.revision;
    version = write.kind === "put" ? version + 1 : 0;
    write.version = version;
    write.createRevision = write.kind === "put" ? createRevision : 0;
  }
}

/** A put, or a delete that found something: the revisions of all others are those of reads. */
export function changesStore(response: OperationResponse): boolean {
  return response.kind === "put" || (response.kind === "delete" && response.deleted > 0);
}

export function answeredOf(operation: OperationRecord): Answered | null {
  return operation.outcome.kind === "ok" ? { operation, response: operation.outcome.response } : null;
}

export function isSerializable(operation: OperationRecord): boolean {
  return operation.request.kind === "get" && operation.request.serializable;
}

/** What the answer says the store held under the operation's key; undefined when it does not say. */
export function observedContent(response: OperationResponse): ObservedKeyValue | null | undefined {
  if (response.kind === "get") return response.kv;
  return response.kind === "delete" && response.deleted === 0 ? null : undefined;
}
