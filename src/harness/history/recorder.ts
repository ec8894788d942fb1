import { assert, unreachable } from "../../base/assert.ts";
import type {
  CompactionRecord,
  Condition,
  HistoryRecord,
  LeaseRecord,
  ListRecord,
  OperationRecord,
  OperationRequest,
  Outcome,
  WatchEventRecord,
  WatcherRecord,
} from "../model/history.ts";
import { OPERATION_CLASSES, type OperationClass } from "../model/plan.ts";
import { type DeliveredEvent, EventColumns } from "./event-columns.ts";
import { TextTable } from "./texts.ts";

const CHUNK_BITS = 14;
const CHUNK_ROWS: number = 1 << CHUNK_BITS;
const CHUNK_MASK: number = CHUNK_ROWS - 1;
/** 75 bytes each: 600 MB. */
const OPERATIONS_MAX = 8_000_000;
const EVENTS_MAX = 8_000_000;
/** Objects: idle watchers ask a few times a second how far they are. About 150 bytes each. */
const WATCHER_RECORDS_MAX = 1_000_000;
/** Objects, unlike operations: leases are asked for some thousand times a second at most. About 150 bytes each. */
const LEASE_RECORDS_MAX = 1_000_000;
/** Objects, with all that was listed. */
const LIST_RECORDS_MAX = 100_000;

const OPEN = 0;
const OK = 1;
const FAILED = 2;
const UNKNOWN = 3;

/** Fixed columns for a stretch of operations: no object while load runs (D12). */
class OperationChunk {
  readonly intendedNs: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly startNs: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly endNs: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly revision: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly createRevision: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly modRevision: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly version: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly key: Int32Array = new Int32Array(CHUNK_ROWS);
  /** Of a get: the code of the value it saw. */
  readonly value: Int32Array = new Int32Array(CHUNK_ROWS);
  /** Of a get: whether it saw a value; of a delete: how many keys went. */
  readonly count: Uint32Array = new Uint32Array(CHUNK_ROWS);
  readonly client: Uint16Array = new Uint16Array(CHUNK_ROWS);
  readonly reason: Uint16Array = new Uint16Array(CHUNK_ROWS);
  readonly phase: Uint8Array = new Uint8Array(CHUNK_ROWS);
  readonly class: Uint8Array = new Uint8Array(CHUNK_ROWS);
  readonly outcome: Uint8Array = new Uint8Array(CHUNK_ROWS);
  conditions: ConditionColumns | null = null;
}

/** What a stretch with transactions needs beside: most have none. */
class ConditionColumns {
  readonly equals: Float64Array = new Float64Array(CHUNK_ROWS);
  readonly ofVersion: Uint8Array = new Uint8Array(CHUNK_ROWS);
  readonly refused: Uint8Array = new Uint8Array(CHUNK_ROWS);
}

export type WatcherDetail = Pick<WatcherRecord, "response" | "selects">;

/** Who takes part, so that a row needs only numbers. */
export interface RecorderNames {
  readonly members: readonly string[];
  /** For each client, and for each watcher, the index of its member. */
  readonly clients: readonly number[];
  readonly watchers: readonly number[];
  readonly phases: readonly string[];
  keyText(key: number): string;
}

/**
 * Takes down what happened while load runs, and gives it back as records afterwards. Times must not go back between two calls
 * of `begin`, or of `event`. Keys and values are codes: a key's index or a value's number where they are the driver's own,
 * otherwise (negative) what `foreign` returned for their text.
 *
 * The number that makes a put's value unique is the id of that put, so a put needs no column for it.
 */
export class Recorder {
  readonly #names: RecorderNames;
  readonly #operations: OperationChunk[] = [];
  readonly #events: EventColumns[] = [];
  readonly #watcherRecords: WatcherRecord[] = [];
  readonly #leaseRecords: LeaseRecord[] = [];
  readonly #listRecords: (ListRecord | CompactionRecord)[] = [];
  readonly #reasons = new TextTable(1 << 16);
  readonly #foreign = new TextTable(100_000);
  readonly #operationsMax: number;
  #operationCount = 0;
  #eventCount = 0;
  #eventsLost = 0;

  constructor(names: RecorderNames, operationsMax: number = OPERATIONS_MAX) {
    assert(names.clients.length <= 1 << 16, "a client's number fits its column");
    assert(names.phases.length <= 1 << 8, "a phase's number fits its column");
    this.#names = names;
    this.#operationsMax = operationsMax;
  }

  get operations(): number {
    return this.#operationCount;
  }

  /** No room for another operation: the caller counts it as unsent. */
  get full(): boolean {
    return this.#operationCount >= this.#operationsMax;
  }

  /** Events that came after the limit; above 0 no check of watches can pass. */
  get eventsLost(): number {
    return this.#eventsLost;
  }

  /** The code of a key or value that is not the driver's own. */
  foreign(text: string): number {
    return -1 - this.#foreign.code(text);
  }

  /** What the history says where the recorder has this code of a value. */
  valueText(code: number): string {
    return code >= 0 ? String(code) : this.#foreign.text(-1 - code);
  }

  /** An operation starts; returns its id. Must not be full. */
  begin(phase: number, client: number, kind: number, key: number, intendedNs: number, startNs: number): number {
    assert(!this.full, "the recorder is full");
    const id = this.#operationCount++;
    const row = id & CHUNK_MASK;
    if (row === 0) this.#operations.push(new OperationChunk());
    const chunk = this.#chunk(id);
    chunk.phase[row] = phase;
    chunk.client[row] = client;
    chunk.class[row] = kind;
    chunk.key[row] = key;
    chunk.intendedNs[row] = intendedNs;
    chunk.startNs[row] = startNs;
    return id;
  }

  /** Operation `id` is a transaction that compares its key's MOD_REVISION, or version, with `equals`. */
  condition(id: number, target: Condition["target"], equals: number): void {
    const chunk = this.#chunk(id);
    chunk.conditions ??= new ConditionColumns();
    chunk.conditions.equals[id & CHUNK_MASK] = equals;
    chunk.conditions.ofVersion[id & CHUNK_MASK] = target === "version" ? 1 : 0;
  }

  /** The comparison of transaction `id` failed: what follows is `answeredGet`. */
  refused(id: number): void {
    const { conditions } = this.#chunk(id);
    assert(conditions !== null, "only what compares is refused");
    conditions.refused[id & CHUNK_MASK] = 1;
  }

  /** `version` 0 means that the key was absent; the other three then do not count. */
  answeredGet(
    id: number,
    endNs: number,
    revision: number,
    value: number,
    createRevision: number,
    modRevision: number,
    version: number,
    present: boolean,
  ): void {
    const row = this.#end(id, endNs, OK);
    const chunk = this.#chunk(id);
    chunk.revision[row] = revision;
    chunk.value[row] = value;
    chunk.createRevision[row] = createRevision;
    chunk.modRevision[row] = modRevision;
    chunk.version[row] = version;
    chunk.count[row] = present ? 1 : 0;
  }

  answeredPut(id: number, endNs: number, revision: number): void {
    this.#chunk(id).revision[this.#end(id, endNs, OK)] = revision;
  }

  answeredDelete(id: number, endNs: number, revision: number, deleted: number): void {
    const row = this.#end(id, endNs, OK);
    this.#chunk(id).revision[row] = revision;
    this.#chunk(id).count[row] = deleted;
  }

  unanswered(id: number, endNs: number, outcome: "failed" | "unknown", reason: string): void {
    const row = this.#end(id, endNs, outcome === "failed" ? FAILED : UNKNOWN);
    this.#chunk(id).reason[row] = this.#reasons.code(reason);
  }

  /** `value` and `previous.value` are codes. */
  event(watcher: number, atNs: number, event: DeliveredEvent): void {
    if (this.#eventCount >= EVENTS_MAX) {
      this.#eventsLost++;
      return;
    }
    const row = this.#eventCount & CHUNK_MASK;
    if (row === 0) this.#events.push(new EventColumns(CHUNK_ROWS));
    const columns = this.#events[this.#eventCount >>> CHUNK_BITS] as EventColumns;
    this.#eventCount++;
    columns.write(row, watcher, atNs, event);
  }

  watcher(
    watcher: number,
    atNs: number,
    what: WatcherRecord["what"],
    revision: number,
    reason: string,
    detail: WatcherDetail = {},
  ): void {
    if (this.#watcherRecords.length >= WATCHER_RECORDS_MAX) {
      this.#eventsLost++;
      return;
    }
    const member = this.#memberOf(this.#names.watchers, watcher);
    this.#watcherRecords.push({ type: "watcher", watcher, member, atNs, what, revision, reason, ...detail });
  }

  /** A request about a lease is over. False: there was no room for it. */
  lease(record: LeaseRecord): boolean {
    if (this.#leaseRecords.length >= LEASE_RECORDS_MAX) return false;
    this.#leaseRecords.push(record);
    return true;
  }

  /** A list or a compaction is over. False: there was no room for it. */
  list(record: ListRecord | CompactionRecord): boolean {
    if (this.#listRecords.length >= LIST_RECORDS_MAX) return false;
    this.#listRecords.push(record);
    return true;
  }

  /** Everything in order of start or arrival, lists and compactions behind all else. Every operation must have ended. */
  *records(): Generator<HistoryRecord> {
    // They came in the order of their ends.
    this.#leaseRecords.sort((a, b) => a.startNs - b.startNs);
    this.#listRecords.sort((a, b) => a.startNs - b.startNs);
    const at = { event: 0, life: 0, lease: 0 };
    for (let id = 0; id < this.#operationCount; id++) {
      yield* this.#arrivals(at, this.#chunk(id).startNs[id & CHUNK_MASK] as number);
      yield this.#operationRecord(id);
    }
    yield* this.#arrivals(at, Number.POSITIVE_INFINITY);
    yield* this.#listRecords;
  }

  /**
   * Goes on from `at` to what arrived before `limitNs`. What opens a watcher sorts before events of the same instant, what
   * closes it after them: the clock need not have moved between the two.
   */
  *#arrivals(at: { event: number; life: number; lease: number }, limitNs: number): Generator<HistoryRecord> {
    for (;;) {
      const record = this.#watcherRecords[at.life];
      const lifeNs = record?.atNs ?? Number.POSITIVE_INFINITY;
      const eventNs = at.event < this.#eventCount ? this.#eventTime(at.event) : Number.POSITIVE_INFINITY;
      const lease = this.#leaseRecords[at.lease];
      const leaseNs = lease?.startNs ?? Number.POSITIVE_INFINITY;
      if (Math.min(lifeNs, eventNs, leaseNs) >= limitNs) return;
      if (lease !== undefined && leaseNs <= Math.min(lifeNs, eventNs)) {
        yield lease;
        at.lease++;
      } else if (record !== undefined && (lifeNs < eventNs || (lifeNs === eventNs && record.what === "opened"))) {
        yield record;
        at.life++;
      } else yield this.#eventRecord(at.event++);
    }
  }

  #chunk(id: number): OperationChunk {
    const chunk = this.#operations[id >>> CHUNK_BITS];
    assert(chunk !== undefined, "an operation ends after it began");
    return chunk;
  }

  /** Ends an operation, once, and returns its row. */
  #end(id: number, endNs: number, outcome: number): number {
    const row = id & CHUNK_MASK;
    const chunk = this.#chunk(id);
    assert(chunk.outcome[row] === OPEN, "an operation ends once", { id });
    assert(endNs >= (chunk.startNs[row] as number), "an operation ends after it starts", { id });
    chunk.outcome[row] = outcome;
    chunk.endNs[row] = endNs;
    return row;
  }

  #memberOf(places: readonly number[], who: number): string {
    const member = this.#names.members[places[who] ?? -1];
    assert(member !== undefined, "everybody belongs to a member", { who });
    return member;
  }

  #keyText(code: number): string {
    return code >= 0 ? this.#names.keyText(code) : this.#foreign.text(-1 - code);
  }

  #operationRecord(id: number): OperationRecord {
    const chunk = this.#chunk(id);
    const row = id & CHUNK_MASK;
    const client = chunk.client[row] as number;
    const request = this.#request(chunk, row, id);
    return {
      type: "operation",
      id,
      client,
      member: this.#memberOf(this.#names.clients, client),
      phase: this.#names.phases[chunk.phase[row] as number] as string,
      request,
      intendedNs: chunk.intendedNs[row] as number,
      startNs: chunk.startNs[row] as number,
      endNs: chunk.endNs[row] as number,
      outcome: this.#outcome(chunk, row, request.kind),
    };
  }

  #request(chunk: OperationChunk, row: number, id: number): OperationRequest {
    const kind = OPERATION_CLASSES[chunk.class[row] as number] as OperationClass;
    const key = this.#keyText(chunk.key[row] as number);
    const value = (): string => this.valueText(id);
    switch (kind) {
      case "put":
        return { kind, key, value: value() };
      case "delete":
        return { kind, key };
      case "get-linearizable":
      case "get-serializable":
        return { kind: "get", key, serializable: kind === "get-serializable" };
      case "update":
      case "remove": {
        const { conditions } = chunk;
        assert(conditions !== null, "a transaction has its condition", { id });
        const target = conditions.ofVersion[row] === 1 ? "version" : "mod-revision";
        const wanted = kind === "update" ? "put" : "delete";
        const condition: Condition = { target, equals: conditions.equals[row] as number, wanted };
        if (conditions.refused[row] === 1) return { kind: "get", key, serializable: false, condition };
        return wanted === "put" ? { kind: wanted, key, value: value(), condition } : { kind: wanted, key, condition };
      }
      default:
        return unreachable(kind);
    }
  }

  #outcome(chunk: OperationChunk, row: number, kind: OperationRequest["kind"]): Outcome {
    const outcome = chunk.outcome[row] as number;
    assert(outcome !== OPEN, "every operation has ended when the history is read");
    if (outcome !== OK) {
      return {
        kind: outcome === FAILED ? "failed" : "unknown",
        reason: this.#reasons.text(chunk.reason[row] as number),
      };
    }
    const revision = chunk.revision[row] as number;
    const count = chunk.count[row] as number;
    if (kind === "put") return { kind: "ok", response: { kind, revision } };
    if (kind === "delete") return { kind: "ok", response: { kind, revision, deleted: count } };
    if (count === 0) return { kind: "ok", response: { kind: "get", revision, kv: null } };
    const kv = {
      value: this.valueText(chunk.value[row] as number),
      createRevision: chunk.createRevision[row] as number,
      modRevision: chunk.modRevision[row] as number,
      version: chunk.version[row] as number,
    };
    return { kind: "ok", response: { kind: "get", revision, kv } };
  }

  #eventTime(event: number): number {
    return (this.#events[event >>> CHUNK_BITS] as EventColumns).atNs[event & CHUNK_MASK] as number;
  }

  #eventRecord(event: number): WatchEventRecord {
    const columns = this.#events[event >>> CHUNK_BITS] as EventColumns;
    const row = event & CHUNK_MASK;
    const watcher = columns.watcher[row] as number;
    const { key, value, previous, ...numbers } = columns.read(row);
    const then = previous == null ? previous : { ...previous, value: this.valueText(previous.value) };
    return {
      type: "event",
      watcher,
      member: this.#memberOf(this.#names.watchers, watcher),
      atNs: columns.atNs[row] as number,
      ...numbers,
      key: this.#keyText(key),
      value: numbers.kind === "delete" ? "" : this.valueText(value),
      ...(then === undefined ? {} : { previous: then }),
    };
  }
}
