import type { Prng } from "../base/prng.ts";
import { parseEndpoint } from "../client/endpoints.ts";
import { nodeClock } from "../env/node/clock.ts";
import type { StreamNetwork } from "../env/streams.ts";
import type { Cluster } from "../harness/cluster/cluster.ts";
import { MemberProbe } from "../harness/cluster/probe.ts";
import { FaultController, type FaultResult } from "../harness/faults/controller.ts";
import { watchLeaders } from "../harness/faults/leaders.ts";
import { ToxiproxyClient } from "../harness/faults/toxiproxy/client.ts";
import { LoadDriver, type LoadMember, type PhaseRun } from "../harness/load/driver.ts";
import { countedBetween, readLeaseCounters } from "../harness/load/lease-counters.ts";
import { Leases } from "../harness/load/leases.ts";
import type { RunEvent } from "../harness/model/events.ts";
import type { Phase, Plan } from "../harness/model/plan.ts";
import { eventText } from "../harness/report/event-text.ts";
import { formatCount, formatRate } from "../harness/report/format.ts";
import type { Progress } from "./progress.ts";

const CONVERGE_LIMIT_MS = 20_000;
const CONVERGE_POLL_MS = 50;
/** For one try to have a read confirmed. */
const SERVES_LIMIT_MS = 1_000;
const PATHS_LIMIT_MS = 5000;
const CATCH_UP_LIMIT_MS = 20_000;
const FINAL_READS_LIMIT_MS = 10_000;
const SHOW_MS = 200;
/** As long as etcd works on a request of its own accord: 5 s and two election time-outs. */
const LATE_WRITES_MS = 7000;

export interface LoadContext {
  readonly plan: Plan;
  readonly cluster: Cluster;
  /** Dials the members' clientEndpoint. */
  readonly network: StreamNetwork;
  readonly prng: Prng;
  /** `monotonicMs` when the run began. */
  readonly originMs: number;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  readonly record: (event: RunEvent) => void;
}

/** CPU of a phase in microseconds; null where it could not be read. */
export interface PhaseCpu {
  readonly serverMicros: number | null;
  readonly clientMicros: number | null;
}

export interface LoadResult {
  readonly driver: LoadDriver;
  readonly cpu: ReadonlyMap<string, PhaseCpu>;
  readonly unsent: number;
  readonly faults: readonly FaultResult[];
}

/**
 * Load and faults against a running cluster, phase by phase; then, unless the run was cut short, everything is healed, the members
 * agree, watchers catch up and every key is read. The driver that comes back is closed: only its records are left.
 */
export async function runLoad(context: LoadContext): Promise<LoadResult> {
  const { plan, cluster, prng, originMs, signal, record } = context;
  const nowNs = (): number => Math.round((nodeClock.monotonicMs() - originMs) * 1e6);
  const members = cluster.members.map(({ name, clientEndpoint }) => {
    const { address, secure } = parseEndpoint(clientEndpoint);
    return { name, address, scheme: secure ? "https" : "http" } as const;
  });
  const driver = await LoadDriver.open({
    members,
    plan,
    network: context.network,
    clock: nodeClock,
    originMs,
    prng: prng.fork(),
    signal,
    onEvent: record,
  });
  const toxiproxy = new ToxiproxyClient(cluster.proxyUrl);
  const controller = new FaultController({ cluster, toxiproxy, prng: prng.fork(), nowNs, record });
  const leadersEnd = new AbortController();
  const leaders = watchLeaders({ cluster, nowNs, record, signal: leadersEnd.signal });
  const display = setInterval(() => showProgress(driver, context.progress), SHOW_MS);
  const cpu = new Map<string, PhaseCpu>();
  const runs: PhaseRun[] = [];
  const faults: FaultResult[] = [];
  let leases: Leases | null = null;
  try {
    const metrics = new Map(cluster.members.map(({ name, directClientEndpoint }) => [name, directClientEndpoint]));
    const revokedBefore = plan.leases === null ? null : await readLeaseCounters(metrics);
    leases = await openLeases(context, driver, members);
    for (const phase of plan.phases) {
      if (signal.aborted) break;
      const faulty = controller.run(
        plan.faults.filter((planned) => planned.phase === phase.name),
        signal,
      );
      const measured = await measurePhase(driver, cluster, phase);
      runs.push(measured.run);
      cpu.set(phase.name, measured.cpu);
      faults.push(...(await faulty));
    }
    await leases?.end();
    if (revokedBefore !== null) {
      const counts = countedBetween(revokedBefore, await readLeaseCounters(metrics));
      record({ atNs: nowNs(), kind: "leases-revoked", counts });
    }
    if (!signal.aborted) {
      await seePaths(context, nowNs);
      await converge(context, sharesStore(plan) ? driver.newestChange : null, nowNs);
      const caughtUp = await driver.watchersCaughtUp(CATCH_UP_LIMIT_MS);
      record({ atNs: nowNs(), kind: "watchers-waited", caughtUp });
      runs.push(await driver.finalReads(FINAL_READS_LIMIT_MS));
    }
    // What comes after the run's keys are removed would stay.
    if (sharesStore(plan) && driver.progress().unknown > 0) await lateWrites(context);
    return { driver, cpu, unsent: runs.reduce((sum, { unsent }) => sum + unsent, 0), faults };
  } finally {
    clearInterval(display);
    leadersEnd.abort();
    await leaders;
    leases?.close();
    driver.close();
    context.progress.end();
  }
}

/** Granted before the first phase, and kept alive until the last has ended. */
async function openLeases(
  { plan, cluster, network, prng, originMs, signal }: LoadContext,
  { recorder }: LoadDriver,
  members: readonly LoadMember[],
): Promise<Leases | null> {
  if (plan.leases === null) return null;
  const leader = await cluster.leader();
  return await Leases.open({
    plan: plan.leases,
    members,
    leader: leader?.member ?? null,
    deadlineMs: plan.clients.deadlineMs,
    network,
    clock: nodeClock,
    originMs,
    prng: prng.fork(),
    recorder,
    signal,
  });
}

async function measurePhase(
  driver: LoadDriver,
  cluster: Cluster,
  phase: Phase,
): Promise<{ run: PhaseRun; cpu: PhaseCpu }> {
  // Server CPU is only shown for capacity, so only there are the members asked in the middle of the load.
  const closed = phase.loop.kind === "closed";
  const before = closed ? await cluster.cpuSeconds() : null;
  const run = await driver.runPhase(phase);
  const after = closed ? await cluster.cpuSeconds() : null;
  return { run, cpu: { serverMicros: cpuBetween(before, after), clientMicros: run.clientCpuMicros } };
}

type CpuSeconds = Readonly<Record<string, number | null>>;

/** Null when a member's CPU is unknown or went back: then it was restarted in between. */
function cpuBetween(before: CpuSeconds | null, after: CpuSeconds | null): number | null {
  if (before === null || after === null) return null;
  let seconds = 0;
  for (const [member, end] of Object.entries(after)) {
    const start = before[member] ?? null;
    if (end === null || start === null || end < start) return null;
    seconds += end - start;
  }
  return seconds * 1e6;
}

/** Whether others may write to the store, too. */
export function sharesStore(plan: Plan): boolean {
  return plan.target.kind === "endpoints";
}

async function lateWrites({ progress }: LoadContext): Promise<void> {
  progress.say(`waiting ${LATE_WRITES_MS / 1000} s for requests of unknown outcome`);
  await new Promise<void>((resolve) => nodeClock.after(LATE_WRITES_MS, resolve));
}

/**
 * Whether clients reach, through its proxy, every member that answers past it. Where they do not, the fault is the harness's own: a
 * proxy that hangs, a network taken away; and members or watchers that do not catch up then prove nothing.
 */
async function seePaths({ cluster, prng, signal, record }: LoadContext, nowNs: () => number): Promise<void> {
  if (cluster.proxyUrl === "") return;
  const untilMs = nodeClock.monotonicMs() + PATHS_LIMIT_MS;
  const seen = cluster.members.map(async ({ name, clientEndpoint, directClientEndpoint }) => {
    const probe = new MemberProbe(clientEndpoint, prng.fork());
    // As new as the other: connections that have long been open tell nothing about one that is not.
    const direct = new MemberProbe(directClientEndpoint, prng.fork());
    try {
      while ((await probe.status()) === null) {
        if (signal.aborted) return;
        if (nodeClock.monotonicMs() > untilMs) {
          if ((await direct.status()) !== null)
            record({ atNs: nowNs(), kind: "harness-broke", reason: `${name} answers, but not through its proxy` });
          return;
        }
        await new Promise<void>((resolve) => nodeClock.after(CONVERGE_POLL_MS, resolve));
      }
    } finally {
      probe.close();
      direct.close();
    }
  });
  await Promise.all(seen);
}

/** Every member serves and has reached `needed`, or shows the same revision where that is null; or does not within the limit. */
async function converge(
  { cluster, signal, record }: LoadContext,
  needed: number | null,
  nowNs: () => number,
): Promise<void> {
  const untilMs = nodeClock.monotonicMs() + CONVERGE_LIMIT_MS;
  const isOver = (): boolean => nodeClock.monotonicMs() > untilMs || signal.aborted;
  // Without a leader members may agree and not stay as they are.
  const serving = cluster.members.map(async ({ name }) => {
    while (!(await cluster.servesLinearizable(name, SERVES_LIMIT_MS)) && !isOver())
      await new Promise<void>((resolve) => nodeClock.after(CONVERGE_POLL_MS, resolve));
  });
  await Promise.all(serving);
  for (;;) {
    const revisions = await cluster.revisions();
    const seen = Object.values(revisions);
    const converged = seen.every(
      (revision) => revision !== null && (needed === null ? revision === seen[0] : revision >= needed),
    );
    if (converged || isOver()) {
      // A member that does not answer has no revision to show: -1 in the file.
      const shown = Object.fromEntries(Object.entries(revisions).map(([name, revision]) => [name, revision ?? -1]));
      const atNs = nowNs();
      record({ atNs, kind: "converged", converged, revisions: shown, ...(needed === null ? {} : { needed }) });
      return;
    }
    await new Promise<void>((resolve) => nodeClock.after(CONVERGE_POLL_MS, resolve));
  }
}

function showProgress(driver: LoadDriver, progress: Progress): void {
  const { phase, elapsedMs, durationMs, perSecond, ok, failed, unknown, inFlight } = driver.progress();
  if (phase === null) return;
  const seconds = `${(elapsedMs / 1000).toFixed(0)}/${(durationMs / 1000).toFixed(0)} s`;
  const trouble = failed + unknown === 0 ? "" : `, ${formatCount(failed)} failed, ${formatCount(unknown)} unknown`;
  progress.show(
    `${phase} ${seconds}: ${formatRate(perSecond)}, ${formatCount(ok)} ok${trouble}, ${formatCount(inFlight)} in flight`,
  );
}

/** What of the run's events a person wants to see as they happen. */
export function sayEvent(event: RunEvent, progress: Progress): void {
  if (event.kind === "member-started" && event.atNs === 0) return;
  if (event.kind === "phase-ended" || event.kind === "interrupted") return;
  progress.say(eventText(event));
}
