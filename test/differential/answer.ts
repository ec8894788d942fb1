/** What a server answered, without what two servers may answer differently: whose it is, how far a clock is, and order where there is none. */
import type {
  AlarmResponse,
  LeaseLeasesResponse,
  LeaseTimeToLiveResponse,
  StatusResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { type Step, short } from "./step.ts";

export type Answer =
  | { readonly error: null; readonly response: object }
  | { readonly error: { readonly code: number; readonly message: string }; readonly response: null };

/** A lease's time to live may have run so far since it was granted or renewed. */
const ELAPSED_MAX_SECONDS = 120;

export function normalised(kind: Step["kind"], response: object, memberId: bigint): object {
  const bare = { ...response } as Record<string, unknown>;
  const header = bare["header"] as { revision: number } | null | undefined;
  if (header) bare["header"] = { revision: header.revision };
  switch (kind) {
    case "leaseTimeToLive":
      return { ...bare, ...timeToLive(response as LeaseTimeToLiveResponse) };
    case "leaseLeases":
      return { ...bare, leases: (response as LeaseLeasesResponse).leases.map(({ id }) => id).sort(ascending) };
    case "alarm": {
      const { alarms } = response as AlarmResponse;
      const named = alarms.map((alarm) => ({ ...alarm, memberId: alarm.memberId === memberId ? 1n : alarm.memberId }));
      return { ...bare, alarms: named.sort((a, b) => ascending(a.memberId, b.memberId) || a.alarm - b.alarm) };
    }
    case "status":
      return statusOf(response as StatusResponse, memberId);
    default:
      return bare;
  }
}

function timeToLive({ ttl, grantedTtl, keys }: LeaseTimeToLiveResponse): object {
  const isFresh = ttl >= 0 && ttl <= grantedTtl && grantedTtl - ttl <= ELAPSED_MAX_SECONDS;
  const sorted = keys.map((key) => Buffer.from(key).toString("latin1")).sort();
  return { ttl: isFresh ? "about what was granted" : ttl, keys: sorted };
}

/** The store's sizes and raft's places are the implementation's own; its storage version etcd finds some seconds after its start. */
function statusOf(status: StatusResponse, memberId: bigint): object {
  const { header, leader, dbSizeQuota, isLearner, downgradeInfo, errors } = status;
  const named = errors.map((error) => error.replaceAll(memberId.toString(), "1"));
  const revision = header === null ? null : header.revision;
  return {
    revision,
    leads: leader === memberId,
    dbSizeQuota,
    isLearner,
    downgradeInfo,
    errors: named.map(spacesAlike).sort(),
  };
}

/** Go's protobuf prints one space or two, by chance, so that nobody relies on it. */
function spacesAlike(text: string): string {
  return text.trim().replaceAll(/ +/g, " ");
}

function ascending(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The newest revision an answer tells of; 0 when it tells none. */
export function revisionOf({ response }: Answer): number {
  const header = response === null ? null : (response as { header?: { revision: number } | null }).header;
  return header?.revision ?? 0;
}

export function answerText({ error, response }: Answer): string {
  return error === null ? short(response) : `error ${error.code} "${error.message}"`;
}
