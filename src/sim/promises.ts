/**
 * What is promised of leases, held against the committed log. True time is the simulator's; the fastest of all clocks counts a lease's
 * seconds soonest.
 *
 *   a lease that nobody revoked ends no sooner than the time to live of each acknowledged grant and keepalive, from when it was
 *   asked for; nor before its whole time, or what a checkpoint left of it, under the leader that ends it, and one election time-out
 *   more if an earlier one granted it
 *   whatever checkpoint the log holds, a leader that began now would keep the lease as long as was acknowledged
 *   a leader says of a lease that nobody renews no more than what it found of it, and one election time-out
 */
import type { Entry } from "../etcd/model.ts";
import type { LeaseRecord } from "../harness/model/history.ts";
import type { Ledger } from "./ledger.ts";
import { foundBy, type LeaseListener, type TwinLease } from "./twin-leases.ts";
import type { World } from "./world.ts";

interface Promised {
  untilUs: number;
  /** What promised that. */
  text: string;
  /** By the last checkpoint; null: all, or it has ended. */
  leftSeconds: number | null;
  renewalAskedUs: number;
  isRevocationAsked: boolean;
  grantedUs: number;
  /** When its time was up for the cluster. */
  expiredUs: number | null;
}

/** A renewal may be on its way so long: a request's time, through a link that was cut, between processes that stood still. */
const RENEWAL_WAITS_US = 20_000_000;

export class LeasePromises implements LeaseListener {
  readonly #world: World;
  readonly #ledger: Ledger;
  readonly #leases = new Map<bigint, Promised>();
  readonly #records: LeaseRecord[] = [];
  /** So many seconds of the fastest clock go into a true one. */
  readonly #fastest: number;

  constructor(world: World, ledger: Ledger) {
    this.#world = world;
    this.#ledger = ledger;
    this.#fastest = Math.max(...world.scenario.clockRates);
  }

  /** For the check of the harness, in true time: of the leases that nobody was asked to revoke. */
  get records(): readonly LeaseRecord[] {
    return this.#records.filter(({ lease }) => this.#leases.get(BigInt(`0x${lease}`))?.isRevocationAsked === false);
  }

  renewalAsked(id: bigint): void {
    this.#of(id).renewalAskedUs = this.#world.scheduler.nowUs;
  }

  /** From now on its end is nobody's fault. */
  revocationAsked(id: bigint): void {
    this.#of(id).isRevocationAsked = true;
  }

  /** A grant or a renewal was acknowledged; a time to live of 0 or less says that there is no such lease. */
  answered(id: bigint, action: LeaseRecord["action"], member: string, startUs: number, ttlSeconds: number): void {
    const lease = id.toString(16);
    // Whoever asks while it is being granted may be told that it is not there yet.
    if (ttlSeconds <= 0 && this.#of(id).grantedUs > startUs) return;
    const [startNs, endNs] = [startUs * 1000, this.#world.scheduler.nowNs];
    const outcome = { kind: "ok", ttlSeconds: ttlSeconds / this.#fastest } as const;
    this.#records.push({ type: "lease", lease, action, member, startNs, endNs, outcome });
    if (action === "time-to-live" || ttlSeconds <= 0) return;
    const promised = this.#of(id);
    const untilUs = startUs + (ttlSeconds * 1e6) / this.#fastest;
    if (untilUs > promised.untilUs) {
      promised.untilUs = untilUs;
      promised.text = `${member} acknowledged a ${action} asked for at ${seconds(startUs)} with ${ttlSeconds} s`;
    }
    if (promised.expiredUs !== null) this.#expect(id, promised.expiredUs, promised.untilUs, promised.text);
    else this.#expectHandedOn(id, promised);
  }

  /** The leader of `term`, and no other, was asked how long it has left, and said so. */
  told(lease: TwinLease, term: number, ttlSeconds: number): void {
    const ledSinceUs = this.#ledger.ledSinceUs(term);
    if (this.#of(lease.id).renewalAskedUs > ledSinceUs - RENEWAL_WAITS_US) return;
    const found = foundBy(term, lease);
    if (found < lease.ttlSeconds) this.#world.count("checkpoints that a new leader heeds");
    this.#world.check(ttlSeconds * 1000 <= found * 1000 + this.#world.scenario.electionMs, "lease promise", () => {
      const left = `lease ${lease.id.toString(16)} has ${ttlSeconds} s left at the leader of term ${term}`;
      return `${left}, which found ${found} s of it, and nobody has renewed it since`;
    });
  }

  checkpointed({ id, checkpoint }: TwinLease): void {
    const { remainingSeconds } = checkpoint;
    this.#world.count(remainingSeconds === null ? "checkpoints taken back" : "checkpoints");
    const promised = this.#of(id);
    promised.leftSeconds = remainingSeconds;
    this.#expectHandedOn(id, promised);
  }

  #expectHandedOn(id: bigint, { leftSeconds, untilUs, text }: Promised): void {
    if (leftSeconds === null) return;
    const { scheduler, scenario } = this.#world;
    const keptUs = scheduler.nowUs + ((leftSeconds * 1000 + scenario.electionMs) * 1000) / this.#fastest;
    this.#world.check(keptUs >= untilUs, "lease promise", () => {
      const left = `the log says that ${leftSeconds} s are left of lease ${id.toString(16)}`;
      return `${left}: the next leader would end it at ${seconds(keptUs)}, before ${seconds(untilUs)}, though ${text}`;
    });
  }

  granted({ id }: TwinLease): void {
    this.#of(id).grantedUs = this.#world.scheduler.nowUs;
  }

  ended(lease: TwinLease, { term }: Entry): void {
    const { id, ttlSeconds, granted } = lease;
    const promised = this.#of(id);
    promised.leftSeconds = null;
    if (promised.isRevocationAsked) return;
    const { nowUs } = this.#world.scheduler;
    promised.expiredUs = nowUs;
    this.#world.count("leases expired");
    this.#expect(id, nowUs, promised.untilUs, promised.text);
    const { electionMs } = this.#world.scenario;
    const ledSinceUs = this.#ledger.ledSinceUs(term);
    if (granted.term === term) {
      const untilUs = promised.grantedUs + (ttlSeconds * 1e6) / this.#fastest;
      this.#expect(id, nowUs, untilUs, `it was granted at ${seconds(promised.grantedUs)}`);
      return;
    }
    const found = foundBy(term, lease);
    if (found < ttlSeconds) this.#world.count("leases expired that a checkpoint had shortened");
    const wholeMs = found * 1000 + electionMs;
    const untilUs = ledSinceUs + (wholeMs * 1000) / this.#fastest;
    this.#expect(id, nowUs, untilUs, `the leader of term ${term} leads since ${seconds(ledSinceUs)}`);
  }

  #expect(id: bigint, endedUs: number, untilUs: number, why: string): void {
    this.#world.check(endedUs >= untilUs, "lease promise", () => {
      const early = `lease ${id.toString(16)} was ended at ${seconds(endedUs)}, before ${seconds(untilUs)}`;
      return `${early}, though nobody revoked it: ${why}`;
    });
  }

  #of(id: bigint): Promised {
    let promised = this.#leases.get(id);
    if (promised === undefined) {
      promised = {
        untilUs: 0,
        text: "",
        leftSeconds: null,
        renewalAskedUs: Number.NEGATIVE_INFINITY,
        isRevocationAsked: false,
        grantedUs: Number.POSITIVE_INFINITY,
        expiredUs: null,
      };
      this.#leases.set(id, promised);
    }
    return promised;
  }
}

function seconds(us: number): string {
  return `${(us / 1e6).toFixed(3)} s`;
}
