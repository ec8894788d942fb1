/**
 * CPU per unary call of this package's gRPC layer, of node:http2 with gRPC's framing done by hand, and of @grpc/grpc-js. Every
 * server and every client is a process of its own; servers are measured under our client and clients against our server, in
 * interleaved rounds. `--smoke` runs it in seconds, for its own sake.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type Ask, KINDS, type Kind, type Reply } from "./grpc/shared.ts";

interface Shape {
  readonly name: string;
  readonly connections: number;
  readonly inFlight: number;
  /** How much less server CPU than @grpc/grpc-js. */
  readonly target: number;
}

const SHAPES: readonly Shape[] = [
  { name: "1 connection x 100 calls in flight", connections: 1, inFlight: 100, target: 15 },
  { name: "100 connections x 1 call in flight", connections: 100, inFlight: 1, target: 4 },
];

interface Pair {
  readonly server: Kind;
  readonly client: Kind;
}

const PAIRS: readonly Pair[] = [
  ...KINDS.map((server): Pair => ({ server, client: "faultline" })),
  ...KINDS.slice(1).map((client): Pair => ({ server: "faultline", client })),
];

interface Run {
  readonly pair: Pair;
  readonly shape: Shape;
  readonly durationMs: number;
}

interface Sample {
  readonly serverMicros: number;
  readonly clientMicros: number;
  readonly perSecond: number;
}

class Child {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(new URL("./grpc/child.js", import.meta.url)), { execArgv: [] });
  }

  async ask(ask: Ask): Promise<Reply> {
    this.#process.send(ask);
    const [reply] = (await once(this.#process, "message")) as [Reply];
    return reply;
  }

  stop(): void {
    this.#process.disconnect();
  }
}

interface Server {
  readonly child: Child;
  readonly port: number;
}

async function measure(server: Child, port: number, client: Child, run: Run): Promise<Sample> {
  const { pair, shape, durationMs } = run;
  const { connections, inFlight } = shape;
  await client.ask({ ask: "connect", kind: pair.client, port, connections });
  await client.ask({ ask: "load", inFlight, durationMs: durationMs / 2 });
  const before = (await server.ask({ ask: "cpu" })).cpuMicros as number;
  const startMs = performance.now();
  const loaded = await client.ask({ ask: "load", inFlight, durationMs });
  const seconds = (performance.now() - startMs) / 1_000;
  const after = (await server.ask({ ask: "cpu" })).cpuMicros as number;
  await client.ask({ ask: "disconnect" });
  const calls = loaded.calls as number;
  return {
    serverMicros: (after - before) / calls,
    clientMicros: (loaded.cpuMicros as number) / calls,
    perSecond: calls / seconds,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}

function medians(samples: readonly Sample[]): Sample {
  return {
    serverMicros: median(samples.map((sample) => sample.serverMicros)),
    clientMicros: median(samples.map((sample) => sample.clientMicros)),
    perSecond: median(samples.map((sample) => sample.perSecond)),
  };
}

/** Prints one shape's table; true when its target is met. */
function report(shape: Shape, results: ReadonlyMap<Pair, readonly Sample[]>): boolean {
  const of = (pair: Pair): Sample => medians(results.get(pair) as Sample[]);
  const cell = (value: number): string => value.toFixed(2).padStart(10);
  console.log(`\n${shape.name} (CPU microseconds per unary call, medians)`);
  console.log(
    `${"".padEnd(14)}${"server".padStart(10)}${"ratio".padStart(10)}${"client".padStart(10)}${"ratio".padStart(10)}`,
  );
  const ours = of(PAIRS[0] as Pair);
  let ratio = 0;
  for (const kind of KINDS) {
    const asServer = of(PAIRS.find((pair) => pair.server === kind && pair.client === "faultline") as Pair);
    const asClient = of(PAIRS.find((pair) => pair.client === kind && pair.server === "faultline") as Pair);
    ratio = asServer.serverMicros / ours.serverMicros;
    const clientRatio = asClient.clientMicros / ours.clientMicros;
    console.log(
      `${kind.padEnd(14)}${cell(asServer.serverMicros)}${cell(ratio)}${cell(asClient.clientMicros)}${cell(clientRatio)}`,
    );
  }
  const met = ratio >= shape.target;
  console.log(`our pair: ${Math.round(ours.perSecond)} calls/s`);
  console.log(
    `target: at least ${shape.target}x less server CPU than grpc-js: ${ratio.toFixed(1)}x, ${met ? "met" : "MISSED"}`,
  );
  return met;
}

async function main(): Promise<void> {
  const smoke = process.argv.includes("--smoke");
  const rounds = smoke ? 1 : 5;
  const durationMs = smoke ? 150 : 1_000;
  const servers = new Map<Kind, Server>();
  const clients = new Map<Kind, Child>();
  for (const kind of KINDS) {
    const child = new Child();
    // Processes live through all rounds: a compiler that is still warming up measures itself.
    clients.set(kind, new Child());
    servers.set(kind, { child, port: (await child.ask({ ask: "listen", kind })).port as number });
  }
  for (const shape of SHAPES) {
    const results = new Map<Pair, Sample[]>(PAIRS.map((pair) => [pair, []]));
    for (let round = 0; round < rounds; round++) {
      for (const pair of PAIRS) {
        const server = servers.get(pair.server) as Server;
        const client = clients.get(pair.client) as Child;
        results.get(pair)?.push(await measure(server.child, server.port, client, { pair, shape, durationMs }));
      }
    }
    report(shape, results);
  }
  for (const { child } of servers.values()) child.stop();
  for (const child of clients.values()) child.stop();
  if (smoke) console.log("\nsmoke run: far too short for figures");
}

await main();
