import type { GrpcServer } from "../../grpc/server.ts";
import { KV } from "../../proto/gen/rpc.ts";
import { type ServedRequests, settle } from "./served.ts";

/** etcdserverpb.KV. A serializable read is answered in the handler itself. */
export function serveKv(server: GrpcServer, requests: ServedRequests): void {
  server.unary(KV.Range, (request) => settle(requests.range(request)));
  server.unary(KV.Put, (request) => settle(requests.put(request)));
  server.unary(KV.DeleteRange, (request) => settle(requests.deleteRange(request)));
  server.unary(KV.Txn, (request) => settle(requests.txn(request)));
}
