/** Whether this server is well: grpc.health.v1, and etcd's own /health. */

import { NO_MEMBER } from "../../base/ids.ts";
import type { Http1Request, Http1Response } from "../../grpc/http1.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import { GrpcError, StatusCode } from "../../grpc/status.ts";
import { RangeRequest } from "../../proto/gen/etcdserverpb.ts";
import { HealthCheckResponse, ServingStatus } from "../../proto/gen/healthpb.ts";
import { Health } from "../../proto/gen/rpc.ts";
import { isEtcdError } from "../errors.ts";
import type { ServedMember, ServedRequests } from "./served.ts";

/** The server as a whole has the name "". */
export function serveHealth(server: GrpcServer): void {
  server.unary(Health.Check, ({ service }) => {
    if (service !== "") throw new GrpcError(StatusCode.NOT_FOUND, "unknown service");
    return HealthCheckResponse.create({ status: ServingStatus.SERVING });
  });
  server.streaming(Health.Watch, (stream) => {
    stream.receive({
      message: ({ service }) => {
        stream.send(
          HealthCheckResponse.create({
            status: service === "" ? ServingStatus.SERVING : ServingStatus.SERVICE_UNKNOWN,
          }),
        );
      },
      ended() {},
      cancelled() {},
    });
  });
}

/** A read of one key that need not be there; linearizable, unless the request says `?serializable=true`. */
export async function answerHealth(
  request: Http1Request,
  member: ServedMember,
  requests: ServedRequests,
): Promise<Http1Response> {
  const serializable = request.query.get("serializable") === "true";
  if (!member.isServing) return unhealthy("NOT SERVING YET");
  if (!serializable && member.status.leader === NO_MEMBER) return unhealthy("RAFT NO LEADER");
  const read = await requests.range(
    RangeRequest.create({ key: new Uint8Array(1), limit: 1, keysOnly: true, serializable }),
  );
  const answer = typeof read === "function" ? read() : read;
  return isEtcdError(answer)
    ? unhealthy(`RANGE ERROR:${answer.message}`)
    : { status: 200, headers: JSON_HEADERS, body: HEALTHY };
}

export const JSON_HEADERS = { "content-type": "application/json" };
const HEALTHY = '{"health":"true","reason":""}';

function unhealthy(reason: string): Http1Response {
  return { status: 503, headers: JSON_HEADERS, body: JSON.stringify({ health: "false", reason }) };
}
