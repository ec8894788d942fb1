import type { OperationRecord, WatchEventRecord, WatcherRecord, WatchSelection } from "../../model/history.ts";
import type { Truth } from "./truth.ts";

/** One stretch of a watcher's life, from a start revision on: a watcher opened again begins another. */
export interface Session {
  readonly watcher: number;
  readonly member: string;
  /** First revision it promised; null when it did not say. */
  readonly from: number | null;
  /** Null: every key. */
  readonly selects: WatchSelection | null;
  /** Events and notices in the order of their arrival. */
  readonly records: readonly (WatchEventRecord | WatcherRecord)[];
  readonly events: readonly WatchEventRecord[];
  /** First and last revision it answers for: its start (or first event), and its last event or progress notice. */
  readonly first: number;
  readonly last: number;
}

/** Takes down one broken promise. `text` goes on from the watcher's name: "was sent rev 3 twice". */
export type Wrong = (text: string, operations: readonly OperationRecord[], atNs: number) => void;

/**
 * One of the nine guarantees of a watch, named as etcd's robustness tests name them, judged for one session at a time in one pass
 * over its records. `judge` returns how many things it looked at: of a promise that nothing put to the test, nothing is known.
 */
export interface WatchCheck {
  readonly name: string;
  judge(session: Session, truth: Truth, wrong: Wrong): number;
}

export function watcherName({ watcher, member }: { readonly watcher: number; readonly member: string }): string {
  return `watcher ${watcher} on ${member}`;
}

export function eventName(event: Pick<WatchEventRecord, "kind" | "key" | "value" | "revision">): string {
  const what = event.kind === "put" ? `put of ${event.key} = ${event.value}` : `delete of ${event.key}`;
  return `rev ${event.revision} (${what})`;
}

/** The session asked for changes like this one. */
export function isSelected({ selects }: Session, kind: WatchEventRecord["kind"], key: string): boolean {
  if (selects === null) return true;
  if (key < selects.from || (selects.to !== null && key >= selects.to)) return false;
  return selects.kinds === "all" || selects.kinds === (kind === "put" ? "puts" : "deletes");
}
