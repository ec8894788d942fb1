import type { OperationRecord, WatchEventRecord, WatcherRecord } from "../model/history.ts";
import type { CheckResult } from "../model/verdict.ts";
import { StoreFacts } from "./facts.ts";
import { count, describe, Findings } from "./findings.ts";
import { atomic } from "./watch/atomic.ts";
import { bookmarkable } from "./watch/bookmarkable.ts";
import { filter } from "./watch/filter.ts";
import { isCreate } from "./watch/is-create.ts";
import { isSelected, type Session, type WatchCheck, type Wrong, watcherName } from "./watch/model.ts";
import { ordered } from "./watch/ordered.ts";
import { prevKv } from "./watch/prev-kv.ts";
import { reliable } from "./watch/reliable.ts";
import { resumable } from "./watch/resumable.ts";
import { sessionsOf } from "./watch/sessions.ts";
import { type Change, Truth } from "./watch/truth.ts";
import { unique } from "./watch/unique.ts";

/** What etcd promises to watchers. A finding begins with the name of the promise that it breaks. */
export const WATCH_CHECKS: readonly WatchCheck[] = [
  filter,
  ordered,
  unique,
  atomic,
  bookmarkable,
  resumable,
  reliable,
  isCreate,
  prevKv,
];

export interface WatchOptions {
  readonly initialRevision: number;
  /** False when others may write to the store, too. */
  readonly exclusive: boolean;
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

/**
 * Judges what watchers were sent by each of WATCH_CHECKS, session by session, against what the whole history says of the store.
 * The summary names what was broken, or what nothing in this history put to the test.
 */
export function checkWatch(
  operations: readonly OperationRecord[],
  events: readonly WatchEventRecord[],
  watchers: readonly WatcherRecord[],
  options: WatchOptions,
): CheckResult {
  const findings = new Findings();
  const undecided = (summary: string): CheckResult => findings.result("watch", "unknown", summary);
  if (options.eventsLost > 0)
    return undecided(`${count(options.eventsLost, "event")} came after the recorder was full.`);
  if (events.length === 0) return undecided("No watch event was delivered: nothing to judge.");
  const broken = new Map<string, number>();
  const wrong = (name: string, who: string, ...[text, involved, atNs]: Parameters<Wrong>): void => {
    broken.set(name, (broken.get(name) ?? 0) + 1);
    findings.add(`${name}: ${who} ${text}`, involved, atNs);
  };
  const truth = new Truth(new StoreFacts(operations, options.initialRevision), events, operations, options.exclusive);
  for (const { event, text, operations: involved } of truth.contradictions)
    wrong(reliable.name, watcherName(event), text, involved, event.atNs);
  const sessions = sessionsOf(events, watchers);
  const idle: string[] = [];
  for (const { name, judge } of WATCH_CHECKS) {
    let judged = 0;
    for (const session of sessions)
      judged += judge(session, truth, (...finding) => wrong(name, watcherName(session), ...finding));
    if (judged === 0) idle.push(name);
  }
  const doubt = checkTails(sessions, truth, options, (session, ...finding) =>
    wrong(reliable.name, watcherName(session), ...finding),
  );
  const scope = `${count(sessions.length, "watcher")}, ${count(events.length, "event")}`;
  if (findings.total > 0) {
    const names = WATCH_CHECKS.flatMap(({ name }) => (broken.has(name) ? [`${name} (${broken.get(name)})`] : []));
    return findings.result("watch", "valid", `${scope}: broken: ${names.join(", ")}.`);
  }
  if (doubt !== null) return undecided(`${scope}: ${doubt}.`);
  const silent = sessions.filter((session) => session.events.length === 0).length;
  const none = `none missing${options.waited === null ? " up to each watcher's last" : ""}`;
  const seen = silent > 0 ? ` (${count(silent, "watcher")} saw none)` : "";
  const untested = idle.length > 0 ? `; not put to the test: ${idle.join(", ")}` : "";
  return findings.result("watch", "valid", `${scope}: all in order, none twice, ${none}${seen}${untested}.`);
}

/** What each watcher's last session owed at the end. Returns why that cannot be told, or null. */
function checkTails(
  sessions: readonly Session[],
  truth: Truth,
  options: WatchOptions,
  wrong: (session: Session, ...finding: Parameters<Wrong>) => void,
): string | null {
  const latest = new Map(sessions.map((session) => [session.watcher, session]));
  const acknowledged = truth.changes.filter((change) => change.operation !== null).reverse();
  let doubt: string | null = null;
  for (let watcher = 0; watcher < options.watchers; watcher++) {
    const session = latest.get(watcher);
    if (session === undefined) {
      doubt = `nothing is recorded of watcher ${watcher}`;
      continue;
    }
    if (options.waited === null) continue;
    const owed = newestOwed(session, acknowledged);
    if (owed === null) continue;
    if (options.waited.silentMembers.includes(session.member)) {
      doubt = `${session.member} was silent at the end, and watcher ${watcher} with it`;
      continue;
    }
    const operation = owed.operation as OperationRecord;
    const text = `got to rev ${session.last} and no further, but rev ${owed.revision} had been acknowledged: ${describe(operation)}`;
    wrong(session, text, [operation], operation.endNs);
  }
  return doubt;
}

/** `acknowledged`: from the newest on. */
function newestOwed(session: Session, acknowledged: readonly Change[]): Change | null {
  for (const change of acknowledged) {
    if (change.revision <= session.last || change.revision < session.first) return null;
    if (isSelected(session, change.kind, change.key)) return change;
  }
  return null;
}
