/** A server under comparison: a process with an empty store on a disk in memory, and one connection to it. */
import { existsSync } from "node:fs";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { GrpcChannel } from "../../src/grpc/channel.ts";
import type { ClientStream } from "../../src/grpc/connection.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import {
  CompactionRequest,
  type LeaseGrantRequest,
  LeaseGrantResponse,
  type LeaseKeepAliveRequest,
  LeaseRevokeRequest,
  type RangeRequest,
  type RangeResponse,
  StatusRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { KV, Lease, Maintenance } from "../../src/proto/gen/rpc.ts";
import { freePorts, ServerProcess } from "../support/etcd-server.ts";
import { type Answer, normalised } from "./answer.ts";
import { resolve, type Step, UNARY, type UnaryStep } from "./step.ts";
import { readHistory } from "./watch-history.ts";

export interface ServerVersion {
  readonly name: string;
  /** Null: etcd-ts. */
  readonly binary: string | null;
  /** Of the releases that `differences.ts` knows. */
  readonly release: "newest" | "3.4";
}

/** Member 1 of a request stands for the server itself. */
const ITSELF = 1n;
const CALL_TIMEOUT_MS = 20_000;
/** Short, so that a server is there soon. Alike, because the least TTL of a lease follows from it. */
const TIMES = ["--heartbeat-interval=20", "--election-timeout=200"];
const MEMORY_FOLDER = "/dev/shm";

interface Cleanup {
  after(end: () => Promise<void>): void;
}

export class Target {
  readonly version: ServerVersion;
  readonly #server: ServerProcess;
  readonly #channel: GrpcChannel;
  #memberId = 0n;

  private constructor(version: ServerVersion, server: ServerProcess, port: number) {
    this.version = version;
    this.#server = server;
    this.#channel = new GrpcChannel({
      network: nodeStreams,
      address: { host: "127.0.0.1", port },
      clock: nodeClock,
      prng: new Prng(port),
    });
  }

  /** A new one, that serves. `cleanup` ends it. */
  static async start(version: ServerVersion, cleanup: Cleanup): Promise<Target> {
    const [clientPort, peerPort] = (await freePorts(cleanup, 2)) as [number, number];
    const server = new ServerProcess(cleanup as never, {
      kind: version.binary === null ? "etcd-ts" : "etcd",
      ...(version.binary === null ? {} : { binary: version.binary }),
      ...(existsSync(MEMORY_FOLDER) ? { folder: MEMORY_FOLDER } : {}),
      clientPort,
      peerPort,
      flags: [...TIMES, "--log-level=error", ...(version.release === "3.4" ? ["--logger=zap"] : [])],
    });
    server.start();
    await server.ready();
    const target = new Target(version, server, clientPort);
    const status = await target.#channel.callUnary(Maintenance.Status, StatusRequest.create());
    target.#memberId = status.header?.memberId ?? 0n;
    return target;
  }

  /** What it said last, for failures. */
  get log(): string {
    return this.#server.log;
  }

  async stop(): Promise<void> {
    this.#channel.close();
    await this.#server.kill("SIGKILL");
  }

  /** Sends the step as it is when `newest` is the newest revision. `expected`: another server's answer, for what only counting can end. */
  async run(step: Step, newest: number, expected: Answer | null): Promise<Answer> {
    const request = this.#named(resolve(step.request, newest));
    try {
      const response = await this.#response({ ...step, request } as Step, expected);
      return { error: null, response: normalised(step.kind, response, this.#memberId) };
    } catch (error) {
      if (error instanceof GrpcError) return { error: { code: error.code, message: error.message }, response: null };
      throw error;
    }
  }

  #response(step: Step, expected: Answer | null): Promise<object> {
    switch (step.kind) {
      case "rangeStream":
        return this.#rangeStream(step.request);
      case "keepAlive":
        return this.#keepAlive(step.request);
      case "briefLease":
        return this.#briefLease(step.request);
      case "watch":
        return readHistory(this.#channel, step.request.creates, expected, this.version.release === "3.4");
      case "hashKv":
      case "alarm":
        return this.#afterCompaction().then(() => this.#unary(step));
      default:
        return this.#unary(step);
    }
  }

  /**
   * What a compaction leaves to remove counts for etcd's hash when no key is alive: as long as it is there, and before 3.4.30 up to
   * 100 ms longer, because what is deleted was read until the next commit. A compaction that is refused and physical is answered after
   * both; the alarm CORRUPT refuses it before, so it goes before alarms, too.
   */
  #afterCompaction(): Promise<unknown> {
    const refused = CompactionRequest.create({ revision: -1, physical: true });
    return this.#channel.callUnary(KV.Compact, refused, { timeoutMs: CALL_TIMEOUT_MS }).catch((error: unknown) => {
      if (!(error instanceof GrpcError)) throw error;
    });
  }

  #unary(step: UnaryStep): Promise<object> {
    const { path, request, response } = UNARY[step.kind];
    const method = { path, requestStream: false, responseStream: false, response, request: VERBATIM };
    const bytes = (request.encode as (message: unknown) => Uint8Array)(step.request);
    const whole = step.extra === undefined ? bytes : Buffer.concat([bytes, step.extra]);
    return this.#channel.callUnary<Uint8Array, object>(method as never, whole, { timeoutMs: CALL_TIMEOUT_MS });
  }

  /** The chunks as one response, and how many key-values each had. */
  #rangeStream(request: RangeRequest): Promise<object> {
    const chunks: RangeResponse[] = [];
    return new Promise((done, failed) => {
      const stream = this.#channel.stream(
        KV.RangeStream,
        { timeoutMs: CALL_TIMEOUT_MS },
        {
          message: ({ rangeResponse }) => {
            if (rangeResponse !== null) chunks.push(rangeResponse);
          },
          closed: (error) => {
            if (error !== null) failed(error);
            else
              done({
                ...chunks.at(-1),
                kvs: chunks.flatMap(({ kvs }) => kvs),
                chunks: chunks.map(({ kvs }) => kvs.length),
              });
          },
        },
      );
      stream.send(request);
      stream.end();
    });
  }

  #keepAlive(request: LeaseKeepAliveRequest): Promise<object> {
    return new Promise((done, failed) => {
      const stream: ClientStream<LeaseKeepAliveRequest> = this.#channel.stream(
        Lease.LeaseKeepAlive,
        { timeoutMs: CALL_TIMEOUT_MS },
        {
          message: (response) => {
            done(response);
            stream.end();
          },
          closed: (error) => failed(error ?? new GrpcError(0, "ended without an answer")),
        },
      );
      stream.send(request);
    });
  }

  async #briefLease(request: LeaseGrantRequest): Promise<object> {
    const granted = await this.#channel.callUnary(Lease.LeaseGrant, request, { timeoutMs: CALL_TIMEOUT_MS });
    await this.#channel.callUnary(Lease.LeaseRevoke, LeaseRevokeRequest.create({ id: granted.id }));
    return LeaseGrantResponse.create({ ...granted, id: request.id === 0n ? 0n : granted.id });
  }

  #named<Request extends object>(request: Request): Request {
    const named = { ...request } as Record<string, unknown>;
    for (const field of ["memberId", "targetId"]) if (named[field] === ITSELF) named[field] = this.#memberId;
    return named as Request & Record<string, unknown>;
  }
}

const VERBATIM = {
  encode: (bytes: Uint8Array): Uint8Array => bytes,
  decode: (bytes: Uint8Array): Uint8Array => bytes,
};
