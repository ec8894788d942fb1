import type { OperationRecord } from "../model/history.ts";
import type { StalenessSummary } from "../model/verdict.ts";
import { type Answered, answeredOf, isSerializable } from "./facts.ts";

/** A stretch of the run, [startNs, endNs). */
export interface StalenessWindow {
  readonly name: StalenessSummary["window"];
  readonly startNs: number;
  readonly endNs: number;
}

/**
 * How far serializable reads lagged: a read is stale when some operation had returned a higher revision before the read was
 * called. For each window (by the read's call) and member that answered a read there, in that order.
 */
export function staleness(
  operations: readonly OperationRecord[],
  windows: readonly StalenessWindow[],
): StalenessSummary[] {
  const answered = operations.map(answeredOf).filter((operation) => operation !== null);
  const reads = answered.filter(({ operation }) => isSerializable(operation));
  reads.sort((a, b) => a.operation.startNs - b.operation.startNs);
  const records = recordsOf(answered);
  const members = [...new Set(reads.map(({ operation }) => operation.member))].sort();
  const table = new Map<string, { -readonly [Field in keyof StalenessSummary]: StalenessSummary[Field] }>();
  for (const { operation, response } of reads) {
    const window = windows.find(({ startNs, endNs }) => operation.startNs >= startNs && operation.startNs < endNs);
    if (window === undefined) continue;
    const cell = `${window.name} ${operation.member}`;
    const row = table.get(cell) ?? {
      window: window.name,
      member: operation.member,
      reads: 0,
      stale: 0,
      worstNs: 0,
      worstRevisions: 0,
    };
    table.set(cell, row);
    row.reads++;
    const newest = lastBefore(records, operation.startNs);
    if (newest === undefined || newest.revision <= response.revision) continue;
    row.stale++;
    row.worstRevisions = Math.max(row.worstRevisions, newest.revision - response.revision);
    row.worstNs = Math.max(row.worstNs, operation.startNs - firstAbove(records, response.revision).atNs);
  }
  return windows.flatMap(({ name }) => members.flatMap((member) => table.get(`${name} ${member}`) ?? []));
}

/** When the highest revision known to anybody rose, and to what: both ascending. */
interface Record {
  readonly atNs: number;
  readonly revision: number;
}

function recordsOf(answered: readonly Answered[]): Record[] {
  const records: Record[] = [];
  let highest = -1;
  for (const { operation, response } of [...answered].sort((a, b) => a.operation.endNs - b.operation.endNs)) {
    if (response.revision <= highest) continue;
    highest = response.revision;
    records.push({ atNs: operation.endNs, revision: highest });
  }
  return records;
}

function lastBefore(records: readonly Record[], ns: number): Record | undefined {
  return records[partition(records, (record) => record.atNs < ns) - 1];
}

/** Only when there is one. */
function firstAbove(records: readonly Record[], revision: number): Record {
  return records[partition(records, (record) => record.revision <= revision)] as Record;
}

/** How many records, from the first on, satisfy a condition that later ones do not. */
function partition(records: readonly Record[], holds: (record: Record) => boolean): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(records[middle] as Record)) low = middle + 1;
    else high = middle;
  }
  return low;
}
