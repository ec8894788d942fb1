import type {
  CompactionRecord,
  Condition,
  HistoryHeader,
  HistoryRecord,
  LeaseRecord,
  ListRecord,
  ObservedKeyValue,
  OperationRecord,
  OperationRequest,
  OperationResponse,
  Outcome,
  WatchEventRecord,
  WatcherRecord,
  WatchSelection,
} from "../model/history.ts";

/** A line is JSON but not a record: which field, and what it should be. Written by hand: these run once a record, in millions. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

type Fields = Readonly<Record<string, unknown>>;

export function readHeader(input: unknown): HistoryHeader {
  const fields = object(input, "the first line");
  if (fields["type"] !== "history")
    throw new RecordError('the first line is not a history\'s header ("type": "history")');
  if (fields["version"] !== 1) throw new RecordError(`version ${String(fields["version"])} of the format is not known`);
  const members = fields["members"];
  if (!Array.isArray(members) || !members.every((member) => typeof member === "string"))
    throw new RecordError("members: a list of names is wanted");
  const initialRevision = ordinal(fields, "initialRevision");
  const watchEventsLost = ordinal(fields, "watchEventsLost");
  const watchers = ordinal(fields, "watchers");
  const run = text(fields, "run");
  const exclusive = fields["exclusive"] ?? true;
  if (typeof exclusive !== "boolean") throw wrong(fields, "exclusive", "true or false");
  const header = { type: "history", version: 1, run, members, initialRevision, watchers, watchEventsLost } as const;
  return exclusive ? header : { ...header, exclusive };
}

export function readRecord(input: unknown): HistoryRecord {
  const fields = object(input, "a record");
  switch (fields["type"]) {
    case "operation":
      return readOperation(fields);
    case "event":
      return readEvent(fields);
    case "watcher":
      return readWatcher(fields);
    case "lease":
      return readLease(fields);
    case "list":
      return readList(fields);
    case "compaction":
      return readCompaction(fields);
    default:
      throw wrong(fields, "type", '"operation", "event", "watcher", "lease", "list" or "compaction"');
  }
}

function readOperation(fields: Fields): OperationRecord {
  const request = readRequest(object(fields["request"], "request"));
  const startNs = ordinal(fields, "startNs");
  const endNs = ordinal(fields, "endNs");
  if (endNs < startNs) throw new RecordError("endNs: before startNs");
  const outcome = readOutcome(object(fields["outcome"], "outcome"));
  if (outcome.kind === "ok" && outcome.response.kind !== request.kind)
    throw new RecordError("outcome: the response answers another kind of request");
  return {
    type: "operation",
    id: ordinal(fields, "id"),
    client: ordinal(fields, "client"),
    member: text(fields, "member"),
    phase: text(fields, "phase"),
    request,
    intendedNs: ordinal(fields, "intendedNs"),
    startNs,
    endNs,
    outcome,
  };
}

function readRequest(fields: Fields): OperationRequest {
  const key = text(fields, "key");
  const condition = fields["condition"];
  const compared = condition === undefined ? {} : { condition: readCondition(object(condition, "condition")) };
  switch (fields["kind"]) {
    case "get":
      return { kind: "get", key, serializable: boolean(fields, "serializable"), ...compared };
    case "put":
      return { kind: "put", key, value: text(fields, "value"), ...compared };
    case "delete":
      return { kind: "delete", key, ...compared };
    default:
      throw wrong(fields, "kind", '"get", "put" or "delete"');
  }
}

function readCondition(fields: Fields): Condition {
  const { target, wanted } = fields as { readonly target?: unknown; readonly wanted?: unknown };
  if (target !== "mod-revision" && target !== "version") throw wrong(fields, "target", '"mod-revision" or "version"');
  if (wanted !== "put" && wanted !== "delete") throw wrong(fields, "wanted", '"put" or "delete"');
  return { target, equals: ordinal(fields, "equals"), wanted };
}

function readOutcome(fields: Fields): Outcome {
  switch (fields["kind"]) {
    case "ok":
      return { kind: "ok", response: readResponse(object(fields["response"], "response")) };
    case "failed":
    case "unknown":
      return { kind: fields["kind"], reason: text(fields, "reason") };
    default:
      throw wrong(fields, "kind", '"ok", "failed" or "unknown"');
  }
}

function readResponse(fields: Fields): OperationResponse {
  const revision = integer(fields, "revision");
  switch (fields["kind"]) {
    case "get":
      return { kind: "get", revision, kv: fields["kv"] === null ? null : readKeyValue(object(fields["kv"], "kv")) };
    case "put":
      return { kind: "put", revision };
    case "delete":
      return { kind: "delete", revision, deleted: ordinal(fields, "deleted") };
    default:
      throw wrong(fields, "kind", '"get", "put" or "delete"');
  }
}

function readKeyValue(fields: Fields): ObservedKeyValue {
  return {
    value: text(fields, "value"),
    createRevision: integer(fields, "createRevision"),
    modRevision: integer(fields, "modRevision"),
    version: integer(fields, "version"),
  };
}

function readEvent(fields: Fields): WatchEventRecord {
  const kind = fields["kind"];
  if (kind !== "put" && kind !== "delete") throw wrong(fields, "kind", '"put" or "delete"');
  return {
    type: "event",
    watcher: ordinal(fields, "watcher"),
    member: text(fields, "member"),
    atNs: ordinal(fields, "atNs"),
    kind,
    key: text(fields, "key"),
    value: text(fields, "value"),
    revision: integer(fields, "revision"),
    version: integer(fields, "version"),
    ...(fields["createRevision"] === undefined ? {} : { createRevision: integer(fields, "createRevision") }),
    ...(fields["previous"] === undefined ? {} : { previous: readPrevious(fields["previous"]) }),
    ...(fields["response"] === undefined ? {} : { response: ordinal(fields, "response") }),
  };
}

function readPrevious(input: unknown): ObservedKeyValue | null {
  return input === null ? null : readKeyValue(object(input, "previous"));
}

function readWatcher(fields: Fields): WatcherRecord {
  const what = fields["what"];
  if (what !== "opened" && what !== "progress" && what !== "closed")
    throw wrong(fields, "what", '"opened", "progress" or "closed"');
  return {
    type: "watcher",
    watcher: ordinal(fields, "watcher"),
    member: text(fields, "member"),
    atNs: ordinal(fields, "atNs"),
    what,
    revision: integer(fields, "revision"),
    reason: text(fields, "reason"),
    ...(fields["response"] === undefined ? {} : { response: ordinal(fields, "response") }),
    ...(fields["selects"] === undefined ? {} : { selects: readSelection(object(fields["selects"], "selects")) }),
  };
}

function readSelection(fields: Fields): WatchSelection {
  const kinds = fields["kinds"];
  if (kinds !== "all" && kinds !== "puts" && kinds !== "deletes")
    throw wrong(fields, "kinds", '"all", "puts" or "deletes"');
  return { from: text(fields, "from"), to: fields["to"] === null ? null : text(fields, "to"), kinds };
}

function readLease(fields: Fields): LeaseRecord {
  const action = fields["action"];
  if (action !== "grant" && action !== "keepalive" && action !== "time-to-live")
    throw wrong(fields, "action", '"grant", "keepalive" or "time-to-live"');
  return {
    type: "lease",
    lease: text(fields, "lease"),
    action,
    member: text(fields, "member"),
    ...readTimes(fields),
    outcome: readLeaseOutcome(object(fields["outcome"], "outcome")),
  };
}

function readLeaseOutcome(fields: Fields): LeaseRecord["outcome"] {
  switch (fields["kind"]) {
    case "ok":
      return { kind: "ok", ttlSeconds: integer(fields, "ttlSeconds") };
    case "failed":
    case "unknown":
      return { kind: fields["kind"], reason: text(fields, "reason") };
    default:
      throw wrong(fields, "kind", '"ok", "failed" or "unknown"');
  }
}

function readList(fields: Fields): ListRecord {
  const request = object(fields["request"], "request");
  return {
    type: "list",
    member: text(fields, "member"),
    request: {
      from: text(request, "from"),
      to: text(request, "to"),
      limit: ordinal(request, "limit"),
      revision: ordinal(request, "revision"),
      countOnly: boolean(request, "countOnly"),
      stream: boolean(request, "stream"),
    },
    ...readTimes(fields),
    outcome: readListOutcome(object(fields["outcome"], "outcome")),
  };
}

function readListOutcome(fields: Fields): ListRecord["outcome"] {
  switch (fields["kind"]) {
    case "ok": {
      const kvs = fields["kvs"];
      if (!Array.isArray(kvs)) throw wrong(fields, "kvs", "a list");
      return {
        kind: "ok",
        revision: integer(fields, "revision"),
        count: integer(fields, "count"),
        more: boolean(fields, "more"),
        kvs: kvs.map((input) => {
          const kv = object(input, "kvs");
          return { key: text(kv, "key"), ...readKeyValue(kv) };
        }),
      };
    }
    case "failed":
    case "unknown":
      return { kind: fields["kind"], reason: text(fields, "reason") };
    default:
      throw wrong(fields, "kind", '"ok", "failed" or "unknown"');
  }
}

function readCompaction(fields: Fields): CompactionRecord {
  const outcome = object(fields["outcome"], "outcome");
  const kind = outcome["kind"];
  if (kind !== "ok" && kind !== "failed" && kind !== "unknown")
    throw wrong(outcome, "kind", '"ok", "failed" or "unknown"');
  return {
    type: "compaction",
    member: text(fields, "member"),
    revision: ordinal(fields, "revision"),
    ...readTimes(fields),
    outcome: kind === "ok" ? { kind } : { kind, reason: text(outcome, "reason") },
  };
}

function readTimes(fields: Fields): { readonly startNs: number; readonly endNs: number } {
  const startNs = ordinal(fields, "startNs");
  const endNs = ordinal(fields, "endNs");
  if (endNs < startNs) throw new RecordError("endNs: before startNs");
  return { startNs, endNs };
}

function boolean(fields: Fields, name: string): boolean {
  const value = fields[name];
  if (typeof value !== "boolean") throw wrong(fields, name, "true or false");
  return value;
}

function object(input: unknown, what: string): Fields {
  if (typeof input !== "object" || input === null || Array.isArray(input))
    throw new RecordError(`${what}: an object is wanted, not ${show(input)}`);
  return input as Fields;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== "string") throw wrong(fields, name, "a text");
  return value;
}

/** What a store answered may be nonsense, below zero included: the checks want to see it. */
function integer(fields: Fields, name: string): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value)) throw wrong(fields, name, "a whole number");
  return value as number;
}

function ordinal(fields: Fields, name: string): number {
  const value = integer(fields, name);
  if (value < 0) throw wrong(fields, name, "a whole number from 0");
  return value;
}

function wrong(fields: Fields, name: string, wanted: string): RecordError {
  return new RecordError(`${name}: ${wanted} is wanted, not ${show(fields[name])}`);
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 60)}...` : shown;
}
