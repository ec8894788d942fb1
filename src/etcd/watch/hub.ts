/**
 * All watches of a member. Reads the store, never writes it; sets no timer: the member calls.
 *
 *   const hub = new WatchHub({ view, makeHeader, onWork })
 *   const stream = hub.openStream(sink)         then stream.create / cancel / progress / drained / close
 *   hub.publish(events, revision)               after each apply that has events, before anything else is applied
 *   hub.work(): boolean                         one bounded slice of catching up; true: call again soon
 *   hub.notifyProgress()                        each progress interval, for watchers that asked and are idle
 *
 * A watcher is synced (it gets each revision as it is published) or unsynced: it reads history from the revision it needs, in
 * slices, because it started in the past or its stream could not take more. So the hub holds no events at all, a slow client
 * slows nobody, and nothing is lost. All events of a revision for a watcher travel in one response.
 */
import { assert } from "../../base/assert.ts";
import type { Revision } from "../../base/ids.ts";
import type { ResponseHeader } from "../../proto/gen/etcdserverpb.ts";
import type { Event } from "../../proto/gen/mvccpb.ts";
import type { StoreEvent } from "../model.ts";
import { contains, keyName } from "../mvcc/key.ts";
import type { StoreView } from "../mvcc/store.ts";
import { RangeIndex } from "./range-index.ts";
import { type StreamOwner, type StreamWatcher, type WatchSink, WatchStream } from "./stream.ts";
import { eventBytes, eventResponses, isCurrent, response, toEvent, wants } from "./watcher.ts";

export interface WatchHubOptions {
  readonly view: StoreView;
  readonly makeHeader: (revision: Revision) => ResponseHeader;
  /** There is work where there was none: call `work` soon. Never called from inside `work`. */
  readonly onWork: () => void;
  /** Responses of watches that allow it are split near this size. Default: etcd's largest request and 512 KiB. */
  readonly fragmentBytes?: number;
}

/** One slice of catching up: revisions read, and the size past which a response takes no further revision. */
const SLICE_REVISIONS = 1000;
const SLICE_BYTES = 1024 * 1024;
const FRAGMENT_BYTES = 1.5 * 1024 * 1024 + 512 * 1024;

export class WatchHub {
  readonly #options: Required<WatchHubOptions>;
  readonly #owner: StreamOwner;
  readonly #streams = new Set<WatchStream>();
  readonly #watchers = new RangeIndex<StreamWatcher>();
  /** Unsynced watchers of streams that can take more, the longest waiting first. */
  readonly #ready = new Set<StreamWatcher>();
  #watcherCount = 0;
  #working = false;
  /** Not null while the store is being replaced: the last revision that was published. */
  #suspendedAt: Revision | null = null;

  constructor(options: WatchHubOptions) {
    this.#options = { fragmentBytes: FRAGMENT_BYTES, ...options };
    this.#owner = this.#makeOwner();
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get watcherCount(): number {
    return this.#watcherCount;
  }

  get hasWork(): boolean {
    return this.#ready.size > 0;
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
    if (this.#watcherCount === 0) return;
    const matched = this.#match(events, revision);
    if (matched.size === 0) return;
    const header = this.#options.makeHeader(revision);
    for (const [watcher, list] of matched) {
      if (watcher.stream.blocked) {
        watcher.synced = false;
        watcher.next = revision;
        watcher.stream.fellBehind(watcher);
      } else this.#send(watcher, header, list);
    }
  }

  /** Lets unsynced watchers read up to SLICE_REVISIONS of history in all. */
  work(): boolean {
    if (this.#suspendedAt !== null) return false;
    this.#working = true;
    let budget = SLICE_REVISIONS;
    while (budget > 0) {
      const [watcher] = this.#ready;
      if (watcher === undefined) break;
      this.#ready.delete(watcher);
      // Another watcher of its stream may have filled it in this slice.
      if (watcher.stream.blocked) watcher.stream.fellBehind(watcher);
      else budget -= this.#catchUp(watcher, budget);
    }
    this.#working = false;
    return this.#ready.size > 0;
  }

  /** Tells the watchers that asked for it and were sent nothing since the last call how far they are. */
  notifyProgress(): void {
    if (this.#suspendedAt !== null) return;
    const { revision } = this.#options.view;
    const header = this.#options.makeHeader(revision);
    for (const stream of this.#streams) {
      for (const watcher of stream.watchers) {
        if (!watcher.progressNotify) continue;
        const isDue = watcher.quiet && isCurrent(watcher, revision);
        if (isDue && !stream.blocked) stream.send(response(header, watcher.id, {}));
        watcher.quiet = true;
      }
    }
  }

  /** The store is about to be replaced: until `restored` nothing of it is read but its revision. */
  suspend(): void {
    this.#suspendedAt = this.#options.view.revision;
  }

  /** The store holds the state of a snapshot, whose revisions were never published: whoever is not beyond them reads history. */
  restored(): void {
    const { view, onWork } = this.#options;
    const from = ((this.#suspendedAt ?? view.revision) + 1) as Revision;
    this.#suspendedAt = null;
    for (const stream of this.#streams) {
      for (const watcher of stream.watchers) {
        if (!watcher.synced || view.revision < from) continue;
        watcher.synced = false;
        watcher.next = Math.max(watcher.next, from) as Revision;
        stream.fellBehind(watcher);
      }
    }
    if (this.#ready.size > 0) onWork();
  }

  #match(events: readonly StoreEvent[], revision: Revision): Map<StreamWatcher, Event[]> {
    const matched = new Map<StreamWatcher, Event[]>();
    for (const { kv, previous } of events) {
      // One object for all watchers that want it alike.
      let bare: Event | null = null;
      let full: Event | null = null;
      this.#watchers.each(keyName(kv.key), (watcher) => {
        if (!watcher.synced || revision < watcher.next || !wants(watcher, kv)) return;
        let event: Event;
        if (watcher.prevKv) event = full ??= toEvent(kv, previous);
        else event = bare ??= toEvent(kv, null);
        const list = matched.get(watcher);
        if (list === undefined) matched.set(watcher, [event]);
        else list.push(event);
      });
    }
    return matched;
  }

  /** One response from at most `budget` revisions of history; returns how many were read, at least 1. */
  #catchUp(watcher: StreamWatcher, budget: number): number {
    const { view, makeHeader } = this.#options;
    const { stream } = watcher;
    assert(!watcher.synced && !stream.blocked, "only an unsynced watcher of an open stream catches up");
    if (watcher.next < view.compactedRevision) {
      stream.cancelCompacted(watcher, view.compactedRevision);
      return 1;
    }
    const from = watcher.next;
    const end = Math.min(view.revision, from + budget - 1);
    const events: Event[] = [];
    let bytes = 0;
    let revision: number = from;
    for (; revision <= end && bytes < SLICE_BYTES; revision++) {
      bytes += this.#collect(watcher, revision as Revision, events);
    }
    watcher.next = revision as Revision;
    watcher.synced = revision > view.revision;
    if (events.length > 0) this.#send(watcher, makeHeader(view.revision), events);
    if (!watcher.synced) stream.fellBehind(watcher);
    return Math.max(1, revision - from);
  }

  /** Adds what the watcher wants of one past revision; returns its size. */
  #collect(watcher: StreamWatcher, revision: Revision, events: Event[]): number {
    const { view } = this.#options;
    // The first revision is the empty store's.
    if (revision <= 1) return 0;
    let bytes = 0;
    for (const change of view.changesAt(revision)) {
      if (!wants(watcher, change) || !contains(watcher.range, keyName(change.key))) continue;
      const event = toEvent(change, watcher.prevKv ? view.previousOf(change) : null);
      events.push(event);
      bytes += eventBytes(event);
    }
    return bytes;
  }

  #send(watcher: StreamWatcher, header: ResponseHeader, events: readonly Event[]): void {
    watcher.quiet = false;
    for (const part of eventResponses(watcher, header, events, this.#options.fragmentBytes)) watcher.stream.send(part);
  }

  #makeOwner(): StreamOwner {
    const { view, makeHeader, onWork } = this.#options;
    return {
      get revision() {
        return view.revision;
      },
      header: makeHeader,
      added: (watcher) => {
        this.#watchers.add(watcher.range, watcher);
        this.#watcherCount++;
      },
      removed: (watcher) => {
        this.#watchers.remove(watcher.range, watcher);
        this.#watcherCount--;
        this.#ready.delete(watcher);
      },
      ready: (watcher) => {
        this.#ready.add(watcher);
        if (this.#ready.size === 1 && !this.#working) onWork();
      },
      closed: (stream) => {
        this.#streams.delete(stream);
      },
    };
  }
}
