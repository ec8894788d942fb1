import type { Clock } from "../../env/clock.ts";
import type { GrpcConnection } from "../../grpc/connection.ts";
import { GrpcError, StatusCode } from "../../grpc/status.ts";
import {
  CompactionRequest,
  LeaseGrantRequest,
  RangeRequest,
  type RangeResponse,
  type TxnResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { KV, Lease } from "../../proto/gen/rpc.ts";
import type { Recorder } from "../history/recorder.ts";
import type { CompactionRecord, ListRecord } from "../model/history.ts";
import type { KubernetesPlan } from "../model/plan.ts";
import type { Keys } from "./keys.ts";
import { type KvWorkload, UPDATE } from "./kv.ts";
import { Link, type LinkOptions } from "./link.ts";
import { outcomeOf, reasonOf } from "./outcomes.ts";
import type { Watcher } from "./watch.ts";

/** Kubernetes' events live for an hour: longer than any phase should last, and nothing of a run goes by itself. */
const LEASE_SECONDS = 24 * 3600;
/** A revision that no store of a run reaches. */
const FUTURE_REVISIONS = 1_000_000_000;
/** The API server asks again as often while it waits for its watch to have caught up with a read. */
const PROGRESS_EVERY_MS = 100;
const decoder = new TextDecoder();

export interface ApiServerOptions {
  readonly plan: KubernetesPlan;
  /** Its place among the API servers: the first alone takes leases. */
  readonly index: number;
  readonly member: string;
  /** The number under which its transactions stand in the history: of a client of the same member. */
  readonly client: number;
  readonly link: Omit<LinkOptions, "opened">;
  readonly clock: Clock;
  readonly nowNs: () => number;
  readonly deadlineMs: number;
  readonly keys: Keys;
  readonly workload: KvWorkload;
  readonly recorder: Recorder;
  /** A watch of all keys on the same member; null: there is none. */
  readonly watcher: Watcher | null;
  /** Told what the member cannot do and is not asked any more. */
  readonly note: (text: string) => void;
}

/**
 * One of Kubernetes' API servers as its store sees it, but for the writes of single objects, which are the load's: it lists in pages at one
 * revision while others write, then as one stream, counts, reads and asks its watch for progress up to there, reads what is compacted
 * and what is still to come, and compacts by a transaction on the last key, which of several API servers one wins.
 */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #link: Link;
  /** The member knows no RangeStream: it is asked no more. */
  #streamless = false;
  /** The newest revision at the time of the last compaction: where the next one goes. */
  #remembered = 0;
  #newest = 0;
  #compacted = 0;
  #phase = 0;
  #running = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#link = new Link(options.link);
  }

  /** Works until `end` is called; resolves when its last request is over. */
  async run(phase: number): Promise<void> {
    this.#phase = phase;
    this.#running = true;
    const { plan, index } = this.#options;
    await Promise.all([
      this.#repeat(plan.listEveryMs, (connection) => this.#list(connection)),
      this.#repeat(plan.compactEveryMs, (connection) => this.#compact(connection)),
      ...(index === 0 ? [this.#repeat(plan.listEveryMs, (connection) => this.#renewLease(connection))] : []),
    ]);
  }

  end(): void {
    this.#running = false;
  }

  close(): void {
    this.#running = false;
    this.#link.close();
  }

  async #repeat(everyMs: number, work: (connection: GrpcConnection) => Promise<void>): Promise<void> {
    while (this.#running) {
      const { connection } = this.#link;
      if (connection !== null) await work(connection);
      await this.#pause(everyMs);
    }
  }

  /** Ends early when the phase does. */
  async #pause(ms: number): Promise<void> {
    const untilNs = this.#options.nowNs() + ms * 1e6;
    while (this.#running && this.#options.nowNs() < untilNs) await this.#wait(Math.min(ms, 20));
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }

  async #list(connection: GrpcConnection): Promise<void> {
    const { plan, keys, watcher } = this.#options;
    const first = keys.text(0);
    const revision = await this.#pages(connection, first, plan.pageKeys);
    if (revision !== null && watcher !== null) await this.#catchUp(watcher, revision);
    await this.#range(connection, { from: first, limit: 0, revision: 0, countOnly: false, stream: !this.#streamless });
    await this.#range(connection, { from: first, limit: 0, revision: 0, countOnly: true, stream: false });
    const odd = { from: first, limit: plan.pageKeys, countOnly: false, stream: !this.#streamless };
    if (this.#compacted > 1) await this.#range(connection, { ...odd, revision: this.#compacted - 1 });
    if (this.#newest > 0)
      await this.#range(connection, { ...odd, revision: this.#newest + FUTURE_REVISIONS, stream: false });
  }

  /** All keys, page by page, as of the first page. Answers its revision; null: something went wrong on the way. */
  async #pages(connection: GrpcConnection, first: string, limit: number): Promise<number | null> {
    let from = first;
    let revision = 0;
    for (;;) {
      const outcome = await this.#range(connection, { from, limit, revision, countOnly: false, stream: false });
      if (outcome.kind !== "ok" || !this.#running) return null;
      if (revision === 0) revision = outcome.revision;
      const last = outcome.kvs.at(-1);
      if (!outcome.more || last === undefined) return revision;
      from = `${last.key}\0`;
      // So that writes come between: a list is read by somebody.
      await this.#wait(1);
    }
  }

  /** What the API server does to answer a consistent read from its cache. */
  async #catchUp(watcher: Watcher, revision: number): Promise<void> {
    const untilNs = this.#options.nowNs() + this.#options.deadlineMs * 1e6;
    while (this.#running && watcher.open && watcher.seenRevision < revision && this.#options.nowNs() < untilNs) {
      watcher.requestProgress();
      await this.#wait(PROGRESS_EVERY_MS);
    }
  }

  async #range(connection: GrpcConnection, asked: Omit<ListRecord["request"], "to">): Promise<ListRecord["outcome"]> {
    const { keys, nowNs, recorder, member } = this.#options;
    const rangeEnd = keys.rangeEnd();
    const request = { ...asked, to: decoder.decode(rangeEnd) };
    const startNs = nowNs();
    const message = RangeRequest.create({
      key: new TextEncoder().encode(asked.from),
      rangeEnd,
      limit: asked.limit,
      revision: asked.revision,
      countOnly: asked.countOnly,
    });
    const answer = await (asked.stream ? this.#stream(connection, message) : this.#unary(connection, message));
    const outcome = this.#outcome(answer);
    if (outcome.kind === "ok") this.#newest = Math.max(this.#newest, outcome.revision);
    if (answer instanceof GrpcError && asked.stream && answer.code === StatusCode.UNIMPLEMENTED) {
      if (!this.#streamless)
        this.#options.note(`${member} knows no RangeStream (new in etcd 3.7): there is no list as a stream from it`);
      this.#streamless = true;
      return await this.#range(connection, { ...asked, stream: false });
    }
    recorder.list({ type: "list", member, request, startNs, endNs: nowNs(), outcome });
    return outcome;
  }

  #outcome(answer: RangeResponse | GrpcError): ListRecord["outcome"] {
    if (answer instanceof GrpcError) return { kind: outcomeOf(answer), reason: reasonOf(answer) };
    const { workload, recorder } = this.#options;
    const kvs = answer.kvs.map(({ key, value, createRevision, modRevision, version }) => ({
      key: decoder.decode(key),
      value: recorder.valueText(workload.valueCode(value)),
      createRevision,
      modRevision,
      version,
    }));
    return { kind: "ok", revision: answer.header?.revision ?? 0, count: answer.count, more: answer.more, kvs };
  }

  #unary(connection: GrpcConnection, request: RangeRequest): Promise<RangeResponse | GrpcError> {
    return new Promise((resolve) => {
      connection.unary(KV.Range, request, { timeoutMs: this.#options.deadlineMs }, (error, response) =>
        resolve(error ?? (response as RangeResponse)),
      );
    });
  }

  /** All parts as one answer: header, count and more come with the last. */
  #stream(connection: GrpcConnection, request: RangeRequest): Promise<RangeResponse | GrpcError> {
    return new Promise((resolve) => {
      const parts: RangeResponse[] = [];
      const stream = connection.stream(
        KV.RangeStream,
        { timeoutMs: this.#options.deadlineMs },
        {
          message: ({ rangeResponse }) => {
            if (rangeResponse !== null) parts.push(rangeResponse);
          },
          closed: (error) => {
            const last = parts.at(-1);
            if (error !== null) resolve(error);
            else if (last === undefined) resolve(new GrpcError(StatusCode.INTERNAL, "a stream without any answer"));
            else resolve({ ...last, kvs: parts.flatMap(({ kvs }) => kvs) });
          },
        },
      );
      stream.send(request);
      stream.end();
    });
  }

  /** Who finds `compact_rev_key` as it saw it last compacts to what was newest then; the others learn that somebody has. */
  async #compact(connection: GrpcConnection): Promise<void> {
    const { keys, client, nowNs, recorder, workload, deadlineMs } = this.#options;
    if (recorder.full) return;
    const key = keys.count - 1;
    const startNs = nowNs();
    const id = recorder.begin(this.#phase, client, UPDATE, key, startNs, startNs);
    const answer = await new Promise<TxnResponse | GrpcError>((resolve) => {
      const operation = { kind: UPDATE, key, id, target: "version" } as const;
      workload.transact(connection, operation, { timeoutMs: deadlineMs }, (error, response) =>
        resolve(error ?? (response as TxnResponse)),
      );
    });
    if (answer instanceof GrpcError) {
      recorder.unanswered(id, nowNs(), outcomeOf(answer), reasonOf(answer));
      return;
    }
    workload.record(UPDATE, key, id, nowNs(), answer);
    const revision = this.#remembered;
    this.#remembered = answer.header?.revision ?? 0;
    if (answer.succeeded && revision > this.#compacted) await this.#compactTo(connection, revision);
  }

  async #compactTo(connection: GrpcConnection, revision: number): Promise<void> {
    const { nowNs, recorder, member, deadlineMs } = this.#options;
    const startNs = nowNs();
    const outcome = await new Promise<CompactionRecord["outcome"]>((resolve) => {
      connection.unary(KV.Compact, CompactionRequest.create({ revision }), { timeoutMs: deadlineMs }, (error) =>
        resolve(error === null ? { kind: "ok" } : { kind: outcomeOf(error), reason: reasonOf(error) }),
      );
    });
    if (outcome.kind === "ok") this.#compacted = revision;
    recorder.list({ type: "compaction", member, revision, startNs, endNs: nowNs(), outcome });
  }

  /** Objects share a lease until it has enough of them. */
  async #renewLease(connection: GrpcConnection): Promise<void> {
    const { plan, workload, deadlineMs } = this.#options;
    if (workload.lease !== 0n && workload.leased < plan.keysPerLease) return;
    const request = LeaseGrantRequest.create({ ttl: LEASE_SECONDS });
    await new Promise<void>((resolve) => {
      connection.unary(Lease.LeaseGrant, request, { timeoutMs: deadlineMs }, (error, response) => {
        if (error === null && response !== null) {
          workload.lease = response.id;
          workload.leased = 0;
        }
        resolve();
      });
    });
  }
}
