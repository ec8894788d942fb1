/**
 * The two read modes seen by a client that is not ours: autocannon on `/health` (in etcd, and so in etcd-ts, a linearizable read
 * of one key) and on `/health?serializable=true`, held against our driver's gets at the same concurrency. One member in a
 * temporary directory, interleaved rounds. autocannon runs its closed loop: its rate mode misreports latencies.
 *
 *   npm run bench:http [-- --smoke] [-- --connections 100]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import { Histogram } from "../../src/base/histogram.ts";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { LoadDriver } from "../../src/harness/load/driver.ts";
import type { OperationClass, Phase } from "../../src/harness/model/plan.ts";
import { endsWithUs, removedWithUs } from "../support/belongings.ts";

const START_LIMIT_MS = 15_000;

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
  const directory = mkdtempSync(join(tmpdir(), "bench-http-"));
  const remove = removedWithUs(directory);
  let member: Member | null = null;
  try {
    member = await startMember(directory);
    const contenders = contendersFor(member.clientPort, connections);
    const totals = contenders.map(() => new Total());
    for (const contender of contenders) await contender.run(Math.min(1000, durationMs));
    for (let round = 0; round < rounds; round++) {
      for (let turn = 0; turn < contenders.length; turn++) {
        // Each round begins with another contender, so that none always runs behind the same one.
        const which = (round + turn) % contenders.length;
        const before = await serverCpuMicros(member.clientPort);
        const result = await (contenders[which] as Contender).run(durationMs);
        const after = await serverCpuMicros(member.clientPort);
        totals[which]?.add(result, before === null || after === null ? null : after - before);
      }
    }
    print(contenders, totals, connections, rounds, durationMs);
  } finally {
    if (member !== null) await member.stop();
    remove();
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

interface Member {
  readonly clientPort: number;
  stop(): Promise<void>;
}

async function startMember(directory: string): Promise<Member> {
  const clientPort = await freePort();
  const peer = `http://127.0.0.1:${await freePort()}`;
  const client = `http://127.0.0.1:${clientPort}`;
  const main = fileURLToPath(new URL("../../src/etcd/main.js", import.meta.url));
  const flags = {
    name: "bench",
    "data-dir": join(directory, "data"),
    "listen-client-urls": client,
    "advertise-client-urls": client,
    "listen-peer-urls": peer,
    "initial-advertise-peer-urls": peer,
    "initial-cluster": `bench=${peer}`,
  };
  const flagList = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawn(process.execPath, [main, ...flagList], { stdio: ["ignore", "ignore", "pipe"] });
  endsWithUs(child);
  let errors = "";
  child.stderr.on("data", (text: Buffer) => {
    errors = (errors + text).slice(-4000);
  });
  const stop = (): Promise<void> => stopMember(child);
  const until = performance.now() + START_LIMIT_MS;
  while (!(await healthy(client))) {
    if (child.exitCode === null && performance.now() < until) continue;
    await stop();
    throw new Error(`the member did not come up:\n${errors}`);
  }
  return { clientPort, stop };
}

async function stopMember(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await exited;
  clearTimeout(timer);
}

async function healthy(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) })).status === 200;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return false;
  }
}

async function serverCpuMicros(port: number): Promise<number | null> {
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const seconds = /^process_cpu_seconds_total ([0-9.e+-]+)/m.exec(metrics)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1e6;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has a port");
  return address.port;
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

await main();
