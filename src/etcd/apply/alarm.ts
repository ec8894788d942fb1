import { AlarmType, type InternalRaftRequest } from "../../proto/gen/etcdserverpb.ts";
import type { AlarmsView } from "../cluster/alarms.ts";
import { ETCD_ERRORS, type EtcdError } from "../errors.ts";
import { costOfTxn } from "./quota.ts";

/** Why a command may not run while alarms are raised; null when it may. */
export function alarmRefusal(alarms: AlarmsView, command: InternalRaftRequest): EtcdError | null {
  if (alarms.raised.length === 0) return null;
  const { put, deleteRange, txn, compaction, leaseGrant, leaseRevoke } = command;
  const changes = put ?? deleteRange ?? txn ?? compaction ?? leaseGrant ?? leaseRevoke;
  if (changes !== null && alarms.of(AlarmType.CORRUPT).length > 0) return ETCD_ERRORS.corrupt;
  const grows = put !== null || leaseGrant !== null || (txn !== null && costOfTxn(txn) > 0);
  return grows && alarms.of(AlarmType.NOSPACE).length > 0 ? ETCD_ERRORS.noSpace : null;
}
