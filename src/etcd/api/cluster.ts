import type { Revision } from "../../base/ids.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import { type Member, MemberListResponse } from "../../proto/gen/etcdserverpb.ts";
import { Cluster } from "../../proto/gen/rpc.ts";
import type { ClusterMember } from "../model.ts";
import { type ServedMember, type ServedRequests, unwrap } from "./served.ts";

/** Headers of the cluster service carry no revision. */
const NO_REVISION = 0 as Revision;

/** etcdserverpb.Cluster: who the members are. */
export function serveCluster(server: GrpcServer, member: ServedMember, requests: ServedRequests): void {
  server.unary(Cluster.MemberList, async (request) => {
    const members = unwrap(await requests.members({ linearizable: request.linearizable }));
    return MemberListResponse.create({ header: member.makeHeader(NO_REVISION), members: members.map(toMember) });
  });
}

function toMember({ id, name, peerUrls, clientUrls, isLearner }: ClusterMember): Member {
  return { id, name, peerUrls, clientUrls, isLearner };
}
