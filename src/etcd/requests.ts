/** The requests of clients, validated, and each on its way: at once, through a quorum's consent to read, or through the log. */
import { assert } from "../base/assert.ts";
import type {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  TxnRequest,
  TxnResponse,
} from "../proto/gen/etcdserverpb.ts";
import { answerRange } from "./apply/range.ts";
import { answerTxn, isReadOnlyTxn, isSerializableTxn } from "./apply/txn.ts";
import { validateDeleteRange, validatePut, validateRange, validateTxn } from "./apply/validate.ts";
import { ETCD_ERRORS, type EtcdError } from "./errors.ts";
import type { Answer, Member, Reading } from "./member.ts";
import type { Command } from "./member-proposals.ts";
import type { ClusterMember } from "./model.ts";

/** An answer that is there already, or one to wait for: of a read, what makes it, because only the caller knows when there is room. */
export type Soon<Response> = Answer<Response> | Promise<Answer<Response> | Reading<Response>>;

interface WriteResponses {
  readonly put: PutResponse;
  readonly deleteRange: DeleteRangeResponse;
  readonly txn: TxnResponse;
}

export class Requests {
  readonly #member: Member;
  readonly #quotaBytes: number | null;

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
    if (request.serializable && member.isServing) return answerRange(member.store, request, member.makeHeader);
    return member.read(request.serializable, () => answerRange(member.store, request, member.makeHeader));
  }

  put(request: PutRequest): Soon<PutResponse> {
    return validatePut(request) ?? this.#quotaRefusal(true) ?? this.#write({ put: request }, "put");
  }

  deleteRange(request: DeleteRangeRequest): Soon<DeleteRangeResponse> {
    return validateDeleteRange(request) ?? this.#write({ deleteRange: request }, "deleteRange");
  }

  /** A read-only transaction is a read: it never enters the log. */
  txn(request: TxnRequest): Soon<TxnResponse> {
    const refusal = validateTxn(request) ?? this.#quotaRefusal(hasPut(request));
    if (refusal !== null) return refusal;
    const member = this.#member;
    if (!isReadOnlyTxn(request)) return this.#write({ txn: request }, "txn");
    return member.read(isSerializableTxn(request), () => answerTxn(member.store, request, member.makeHeader));
  }

  async members(options: { readonly linearizable: boolean }): Promise<Answer<readonly ClusterMember[]>> {
    const read = await this.#member.read(!options.linearizable, () => this.#member.members.list());
    return typeof read === "function" ? read() : read;
  }

  /** At the door and not in apply: members may differ in size (D1). */
  #quotaRefusal(grows: boolean): EtcdError | null {
    const isFull = this.#quotaBytes !== null && this.#member.store.sizeBytes > this.#quotaBytes;
    return grows && isFull ? ETCD_ERRORS.noSpace : null;
  }

  async #write<Kind extends keyof WriteResponses>(command: Command, kind: Kind): Promise<Answer<WriteResponses[Kind]>> {
    const outcome = await this.#member.write(command);
    if (outcome.kind === "refused") return outcome.error;
    assert(outcome.kind === kind && "response" in outcome, "a command has the outcome of its kind", { kind });
    return outcome.response as WriteResponses[Kind];
  }
}

function hasPut(request: TxnRequest): boolean {
  const puts = ({ request: operation }: RequestOp): boolean =>
    operation?.kind === "requestPut" || (operation?.kind === "requestTxn" && hasPut(operation.value));
  return request.success.some(puts) || request.failure.some(puts);
}
