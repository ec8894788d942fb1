/**
 * Random request sequences over a key space so small that requests meet: valid ones for the most part, and every kind of invalid
 * one. The same seed makes the same sequence.
 */
import type { Prng } from "../../src/base/prng.ts";
import {
  AlarmRequest,
  CompactionRequest,
  type Compare,
  Compare as CompareMessage,
  DeleteRangeRequest,
  HashKVRequest,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
  MoveLeaderRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  StatusRequest,
  TxnRequest,
  WatchCreateRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { near, rawField, type Step } from "./step.ts";

export type Kind = Step["kind"];

/** How often each kind comes, of all of them together. Watches of the history wait for a server's clock: they are rare. */
export const WEIGHTS: Readonly<Record<Kind, number>> = {
  put: 300,
  range: 280,
  txn: 200,
  deleteRange: 60,
  rangeStream: 25,
  compact: 8,
  leaseGrant: 25,
  leaseRevoke: 10,
  leaseTimeToLive: 15,
  leaseLeases: 5,
  keepAlive: 15,
  briefLease: 6,
  hashKv: 25,
  alarm: 4,
  status: 8,
  moveLeader: 2,
  watch: 2,
};

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "latin1"));
/** At most twelve living keys: so few are sorted alike by a stable sort and by etcd's, whatever they tie in. */
const KEYS = ["a", "a\0", "aa", "b", "b\xff", "c", "\0", "\xff", "\xff\xff", "k1", "k2"].map(bytes);
const ENDS = ["\0", "b", "c", "k2", "l", "\xff", "\xff\xff\0", "a", "\0\0"].map(bytes);
const VALUES = ["", "x", "y", "zz", "\0\xff"].map(bytes);
const LONG_VALUE = bytes("0123456789abcdef".repeat(64));
export const LEASES: readonly bigint[] = [7n, 8n, 9n, -5n, 2n ** 62n, -(2n ** 63n), 2n ** 63n - 1n];
const UNKNOWN_LEASE = 404n;
const NONE = bytes("");
/** Beyond the safe integers, both ways. */
const BEYOND = [2n ** 63n - 1n, -(2n ** 63n), 2n ** 53n + 1n, -(2n ** 60n)];
const REQUEST_TOO_LARGE = new Uint8Array(1_600_000);
const MESSAGE_TOO_LARGE = new Uint8Array(2_200_000);
const OPERATIONS_MAX = 128;

export class Generator {
  readonly #prng: Prng;
  readonly #kinds: readonly Kind[];

  constructor(prng: Prng, kinds: readonly Kind[]) {
    this.#prng = prng;
    this.#kinds = kinds.flatMap((kind) => new Array<Kind>(WEIGHTS[kind]).fill(kind));
  }

  sequence(length: number): readonly Step[] {
    return Array.from({ length }, () => this.#step(this.#prng.pick(this.#kinds)));
  }

  #one(of: number): boolean {
    return this.#prng.below(of) === 0;
  }

  #step(kind: Kind): Step {
    switch (kind) {
      case "range":
        return this.#one(100) ? this.#extremeRange() : { kind, request: this.#range() };
      case "rangeStream":
        return { kind, request: this.#streamed(this.#range()) };
      case "put":
        return { kind, request: this.#one(2000) ? this.#oversized() : this.#put() };
      case "deleteRange":
        return { kind, request: this.#deleteRange() };
      case "txn":
        return { kind, request: this.#one(150) ? this.#manyOperations() : this.#txn(3) };
      case "watch":
        return { kind, request: { creates: this.#some(6, () => this.#watch()) } };
      default:
        return this.#administration(kind);
    }
  }

  #administration(kind: Exclude<Kind, "range" | "rangeStream" | "put" | "deleteRange" | "txn" | "watch">): Step {
    const prng = this.#prng;
    switch (kind) {
      case "compact": {
        const request = CompactionRequest.create({ revision: this.#oldRevision(), physical: this.#one(3) });
        return this.#one(10) ? { kind, request, extra: rawField(1, prng.pick(BEYOND)) } : { kind, request };
      }
      case "hashKv": {
        const request = HashKVRequest.create({ revision: this.#one(2) ? 0 : this.#oldRevision() });
        return this.#one(20) ? { kind, request, extra: rawField(1, prng.pick(BEYOND)) } : { kind, request };
      }
      case "leaseGrant": {
        const ttl = this.#one(8) ? prng.pick([9_000_000_001, 2 ** 53 - 1]) : 600 + prng.below(100_000);
        return { kind, request: LeaseGrantRequest.create({ id: prng.pick(LEASES), ttl }) };
      }
      case "briefLease": {
        const ttl = prng.pick([0, -1, 1, 2, 3, 5, 9_000_000_000, -(2 ** 53 - 1)]);
        return { kind, request: LeaseGrantRequest.create({ id: this.#one(2) ? 0n : 99n, ttl }) };
      }
      case "leaseRevoke":
        return { kind, request: LeaseRevokeRequest.create({ id: this.#lease() }) };
      case "leaseTimeToLive":
        return { kind, request: LeaseTimeToLiveRequest.create({ id: this.#lease(), keys: !this.#one(3) }) };
      case "leaseLeases":
        return { kind, request: LeaseLeasesRequest.create() };
      case "keepAlive":
        return { kind, request: LeaseKeepAliveRequest.create({ id: this.#lease() }) };
      case "alarm":
        // Of type NONE none is activated: etcd 3.4 ends over it.
        return {
          kind,
          request: AlarmRequest.create(this.#one(2) ? this.#alarmChange() : { alarm: prng.pick([0, 1, 2]) }),
        };
      case "status":
        return { kind, request: StatusRequest.create() };
      case "moveLeader":
        return { kind, request: MoveLeaderRequest.create({ targetId: prng.pick([0n, 1n, 5n]) }) };
    }
  }

  #alarmChange(): Pick<AlarmRequest, "action" | "memberId" | "alarm"> {
    const action = this.#one(3) ? 1 : 2;
    return { action, memberId: this.#prng.pick([1n, 1n, 77n]), alarm: this.#prng.pick([1, 1, 2]) };
  }

  /** Now and then none. */
  #key(): Uint8Array {
    return this.#one(150) ? NONE : this.#prng.pick(KEYS);
  }

  #end(): Uint8Array {
    const kind = this.#prng.below(5);
    if (kind < 2) return NONE;
    return kind < 4 ? this.#prng.pick(ENDS) : this.#prng.pick(KEYS);
  }

  #lease(): bigint {
    return this.#one(8) ? this.#prng.pick([UNKNOWN_LEASE, 0n, -1n]) : this.#prng.pick(LEASES);
  }

  #some<Item>(max: number, make: () => Item): Item[] {
    return Array.from({ length: 1 + this.#prng.below(max) }, make);
  }

  /** Mostly near the newest, sometimes compacted or of the future, sometimes nonsense. */
  #oldRevision(): number {
    const prng = this.#prng;
    if (this.#one(12)) return prng.pick([1, 2, -1, -3, 2 ** 53 - 1, -(2 ** 53 - 1)]);
    return near(this.#one(12) ? 1 + prng.below(3) : -prng.below(this.#one(4) ? 120 : 25));
  }

  #range(): RangeRequest {
    const prng = this.#prng;
    const isPlain = this.#one(2);
    const filter = (): number =>
      isPlain || !this.#one(6) ? 0 : this.#one(8) ? prng.pick([-1, 1]) : near(-prng.below(20));
    return RangeRequest.create({
      key: this.#key(),
      rangeEnd: this.#end(),
      limit: this.#one(2) ? 0 : prng.below(8) - 1,
      revision: this.#one(2) ? 0 : this.#oldRevision(),
      sortOrder: isPlain ? 0 : this.#one(200) ? prng.pick([3, -1]) : prng.below(3),
      sortTarget: isPlain ? 0 : this.#one(200) ? prng.pick([5, -1]) : prng.below(5),
      serializable: this.#one(2),
      keysOnly: this.#one(5),
      countOnly: this.#one(8),
      minModRevision: filter(),
      maxModRevision: filter(),
      minCreateRevision: filter(),
      maxCreateRevision: filter(),
    } as Partial<RangeRequest>);
  }

  /**
   * A sort target without an order: Go etcd then sorts each chunk for itself and goes on behind the last key of that, so that keys come
   * twice or never. That is not compared.
   */
  #streamed(range: RangeRequest): RangeRequest {
    const isRefused = this.#one(6);
    const plain = { ...range, minModRevision: 0, maxModRevision: 0, minCreateRevision: 0, maxCreateRevision: 0 };
    if (!isRefused) return { ...plain, sortTarget: 0, sortOrder: this.#one(2) ? 0 : 1 };
    return range.sortOrder === 0 ? { ...range, sortTarget: 0 } : range;
  }

  /** Limit, revision and filters that are no safe integers. */
  #extremeRange(): Step {
    const field = this.#prng.pick([3, 4, 10, 11, 12, 13]);
    return { kind: "range", request: this.#range(), extra: rawField(field, this.#prng.pick(BEYOND)) };
  }

  #put(mayKeep = true): PutRequest {
    const ignoreValue = mayKeep && this.#one(10);
    const ignoreLease = mayKeep && this.#one(10);
    return PutRequest.create({
      key: this.#key(),
      value: ignoreValue && !this.#one(6) ? NONE : this.#one(25) ? LONG_VALUE : this.#prng.pick(VALUES),
      lease: ignoreLease && !this.#one(6) ? 0n : this.#one(4) ? this.#lease() : 0n,
      prevKv: this.#one(2),
      ignoreValue,
      ignoreLease,
    });
  }

  #oversized(): PutRequest {
    return PutRequest.create({ key: this.#key(), value: this.#one(2) ? REQUEST_TOO_LARGE : MESSAGE_TOO_LARGE });
  }

  #deleteRange(): DeleteRangeRequest {
    return DeleteRangeRequest.create({ key: this.#key(), rangeEnd: this.#end(), prevKv: this.#one(2) });
  }

  /**
   * Go etcd ends itself over a put that keeps what a deletion before it in the transaction took: of a put that keeps and a deletion of
   * everything from a key on (which is not held against puts) there is one kind only.
   */
  #txn(depth: number, mayKeep: boolean = this.#one(2)): TxnRequest {
    const operations = (): RequestOp[] =>
      this.#one(4) ? [] : this.#some(4, () => this.#operation(depth - 1, mayKeep));
    return TxnRequest.create({
      compare: this.#one(3) ? [] : this.#some(2, () => this.#compare()),
      success: operations(),
      failure: operations(),
    });
  }

  #operation(depth: number, mayKeep: boolean): RequestOp {
    const kind = this.#prng.below(20);
    if (kind === 0 && this.#one(10)) return { request: null };
    if (kind < 8) return { request: { kind: "requestRange", value: this.#range() } };
    if (kind < 14) return { request: { kind: "requestPut", value: this.#put(mayKeep) } };
    if (kind >= 17 && depth > 0) return { request: { kind: "requestTxn", value: this.#txn(depth, mayKeep) } };
    const deletion = this.#deleteRange();
    const isFromKey = deletion.rangeEnd.length === 1 && deletion.rangeEnd[0] === 0;
    const value = isFromKey && mayKeep ? { ...deletion, rangeEnd: NONE } : deletion;
    return { request: { kind: "requestDeleteRange", value } };
  }

  /** Around the most that is allowed, nested transactions included. */
  #manyOperations(): TxnRequest {
    const count = OPERATIONS_MAX - 2 + this.#prng.below(4);
    const operations = Array.from({ length: count }, (): RequestOp => {
      return { request: { kind: "requestDeleteRange", value: this.#deleteRange() } };
    });
    if (this.#one(2)) operations.push({ request: { kind: "requestTxn", value: this.#txn(2, false) } });
    return TxnRequest.create({ success: operations });
  }

  #compare(): Compare {
    const prng = this.#prng;
    const revision = (): number => (this.#one(3) ? prng.below(3) : near(-prng.below(20)));
    const unions: readonly NonNullable<Compare["targetUnion"]>[] = [
      { kind: "version", value: prng.below(4) - (this.#one(10) ? 5 : 0) },
      { kind: "createRevision", value: revision() },
      { kind: "modRevision", value: revision() },
      { kind: "value", value: prng.pick(VALUES) },
      { kind: "lease", value: this.#one(2) ? 0n : this.#lease() },
    ];
    const target = prng.below(5);
    const isMismatched = this.#one(15);
    return CompareMessage.create({
      key: this.#key(),
      rangeEnd: this.#one(3) ? this.#end() : NONE,
      result: this.#one(150) ? prng.pick([4, -1]) : prng.below(4),
      target: this.#one(150) ? prng.pick([5, -1]) : target,
      targetUnion: isMismatched ? (this.#one(2) ? null : prng.pick(unions)) : (unions[target] ?? null),
    } as Partial<Compare>);
  }

  #watch(): WatchCreateRequest {
    const prng = this.#prng;
    return WatchCreateRequest.create({
      key: this.#key(),
      rangeEnd: this.#end(),
      startRevision: this.#one(6) ? prng.pick([0, 1, 2, -1]) : near(-prng.below(60)),
      filters: this.#one(4) ? this.#some(2, () => prng.below(2) as 0) : [],
      prevKv: this.#one(2),
      fragment: this.#one(4),
      watchId: this.#one(4) ? BigInt(prng.below(3)) : 0n,
      progressNotify: this.#one(4),
    });
  }
}
