import type { Clock, Timer } from "../../env/clock.ts";
import type { ClientStream, GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcError } from "../../grpc/status.ts";
import { WatchCreateRequest, WatchRequest, type WatchResponse } from "../../proto/gen/etcdserverpb.ts";
import { EventType } from "../../proto/gen/mvccpb.ts";
import { Watch } from "../../proto/gen/rpc.ts";
import type { Recorder } from "../history/recorder.ts";
import type { Keys } from "./keys.ts";
import type { KvWorkload } from "./kv.ts";
import { Link, type LinkOptions } from "./link.ts";
import { reasonOf } from "./outcomes.ts";

/** A watch that ends while its connection lives is asked for again after this. */
const REOPEN_MS = 100;

export interface WatcherOptions {
  readonly watcher: number;
  readonly link: Omit<LinkOptions, "opened">;
  readonly clock: Clock;
  readonly nowNs: () => number;
  readonly keys: Keys;
  readonly workload: KvWorkload;
  readonly recorder: Recorder;
  /** The first revision it wants to see. */
  readonly fromRevision: number;
}

/**
 * The workload of watching: one watch over all keys on one member, on a connection of its own. After a break it goes on behind
 * the last revision it has seen: a member sends all changes of a revision in one message, so what has arrived is whole.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #link: Link;
  #stream: ClientStream<WatchRequest> | null = null;
  #reopen: Timer | null = null;
  #nextRevision: number;
  #open = false;
  #closed = false;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#nextRevision = options.fromRevision;
    this.#link = new Link({ ...options.link, opened: (connection) => this.#watch(connection) });
  }

  /** The member has confirmed the watch, and it has not ended since. */
  get open(): boolean {
    return this.#open;
  }

  /** Everything up to this revision has been delivered. */
  get seenRevision(): number {
    return this.#nextRevision - 1;
  }

  close(): void {
    this.#closed = true;
    this.#reopen?.cancel();
    this.#ended("the run is over");
    this.#link.close();
  }

  #watch(connection: GrpcConnection): void {
    const { keys } = this.#options;
    const stream = connection.stream(
      Watch.Watch,
      {},
      {
        message: (response) => this.#received(stream, response),
        closed: (error: GrpcError | null) => {
          if (this.#stream === stream) this.#broken(error === null ? "ended by the member" : reasonOf(error));
        },
      },
    );
    this.#stream = stream;
    const value = WatchCreateRequest.create({
      key: keys.prefixBytes,
      rangeEnd: keys.rangeEnd(),
      startRevision: this.#nextRevision,
    });
    stream.send(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
  }

  #received(stream: ClientStream<WatchRequest>, response: WatchResponse): void {
    if (this.#closed || this.#stream !== stream) return;
    const { recorder, watcher, nowNs } = this.#options;
    const atNs = nowNs();
    const revision = response.header?.revision ?? 0;
    if (response.created && !response.canceled) {
      this.#open = true;
      recorder.watcher(watcher, atNs, "opened", this.#nextRevision, "");
    }
    for (const event of response.events) {
      const { kv } = event;
      if (kv === null) continue;
      this.#event(atNs, event.type === EventType.DELETE, kv);
    }
    if (response.canceled) {
      // What is compacted cannot be seen any more: the gap shows in the history, because the next watch opens behind it.
      this.#nextRevision = Math.max(this.#nextRevision, response.compactRevision);
      this.#broken(`canceled: ${response.cancelReason}`);
      stream.cancel();
    } else if (!response.created && response.events.length === 0) {
      recorder.watcher(watcher, atNs, "progress", revision, "");
      this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
    }
  }

  #event(atNs: number, deletion: boolean, kv: NonNullable<WatchResponse["events"][number]["kv"]>): void {
    const { recorder, watcher, workload } = this.#options;
    const key = workload.keyCode(kv.key);
    const value = deletion ? 0 : workload.valueCode(kv.value);
    recorder.event(watcher, atNs, deletion ? "delete" : "put", key, value, kv.modRevision, kv.version);
    this.#nextRevision = Math.max(this.#nextRevision, kv.modRevision + 1);
  }

  /** The stream is over; the link dials again by itself if the connection is gone, too. */
  #broken(reason: string): void {
    this.#stream = null;
    this.#ended(reason);
    if (this.#closed) return;
    this.#reopen?.cancel();
    this.#reopen = this.#options.clock.after(REOPEN_MS, () => {
      const { connection } = this.#link;
      if (connection !== null && this.#stream === null) this.#watch(connection);
    });
  }

  #ended(reason: string): void {
    if (!this.#open) return;
    this.#open = false;
    const { recorder, watcher, nowNs } = this.#options;
    recorder.watcher(watcher, nowNs(), "closed", this.seenRevision, reason);
  }
}
