export interface HistoryHeader {
  readonly type: "history";
  readonly version: 1;
  readonly run: string;
  readonly members: readonly string[];
  /** Revision of the store when the run began and none of its keys had been written: 1 for an empty store. */
  readonly initialRevision: number;
  /** Numbered from 0; each must be heard of. */
  readonly watchers: number;
  /** Watch events that came after the recorder was full: above 0 no check of watches can pass. */
  readonly watchEventsLost: number;
  /** False when others may write to the store, too, under other keys: revisions then move by themselves. Absent: true. */
  readonly exclusive?: boolean;
}

/** What a client asked. Keys and values are text; a value is its unique head, padding left out. */
export type OperationRequest =
  | { readonly kind: "get"; readonly key: string; readonly serializable: boolean; readonly condition?: Condition }
  | { readonly kind: "put"; readonly key: string; readonly value: string; readonly condition?: Condition }
  | { readonly kind: "delete"; readonly key: string; readonly condition?: Condition };

/**
 * Of a transaction that compared before it wrote. One whose comparison failed stands in the history as the get that it was instead:
 * so all that is known of gets, puts and deletes holds for it, too.
 */
export interface Condition {
  readonly target: "mod-revision" | "version";
  /** 0: the key must not be there. */
  readonly equals: number;
  readonly wanted: "put" | "delete";
}

export interface ObservedKeyValue {
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
}

/** What the store said. `revision` is the header's. */
export type OperationResponse =
  | { readonly kind: "get"; readonly revision: number; readonly kv: ObservedKeyValue | null }
  | { readonly kind: "put"; readonly revision: number }
  | { readonly kind: "delete"; readonly revision: number; readonly deleted: number };

/** D9. `failed` certainly had no effect; `unknown` may take effect, even later. */
export type Outcome =
  | { readonly kind: "ok"; readonly response: OperationResponse }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

/** The phase, not of the plan, in which every key is read through each member when the load is over. */
export const FINAL_PHASE = "final";

export interface OperationRecord {
  readonly type: "operation";
  /** Position in the order of starts. */
  readonly id: number;
  readonly client: number;
  readonly member: string;
  /** One of the plan's, or FINAL_PHASE. */
  readonly phase: string;
  readonly request: OperationRequest;
  /** When the schedule wanted it; equals `startNs` in a closed loop. */
  readonly intendedNs: number;
  readonly startNs: number;
  /** When the answer, the error or the deadline came. For an unknown outcome the effect may still come later. */
  readonly endNs: number;
  readonly outcome: Outcome;
}

/** One change delivered to one watcher. */
export interface WatchEventRecord {
  readonly type: "event";
  readonly watcher: number;
  readonly member: string;
  readonly atNs: number;
  readonly kind: "put" | "delete";
  readonly key: string;
  /** Empty for a delete. */
  readonly value: string;
  readonly revision: number;
  readonly version: number;
  /** Absent: not recorded. */
  readonly createRevision?: number;
  /** What the event says the key held before; null: it says nothing. Absent: that was not asked for. */
  readonly previous?: ObservedKeyValue | null;
  /** Counts what was sent to its watcher, a response in fragments as one: events of one number came together. Absent: not recorded. */
  readonly response?: number;
}

/** What a watch asked for. */
export interface WatchSelection {
  /** The first key. */
  readonly from: string;
  /** The first key behind the range; null: there is none. */
  readonly to: string | null;
  readonly kinds: "all" | "puts" | "deletes";
}

/** The life of one watcher: opened from a revision on, and how it ended. */
export interface WatcherRecord {
  readonly type: "watcher";
  readonly watcher: number;
  readonly member: string;
  readonly atNs: number;
  /** `opened`: `revision` is the first revision it will deliver. `progress`: nothing up to `revision` is still to come. `closed`: the last. */
  readonly what: "opened" | "progress" | "closed";
  readonly revision: number;
  readonly reason: string;
  /** As in events; absent for what is no response. */
  readonly response?: number;
  /** Of `opened`; absent: every key that the history knows. */
  readonly selects?: WatchSelection;
}

/**
 * One request about one lease. `time-to-live` asks without renewing, and 0 is less than a second left. A keepalive answered with 0
 * or less, a time-to-live answered with -1: the store does not know the lease.
 */
export interface LeaseRecord {
  readonly type: "lease";
  /** Hex, as etcdctl prints it. */
  readonly lease: string;
  readonly action: "grant" | "keepalive" | "time-to-live";
  readonly member: string;
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | { readonly kind: "ok"; readonly ttlSeconds: number }
    | { readonly kind: "failed"; readonly reason: string }
    | { readonly kind: "unknown"; readonly reason: string };
}

/** One range over several keys, or one stream of such; of a list in pages, one page. Linearizable. */
export interface ListRecord {
  readonly type: "list";
  readonly member: string;
  readonly request: {
    readonly from: string;
    /** The first key behind the range. */
    readonly to: string;
    /** 0: all. */
    readonly limit: number;
    /** 0: the newest. */
    readonly revision: number;
    readonly countOnly: boolean;
    readonly stream: boolean;
  };
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | {
        readonly kind: "ok";
        /** The header's: the store's newest, also where an older one was read; of a stream the one that was read. */
        readonly revision: number;
        readonly count: number;
        readonly more: boolean;
        readonly kvs: readonly (ObservedKeyValue & { readonly key: string })[];
      }
    | { readonly kind: "failed"; readonly reason: string }
    | { readonly kind: "unknown"; readonly reason: string };
}

/** One request to forget what was before `revision`. */
export interface CompactionRecord {
  readonly type: "compaction";
  readonly member: string;
  readonly revision: number;
  readonly startNs: number;
  readonly endNs: number;
  readonly outcome:
    | { readonly kind: "ok" }
    | { readonly kind: "failed"; readonly reason: string }
    | { readonly kind: "unknown"; readonly reason: string };
}

export type HistoryRecord =
  | OperationRecord
  | WatchEventRecord
  | WatcherRecord
  | LeaseRecord
  | ListRecord
  | CompactionRecord;
