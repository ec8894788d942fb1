/** CPU and throughput of single requests beside Go etcd's, in the shapes of the design's table. */
import type { Program } from "../../../src/harness/cluster/targets.ts";
import { type Figure, median, type Target } from "./figures.ts";
import { type Calls, connectAll, load } from "./load.ts";
import { compareAndPut, fillFrom, PUTS_A_TXN, putIn, readMany, readOne } from "./requests.ts";
import { BenchCluster } from "./servers.ts";

export interface ShapesOptions {
  readonly ours: Program;
  /** Null: nothing to compare with. */
  readonly theirs: Program | null;
  readonly members: number;
  readonly rounds: number;
  /** Of one measurement. */
  readonly durationMs: number;
  /** Only cells whose names begin so; empty: all. */
  readonly only: readonly string[];
  /** Not null: our members write CPU profiles of their whole lives into this folder. */
  readonly profileDir: string | null;
  readonly say: (text: string) => void;
}

interface Cell {
  readonly name: string;
  /** Rounds that are not counted. */
  readonly warmRounds: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly calls: Calls;
  readonly cpu: Target | null;
  readonly throughput: Target | null;
  readonly p99: Target | null;
}

/** One measurement. */
interface Sample {
  readonly cpuMicros: number;
  readonly perSecond: number;
  readonly p99Ms: number;
}

const SHAPES = [
  { connections: 1, inFlight: 100 },
  { connections: 10, inFlight: 10 },
  { connections: 100, inFlight: 1 },
] as const;
const MANY = 1000;
const WARM_ROUNDS = 1;
const PUT_WARM_ROUNDS = 3;
/** How many rounds' time of puts comes before all cells: followers compile only when there is something to follow, for seconds. */
const FIRST_WARM_ROUNDS = 8;

/** The design's targets: which of them belong to which cell. */
function cellsOf(members: number): readonly Cell[] {
  const cells = SHAPES.flatMap(({ connections, inFlight }): readonly Cell[] => {
    const shape = `${connections} x ${inFlight}`;
    const wide = connections === 100;
    const none = { connections, inFlight, warmRounds: WARM_ROUNDS, cpu: null, throughput: null, p99: null };
    return [
      {
        ...none,
        name: `serializable read, ${shape}`,
        calls: readOne(true),
        cpu: { kind: "ratio-at-most", value: wide ? 0.7 : 0.2 },
      },
      {
        ...none,
        name: `linearizable read, ${shape}`,
        calls: readOne(false),
        throughput: wide ? null : { kind: "ratio-at-least", value: 3 },
      },
      {
        ...none,
        name: `put, ${shape}`,
        warmRounds: PUT_WARM_ROUNDS,
        calls: putIn(1),
        throughput: members === 3 ? { kind: "ratio-at-least", value: 2 } : null,
        p99: members === 3 ? { kind: "ratio-at-most", value: 1 } : null,
      },
    ];
  });
  const none = { connections: 10, warmRounds: WARM_ROUNDS, cpu: null, throughput: null, p99: null };
  return [
    ...cells,
    { ...none, name: "range of 1,000, 10 x 1", inFlight: 1, calls: readMany(MANY) },
    { ...none, name: "txn (compare, put), 10 x 10", inFlight: 10, calls: compareAndPut() },
  ];
}

/** Both clusters run all the time; each cell is measured on one and the other in turn, in alternating order, after rounds to warm up. */
export async function measureShapes(options: ShapesOptions): Promise<readonly Figure[]> {
  const { members, rounds, durationMs, only, profileDir, say } = options;
  const cells = cellsOf(members).filter(({ name }) => only.length === 0 || only.some((part) => name.startsWith(part)));
  const programs = [options.ours, ...(options.theirs === null ? [] : [options.theirs])];
  const clusters: BenchCluster[] = [];
  try {
    for (const program of programs) clusters.push(await BenchCluster.start({ program, members, profileDir }));
    for (const cluster of clusters) await warmUp(cluster, FIRST_WARM_ROUNDS * durationMs);
    const figures: Figure[] = [];
    for (const cell of cells) {
      say(`${members} member(s): ${cell.name}`);
      const samples: Sample[][] = clusters.map(() => []);
      for (let round = 0; round < rounds + cell.warmRounds; round++) {
        const order = clusters.map((_, i) => (round % 2 === 0 ? i : clusters.length - 1 - i));
        for (const i of order) {
          const sample = await measure(clusters[i] as BenchCluster, cell, durationMs);
          if (round >= cell.warmRounds) samples[i]?.push(sample);
        }
      }
      figures.push(...figuresOf(cell, members, samples[0] as Sample[], samples[1] ?? null));
    }
    return figures;
  } finally {
    await Promise.all(clusters.map((cluster) => cluster.stop()));
  }
}

/** Leaves the keys that ranges read. */
async function warmUp(cluster: BenchCluster, durationMs: number): Promise<void> {
  const connections = await connectAll(await cluster.leader(), 10);
  await load(connections, 1, fillFrom(0), { durationMs: 60_000, callsMax: MANY / PUTS_A_TXN });
  await load(connections, 10, putIn(1), { durationMs });
  for (const connection of connections) connection.close();
}

async function measure(cluster: BenchCluster, cell: Cell, durationMs: number): Promise<Sample> {
  const connections = await connectAll(await cluster.leader(), cell.connections);
  try {
    await load(connections, cell.inFlight, cell.calls, { durationMs: durationMs / 5 });
    const before = cluster.cpuSeconds();
    const { calls, seconds, latency } = await load(connections, cell.inFlight, cell.calls, { durationMs });
    const cpuSeconds = cluster.cpuSeconds() - before;
    return { cpuMicros: (cpuSeconds / calls) * 1e6, perSecond: calls / seconds, p99Ms: latency.quantile(0.99) / 1e6 };
  } finally {
    for (const connection of connections) connection.close();
  }
}

function figuresOf(cell: Cell, members: number, ours: Sample[], theirs: Sample[] | null): readonly Figure[] {
  const figure = (name: string, unit: string, of: (sample: Sample) => number, target: Target | null): Figure => ({
    section: `${members === 1 ? "One member" : `${members} members`}, load on the leader`,
    name: `${cell.name}: ${name}`,
    unit,
    ours: median(ours.map(of)),
    theirs: theirs === null ? null : median(theirs.map(of)),
    target,
  });
  return [
    figure("server CPU", "us", ({ cpuMicros }) => cpuMicros, cell.cpu),
    figure("throughput", "/s", ({ perSecond }) => perSecond, cell.throughput),
    figure("p99", "ms", ({ p99Ms }) => p99Ms, cell.p99),
  ];
}
