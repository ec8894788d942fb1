import type { ObservedKeyValue, OperationRecord, WatchEventRecord } from "../../model/history.ts";
import { answeredOf, observedContent, type StoreFacts } from "../facts.ts";
import { describe, moment } from "../findings.ts";
import { eventName, watcherName } from "./model.ts";

/** A change of one key that certainly happened: it was acknowledged, a watcher was sent it, or it was shown later. */
export interface Change {
  readonly revision: number;
  readonly key: string;
  readonly kind: WatchEventRecord["kind"];
  readonly value: string;
  /** The write that was acknowledged with this revision. */
  readonly operation: OperationRecord | null;
  /** How its first watcher saw it; null when none did. */
  readonly event: WatchEventRecord | null;
  /** Of a put of unknown outcome that no watcher was sent: what showed that it had happened, as text. */
  readonly shownBy: string | null;
}

/** Revisions that no known change is of, `first` to `last`, both included. */
export interface Gap {
  readonly first: number;
  readonly last: number;
}

type Building = { -readonly [Field in keyof Change]: Change[Field] };

/** Two sights of the store that cannot both be true, or a change that nobody made. */
export interface Contradiction {
  readonly event: WatchEventRecord;
  readonly text: string;
  readonly operations: readonly OperationRecord[];
}

/**
 * What is known of the store's history, in place of the replay of its log that a checker inside the cluster would make: every
 * acknowledged write, every change that any watcher was sent, and every put of unknown outcome that a read, or what an event says
 * was before it, shows to have happened. What contradicts itself while it is put together was not really written, or was sent
 * differently to different watchers.
 */
export class Truth {
  readonly initialRevision: number;
  /** By revision. */
  readonly changes: readonly Change[];
  readonly contradictions: readonly Contradiction[];
  /** The least and the greatest key that was asked for; null when there was none. */
  readonly keys: { readonly least: string; readonly greatest: string } | null;
  readonly #byKey = new Map<string, Change[]>();
  readonly #gaps: readonly Gap[];

  /** `exclusive`: nobody but this history writes to the store, so each of its revisions is a change of one of its keys. */
  constructor(
    facts: StoreFacts,
    events: readonly WatchEventRecord[],
    operations: readonly OperationRecord[],
    exclusive: boolean,
  ) {
    this.initialRevision = facts.initialRevision;
    this.keys = outermostKeys(operations);
    const builder = new Builder(facts);
    for (const event of [...events].sort((a, b) => a.atNs - b.atNs)) builder.see(event);
    for (const operation of operations) builder.read(operation);
    for (const event of events) builder.readBefore(event);
    this.contradictions = builder.contradictions;
    this.changes = builder.changes().sort((a, b) => a.revision - b.revision);
    this.#gaps = exclusive ? gapsOf(this.changes, this.initialRevision) : [];
    for (const change of this.changes) {
      const ofKey = this.#byKey.get(change.key);
      if (ofKey === undefined) this.#byKey.set(change.key, [change]);
      else ofKey.push(change);
    }
  }

  /** The last known change of the key below a revision. */
  before(revision: number, key: string): Change | null {
    const changes = this.#byKey.get(key) ?? [];
    return changes[firstFrom(changes, revision) - 1] ?? null;
  }

  at(revision: number, key: string): Change | null {
    const changes = this.#byKey.get(key) ?? [];
    const change = changes[firstFrom(changes, revision)];
    return change?.revision === revision ? change : null;
  }

  /** Changes of the revisions `first` to `last`, both included. */
  *between(first: number, last: number): Generator<Change> {
    for (let i = firstFrom(this.changes, first); i < this.changes.length; i++) {
      const change = this.changes[i] as Change;
      if (change.revision > last) return;
      yield change;
    }
  }

  /** What of the revisions `first` to `last` is known to be a change, but not which: writes of unknown outcome that nothing shows. */
  gapsBetween(first: number, last: number): Gap[] {
    return this.#gaps
      .filter((gap) => gap.first <= last && gap.last >= first)
      .map((gap) => ({ first: Math.max(gap.first, first), last: Math.min(gap.last, last) }));
  }
}

class Builder {
  readonly contradictions: Contradiction[] = [];
  readonly #facts: StoreFacts;
  /** By revision; more than one where a transaction changed several keys. */
  readonly #changes = new Map<number, Building[]>();
  readonly #read = new Set<Building>();

  constructor(facts: StoreFacts) {
    this.#facts = facts;
    for (const { revision, key, kind, value, operation } of facts.byRevision.values())
      this.#changes.set(revision, [{ revision, key, kind, value, operation, event: null, shownBy: null }]);
  }

  changes(): Change[] {
    return [...this.#changes.values()].flat();
  }

  /** Takes in what a watcher was sent, in the order of time. The first sight of a change counts, all others must be the same. */
  see(event: WatchEventRecord): void {
    const change = this.#find(event.revision, event.key);
    if (change?.event != null) {
      if (isSame(change.event, event)) return;
      const first = change.event;
      this.#contradict(event, `was sent ${eventName(event)}, but ${watcherName(first)} ${eventName(first)}`);
      return;
    }
    this.#checkAuthor(event);
    if (change !== undefined) {
      change.event = event;
      return;
    }
    const { revision, key, kind, value } = event;
    this.#add({ revision, key, kind, value, operation: null, event, shownBy: null });
  }

  /** What a read showed of a revision is what watchers saw of it. */
  read(operation: OperationRecord): void {
    const answered = answeredOf(operation);
    const kv = answered === null ? null : observedContent(answered.response);
    if (kv === null || kv === undefined) return;
    const { key } = operation.request;
    const change = this.#find(kv.modRevision, key);
    if (change === undefined) this.#show(key, kv, () => describe(operation));
    if (change?.event == null || this.#read.has(change)) return;
    this.#read.add(change);
    const { event } = change;
    if (event.kind === "put" && event.value === kv.value && event.version === kv.version) return;
    const text = `was sent ${eventName(event)}, but ${describe(operation)} was shown ${kv.value}, version ${kv.version}`;
    this.#contradict(event, text, operation);
  }

  /** What an event says of its key before it. */
  readBefore(event: WatchEventRecord): void {
    const { key, previous } = event;
    if (previous == null || this.#find(previous.modRevision, key) !== undefined) return;
    this.#show(key, previous, () => `${watcherName(event)} with ${eventName(event)}`);
  }

  /** Taken at its word only where a write of unknown outcome can have been it: what else is shown is judged by others. */
  #show(key: string, { value, modRevision: revision }: ObservedKeyValue, by: () => string): void {
    if (this.#facts.author(key, value, revision).kind !== "unknown") return;
    this.#add({ revision, key, kind: "put", value, operation: null, event: null, shownBy: by() });
  }

  #add(change: Building): void {
    const others = this.#changes.get(change.revision);
    if (others === undefined) this.#changes.set(change.revision, [change]);
    else others.push(change);
  }

  #find(revision: number, key: string): Building | undefined {
    return this.#changes.get(revision)?.find((change) => change.key === key);
  }

  #checkAuthor(event: WatchEventRecord): void {
    const wrong = (text: string, operation?: OperationRecord): void =>
      this.#contradict(event, `was sent ${eventName(event)} at ${moment(event.atNs)}, but ${text}`, operation);
    if (event.kind === "put") {
      const author = this.#facts.author(event.key, event.value, event.revision);
      if (author.kind === "nobody") wrong("nobody ever wrote that value");
      else if (author.kind === "conflict") wrong(`that revision is ${describe(author.operation)}`, author.operation);
      else if (author.kind === "failed") wrong(`${describe(author.operation)} had failed`, author.operation);
      else if (author.kind === "other-revision") {
        wrong(`${describe(author.operation)} was given another revision`, author.operation);
      } else if (author.operation.startNs > event.atNs) {
        wrong(`it is only ${describe(author.operation)}`, author.operation);
      }
      return;
    }
    const owner = this.#facts.byRevision.get(event.revision);
    if (owner !== undefined && (owner.kind !== "delete" || owner.key !== event.key)) {
      wrong(`that revision is ${describe(owner.operation)}`, owner.operation);
      return;
    }
    const author = owner?.operation ?? this.#facts.ofKey(event.key).unknownDeletes[0];
    if (author === undefined) wrong("nobody deleted that key");
    else if (author.startNs > event.atNs) wrong(`it is only ${describe(author)}`, author);
  }

  #contradict(event: WatchEventRecord, text: string, operation?: OperationRecord): void {
    this.contradictions.push({ event, text, operations: operation === undefined ? [] : [operation] });
  }
}

function isSame(a: WatchEventRecord, b: WatchEventRecord): boolean {
  const sameCreation = (a.createRevision ?? b.createRevision) === (b.createRevision ?? a.createRevision);
  return a.kind === b.kind && a.value === b.value && a.version === b.version && sameCreation;
}

/** Where the changes from this revision on begin. */
function firstFrom(changes: readonly Change[], revision: number): number {
  let low = 0;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle] as Change).revision < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

function outermostKeys(operations: readonly OperationRecord[]): Truth["keys"] {
  const [head] = operations;
  if (head === undefined) return null;
  let least = head.request.key;
  let greatest = least;
  for (const { request } of operations) {
    if (request.key < least) least = request.key;
    if (request.key > greatest) greatest = request.key;
  }
  return { least, greatest };
}

/** The last one has no end. */
function gapsOf(changes: readonly Change[], initialRevision: number): Gap[] {
  const gaps: Gap[] = [];
  let next = initialRevision + 1;
  for (const { revision } of changes) {
    if (revision > next) gaps.push({ first: next, last: revision - 1 });
    next = Math.max(next, revision + 1);
  }
  gaps.push({ first: next, last: Number.MAX_SAFE_INTEGER });
  return gaps;
}
