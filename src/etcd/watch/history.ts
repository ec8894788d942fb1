/**
 * What the store still holds of past revisions, for watchers that catch up. The last span that was read is kept: watchers that read
 * the same one after another, or in several small slices, cost one scan of the store.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import type { SpanLimit, StoreView } from "../mvcc/store.ts";
import { SharedChange } from "./responses.ts";

export type HistoryView = Pick<StoreView, "revision" | "compactedRevision" | "changesFrom" | "previousOf">;

/** The first revision is the empty store's. */
const FIRST_CHANGE = 2 as Revision;

/** Changes of whole revisions, from `from` up to before `next`. */
interface Span {
  readonly from: Revision;
  readonly next: Revision;
  readonly changes: readonly SharedChange[];
}

export class History {
  readonly #view: HistoryView;
  /** What one scan reads, and at most about what this room keeps of history. */
  readonly #limit: SpanLimit;
  #span: Span | null = null;

  constructor(view: HistoryView, limit: SpanLimit) {
    this.#view = view;
    this.#limit = limit;
  }

  /** Changes from this revision on, at least one revision's worth of them unless nothing follows. Must not be compacted away. */
  read(from: Revision): Span {
    const view = this.#view;
    assert(from <= view.revision && from >= view.compactedRevision, "what is read of history is there", { from });
    const kept = this.#span;
    if (kept !== null && kept.from <= from && from < kept.next) return cut(kept, from);
    const { changes, next } = view.changesFrom(from < FIRST_CHANGE ? FIRST_CHANGE : from, this.#limit);
    assert(next > from, "history goes on");
    this.#span = { from, next, changes: changes.map((kv) => new SharedChange(kv, () => view.previousOf(kv))) };
    return this.#span;
  }

  /** The kept span may be of use no more: nobody reads history, or the store holds another one. */
  forget(): void {
    this.#span = null;
  }
}

function cut({ next, changes }: Span, from: Revision): Span {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle] as SharedChange).kv.modRevision < from) low = middle + 1;
    else high = middle;
  }
  return { from, next, changes: low === 0 ? changes : changes.slice(low) };
}
