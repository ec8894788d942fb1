import { assert } from "../../base/assert.ts";
import type { Prng } from "../../base/prng.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { StreamNetwork } from "../../env/streams.ts";
import { type GrpcError, StatusCode } from "../../grpc/status.ts";
import { LeaseGrantRequest, LeaseTimeToLiveRequest } from "../../proto/gen/etcdserverpb.ts";
import { Lease } from "../../proto/gen/rpc.ts";
import type { Recorder } from "../history/recorder.ts";
import type { LeaseRecord } from "../model/history.ts";
import type { LeasePlan } from "../model/plan.ts";
import { LoadError, type LoadMember } from "./driver.ts";
import { KeepAliveStream } from "./keepalive.ts";
import { Link } from "./link.ts";
import { outcomeOf, reasonOf } from "./outcomes.ts";

/** What waits behind a keepalive that gets no answer is one stream's share of the leases. */
const STREAMS_PER_MEMBER = 8;
/** Grants, or questions, in flight at a time. */
const LANES = 64;
const TICK_MS = 10;
const RETRY_MS = 50;

export interface LeasesOptions {
  readonly plan: LeasePlan;
  readonly members: readonly LoadMember[];
  /** Who leads as the load begins; null: nobody known. */
  readonly leader: string | null;
  /** After this a keepalive or a question is over, of unknown outcome. */
  readonly deadlineMs: number;
  readonly network: StreamNetwork;
  readonly clock: Clock;
  /** `clock.monotonicMs()` when the run began. */
  readonly originMs: number;
  readonly prng: Prng;
  readonly recorder: Recorder;
  /** Stops granting and asking. */
  readonly signal: AbortSignal;
  /** How long `open` may take. Default 10 s and 1 ms for each lease. */
  readonly openMs?: number;
}

/** One lease as one client keeps it. */
interface Keep {
  readonly lease: bigint;
  readonly stream: KeepAliveStream;
  dueNs: number;
}

type Answer = (error: GrpcError | null, lease: bigint, ttlSeconds: number) => void;

/** The workload of leases: grants them, keeps them alive until `end`, and asks at last what became of each. */
export class Leases {
  readonly #options: LeasesOptions;
  /** Those that are asked, and for each a connection for grants and questions, and its streams of keepalives. */
  readonly #members: readonly LoadMember[];
  readonly #links: readonly Link[];
  readonly #streams: readonly (readonly KeepAliveStream[])[];
  /** Granted, in that order. */
  readonly #leases: bigint[] = [];
  /** The store said that it does not know them: their holders stop. */
  readonly #gone = new Set<bigint>();
  /** First due first: all come again after the same time. */
  #keeps: Keep[] = [];
  #timer: Timer | null = null;
  #full = false;
  #closed = false;

  /**
   * Grants the plan's leases and begins to keep them alive. Rejects with `LoadError` when the store does not grant them, or not in
   * time; nothing stays open then.
   */
  static async open(options: LeasesOptions): Promise<Leases> {
    const leases = new Leases(options);
    try {
      await leases.#grantAll(options.openMs ?? 10_000 + options.plan.count);
    } catch (error) {
      leases.close();
      throw error;
    }
    return leases;
  }

  private constructor(options: LeasesOptions) {
    this.#options = options;
    const { plan, network, clock, prng, deadlineMs } = options;
    const members = chosen(options);
    const link = ({ address, scheme = "http" }: LoadMember) => ({ network, address, scheme, clock, prng: prng.fork() });
    this.#members = members;
    this.#links = members.map((member) => new Link(link(member)));
    const streams = Math.min(STREAMS_PER_MEMBER, plan.count);
    this.#streams = members.map((member) =>
      Array.from(
        { length: streams },
        () =>
          new KeepAliveStream({
            link: link(member),
            clock,
            nowNs: this.#nowNs,
            deadlineNs: deadlineMs * 1e6,
            ended: (lease, startNs, endNs, outcome) =>
              this.#record("keepalive", lease, member.name, startNs, endNs, outcome),
          }),
      ),
    );
    this.#timer = clock.after(TICK_MS, this.#tick);
  }

  /** Keeps nothing alive any more, and asks once what is left of each lease, through the members that kept it in turn. */
  async end(): Promise<void> {
    this.#stopKeeping();
    let next = 0;
    await this.#lanes(async () => {
      if (next >= this.#leases.length) return false;
      const place = next++;
      await this.#ask(place % this.#members.length, this.#leases[place] as bigint);
      return true;
    });
  }

  /** Ends streams and connections; what is in flight is of unknown outcome. May be called more than once. */
  close(): void {
    this.#closed = true;
    this.#stopKeeping();
    for (const link of this.#links) link.close();
  }

  #nowNs = (): number => Math.round((this.#options.clock.monotonicMs() - this.#options.originMs) * 1e6);

  #stopKeeping(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#keeps = [];
    for (const stream of this.#streams.flat()) stream.close();
  }

  #tick = (): void => {
    const now = this.#nowNs();
    const everyNs = this.#options.plan.keepAliveEveryMs * 1e6;
    let done = 0;
    for (const keep of this.#keeps) {
      if (keep.dueNs > now || this.#full) break;
      done++;
      if (this.#gone.has(keep.lease)) continue;
      keep.stream.keep(keep.lease);
      // What was missed because this process was held up is not made up for.
      keep.dueNs = Math.max(keep.dueNs, now - everyNs) + everyNs;
      this.#keeps.push(keep);
    }
    if (done > 0) this.#keeps.splice(0, done);
    for (const stream of this.#streams.flat()) stream.expire();
    this.#timer = this.#options.clock.after(TICK_MS, this.#tick);
  };

  async #grantAll(limitMs: number): Promise<void> {
    const { plan, clock, signal } = this.#options;
    const untilMs = clock.monotonicMs() + limitMs;
    let next = 0;
    let reason = "no connection";
    await this.#lanes(async () => {
      if (next >= plan.count) return false;
      const place = next++;
      for (;;) {
        const refused = await this.#grant(place % this.#members.length, untilMs - clock.monotonicMs());
        if (refused === null) return true;
        reason = refused;
        if (clock.monotonicMs() >= untilMs || signal.aborted || this.#closed) return false;
        await new Promise<void>((resolve) => clock.after(RETRY_MS, resolve));
      }
    });
    if (this.#leases.length < plan.count && !signal.aborted)
      throw new LoadError(
        `${this.#leases.length} of ${plan.count} leases were granted within ${limitMs} ms; the last refusal: ${reason}`,
      );
  }

  /** Null when it was granted, and is kept from now on; otherwise why not. Rejects when asking again is of no use. */
  async #grant(member: number, limitMs: number): Promise<string | null> {
    const { plan } = this.#options;
    const request = LeaseGrantRequest.create({ ttl: plan.ttlSeconds });
    const { startNs, error, lease, ttlSeconds } = await this.#call(member, limitMs, (connection, options, done) =>
      connection.unary(Lease.LeaseGrant, request, options, (failure, answer) =>
        done(failure, answer?.id ?? 0n, answer?.ttl ?? 0),
      ),
    );
    if (error === "not connected") return error;
    if (error !== null) {
      if (error.code === StatusCode.UNIMPLEMENTED)
        throw new LoadError(
          `the target does not grant leases (${reasonOf(error)}): take a plan without \`leases\`, or another target`,
        );
      return reasonOf(error);
    }
    const name = (this.#members[member] as LoadMember).name;
    this.#record("grant", lease, name, startNs, this.#nowNs(), { kind: "ok", ttlSeconds });
    this.#keep(lease);
    return null;
  }

  #keep(lease: bigint): void {
    const { plan } = this.#options;
    const dueNs = this.#nowNs() + plan.keepAliveEveryMs * 1e6;
    const place = this.#leases.push(lease) - 1;
    const shares = plan.through === "every" ? this.#streams : [this.#streams[place % this.#streams.length] ?? []];
    for (const share of shares) {
      const stream = share[Math.floor(place / this.#streams.length) % share.length];
      assert(stream !== undefined, "every lease has a stream of each member that keeps it");
      this.#keeps.push({ lease, stream, dueNs });
    }
  }

  async #ask(member: number, lease: bigint): Promise<void> {
    const request = LeaseTimeToLiveRequest.create({ id: lease });
    const { startNs, error, ttlSeconds } = await this.#call(
      member,
      this.#options.deadlineMs,
      (connection, options, done) =>
        connection.unary(Lease.LeaseTimeToLive, request, options, (failure, answer) => {
          // One that has run out and is not yet revoked counts below zero, and the store knows it still.
          const left = answer === null || answer.grantedTtl === 0 ? -1 : Math.max(0, answer.ttl);
          done(failure, lease, left);
        }),
    );
    const outcome: LeaseRecord["outcome"] =
      error === null
        ? { kind: "ok", ttlSeconds }
        : error === "not connected"
          ? { kind: "failed", reason: error }
          : { kind: outcomeOf(error), reason: reasonOf(error) };
    this.#record("time-to-live", lease, (this.#members[member] as LoadMember).name, startNs, this.#nowNs(), outcome);
  }

  async #call(
    member: number,
    timeoutMs: number,
    send: (connection: NonNullable<Link["connection"]>, options: { readonly timeoutMs: number }, done: Answer) => void,
  ): Promise<{ startNs: number; error: GrpcError | "not connected" | null; lease: bigint; ttlSeconds: number }> {
    const startNs = this.#nowNs();
    const connection = this.#links[member]?.connection ?? null;
    if (connection === null) return { startNs, error: "not connected", lease: 0n, ttlSeconds: 0 };
    return await new Promise((resolve) => {
      send(connection, { timeoutMs: Math.max(1, timeoutMs) }, (error, lease, ttlSeconds) =>
        resolve({ startNs, error, lease, ttlSeconds }),
      );
    });
  }

  #record(
    action: LeaseRecord["action"],
    lease: bigint,
    member: string,
    startNs: number,
    endNs: number,
    outcome: LeaseRecord["outcome"],
  ): void {
    if (action === "keepalive" && outcome.kind === "ok" && outcome.ttlSeconds <= 0) this.#gone.add(lease);
    const taken = this.#options.recorder.lease({
      type: "lease",
      lease: leaseName(lease),
      action,
      member,
      startNs,
      endNs,
      outcome,
    });
    // Better leases that run out than keepalives nobody hears of.
    if (!taken) this.#full = true;
  }

  /** Runs `step` in so many lanes until one finds nothing more to do, or the signal. Rejects with the first error. */
  async #lanes(step: () => Promise<boolean>): Promise<void> {
    let over = false;
    const lane = async (): Promise<void> => {
      while (!over && !this.#closed && !this.#options.signal.aborted) over = !(await step()) || over;
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
}

/** As etcdctl prints it. */
export function leaseName(lease: bigint): string {
  return BigInt.asUintN(64, lease).toString(16).padStart(16, "0");
}

function chosen({ plan, members, leader }: LeasesOptions): readonly LoadMember[] {
  if (plan.through !== "followers") return members;
  if (leader === null) throw new LoadError("there is no leader, so no followers to keep leases through");
  return members.filter(({ name }) => name !== leader);
}
