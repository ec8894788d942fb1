import type { OperationRecord } from "../../model/history.ts";
import { describe } from "../findings.ts";
import { eventName, isSelected, type Session, watcherName } from "./model.ts";
import type { Change, Gap, Truth } from "./truth.ts";

/** A change, or revisions of which nothing else is known than that they are changes. */
export type Owed = Change | Gap;

/** Why a session should have been sent something. */
export interface Evidence {
  /** What is to stand behind the words "was never sent". */
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
  for (const change of truth.between(first, last)) if (isSelected(session, change.kind, change.key)) yield change;
  if (selectsAll(session, truth)) yield* truth.gapsBetween(first, last);
}

export function evidenceOf(owed: Owed): Evidence {
  if (!("key" in owed)) return { text: `${revisionsOf(owed)}, of unknown outcome`, operations: [], atNs: null };
  const { operation, event, shownBy } = owed;
  if (operation !== null)
    return { text: `rev ${owed.revision}: ${describe(operation)}`, operations: [operation], atNs: operation.startNs };
  if (event !== null)
    return { text: `${eventName(event)}, which ${watcherName(event)} was sent`, operations: [], atNs: event.atNs };
  return { text: `${eventName(owed)}, which was shown to ${shownBy}`, operations: [], atNs: null };
}

function revisionsOf({ first, last }: Gap): string {
  return first === last ? `rev ${first}, a write` : `rev ${first} to ${last}, writes`;
}

function selectsAll({ selects }: Session, { keys }: Truth): boolean {
  if (selects === null) return true;
  if (selects.kinds !== "all" || keys === null) return false;
  return selects.from <= keys.least && (selects.to === null || selects.to > keys.greatest);
}
