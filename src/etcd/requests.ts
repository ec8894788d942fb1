/** The requests of clients, validated, and each on its way: at once, through a quorum's consent to read, or through the log. */
import { assert } from "../base/assert.ts";
import type { SnapshotSource } from "../env/transport.ts";
import {
  AlarmAction,
  type AlarmRequest,
  type AlarmResponse,
  AlarmType,
  type CompactionRequest,
  type CompactionResponse,
  type DefragmentResponse,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type HashKVRequest,
  type HashKVResponse,
  type HashResponse,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from "../proto/gen/etcdserverpb.ts";
import { encodeRange, isPassedOn } from "./apply/encoded-range.ts";
import { answerLargeRange, isLargeRange } from "./apply/large-range.ts";
import { costOfPut, costOfTxn, LEASE_COST_BYTES } from "./apply/quota.ts";
import { answerRange } from "./apply/range.ts";
import { RangeStream } from "./apply/range-stream.ts";
import { answerTxn, isReadOnlyTxn, isSerializableTxn } from "./apply/txn.ts";
import { validateDeleteRange, validatePut, validateRange, validateRangeStream, validateTxn } from "./apply/validate.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "./errors.ts";
import type { Answer, Member, Reading } from "./member.ts";
import type { Command } from "./member-proposals.ts";
import type { ClusterMember } from "./model.ts";

/** An answer that is there already, or one to wait for: of a read, what makes it, because only the caller knows when there is room. */
export type Soon<Response> = Answer<Response> | Promise<Answer<Response> | Reading<Response>>;

interface WriteResponses {
  readonly put: PutResponse;
  readonly deleteRange: DeleteRangeResponse;
  readonly txn: TxnResponse;
  readonly compaction: CompactionResponse;
  readonly alarm: AlarmResponse;
}

/** What a chunk of a streamed range comes near to: one is read in some milliseconds. */
const CHUNK_BYTES = 96 * 1024;
const SNAPSHOTS_MAX = 4;

export class Requests {
  readonly #member: Member;
  readonly #quotaBytes: number | null;
  /** Being made. */
  #snapshots = 0;
  /** Large ranges between two slices. */
  readonly #waiting: (() => void)[] = [];

  /** `quotaBytes` null: no quota. */
  constructor(member: Member, quotaBytes: number | null) {
    this.#member = member;
    this.#quotaBytes = quotaBytes;
  }

  /** A serializable read is answered at once from what is here, and costs nothing but the reading. */
  range(request: RangeRequest): Soon<RangeResponse> {
    const refusal = validateRange(request);
    if (refusal !== null) return refusal;
    const member = this.#member;
    if (isLargeRange(member.store, request)) return this.#largeRange(request);
    const answer = isPassedOn(request) ? encodeRange : answerRange;
    if (request.serializable && member.isServing) return answer(member.store, request, member.makeHeader);
    return member.read(request.serializable, () => answer(member.store, request, member.makeHeader));
  }

  async #largeRange(request: RangeRequest): Promise<Answer<RangeResponse>> {
    const member = this.#member;
    const read = await member.read(request.serializable, () => ({}));
    if (isEtcdError(read)) return read;
    return await answerLargeRange(member.store, request, member.makeHeader, () => this.#turn());
  }

  /** One slice of one large range in each turn of the loop, however many there are. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      if (this.#waiting.length === 1) this.#nextTurn();
    });
  }

  #nextTurn(): void {
    void this.#member.pause().then(() => {
      const next = this.#waiting[0];
      next?.();
      this.#waiting.shift();
      if (this.#waiting.length > 0) this.#nextTurn();
    });
  }

  async rangeStream(request: RangeRequest): Promise<Answer<RangeStream>> {
    const refusal = validateRangeStream(request);
    if (refusal !== null) return refusal;
    const member = this.#member;
    const { store, makeHeader } = member;
    const options = { chunkBytes: CHUNK_BYTES, pause: () => this.#turn() };
    const begin = (): RangeStream => new RangeStream(store, request, makeHeader, options);
    const read = await member.read(request.serializable, begin);
    return typeof read === "function" ? read() : read;
  }

  put(request: PutRequest): Soon<PutResponse> {
    if (!this.#fits(costOfPut(request))) return this.#refuseForSpace();
    return validatePut(request) ?? this.#write({ put: request }, "put");
  }

  deleteRange(request: DeleteRangeRequest): Soon<DeleteRangeResponse> {
    return validateDeleteRange(request) ?? this.#write({ deleteRange: request }, "deleteRange");
  }

  /** A read-only transaction is a read: it never enters the log. */
  txn(request: TxnRequest): Soon<TxnResponse> {
    if (!this.#fits(costOfTxn(request))) return this.#refuseForSpace();
    const refusal = validateTxn(request);
    if (refusal !== null) return refusal;
    const member = this.#member;
    if (!isReadOnlyTxn(request)) return this.#write({ txn: request }, "txn");
    return member.read(isSerializableTxn(request), () => answerTxn(member.store, request, member.makeHeader));
  }

  /** A physical one is answered when what it removes is gone from the store's file, too; also that it was compacted before. */
  async compact(request: CompactionRequest): Promise<Answer<CompactionResponse>> {
    const response = await this.#write({ compaction: request }, "compaction");
    const removes = response === ETCD_ERRORS.compacted || !isEtcdError(response);
    return (request.physical && removes ? await this.#member.whenRemoved(request.revision) : null) ?? response;
  }

  /** Also asking for them goes through the log: it sees what was raised before. */
  alarm(request: AlarmRequest): Promise<Answer<AlarmResponse>> {
    return this.#write({ alarm: request }, "alarm");
  }

  /** Of this member's own contents: nobody else is asked. */
  async hashKv({ revision }: HashKVRequest): Promise<Answer<HashKVResponse>> {
    const member = this.#member;
    const refusal = await member.whenServing();
    if (refusal !== null) return refusal;
    const found = await member.store.hashByRevision(revision, () => member.pause());
    if (isEtcdError(found)) return found;
    const { hash, compactedRevision, hashRevision } = found;
    return { header: member.makeHeader(member.store.revision), hash, compactRevision: compactedRevision, hashRevision };
  }

  /** Of all that this member has stored: members that have applied and compacted alike agree. */
  async hash(): Promise<Answer<HashResponse>> {
    const member = this.#member;
    const refusal = await member.whenServing();
    if (refusal !== null) return refusal;
    const hash = await member.hash();
    return { header: member.makeHeader(member.store.revision), hash };
  }

  async defragment(): Promise<Answer<DefragmentResponse>> {
    const refusal = await this.#member.whenServing();
    if (refusal !== null) return refusal;
    await this.#member.defragment();
    return { header: null };
  }

  /** Each is a whole copy on the disk: few at a time. */
  async snapshot(): Promise<Answer<SnapshotSource>> {
    const refusal = await this.#member.whenServing();
    if (refusal !== null) return refusal;
    if (this.#snapshots >= SNAPSHOTS_MAX) return ETCD_ERRORS.tooManyRequests;
    this.#snapshots++;
    try {
      return await this.#member.openSnapshot();
    } finally {
      this.#snapshots--;
    }
  }

  async members(options: { readonly linearizable: boolean }): Promise<Answer<readonly ClusterMember[]>> {
    const read = await this.#member.read(!options.linearizable, () => this.#member.members.list());
    return typeof read === "function" ? read() : read;
  }

  /** Null: there is room for a lease. */
  leaseRefusal(): Promise<EtcdError> | null {
    return this.#fits(LEASE_COST_BYTES) ? null : this.#refuseForSpace();
  }

  /** At the door and not in apply: members may differ in size (D1). */
  #fits(cost: number): boolean {
    return cost === 0 || this.#quotaBytes === null || this.#member.store.sizeBytes + cost < this.#quotaBytes;
  }

  /** And tells the cluster, so that every member refuses. */
  async #refuseForSpace(): Promise<EtcdError> {
    const memberId = this.#member.status.identity.member;
    const alarm = { action: AlarmAction.ACTIVATE, memberId, alarm: AlarmType.NOSPACE };
    const isKnown = this.#member.alarms.raised.some(
      (raised) => raised.memberId === memberId && raised.alarm === alarm.alarm,
    );
    if (!isKnown) await this.#member.write({ alarm });
    return ETCD_ERRORS.noSpace;
  }

  #write<Kind extends keyof WriteResponses>(command: Command, kind: Kind): Promise<Answer<WriteResponses[Kind]>> {
    return this.#member.write(command).then((outcome) => {
      if (outcome.kind === "refused") return outcome.error;
      assert(outcome.kind === kind && "response" in outcome, "a command has the outcome of its kind", { kind });
      return outcome.response as WriteResponses[Kind];
    });
  }
}
