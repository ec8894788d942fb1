/** A store with many keys: what filling it costs, what it holds in memory, and how soon it serves again after a stop and after a kill. */
import { setTimeout as delay } from "node:timers/promises";
import type { Program } from "../../../src/harness/cluster/targets.ts";
import { RangeRequest } from "../../../src/proto/gen/etcdserverpb.ts";
import { KV } from "../../../src/proto/gen/rpc.ts";
import type { Figure, Target } from "./figures.ts";
import { call, connectAll, load } from "./load.ts";
import { fillFrom, PREFIX, PREFIX_END, PUTS_A_TXN } from "./requests.ts";
import { BenchCluster, type BenchMember } from "./servers.ts";

export interface MillionOptions {
  readonly ours: Program;
  readonly theirs: Program | null;
  readonly keys: number;
  /** Before memory is looked at: for what the fill has left behind to be written, and for a collector that runs by itself. */
  readonly settleMs: number;
  readonly say: (text: string) => void;
}

interface Result {
  readonly fillPerSecond: number;
  readonly fillCpuMicros: number;
  readonly filledBytes: number;
  readonly filledAnonymousBytes: number;
  readonly startSeconds: number;
  readonly startCpuSeconds: number;
  readonly killedStartSeconds: number;
  readonly startedBytes: number;
  readonly startedAnonymousBytes: number;
}

const TXNS_IN_FLIGHT = 8;
const FILL_LIMIT_MS = 30 * 60_000;
const MEBIBYTE = 1024 * 1024;

export async function measureMillion(options: MillionOptions): Promise<readonly Figure[]> {
  const { keys } = options;
  const ours = await measure(options.ours, options);
  const theirs = options.theirs === null ? null : await measure(options.theirs, options);
  const section = `${keys.toLocaleString("en")} keys of 32 bytes with values of 256, one member`;
  const figure = (name: string, unit: string, of: (result: Result) => number, target: Target | null): Figure => ({
    section,
    name,
    unit,
    ours: of(ours),
    theirs: theirs === null ? null : of(theirs),
    target,
  });
  const noMore: Target = { kind: "ratio-at-most", value: 1 };
  return [
    figure("fill, txns of 100 puts", "keys/s", ({ fillPerSecond }) => fillPerSecond, null),
    figure("fill: server CPU a key", "us", ({ fillCpuMicros }) => fillCpuMicros, null),
    figure("resident memory after it", "MiB", ({ filledBytes }) => filledBytes / MEBIBYTE, noMore),
    figure("  of it no pages of files", "MiB", ({ filledAnonymousBytes }) => filledAnonymousBytes / MEBIBYTE, null),
    figure("start-up", "s", ({ startSeconds }) => startSeconds, { kind: "at-most", value: 10 }),
    figure("start-up: server CPU", "s", ({ startCpuSeconds }) => startCpuSeconds, null),
    figure("start-up after a kill", "s", ({ killedStartSeconds }) => killedStartSeconds, {
      kind: "at-most",
      value: 10,
    }),
    figure("resident memory after start-up", "MiB", ({ startedBytes }) => startedBytes / MEBIBYTE, noMore),
    figure("  of it no pages of files", "MiB", ({ startedAnonymousBytes }) => startedAnonymousBytes / MEBIBYTE, null),
  ];
}

async function measure(program: Program, { keys, settleMs, say }: MillionOptions): Promise<Result> {
  const kind = program.kind === "ts" ? "etcd-ts" : "Go etcd";
  const cluster = await BenchCluster.start({ program, members: 1 });
  try {
    const [member] = cluster.members as [BenchMember];
    say(`${kind}: filling ${keys} keys`);
    const before = cluster.cpuSeconds();
    const seconds = await fill(member, keys);
    const cpuSeconds = cluster.cpuSeconds() - before;
    await delay(settleMs);
    const filled = member.memory();
    say(`${kind}: starting again`);
    const startSeconds = await restart(member, "SIGTERM");
    const startCpuSeconds = member.cpuSeconds();
    await holds(member, keys);
    await delay(settleMs);
    const started = member.memory();
    const killedStartSeconds = await restart(member, "SIGKILL");
    await holds(member, keys);
    return {
      fillPerSecond: keys / seconds,
      fillCpuMicros: (cpuSeconds / keys) * 1e6,
      filledBytes: filled.residentBytes,
      filledAnonymousBytes: filled.anonymousBytes,
      startSeconds,
      startCpuSeconds,
      killedStartSeconds,
      startedBytes: started.residentBytes,
      startedAnonymousBytes: started.anonymousBytes,
    };
  } finally {
    await cluster.stop();
  }
}

/** Returns how many seconds it took. */
export async function fill(member: BenchMember, keys: number): Promise<number> {
  const connections = await connectAll(member, 1);
  const limit = { durationMs: FILL_LIMIT_MS, callsMax: keys / PUTS_A_TXN };
  const { seconds } = await load(connections, TXNS_IN_FLIGHT, fillFrom(0), limit);
  for (const connection of connections) connection.close();
  return seconds;
}

/** Returns how many seconds passed until it served, from its start on. */
async function restart(member: BenchMember, signal: "SIGTERM" | "SIGKILL"): Promise<number> {
  await member.stop(signal);
  const startMs = performance.now();
  member.start();
  await member.serves();
  return (performance.now() - startMs) / 1000;
}

/** A benchmark of a store that lost something would be worth nothing. */
async function holds(member: BenchMember, keys: number): Promise<void> {
  const connection = await member.connect();
  const request = RangeRequest.create({ key: PREFIX, rangeEnd: PREFIX_END, countOnly: true });
  const { count } = await call(connection, KV.Range, request);
  connection.close();
  if (count !== keys) throw new Error(`${member.name} holds ${count} of ${keys} keys`);
}
