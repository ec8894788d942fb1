import type { Clock, Timer } from "../../env/clock.ts";
import type { ClientStream, GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcError } from "../../grpc/status.ts";
import { WatchCreateRequest, WatchRequest, type WatchResponse } from "../../proto/gen/etcdserverpb.ts";
import { type Event, EventType, type KeyValue } from "../../proto/gen/mvccpb.ts";
import { Watch } from "../../proto/gen/rpc.ts";
import type { DeliveredEvent } from "../history/event-columns.ts";
import type { Recorder } from "../history/recorder.ts";
import type { WatchSelection } from "../model/history.ts";
import type { Keys } from "./keys.ts";
import type { KvWorkload } from "./kv.ts";
import { Link, type LinkOptions } from "./link.ts";
import { reasonOf } from "./outcomes.ts";

/** A watch that ends while its connection lives is asked for again after this. */
const REOPEN_MS = 100;
const decoder = new TextDecoder();

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
  /** All keys of the run, or only the second half of them. */
  readonly range: "all" | "half";
  /** Asks for what each key held before. */
  readonly prevKv: boolean;
  /** How often it asks how far it is; null: never. */
  readonly progressEveryMs: number | null;
}

/**
 * The workload of watching: one watch on one member, on a connection of its own. After a break it goes on behind the last revision
 * it has seen: a member sends all changes of a revision in one message, so what has arrived is whole. Where the plan wants it, it
 * asks for progress: then also the answers to that are judged, and a watcher of idle keys is known to be there.
 */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #link: Link;
  #stream: ClientStream<WatchRequest> | null = null;
  #reopen: Timer | null = null;
  #asking: Timer | null = null;
  /** Responses of the open stream so far: what the history calls `response`. */
  #responses = 0;
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

  /** It hears of every change of the run's keys, be it as progress: then there is a revision to wait for. */
  get hearsAll(): boolean {
    return this.#options.range === "all" || this.#options.progressEveryMs !== null;
  }

  /** Everything up to this revision has been delivered. */
  get seenRevision(): number {
    return this.#nextRevision - 1;
  }

  /** Asks how far it is, if the plan wants that at all; the answer comes as any other progress does. */
  requestProgress(): void {
    if (this.#open && this.#options.progressEveryMs !== null)
      this.#stream?.send(WatchRequest.create({ requestUnion: { kind: "progressRequest", value: {} } }));
  }

  close(): void {
    this.#closed = true;
    this.#reopen?.cancel();
    this.#asking?.cancel();
    this.#ended("the run is over");
    this.#link.close();
  }

  #watch(connection: GrpcConnection): void {
    const { prevKv } = this.#options;
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
    this.#responses = 0;
    const value = WatchCreateRequest.create({ ...this.#range(), startRevision: this.#nextRevision, prevKv });
    stream.send(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
    this.#keepAsking(stream);
  }

  #range(): { readonly key: Uint8Array; readonly rangeEnd: Uint8Array } {
    const { keys, range } = this.#options;
    return { key: range === "all" ? keys.prefixBytes : keys.bytes(keys.count >> 1), rangeEnd: keys.rangeEnd() };
  }

  #keepAsking(stream: ClientStream<WatchRequest>): void {
    const { clock, progressEveryMs } = this.#options;
    this.#asking?.cancel();
    if (progressEveryMs === null) return;
    this.#asking = clock.after(progressEveryMs, () => {
      if (this.#stream !== stream) return;
      this.requestProgress();
      this.#keepAsking(stream);
    });
  }

  #received(stream: ClientStream<WatchRequest>, response: WatchResponse): void {
    if (this.#closed || this.#stream !== stream) return;
    const { recorder, watcher, nowNs } = this.#options;
    const atNs = nowNs();
    const revision = response.header?.revision ?? 0;
    const place = { response: this.#responses++ };
    if (response.created && !response.canceled) {
      this.#open = true;
      recorder.watcher(watcher, atNs, "opened", this.#nextRevision, "", { ...place, selects: this.#selects() });
    }
    for (const event of response.events) if (event.kv !== null) this.#event(atNs, event, event.kv, place.response);
    if (response.canceled) {
      // What is compacted cannot be seen any more: the gap shows in the history, because the next watch opens behind it.
      this.#nextRevision = Math.max(this.#nextRevision, response.compactRevision);
      this.#broken(`canceled: ${response.cancelReason}`);
      stream.cancel();
    } else if (!response.created && response.events.length === 0) {
      recorder.watcher(watcher, atNs, "progress", revision, "", place);
      this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
    }
  }

  #event(atNs: number, { type, prevKv }: Event, kv: KeyValue, response: number): void {
    const { recorder, watcher, workload } = this.#options;
    const deletion = type === EventType.DELETE;
    const event = {
      kind: deletion ? "delete" : "put",
      key: workload.keyCode(kv.key),
      value: deletion ? 0 : workload.valueCode(kv.value),
      revision: kv.modRevision,
      version: kv.version,
      createRevision: kv.createRevision,
      response,
    } as const;
    const { prevKv: asked } = this.#options;
    recorder.event(watcher, atNs, asked ? { ...event, previous: prevKv && this.#previous(prevKv) } : event);
    this.#nextRevision = Math.max(this.#nextRevision, kv.modRevision + 1);
  }

  #previous({ value, createRevision, modRevision, version }: KeyValue): NonNullable<DeliveredEvent["previous"]> {
    return { value: this.#options.workload.valueCode(value), createRevision, modRevision, version };
  }

  #selects(): WatchSelection {
    const { key, rangeEnd } = this.#range();
    const isOpen = rangeEnd.length === 1 && rangeEnd[0] === 0;
    return { from: decoder.decode(key), to: isOpen ? null : decoder.decode(rangeEnd), kinds: "all" };
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
