import type {
  ObservedKeyValue,
  OperationRecord,
  OperationRequest,
  Outcome,
  WatchEventRecord,
  WatcherRecord,
  WatchSelection,
} from "../../../src/harness/model/history.ts";

/** Where and when a hand-made operation happened; times in milliseconds. */
export interface Where {
  readonly at: readonly [startMs: number, endMs: number];
  readonly client?: number;
  readonly member?: string;
  readonly phase?: string;
}

/** An answer's revision, or what became of an operation without an answer. */
export type Fate = number | "failed" | "unknown";

const MS = 1e6;

/** Writes histories by hand, one line an operation. Ids count from 0 in the order of the lines. */
export class HistoryBuilder {
  readonly operations: OperationRecord[] = [];
  readonly watchEvents: WatchEventRecord[] = [];
  readonly watchers: WatcherRecord[] = [];

  put(key: string, value: string, fate: Fate, where: Where): this {
    return this.#add({ kind: "put", key, value }, where, fate, (revision) => ({
      kind: "ok",
      response: { kind: "put", revision },
    }));
  }

  delete(key: string, deleted: number, fate: Fate, where: Where): this {
    return this.#add({ kind: "delete", key }, where, fate, (revision) => ({
      kind: "ok",
      response: { kind: "delete", revision, deleted },
    }));
  }

  get(key: string, kv: ObservedKeyValue | null, fate: Fate, where: Where & { readonly serializable?: boolean }): this {
    const request: OperationRequest = { kind: "get", key, serializable: where.serializable ?? false };
    return this.#add(request, where, fate, (revision) => ({ kind: "ok", response: { kind: "get", revision, kv } }));
  }

  opened(watcher: number, revision: number, atMs: number, selects?: WatchSelection): this {
    return this.#watcher(watcher, "opened", revision, atMs, selects === undefined ? {} : { selects });
  }

  progress(watcher: number, revision: number, atMs: number, response?: number): this {
    return this.#watcher(watcher, "progress", revision, atMs, response === undefined ? {} : { response });
  }

  /** `value` null: a delete. */
  event(
    watcher: number,
    key: string,
    value: string | null,
    revision: number,
    version: number,
    atMs: number,
    detail: Pick<WatchEventRecord, "createRevision" | "previous" | "response"> = {},
  ): this {
    const kind = value === null ? "delete" : "put";
    const member = `n${watcher}`;
    const event = { type: "event" as const, watcher, member, atNs: atMs * MS, kind, key, value: value ?? "" } as const;
    this.watchEvents.push({ ...event, revision, version, ...detail });
    return this;
  }

  #watcher(
    watcher: number,
    what: WatcherRecord["what"],
    revision: number,
    atMs: number,
    detail: Pick<WatcherRecord, "response" | "selects">,
  ): this {
    const member = `n${watcher}`;
    this.watchers.push({ type: "watcher", watcher, member, atNs: atMs * MS, what, revision, reason: "", ...detail });
    return this;
  }

  #add(request: OperationRequest, where: Where, fate: Fate, ok: (revision: number) => Outcome): this {
    const [startMs, endMs] = where.at;
    this.operations.push({
      type: "operation",
      id: this.operations.length,
      client: where.client ?? this.operations.length,
      member: where.member ?? "n1",
      phase: where.phase ?? "load",
      request,
      intendedNs: startMs * MS,
      startNs: startMs * MS,
      endNs: endMs * MS,
      outcome: typeof fate === "number" ? ok(fate) : { kind: fate, reason: "by hand" },
    });
    return this;
  }
}

export function kv(
  value: string,
  modRevision: number,
  version = 1,
  createRevision: number = modRevision,
): ObservedKeyValue {
  return { value, createRevision, modRevision, version };
}
