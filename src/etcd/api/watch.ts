import type { GrpcServer, ServerStream } from "../../grpc/server.ts";
import type { GrpcError } from "../../grpc/status.ts";
import type { WatchRequest, WatchResponse } from "../../proto/gen/etcdserverpb.ts";
import { Watch } from "../../proto/gen/rpc.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import type { LedStreams } from "./led-streams.ts";
import { grpcErrorOf, type ServedMember, type ServedWatchStream } from "./served.ts";

type Stream = ServerStream<WatchRequest, WatchResponse>;

/**
 * etcdserverpb.Watch: one gRPC stream is one watch stream of the hub. A client that does not read its responses is not read
 * either, and its watchers fall behind without costing memory.
 */
export class WatchService {
  readonly #member: ServedMember;
  readonly #led: LedStreams;
  readonly #open = new Set<Stream>();

  constructor(server: GrpcServer, member: ServedMember, led: LedStreams) {
    this.#member = member;
    this.#led = led;
    server.streaming(Watch.Watch, (stream) => this.#accept(stream));
  }

  /** Ends every stream: clients look for another member. */
  close(): void {
    for (const stream of this.#open) stream.end(grpcErrorOf(ETCD_ERRORS.stopped));
    this.#open.clear();
    this.#led.close();
  }

  #accept(stream: Stream): void {
    const end = (error: GrpcError): void => {
      close();
      stream.end(error);
    };
    const led = { metadata: stream.metadata, end };
    let watches: ServedWatchStream | null = null;
    // Requests that came before this member serves: no more than the stream's window holds, because it is paused.
    let early: WatchRequest[] = [];
    let over = false;
    const close = (): void => {
      over = true;
      this.#open.delete(stream);
      this.#led.remove(led);
      watches?.close();
    };
    if (!this.#led.admit(led)) return;
    this.#open.add(stream);
    const begin = (refusal: EtcdError | null): void => {
      if (over) return;
      if (refusal !== null) {
        end(grpcErrorOf(refusal));
        return;
      }
      watches = this.#member.watches.openStream({
        send: ({ own, shared }) =>
          stream.sendEncoded({ pieces: [own, shared], length: own.length + shared.length, done: null }),
      });
      const waiting = early;
      early = [];
      for (const request of waiting) handle(watches, request);
      if (!watches.blocked) stream.resume();
    };
    stream.receive({
      message: (request) => {
        if (watches === null) early.push(request);
        else handle(watches, request);
        if (watches?.blocked) stream.pause();
      },
      drained: () => {
        watches?.drained();
        if (watches?.blocked === false) stream.resume();
      },
      ended: () => {
        close();
        stream.end();
      },
      cancelled: close,
    });
    const serving = this.#member.whenServing();
    if (serving instanceof Promise) {
      stream.pause();
      void serving.then(begin);
    } else begin(serving);
  }
}

/** A request of a kind newer than this server is ignored, as in etcd. */
function handle(watches: ServedWatchStream, { requestUnion: request }: WatchRequest): void {
  if (request?.kind === "createRequest") watches.create(request.value);
  if (request?.kind === "cancelRequest") watches.cancel(request.value.watchId);
  if (request?.kind === "progressRequest") watches.progress();
}
