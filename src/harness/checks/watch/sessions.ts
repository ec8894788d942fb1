import type { WatchEventRecord, WatcherRecord } from "../../model/history.ts";
import type { Session } from "./model.ts";

type Arrival = WatchEventRecord | WatcherRecord;

/** What every watcher was sent, cut at each start. */
export function sessionsOf(events: readonly WatchEventRecord[], watchers: readonly WatcherRecord[]): Session[] {
  const byWatcher = new Map<number, Arrival[]>();
  for (const records of [watchers, events]) {
    for (const record of records) {
      const own = byWatcher.get(record.watcher);
      if (own === undefined) byWatcher.set(record.watcher, [record]);
      else own.push(record);
    }
  }
  return [...byWatcher.values()].flatMap((records) => cut(records.sort(inOrder)));
}

/**
 * At equal times responses count, where they were recorded; otherwise a start comes before and a notice after the events. Equal
 * records stay in their order, which is that of delivery.
 */
function inOrder(a: Arrival, b: Arrival): number {
  if (a.atNs !== b.atNs) return a.atNs - b.atNs;
  // A start is the first response of a new count.
  if (rank(a) !== 0 && rank(b) !== 0 && a.response !== undefined && b.response !== undefined)
    return a.response - b.response || rank(a) - rank(b);
  return rank(a) - rank(b);
}

function rank(record: Arrival): number {
  if (record.type === "event") return 1;
  return record.what === "opened" ? 0 : 2;
}

function cut(records: readonly Arrival[]): Session[] {
  const sessions: Session[] = [];
  let begin = 0;
  for (let i = 1; i <= records.length; i++) {
    if (i < records.length && rank(records[i] as Arrival) !== 0) continue;
    sessions.push(makeSession(records.slice(begin, i)));
    begin = i;
  }
  return sessions;
}

function makeSession(records: readonly Arrival[]): Session {
  const [head] = records as [Arrival, ...Arrival[]];
  const opened = head.type === "watcher" && head.what === "opened" ? head : null;
  const events = records.filter((record) => record.type === "event");
  let last = 0;
  let progress = 0;
  for (const record of records) {
    if (record.type === "event") last = Math.max(last, record.revision);
    else if (record.what === "progress") progress = Math.max(progress, record.revision);
  }
  return {
    watcher: head.watcher,
    member: head.member,
    from: opened?.revision ?? null,
    selects: opened?.selects ?? null,
    records: opened === null ? records : records.slice(1),
    events,
    first: opened?.revision ?? events[0]?.revision ?? progress + 1,
    last: Math.max(last, progress),
  };
}
