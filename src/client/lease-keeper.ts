/**
 * Keeps leases alive: one stream for all of them, a keepalive for each whenever a third of its time has passed, another member when
 * one does not answer. A lease's time counts from when the keepalive was sent that the store acknowledged, so that nobody relies on a
 * lease here that the store may have ended.
 */
import type { Clock, Timer } from "../env/clock.ts";
import { type GrpcError, StatusCode } from "../grpc/status.ts";
import { LeaseKeepAliveRequest, type LeaseKeepAliveResponse } from "../proto/gen/etcdserverpb.ts";

/** A stream of keepalives to some member. */
export interface KeepAliveStream {
  /** False: wait for `drained`. */
  send(request: LeaseKeepAliveRequest): boolean;
  /** Nothing comes of it any more; `isFault`: leave the member alone for a while. */
  close(isFault: boolean): void;
}

export interface KeepAliveStreamHandler {
  message(response: LeaseKeepAliveResponse): void;
  drained(): void;
  /** Unless closed first. */
  closed(error: GrpcError | null): void;
}

export interface LeaseHandler {
  renewed?(response: LeaseKeepAliveResponse): void;
  /** At most once, last; not after `stop`. From now on count on the lease for nothing. */
  lost(reason: LeaseLost): void;
}

export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
  /** `gone`: the store does not know it; `late`: nobody answered in its time; `refused`: the store takes no keepalives of this client. */
  readonly kind: "gone" | "late" | "refused" | "closed";

  constructor(kind: LeaseLost["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

export interface Keeping {
  /** Keeps it alive no longer; the lease itself stays until its time is up. */
  stop(): void;
}

interface Kept {
  readonly id: bigint;
  readonly handlers: Set<LeaseHandler>;
  ttlMs: number;
  /** When the next keepalive is due, and when the lease is given up. */
  dueMs: number;
  deadlineMs: number;
  /** Of the keepalive in flight; null: none is. */
  sentMs: number | null;
}

const TICK_MS = 50;
/** How long a lease whose time is not known may take to its first answer. */
const FIRST_MS = 5_000;
/** A member that does not answer for a third of a lease's time, and so long at least, is given up. */
const PATIENCE_MIN_MS = 1_000;
const REOPEN_MS = 100;
const FINAL: ReadonlySet<number> = new Set([
  StatusCode.UNIMPLEMENTED,
  StatusCode.PERMISSION_DENIED,
  StatusCode.UNAUTHENTICATED,
  StatusCode.INVALID_ARGUMENT,
]);
/** etcd's words. */
const NOT_FOUND = "etcdserver: requested lease not found";

export interface LeaseKeeperOptions {
  readonly clock: Clock;
  /** Opens a stream to the next member in turn. */
  readonly open: (handler: KeepAliveStreamHandler) => KeepAliveStream;
}

export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  readonly #kept = new Map<bigint, Kept>();
  #stream: KeepAliveStream | null = null;
  #isBlocked = false;
  #reopenAtMs = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #isClosed = false;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  /** Begins at once. `ttlSeconds`, where it is known, says how long the lease lives without an answer, from now. */
  keep(id: bigint, handler: LeaseHandler, ttlSeconds?: number): Keeping {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#isClosed) {
      this.#options.clock.after(0, () => handler.lost(new LeaseLost("closed", "the client is closed")));
      return { stop() {} };
    }
    let kept = this.#kept.get(id);
    if (kept === undefined) {
      const ttlMs = ttlSeconds === undefined ? FIRST_MS : ttlSeconds * 1_000;
      kept = { id, handlers: new Set(), ttlMs, dueMs: nowMs, deadlineMs: nowMs + ttlMs, sentMs: null };
      this.#kept.set(id, kept);
    }
    const { handlers } = kept;
    handlers.add(handler);
    this.#timer ??= this.#options.clock.after(0, this.#tick);
    return {
      stop: () => {
        if (handlers.delete(handler) && handlers.size === 0 && this.#kept.get(id)?.handlers === handlers)
          this.#kept.delete(id);
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#drop(false);
    for (const kept of [...this.#kept.values()]) this.#lose(kept, new LeaseLost("closed", "the client is closed"));
  }

  /** While there is anything to keep. */
  readonly #tick = (): void => {
    const nowMs = this.#options.clock.monotonicMs();
    for (const kept of [...this.#kept.values()])
      if (kept.deadlineMs <= nowMs) this.#lose(kept, new LeaseLost("late", "no keepalive was acknowledged in time"));
    this.#timer = null;
    if (this.#isClosed) return;
    if (this.#kept.size === 0) {
      this.#drop(false);
      return;
    }
    if (this.#isStuck(nowMs)) this.#broken(true);
    if (this.#stream === null && nowMs >= this.#reopenAtMs) this.#open();
    this.#send(nowMs);
    this.#timer = this.#options.clock.after(TICK_MS, this.#tick);
  };

  #isStuck(nowMs: number): boolean {
    for (const { sentMs, ttlMs } of this.#kept.values())
      if (sentMs !== null && nowMs - sentMs >= Math.max(PATIENCE_MIN_MS, ttlMs / 3)) return true;
    return false;
  }

  #send(nowMs: number): void {
    for (const kept of this.#kept.values()) {
      if (this.#stream === null || this.#isBlocked) return;
      if (kept.sentMs !== null || kept.dueMs > nowMs) continue;
      kept.sentMs = nowMs;
      this.#isBlocked = !this.#stream.send(LeaseKeepAliveRequest.create({ id: kept.id }));
    }
  }

  #open(): void {
    this.#isBlocked = false;
    const stream = this.#options.open({
      message: (response) => {
        if (this.#stream === stream) this.#answered(response);
      },
      drained: () => {
        if (this.#stream === stream) this.#isBlocked = false;
      },
      closed: (error) => {
        if (this.#stream !== stream) return;
        if (error !== null && FINAL.has(error.code)) this.#refused(error);
        else this.#broken(true);
      },
    });
    this.#stream = stream;
  }

  #answered(response: LeaseKeepAliveResponse): void {
    const kept = this.#kept.get(response.id);
    if (kept === undefined || kept.sentMs === null) return;
    if (response.ttl <= 0) {
      this.#lose(kept, new LeaseLost("gone", NOT_FOUND));
      return;
    }
    kept.ttlMs = response.ttl * 1_000;
    kept.deadlineMs = kept.sentMs + kept.ttlMs;
    kept.dueMs = kept.sentMs + kept.ttlMs / 3;
    kept.sentMs = null;
    for (const handler of [...kept.handlers]) handler.renewed?.(response);
  }

  /** What was in flight is sent again, to another member: a lease that is kept alive twice is no worse. */
  #broken(isFault: boolean): void {
    this.#drop(isFault);
    const nowMs = this.#options.clock.monotonicMs();
    this.#reopenAtMs = nowMs + REOPEN_MS;
    for (const kept of this.#kept.values()) {
      if (kept.sentMs !== null) kept.dueMs = nowMs;
      kept.sentMs = null;
    }
  }

  #refused(error: GrpcError): void {
    this.#drop(false);
    for (const kept of [...this.#kept.values()]) this.#lose(kept, new LeaseLost("refused", error.message));
  }

  #drop(isFault: boolean): void {
    const stream = this.#stream;
    this.#stream = null; // first: the stream may tell its end while it is closed
    stream?.close(isFault);
  }

  #lose(kept: Kept, reason: LeaseLost): void {
    this.#kept.delete(kept.id);
    const handlers = [...kept.handlers];
    kept.handlers.clear();
    for (const handler of handlers) handler.lost(reason);
  }
}
