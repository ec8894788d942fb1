/** Clients with leases: granted, kept alive for a while through any member, asked about, revoked or left alone; with keys on them. */
import type { Prng } from "../base/prng.ts";
import { ETCD_ERRORS } from "../etcd/errors.ts";
import {
  DeleteRangeRequest,
  LeaseGrantRequest,
  LeaseTimeToLiveRequest,
  PutRequest,
  type RequestOp,
  TxnRequest,
} from "../proto/gen/etcdserverpb.ts";
import type { Answers } from "./answers.ts";
import type { Ledger } from "./ledger.ts";
import type { Machine } from "./machine.ts";
import type { LeaseMix, LeasePlan } from "./model.ts";
import type { Operator } from "./operator.ts";
import type { Probes, Span } from "./probes.ts";
import type { LeasePromises } from "./promises.ts";
import { bytesOf, type Twin, textOf } from "./twin.ts";
import { ALIVE } from "./twin-leases.ts";
import type { World } from "./world.ts";

export interface LesseeParts {
  readonly world: World;
  readonly operator: Operator;
  readonly probes: Probes;
  readonly answers: Answers;
  readonly ledger: Ledger;
  readonly twin: Twin;
  readonly promises: LeasePromises;
}

interface Tenancy {
  readonly id: bigint;
  readonly keptUntilUs: number;
}

const LEASED_KEYS = ["l0", "l1", "l2", "l3"] as const;
/** At once; more take the place of the oldest. */
const TENANCIES_MAX = 5;
const LONG_MAX = 3;
/** Of as many leases at once. */
const RENEWALS = 3;
/** So long before the end nobody grants or renews: what is short has run out by then. */
const LULL_MS = 12_000;
/** Leases for longer than that may be there in the end. */
const SHORT_SECONDS = 10;
/** An election time-out makes so many of the least time to live that is granted. */
const TTL_MIN_ELECTIONS = 1.5;

export class Lessees {
  readonly #parts: LesseeParts;
  readonly #plan: LeasePlan;
  readonly #chance: Prng;
  readonly #kinds: readonly (keyof LeaseMix)[];
  #tenancies: Tenancy[] = [];
  /** The first that outlive the run: asked about long after anybody has renewed them. */
  readonly #long: bigint[] = [];
  #looks = 0;
  #granted = 0;
  #written = 0;
  #stopped = false;

  constructor(parts: LesseeParts, plan: LeasePlan) {
    this.#parts = parts;
    this.#plan = plan;
    this.#chance = parts.world.chance("lessees");
    this.#kinds = Object.entries(plan.mix).flatMap(([kind, weight]) =>
      Array.from({ length: weight as number }, () => kind as keyof LeaseMix),
    );
    this.#next();
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Which lease should have run out by now, with nobody renewing it since long; null: none. */
  get overdue(): string | null {
    const lease = this.#parts.twin.leases.living.find(({ ttlSeconds }) => ttlSeconds <= SHORT_SECONDS);
    return lease === undefined ? null : `lease ${nameOf(lease.id)} of ${lease.ttlSeconds} s has not run out`;
  }

  #next(): void {
    const { scheduler } = this.#parts.world;
    scheduler.after(this.#chance.exponential(this.#plan.everyMs * 1000), () => {
      if (this.#stopped) return;
      this.#ask(this.#chance.pick(this.#parts.operator.members));
      this.#next();
    });
  }

  #ask(machine: Machine): void {
    const { scheduler, scenario } = this.#parts.world;
    const kind = this.#chance.pick(this.#kinds);
    const isLull = scheduler.nowUs >= (scenario.endMs - LULL_MS) * 1000;
    const tenancy = this.#tenancies.length === 0 ? null : this.#chance.pick(this.#tenancies);
    if (kind === "put") this.#put(machine, tenancy?.id ?? 0n);
    else if (kind === "timeToLive" && tenancy !== null) this.#timeToLive(machine, this.#lookedAt(tenancy.id));
    else if (kind === "revoke" && tenancy !== null) this.#revoke(machine, tenancy.id);
    else if (isLull) return;
    else if (kind === "keepAlive" && tenancy !== null) this.#renewSome(machine);
    else this.#grant(machine);
  }

  /** Every other time where there are checkpoints, one of the long ones. */
  #lookedAt(id: bigint): bigint {
    const { scenario } = this.#parts.world;
    const looks = this.#looks++;
    const isLong = looks % 2 === 0 && this.#plan.checkpointSeconds * 1000 < scenario.endMs;
    return (isLong ? this.#long[(looks / 2) % LONG_MAX] : undefined) ?? id;
  }

  // ---------------------------------------------------------------------------------------------------------- leases

  #grant(machine: Machine): void {
    const { world, probes, twin, answers, promises } = this.#parts;
    const { nowUs } = world.scheduler;
    const asked = this.#chance.pick(this.#plan.ttlSeconds);
    const isChosen = this.#chance.float() < 0.2;
    const id = isChosen ? 0n : BigInt(1000 + this.#granted++);
    const ttl = Math.max(asked, Math.ceil((TTL_MIN_ELECTIONS * world.scenario.electionMs) / 1000));
    const text = `${machine.name} grant ${isChosen ? "a lease" : nameOf(id)} for ${asked} s`;
    if (!isChosen) this.#keep(id, nowUs);
    probes.ask({
      machine,
      text,
      isFresh: true,
      send: ({ leases }) => leases.grant(LeaseGrantRequest.create({ id, ttl: asked })),
      judge: (answer, revision, { first, last, startUs }) => {
        const lease = twin.leases.get(answer.id);
        const index = lease?.granted.index ?? 0;
        const isGranted = (isChosen || answer.id === id) && index > first && index <= last;
        answers.expect(isGranted, text, () => `${nameOf(answer.id)}, which was not granted then`);
        const isRight = answer.ttl === ttl && lease?.ttlSeconds === ttl && revision === twin.revisionAt(index);
        answers.expect(isRight, text, () => `${answer.ttl} s at revision ${revision}`);
        answers.expectDurable(text, index);
        promises.answered(answer.id, "grant", machine.name, startUs, answer.ttl);
        if (isChosen) this.#keep(answer.id, nowUs);
        if (ttl * 1000 > world.scenario.endMs && this.#long.length < LONG_MAX) this.#long.push(answer.id);
        return `granted ${nameOf(answer.id)}`;
      },
      refused: (error) => answers.expect(error !== ETCD_ERRORS.leaseExists, text, () => error.message),
    });
  }

  #keep(id: bigint, nowUs: number): void {
    this.#tenancies.push({ id, keptUntilUs: nowUs + this.#chance.exponential(this.#plan.keptMs * 1000) });
    if (this.#tenancies.length > TENANCIES_MAX) this.#tenancies.shift();
  }

  #renewSome(machine: Machine): void {
    const { nowUs } = this.#parts.world.scheduler;
    const kept = this.#tenancies.filter(({ keptUntilUs }) => keptUntilUs > nowUs);
    for (const { id } of kept.slice(-RENEWALS)) this.#renew(machine, id);
    if (kept.length < TENANCIES_MAX / 2) this.#grant(machine);
  }

  #renew(machine: Machine, id: bigint): void {
    const { probes, twin, answers, promises, world } = this.#parts;
    const text = `${machine.name} keep ${nameOf(id)} alive`;
    promises.renewalAsked(id);
    probes.ask({
      machine,
      text,
      isFresh: false,
      send: ({ leases }) => leases.keepAlive({ id }),
      judge: ({ ttl }, _, span) => {
        this.#expectThere(text, id, ttl > 0, span);
        answers.expect(ttl <= 0 || ttl === twin.leases.get(id)?.ttlSeconds, text, () => `${ttl} s`);
        promises.answered(id, "keepalive", machine.name, span.startUs, ttl);
        world.count(ttl > 0 ? "leases renewed" : "leases not found");
        return ttl > 0 ? `alive for ${ttl} s` : "there is no such lease";
      },
    });
  }

  #timeToLive(machine: Machine, id: bigint): void {
    const { probes, twin, answers, promises, world, ledger } = this.#parts;
    const term = ledger.leadingTerm;
    const keys = this.#chance.float() < 0.5;
    const text = `${machine.name} time to live of ${nameOf(id)}`;
    probes.ask({
      machine,
      text,
      isFresh: false,
      send: ({ leases }) => leases.timeToLive(LeaseTimeToLiveRequest.create({ id, keys })),
      judge: (answer, _, span) => {
        const isThere = answer.ttl >= 0 || answer.grantedTtl > 0;
        this.#expectThere(text, id, isThere, span);
        promises.answered(id, "time-to-live", machine.name, span.startUs, isThere ? Math.max(0, answer.ttl) : -1);
        if (!isThere) return "there is no such lease";
        const lease = twin.leases.get(id);
        const mostMs = answer.grantedTtl * 1000 + world.scenario.electionMs;
        const isRight = answer.grantedTtl === lease?.ttlSeconds && answer.ttl * 1000 <= mostMs;
        answers.expect(isRight, text, () => `${answer.ttl} s of ${answer.grantedTtl}`);
        if (lease !== null && ledger.leadingTerm === term) promises.told(lease, term, answer.ttl);
        if (keys) this.#expectKeys(text, id, answer.keys.map(textOf), span);
        return `${answer.ttl} s left`;
      },
    });
  }

  #revoke(machine: Machine, id: bigint): void {
    const { probes, twin, answers, promises } = this.#parts;
    const text = `${machine.name} revoke ${nameOf(id)}`;
    promises.revocationAsked(id);
    probes.ask({
      machine,
      text,
      isFresh: true,
      send: ({ leases }) => leases.revoke({ id }),
      judge: (_, revision, { first, last }) => {
        const index = twin.leases.get(id)?.endedAt ?? ALIVE;
        const isEnded = index > first && index <= last;
        answers.expect(isEnded, text, () => `a revocation, but it ended at ${index}`);
        if (!isEnded) return "";
        answers.expect(revision === twin.revisionAt(index), text, () => `revision ${revision}`);
        answers.expectDurable(text, index);
        return `revoked at ${revision}`;
      },
      refused: (error, span) => {
        if (error === ETCD_ERRORS.leaseNotFound) this.#expectThere(text, id, false, span);
      },
    });
  }

  // ------------------------------------------------------------------------------------------------------------ keys

  #put(machine: Machine, known: bigint): void {
    const { probes, twin, answers } = this.#parts;
    const which = this.#chance.float();
    const first = this.#chance.below(LEASED_KEYS.length);
    const keys = [LEASED_KEYS[first], LEASED_KEYS[(first + 1) % LEASED_KEYS.length]].slice(0, which < 0.3 ? 2 : 1);
    if (which > 0.9) {
      this.#delete(machine, keys[0] as string);
      return;
    }
    const lease = which > 0.8 ? 0n : known;
    const value = `l${this.#written++}`;
    const text = `${machine.name} put ${keys.join(" and ")} = ${value} on ${nameOf(lease)}`;
    const puts = keys.map((key): RequestOp => {
      const put = PutRequest.create({ key: bytesOf(key as string), value: bytesOf(value), lease });
      return { request: { kind: "requestPut", value: put } };
    });
    probes.ask({
      machine,
      text,
      isFresh: true,
      send: ({ kv }) => kv.txn(TxnRequest.create({ success: puts })),
      judge: (_, revision) => {
        const changes = twin.changesAt(revision);
        const isThis = changes.length === keys.length && changes.every((each) => each.value === value);
        answers.expect(isThis, text, () => `revision ${revision}, but that is another change`);
        answers.expectDurable(text, twin.indexOf(revision));
        return `written at ${revision}`;
      },
      refused: (error, span) => {
        if (error === ETCD_ERRORS.leaseNotFound) this.#expectThere(text, lease, false, span);
      },
    });
  }

  #delete(machine: Machine, key: string): void {
    const { probes, twin, answers } = this.#parts;
    const text = `${machine.name} delete ${key}`;
    probes.ask({
      machine,
      text,
      isFresh: true,
      send: ({ kv }) => kv.deleteRange(DeleteRangeRequest.create({ key: bytesOf(key) })),
      judge: ({ deleted }, revision) => {
        const isThis = twin.changesAt(revision).some((change) => change.key === key && change.version === 0);
        const isRight = deleted === 0 ? twin.get(key, revision) === null : isThis;
        answers.expect(isRight, text, () => `${deleted} deleted at revision ${revision}`);
        return `deleted ${deleted}`;
      },
    });
  }

  #expectThere(text: string, id: bigint, isThere: boolean, { first, last }: Span): void {
    const { twin, answers } = this.#parts;
    answers.expect(twin.leases.mayBe(id, isThere, first, last), text, () => {
      const { granted, endedAt } = twin.leases.get(id) ?? { granted: null, endedAt: ALIVE };
      const life = `granted by entry ${granted?.index ?? "none"} and ended by ${endedAt === ALIVE ? "none" : endedAt}`;
      return `that it is ${isThere ? "there" : "not there"}; it was ${life}, and this was asked between ${first} and ${last}`;
    });
  }

  #expectKeys(text: string, id: bigint, shown: readonly string[], { first, last }: Span): void {
    const { twin, answers } = this.#parts;
    const all = twin.leases.get(id)?.keys ?? [];
    const list = shown.join();
    const isTrue = all.some(({ index, keys }, i) => {
      return index <= last && (all[i + 1]?.index ?? ALIVE) > first && keys.join() === list;
    });
    answers.expect(isTrue, text, () => `the keys ${list}, which never hung on it together then`);
  }
}

function nameOf(id: bigint): string {
  return id === 0n ? "no lease" : `lease ${id.toString(16)}`;
}
