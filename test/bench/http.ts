/**
 * The two read modes seen by a client that is not ours: autocannon on `/health` (in etcd, and so in etcd-ts, a linearizable read
 * of one key) and on `/health?serializable=true`, held against our driver's gets at the same concurrency. One member, interleaved
 * rounds. autocannon runs its closed loop: its rate mode misreports latencies.
 *
 *   npm run bench:http [-- --smoke] [-- --connections 100]
 */
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import { Histogram } from "../../src/base/histogram.ts";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { LoadDriver } from "../../src/harness/load/driver.ts";
import type { OperationClass, Phase } from "../../src/harness/model/plan.ts";
import { BenchCluster, type BenchMember } from "./store/servers.ts";

interface Round {
  readonly ok: number;
  readonly other: number;
  readonly seconds: number;
  readonly latency: Histogram;
  readonly clientCpuMicros: number;
}

interface Contender {
  readonly name: string;
  run(durationMs: number): Promise<Round>;
}

/** All rounds of one contender added up. */
class Total {
  ok = 0;
  other = 0;
  seconds = 0;
  readonly latency: Histogram = new Histogram();
  clientCpuMicros = 0;
  /** Null once it could not be read. */
  serverCpuMicros: number | null = 0;

  add(round: Round, serverCpuMicros: number | null): void {
    this.ok += round.ok;
    this.other += round.other;
    this.seconds += round.seconds;
    this.latency.merge(round.latency);
    this.clientCpuMicros += round.clientCpuMicros;
    if (serverCpuMicros === null || this.serverCpuMicros === null) this.serverCpuMicros = null;
    else this.serverCpuMicros += serverCpuMicros;
  }

  get perSecond(): number {
    return this.ok / this.seconds;
  }

  get serverMicrosEach(): number | null {
    return this.serverCpuMicros === null ? null : this.serverCpuMicros / this.ok;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      smoke: { type: "boolean", default: false },
      connections: { type: "string", default: "50" },
      rounds: { type: "string" },
      seconds: { type: "string" },
    },
  });
  const connections = Number(values.connections);
  const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5));
  const durationMs = Number(values.seconds ?? (values.smoke ? 0.7 : 4)) * 1000;
  const cluster = await BenchCluster.start({ program: { kind: "ts" }, members: 1 });
  try {
    const [member] = cluster.members as [BenchMember];
    const contenders = contendersFor(member.port, connections);
    const totals = contenders.map(() => new Total());
    for (const contender of contenders) await contender.run(Math.min(1000, durationMs));
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        // Each round begins with another contender, so that none always runs behind the same one.
        const which = (round + turn) % contenders.length;
        const before = await serverCpuMicros(member);
        const result = await (contenders[which] as Contender).run(durationMs);
        const after = await serverCpuMicros(member);
        totals[which]?.add(result, before === null || after === null ? null : after - before);
      }
    }
    print(contenders, totals, connections, rounds, durationMs);
  } finally {
    await cluster.stop();
  }
}

function contendersFor(port: number, connections: number): readonly Contender[] {
  const modes: readonly [OperationClass, string][] = [
    ["get-linearizable", "/health"],
    ["get-serializable", "/health?serializable=true"],
  ];
  return modes.flatMap(([mode, path]) => {
    const short = mode.replace("get-", "");
    return [
      {
        name: `autocannon ${path}`,
        run: (durationMs: number) => runAutocannon(`http://127.0.0.1:${port}${path}`, connections, durationMs),
      },
      {
        name: `driver ${short} ${connections} x 1`,
        run: (durationMs: number) => runDriver(port, mode, connections, connections, durationMs),
      },
      {
        name: `driver ${short} 1 x ${connections}`,
        run: (durationMs: number) => runDriver(port, mode, 1, connections, durationMs),
      },
    ];
  });
}

async function runAutocannon(url: string, connections: number, durationMs: number): Promise<Round> {
  const latency = new Histogram();
  let ok = 0;
  let other = 0;
  const cpuBefore = process.cpuUsage();
  const began = performance.now();
  const result = await new Promise<autocannon.Result>((resolve, reject) => {
    const options = { url, connections, duration: durationMs / 1000 };
    const instance = autocannon(options, (error: unknown, done) => (error == null ? resolve(done) : reject(error)));
    // Its own percentiles are cut to whole milliseconds.
    instance.on("response", (_client, statusCode, _bytes, responseTimeMs) => {
      latency.record(responseTimeMs * 1e6);
      if (statusCode === 200) ok++;
      else other++;
    });
  });
  const { user, system } = process.cpuUsage(cpuBefore);
  other += result.errors + result.timeouts;
  return { ok, other, seconds: (performance.now() - began) / 1000, latency, clientCpuMicros: user + system };
}

async function runDriver(
  port: number,
  mode: OperationClass,
  connectionsPerMember: number,
  concurrency: number,
  durationMs: number,
): Promise<Round> {
  const phase: Phase = {
    name: mode,
    loop: { kind: "closed", concurrency },
    durationMs,
    mix: { [mode]: 1 },
    measured: true,
  };
  const driver = await LoadDriver.open({
    members: [{ name: "bench", address: { host: "127.0.0.1", port } }],
    plan: {
      keys: { prefix: "bench/", count: 1, distribution: "uniform", valueBytes: 16 },
      clients: { connectionsPerMember, deadlineMs: 5000, watchersPerMember: 0 },
      phases: [phase],
    },
    network: nodeStreams,
    clock: nodeClock,
    originMs: nodeClock.monotonicMs(),
    prng: new Prng(1),
    signal: new AbortController().signal,
    onEvent: () => {},
  });
  try {
    const { startNs, stopNs, clientCpuMicros } = await driver.runPhase(phase);
    const latency = new Histogram();
    let other = 0;
    for (const record of driver.recorder.records()) {
      if (record.type !== "operation") continue;
      if (record.outcome.kind === "ok") latency.record(record.endNs - record.intendedNs);
      else other++;
    }
    return { ok: latency.count, other, seconds: (stopNs - startNs) / 1e9, latency, clientCpuMicros };
  } finally {
    driver.close();
  }
}

function print(
  contenders: readonly Contender[],
  totals: readonly Total[],
  connections: number,
  rounds: number,
  durationMs: number,
): void {
  console.log(
    `one member, ${connections} requests in flight, ${rounds} interleaved rounds of ${durationMs / 1000} s each\n`,
  );
  const row = (...cells: readonly string[]): void =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(36) : cell.padStart(14))).join(""));
  row("closed loop", "requests/s", "p50 ms", "p99 ms", "server us/req", "client us/req", "not ok");
  for (const [i, total] of totals.entries()) {
    const ms = (q: number): string => (total.latency.count === 0 ? "-" : (total.latency.quantile(q) / 1e6).toFixed(2));
    row(
      contenders[i]?.name ?? "",
      total.perSecond.toFixed(0),
      ms(0.5),
      ms(0.99),
      total.serverMicrosEach?.toFixed(1) ?? "-",
      (total.clientCpuMicros / total.ok).toFixed(1),
      String(total.other),
    );
  }
  const [slowHttp, slowSame, slowOne, fastHttp, fastSame, fastOne] = totals as [
    Total,
    Total,
    Total,
    Total,
    Total,
    Total,
  ];
  console.log("\nserializable over linearizable (requests/s; server CPU a request)");
  ratio("autocannon", fastHttp, slowHttp);
  ratio(`driver ${connections} x 1`, fastSame, slowSame);
  ratio(`driver 1 x ${connections}`, fastOne, slowOne);
  console.log("\nour driver over autocannon, one request a connection");
  ratio("linearizable", slowSame, slowHttp);
  ratio("serializable", fastSame, fastHttp);
}

function ratio(name: string, top: Total, bottom: Total): void {
  const cpu =
    top.serverMicrosEach !== null && bottom.serverMicrosEach !== null
      ? top.serverMicrosEach / bottom.serverMicrosEach
      : null;
  console.log(
    `  ${name.padEnd(24)}${(top.perSecond / bottom.perSecond).toFixed(2).padStart(8)}x${cpu?.toFixed(2).padStart(8) ?? "       -"}x`,
  );
}

async function serverCpuMicros(member: BenchMember): Promise<number | null> {
  const seconds = (await member.metrics())("process_cpu_seconds_total");
  return seconds === null ? null : seconds * 1e6;
}

await main();
