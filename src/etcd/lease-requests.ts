/**
 * Clients' requests about leases: granted and revoked through the log, renewed and looked at by whoever leads. Makes the member the
 * keeper of their time as long as it leads.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../env/clock.ts";
import type {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  ResponseHeader,
} from "../proto/gen/etcdserverpb.ts";
import { ETCD_ERRORS, type EtcdError, isEtcdError } from "./errors.ts";
import { Asks } from "./lease/asks.ts";
import { NO_LEASE } from "./lease/leases.ts";
import { type LeaseCounts, Lessor } from "./lease/lessor.ts";
import type { Answer, Member } from "./member.ts";

export interface LeaseRequestsOptions {
  readonly clock: Clock;
  readonly electionMs: number;
  /** How often what is left of long leases is recorded for the next leader. Default: 5 minutes, as in etcd. */
  readonly checkpointSeconds?: number;
  /** Not null: a lease finds no room any more. */
  readonly spaceRefusal: () => Promise<EtcdError> | EtcdError | null;
}

/** Of an election time-out: a lease for less might run out while a leader is replaced. As in etcd. */
const TTL_MIN_ELECTIONS = 1.5;
/** Ids that are chosen here are tried so often: two members may give out the same ones. */
const CHOICES_MAX = 3;

export class LeaseRequests {
  readonly #member: Member;
  readonly #options: LeaseRequestsOptions;
  readonly #lessor: Lessor;
  readonly #asks: Asks;

  constructor(member: Member, options: LeaseRequestsOptions) {
    this.#member = member;
    this.#options = options;
    const { clock, electionMs, checkpointSeconds } = options;
    const nowMs = (): number => clock.monotonicMs();
    const lessor = new Lessor(
      member.leases,
      {
        nowMs,
        confirmLeadership: () => member.confirmLeadership(),
        proposeAsLeader: async (command, term) => (await member.proposeAsLeader(command, term)).kind !== "refused",
      },
      electionMs,
      checkpointSeconds,
    );
    const asks = new Asks(
      lessor,
      {
        self: member.status.identity.member,
        nowMs,
        leader: () => member.leader,
        request: (to, request, timeoutMs) => member.ask(to, request, timeoutMs),
      },
      { timeoutMs: member.requestTimeoutMs, peerTimeoutMs: electionMs },
    );
    this.#lessor = lessor;
    this.#asks = asks;
    member.assign(
      {
        leaderSince: (term) => lessor.leaderSince(term),
        follower: () => lessor.follower(),
        due: (atMs) => {
          lessor.due(atMs);
          asks.due(atMs);
        },
        stop: () => asks.stop(),
      },
      (_, request) => asks.answer(request),
    );
  }

  get counts(): LeaseCounts {
    return this.#lessor.counts;
  }

  /** The id and the least time are chosen here, not where it is applied: members may differ in flags (D1). */
  async grant(request: LeaseGrantRequest): Promise<Answer<LeaseGrantResponse>> {
    const refusal = await this.#options.spaceRefusal();
    if (refusal !== null) return refusal;
    const ttl = Math.max(request.ttl, Math.ceil((TTL_MIN_ELECTIONS * this.#options.electionMs) / 1000));
    for (let choice = 1; ; choice++) {
      const id = request.id === NO_LEASE ? this.#chooseId() : request.id;
      const outcome = await this.#member.write({ leaseGrant: { id, ttl } });
      if (outcome.kind !== "refused") {
        assert(outcome.kind === "leaseGrant", "a command has the outcome of its kind");
        return outcome.response;
      }
      const isOurChoice = id !== request.id && outcome.error === ETCD_ERRORS.leaseExists;
      if (!isOurChoice || choice === CHOICES_MAX) return outcome.error;
    }
  }

  async revoke(request: LeaseRevokeRequest): Promise<Answer<LeaseRevokeResponse>> {
    const outcome = await this.#member.write({ leaseRevoke: request });
    if (outcome.kind === "refused") return outcome.error;
    assert(outcome.kind === "leaseRevoke", "a command has the outcome of its kind");
    return outcome.response;
  }

  /** Its time to live is 0 when there is no such lease. The header is of a moment before the renewal. */
  async keepAlive({ id }: LeaseKeepAliveRequest): Promise<Answer<LeaseKeepAliveResponse>> {
    const refusal = await this.#member.whenServing();
    if (refusal !== null) return refusal;
    const header = this.#header();
    const renewed = await this.#asks.renew(id);
    return typeof renewed === "number" ? { header, id, ttl: renewed } : renewed;
  }

  /** Its time to live is -1 when there is no such lease. */
  async timeToLive({ id, keys }: LeaseTimeToLiveRequest): Promise<Answer<LeaseTimeToLiveResponse>> {
    const refusal = await this.#member.whenServing();
    if (refusal !== null) return refusal;
    const left = await this.#asks.timeLeft(id, keys);
    if (left === null) return { header: this.#header(), id, ttl: -1, grantedTtl: 0, keys: [] };
    if (isEtcdError(left)) return left;
    return { header: this.#header(), id, ttl: left.ttl, grantedTtl: left.grantedTtl, keys: left.keys };
  }

  /** From what is here: no other member is asked. */
  async list(): Promise<Answer<LeaseLeasesResponse>> {
    const refusal = await this.#member.whenServing();
    if (refusal !== null) return refusal;
    return { header: this.#header(), leases: this.#lessor.list().map((id) => ({ id })) };
  }

  #header(): ResponseHeader {
    return this.#member.makeHeader(this.#member.store.revision);
  }

  /** A request's id without its sign. */
  #chooseId(): bigint {
    const id = BigInt.asUintN(63, this.#member.newId());
    assert(id !== NO_LEASE, "ids of requests count from the time");
    return id;
  }
}
