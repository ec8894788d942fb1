import { join } from "node:path";
import { type BrokenLease, brokenLeases, untilNs } from "../checks/lease.ts";
import { openHistory } from "../history/reader.ts";
import { RUN_FILES, readEvents, readSamples, readVerdict } from "../history/run-files.ts";
import type { RunEvent } from "../model/events.ts";
import type { LeaseRecord } from "../model/history.ts";
import { type LogLine, type MemberLog, readMemberLog } from "./member-log.ts";

const LOST_MAX = 1000;
const EPISODES_MAX = 10;
const EXCERPT_LINES_MAX = 30;
/** Of lines that differ only in numbers. */
const ALIKE_MAX = 3;
/** Around the first and the last loss. A fault's end counts as its beginning: a paused member writes nothing. */
const BEFORE_NS = 3e8;
const AFTER_NS = 1e9;

/** What Go etcd says about who leads and who revokes; the revocations themselves it names from 3.6 on, at its debug level. */
const INTEREST =
  /"Apply".*lease_revoke|failed to revoke|lease revoking|checking leadership|check current member's leadership|isn't a leader|became (?:leader|follower)|(?:elected|lost|changed) leader|stepped down/;

export interface LostLease {
  readonly lease: string;
  /** The member that acknowledged it last, when that request was called, and until when it promised. */
  readonly keptBy: string;
  readonly action: LeaseRecord["action"];
  readonly calledNs: number;
  readonly answeredNs: number;
  readonly untilNs: number;
  /** The first answer that did not know it, and whose. */
  readonly goneNs: number;
  readonly toldBy: string;
}

export interface Excerpt {
  readonly member: string;
  readonly lines: readonly LogLine[];
  /** Left out: lines like others, and what is past the limit. */
  readonly hidden: number;
}

/** The losses from the beginning of one fault to that of the next; `fault` null: those before any. */
export interface LossEpisode {
  readonly fault: FaultSpan | null;
  readonly lost: number;
  readonly firstNs: number;
  readonly lastNs: number;
  /** By member: how many of these leases it had revoked, as the log lines of the revocations say; empty when none says so. */
  readonly proposed: Readonly<Record<string, number>>;
  /** Of the member that the fault hit, and of those that proposed; of those whose counters moved, when no log line says who. */
  readonly excerpts: readonly Excerpt[];
}

export interface FaultSpan {
  readonly name: string;
  readonly members: readonly string[];
  readonly fromNs: number;
  /** Null: never healed. */
  readonly toNs: number | null;
}

export interface Leadership {
  readonly atNs: number;
  readonly member: string;
  readonly term: number;
}

/** What a maintainer would ask for when leases were lost: all from the files of the run. */
export interface LeaseEvidence {
  readonly members: readonly string[];
  readonly granted: number;
  readonly lostTotal: number;
  /** The earliest, by time. */
  readonly lost: readonly LostLease[];
  readonly faults: readonly FaultSpan[];
  readonly leaders: readonly Leadership[];
  /** By the members' own counters: leases each had revoked as expired; null when nobody was asked. -1: it did not say. */
  readonly revoked: Readonly<Record<string, number>> | null;
  /** Hex, as the log lines name them. */
  readonly ids: Readonly<Record<string, string>>;
  readonly episodes: readonly LossEpisode[];
}

/** Of a run's folder; null when its verdict does not speak of lost leases. Throws the reader's and the system's errors. */
export async function readLeaseEvidence(folder: string): Promise<LeaseEvidence | null> {
  const { checks } = readVerdict(folder);
  if (!checks.some(({ check, verdict }) => check === "lease" && verdict === "invalid")) return null;
  const { header, records } = await openHistory(join(folder, RUN_FILES.history));
  const leases: LeaseRecord[] = [];
  for await (const record of records) if (record.type === "lease") leases.push(record);
  const startedMs = Date.parse(readSamples(folder).startedAt);
  const logs = new Map<string, MemberLog>();
  for (const member of header.members)
    logs.set(member, await readMemberLog(join(folder, RUN_FILES.logs, `${member}.log`), startedMs, INTEREST));
  return leaseEvidence(leases, readEvents(folder), logs);
}

/** The logs' keys are the members, in their order. */
export function leaseEvidence(
  leases: readonly LeaseRecord[],
  events: readonly RunEvent[],
  logs: ReadonlyMap<string, MemberLog>,
): LeaseEvidence {
  const broken = brokenLeases(leases);
  const faults = faultSpans(events);
  const counters = events.find((event) => event.kind === "leases-revoked");
  return {
    members: [...logs.keys()],
    granted: leases.filter(({ action, outcome }) => action === "grant" && outcome.kind === "ok").length,
    lostTotal: broken.length,
    lost: broken.slice(0, LOST_MAX).map(lostLease),
    faults,
    leaders: events.flatMap((event) =>
      event.kind === "leader" ? [{ atNs: event.atNs, member: event.member, term: event.term }] : [],
    ),
    revoked: counters?.counts ?? null,
    ids: Object.fromEntries([...logs].flatMap(([member, { id }]) => (id === null ? [] : [[member, id]]))),
    episodes: episodesOf(broken, faults, logs, counters?.counts ?? {}),
  };
}

/** "after pause-leader on n1", as an end of "48 lost ...". */
export function whenLost({ fault, firstNs }: LossEpisode): string {
  if (fault === null) return "before any fault";
  const which = `${fault.name} on ${fault.members.join(", ")}`;
  return fault.toNs !== null && firstNs >= fault.toNs ? `after ${which}` : `while ${which} lasted`;
}

function lostLease({ lease, acknowledged, gone }: BrokenLease): LostLease {
  return {
    lease,
    keptBy: acknowledged.member,
    action: acknowledged.action,
    calledNs: acknowledged.startNs,
    answeredNs: acknowledged.endNs,
    untilNs: untilNs(acknowledged),
    goneNs: gone.endNs,
    toldBy: gone.member,
  };
}

function faultSpans(events: readonly RunEvent[]): readonly FaultSpan[] {
  return events.flatMap((event) => {
    if (event.kind !== "fault-injected") return [];
    const healed = events.find((each) => each.kind === "fault-healed" && each.fault === event.fault);
    return [{ name: event.fault, members: event.members, fromNs: event.atNs, toNs: healed?.atNs ?? null }];
  });
}

function episodesOf(
  broken: readonly BrokenLease[],
  faults: readonly FaultSpan[],
  logs: ReadonlyMap<string, MemberLog>,
  counted: Readonly<Record<string, number>>,
): readonly LossEpisode[] {
  const byFault = new Map<FaultSpan | null, BrokenLease[]>();
  for (const each of broken) {
    const fault = faults.findLast(({ fromNs }) => fromNs <= each.gone.endNs) ?? null;
    byFault.set(fault, [...(byFault.get(fault) ?? []), each]);
  }
  return [...byFault].slice(0, EPISODES_MAX).map(([fault, losses]) => episode(fault, losses, logs, counted));
}

function episode(
  fault: FaultSpan | null,
  losses: readonly BrokenLease[],
  logs: ReadonlyMap<string, MemberLog>,
  counted: Readonly<Record<string, number>>,
): LossEpisode {
  const times = losses.map(({ gone }) => gone.endNs);
  const firstNs = Math.min(...times);
  const lastNs = Math.max(...times);
  const fromNs = Math.min(fault?.toNs ?? firstNs, firstNs) - BEFORE_NS;
  const proposed = proposersOf(new Set(losses.map(({ lease }) => lease)), logs);
  // A resumed leader's proposals may come so late that another member is hit meanwhile: who revoked is shown, whoever was hit last.
  const revoked = Object.keys(proposed).length > 0 ? proposed : counted;
  const shown = [...logs.keys()].filter((member) => fault?.members.includes(member) || (revoked[member] ?? 0) > 0);
  const excerpts = shown.map((member) => {
    const { id, lines } = logs.get(member) as MemberLog;
    const own = lines.filter(({ text, atNs }) => {
      const revocation = revocationOf(text);
      const others = revocation !== null && id !== null && revocation.proposer !== tagOf(id);
      return !others && atNs >= fromNs && atNs <= lastNs + AFTER_NS;
    });
    return excerpt(member, own);
  });
  return { fault, lost: losses.length, firstNs, lastNs, proposed, excerpts };
}

/** By member: how many of these leases it asked to have revoked. Every member logs what it applies, so any log may tell. */
function proposersOf(leases: ReadonlySet<string>, logs: ReadonlyMap<string, MemberLog>): Record<string, number> {
  const names = new Map([...logs].flatMap(([member, { id }]) => (id === null ? [] : [[tagOf(id), member] as const])));
  const proposed: Record<string, number> = {};
  const counted = new Set<string>();
  for (const { text } of [...logs.values()].flatMap(({ lines }) => lines)) {
    const revocation = revocationOf(text);
    const member = revocation === null ? undefined : names.get(revocation.proposer);
    if (revocation === null || member === undefined) continue;
    const { lease } = revocation;
    if (!leases.has(lease) || counted.has(lease)) continue;
    counted.add(lease);
    proposed[member] = (proposed[member] ?? 0) + 1;
  }
  return proposed;
}

/** Requests are numbered by their proposers, and a number begins with the last 16 bits of its proposer's id. */
function tagOf(id: string): bigint {
  return BigInt(`0x${id}`) & 0xffffn;
}

function revocationOf(text: string): { readonly proposer: bigint; readonly lease: string } | null {
  const match = /header:\s*\{\s*ID:\s*(\d+).*lease_revoke:\s*\{\s*ID:\s*(-?\d+)/.exec(text);
  if (match === null) return null;
  const lease = BigInt.asUintN(64, BigInt(match[2] as string))
    .toString(16)
    .padStart(16, "0");
  return { proposer: BigInt(match[1] as string) >> 48n, lease };
}

/** Of lines that differ only in numbers the first few. */
function excerpt(member: string, lines: readonly LogLine[]): Excerpt {
  const alike = new Map<string, number>();
  const shown = lines.filter(({ text }) => {
    const shape = text.replace(/[0-9a-f]{8,}|\d+/g, "0");
    const seen = (alike.get(shape) ?? 0) + 1;
    alike.set(shape, seen);
    return seen <= ALIKE_MAX;
  });
  const kept = shown.slice(0, EXCERPT_LINES_MAX);
  return { member, lines: kept, hidden: lines.length - kept.length };
}
