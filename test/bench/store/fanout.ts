/** One change told to a thousand watchers: events delivered for each second of server CPU. */
import { assert } from "../../../src/base/assert.ts";
import type { GrpcConnection } from "../../../src/grpc/connection.ts";
import type { Program } from "../../../src/harness/cluster/targets.ts";
import { WatchCreateRequest, WatchRequest } from "../../../src/proto/gen/etcdserverpb.ts";
import { Watch } from "../../../src/proto/gen/rpc.ts";
import { type Figure, median } from "./figures.ts";
import { connectAll, load, rawMethod } from "./load.ts";
import { PREFIX, PREFIX_END, putIn } from "./requests.ts";
import { BenchCluster } from "./servers.ts";

export interface FanoutOptions {
  readonly ours: Program;
  readonly theirs: Program | null;
  readonly rounds: number;
  readonly durationMs: number;
  readonly say: (text: string) => void;
}

interface Shape {
  readonly name: string;
  readonly connections: number;
  readonly streams: number;
  readonly watchers: number;
}

/** Each 1,000 watchers: Kubernetes' API server has one watcher a stream, others many. */
const SHAPES: readonly Shape[] = [
  { name: "10 connections x 100 streams x 1 watcher", connections: 10, streams: 100, watchers: 1 },
  { name: "10 connections x 1 stream x 100 watchers", connections: 10, streams: 1, watchers: 100 },
];
const PUTS_IN_FLIGHT = 4;
/** Before anything counts: a server's first seconds are its compiler's. */
const WARM_UP_ROUNDS = 3;
const EVENTS_TAG = (11 << 3) | 2;
const CREATED_TAG = (3 << 3) | 0;

interface Sample {
  readonly perCpuSecond: number;
  readonly perSecond: number;
  /** Of this process: near 1 it is itself what limits the events per second (not those per CPU second). */
  readonly clientCores: number;
}

export async function measureFanout(options: FanoutOptions): Promise<readonly Figure[]> {
  const figures: Figure[] = [];
  const programs = [options.ours, ...(options.theirs === null ? [] : [options.theirs])];
  for (const shape of SHAPES) {
    options.say(`watch fan-out: ${shape.name}`);
    const clusters: BenchCluster[] = [];
    try {
      for (const program of programs) clusters.push(await BenchCluster.start({ program, members: 1 }));
      const samples: Sample[][] = clusters.map(() => []);
      for (let round = -WARM_UP_ROUNDS; round < options.rounds; round++)
        for (const [i, cluster] of round % 2 === 0 ? [...clusters.entries()] : [...clusters.entries()].reverse()) {
          const sample = await measure(cluster, shape, options.durationMs);
          if (round >= 0) samples[i]?.push(sample);
        }
      figures.push(...figuresOf(shape, samples[0] as Sample[], samples[1] ?? null));
    } finally {
      await Promise.all(clusters.map((cluster) => cluster.stop()));
    }
  }
  return figures;
}

async function measure(cluster: BenchCluster, shape: Shape, durationMs: number): Promise<Sample> {
  const member = await cluster.leader();
  const watching = await connectAll(member, shape.connections);
  const writing = await connectAll(member, 1);
  try {
    const audience = new Audience(watching, shape);
    await audience.created();
    const startMs = performance.now();
    const before = cluster.cpuSeconds();
    const clientBefore = process.cpuUsage();
    const { calls } = await load(writing, PUTS_IN_FLIGHT, putIn(1), { durationMs });
    const due = calls * shape.connections * shape.streams * shape.watchers;
    await audience.heard(due);
    assert(audience.events === due, "every watcher is told every put once", { due, heard: audience.events });
    const cpuSeconds = cluster.cpuSeconds() - before;
    const seconds = (performance.now() - startMs) / 1000;
    const { user, system } = process.cpuUsage(clientBefore);
    return {
      perCpuSecond: audience.events / cpuSeconds,
      perSecond: audience.events / seconds,
      clientCores: (user + system) / 1e6 / seconds,
    };
  } finally {
    for (const connection of [...watching, ...writing]) connection.close();
  }
}

/** All the watchers; counts what they hear without making objects of it. */
class Audience {
  events = 0;
  #created = 0;
  readonly #watchers: number;
  #wanted: { readonly count: () => number; readonly least: number; readonly reached: () => void } | null = null;

  constructor(connections: readonly GrpcConnection[], { streams, watchers }: Shape) {
    this.#watchers = connections.length * streams * watchers;
    const method = rawMethod(Watch.Watch);
    const value = WatchCreateRequest.create({ key: PREFIX, rangeEnd: PREFIX_END });
    const request = WatchRequest.encode(WatchRequest.create({ requestUnion: { kind: "createRequest", value } }));
    for (const connection of connections)
      for (let stream = 0; stream < streams; stream++) {
        const opened = connection.stream(
          method,
          {},
          { message: (bytes) => this.#hear(bytes), closed: () => undefined },
        );
        for (let watcher = 0; watcher < watchers; watcher++) opened.send(request);
      }
  }

  created(): Promise<void> {
    return this.#wait(() => this.#created, this.#watchers);
  }

  heard(least: number): Promise<void> {
    return this.#wait(() => this.events, least);
  }

  #wait(count: () => number, least: number): Promise<void> {
    return new Promise((reached) => {
      this.#wanted = { count, least, reached };
      this.#look();
    });
  }

  #look(): void {
    if (this.#wanted === null || this.#wanted.count() < this.#wanted.least) return;
    this.#wanted.reached();
    this.#wanted = null;
  }

  #hear(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      const tag = bytes[at++] as number;
      if (tag === EVENTS_TAG) this.events++;
      else if (tag === CREATED_TAG) this.#created++;
      let value = 0;
      let byte = 0x80;
      for (let shift = 0; byte >= 0x80; shift += 7) {
        byte = bytes[at++] as number;
        // Lengths fit; of larger numbers only the end matters.
        if (shift < 28) value |= (byte & 0x7f) << shift;
      }
      if ((tag & 7) === 2) at += value;
    }
    this.#look();
  }
}

function figuresOf(shape: Shape, ours: Sample[], theirs: Sample[] | null): readonly Figure[] {
  const section = "Watch: every put told to 1,000 watchers";
  const figure = (name: string, unit: string, of: (sample: Sample) => number, target: Figure["target"]): Figure => ({
    section,
    name: `${shape.name}: ${name}`,
    unit,
    ours: median(ours.map(of)),
    theirs: theirs === null ? null : median(theirs.map(of)),
    target,
  });
  return [
    figure("events per CPU second", "/s", ({ perCpuSecond }) => perCpuSecond, { kind: "ratio-at-least", value: 5 }),
    figure("events", "/s", ({ perSecond }) => perSecond, null),
    figure("the client's own CPU", "cores", ({ clientCores }) => clientCores, null),
  ];
}
