/**
 * All watches of a member. Reads the store, never writes it; sets no timer: the member calls.
 *
 *   const hub = new WatchHub({ view, makeHeader, onWork })
 *   const stream = hub.openStream(sink)         then stream.create / cancel / progress / drained / close
 *   hub.publish(events, revision)               after each apply that has events, before anything else is applied
 *   hub.flush()                                 after several of those: what they brought is sent, whole revisions in one response
 *   hub.work(): boolean                         one bounded slice of catching up; true: call again soon
 *   hub.notifyProgress()                        each progress interval, for watchers that asked and are idle
 *   hub.suspend(), hub.restored()               around the time in which the store is replaced by an installed snapshot
 *
 * A watcher is live (it gets each revision when it is published), lagging (it reads history from the revision it needs, because it
 * started in the past, was slow, or revisions came in a snapshot) or slow (its stream takes nothing for the moment; when it has
 * drained the watcher lags). So the hub queues no events at all, a slow client slows nobody, and nothing is lost. Lagging watchers
 * that need the same stretch of history read it together. All events of a revision for a watcher travel in one response.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import type { ResponseHeader } from "../../proto/gen/etcdserverpb.ts";
import { SLICE, type StoredKeyValue, type StoreEvent } from "../model.ts";
import { keyName } from "../mvcc/key.ts";
import type { SpanLimit } from "../mvcc/store.ts";
import { History, type HistoryView } from "./history.ts";
import { LiveWatchers } from "./live.ts";
import { RangeIndex } from "./range-index.ts";
import { EventList, Head, plainResponse, SharedChange } from "./responses.ts";
import { type StreamOwner, type StreamWatcher, type WatchSink, WatchStream } from "./stream.ts";
import { isCurrent, type WatcherState, wants } from "./watcher.ts";

export interface WatchHubOptions {
  readonly view: HistoryView;
  readonly makeHeader: (revision: Revision) => ResponseHeader;
  /** There is work where there was none: call `work` soon. Never called from inside `work`. */
  readonly onWork: () => void;
  readonly limits?: Partial<WatchLimits>;
}

/** What one turn of the event loop may cost; tests make them small. */
export interface WatchLimits {
  /** A slice of catching up ends with the revision that reaches one of these, over all watchers: some milliseconds of work. */
  readonly sliceDeliveries: number;
  readonly sliceBytes: number;
  /** What is read of history at once. */
  readonly span: SpanLimit;
  /** What is published is sent when it would become more, previous values included, and at the latest with `flush`. */
  readonly gatheredBytes: number;
  /** Responses of watches that allow it are split near this size. */
  readonly fragmentBytes: number;
}

const LIMITS: WatchLimits = {
  sliceDeliveries: 20_000,
  sliceBytes: 4 * 1024 * 1024,
  span: { changes: SLICE.limit, bytes: SLICE.maxBytes },
  gatheredBytes: 256 * 1024,
  // etcd's largest request and its overhead.
  fragmentBytes: 1.5 * 1024 * 1024 + 512 * 1024,
};
/** Every so many slices the longest waiting watcher has its turn, otherwise the one furthest behind. */
const FAIR_EVERY = 4;

export class WatchHub {
  readonly #options: WatchHubOptions;
  readonly #limits: WatchLimits;
  readonly #owner: StreamOwner;
  readonly #history: History;
  readonly #streams = new Set<WatchStream>();
  readonly #live = new LiveWatchers();
  readonly #lagging = new RangeIndex<StreamWatcher>();
  /** The lagging watchers, the longest waiting first. */
  readonly #queue = new Set<StreamWatcher>();
  readonly #counts = { live: 0, lagging: 0, slow: 0, gone: 0 };
  /** Live watchers have been sent everything up to here, but for what is gathered. */
  #published: Revision;
  /** The first revision that is gathered; null: none is. */
  #gatheredFrom: Revision | null = null;
  #gatheredBytes = 0;
  #working = false;
  #suspended = false;
  #turn = 0;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.#owner = this.#makeOwner();
    this.#history = new History(options.view, this.#limits.span);
    this.#published = options.view.revision;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get watcherCount(): number {
    return this.#counts.live + this.behindCount;
  }

  /** Watchers that lack something that was published. */
  get behindCount(): number {
    return this.#counts.lagging + this.#counts.slow;
  }

  openStream(sink: WatchSink): WatchStream {
    const stream = new WatchStream(this.#owner, sink);
    this.#streams.add(stream);
    return stream;
  }

  /** `revision` has just been committed with these events, in order. */
  publish(events: readonly StoreEvent[], revision: Revision): void {
    assert(revision === this.#options.view.revision, "each revision is published as it is committed", { revision });
    assert(events.length > 0, "a revision has events");
    assert(!this.#suspended, "while the store is replaced nothing is published", { revision });
    const { gatheredBytes } = this.#limits;
    const bytes = events.reduce((sum, { kv, previous }) => sum + sizeOf(kv) + sizeOf(previous), 0);
    if (this.#gatheredBytes + bytes > gatheredBytes) this.flush();
    this.#published = revision;
    if (this.#counts.live === 0) return;
    this.#gatheredFrom ??= revision;
    this.#gatheredBytes += bytes;
    for (const { kv, previous } of events) this.#live.gather(new SharedChange(kv, () => previous));
  }

  /** Sends what was published since the last time. */
  flush(): void {
    const from = this.#gatheredFrom;
    if (from === null) return;
    this.#gatheredFrom = null;
    this.#gatheredBytes = 0;
    const groups = this.#live.take();
    if (groups.length === 0) return;
    const head = new Head(this.#options.makeHeader(this.#published));
    for (const group of groups) {
      const list = group.pending as EventList;
      group.pending = null;
      // A stream may be closed while others are sent to: then its watchers are in no group any more.
      for (const watcher of group.watchers) {
        if (watcher.stream.blocked) {
          if (watcher.next < from) watcher.next = from;
          this.#move(watcher, "slow");
        } else this.#send(watcher, head, list);
      }
    }
  }

  /** Lets lagging watchers read a slice of history. */
  work(): boolean {
    if (this.#suspended) return false;
    this.flush();
    this.#working = true;
    const watcher = this.#pick();
    if (watcher !== null) this.#catchUp(watcher.next);
    this.#working = false;
    if (this.#queue.size === 0) this.#history.forget();
    return this.#queue.size > 0;
  }

  /** Tells the watchers that asked for it and were sent nothing since the last call how far they are. */
  notifyProgress(): void {
    if (this.#suspended) return;
    this.flush();
    const { revision } = this.#options.view;
    const header = this.#options.makeHeader(revision);
    for (const stream of this.#streams) {
      for (const watcher of [...stream.watchers]) {
        if (!watcher.progressNotify) continue;
        const isDue = watcher.quiet && isCurrent(watcher, revision);
        if (isDue && !stream.blocked) stream.send(plainResponse(header, watcher.id.value, {}));
        watcher.quiet = true;
      }
    }
  }

  /** The store is about to be replaced: until `restored` nothing of it is read but its revision. */
  suspend(): void {
    this.flush();
    this.#suspended = true;
  }

  /** The store holds the state of a snapshot, whose revisions were never published: whoever is not beyond them reads history. */
  restored(): void {
    const { view } = this.#options;
    assert(this.#gatheredFrom === null, "a store is not replaced behind what is still to be sent");
    assert(view.revision >= this.#published, "a store is never replaced by an older one", {
      published: this.#published,
    });
    this.#suspended = true;
    this.#history.forget();
    const from = (this.#published + 1) as Revision;
    this.#published = view.revision;
    for (const stream of this.#streams) {
      for (const watcher of stream.watchers) {
        if (watcher.state !== "live") continue;
        if (watcher.next < from) watcher.next = from;
        if (watcher.next <= view.revision) this.#move(watcher, "lagging");
      }
    }
    this.#suspended = false;
    if (this.#queue.size > 0) this.#options.onWork();
  }

  /**
   * Drops from the queue whom compaction has overtaken and whose stream is full, and says whose turn it is: mostly who is
   * furthest behind, so that scattered watchers come together, and now and then who waited longest, so that nobody waits for those.
   */
  #pick(): StreamWatcher | null {
    const { compactedRevision } = this.#options.view;
    let furthest: StreamWatcher | null = null;
    let first: StreamWatcher | null = null;
    for (const watcher of this.#queue) {
      if (watcher.stream.blocked) this.#move(watcher, "slow");
      else if (watcher.next < compactedRevision) watcher.stream.cancelCompacted(watcher, compactedRevision);
      else {
        first ??= watcher;
        if (furthest === null || watcher.next < furthest.next) furthest = watcher;
      }
    }
    return this.#turn++ % FAIR_EVERY === 0 ? first : furthest;
  }

  /** Reads history from `from` on for all lagging watchers that need a part of what is read, and nothing before it. */
  #catchUp(from: Revision): void {
    const { view, makeHeader } = this.#options;
    const { sliceDeliveries, sliceBytes } = this.#limits;
    const span = this.#history.read(from);
    const batch = new Batch();
    let { next } = span;
    let revision = from;
    for (const change of span.changes) {
      const { kv } = change;
      if (kv.modRevision > revision && (batch.deliveries >= sliceDeliveries || batch.bytes >= sliceBytes)) {
        next = kv.modRevision;
        break;
      }
      revision = kv.modRevision;
      this.#lagging.each(keyName(kv.key), (watcher) => {
        if (watcher.next >= from) batch.offer(watcher, change);
      });
    }
    const head = new Head(makeHeader(view.revision));
    for (const watcher of [...this.#queue]) {
      const list = take(watcher);
      if (watcher.state !== "lagging" || watcher.next < from || watcher.next >= next) continue;
      if (list !== null) {
        if (watcher.stream.blocked) {
          this.#move(watcher, "slow");
          continue;
        }
        this.#send(watcher, head, list);
        if (watcher.state !== "lagging") continue;
      }
      watcher.next = next;
      if (next > view.revision) this.#move(watcher, "live");
      else {
        this.#queue.delete(watcher);
        this.#queue.add(watcher);
      }
    }
  }

  #send(watcher: StreamWatcher, head: Head, list: EventList): void {
    watcher.quiet = false;
    const { stream, id } = watcher;
    if (!watcher.fragment) stream.send(list.response(head, id));
    else for (const part of list.fragments(head, id, this.#limits.fragmentBytes)) stream.send(part);
  }

  #move(watcher: StreamWatcher, to: WatcherState): void {
    this.#leave(watcher);
    watcher.state = to;
    this.#enter(watcher);
  }

  #leave(watcher: StreamWatcher): void {
    this.#counts[watcher.state]--;
    if (watcher.state === "live") this.#live.remove(watcher);
    if (watcher.state !== "lagging") return;
    this.#lagging.remove(watcher.range, watcher);
    this.#queue.delete(watcher);
  }

  #enter(watcher: StreamWatcher): void {
    this.#counts[watcher.state]++;
    if (watcher.state === "live") this.#live.add(watcher, this.#published);
    if (watcher.state !== "lagging") return;
    this.#lagging.add(watcher.range, watcher);
    this.#queue.add(watcher);
    if (this.#queue.size === 1 && !this.#working && !this.#suspended) this.#options.onWork();
  }

  #makeOwner(): StreamOwner {
    const { view, makeHeader } = this.#options;
    return {
      get revision() {
        return view.revision;
      },
      flush: () => this.flush(),
      header: makeHeader,
      added: (watcher) => this.#enter(watcher),
      removed: (watcher) => this.#move(watcher, "gone"),
      relieved: (watchers) => {
        for (const watcher of watchers) if (watcher.state === "slow") this.#move(watcher, "lagging");
      },
      closed: (stream) => {
        this.#streams.delete(stream);
      },
    };
  }
}

/** What lagging watchers are about to be sent, gathered change by change. */
class Batch {
  deliveries = 0;
  bytes = 0;
  readonly #start = EventList.empty();

  offer(watcher: StreamWatcher, change: SharedChange): void {
    if (!wants(watcher, change.kv)) return;
    const encoded = change.event(watcher.prevKv);
    watcher.pending = (watcher.pending ?? this.#start).with(encoded);
    this.deliveries++;
    this.bytes += sizeOf(change.kv) + sizeOf(encoded.event.prevKv);
  }
}

function sizeOf(kv: Pick<StoredKeyValue, "key" | "value"> | null): number {
  return kv === null ? 0 : kv.key.length + kv.value.length;
}

/** Takes from a watcher what it is about to be sent. */
function take(watcher: StreamWatcher): EventList | null {
  const list = watcher.pending;
  watcher.pending = null;
  return list;
}
