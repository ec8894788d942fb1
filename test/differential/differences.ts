/**
 * Where etcd 3.4.23 differs from the newest release, which etcd-ts follows: all of it, each with its reason. Such answers are made
 * alike by `blind`, which is put to both; a request whose effect differs is not sent to 3.4.23 at all.
 */
import type { RangeRequest, TxnRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { AlarmType, SortOrder, SortTarget } from "../../src/proto/gen/etcdserverpb.ts";
import type { RaisedAlarms } from "./alarms.ts";
import type { Answer } from "./answer.ts";
import { resolve, type Step } from "./step.ts";

/** What the comparison knows of the servers' state. */
export interface World {
  readonly alarms: RaisedAlarms;
  /** Revision. */
  readonly newest: number;
  /** Revision; -1: none. */
  readonly compacted: number;
}

export interface KnownDifference {
  readonly title: string;
  readonly reason: string;
  /** Nothing is sent to 3.4.23 then. */
  readonly skips?: (step: Step, world: World) => boolean;
  /** The answer without what differs. */
  readonly blind?: (step: Step, answer: Answer) => Answer;
}

export const DIFFERENCES_TO_3_4: readonly KnownDifference[] = [
  {
    title: "unknown sort orders and targets are carried out",
    reason: "they are refused since 3.5; the effect of a transaction around such a range would differ",
    skips: (step) => rangesOf(step).some(hasUnknownSort),
  },
  {
    title: "of two operations of a transaction that cannot run, another is named",
    reason: "the puts of the chosen path were checked before its ranges; since 3.5 all are checked in their order",
    blind: (step, answer) => (step.kind === "txn" && isPathRefusal(answer) ? PATH_REFUSED : answer),
  },
  {
    title: "puts of nested transactions are carried out while the store is full",
    reason: "their cost was not counted; it is since 3.5",
    skips: (step, { alarms }) =>
      alarms.isRaised(AlarmType.NOSPACE) && step.kind === "txn" && !hasPut(step.request) && hasNestedPut(step.request),
  },
  {
    title:
      "of two kinds of alarm only the one raised last refuses anything, and when one is lifted the other does not either",
    reason: "each replaced what the one before had set up; since 3.6 all that are raised are set up together",
    skips: (step, { alarms }) =>
      refusalOf(step, (kind) => alarms.isRaised(kind)) !== refusalOf(step, (kind) => alarms.heededByOld === kind),
  },
  {
    title: "keys without values keep their lease",
    reason: "since 3.7 they are answered by the index of keys, which knows no leases",
    blind: (step, answer) => withoutLeases(step, answer),
  },
  {
    title: "Status tells no quota and no downgrade",
    reason: "new in 3.6",
    blind: (step, answer) => without(step.kind === "status", answer, ["dbSizeQuota", "downgradeInfo"]),
  },
  {
    title: "HashKV does not say of which revision it is",
    reason: "new in 3.6",
    blind: (step, answer) => without(step.kind === "hashKv", answer, ["hashRevision"]),
  },
  {
    title: "Alarm answers without header",
    reason: "filled since 3.5",
    blind: (step, answer) => without(step.kind === "alarm", answer, ["header"]),
  },
  {
    title: "a watch from a negative revision is created, and cancelled as compacted at another moment",
    reason: "since 3.5 it is refused at once",
    skips: (step, { newest }) =>
      step.kind === "watch" && step.request.creates.some((create) => resolve(create.startRevision, newest) < 0),
  },
  {
    title: "who watches from the compacted revision on is not told what was deleted in it",
    reason: "etcd 18089: a compaction took the tombstones of that revision too; it leaves them since 3.4.34 and 3.5.16",
    skips: (step, { newest, compacted }) =>
      step.kind === "watch" &&
      step.request.creates.some((create) => resolve(create.startRevision, newest) === compacted),
  },
  {
    title: "RangeStream is not there",
    reason: "new in 3.7",
    skips: ({ kind }) => kind === "rangeStream",
  },
];

const PATH_REFUSED: Answer = { error: { code: 0, message: "the chosen path cannot run" }, response: null };
const PATH_REFUSALS: ReadonlySet<string> = new Set([
  "etcdserver: requested lease not found",
  "etcdserver: key not found",
  "etcdserver: mvcc: required revision has been compacted",
  "etcdserver: mvcc: required revision is a future revision",
]);

function without(applies: boolean, answer: Answer, fields: readonly string[]): Answer {
  if (!applies || answer.error !== null) return answer;
  const kept = Object.entries(answer.response).filter(([name]) => !fields.includes(name));
  return { error: null, response: Object.fromEntries(kept) };
}

/** Of key-values without a value only: the others' leases count. */
function withoutLeases({ kind }: Step, answer: Answer): Answer {
  if ((kind !== "range" && kind !== "txn") || answer.error !== null) return answer;
  return { error: null, response: withoutLease(answer.response) as object };
}

function withoutLease(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLease);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, withoutLease(field)] as const);
  const hasNoValue = "lease" in value && "value" in value && (value.value as Uint8Array).length === 0;
  return Object.fromEntries(hasNoValue ? fields.filter(([name]) => name !== "lease") : fields);
}

function isPathRefusal({ error }: Answer): boolean {
  return error !== null && PATH_REFUSALS.has(error.message);
}

/** The kind of alarm that refuses the step, of those that count. */
function refusalOf(step: Step, counts: (kind: AlarmType) => boolean): AlarmType | null {
  if (changes(step) && counts(AlarmType.CORRUPT)) return AlarmType.CORRUPT;
  return grows(step) && counts(AlarmType.NOSPACE) ? AlarmType.NOSPACE : null;
}

/** Goes through the log. */
function changes(step: Step): boolean {
  if (step.kind === "txn") {
    const { success, failure } = step.request;
    return [...success, ...failure].some(({ request }) => request?.kind !== "requestRange");
  }
  return grows(step) || ["deleteRange", "compact", "leaseRevoke"].includes(step.kind);
}

function grows(step: Step): boolean {
  if (step.kind === "txn") return hasPut(step.request) || hasNestedPut(step.request);
  return ["put", "leaseGrant", "briefLease"].includes(step.kind);
}

/** In one of its own branches. */
function hasPut({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].some(({ request }) => request?.kind === "requestPut");
}

function hasNestedPut({ success, failure }: TxnRequest): boolean {
  return [...success, ...failure].some(
    ({ request }) => request?.kind === "requestTxn" && (hasPut(request.value) || hasNestedPut(request.value)),
  );
}

function hasUnknownSort({ sortOrder, sortTarget }: RangeRequest): boolean {
  const orders: readonly number[] = Object.values(SortOrder);
  const targets: readonly number[] = Object.values(SortTarget);
  return !orders.includes(sortOrder) || !targets.includes(sortTarget);
}

/** Every range of a step, those inside of transactions too. */
function rangesOf(step: Step): readonly RangeRequest[] {
  if (step.kind === "range") return [step.request];
  return step.kind === "txn" ? rangesIn(step.request) : [];
}

function rangesIn({ success, failure }: TxnRequest): readonly RangeRequest[] {
  return [...success, ...failure].flatMap(({ request }) => {
    if (request?.kind === "requestRange") return [request.value];
    return request?.kind === "requestTxn" ? rangesIn(request.value) : [];
  });
}
