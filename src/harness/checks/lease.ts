import type { CheckResult, LeaseRecord } from "../model.ts";
import { count, duration, Findings, moment } from "./findings.ts";

/** The store's last promise about a lease: it lives at least until `untilNs`. */
interface Promised {
  readonly record: LeaseRecord;
  readonly untilNs: number;
}

/**
 * A lease whose grant or keepalive was acknowledged with a time to live lives at least that long, counted from the moment the request
 * was made: the store can have renewed it no earlier. So an answer that arrives before then and says that the lease is gone
 * contradicts the acknowledgement. Time is the client's; the store's clock is taken to run at the same rate. Nobody revokes leases.
 *
 * A lease that comes back after it was gone is a finding too.
 */
export function checkLease(records: readonly LeaseRecord[], options: { readonly planned: number }): CheckResult {
  const findings = new Findings();
  const promised = new Map<string, Promised>();
  /** By lease, the first answer that said so. */
  const gone = new Map<string, LeaseRecord>();
  let granted = 0;
  let kept = 0;
  for (const record of [...records].sort((a, b) => a.endNs - b.endNs)) {
    if (record.outcome.kind !== "ok") continue;
    const { lease, action, outcome } = record;
    if (outcome.ttlSeconds > 0) {
      const before = gone.get(lease);
      if (before !== undefined && record.startNs > before.endNs)
        findings.add(`lease ${lease} was gone at ${at(before)}, but ${spoke(record)}`, [], record.endNs);
      // Asking renews nothing, but what is left is promised as well: of what was left whole seconds were told.
      const untilNs = record.startNs + outcome.ttlSeconds * 1e9;
      if (action === "time-to-live") continue;
      if (action === "grant") granted++;
      else kept++;
      if (untilNs > (promised.get(lease)?.untilNs ?? 0)) promised.set(lease, { record, untilNs });
    } else if (!gone.has(lease)) {
      gone.set(lease, record);
      const last = promised.get(lease);
      if (last !== undefined && record.endNs < last.untilNs)
        findings.add(
          `lease ${lease} was gone at ${at(record)}, ${duration(last.untilNs - record.endNs)} before its time: ${spoke(last.record)}`,
          [],
          record.endNs,
        );
    }
  }
  const summary =
    `${count(granted, "lease")} granted, ${count(kept, "keepalive")} acknowledged; ` +
    `${count(gone.size, "lease")} gone, ${findings.total} of the findings against an acknowledgement.`;
  // Too few leases or no keepalive: nothing was put to the test.
  return findings.result("lease", granted < options.planned || kept === 0 ? "unknown" : "valid", summary);
}

/** "12.345 s (n2)". */
function at(record: LeaseRecord): string {
  return `${moment(record.endNs)} (${record.member})`;
}

/** "n3 acknowledged its keepalive called at 11.250 s with 4 s to live". */
function spoke({ member, action, startNs, outcome }: LeaseRecord): string {
  const ttl = outcome.kind === "ok" ? outcome.ttlSeconds : 0;
  const what = action === "time-to-live" ? "answered a question" : `acknowledged its ${action}`;
  return `${member} ${what} called at ${moment(startNs)} with ${ttl} s to live`;
}
