import type { MemberId, Revision } from "../../base/ids.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import {
  type Member,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
} from "../../proto/gen/etcdserverpb.ts";
import { Cluster } from "../../proto/gen/rpc.ts";
import type { EtcdError } from "../errors.ts";
import type { ClusterMember } from "../model.ts";
import { type ServedMember, type ServedRequests, unwrap } from "./served.ts";

/** Headers of the cluster service carry no revision. */
const NO_REVISION = 0 as Revision;

/** Changes of the membership; each comes to all members after it. */
export interface ServedMembership {
  add(
    peerUrls: readonly string[],
    isLearner: boolean,
  ): Promise<EtcdError | { readonly member: ClusterMember; readonly members: readonly ClusterMember[] }>;
  remove(id: MemberId): Promise<EtcdError | readonly ClusterMember[]>;
  update(id: MemberId, peerUrls: readonly string[]): Promise<EtcdError | readonly ClusterMember[]>;
  promote(id: MemberId): Promise<EtcdError | readonly ClusterMember[]>;
}

/** etcdserverpb.Cluster: who the members are. */
export function serveCluster(
  server: GrpcServer,
  member: ServedMember,
  requests: ServedRequests,
  membership: ServedMembership,
): void {
  const answer = (members: readonly ClusterMember[]): Pick<MemberListResponse, "header" | "members"> => ({
    header: member.makeHeader(NO_REVISION),
    members: members.map(toMember),
  });
  server.unary(Cluster.MemberList, async ({ linearizable }) =>
    MemberListResponse.create(answer(unwrap(await requests.members({ linearizable })))),
  );
  server.unary(Cluster.MemberAdd, async ({ peerUrls, isLearner }) => {
    const added = unwrap(await membership.add(peerUrls, isLearner));
    return MemberAddResponse.create({ ...answer(added.members), member: toMember(added.member) });
  });
  server.unary(Cluster.MemberRemove, async ({ id }) =>
    MemberRemoveResponse.create(answer(unwrap(await membership.remove(id as MemberId)))),
  );
  server.unary(Cluster.MemberUpdate, async ({ id, peerUrls }) =>
    MemberUpdateResponse.create(answer(unwrap(await membership.update(id as MemberId, peerUrls)))),
  );
  server.unary(Cluster.MemberPromote, async ({ id }) =>
    MemberPromoteResponse.create(answer(unwrap(await membership.promote(id as MemberId)))),
  );
}

function toMember({ id, name, peerUrls, clientUrls, isLearner }: ClusterMember): Member {
  return { id, name, peerUrls, clientUrls, isLearner };
}
