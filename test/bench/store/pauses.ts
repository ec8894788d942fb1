/**
 * The longest pause of our server's event loop while it does what touches the whole store, and whether its cluster lost its leader over
 * it. Three members, a client that writes at a steady rate meanwhile.
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:http2";
import { setTimeout as delay } from "node:timers/promises";
import type { GrpcConnection } from "../../../src/grpc/connection.ts";
import { messagePrefix } from "../../../src/grpc/output.ts";
import { GrpcError, StatusCode } from "../../../src/grpc/status.ts";
import type { Program } from "../../../src/harness/cluster/targets.ts";
import {
  CompactionRequest,
  DefragmentRequest,
  DeleteRangeRequest,
  HashKVRequest,
  RangeRequest,
  RequestOp,
  SnapshotRequest,
  TxnRequest,
  WatchCreateRequest,
  WatchRequest,
} from "../../../src/proto/gen/etcdserverpb.ts";
import { KV, Maintenance, Watch } from "../../../src/proto/gen/rpc.ts";
import type { Figure } from "./figures.ts";
import { call, connectAll, load, rawMethod } from "./load.ts";
import { fill } from "./million.ts";
import type { Pauses } from "./pause-meter.ts";
import { fillFrom, PREFIX, PREFIX_END, putIn } from "./requests.ts";
import { BenchCluster, type BenchMember } from "./servers.ts";

export interface PausesOptions {
  readonly ours: Program;
  readonly keys: number;
  /** How long each load lasts that has no end of its own. */
  readonly durationMs: number;
  /** Say of each pause where it was spent: by a profile, which makes it longer. */
  readonly where: boolean;
  readonly say: (text: string) => void;
}

interface Context {
  readonly cluster: BenchCluster;
  readonly leader: BenchMember;
  readonly follower: BenchMember;
  readonly options: PausesOptions;
}

interface Work {
  readonly name: string;
  /** Whose pause counts; default: everybody's. */
  readonly watched?: (context: Context) => readonly BenchMember[];
  /** False: its pause is printed only. */
  readonly isJudged?: boolean;
  readonly run: (context: Context) => Promise<unknown>;
}

const PAUSE_MAX_MS = 20;
const COLLECTIONS_TOLD = 5;
const PAGE_KEYS = 10_000;
const WRITE_EVERY_MS = 5;
const CUT_READS = 5;
const CUT_PAUSE_MS = 1000;
const CUT_LIMIT_MS = 60_000;
/** More than a leader keeps for a follower that was away, so that it needs a snapshot. */
const MISSED_PUTS = 20_000;
const CATCH_UP_LIMIT_MS = 300_000;

const WORKS: readonly Work[] = [
  {
    name: "puts, 1 x 100 (buffer commits)",
    run: async ({ leader, options }) => {
      const connections = await connectAll(leader, 1);
      await load(connections, 100, putIn(1000), { durationMs: options.durationMs });
      for (const connection of connections) connection.close();
    },
  },
  { name: "count of the whole store", run: ({ leader }) => reads(leader, { countOnly: true }) },
  { name: "keys of the whole store", run: ({ leader }) => reads(leader, { keysOnly: true }) },
  { name: "whole store in one range", run: ({ leader }) => reads(leader, {}) },
  { name: "whole store in one range, cut while it is sent", run: ({ leader }) => cutReads(leader) },
  {
    name: "whole store sorted by value, the first 10",
    run: ({ leader }) => reads(leader, { sortTarget: 4, sortOrder: 1, limit: 10 }),
  },
  { name: "whole store in pages of 10,000", run: ({ leader }) => pages(leader) },
  { name: "whole store as a stream", run: ({ leader }) => rangeStream(leader) },
  { name: "HashKV on every member", run: hashEverywhere },
  { name: "watch replay of all revisions", run: ({ leader }) => replay(leader) },
  // So that there is something to remove.
  { name: "every tenth key again, txns of 100 puts", isJudged: false, run: rewrite },
  { name: "compaction to the newest revision", run: ({ leader }) => compact(leader) },
  {
    name: "defragment of a follower (others)",
    watched: ({ cluster, follower }) => cluster.members.filter((member) => member !== follower),
    run: ({ follower }) =>
      withConnection(follower, (connection) => call(connection, Maintenance.Defragment, DefragmentRequest.create({}))),
  },
  { name: "taking a snapshot (Snapshot)", run: ({ leader }) => takeSnapshot(leader) },
  { name: "sending a snapshot to a follower", watched: ({ leader }) => [leader], run: catchUp },
];

/** One answer, and one entry of the log, each made as a whole: exempt. With many keys the leader is lost over them. */
const WHOLE_WORKS: readonly Work[] = [
  { name: "whole store in one range of a txn", run: ({ leader }) => readInTxn(leader) },
  { name: "delete of the whole store", run: ({ leader }) => deleteAll(leader) },
];

export async function measurePauses(options: PausesOptions): Promise<readonly Figure[]> {
  const { ours: program, keys, where } = options;
  const cluster = await BenchCluster.start({ program, members: 3, pauses: where ? "where" : "how-long" });
  try {
    const leader = await cluster.leader();
    const follower = cluster.members.find((member) => member !== leader) as BenchMember;
    const context = { cluster, leader, follower, options };
    const before = await leaderChanges(cluster);
    const figures: Figure[] = [];
    const filling = { name: "filling, txns of 100 puts", isJudged: false, run: () => fill(leader, keys) };
    for (const work of [filling, ...WORKS]) figures.push(...(await measureWork(work, context)));
    const changes = (await leaderChanges(cluster)) - before;
    const target = { kind: "at-most", value: 0 } as const;
    figures.push({ section: SECTION, name: "leader changes", unit: "", ours: changes, theirs: null, target });
    for (const work of WHOLE_WORKS) figures.push(await measureWhole(work, context));
    return figures;
  } finally {
    await cluster.stop();
  }
}

const SECTION = "Longest pause of etcd-ts's event loop, three members, worst of them";

async function measureWork(work: Work, context: Context): Promise<readonly Figure[]> {
  context.options.say(`pauses: ${work.name}`);
  const watched = work.watched?.(context) ?? context.cluster.members;
  await worstOf(watched);
  const before = machineTicks();
  const writer = new SteadyWriter(context.leader);
  try {
    await work.run(context);
  } catch (error) {
    if (!(error instanceof GrpcError) || error.code !== StatusCode.UNIMPLEMENTED) throw error;
    context.options.say(`pauses: ${work.name}: the server does not do that`);
    return [];
  } finally {
    await writer.end();
  }
  const worst = await worstOf(watched);
  tell(worst, takenSince(before), context.options.say);
  return [figureOf(work.name, worst, work.isJudged !== false)];
}

/** Without other writes, which would fail with it. */
async function measureWhole({ name, run }: Work, context: Context): Promise<Figure> {
  const { cluster, options } = context;
  options.say(`pauses: ${name}`);
  await worstOf(cluster.members);
  const before = machineTicks();
  try {
    await run(context);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    options.say(`  ${error.message}`);
  }
  const worst = await worstOf(cluster.members);
  tell(worst, takenSince(before), options.say);
  return figureOf(name, worst, false);
}

function tell(
  { ownMs, onCoreMs, collections, longestCollection, longestCollectionMs, longCount, where }: Pauses,
  takenShare: number,
  say: PausesOptions["say"],
): void {
  const longest = `longest collection ${longestCollection} ${longestCollectionMs.toFixed(1)}`;
  say(
    `  ${ownMs.toFixed(1)} ms, ${onCoreMs.toFixed(1)} on a core, collectors in it [${some(collections)}]; ${longest}; ${longCount} pauses over ${PAUSE_MAX_MS} ms; the host took ${(100 * takenShare).toFixed(1)} % of the machine`,
  );
  for (const line of where) say(`    ${line}`);
}

function some(collections: readonly string[]): string {
  const more = collections.length - COLLECTIONS_TOLD;
  return collections.slice(0, COLLECTIONS_TOLD).join() + (more > 0 ? ` and ${more} more` : "");
}

/** What a busy machine takes from the process is not its pause: judged is the rest. */
function figureOf(name: string, { wallMs, ownMs, onCoreMs, collectionMs }: Pauses, judged: boolean): Figure {
  const rest = `on a core ${onCoreMs.toFixed(0)}, collector ${collectionMs.toFixed(0)} of it; ${wallMs.toFixed(0)} by the clock`;
  const target = judged ? ({ kind: "at-most", value: PAUSE_MAX_MS } as const) : null;
  return { section: SECTION, name: `${name} (${rest})`, unit: "ms", ours: ownMs, theirs: null, target };
}

interface Ticks {
  readonly all: number;
  /** Of virtual cores that had work and no real core: collectors and disks wait longer then. */
  readonly taken: number;
}

/** Of all cores, since the machine began. */
function machineTicks(): Ticks {
  const [, ...fields] = readFileSync("/proc/stat", "latin1").split("\n", 1).join().split(/\s+/);
  // Behind the eighth, which is what the host took, stand parts of the first two.
  const ticks = fields.slice(0, 8).map(Number);
  return { all: ticks.reduce((sum, each) => sum + each, 0), taken: ticks[7] as number };
}

function takenSince(before: Ticks): number {
  const now = machineTicks();
  return (now.taken - before.taken) / Math.max(1, now.all - before.all);
}

/** Of the member with the longest, since it was last asked. */
async function worstOf(members: readonly BenchMember[]): Promise<Pauses> {
  const all = await Promise.all(members.map((member) => member.pauses()));
  return all.reduce((worst, each) => (each.ownMs > worst.ownMs ? each : worst));
}

async function leaderChanges(cluster: BenchCluster): Promise<number> {
  let sum = 0;
  for (const member of cluster.members)
    sum += (await member.metrics())("etcd_server_leader_changes_seen_total") ?? Number.NaN;
  return sum;
}

/** One put after the other, a pause between them, as long as something else is measured. */
class SteadyWriter {
  #over = false;
  readonly #done: Promise<void>;

  constructor(member: BenchMember) {
    this.#done = this.#run(member);
  }

  async end(): Promise<void> {
    this.#over = true;
    await this.#done;
  }

  async #run(member: BenchMember): Promise<void> {
    const calls = putIn(1000);
    await withConnection(member, async (connection) => {
      while (!this.#over) {
        await load([connection], 1, calls, { durationMs: 60_000, callsMax: 1 });
        await delay(WRITE_EVERY_MS);
      }
    });
  }
}

async function withConnection<Result>(
  member: BenchMember,
  run: (connection: GrpcConnection) => Promise<Result>,
): Promise<Result> {
  const connection = await member.connect();
  try {
    return await run(connection);
  } finally {
    connection.close();
  }
}

async function currentRevision(connection: GrpcConnection): Promise<number> {
  const { header } = await call(connection, KV.Range, RangeRequest.create({ key: PREFIX }));
  return header?.revision ?? 0;
}

async function reads(member: BenchMember, request: Partial<RangeRequest>): Promise<void> {
  const bytes = RangeRequest.encode(RangeRequest.create({ key: PREFIX, rangeEnd: PREFIX_END, ...request }));
  await withConnection(member, (connection) => call(connection, rawMethod(KV.Range), bytes));
}

/** Whoever asks goes away when the first bytes come, again and again: what was not sent is memory to be given back. */
async function cutReads(member: BenchMember): Promise<void> {
  for (let turn = 0; turn < CUT_READS; turn++) {
    const session = connect(member.url);
    const stream = session.request({
      ":method": "POST",
      ":path": KV.Range.path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const request = RangeRequest.encode(RangeRequest.create({ key: PREFIX, rangeEnd: PREFIX_END }));
    stream.end(Buffer.concat([messagePrefix(request.length), request]));
    await once(stream, "data", { signal: AbortSignal.timeout(CUT_LIMIT_MS) });
    session.destroy();
    // What is left behind is collected while others are served.
    await withConnection(member, (connection) => load([connection], 10, putIn(1000), { durationMs: CUT_PAUSE_MS }));
  }
}

async function pages(member: BenchMember): Promise<void> {
  await withConnection(member, async (connection) => {
    let key = PREFIX;
    let revision = 0;
    for (;;) {
      const request = RangeRequest.create({ key, rangeEnd: PREFIX_END, limit: PAGE_KEYS, revision });
      const { header, kvs, more } = await call(connection, KV.Range, request);
      revision ||= header?.revision ?? 0;
      const last = kvs.at(-1);
      if (!more || last === undefined) return;
      key = new Uint8Array([...last.key, 0]);
    }
  });
}

function rangeStream(member: BenchMember): Promise<void> {
  const request = RangeRequest.encode(RangeRequest.create({ key: PREFIX, rangeEnd: PREFIX_END }));
  return withConnection(
    member,
    (connection) =>
      new Promise((resolve, reject) => {
        const stream = connection.stream(
          rawMethod(KV.RangeStream),
          {},
          { message: () => undefined, closed: (error) => (error === null ? resolve() : reject(error)) },
        );
        stream.send(request);
        stream.end();
      }),
  );
}

async function hashEverywhere({ cluster }: Context): Promise<void> {
  for (const member of cluster.members)
    await withConnection(member, (connection) => call(connection, Maintenance.HashKV, HashKVRequest.create({})));
}

/** From the first revision to the one that is newest when it begins. */
async function replay(member: BenchMember): Promise<void> {
  const revision = await withConnection(member, currentRevision);
  await withConnection(
    member,
    (connection) =>
      new Promise<void>((resolve, reject) => {
        const stream = connection.stream(
          Watch.Watch,
          {},
          {
            message: ({ events }) => {
              if ((events.at(-1)?.kv?.modRevision ?? 0) >= revision) resolve();
            },
            closed: (error) => reject(error ?? new Error("the watch ended")),
          },
        );
        const value = WatchCreateRequest.create({ key: PREFIX, rangeEnd: PREFIX_END, startRevision: 2 });
        stream.send(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
      }),
  );
}

async function rewrite({ leader, options }: Context): Promise<void> {
  await withConnection(leader, (connection) =>
    load([connection], 8, fillFrom(0), { durationMs: 600_000, callsMax: options.keys / 1000 }),
  );
}

async function compact(leader: BenchMember): Promise<void> {
  await withConnection(leader, async (connection) => {
    const revision = await currentRevision(connection);
    await call(connection, KV.Compact, CompactionRequest.create({ revision, physical: true }));
  });
}

function takeSnapshot(member: BenchMember): Promise<void> {
  return withConnection(
    member,
    (connection) =>
      new Promise((resolve, reject) => {
        const stream = connection.stream(
          rawMethod(Maintenance.Snapshot),
          {},
          { message: () => undefined, closed: (error) => (error === null ? resolve() : reject(error)) },
        );
        stream.send(SnapshotRequest.encode(SnapshotRequest.create({})));
        stream.end();
      }),
  );
}

function readInTxn(member: BenchMember): Promise<Uint8Array> {
  const value = RangeRequest.create({ key: PREFIX, rangeEnd: PREFIX_END });
  const request = TxnRequest.create({ success: [RequestOp.create({ request: { kind: "requestRange", value } })] });
  return withConnection(member, (connection) => call(connection, rawMethod(KV.Txn), TxnRequest.encode(request)));
}

async function deleteAll(member: BenchMember): Promise<void> {
  const request = DeleteRangeRequest.create({ key: PREFIX, rangeEnd: PREFIX_END });
  await withConnection(member, (connection) => call(connection, KV.DeleteRange, request));
}

/** The follower misses more than the leader keeps, so that it needs a snapshot; that it got one the leader's count says. */
async function catchUp({ cluster, leader, follower }: Context): Promise<void> {
  const before = await snapshotsSent(leader);
  await follower.stop("SIGTERM");
  await withConnection(leader, (connection) =>
    load([connection], 100, putIn(1000), { durationMs: 600_000, callsMax: MISSED_PUTS }),
  );
  follower.start();
  await follower.serves();
  const untilMs = performance.now() + CATCH_UP_LIMIT_MS;
  for (;;) {
    const revisions = Object.values(await cluster.revisions());
    if (revisions.every((revision) => revision !== null && revision >= (revisions[0] as number) - 100)) break;
    if (performance.now() > untilMs) throw new Error("the follower did not catch up");
    await delay(WRITE_EVERY_MS);
  }
  if ((await snapshotsSent(leader)) <= before)
    throw new Error("the follower caught up without a snapshot: nothing was measured");
}

async function snapshotsSent(leader: BenchMember): Promise<number> {
  return (await leader.metrics())("etcd_network_snapshot_send_success") ?? 0;
}
