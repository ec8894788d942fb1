/** One watch on a stream: what it wants and how far it got; and the responses it is sent. */
import type { Revision } from "../../base/ids.ts";
import {
  FilterType,
  type ResponseHeader,
  type WatchCreateRequest,
  type WatchResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { type Event, EventType } from "../../proto/gen/mvccpb.ts";
import type { StoredKeyValue } from "../model.ts";
import type { KeyRange } from "../mvcc/key.ts";
import { keyRange } from "../mvcc/key.ts";

export interface Watcher<Stream> {
  readonly stream: Stream;
  readonly id: bigint;
  readonly range: KeyRange;
  readonly wantsPuts: boolean;
  readonly wantsDeletes: boolean;
  readonly prevKv: boolean;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
  /** As asked for; 0: from now on. */
  readonly start: number;
  /** Nothing below this revision is sent (again). */
  next: Revision;
  /** Live: has everything up to the current revision. Otherwise it reads history from `next` on. */
  synced: boolean;
  /** Sent nothing since the last progress notification. */
  quiet: boolean;
}

/** Room left in a response beside its events. */
const RESPONSE_FIXED_BYTES = 64;
const EVENT_FIXED_BYTES = 48;

/** The keys a watch selects. An empty key stands for "\0"; its own range end still counts. */
export function watchRange({ key, rangeEnd }: WatchCreateRequest): KeyRange {
  return keyRange(key.length === 0 ? new Uint8Array(1) : key, rangeEnd);
}

export function makeWatcher<Stream>(
  stream: Stream,
  id: bigint,
  request: WatchCreateRequest,
  current: Revision,
): Watcher<Stream> {
  const next = request.startRevision === 0 ? current + 1 : request.startRevision;
  return {
    stream,
    id,
    range: watchRange(request),
    wantsPuts: !request.filters.includes(FilterType.NOPUT),
    wantsDeletes: !request.filters.includes(FilterType.NODELETE),
    prevKv: request.prevKv,
    progressNotify: request.progressNotify,
    fragment: request.fragment,
    start: request.startRevision,
    next: next as Revision,
    synced: next > current,
    quiet: true,
  };
}

/** It was sent all it wants up to `revision`, and has begun: then its progress may be told. */
export function isCurrent(watcher: Watcher<unknown>, revision: Revision): boolean {
  return watcher.synced && watcher.start <= revision;
}

export function wants(watcher: Watcher<unknown>, change: StoredKeyValue): boolean {
  return change.version === 0 ? watcher.wantsDeletes : watcher.wantsPuts;
}

export function toEvent(change: StoredKeyValue, prevKv: StoredKeyValue | null): Event {
  return { type: change.version === 0 ? EventType.DELETE : EventType.PUT, kv: change, prevKv };
}

/** Roughly its size on the wire, never less. */
export function eventBytes({ kv, prevKv }: Event): number {
  let bytes = EVENT_FIXED_BYTES;
  if (kv !== null) bytes += kv.key.length + kv.value.length;
  if (prevKv !== null) bytes += EVENT_FIXED_BYTES + prevKv.key.length + prevKv.value.length;
  return bytes;
}

export function response(header: ResponseHeader, watchId: bigint, fields: Partial<WatchResponse>): WatchResponse {
  return {
    header,
    watchId,
    created: fields.created ?? false,
    canceled: fields.canceled ?? false,
    compactRevision: fields.compactRevision ?? 0,
    cancelReason: fields.cancelReason ?? "",
    fragment: fields.fragment ?? false,
    events: fields.events ?? [],
  };
}

/** Events in one response; over several, all but the last marked, when the watch allows it and they take more than that. */
export function eventResponses(
  watcher: Watcher<unknown>,
  header: ResponseHeader,
  events: readonly Event[],
  fragmentBytes: number,
): readonly WatchResponse[] {
  if (!watcher.fragment) return [response(header, watcher.id, { events })];
  const parts: Event[][] = [[]];
  let bytes = RESPONSE_FIXED_BYTES;
  for (const event of events) {
    const size = eventBytes(event);
    if (bytes + size > fragmentBytes && (parts.at(-1) as Event[]).length > 0) {
      parts.push([]);
      bytes = RESPONSE_FIXED_BYTES;
    }
    (parts.at(-1) as Event[]).push(event);
    bytes += size;
  }
  return parts.map((part, index) => response(header, watcher.id, { events: part, fragment: index < parts.length - 1 }));
}
