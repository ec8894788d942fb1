import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import type { ByteStream, StreamAddress, StreamListener } from "../../../src/env/streams.ts";
import { SILENT } from "../../../src/env/trace.ts";
import { GrpcServer, type ServerStream } from "../../../src/grpc/server.ts";
import {
  DeleteRangeResponse,
  PutResponse,
  RangeResponse,
  ResponseHeader,
  type WatchRequest,
  WatchResponse,
} from "../../../src/proto/gen/etcdserverpb.ts";
import { Event, EventType, KeyValue } from "../../../src/proto/gen/mvccpb.ts";
import { KV, Watch } from "../../../src/proto/gen/rpc.ts";

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** One store in memory, correct and without durability, behind as many listeners as a test wants members. */
export class TinyServer {
  revision = 1;
  /** Puts wait for this. */
  gate: Promise<void> | null = null;
  /** Every watch stream that is open. */
  readonly streams: Set<ServerStream<WatchRequest, WatchResponse>> = new Set();
  readonly #store = new Map<string, KeyValue>();
  readonly #log: Event[] = [];
  readonly #grpc: GrpcServer;
  readonly #sockets = new Set<ByteStream>();
  readonly #listeners: StreamListener[] = [];

  constructor() {
    this.#grpc = new GrpcServer({ trace: SILENT, clock: nodeClock });
    this.#grpc.unary(KV.Range, (request) => {
      const key = text(request.key);
      const end = text(request.rangeEnd);
      const kvs =
        end === "" ? [this.#store.get(key)] : [...this.#store.values()].filter((kv) => this.#within(kv, key, end));
      const found = kvs.filter((kv) => kv !== undefined);
      return RangeResponse.create({ header: this.#header(), kvs: request.countOnly ? [] : found, count: found.length });
    });
    this.#grpc.unary(KV.Put, (request) => {
      if (this.gate === null) return this.#put(request.key, request.value);
      return this.gate.then(() => this.#put(request.key, request.value));
    });
    this.#grpc.unary(KV.DeleteRange, (request) => this.#delete(request.key));
    this.#grpc.streaming(Watch.Watch, (stream) => this.#watch(stream));
  }

  /** Another member: another address of the same store. */
  async listen(): Promise<StreamAddress> {
    const listener = await nodeStreams.listen({ host: "127.0.0.1", port: 0 }, (stream) => {
      this.#sockets.add(stream);
      this.#grpc.accept(stream);
    });
    this.#listeners.push(listener);
    return listener.address;
  }

  /** Breaks every connection; clients may come back. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    await this.#grpc.close(0);
    this.breakConnections();
  }

  #header(): ResponseHeader {
    return ResponseHeader.create({ revision: this.revision });
  }

  #within(kv: KeyValue, from: string, end: string): boolean {
    return text(kv.key) >= from && text(kv.key) < end;
  }

  #put(key: Uint8Array, value: Uint8Array): PutResponse {
    this.revision++;
    const old = this.#store.get(text(key));
    const kv = KeyValue.create({
      key: key.slice(),
      value: value.slice(),
      createRevision: old?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (old?.version ?? 0) + 1,
    });
    this.#store.set(text(key), kv);
    this.#publish(Event.create({ type: EventType.PUT, kv }));
    return PutResponse.create({ header: this.#header() });
  }

  #delete(key: Uint8Array): DeleteRangeResponse {
    if (!this.#store.delete(text(key))) return DeleteRangeResponse.create({ header: this.#header() });
    this.revision++;
    this.#publish(
      Event.create({ type: EventType.DELETE, kv: KeyValue.create({ key: key.slice(), modRevision: this.revision }) }),
    );
    return DeleteRangeResponse.create({ header: this.#header(), deleted: 1 });
  }

  #publish(event: Event): void {
    this.#log.push(event);
    for (const stream of this.streams) stream.send(WatchResponse.create({ header: this.#header(), events: [event] }));
  }

  #watch(stream: ServerStream<WatchRequest, WatchResponse>): void {
    stream.receive({
      message: ({ requestUnion }) => {
        if (requestUnion?.kind !== "createRequest") return;
        const from = requestUnion.value.startRevision;
        stream.send(WatchResponse.create({ header: this.#header(), created: true }));
        const events = this.#log.filter(({ kv }) => (kv?.modRevision ?? 0) >= from);
        if (events.length > 0) stream.send(WatchResponse.create({ header: this.#header(), events }));
        this.streams.add(stream);
      },
      ended: () => stream.end(),
      cancelled: () => this.streams.delete(stream),
    });
  }
}
