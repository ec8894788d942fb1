/**
 * The slow twin of mvcc and apply: one full copy of the key space for each revision, and the API's rules said as plainly as
 * possible. Keys and values are strings here.
 */
import {
  type CompactionRequest,
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeRequest,
  type LeaseCheckpointRequest,
  type LeaseGrantRequest,
  type LeaseRevokeRequest,
  type PutRequest,
  type RangeRequest,
  type RequestOp,
  SortOrder,
  SortTarget,
  type TxnRequest,
} from "../../src/proto/gen/etcdserverpb.ts";

export interface TwinKeyValue {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: bigint;
}

export interface TwinEvent {
  readonly kind: "put" | "delete";
  readonly key: string;
  readonly value: string;
  readonly mod: number;
  readonly previous: TwinKeyValue | null;
}

type State = ReadonlyMap<string, TwinKeyValue>;

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const FUTURE = "etcdserver: mvcc: required revision is a future revision";

export class Twin {
  /** states[r]: the key space at revision r. */
  readonly states: State[] = [new Map(), new Map()];
  /** events[r]: what made revision r. */
  readonly events: TwinEvent[][] = [[], []];
  /** Seconds granted and seconds left at the last checkpoint, by id. */
  readonly leases: Map<bigint, { readonly ttl: number; readonly left: number | null }> = new Map();
  compacted = -1;
  #open = new Map<string, TwinKeyValue>();
  #openEvents: TwinEvent[] = [];

  get revision(): number {
    return this.states.length - 1;
  }

  /** Runs one command as one revision; a refusal is its text. */
  command<Answer>(run: () => Answer): Answer {
    this.#open = new Map(this.states.at(-1));
    this.#openEvents = [];
    const answer = run();
    if (this.#openEvents.length > 0) {
      this.states.push(this.#open);
      this.events.push(this.#openEvents);
    }
    return answer;
  }

  put(request: PutRequest): unknown {
    return this.#refusesPut(request, this.#open) ?? this.#runPut(request);
  }

  #runPut(request: PutRequest): unknown {
    const key = text(request.key);
    const previous = this.#open.get(key) ?? null;
    const value = request.ignoreValue ? (previous?.value ?? "") : text(request.value);
    const mod = this.revision + 1;
    const lease = request.ignoreLease ? (previous?.lease ?? 0n) : request.lease;
    const version = (previous?.version ?? 0) + 1;
    this.#open.set(key, { key, value, create: previous?.create ?? mod, mod, version, lease });
    this.#openEvents.push({ kind: "put", key, value, mod, previous });
    return { revision: mod, previous: request.prevKv ? previous : null };
  }

  deleteRange(request: DeleteRangeRequest): unknown {
    const doomed = select(this.#open, request.key, request.rangeEnd);
    this.#delete(doomed);
    return { revision: this.#seen(), deleted: doomed.length, previous: request.prevKv ? doomed : [] };
  }

  compact({ revision }: CompactionRequest): unknown {
    if (revision <= this.compacted) return COMPACTED;
    if (revision > this.revision) return FUTURE;
    this.compacted = revision;
    return { revision: this.revision };
  }

  leaseGrant({ id, ttl }: LeaseGrantRequest): unknown {
    if (ttl > 9_000_000_000) return "etcdserver: too large lease TTL";
    if (this.leases.has(id)) return "etcdserver: lease already exists";
    this.leases.set(id, { ttl, left: null });
    return { revision: this.revision, id, ttl };
  }

  leaseRevoke({ id }: LeaseRevokeRequest): unknown {
    if (!this.leases.delete(id)) return "etcdserver: requested lease not found";
    this.#delete(this.keysOf(id).map((key) => this.#open.get(key) as TwinKeyValue));
    return { revision: this.#seen() };
  }

  leaseCheckpoint({ checkpoints }: LeaseCheckpointRequest): unknown {
    for (const { id, remainingTtl } of checkpoints) {
      const lease = this.leases.get(id);
      if (lease !== undefined) this.leases.set(id, { ...lease, left: remainingTtl || null });
    }
    return null;
  }

  /** The keys whose newest version names this lease. */
  keysOf(id: bigint): readonly string[] {
    return [...this.#open.values()]
      .filter(({ lease }) => lease === id)
      .map(({ key }) => key)
      .sort();
  }

  #delete(doomed: readonly TwinKeyValue[]): void {
    const mod = this.revision + 1;
    for (const previous of doomed) {
      this.#open.delete(previous.key);
      this.#openEvents.push({
        kind: "delete",
        key: previous.key,
        value: "",
        mod,
        previous: this.#before(previous.key),
      });
    }
  }

  txn(request: TxnRequest): unknown {
    const before = new Map(this.#open);
    const refusal = this.#refusesTxn(request, before);
    if (refusal !== null) return refusal;
    const answer = this.#runTxn(request, before);
    return { revision: this.#seen(), ...answer };
  }

  range(request: RangeRequest): unknown {
    if (request.revision > this.#seen()) return FUTURE;
    if (request.revision > 0 && request.revision < this.compacted) return COMPACTED;
    const state =
      request.revision > 0 && request.revision <= this.revision ? this.states[request.revision] : this.#open;
    const found = select(state as State, request.key, request.rangeEnd);
    const filtered = found.filter(
      (kv) =>
        (!request.minModRevision || kv.mod >= request.minModRevision) &&
        (!request.maxModRevision || kv.mod <= request.maxModRevision) &&
        (!request.minCreateRevision || kv.create >= request.minCreateRevision) &&
        (!request.maxCreateRevision || kv.create <= request.maxCreateRevision),
    );
    const hasFilter =
      request.minModRevision + request.maxModRevision + request.minCreateRevision + request.maxCreateRevision;
    const cutFirst = request.sortOrder === SortOrder.NONE && !hasFilter && request.limit > 0;
    const kvs = sorted(cutFirst ? filtered.slice(0, request.limit + 1) : filtered, request);
    const more = !request.countOnly && request.limit > 0 && kvs.length > request.limit;
    const limited = request.countOnly ? [] : more ? kvs.slice(0, request.limit) : kvs;
    // From the index alone, which knows no leases; to sort by value the values are read.
    const lease = request.sortTarget === SortTarget.VALUE ? {} : { lease: 0n };
    const answered = request.keysOnly ? limited.map((kv) => ({ ...kv, value: "", ...lease })) : limited;
    return { revision: this.#seen(), kvs: answered, more, count: found.length };
  }

  /** What a change of this revision replaced, as watchers are told: of the revision before, not of this transaction. */
  #before(key: string): TwinKeyValue | null {
    return this.states.at(-1)?.get(key) ?? null;
  }

  #seen(): number {
    return this.revision + (this.#openEvents.length > 0 ? 1 : 0);
  }

  #refusesPut(request: PutRequest, state: State): string | null {
    if (request.lease !== 0n && !this.leases.has(request.lease)) return "etcdserver: requested lease not found";
    const missing = (request.ignoreValue || request.ignoreLease) && !state.has(text(request.key));
    return missing ? "etcdserver: key not found" : null;
  }

  #chosen(request: TxnRequest, before: State): readonly RequestOp[] {
    return request.compare.every((compare) => holds(compare, before)) ? request.success : request.failure;
  }

  #refusesTxn(request: TxnRequest, before: State): string | null {
    for (const { request: operation } of this.#chosen(request, before)) {
      let refusal: string | null = null;
      if (operation?.kind === "requestPut") refusal = this.#refusesPut(operation.value, before);
      if (operation?.kind === "requestTxn") refusal = this.#refusesTxn(operation.value, before);
      if (operation?.kind === "requestRange") {
        const { revision } = operation.value;
        if (revision > this.revision) refusal = FUTURE;
        else if (revision !== 0 && revision < this.compacted) refusal = COMPACTED;
      }
      if (refusal !== null) return refusal;
    }
    return null;
  }

  #runTxn(request: TxnRequest, before: State): object {
    const responses = this.#chosen(request, before).map(({ request: operation }) => {
      if (operation?.kind === "requestPut") return this.#runPut(operation.value);
      if (operation?.kind === "requestDeleteRange") return this.deleteRange(operation.value);
      if (operation?.kind === "requestRange") return this.range(operation.value);
      if (operation?.kind === "requestTxn") return { revision: 0, ...this.#runTxn(operation.value, before) };
      return null;
    });
    return { succeeded: request.compare.every((compare) => holds(compare, before)), responses };
  }
}

function select(state: State, key: Uint8Array, rangeEnd: Uint8Array): readonly TwinKeyValue[] {
  const from = text(key);
  const end = text(rangeEnd);
  const inside = (each: string): boolean =>
    end === "" ? each === from : end === "\0" ? each >= from : each >= from && each < end;
  return [...state.values()].filter((kv) => inside(kv.key)).sort((a, b) => (a.key < b.key ? -1 : 1));
}

function sorted(kvs: readonly TwinKeyValue[], { sortOrder, sortTarget }: RangeRequest): readonly TwinKeyValue[] {
  const field = (kv: TwinKeyValue): string | number => {
    if (sortTarget === SortTarget.VERSION) return kv.version;
    if (sortTarget === SortTarget.CREATE) return kv.create;
    if (sortTarget === SortTarget.MOD) return kv.mod;
    return sortTarget === SortTarget.VALUE ? kv.value : kv.key;
  };
  const sign = sortOrder === SortOrder.DESCEND ? -1 : 1;
  return kvs.toSorted((a, b) => (field(a) < field(b) ? -sign : field(a) > field(b) ? sign : 0));
}

function holds(compare: Compare, state: State): boolean {
  const found = select(state, compare.key, compare.rangeEnd);
  if (found.length === 0 && compare.target === CompareTarget.VALUE) return false;
  const candidates = found.length === 0 ? [{ key: "", value: "", create: 0, mod: 0, version: 0, lease: 0n }] : found;
  return candidates.every((kv) => {
    const given = compare.targetUnion?.value ?? 0;
    let ours: number | string | bigint = 0n;
    let theirs: number | string | bigint = given as number;
    if (compare.target === CompareTarget.VERSION) ours = kv.version;
    if (compare.target === CompareTarget.CREATE) ours = kv.create;
    if (compare.target === CompareTarget.MOD) ours = kv.mod;
    if (compare.target === CompareTarget.LEASE) ours = kv.lease;
    if (compare.target === CompareTarget.VALUE) {
      ours = kv.value;
      theirs = given instanceof Uint8Array ? text(given) : "";
    }
    if (compare.result === CompareResult.EQUAL) return ours === theirs || (ours <= theirs && ours >= theirs);
    if (compare.result === CompareResult.GREATER) return ours > theirs;
    if (compare.result === CompareResult.LESS) return ours < theirs;
    return ours < theirs || ours > theirs;
  });
}
