import assert from "node:assert/strict";
import type { Revision } from "../../src/base/ids.ts";
import type { StoredKeyValue, StoreEvent } from "../../src/etcd/model.ts";
import type { ChangeSpan, SpanLimit } from "../../src/etcd/mvcc/store.ts";
import type { HistoryView } from "../../src/etcd/watch/history.ts";

const NOTHING = new Uint8Array(0);

/**
 * A cluster's history as a plain list, and the part of it that one member has: up to `revision`. What a hub may ask of a store,
 * and how often it asked.
 */
export class Past implements HistoryView {
  revision: Revision = 1 as Revision;
  compactedRevision: Revision = -1 as Revision;
  readonly events: StoreEvent[] = [];
  /** Another state is about to take its place: nothing of it may be read but its revision. */
  isHeld = false;
  scans = 0;
  scanned = 0;
  #open: StoreEvent[] = [];
  #newest = 1;
  #compacted = -1;
  readonly #held = new Map<string, StoredKeyValue>();

  put(key: string): void {
    const modRevision = (this.#newest + 1) as Revision;
    const previous = this.#held.get(key) ?? null;
    const kv = {
      key: Buffer.from(key, "latin1"),
      value: Buffer.from(`value of ${modRevision}`),
      createRevision: previous?.createRevision ?? modRevision,
      modRevision,
      version: (previous?.version ?? 0) + 1,
      lease: 0n,
    };
    this.#held.set(key, kv);
    this.#open.push({ kind: "put", kv, previous });
  }

  remove(key: string): void {
    const previous = this.#held.get(key);
    if (previous === undefined) return;
    this.#held.delete(key);
    const kv = {
      key: Buffer.from(key, "latin1"),
      value: NOTHING,
      createRevision: 0 as Revision,
      modRevision: (this.#newest + 1) as Revision,
      version: 0,
      lease: 0n,
    };
    this.#open.push({ kind: "delete", kv, previous });
  }

  /** The cluster has it; no events: nothing changed. */
  commit(): readonly StoreEvent[] {
    const events = this.#open;
    this.#open = [];
    if (events.length === 0) return events;
    this.#newest++;
    this.events.push(...events);
    return events;
  }

  /** All but so many revisions. */
  compact(left: number): void {
    this.#compacted = Math.max(this.#compacted, this.#newest - left);
    if (this.#newest === this.revision) this.compactedRevision = this.#compacted as Revision;
  }

  /** The member has all that the cluster has. */
  follow(): void {
    this.revision = this.#newest as Revision;
    this.compactedRevision = this.#compacted as Revision;
  }

  changesFrom(from: Revision, limit: SpanLimit): ChangeSpan {
    assert.ok(!this.isHeld && from >= this.compactedRevision && from >= 2);
    this.scans++;
    const changes: StoredKeyValue[] = [];
    let bytes = 0;
    for (let i = this.#firstFrom(from); i < this.events.length; i++) {
      const { kv } = this.events[i] as StoreEvent;
      const last = changes.at(-1)?.modRevision ?? kv.modRevision;
      const isFull = changes.length >= limit.changes || bytes >= limit.bytes;
      if (kv.modRevision > this.revision || (isFull && kv.modRevision > last)) break;
      changes.push(kv);
      bytes += kv.value.length + kv.key.length;
    }
    this.scanned += changes.length;
    const last = changes.at(-1)?.modRevision ?? this.revision;
    return { changes, next: (changes.length === 0 ? Math.max(from, last + 1) : last + 1) as Revision };
  }

  previousOf(change: StoredKeyValue): StoredKeyValue | null {
    if (change.modRevision - 1 < this.compactedRevision) return null;
    return this.events.find(({ kv }) => kv === change)?.previous ?? null;
  }

  #firstFrom(revision: number): number {
    let low = 0;
    let high = this.events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.events[middle] as StoreEvent).kv.modRevision < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
