/** What a learner serves: its status, serializable ranges and snapshots; everything else is for those who vote, as in etcd. */
import type { Method } from "../../base/codec.ts";
import { GrpcServer, type GrpcServerOptions, type ServerStream, type UnaryHandler } from "../../grpc/server.ts";
import type { RangeRequest } from "../../proto/gen/etcdserverpb.ts";
import { Health, KV, Maintenance } from "../../proto/gen/rpc.ts";
import { ETCD_ERRORS } from "../errors.ts";
import { grpcErrorOf } from "./served.ts";

const ALWAYS: ReadonlySet<string> = new Set(
  [Maintenance.Status, Maintenance.Snapshot, ...Object.values(Health)].map(({ path }) => path),
);

/** A server whose services ask, before each call, whether this member is a learner now. */
export class ClientServer extends GrpcServer {
  readonly #isLearner: () => boolean;

  constructor(options: GrpcServerOptions, isLearner: () => boolean) {
    super(options);
    this.#isLearner = isLearner;
  }

  override unary<Request, Response>(method: Method<Request, Response>, handler: UnaryHandler<Request, Response>): void {
    const isRange = method.path === KV.Range.path;
    const isAlways = ALWAYS.has(method.path);
    super.unary(method, (request, call) => {
      if (!isAlways && this.#isLearner() && !(isRange && (request as RangeRequest).serializable))
        throw grpcErrorOf(ETCD_ERRORS.learnerRefuses);
      return handler(request, call);
    });
  }

  override streaming<Request, Response>(
    method: Method<Request, Response>,
    handler: (stream: ServerStream<Request, Response>) => void,
  ): void {
    const isAlways = ALWAYS.has(method.path);
    super.streaming(method, (stream) => {
      if (!isAlways && this.#isLearner()) stream.end(grpcErrorOf(ETCD_ERRORS.learnerRefuses));
      else handler(stream);
    });
  }
}
