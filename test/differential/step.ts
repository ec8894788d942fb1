/**
 * One request of a sequence that every server gets in the same order. Sequences are data: they can be cut, printed and sent again.
 *
 * Revisions are written as distances from the newest one (`near(-3)`: three before it), because what the newest will be is only
 * known when the step's turn comes.
 */
import type { Method } from "../../src/base/codec.ts";
import type {
  AlarmRequest,
  CompactionRequest,
  DeleteRangeRequest,
  HashKVRequest,
  LeaseGrantRequest,
  LeaseKeepAliveRequest,
  LeaseLeasesRequest,
  LeaseRevokeRequest,
  LeaseTimeToLiveRequest,
  MoveLeaderRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  StatusRequest,
  TxnRequest,
  WatchCreateRequest,
} from "../../src/proto/gen/etcdserverpb.ts";
import { KV, Lease, Maintenance } from "../../src/proto/gen/rpc.ts";

interface UnaryRequests {
  readonly range: RangeRequest;
  readonly put: PutRequest;
  readonly deleteRange: DeleteRangeRequest;
  readonly txn: TxnRequest;
  readonly compact: CompactionRequest;
  readonly leaseGrant: LeaseGrantRequest;
  readonly leaseRevoke: LeaseRevokeRequest;
  readonly leaseTimeToLive: LeaseTimeToLiveRequest;
  readonly leaseLeases: LeaseLeasesRequest;
  readonly hashKv: HashKVRequest;
  readonly alarm: AlarmRequest;
  readonly status: StatusRequest;
  readonly moveLeader: MoveLeaderRequest;
}
export type UnaryKind = keyof UnaryRequests;

export const UNARY: { readonly [Kind in UnaryKind]: Method<UnaryRequests[Kind], object> } = {
  range: KV.Range,
  put: KV.Put,
  deleteRange: KV.DeleteRange,
  txn: KV.Txn,
  compact: KV.Compact,
  leaseGrant: Lease.LeaseGrant,
  leaseRevoke: Lease.LeaseRevoke,
  leaseTimeToLive: Lease.LeaseTimeToLive,
  leaseLeases: Lease.LeaseLeases,
  hashKv: Maintenance.HashKV,
  alarm: Maintenance.Alarm,
  status: Maintenance.Status,
  moveLeader: Maintenance.MoveLeader,
};

export type UnaryStep = {
  readonly [Kind in UnaryKind]: {
    readonly kind: Kind;
    readonly request: UnaryRequests[Kind];
    /** Fields behind the request's own, in wire format: what our encoder would not write. The last of a field counts. */
    readonly extra?: Uint8Array;
  };
}[UnaryKind];

export type Step =
  | UnaryStep
  | { readonly kind: "rangeStream"; readonly request: RangeRequest }
  /** A stream of one request. */
  | { readonly kind: "keepAlive"; readonly request: LeaseKeepAliveRequest }
  /** A lease that is revoked as soon as it is granted, by the id that was answered: for ids and times the server chooses. */
  | { readonly kind: "briefLease"; readonly request: LeaseGrantRequest }
  /** All of these on one stream, until each has got what the history holds for it. */
  | { readonly kind: "watch"; readonly request: { readonly creates: readonly WatchCreateRequest[] } };

const NEAR = 2 ** 50;
const NEAR_MAX = 2 ** 20;

/** A revision so far from the newest: negative ones are past. */
export function near(distance: number): number {
  return NEAR + distance;
}

/** The step with its revisions as they are when `newest` is the last one. */
export function resolve<Message>(message: Message, newest: number): Message {
  if (typeof message === "number")
    return (Math.abs(message - NEAR) < NEAR_MAX ? newest + (message - NEAR) : message) as Message;
  if (typeof message !== "object" || message === null || message instanceof Uint8Array) return message;
  if (Array.isArray(message)) return message.map((each: unknown) => resolve(each, newest)) as Message;
  return Object.fromEntries(Object.entries(message).map(([name, value]) => [name, resolve(value, newest)])) as Message;
}

/** Whether a transaction may delete a key and put it: only a deletion of everything from a key on is not held against puts. */
export function mayReplace(request: TxnRequest): boolean {
  const operations = [...operationsOf(request)];
  const isFromKey = ({ rangeEnd }: DeleteRangeRequest): boolean => rangeEnd.length === 1 && rangeEnd[0] === 0;
  return (
    operations.some((operation) => operation?.kind === "requestPut") &&
    operations.some((operation) => operation?.kind === "requestDeleteRange" && isFromKey(operation.value))
  );
}

/** Those of every path, of nested transactions too. */
function* operationsOf({ success, failure }: TxnRequest): Generator<RequestOp["request"]> {
  for (const { request } of [...success, ...failure]) {
    yield request;
    if (request?.kind === "requestTxn") yield* operationsOf(request.value);
  }
}

/** A varint field on the wire: numbers that are no safe integers are sent with it. */
export function rawField(number: number, value: bigint): Uint8Array {
  return Uint8Array.from([...varint(BigInt(number << 3)), ...varint(BigInt.asUintN(64, value))]);
}

function varint(value: bigint): readonly number[] {
  const byte = Number(value & 0x7fn);
  return value < 0x80n ? [byte] : [byte | 0x80, ...varint(value >> 7n)];
}

/** One line a step: what is not at its default. */
export function textOf(step: Step): string {
  const extra = "extra" in step && step.extra !== undefined ? ` + ${Buffer.from(step.extra).toString("hex")}` : "";
  return `${step.kind} ${short(step.request)}${extra}`;
}

export function short(value: unknown): string {
  if (value instanceof Uint8Array) {
    const text = JSON.stringify(Buffer.from(value).toString("latin1"));
    return text.length > 60 ? `${text.slice(0, 40)}..." (${value.length} bytes)` : text;
  }
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "number" && Math.abs(value - NEAR) < NEAR_MAX) return `newest${value - NEAR || ""}`;
  if (Array.isArray(value)) return `[${value.map(short).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => !isDefault(field));
  return `{${fields.map(([name, field]) => `${name}: ${short(field)}`).join(", ")}}`;
}

function isDefault(value: unknown): boolean {
  if (value instanceof Uint8Array || Array.isArray(value)) return value.length === 0;
  return value === 0 || value === 0n || value === false || value === null || value === "";
}
