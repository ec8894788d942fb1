/** One seed -> one scenario. Swarm testing: each seed switches a random part of everything off, so that the rest meets more of itself. */
import { Prng } from "../base/prng.ts";
import type { Change } from "../etcd/model.ts";
import { chanceOf } from "./chance.ts";
import {
  type DiskPlan,
  type FaultKind,
  type HistoryPlan,
  type LeasePlan,
  type LoadPlan,
  type LostKind,
  type NetworkPlan,
  type PlannedFault,
  type Scenario,
  SHUFFLED_KINDS,
  type ShuffledKind,
  type SimFault,
  type Target,
} from "./model.ts";

const FIRST_FAULT_MS = 1_000;
const HEAL_MS = 42_000;
const LIVE_WITHIN_MS = 15_000;
const END_MS = 60_000;
const FAULTS_MAX = 24;
/** Faults that need time to show. */
const LASTING: ReadonlySet<FaultKind> = new Set(["hunt-leaders", "picky-loss"]);
const LASTING_MEAN_MS = 8_000;
/** What hurts most comes twice. */
const LOST_KINDS: readonly LostKind[] = [
  "entries",
  "entries",
  "empty-append",
  "append-response",
  "append-response",
  "heartbeat",
  "heartbeat-response",
  "vote-response",
  "pre-vote-response",
  "read-index-response",
  "propose",
];
const STANDSTILL_MAX_MS = 5_000;
const LOG_CUTS_MAX = 8;
/** What is written so long before a fault may be cut off in the middle of it. */
const LEAD_MS = 100;
const SPARES_MAX = 3;
/** Who was added may be promoted or removed; so these come oftener. */
const CHANGES: readonly Change["kind"][] = [
  ...(["add-voter", "add-voter", "add-learner", "add-learner"] as const),
  ...(["promote", "promote", "promote", "remove", "remove", "update"] as const),
];
/** Machines whose clocks drift more are broken, not slow. */
const DRIFT_MAX = 0.1;

/** With everything up; what is cut off or down takes from it. */
const OPERATIONS_PER_SECOND: readonly number[] = [11, 14, 18];

const MEMBERS: readonly number[] = [3, 3, 3, 3, 3, 3, 5, 5, 5, 1];
const TIMES: readonly { readonly heartbeatMs: number; readonly electionMs: number }[] = [
  { heartbeatMs: 100, electionMs: 1000 },
  { heartbeatMs: 100, electionMs: 1000 },
  { heartbeatMs: 50, electionMs: 500 },
  { heartbeatMs: 100, electionMs: 500 },
];

export function scenarioOf(seed: number): Scenario {
  const chance = new Prng(seed);
  const members = chance.pick(MEMBERS);
  const isOn = (): boolean => chance.float() < 0.5;
  const drifts = isOn();
  const kinds = kindsOf(chance);
  const spares = kinds.includes("membership") ? 1 + chance.below(SPARES_MAX) : 0;
  const machines = members + spares;
  const scenario: Scenario = {
    seed,
    members,
    spares,
    ...chance.pick(TIMES),
    clockRates: Array.from({ length: machines }, () => {
      const rate = 1 + (2 * chance.float() - 1) * DRIFT_MAX;
      return drifts ? rate : 1;
    }),
    network: networkOf(chance, isOn),
    disk: diskOf(chance),
    limits: {
      appendBytes: chance.pick([1, 200, 4 * 1024, 512 * 1024]),
      windowAppends: chance.pick([1, 4, 64]),
    },
    cuts: {
      snapshotCount: chance.pick([3, 20, 100, 100_000]),
      catchUpEntries: chance.pick([0, 0, 5, 50]),
      commitMs: chance.pick([100, 1_000, 3_000]),
    },
    snapshotPieces: chance.pick([1, 3, 20]),
    load: loadOf(chance, members),
    faults: faultsOf(chance, kinds, machines),
    leases: leasesOf(chance, chanceOf(seed, "checkpoints")),
    history: historyOf(chance),
    healMs: HEAL_MS,
    liveWithinMs: LIVE_WITHIN_MS,
    endMs: END_MS,
  };
  const faults = scenario.leases === null || !isOn() ? scenario.faults : withStandstill(scenario.faults, chance);
  return { ...scenario, faults: withLogCuts(faults, chanceOf(seed, "log cuts"), machines) };
}

/** Leases are in danger from a leader that stands still for longer than they last. */
function withStandstill(faults: readonly PlannedFault[], chance: Prng): readonly PlannedFault[] {
  const atMs = FIRST_FAULT_MS + chance.below(HEAL_MS - FIRST_FAULT_MS - STANDSTILL_MAX_MS);
  const durationMs = STANDSTILL_MAX_MS / 2 + chance.below(STANDSTILL_MAX_MS / 2);
  const standstill: PlannedFault = { number: 0, atMs, durationMs, fault: { kind: "pause", target: "leader" } };
  return [...faults, standstill].sort((a, b) => a.atMs - b.atMs).map((fault, number) => ({ ...fault, number }));
}

/**
 * Most of them shortly before another fault or in the middle of it. They come behind the others, which keep their numbers, and have
 * a stream of their own: seeds that were named before there were any are as they were but for them.
 */
function withLogCuts(faults: readonly PlannedFault[], chance: Prng, machines: number): readonly PlannedFault[] {
  if (chance.float() < 0.5) return faults;
  const cuts = Array.from({ length: 1 + chance.below(LOG_CUTS_MAX) }, (_, i): PlannedFault => {
    const target: Target = chance.float() < 0.6 ? "leader" : chance.below(machines);
    const fault: SimFault = { kind: "compact-log", target, catchUpEntries: chance.pick([0, 0, 1, 5]) };
    const anyMs = FIRST_FAULT_MS + chance.below(HEAL_MS - FIRST_FAULT_MS - 1_000);
    const other = chance.pick(faults);
    const insideMs = other.atMs - LEAD_MS + Math.round(chance.float() * (LEAD_MS + other.durationMs));
    const atMs = chance.float() < 0.4 ? anyMs : Math.min(insideMs, HEAL_MS - 1_000);
    const meanMs = chance.pick([300, 3_000, 3_000]);
    const durationMs = Math.round(Math.min(50 + chance.exponential(meanMs), HEAL_MS - atMs));
    return { number: faults.length + i, atMs, durationMs, fault };
  });
  return [...faults, ...cuts];
}

function networkOf(chance: Prng, isOn: () => boolean): NetworkPlan {
  const some = (max: number): number => (isOn() ? chance.float() * max : 0);
  return {
    delayMs: chance.pick([0.2, 1, 5, 20]),
    lateChance: some(0.1),
    lateMs: chance.pick([20, 200, 1000]),
    dropChance: some(0.1),
    duplicateChance: some(0.1),
    splitChance: some(1),
    breakChance: some(0.1),
  };
}

function diskOf(chance: Prng): DiskPlan {
  return {
    writeMs: chance.pick([0.02, 0.2]),
    syncMs: chance.pick([0.3, 2, 10]),
    segmentMaxBytes: chance.pick([4 * 1024, 32 * 1024, 64 * 1024 * 1024]),
  };
}

function loadOf(chance: Prng, members: number): LoadPlan {
  const weight = (): number => (chance.float() < 0.7 ? 1 + chance.below(4) : 0);
  const clients = members * chance.pick(members === 1 ? [4, 6] : members === 5 ? [1, 2] : [2, 3]);
  return {
    clients,
    thinkMs: (clients * 1000) / chance.pick(OPERATIONS_PER_SECOND),
    deadlineMs: chance.pick([1_000, 3_000, 8_000]),
    keys: chance.pick([1, 2, 5, 10]),
    mix: {
      put: 1 + chance.below(4),
      delete: weight(),
      linearizable: weight(),
      serializable: weight(),
      cas: weight(),
      multi: chance.float() < 0.3 ? 1 : 0,
    },
    valueMaxBytes: chance.pick([16, 200, 3_000]),
    watchersPerMember: chance.pick([0, 1, 1, 2]),
  };
}

/** `own`: came later, and does not shift the others' chance. */
function leasesOf(chance: Prng, own: Prng): LeasePlan | null {
  const weight = (most: number): number => (chance.float() < 0.7 ? 1 + chance.below(most) : 0);
  const plan: LeasePlan = {
    everyMs: chance.pick([250, 400, 800]),
    ttlSeconds: chance.pick([[1, 2, 3, 5], [2], [1, 600]]),
    keptMs: chance.pick([2_000, 8_000, 20_000]),
    checkpointSeconds: own.pick([300, 300, 1, 1, 2]),
    mix: { grant: 1, keepAlive: 3 + chance.below(4), timeToLive: weight(2), revoke: weight(1), put: weight(4) },
  };
  return chance.float() < 0.6 ? plan : null;
}

function historyOf(chance: Prng): HistoryPlan | null {
  const weight = (most: number): number => (chance.float() < 0.7 ? 1 + chance.below(most) : 0);
  const plan: HistoryPlan = {
    everyMs: chance.pick([400, 800, 1_600]),
    mix: { compact: 1 + chance.below(3), read: weight(3), txn: weight(2), hash: weight(2) },
    rewindChance: chance.pick([0, 0.3, 0.8]),
    watchMs: chance.pick([2_000, 10_000]),
  };
  return chance.float() < 0.6 ? plan : null;
}

function kindsOf(chance: Prng): readonly ShuffledKind[] {
  const kinds = SHUFFLED_KINDS.filter(() => chance.float() < 0.5);
  return kinds.length > 0 ? kinds : [chance.pick(SHUFFLED_KINDS)];
}

function faultsOf(chance: Prng, kinds: readonly ShuffledKind[], machines: number): readonly PlannedFault[] {
  const faults: Omit<PlannedFault, "number">[] = [];
  for (let count = 4 + chance.below(FAULTS_MAX - 4); count > 0; count--) {
    const fault = faultOf(chance.pick(kinds), chance, machines);
    const atMs = FIRST_FAULT_MS + chance.below(HEAL_MS - FIRST_FAULT_MS - 1_000);
    const meanMs = LASTING.has(fault.kind) ? LASTING_MEAN_MS : chance.pick([300, 3_000]);
    const durationMs = Math.round(Math.min(50 + chance.exponential(meanMs), HEAL_MS - atMs));
    faults.push({ atMs, durationMs, fault });
  }
  return faults.sort((a, b) => a.atMs - b.atMs).map((fault, number) => ({ number, ...fault }));
}

function faultOf(kind: ShuffledKind, chance: Prng, machines: number): SimFault {
  const target: Target = chance.float() < 0.4 ? "leader" : chance.below(machines);
  const holds = chance.float() < 0.3;
  switch (kind) {
    case "cut":
      return cutOf(chance, machines, holds);
    case "isolate-leader":
      return { kind, direction: chance.pick(["both", "both", "in", "out"]), holds };
    case "transfer":
      return { kind, target: chance.below(machines) };
    case "membership":
      return { kind, change: chance.pick(CHANGES), leader: chance.float() < 0.4 };
    case "crash":
      return { kind, target, how: chance.pick(["kill", "power", "mid-sync", "mid-sync", "stop"]) };
    case "slow-disk":
      return { kind, target, factor: chance.pick([10, 100, 1000]) };
    case "blackout":
    case "hunt-leaders":
      return { kind };
    case "pause":
    case "full-disk":
    case "failed-sync":
      return { kind, target };
    case "wall-jump":
      return { kind, target, byMs: chance.float() < 0.4 ? null : Math.round((2 * chance.float() - 1) * 100_000_000) };
    case "picky-loss":
      return { kind, lost: chance.pick(LOST_KINDS), chance: chance.pick([0.5, 0.9, 0.98]) };
    case "storm":
      return { kind, dropChance: chance.pick([0.2, 0.5, 0.9]) };
  }
}

type Links = readonly (readonly [number, number])[];

function cutOf(chance: Prng, machines: number, holds: boolean): SimFault {
  const order = shuffled(chance, machines);
  const side = order.slice(0, 1 + chance.below(Math.max(1, machines - 1)));
  const others = order.slice(side.length);
  const shape = chance.pick(["symmetric", "one-way", "bridge", "ring", "flapping"] as const);
  const flapMs = shape === "flapping" ? chance.pick([50, 300, 1_500]) : 0;
  return { kind: "cut", shape, links: linksOf(shape, order, side, others), flapMs, holds };
}

function linksOf(
  shape: "symmetric" | "one-way" | "bridge" | "ring" | "flapping",
  order: readonly number[],
  side: readonly number[],
  others: readonly number[],
): Links {
  switch (shape) {
    case "symmetric":
    case "flapping":
      return both(between(side, others));
    case "one-way":
      return between(side, others);
    case "bridge": {
      // Two halves that only one machine joins.
      const half = Math.ceil((order.length - 1) / 2);
      return both(between(order.slice(1, 1 + half), order.slice(1 + half)));
    }
    case "ring":
      // Each reaches a majority, and no two the same one: of five its two neighbours, of three a chain.
      return both(between(order, order)).filter(([from, to]) => {
        const distance = Math.abs(order.indexOf(from) - order.indexOf(to));
        return distance > 1 && (order.length < 5 || distance < order.length - 1);
      });
  }
}

function between(some: readonly number[], others: readonly number[]): Links {
  return some.flatMap((from) => others.filter((to) => to !== from).map((to) => [from, to] as const));
}

function both(links: Links): Links {
  const names = new Set<string>();
  const all: (readonly [number, number])[] = [];
  for (const [from, to] of links.flatMap(([a, b]) => [[a, b] as const, [b, a] as const])) {
    if (names.has(`${from} ${to}`)) continue;
    names.add(`${from} ${to}`);
    all.push([from, to]);
  }
  return all;
}

function shuffled(chance: Prng, count: number): readonly number[] {
  const order = Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = chance.below(last + 1);
    [order[last], order[other]] = [order[other] as number, order[last] as number];
  }
  return order;
}
