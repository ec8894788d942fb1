/** What a member tells whoever asks at its peer URL: which cluster this is, and who belongs to it. */
import type { ClusterId, MemberId } from "../../base/ids.ts";
import type { Clock } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import { GrpcConnection } from "../../grpc/connection.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import { Peer } from "../../proto/gen/rpc.ts";
import type { ClusterMember } from "../model.ts";

export interface Description {
  readonly cluster: ClusterId;
  readonly members: readonly ClusterMember[];
}

export function serveDescription(server: GrpcServer, describe: () => Description): void {
  server.unary(Peer.Describe, () => {
    const { cluster, members } = describe();
    return {
      clusterId: cluster,
      members: members.map(({ id, name, peerUrls, clientUrls, isLearner }) => ({
        id,
        raftAttributes: { peerUrls, isLearner },
        memberAttributes: { name, clientUrls },
      })),
    };
  });
}

/** What the member at this address answers; null when there is no answer in time. */
export function askForDescription(
  { network, clock }: { readonly network: StreamNetwork; readonly clock: Clock },
  address: StreamAddress,
  timeoutMs: number,
): Promise<Description | null> {
  const connection = new GrpcConnection(network.connect(address), { clock });
  return new Promise((resolve) => {
    connection.unary(Peer.Describe, {}, { timeoutMs }, (_, answer) => {
      connection.close();
      if (answer === null) return resolve(null);
      const members = answer.members.map(
        ({ id, raftAttributes, memberAttributes }): ClusterMember => ({
          id: id as MemberId,
          name: memberAttributes?.name ?? "",
          peerUrls: raftAttributes?.peerUrls ?? [],
          clientUrls: memberAttributes?.clientUrls ?? [],
          isLearner: raftAttributes?.isLearner ?? false,
        }),
      );
      resolve({ cluster: answer.clusterId as ClusterId, members });
    });
  });
}
