import type { Prng } from "../../../src/base/prng.ts";
import type { RunEvent } from "../../../src/harness/model/events.ts";
import type {
  ObservedKeyValue,
  OperationRecord,
  OperationRequest,
  OperationResponse,
  WatchEventRecord,
  WatcherRecord,
} from "../../../src/harness/model/history.ts";

export interface Shape {
  readonly operations: number;
  readonly keys: number;
  readonly clients: number;
  readonly members: number;
  readonly watchers: number;
  /** Chances in percent. */
  readonly unknown: number;
  readonly serializable: number;
  readonly writes: number;
  /** How many different values there are; absent: every value is unique. */
  readonly values?: number;
}

export interface Simulated {
  readonly operations: OperationRecord[];
  readonly watchEvents: WatchEventRecord[];
  readonly watchers: WatcherRecord[];
  readonly events: RunEvent[];
}

interface Planned {
  readonly client: number;
  readonly member: number;
  readonly request: OperationRequest;
  readonly startNs: number;
  readonly pointNs: number;
  readonly endNs: number;
  readonly fate: "ok" | "failed" | "unknown-applied" | "unknown-lost";
  readonly phase: string;
  response: OperationResponse | null;
}

interface Commit {
  readonly atNs: number;
  readonly revision: number;
  readonly key: string;
  readonly kv: ObservedKeyValue | null;
}

const MS = 1e6;

/**
 * The history of a correct store: every operation takes effect at a point between call and answer, one of unknown outcome at
 * some later point or never; members lag behind by up to 50 ms, which only serializable reads and watchers notice. Ends with a
 * linearizable read of every key in the phase "final".
 */
export function simulate(prng: Prng, shape: Shape): Simulated {
  const planned = plan(prng, shape);
  const commits = execute(planned.filter(({ request }) => !(request.kind === "get" && request.serializable)));
  answerSerializable(prng, planned, commits, shape.members);
  const operations = planned.map(record).sort((a, b) => a.startNs - b.startNs);
  const renumbered = operations.map((operation, id) => ({ ...operation, id }));
  const lastRevision = commits.at(-1)?.revision ?? 1;
  const endNs = Math.max(0, ...planned.map((each) => each.endNs)) + MS;
  const members = Array.from({ length: shape.members }, (_, i) => [`n${i + 1}`, lastRevision] as const);
  return {
    operations: renumbered,
    ...watch(prng, commits, shape),
    events: [{ atNs: endNs, kind: "converged", converged: true, revisions: Object.fromEntries(members) }],
  };
}

function plan(prng: Prng, shape: Shape): Planned[] {
  const planned: Planned[] = [];
  const free = Array.from({ length: shape.clients }, () => prng.below(2 * MS));
  for (let i = 0; i < shape.operations; i++) {
    const client = prng.below(shape.clients);
    const member = client % shape.members;
    const request = draw(prng, shape, i);
    const startNs = (free[client] as number) + 1 + prng.below(MS);
    const pointNs = startNs + prng.below(2 * MS);
    const endNs = pointNs + prng.below(2 * MS);
    free[client] = endNs;
    const uncertain = prng.below(100) < shape.unknown;
    const fate = uncertain ? prng.pick(["failed", "unknown-applied", "unknown-lost"] as const) : "ok";
    const late = fate === "unknown-applied" ? prng.below(40 * MS) : 0;
    planned.push({
      client,
      member,
      request,
      startNs,
      pointNs: pointNs + late,
      endNs,
      fate,
      phase: "load",
      response: null,
    });
  }
  const quietNs = Math.max(0, ...planned.map(({ pointNs, endNs }) => Math.max(pointNs, endNs)));
  for (let key = 0; key < shape.keys; key++) {
    const startNs = quietNs + 1 + key * MS;
    const request: OperationRequest = { kind: "get", key: `k${key}`, serializable: false };
    const at = { startNs, pointNs: startNs + 100, endNs: startNs + 200 };
    planned.push({ client: shape.clients, member: 0, request, ...at, fate: "ok", phase: "final", response: null });
  }
  return planned;
}

function draw(prng: Prng, shape: Shape, i: number): OperationRequest {
  const key = `k${prng.below(shape.keys)}`;
  if (prng.below(100) < shape.writes) {
    return prng.below(8) === 0
      ? { kind: "delete", key }
      : { kind: "put", key, value: `v${shape.values === undefined ? i : i % shape.values}` };
  }
  return { kind: "get", key, serializable: prng.below(100) < shape.serializable };
}

function execute(planned: readonly Planned[]): Commit[] {
  const commits: Commit[] = [];
  const store = new Map<string, ObservedKeyValue>();
  let revision = 1;
  for (const each of [...planned].sort((a, b) => a.pointNs - b.pointNs)) {
    const { request, fate, pointNs: atNs } = each;
    if (fate === "failed" || fate === "unknown-lost") continue;
    const { key } = request;
    const before = store.get(key);
    if (request.kind === "get") {
      each.response = { kind: "get", revision, kv: before ?? null };
    } else if (request.kind === "put") {
      revision++;
      const createRevision = before?.createRevision ?? revision;
      const version = (before?.version ?? 0) + 1;
      const kv = { value: request.value, createRevision, modRevision: revision, version };
      store.set(key, kv);
      commits.push({ atNs, revision, key, kv });
      each.response = { kind: "put", revision };
    } else {
      if (before !== undefined) commits.push({ atNs, revision: ++revision, key, kv: null });
      store.delete(key);
      each.response = { kind: "delete", revision, deleted: before === undefined ? 0 : 1 };
    }
  }
  return commits;
}

function answerSerializable(
  prng: Prng,
  planned: readonly Planned[],
  commits: readonly Commit[],
  members: number,
): void {
  const applied = new Array<number>(members).fill(1);
  const answered = [...planned].sort((a, b) => a.pointNs - b.pointNs);
  const perKey = new Map<string, Commit[]>();
  for (const commit of commits) {
    const ofKey = perKey.get(commit.key);
    if (ofKey === undefined) perKey.set(commit.key, [commit]);
    else ofKey.push(commit);
  }
  for (const each of answered) {
    const { member, request, pointNs } = each;
    if (request.kind === "get" && request.serializable) {
      const seenNs = pointNs - prng.below(50 * MS);
      const lagging = last(commits, (commit) => commit.atNs <= seenNs)?.revision ?? 1;
      const revision = Math.max(applied[member] as number, lagging);
      const newest = last(perKey.get(request.key) ?? [], (commit) => commit.revision <= revision);
      each.response = { kind: "get", revision, kv: newest?.kv ?? null };
    }
    if (each.response !== null) applied[member] = Math.max(applied[member] as number, each.response.revision);
  }
}

/** The last commit that satisfies a condition which all before it satisfy too. */
function last(commits: readonly Commit[], holds: (commit: Commit) => boolean): Commit | undefined {
  let low = 0;
  let high = commits.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(commits[middle] as Commit)) low = middle + 1;
    else high = middle;
  }
  return commits[low - 1];
}

function record(
  { client, member, request, startNs, endNs, fate, phase, response }: Planned,
  id: number,
): OperationRecord {
  const common = { type: "operation", id, client, member: `n${member + 1}`, phase, request } as const;
  const times = { intendedNs: startNs, startNs, endNs };
  if (fate === "ok" && response !== null) return { ...common, ...times, outcome: { kind: "ok", response } };
  const kind = fate === "failed" ? "failed" : "unknown";
  return { ...common, ...times, outcome: { kind, reason: "simulated" } };
}

function watch(prng: Prng, commits: readonly Commit[], shape: Shape): Pick<Simulated, "watchers" | "watchEvents"> {
  const watchers: WatcherRecord[] = [];
  const watchEvents: WatchEventRecord[] = [];
  for (let watcher = 0; watcher < shape.watchers; watcher++) {
    const member = `n${(watcher % shape.members) + 1}`;
    const from = watcher === 0 ? 2 : 2 + prng.below(commits.length + 1);
    const life = { type: "watcher", watcher, member, reason: "" } as const;
    // Every second one selects half the keys, and asks for what they held before.
    const selects = { from: watcher % 2 === 0 ? "" : `k${shape.keys >> 1}`, to: null, kinds: "all" } as const;
    let response = 0;
    watchers.push({ ...life, atNs: 0, what: "opened", revision: from, response: response++, selects });
    let atNs = 1;
    const held = new Map<string, ObservedKeyValue>();
    for (const commit of commits) {
      const before = held.get(commit.key) ?? null;
      if (commit.kv === null) held.delete(commit.key);
      else held.set(commit.key, commit.kv);
      if (commit.revision < from || commit.key < selects.from) continue;
      atNs = Math.max(atNs + 1, commit.atNs + prng.below(MS));
      const { key, revision, kv } = commit;
      const bare = { type: "event", watcher, member, atNs, key, revision, response: response++ } as const;
      const previous = prng.below(10) === 0 ? null : before;
      const event = watcher % 2 === 0 ? bare : { ...bare, previous };
      if (kv === null) watchEvents.push({ ...event, kind: "delete", value: "", version: 0, createRevision: 0 });
      else {
        const { value, version, createRevision } = kv;
        watchEvents.push({ ...event, kind: "put", value, version, createRevision });
      }
      if (prng.below(20) === 0) watchers.push({ ...life, atNs, what: "progress", revision, response: response++ });
    }
    watchers.push({ ...life, atNs: atNs + 2, what: "closed", revision: Math.max(from, commits.at(-1)?.revision ?? 1) });
  }
  return { watchers, watchEvents };
}
