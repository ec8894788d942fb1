/**
 * Runs one scenario from the first start to the verdict:
 *
 *   load and faults together -> everything heals -> every member must serve again -> the load ends, all must agree
 *     -> every key is read through every member -> the checks of the harness judge the history
 */
import type { LogIndex, Revision, Term } from "../base/ids.ts";
import type { Member } from "../etcd/member.ts";
import type { ClusterMember, LogBase } from "../etcd/model.ts";
import { NEWEST } from "../etcd/mvcc/store.ts";
import { judge } from "../harness/checks/judge.ts";
import type { RunEvent } from "../harness/model/events.ts";
import type { LeaseRecord } from "../harness/model/history.ts";
import type { CheckName } from "../harness/model/plan.ts";
import { Answers } from "./answers.ts";
import { Asking } from "./asking.ts";
import { Calls } from "./calls.ts";
import { bucketsDifference, isCompactionFinished, keysDifference, leasesDifference } from "./contents.ts";
import { Faults } from "./faults.ts";
import { Historians } from "./historians.ts";
import { Ledger } from "./ledger.ts";
import { Lessees } from "./lessees.ts";
import { KEY_PREFIX, Load } from "./load.ts";
import { Machine } from "./machine.ts";
import type { Breakage, Scenario, SeedResult } from "./model.ts";
import { Network } from "./network.ts";
import { Operator } from "./operator.ts";
import { Probes } from "./probes.ts";
import { LeasePromises } from "./promises.ts";
import { bytesOf, isSame, shownAs, Twin } from "./twin.ts";
import { Watcher } from "./watcher.ts";
import { memberId, type Story, World } from "./world.ts";

/** Founders' logs begin behind this entry. */
const FOUNDING_INDEX = 1 as LogIndex;
/** How long the last answers, the last followers and the last watchers may take once the load has ended. */
const SETTLE_MS = 10_000;
/** The load ends so long before the end. */
const LAST_MS = 4_000;
/** How often it is looked whether something has come true. */
const POLL_US = 20_000;

export async function simulate(scenario: Scenario, breakage: Breakage = {}, story: Story = null): Promise<SeedResult> {
  return new Simulation(scenario, breakage, story).run();
}

class Simulation {
  readonly #world: World;
  readonly #machines: readonly Machine[];
  readonly #faults: Faults;
  readonly #asking: Asking;
  readonly #load: Load;
  readonly #promises: LeasePromises;
  readonly #lessees: Lessees | null;
  readonly #historians: Historians | null;
  readonly #watchers: readonly Watcher[];
  readonly #ledger: Ledger;
  readonly #operator: Operator;
  readonly #twin = new Twin(FOUNDING_INDEX);
  readonly #undecided: string[] = [];

  constructor(scenario: Scenario, breakage: Breakage, story: Story) {
    const world = new World(scenario, story, () => {
      for (const machine of this.#machines) machine.observe();
    });
    this.#world = world;
    const founders = Array.from({ length: scenario.members }, (_, number) => memberId(number));
    const founding: LogBase = {
      index: FOUNDING_INDEX,
      term: 1 as Term,
      configuration: { voters: founders, learners: [] },
    };
    this.#ledger = new Ledger(world, this.#twin, founding, scenario.members + scenario.spares);
    const network = (): Network => net;
    const parts = { world, ledger: this.#ledger, network, breakage };
    this.#machines = Array.from(
      { length: scenario.members + scenario.spares },
      (_, number) => new Machine(number, parts),
    );
    const net = new Network(world, this.#machines);
    net.listen({ sent: (message) => this.#ledger.sent(message), arrived: () => {} });
    this.#operator = new Operator(world, this.#machines, this.#ledger);
    for (const machine of this.#machines) machine.start();
    const answers = new Answers(world, this.#ledger, this.#twin);
    this.#asking = new Asking(world, new Calls(world));
    this.#load = new Load(world, this.#operator, this.#asking, answers);
    this.#promises = new LeasePromises(world, this.#ledger);
    this.#twin.leases.listen(this.#promises);
    const { operator, ledger, twin, promises } = {
      operator: this.#operator,
      ledger: this.#ledger,
      twin: this.#twin,
      promises: this.#promises,
    };
    const probes = new Probes(world, ledger, this.#asking, answers);
    const clients = { world, operator, probes, answers, ledger, twin, promises };
    this.#lessees = scenario.leases && new Lessees(clients, scenario.leases);
    this.#historians = scenario.history && new Historians(clients, scenario.history);
    const watcherChance = world.chance("watchers");
    const elsewhere = (): Machine => watcherChance.pick(this.#operator.members);
    this.#watchers = this.#operator.members.flatMap((machine) =>
      Array.from({ length: scenario.load.watchersPerMember }, (_, i) => {
        const number = machine.number * scenario.load.watchersPerMember + i;
        return new Watcher(number, machine, elsewhere, world, this.#twin);
      }),
    );
    this.#faults = new Faults(world, this.#machines, net, this.#operator);
  }

  async run(): Promise<SeedResult> {
    const { scenario, scheduler } = this.#world;
    const { healMs, liveWithinMs, endMs } = scenario;
    await this.#until(healMs, () => false);
    if (!this.#world.isOver) {
      this.#faults.heal();
      this.#load.heal();
      await this.#mustCome(healMs + liveWithinMs, () => this.#missing(healMs * 1000));
      await this.#until(endMs - LAST_MS, () => false);
      this.#load.stop();
      this.#lessees?.stop();
      this.#historians?.stop();
      for (const watcher of this.#watchers) watcher.settle();
      const settledMs = scheduler.nowUs / 1000 + scenario.load.deadlineMs + SETTLE_MS;
      await this.#mustCome(settledMs, () => this.#unsettled());
      this.#load.readAll();
      await this.#mustCome(scheduler.nowUs / 1000 + SETTLE_MS, () =>
        this.#asking.isIdle ? null : "the final reads are not answered",
      );
      await this.#until(endMs, () => false);
      // What the cluster writes by itself, checkpoints of leases, may be on its way just then.
      await this.#mustCome(endMs + SETTLE_MS, () => this.#unsettled());
    }
    if (!this.#world.isOver) this.#compareStates();
    if (!this.#world.isOver) this.#judge();
    return this.#result();
  }

  async #until(limitMs: number, isTrue: () => boolean): Promise<void> {
    await this.#world.scheduler.run(limitMs * 1000, () => this.#world.isOver || isTrue());
  }

  /** Goes on until nothing is missing; at the limit that is the failure. */
  async #mustCome(limitMs: number, missing: () => string | null): Promise<void> {
    let lack: string | null = missing();
    const poll = (): void => {
      lack = missing();
      if (lack !== null) this.#world.scheduler.after(POLL_US, poll);
    };
    poll();
    await this.#until(limitMs, () => lack === null);
    if (lack !== null) this.#world.fail("not live", `${(limitMs / 1000).toFixed(1)} s: ${lack}`);
  }

  /** What is missing until the cluster is back: every member serves, and acknowledges what is written from now on. */
  #missing(sinceUs: number): string | null {
    const { voters } = this.#operator;
    for (const machine of this.#operator.members) {
      if (!machine.isServing) return `${machine.name} does not serve`;
      if (voters.includes(machine) && !this.#load.hasWrittenSince(machine, sinceUs))
        return `${machine.name} has acknowledged no write since`;
    }
    return null;
  }

  #unsettled(): string | null {
    if (!this.#asking.isIdle) return "requests are unanswered after their deadline";
    const committed = this.#ledger.committedIndex;
    for (const machine of this.#operator.members) {
      const applied = machine.member?.status.appliedIndex ?? 0;
      if (applied < committed) return `${machine.name} has applied ${applied} of ${committed}`;
    }
    for (const { name, storage } of this.#operator.members)
      if (storage === null || !isCompactionFinished(storage.buffer)) return `${name} has not removed what is compacted`;
    const overdue = this.#lessees?.overdue ?? null;
    if (overdue !== null) return overdue;
    const newest = this.#newestWatched();
    for (const watcher of this.#watchers)
      if (watcher.seenRevision < newest) return `a watcher has seen ${watcher.seenRevision} of ${newest}`;
    return null;
  }

  /** The newest revision that watchers are owed. */
  #newestWatched(): number {
    for (let revision = this.#twin.revision; revision > 1; revision--)
      if (this.#twin.changesAt(revision).some(({ key }) => key.startsWith(KEY_PREFIX))) return revision;
    return 1;
  }

  // ------------------------------------------------------------------------------------------------------------ verdict

  #compareStates(): void {
    const memberships = new Set<string>();
    for (const { name, member, storage } of this.#operator.members) {
      const isUp = member !== null && storage !== null;
      const kept = isUp ? keysDifference(storage.buffer, this.#twin, this.#twin.index) : "is down";
      const difference = isUp ? (kept ?? this.#difference(member)) : "is down";
      if (difference !== null) this.#world.fail("members disagree", `${name} in the end: ${difference}`);
      memberships.add(member?.members.list().map(describeMember).join("; ") ?? "");
    }
    const [first, ...others] = this.#operator.members;
    for (const other of others) {
      const stores = [first?.storage?.buffer, other.storage?.buffer] as const;
      const difference = stores[0] && stores[1] ? bucketsDifference(stores[0], stores[1]) : null;
      const names = `${first?.name} and ${other.name} in the end`;
      if (difference !== null) this.#world.fail("members disagree", `${names}: ${difference}`);
    }
    if (memberships.size > 1) this.#world.fail("members disagree", `memberships: ${[...memberships].join(" | ")}`);
  }

  /** How a member's state, history included, differs from the twin's; null when it does not. */
  #difference({ store, leases }: Member): string | null {
    const { revision, index } = this.#twin;
    const compacted = this.#twin.compactedAt(index);
    if (store.compactedRevision !== compacted) return `compacted at ${store.compactedRevision}, not ${compacted}`;
    if (store.revision !== revision) return `revision ${store.revision}, not ${revision}`;
    for (const key of this.#twin.keys) {
      const [kv, held] = [store.get(bytesOf(key), NEWEST), this.#twin.get(key, revision)];
      if (!isSame(kv, held)) return `${key} is ${shownAs(kv)}, not ${shownAs(held)}`;
    }
    for (let at = Math.max(2, compacted); at <= revision; at++) {
      const changes = store.changesAt(at as Revision);
      const held = this.#twin.changesAt(at);
      if (changes.length !== held.length || !changes.every((kv, i) => isSame(kv, held[i] ?? null)))
        return `other changes at revision ${at}`;
    }
    return leasesDifference(leases, this.#twin);
  }

  #judge(): void {
    const { scenario, scheduler } = this.#world;
    const { load, seed } = scenario;
    const watchEvents = this.#watchers.flatMap((watcher) => watcher.events);
    const leases = this.#promises.records;
    const checks: CheckName[] = ["linearizable", "serializable", "converged"];
    // What was granted and kept alive puts the check to work; otherwise it has nothing to judge.
    if (["grant", "keepalive"].every((action) => leases.some((record) => record.action === action && isKept(record))))
      checks.push("lease");
    if (watchEvents.length > 0) checks.push("watch");
    const revisions = Object.fromEntries(
      this.#operator.members.map((each) => [each.name, each.member?.store.revision ?? -1]),
    );
    // What is compared are revisions when the load had ended: final reads came after.
    const atNs = Math.max(0, ...this.#load.operations.map((operation) => operation.startNs)) - 1;
    const events: RunEvent[] = [
      { atNs, kind: "converged", converged: true, revisions },
      { atNs, kind: "watchers-waited", caughtUp: true },
    ];
    const verdict = judge(
      {
        header: {
          type: "history",
          version: 1,
          run: `seed ${seed}`,
          members: this.#operator.members.map(({ name }) => name),
          initialRevision: 1,
          watchers: this.#watchers.length,
          watchEventsLost: 0,
          exclusive: load.mix.multi === 0 && scenario.leases === null && scenario.history === null,
        },
        operations: this.#load.operations,
        watchEvents,
        watchers: this.#watchers.flatMap((watcher) => watcher.records),
        leases,
        events,
      },
      // No clock: only the number of steps ends a search, so that every run decides alike.
      { checks, windows: [], interruptedBy: null, nowMs: () => 0 },
    );
    for (const result of verdict.checks) {
      if (result.verdict === "invalid")
        this.#world.fail("check", `${result.check}: ${result.findings[0]?.text ?? result.summary}`);
      if (result.verdict === "unknown") this.#undecided.push(`${result.check}: ${result.summary}`);
    }
    this.#world.tell("end", () => `${verdict.headline}; ${scheduler.eventsTotal} events`);
  }

  #result(): SeedResult {
    const { scenario, scheduler, failure, coverage, digest } = this.#world;
    return {
      seed: scenario.seed,
      failure,
      undecided: this.#undecided,
      simulatedMs: Math.round(scheduler.nowUs / 1000),
      events: scheduler.eventsTotal,
      operations: this.#asking.counts,
      faults: this.#faults.counts,
      coverage,
      digest,
    };
  }
}

function describeMember({ id, name, clientUrls, peerUrls, isLearner }: ClusterMember): string {
  return `${id} ${name}${isLearner ? " (learner)" : ""} ${clientUrls.join()} ${peerUrls.join()}`;
}

/** The lease is there, says its answer. */
function isKept({ outcome }: LeaseRecord): boolean {
  return outcome.kind === "ok" && outcome.ttlSeconds > 0;
}
