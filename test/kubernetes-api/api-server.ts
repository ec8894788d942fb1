/**
 * What Kubernetes' API server asks of its store, request for request: every write is a transaction that compares MOD_REVISION, lists
 * come in pages at one revision, watches have prev_kv and progress notices, and one of several API servers compacts.
 */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Method } from "../../src/base/codec.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { type ClientStream, GrpcConnection } from "../../src/grpc/connection.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import {
  CompactionRequest,
  type Compare,
  CompareResult,
  CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RangeResponse,
  RequestOp,
  TxnRequest,
  type TxnResponse,
  WatchCreateRequest,
  WatchRequest,
  type WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import type { KeyValue } from "../../src/proto/gen/mvccpb.ts";
import { KV, Watch } from "../../src/proto/gen/rpc.ts";
import { eventually } from "../support/etcd-server.ts";

const TIMEOUT_MS = 20_000;
export const COMPACT_REV_KEY = "compact_rev_key";

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);

/** What a range answered, as the tests compare it. */
export interface Listed {
  readonly keys: readonly string[];
  readonly revision: number;
  readonly count: number;
  readonly more: boolean;
}

/** An object as it was after a conditional write: `written`, or what was there instead; null: nothing. */
export interface Conditional {
  readonly written: boolean;
  readonly revision: number;
  readonly current: KeyValue | null;
}

export class ApiServer {
  readonly #connection: GrpcConnection;

  constructor(context: TestContext, port: number) {
    this.#connection = new GrpcConnection(nodeStreams.connect({ host: "127.0.0.1", port }), { clock: nodeClock });
    context.after(() => this.#connection.close());
  }

  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      this.#connection.unary(method, request, { timeoutMs: TIMEOUT_MS }, (error, response) =>
        error === null ? resolve(response as Response) : reject(error),
      );
    });
  }

  /** Revision 0: the key must not exist. */
  async put(key: string, value: string, expectedRevision: number, lease: bigint = 0n): Promise<Conditional> {
    const put = PutRequest.create({ key: bytes(key), value: bytes(value), lease });
    return await this.#write(key, expectedRevision, { kind: "requestPut", value: put });
  }

  async delete(key: string, expectedRevision: number): Promise<Conditional> {
    const request = DeleteRangeRequest.create({ key: bytes(key) });
    return await this.#write(key, expectedRevision, { kind: "requestDeleteRange", value: request });
  }

  /** Put, whatever is there: reads first, as an update does. */
  async overwrite(key: string, value: string): Promise<number> {
    const seen = await this.range({ key: bytes(key) });
    const { written, revision } = await this.put(key, value, seen.kvs[0]?.modRevision ?? 0);
    assert.ok(written, `nobody else writes ${key}`);
    return revision;
  }

  range(request: Partial<RangeRequest>): Promise<RangeResponse> {
    return this.call(KV.Range, RangeRequest.create(request));
  }

  /** One page: the first has no revision and says at which the next must be read. */
  async page(prefix: string, from: string, limit: number, revision: number): Promise<Listed> {
    const request = { key: bytes(from), rangeEnd: endOf(prefix), limit, revision };
    const response = await this.range(request);
    return {
      keys: response.kvs.map(({ key }) => text(key)),
      revision: response.header?.revision ?? 0,
      count: response.count,
      more: response.more,
    };
  }

  /** Every answer of a stream, in order. Rejects with GrpcError. */
  rangeStream(request: Partial<RangeRequest>): Promise<readonly RangeResponse[]> {
    return new Promise((resolve, reject) => {
      const parts: RangeResponse[] = [];
      const stream = this.#connection.stream(
        KV.RangeStream,
        { timeoutMs: TIMEOUT_MS },
        {
          message: ({ rangeResponse }) => {
            if (rangeResponse !== null) parts.push(rangeResponse);
          },
          closed: (error) => (error === null ? resolve(parts) : reject(error)),
        },
      );
      stream.send(RangeRequest.create(request));
      stream.end();
    });
  }

  /** A list as the API server makes it: by a stream, and by a range where the store knows no stream. */
  async list(
    prefix: string,
  ): Promise<{ readonly kvs: readonly KeyValue[]; readonly count: number; readonly revision: number }> {
    const request = { key: bytes(prefix), rangeEnd: endOf(prefix) };
    try {
      const parts = await this.rangeStream(request);
      const last = parts.at(-1);
      return {
        kvs: parts.flatMap(({ kvs }) => kvs),
        count: last?.count ?? 0,
        revision: last?.header?.revision ?? 0,
      };
    } catch (error) {
      if (!(error instanceof GrpcError) || error.code !== StatusCode.UNIMPLEMENTED) throw error;
      const { kvs, count, header } = await this.range(request);
      return { kvs, count, revision: header?.revision ?? 0 };
    }
  }

  watch(create: Partial<WatchCreateRequest>): Watching {
    return new Watching(this.#connection, create);
  }

  /**
   * What each API server does every few minutes: who still finds the version of `compact_rev_key` that it saw last compacts to the
   * revision it remembered then. Answers what to remember for the next time.
   */
  async compactOnce(seenVersion: number, revision: number): Promise<CompactState> {
    const key = bytes(COMPACT_REV_KEY);
    const value = bytes(String(revision));
    const response = await this.call(
      KV.Txn,
      TxnRequest.create({
        compare: [compare(key, CompareTarget.VERSION, { kind: "version", value: seenVersion })],
        success: [operation({ kind: "requestPut", value: PutRequest.create({ key, value }) })],
        failure: [operation({ kind: "requestRange", value: RangeRequest.create({ key }) })],
      }),
    );
    const current = response.header?.revision ?? 0;
    if (!response.succeeded) {
      const kv = rangedOf(response);
      return { compacted: false, version: kv?.version ?? 0, current };
    }
    if (revision > 0) await this.call(KV.Compact, CompactionRequest.create({ revision }));
    return { compacted: revision > 0, version: seenVersion + 1, current };
  }

  async #write(
    key: string,
    expectedRevision: number,
    request: NonNullable<RequestOp["request"]>,
  ): Promise<Conditional> {
    const response = await this.call(
      KV.Txn,
      TxnRequest.create({
        compare: [compare(bytes(key), CompareTarget.MOD, { kind: "modRevision", value: expectedRevision })],
        success: [operation(request)],
        failure: [operation({ kind: "requestRange", value: RangeRequest.create({ key: bytes(key) }) })],
      }),
    );
    const revision = response.header?.revision ?? 0;
    return { written: response.succeeded, revision, current: response.succeeded ? null : rangedOf(response) };
  }
}

export interface CompactState {
  readonly compacted: boolean;
  readonly version: number;
  readonly current: number;
}

/** One watch on a stream of its own. */
export class Watching {
  readonly responses: WatchResponse[] = [];
  readonly #stream: ClientStream<WatchRequest>;
  #error: GrpcError | null = null;

  constructor(connection: GrpcConnection, create: Partial<WatchCreateRequest>) {
    const metadata = new Map([["hasleader", "true"]]);
    this.#stream = connection.stream(
      Watch.Watch,
      { metadata },
      {
        message: (response) => this.responses.push(response),
        closed: (error) => {
          this.#error = error;
        },
      },
    );
    const value = WatchCreateRequest.create(create);
    this.#stream.send(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
  }

  get events(): readonly NonNullable<WatchResponse["events"]>[number][] {
    return this.responses.flatMap(({ events }) => events);
  }

  requestProgress(): void {
    this.#stream.send(WatchRequest.create({ requestUnion: { kind: "progressRequest", value: {} } }));
  }

  /** Waits until a response satisfies `wanted`, and answers the first that does. */
  async until(wanted: (response: WatchResponse) => boolean, what: string): Promise<WatchResponse> {
    await eventually(() => {
      assert.equal(this.#error, null, `the watch lives while it waits for ${what}`);
      return this.responses.some(wanted);
    }, what);
    return this.responses.find(wanted) as WatchResponse;
  }

  close(): void {
    this.#stream.cancel();
  }
}

export function endOf(prefix: string): Uint8Array {
  const end = bytes(prefix);
  end[end.length - 1] = (end.at(-1) as number) + 1;
  return end;
}

export function operation(request: NonNullable<RequestOp["request"]>): RequestOp {
  return RequestOp.create({ request });
}

function compare(key: Uint8Array, target: Compare["target"], targetUnion: Compare["targetUnion"]): Compare {
  return { result: CompareResult.EQUAL, target, key, targetUnion, rangeEnd: new Uint8Array(0) };
}

function rangedOf({ responses }: TxnResponse): KeyValue | null {
  const [first] = responses;
  assert.equal(first?.response?.kind, "responseRange", "the failure branch holds one range");
  return first.response.value.kvs[0] ?? null;
}
