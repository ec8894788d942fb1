import type { LeaseRecord } from "../model/history.ts";
import type { CheckResult } from "../model/verdict.ts";
import { count, duration, Findings, moment } from "./findings.ts";

/** A lease that the store said it does not know, though it had acknowledged to keep it for longer. */
export interface BrokenLease {
  readonly lease: string;
  /** The grant or keepalive whose acknowledgement was broken: the last one before the loss, if that was broken. */
  readonly acknowledged: LeaseRecord;
  /** The first answer that did not know it. */
  readonly gone: LeaseRecord;
}

/** What the records say of one lease. */
interface Life {
  readonly acknowledged: LeaseRecord[];
  gone: LeaseRecord | null;
}

/**
 * No lease whose grant or keepalive was acknowledged is gone before its time. The store has renewed it at some moment after the
 * request began, and a lease that is gone stays gone; so every answer that does not know the lease comes later than that beginning
 * plus the time to live that was acknowledged. Whatever order requests overlapped in, one answer before that is a contradiction.
 *
 * Time is the client's; the store's clock is taken to run at the same rate. Nobody revokes the leases of a run. What a time-to-live
 * says of a lease that is there promises nothing: it may be any member's view. Invalid when a lease broke the rule, unknown when
 * fewer leases were granted than planned or no keepalive was acknowledged.
 */
export function checkLease(records: readonly LeaseRecord[], options: { readonly planned: number }): CheckResult {
  const findings = new Findings();
  const lives = livesOf(records);
  for (const broken of brokenLeases(records)) findings.add(sentence(broken), [], broken.gone.endNs);
  let granted = 0;
  let kept = 0;
  let gone = 0;
  for (const life of lives.values()) {
    if (life.gone !== null) gone++;
    for (const { action } of life.acknowledged)
      if (action === "grant") granted++;
      else kept++;
  }
  const early = findings.total === 0 ? "none" : findings.total.toLocaleString("en-US");
  const summary =
    `${count(granted, "lease")} granted, ${count(kept, "keepalive")} acknowledged; ` +
    `${count(gone, "lease")} gone, ${early} of them before the time that had been acknowledged.`;
  return findings.result("lease", granted < options.planned || kept === 0 ? "unknown" : "valid", summary);
}

/** The leases that were gone before their time, in the order of their loss. */
export function brokenLeases(records: readonly LeaseRecord[]): readonly BrokenLease[] {
  const broken: BrokenLease[] = [];
  for (const [lease, { acknowledged, gone }] of livesOf(records)) {
    if (gone === null) continue;
    const before = latest(acknowledged.filter((record) => record.endNs <= gone.endNs));
    const promise = before !== null && gone.endNs < untilNs(before) ? before : latest(acknowledged);
    if (promise !== null && gone.endNs < untilNs(promise)) broken.push({ lease, acknowledged: promise, gone });
  }
  return broken.sort((a, b) => a.gone.endNs - b.gone.endNs);
}

/** Until when an acknowledged grant or keepalive keeps the lease alive, at least. */
export function untilNs({ startNs, outcome }: LeaseRecord): number {
  return startNs + (outcome.kind === "ok" ? outcome.ttlSeconds * 1e9 : 0);
}

function livesOf(records: readonly LeaseRecord[]): ReadonlyMap<string, Life> {
  const lives = new Map<string, Life>();
  for (const record of records) {
    if (record.outcome.kind !== "ok") continue;
    let life = lives.get(record.lease);
    if (life === undefined) {
      life = { acknowledged: [], gone: null };
      lives.set(record.lease, life);
    }
    const { ttlSeconds } = record.outcome;
    const asked = record.action === "time-to-live";
    if (asked ? ttlSeconds < 0 : ttlSeconds <= 0) {
      if (life.gone === null || record.endNs < life.gone.endNs) life.gone = record;
    } else if (!asked) life.acknowledged.push(record);
  }
  return lives;
}

function latest(records: readonly LeaseRecord[]): LeaseRecord | null {
  return records.reduce<LeaseRecord | null>((a, b) => (a === null || untilNs(b) > untilNs(a) ? b : a), null);
}

/** "lease 7d27 was gone at 29.402 s (n3), 2.7 s before its time: n2 acknowledged its keepalive called at 29.112 s with 3 s to live". */
function sentence({ lease, acknowledged, gone }: BrokenLease): string {
  const early = duration(untilNs(acknowledged) - gone.endNs);
  const ttl = acknowledged.outcome.kind === "ok" ? acknowledged.outcome.ttlSeconds : 0;
  return (
    `lease ${lease} was gone at ${moment(gone.endNs)} (${gone.member}), ${early} before its time: ${acknowledged.member} ` +
    `acknowledged its ${acknowledged.action} called at ${moment(acknowledged.startNs)} with ${ttl} s to live`
  );
}
