/**
 * One client's watch stream: its watchers by id, and whether it can take more. Watchers of a stream that cannot are slow: nothing
 * is queued for them here, they read history once the stream has drained.
 */
import type { Revision } from "../../base/ids.ts";
import type { ResponseHeader, WatchCreateRequest, WatchResponse } from "../../proto/gen/etcdserverpb.ts";
import { WATCH_REFUSALS } from "../errors.ts";
import { isEmptyRange } from "../mvcc/key.ts";
import type { LiveGroup } from "./live.ts";
import { type OutgoingResponse, plainResponse } from "./responses.ts";
import { isCurrent, makeWatcher, type Watcher, watchRange } from "./watcher.ts";

/** Where a stream's responses go: a gRPC stream. */
export interface WatchSink {
  /** Takes the response in any case. False: the queue is above its limit, and `drained` will be called when it is empty. */
  send(response: OutgoingResponse): boolean;
}

/** What a stream needs of the hub. */
export interface StreamOwner {
  readonly revision: Revision;
  /** Sends what was published before anything else happens to a stream. */
  flush(): void;
  header(revision: Revision): ResponseHeader;
  /** Puts a watcher where its state says. */
  added(watcher: StreamWatcher): void;
  removed(watcher: StreamWatcher): void;
  /** The slow watchers of a stream that takes more again. */
  relieved(watchers: Iterable<StreamWatcher>): void;
  closed(stream: WatchStream): void;
}

export type StreamWatcher = Watcher<WatchStream, LiveGroup>;

/** The id of a response that concerns no watcher, or one that was refused. */
const NO_WATCHER = -1n;

export class WatchStream {
  readonly #owner: StreamOwner;
  readonly #sink: WatchSink;
  readonly #watchers = new Map<bigint, StreamWatcher>();
  #nextId = 0n;
  #blocked = false;
  #closed = false;

  constructor(owner: StreamOwner, sink: WatchSink) {
    this.#owner = owner;
    this.#sink = sink;
  }

  get watchers(): Iterable<StreamWatcher> {
    return this.#watchers.values();
  }

  /** The sink is above its limit. Requests still get their answers: whoever feeds them stops reading meanwhile. */
  get blocked(): boolean {
    return this.#blocked;
  }

  create(request: WatchCreateRequest): void {
    // Requests may still be on their way when a stream ends.
    if (this.#closed) return;
    this.#owner.flush();
    const refusal = this.#refusal(request);
    if (refusal !== null) {
      this.refuse(refusal);
      return;
    }
    const id = request.watchId === 0n ? this.#takeId() : request.watchId;
    const { revision } = this.#owner;
    const watcher = makeWatcher<WatchStream, LiveGroup>(this, id, request, revision);
    this.#watchers.set(id, watcher);
    this.#owner.added(watcher);
    this.#answer(id, { created: true });
  }

  /** Answers a create request that is not granted: also the API's way, when permission is missing. */
  refuse(cancelReason: string): void {
    this.#answer(NO_WATCHER, { created: true, canceled: true, cancelReason });
  }

  /** An unknown id is ignored, as in etcd. */
  cancel(id: bigint): void {
    this.#owner.flush();
    const watcher = this.#watchers.get(id);
    if (watcher === undefined) return;
    this.#remove(watcher);
    this.#answer(id, { canceled: true });
  }

  /** What the watcher needs was compacted away. */
  cancelCompacted(watcher: StreamWatcher, compactRevision: Revision): void {
    this.#remove(watcher);
    const header = this.#owner.header(0 as Revision);
    this.send(plainResponse(header, watcher.id.value, { canceled: true, compactRevision }));
  }

  /** Answers a progress request: silent unless every watcher has everything up to now; clients ask again. */
  progress(): void {
    this.#owner.flush();
    const { revision } = this.#owner;
    if (this.#watchers.size === 0) return;
    for (const watcher of this.#watchers.values()) if (!isCurrent(watcher, revision)) return;
    this.#answer(NO_WATCHER, {});
  }

  send(message: OutgoingResponse): void {
    // A sink may close its stream while it is being sent to.
    if (this.#closed) return;
    if (!this.#sink.send(message)) this.#blocked = true;
  }

  /** The sink can take more. */
  drained(): void {
    if (this.#closed) return;
    this.#blocked = false;
    this.#owner.relieved(this.#watchers.values());
  }

  /** Drops all watchers, silently: the client is gone or told otherwise. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const watcher of [...this.#watchers.values()]) this.#remove(watcher);
    this.#owner.closed(this);
  }

  #answer(id: bigint, fields: Partial<WatchResponse>): void {
    this.send(plainResponse(this.#owner.header(this.#owner.revision), id, fields));
  }

  #refusal(request: WatchCreateRequest): string | null {
    if (request.startRevision < 0) return WATCH_REFUSALS.compacted;
    if (isEmptyRange(watchRange(request))) return WATCH_REFUSALS.emptyRange;
    return request.watchId !== 0n && this.#watchers.has(request.watchId) ? WATCH_REFUSALS.duplicateId : null;
  }

  #remove(watcher: StreamWatcher): void {
    this.#watchers.delete(watcher.id.value);
    this.#owner.removed(watcher);
  }

  #takeId(): bigint {
    while (this.#watchers.has(this.#nextId)) this.#nextId++;
    return this.#nextId++;
  }
}
