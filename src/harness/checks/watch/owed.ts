import type { OperationRecord } from "../../model/history.ts";
import { describe } from "../findings.ts";
import { eventName, isSelected, type Session, watcherName } from "./model.ts";
import type { Change, Gap, Truth } from "./truth.ts";

/** Something that a session should have been sent. */
export interface Owed {
  /** Null: a change of which nothing else is known than its revision. */
  readonly change: Change | null;
  /** Goes on from "was never sent". */
  readonly text: string;
  readonly operations: readonly OperationRecord[];
  /** When it was asked for or sent to another; null when nothing says. */
  readonly atNs: number | null;
}

/**
 * What the session owes of the revisions `first` to `last`, both included: known changes that it selects; and, where it selects
 * every key, what a store of this history alone must have changed at each revision between them.
 */
export function* owedBetween(session: Session, truth: Truth, first: number, last: number): Generator<Owed> {
  for (const change of truth.between(first, last))
    if (isSelected(session, change.kind, change.key)) yield { change, ...evidence(change) };
  if (!selectsAll(session, truth)) return;
  for (const gap of truth.gapsBetween(first, last))
    yield { change: null, text: `${revisionsOf(gap)}, of unknown outcome`, operations: [], atNs: null };
}

function evidence(change: Change): Omit<Owed, "change"> {
  const { operation, event, shownBy } = change;
  if (operation !== null)
    return { text: `rev ${change.revision}: ${describe(operation)}`, operations: [operation], atNs: operation.startNs };
  if (event !== null)
    return { text: `${eventName(event)}, which ${watcherName(event)} was sent`, operations: [], atNs: event.atNs };
  return { text: `${eventName(change)}, which was shown to ${shownBy}`, operations: [], atNs: null };
}

function revisionsOf({ first, last }: Gap): string {
  return first === last ? `rev ${first}, a write` : `rev ${first} to ${last}, writes`;
}

function selectsAll({ selects }: Session, { keys }: Truth): boolean {
  if (selects === null) return true;
  if (selects.kinds !== "all" || keys === null) return false;
  return selects.from <= keys.least && (selects.to === null || selects.to > keys.greatest);
}
