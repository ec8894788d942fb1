import type { Prng } from "../base/prng.ts";
import type { Clock, Timer } from "../env/clock.ts";
import type { ClientStream } from "../grpc/connection.ts";
import { type GrpcError, StatusCode } from "../grpc/status.ts";
import { WatchCreateRequest, WatchRequest, type WatchResponse } from "../proto/gen/etcdserverpb.ts";
import type { Event } from "../proto/gen/mvccpb.ts";
import { Watch } from "../proto/gen/rpc.ts";
import type { Balancer, Route } from "./balancer.ts";

export interface WatchHandler {
  /** The server has the watch; `revision` is the store's at that moment. Again after every resumption. */
  created?(revision: number): void;
  /** Events in revision order, a revision's events always together. Byte fields are views into the received message. */
  events(events: readonly Event[], response: WatchResponse): void;
  /** Every matching event up to `revision` was delivered. */
  progress?(revision: number): void;
  /** Exactly once, last: null after `cancel` or `close`. */
  closed(error: WatchError | null): void;
}

export class WatchError extends Error {
  override readonly name = "WatchError";
  /** Not 0: the watch fell behind a compaction; revisions from this one on are still there. */
  readonly compactRevision: number;
  /** What the server said when it was the server who ended the watch. */
  readonly response: WatchResponse | null;

  constructor(message: string, response: WatchResponse | null = null) {
    super(message);
    this.response = response;
    this.compactRevision = response?.compactRevision ?? 0;
  }
}

export interface Watching {
  cancel(): void;
}

interface Watcher {
  readonly id: bigint;
  readonly request: WatchCreateRequest;
  readonly handler: WatchHandler;
  /** Where to go on after a break; 0 while the server has not said where "now" is. */
  nextRevision: number;
  /** The server has answered the creation on the present stream. */
  live: boolean;
  /** Parts of a response that arrives in fragments. */
  fragments: Event[];
}

/** etcd's words; the server itself sends only the revision. */
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";
const RESUME_PAUSE_MS = 25;
const RESUME_PAUSE_MAX_MS = 1000;

/**
 * Watchers share one stream. When it breaks, all of them go on over a new one, each after the last revision it saw, so that
 * the caller notices nothing. Watch ids are chosen here (etcd 3.4 and later take them), which makes answers easy to assign.
 */
export class WatchClient {
  readonly #balancer: Balancer;
  readonly #clock: Clock;
  readonly #prng: Prng;
  readonly #watchers = new Map<bigint, Watcher>();
  /** Creations the server has not answered, in the order sent: a refusal may come without an id. */
  #unanswered: bigint[] = [];
  #stream: ClientStream<WatchRequest> | null = null;
  #resumption: Timer | null = null;
  #breaks = 0;
  #nextId = 1n;
  #closed = false;

  constructor(options: { readonly balancer: Balancer; readonly clock: Clock; readonly prng: Prng }) {
    this.#balancer = options.balancer;
    this.#clock = options.clock;
    this.#prng = options.prng;
  }

  /** Starts a watch; `watchId` of the request is ignored. The handler is first called in a later turn. */
  watch(request: Partial<WatchCreateRequest>, handler: WatchHandler): Watching {
    const id = this.#nextId++;
    const full = WatchCreateRequest.create({ ...request, watchId: id });
    const watcher: Watcher = {
      id,
      request: full,
      handler,
      nextRevision: full.startRevision,
      live: false,
      fragments: [],
    };
    if (this.#closed) {
      this.#clock.after(0, () => handler.closed(new WatchError("the client is closed")));
      return { cancel() {} };
    }
    this.#watchers.set(id, watcher);
    if (this.#stream !== null) this.#create(this.#stream, watcher);
    else if (this.#resumption === null) this.#open();
    return { cancel: () => this.#cancel(watcher) };
  }

  /** Asks for a progress notification for every watcher; needs etcd 3.4. */
  requestProgress(): void {
    this.#stream?.send(WatchRequest.create({ requestUnion: { kind: "progressRequest", value: {} } }));
  }

  close(): void {
    this.#closed = true;
    this.#resumption?.cancel();
    this.#resumption = null;
    const stream = this.#stream;
    this.#stream = null; // first: the stream tells its end while it is cancelled
    stream?.cancel();
    this.#endAll(null);
  }

  #open(): void {
    const route = this.#balancer.pick();
    const stream: ClientStream<WatchRequest> = route.channel.stream(
      Watch.Watch,
      {},
      {
        message: (response) => {
          if (this.#stream === stream) this.#receive(response);
        },
        closed: (error) => {
          if (this.#stream === stream) this.#broken(route, error);
        },
      },
    );
    this.#stream = stream;
    this.#unanswered = [];
    for (const watcher of this.#watchers.values()) this.#create(stream, watcher);
  }

  #create(stream: ClientStream<WatchRequest>, watcher: Watcher): void {
    watcher.live = false;
    watcher.fragments = [];
    this.#unanswered.push(watcher.id);
    const value: WatchCreateRequest = { ...watcher.request, startRevision: watcher.nextRevision };
    stream.send(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
  }

  #cancel(watcher: Watcher): void {
    if (!this.#watchers.delete(watcher.id)) return;
    const value = { watchId: watcher.id };
    this.#stream?.send(WatchRequest.create({ requestUnion: { kind: "cancelRequest", value } }));
    watcher.handler.closed(null);
  }

  #broken(route: Route, error: GrpcError | null): void {
    this.#stream = null;
    const transient = error === null || error.code === StatusCode.UNAVAILABLE || error.code === StatusCode.INTERNAL;
    if (!transient) {
      this.#endAll(new WatchError(error.message));
      return;
    }
    this.#balancer.failed(route);
    const pauseMs = Math.min(RESUME_PAUSE_MAX_MS, RESUME_PAUSE_MS * 2 ** Math.min(this.#breaks++, 10));
    this.#resumption = this.#clock.after(pauseMs * (0.5 + 0.5 * this.#prng.float()), () => {
      this.#resumption = null;
      if (this.#watchers.size > 0) this.#open();
    });
  }

  #receive(response: WatchResponse): void {
    this.#breaks = 0;
    if (response.created) {
      const id = this.#unanswered.shift();
      if (response.canceled) {
        this.#refused(this.#watchers.get(id ?? response.watchId), response);
        return;
      }
    }
    if (response.watchId === -1n) {
      // Whoever the server does not know yet has not been told of anything: for it this promises nothing.
      for (const watcher of [...this.#watchers.values()]) if (watcher.live) this.#deliver(watcher, response);
      return;
    }
    const watcher = this.#watchers.get(response.watchId);
    if (watcher === undefined) return; // cancelled here, and the server does not know yet
    if (response.canceled) this.#refused(watcher, response);
    else this.#deliver(watcher, response);
  }

  #deliver(watcher: Watcher, response: WatchResponse): void {
    const revision = response.header?.revision ?? 0;
    if (response.created) {
      watcher.live = true;
      if (watcher.nextRevision === 0) watcher.nextRevision = revision + 1;
      watcher.handler.created?.(revision);
      return;
    }
    if (response.events.length === 0) {
      if (watcher.fragments.length > 0) return; // the rest of a response must come first
      watcher.nextRevision = Math.max(watcher.nextRevision, revision + 1);
      watcher.handler.progress?.(revision);
      return;
    }
    const events = watcher.fragments.length === 0 ? response.events : [...watcher.fragments, ...response.events];
    if (response.fragment) {
      watcher.fragments = [...events];
      return;
    }
    watcher.fragments = [];
    const last = events.at(-1)?.kv?.modRevision ?? 0;
    watcher.nextRevision = Math.max(watcher.nextRevision, last + 1);
    watcher.handler.events(events, response);
  }

  #refused(watcher: Watcher | undefined, response: WatchResponse): void {
    if (watcher === undefined || !this.#watchers.delete(watcher.id)) return;
    const reason =
      response.compactRevision !== 0 ? COMPACTED : response.cancelReason || "watch cancelled by the server";
    watcher.handler.closed(new WatchError(reason, response));
  }

  #endAll(error: WatchError | null): void {
    const watchers = [...this.#watchers.values()];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.handler.closed(error);
  }
}
