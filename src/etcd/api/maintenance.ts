import { type MemberId, NO_MEMBER } from "../../base/ids.ts";
import type { GrpcServer } from "../../grpc/server.ts";
import { type AlarmMember, AlarmType, MoveLeaderResponse, StatusResponse } from "../../proto/gen/etcdserverpb.ts";
import { Maintenance } from "../../proto/gen/rpc.ts";
import { ETCD_ERRORS } from "../errors.ts";
import { grpcErrorOf, type ServedMember, type ServedRequests, unwrap } from "./served.ts";
import { streamSnapshot } from "./snapshot.ts";
import { SERVER_VERSION, STORAGE_VERSION } from "./version.ts";

/**
 * etcdserverpb.Maintenance: what this member says of itself, without asking anybody, and leadership handed over. `quotaBytes` null:
 * none.
 */
export function serveMaintenance(
  server: GrpcServer,
  member: ServedMember,
  requests: ServedRequests,
  quotaBytes: number | null,
): void {
  server.unary(Maintenance.Alarm, async (request) => unwrap(await requests.alarm(request)));
  server.unary(Maintenance.Defragment, async () => unwrap(await requests.defragment()));
  server.streaming(Maintenance.Snapshot, (stream) => streamSnapshot(stream, requests));
  server.unary(Maintenance.Hash, async () => unwrap(await requests.hash()));
  server.unary(Maintenance.HashKV, async (request) => unwrap(await requests.hashKv(request)));
  server.unary(Maintenance.Status, async () => {
    const refusal = await member.whenServing();
    if (refusal !== null) throw grpcErrorOf(refusal);
    return statusOf(member, quotaBytes);
  });
  server.unary(Maintenance.MoveLeader, async ({ targetId }) => {
    const refusal = await member.moveLeader(targetId as MemberId);
    if (refusal !== null) throw grpcErrorOf(refusal);
    // Without a header, as in etcd.
    return MoveLeaderResponse.create();
  });
}

function statusOf(member: ServedMember, quotaBytes: number | null): StatusResponse {
  const { leader, term, commitIndex, appliedIndex, revision, sizeBytes, sizeInUseBytes, alarms } = member.status;
  const errors = leader === NO_MEMBER ? [ETCD_ERRORS.noLeader.message] : [];
  return StatusResponse.create({
    header: member.makeHeader(revision),
    version: SERVER_VERSION,
    storageVersion: STORAGE_VERSION,
    dbSize: sizeBytes,
    dbSizeInUse: sizeInUseBytes,
    dbSizeQuota: quotaBytes ?? 0,
    leader,
    raftTerm: term,
    raftIndex: commitIndex,
    raftAppliedIndex: appliedIndex,
    downgradeInfo: { enabled: false, targetVersion: "" },
    errors: [...errors, ...alarms.map(alarmText)],
  });
}

/** As Go prints the message. */
function alarmText({ memberId, alarm }: AlarmMember): string {
  const name = Object.entries(AlarmType).find(([, value]) => value === alarm)?.[0] ?? `${alarm}`;
  return `memberID:${memberId} alarm:${name} `;
}
