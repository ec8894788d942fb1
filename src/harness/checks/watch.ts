import type { CheckResult, OperationRecord, WatchEventRecord, WatcherRecord } from "../model.ts";
import { answeredOf, type KnownWrite, observedContent, StoreFacts } from "./facts.ts";
import { count, describe, Findings, moment } from "./findings.ts";

export interface WatchOptions {
  readonly initialRevision: number;
  /** How many there were, numbered from 0. */
  readonly watchers: number;
  /** Delivered but not recorded. */
  readonly eventsLost: number;
  /**
   * At the end watchers were given time to catch up: from then on each answers for every acknowledged write. Null when nobody
   * waited: what came after a watcher's last event is not judged. A watcher on a member that was silent by then proves nothing.
   */
  readonly waited: { readonly silentMembers: readonly string[] } | null;
}

/** One stretch of a watcher's life, from a start revision on: a watcher opened again begins another. */
interface Session {
  readonly watcher: number;
  readonly member: string;
  /** First revision it promised; null when it did not say. */
  readonly from: number | null;
  readonly records: (WatchEventRecord | WatcherRecord)[];
}

/** What one session delivered, after its order was judged. */
interface Delivered {
  readonly session: Session;
  readonly events: readonly WatchEventRecord[];
  /** First and last revision the session answers for. */
  readonly first: number;
  readonly last: number;
}

/**
 * etcd's promises to watchers (its API guarantees: ordered, unique, reliable, atomic, bookmarkable), judged for watchers over the
 * whole key space: no event out of order, twice, below the start or behind a progress notice; every event was really written,
 * by a write called before it arrived; all watchers agree on each revision; and between the first and the last revision that
 * a watcher answers for nothing is missing that was acknowledged or that any other watcher saw.
 */
export function checkWatch(
  operations: readonly OperationRecord[],
  events: readonly WatchEventRecord[],
  watchers: readonly WatcherRecord[],
  options: WatchOptions,
): CheckResult {
  const facts = new StoreFacts(operations, options.initialRevision);
  const findings = new Findings();
  if (options.eventsLost > 0)
    return findings.result(
      "watch",
      "unknown",
      `${count(options.eventsLost, "event")} came after the recorder was full.`,
    );
  if (events.length === 0)
    return findings.result("watch", "unknown", "No watch event was delivered: nothing to judge.");
  const delivered = sessionsOf(events, watchers).map((session) => checkOrder(session, findings));
  const agreed = checkAgreement(events, findings);
  for (const event of agreed.values()) checkAuthor(event, facts, findings);
  checkAgainstReads(operations, agreed, findings);
  for (const each of delivered) {
    checkComplete(each, facts, agreed, findings);
    checkVersions(each, options.initialRevision, findings);
  }
  const doubt = checkTails(delivered, facts, options, findings);
  const scope = `${count(delivered.length, "watcher")}, ${count(events.length, "event")}`;
  const silent = delivered.filter((each) => each.events.length === 0).length;
  if (findings.total > 0)
    return findings.result("watch", "valid", `${scope}: ${count(findings.total, "contradiction")}.`);
  if (doubt !== null) return findings.result("watch", "unknown", `${scope}: ${doubt}.`);
  const none = `none missing${options.waited === null ? " up to each watcher's last" : ""}`;
  const seen = silent > 0 ? ` (${count(silent, "watcher")} saw none)` : "";
  return findings.result("watch", "valid", `${scope}: all in order, none twice, ${none}${seen}.`);
}

/** What each watcher's last session owed at the end. Returns why that cannot be told, or null. */
function checkTails(
  delivered: readonly Delivered[],
  facts: StoreFacts,
  options: WatchOptions,
  findings: Findings,
): string | null {
  const latest = new Map(delivered.map((each) => [each.session.watcher, each]));
  let doubt: string | null = null;
  for (let watcher = 0; watcher < options.watchers; watcher++) {
    const each = latest.get(watcher);
    if (each === undefined) {
      doubt = `nothing is recorded of watcher ${watcher}`;
      continue;
    }
    if (options.waited === null) continue;
    const owed = [...facts.byRevision.values()].filter(
      (write) => write.revision > each.last && write.revision >= each.first,
    );
    if (owed.length === 0) continue;
    if (options.waited.silentMembers.includes(each.session.member)) {
      doubt = `${each.session.member} was silent at the end, and watcher ${watcher} with it`;
      continue;
    }
    const last = owed.reduce((a, b) => (b.revision > a.revision ? b : a));
    findings.add(
      `${watcherName(each.session)} got to rev ${each.last} and no further, but rev ${last.revision} had been acknowledged: ${describe(last.operation)}`,
      [last.operation],
      last.operation.endNs,
    );
  }
  return doubt;
}

function sessionsOf(events: readonly WatchEventRecord[], watchers: readonly WatcherRecord[]): Session[] {
  // At equal times a start comes before, a notice after the events; otherwise the order of delivery is that of the records.
  const rank = (record: WatchEventRecord | WatcherRecord): number =>
    record.type === "event" ? 1 : record.what === "opened" ? 0 : 2;
  const records = [...watchers, ...events].sort((a, b) => a.atNs - b.atNs || rank(a) - rank(b));
  const current = new Map<number, Session>();
  const sessions: Session[] = [];
  for (const record of records) {
    let session = current.get(record.watcher);
    const opened = record.type === "watcher" && record.what === "opened";
    if (session === undefined || opened) {
      const { watcher, member } = record;
      session = { watcher, member, from: opened ? record.revision : null, records: [] };
      current.set(watcher, session);
      sessions.push(session);
    }
    if (!opened) session.records.push(record);
  }
  return sessions;
}

function checkOrder(session: Session, findings: Findings): Delivered {
  const name = watcherName(session);
  const events: WatchEventRecord[] = [];
  const keys = new Set<string>();
  let last = 0;
  let lastAtNs = 0;
  let progress = 0;
  const wrong = (event: WatchEventRecord | WatcherRecord, text: string): void =>
    findings.add(`${name} ${text} at ${moment(event.atNs)}`, [], event.atNs);
  for (const record of session.records) {
    const { revision } = record;
    if (record.type === "watcher") {
      if (record.what !== "progress") continue;
      // Of a notice and an event at the same moment the records do not say which came first.
      if (revision < progress || (revision < last && record.atNs > lastAtNs)) {
        wrong(record, `was told of progress to rev ${revision} after rev ${Math.max(last, progress)}`);
      }
      progress = Math.max(progress, revision);
      continue;
    }
    const what = `was sent ${eventName(record)}`;
    if (revision > last) keys.clear();
    if (session.from !== null && revision < session.from)
      wrong(record, `${what}, below its start at rev ${session.from},`);
    else if (revision < last) wrong(record, `${what} after rev ${last}`);
    else if (keys.has(record.key)) wrong(record, `${what} twice, the second time`);
    else if (revision <= progress)
      wrong(record, `${what} after it had been told that nothing up to rev ${progress} was left`);
    keys.add(record.key);
    last = Math.max(last, revision);
    lastAtNs = record.atNs;
    events.push(record);
  }
  const first = session.from ?? events[0]?.revision ?? progress + 1;
  return { session, events, first, last: Math.max(last, progress) };
}

/** The event of each revision and key as its first watcher saw it; every later sight must be the same. */
function checkAgreement(events: readonly WatchEventRecord[], findings: Findings): Map<string, WatchEventRecord> {
  const agreed = new Map<string, WatchEventRecord>();
  for (const event of [...events].sort((a, b) => a.atNs - b.atNs)) {
    const name = `${event.revision} ${event.key}`;
    const first = agreed.get(name);
    if (first === undefined) {
      agreed.set(name, event);
    } else if (first.kind !== event.kind || first.value !== event.value || first.version !== event.version) {
      const text = `${watcherName(event)} was sent ${eventName(event)}, but ${watcherName(first)} ${eventName(first)}`;
      findings.add(text, [], event.atNs);
    }
  }
  return agreed;
}

function checkAuthor(event: WatchEventRecord, facts: StoreFacts, findings: Findings): void {
  const wrong = (text: string, operation: OperationRecord | null): void => {
    const operations = operation === null ? [] : [operation];
    const sent = `${watcherName(event)} was sent ${eventName(event)} at ${moment(event.atNs)}`;
    findings.add(`${sent}, but ${text}`, operations, event.atNs);
  };
  if (event.kind === "put") {
    const author = facts.author(event.key, event.value, event.revision);
    if (author.kind === "nobody") wrong("nobody ever wrote that value", null);
    else if (author.kind === "conflict") wrong(`that revision is ${describe(author.operation)}`, author.operation);
    else if (author.kind === "failed") wrong(`${describe(author.operation)} had failed`, author.operation);
    else if (author.kind === "other-revision") {
      wrong(`${describe(author.operation)} was given another revision`, author.operation);
    } else if (author.operation.startNs > event.atNs) {
      wrong(`it is only ${describe(author.operation)}`, author.operation);
    }
    return;
  }
  const owner = facts.byRevision.get(event.revision);
  if (owner !== undefined && (owner.kind !== "delete" || owner.key !== event.key)) {
    wrong(`that revision is ${describe(owner.operation)}`, owner.operation);
    return;
  }
  const author = owner?.operation ?? facts.ofKey(event.key).unknownDeletes[0];
  if (author === undefined) wrong("nobody deleted that key", null);
  else if (author.startNs > event.atNs) wrong(`it is only ${describe(author)}`, author);
}

/** What a read showed of a revision is what watchers saw of it. */
function checkAgainstReads(
  operations: readonly OperationRecord[],
  agreed: ReadonlyMap<string, WatchEventRecord>,
  findings: Findings,
): void {
  const judged = new Set<string>();
  for (const operation of operations) {
    const answered = answeredOf(operation);
    const kv = answered === null ? null : observedContent(answered.response);
    if (kv === null || kv === undefined) continue;
    const name = `${kv.modRevision} ${operation.request.key}`;
    const event = agreed.get(name);
    if (event === undefined || judged.has(name)) continue;
    judged.add(name);
    if (event.kind === "put" && event.value === kv.value && event.version === kv.version) continue;
    findings.add(
      `${watcherName(event)} was sent ${eventName(event)}, but ${describe(operation)} was shown ${kv.value}, version ${kv.version}`,
      [operation],
      event.atNs,
    );
  }
}

function checkComplete(
  { session, events, first, last }: Delivered,
  facts: StoreFacts,
  agreed: ReadonlyMap<string, WatchEventRecord>,
  findings: Findings,
): void {
  const seen = new Set(events.map((event) => `${event.revision} ${event.key}`));
  const missed = (revision: number, key: string): boolean =>
    revision >= first && revision <= last && !seen.has(`${revision} ${key}`);
  const from = `${watcherName(session)} answers for rev ${first} to ${last} but was never sent`;
  const missing = (write: KnownWrite): void =>
    findings.add(
      `${from} rev ${write.revision}: ${describe(write.operation)}`,
      [write.operation],
      write.operation.startNs,
    );
  for (const write of facts.byRevision.values()) if (missed(write.revision, write.key)) missing(write);
  for (const event of agreed.values()) {
    if (!missed(event.revision, event.key) || facts.byRevision.has(event.revision)) continue;
    findings.add(`${from} ${eventName(event)}, which ${watcherName(event)} was sent`, [], event.atNs);
  }
}

/** Between two events of a key that one watcher was sent nothing happened to that key: versions count puts. */
function checkVersions({ session, events, first }: Delivered, initialRevision: number, findings: Findings): void {
  const versions = new Map<string, number>();
  for (const event of events) {
    const before = versions.get(event.key) ?? (first <= initialRevision + 1 ? 0 : null);
    versions.set(event.key, event.kind === "put" ? event.version : 0);
    if (event.kind === "delete" || before === null || event.version === before + 1) continue;
    const text = `${watcherName(session)} was sent ${eventName(event)} with version ${event.version} after version ${before}`;
    findings.add(text, [], event.atNs);
  }
}

function watcherName({ watcher, member }: { readonly watcher: number; readonly member: string }): string {
  return `watcher ${watcher} on ${member}`;
}

function eventName(event: WatchEventRecord): string {
  const what = event.kind === "put" ? `put of ${event.key} = ${event.value}` : `delete of ${event.key}`;
  return `rev ${event.revision} (${what})`;
}
