/** One watch on a stream: what it wants and how far it got. */
import type { Revision } from "../../base/ids.ts";
import { FilterType, type WatchCreateRequest } from "../../proto/gen/etcdserverpb.ts";
import type { StoredKeyValue } from "../model.ts";
import type { KeyRange } from "../mvcc/key.ts";
import { keyRange } from "../mvcc/key.ts";
import { type EventList, WatchId } from "./responses.ts";

/**
 * `live`: it has everything up to the current revision, or begins later, and gets each revision as it is published. `lagging`: it
 * reads history from `next` on. `slow`: it would, but its stream takes nothing for the moment. `gone`: cancelled.
 */
export type WatcherState = "live" | "lagging" | "slow" | "gone";

/** What is sent to who wants it. */
export interface Interest {
  readonly range: KeyRange;
  readonly wantsPuts: boolean;
  readonly wantsDeletes: boolean;
  readonly prevKv: boolean;
  /** Nothing below this revision is sent (again). */
  readonly next: Revision;
}

export interface Watcher<Stream, Group = unknown> extends Interest {
  readonly stream: Stream;
  readonly id: WatchId;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
  /** As asked for; 0: from now on. */
  readonly start: number;
  next: Revision;
  state: WatcherState;
  /** Sent nothing since the last progress notification. */
  quiet: boolean;
  /** While it is live: with whom it is sent the same. */
  group: Group | null;
  /** While it lags: what it is about to be sent; null between two turns. */
  pending: EventList | null;
}

/** The keys a watch selects. An empty key stands for "\0"; its own range end still counts. */
export function watchRange({ key, rangeEnd }: WatchCreateRequest): KeyRange {
  return keyRange(key.length === 0 ? new Uint8Array(1) : key, rangeEnd);
}

export function makeWatcher<Stream, Group>(
  stream: Stream,
  id: bigint,
  request: WatchCreateRequest,
  current: Revision,
): Watcher<Stream, Group> {
  const next = request.startRevision === 0 ? current + 1 : request.startRevision;
  return {
    stream,
    id: new WatchId(id),
    range: watchRange(request),
    wantsPuts: !request.filters.includes(FilterType.NOPUT),
    wantsDeletes: !request.filters.includes(FilterType.NODELETE),
    prevKv: request.prevKv,
    progressNotify: request.progressNotify,
    fragment: request.fragment,
    start: request.startRevision,
    next: next as Revision,
    state: next > current ? "live" : "lagging",
    quiet: true,
    group: null,
    pending: null,
  };
}

/** It was sent all it wants up to `revision`, and has begun: then its progress may be told. */
export function isCurrent(watcher: Watcher<unknown>, revision: Revision): boolean {
  return watcher.state === "live" && watcher.start <= revision;
}

/** The kind of change, and the revision, are what it asked for and lacks. */
export function wants(interest: Interest, change: StoredKeyValue): boolean {
  if (change.modRevision < interest.next) return false;
  return change.version === 0 ? interest.wantsDeletes : interest.wantsPuts;
}
