/**
 * What a proxy costs: our Toxiproxy and the real one, each a process of its own, and no proxy at all, in interleaved rounds with
 * the same clients and the same echoing server, which live here. The real one is found or built as the conformance test does it.
 *
 *   npm run bench:toxiproxy [-- --smoke] [-- --rounds 5] [-- --seconds 2]
 */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { parseArgs } from "node:util";
import { Histogram } from "../../src/base/histogram.ts";
import type { ToxicSpec } from "../../src/harness/faults/toxiproxy/client.ts";
import { findReal, OURS, startProcess, type Target } from "../harness/faults/toxiproxy/servers.ts";

const PING_BYTES = 256;
const BULK_WRITE_BYTES: number = 64 * 1024;
/** Of /proc/PID/stat: hundredths of a second on every Linux that Node runs on. */
const TICK_MICROS = 10_000;

interface Contender {
  readonly name: string;
  /** Address that leads to the echoing server with no toxic, and with one of the latency below. */
  readonly plain: string;
  readonly delayed: string | null;
  /** Null: no proxy, or its CPU time cannot be read here. */
  cpuMicros(): number | null;
}

interface Shape {
  readonly name: string;
  readonly unit: string;
  readonly delayed: boolean;
  /** Units done in the given time; each latency in nanoseconds. */
  run(address: string, durationMs: number, latency: Histogram): Promise<number>;
}

const DELAY: ToxicSpec = {
  name: "delay",
  type: "latency",
  stream: "upstream",
  toxicity: 1,
  attributes: { latency: 10, jitter: 0 },
};

const SHAPES: readonly Shape[] = [
  { name: "1 connection, ping", unit: "trips/s", delayed: false, run: (...run) => pings(1, ...run) },
  { name: "32 connections, ping", unit: "trips/s", delayed: false, run: (...run) => pings(32, ...run) },
  { name: "1 connection, bulk", unit: "MiB/s", delayed: false, run: bulk },
  { name: "8 connections, latency 10 ms", unit: "trips/s", delayed: true, run: (...run) => pings(8, ...run) },
];

/** One contender in one shape, all rounds added up. */
class Total {
  units = 0;
  seconds = 0;
  cpuMicros: number | null = 0;
  readonly latency: Histogram = new Histogram();

  get rate(): number {
    return this.units / this.seconds;
  }

  get cpuEach(): number | null {
    return this.cpuMicros === null ? null : this.cpuMicros / this.units;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { smoke: { type: "boolean", default: false }, rounds: { type: "string" }, seconds: { type: "string" } },
  });
  const rounds = Number(values.rounds ?? (values.smoke ? 1 : 5));
  const durationMs = Number(values.seconds ?? (values.smoke ? 0.3 : 2)) * 1000;
  const ends: (() => unknown)[] = [];
  try {
    const echo = await startEcho();
    ends.push(() => echo.close());
    const address = `127.0.0.1:${(echo.address() as AddressInfo).port}`;
    const contenders: Contender[] = [{ name: "direct", plain: address, delayed: null, cpuMicros: () => null }];
    const real = await findReal();
    if (typeof real === "string") console.log(`the real Toxiproxy is not measured: ${real}\n`);
    for (const target of [OURS, real])
      if (typeof target !== "string") contenders.push(await open(target, address, ends));
    console.log(`${rounds} interleaved rounds of ${durationMs / 1000} s each; pings of ${PING_BYTES} bytes\n`);
    for (const shape of SHAPES) print(shape, await measure(shape, contenders, rounds, durationMs));
  } finally {
    for (const end of ends) await end();
  }
}

async function open(target: Target, upstream: string, ends: (() => unknown)[]): Promise<Contender> {
  const { child, client } = await startProcess({ after: (end) => void ends.push(end) }, target);
  const states = await client.populate(["plain", "delayed"].map((name) => ({ name, listen: "127.0.0.1:0", upstream })));
  await client.addToxic("delayed", DELAY);
  const [plain = "", delayed = ""] = states.map((state) => state.listen);
  return { name: target.name, plain, delayed, cpuMicros: () => cpuMicros(child.pid) };
}

async function measure(
  shape: Shape,
  contenders: readonly Contender[],
  rounds: number,
  durationMs: number,
): Promise<ReadonlyMap<string, Total>> {
  const entered = contenders.filter((contender) => !shape.delayed || contender.delayed !== null);
  const totals = new Map(entered.map((contender) => [contender.name, new Total()]));
  const address = (contender: Contender) => (shape.delayed ? (contender.delayed as string) : contender.plain);
  for (const contender of entered) await shape.run(address(contender), Math.min(300, durationMs), new Histogram());
  for (let round = 0; round < rounds; round++)
    for (let turn = 0; turn < entered.length; turn++) {
      // Each round begins with another contender, so that none always runs behind the same one.
      const contender = entered[(round + turn) % entered.length] as Contender;
      const total = totals.get(contender.name) as Total;
      const cpuBefore = contender.cpuMicros();
      const began = performance.now();
      total.units += await shape.run(address(contender), durationMs, total.latency);
      total.seconds += (performance.now() - began) / 1000;
      const cpuAfter = contender.cpuMicros();
      if (cpuBefore === null || cpuAfter === null || total.cpuMicros === null) total.cpuMicros = null;
      else total.cpuMicros += cpuAfter - cpuBefore;
    }
  return totals;
}

function print(shape: Shape, totals: ReadonlyMap<string, Total>): void {
  const each = shape.unit.replace("s/s", "").replace("/s", "");
  const row = (...cells: readonly string[]): void =>
    console.log(cells.map((cell, i) => (i === 0 ? cell.padEnd(32) : cell.padStart(14))).join(""));
  row(shape.name, shape.unit, "p50 us", "p99 us", `CPU us/${each}`);
  for (const [name, total] of totals) {
    const us = (q: number): string => (total.latency.count === 0 ? "-" : (total.latency.quantile(q) / 1e3).toFixed(0));
    row(`  ${name}`, total.rate.toFixed(0), us(0.5), us(0.99), total.cpuEach?.toFixed(1) ?? "-");
  }
  const [direct, ours, real] = ["direct", "ours", "real"].map((name) => totals.get(name));
  if (ours !== undefined && real !== undefined) {
    const cpu = ours.cpuEach === null || real.cpuEach === null ? "-" : (ours.cpuEach / real.cpuEach).toFixed(2);
    console.log(`  ours over real: ${(ours.rate / real.rate).toFixed(2)} of the throughput, ${cpu} of the CPU`);
    if (direct !== undefined && direct.latency.count > 0) {
      const added = (total: Total): number => (total.latency.quantile(0.5) - direct.latency.quantile(0.5)) / 1e3;
      console.log(`  added latency, p50: ours ${added(ours).toFixed(0)} us, real ${added(real).toFixed(0)} us`);
    }
  }
  console.log("");
}

/** On each connection one ping after the other. */
async function pings(connections: number, address: string, durationMs: number, latency: Histogram): Promise<number> {
  const until = performance.now() + durationMs;
  const ping = Buffer.alloc(PING_BYTES, 1);
  let trips = 0;
  const one = async (): Promise<void> => {
    const socket = await dial(address);
    await new Promise<void>((resolve, reject) => {
      let missing = PING_BYTES;
      let sentMs = performance.now();
      socket.on("data", (bytes: Buffer) => {
        missing -= bytes.length;
        if (missing > 0) return;
        const nowMs = performance.now();
        latency.record(Math.round((nowMs - sentMs) * 1e6));
        trips++;
        if (nowMs >= until) {
          resolve();
          return;
        }
        missing = PING_BYTES;
        sentMs = nowMs;
        socket.write(ping);
      });
      socket.once("close", () => reject(new Error("the connection was closed during the measurement")));
      socket.write(ping);
    });
    socket.removeAllListeners("close");
    socket.destroy();
  };
  await Promise.all(Array.from({ length: connections }, one));
  return trips;
}

/** As much as goes through one connection and back, in MiB. */
async function bulk(address: string, durationMs: number): Promise<number> {
  const socket = await dial(address);
  const part = Buffer.alloc(BULK_WRITE_BYTES, 1);
  const until = performance.now() + durationMs;
  let received = 0;
  const write = (): void => {
    if (socket.destroyed) return;
    while (socket.write(part));
  };
  socket.on("drain", write);
  write();
  await new Promise<void>((resolve, reject) => {
    socket.on("data", (bytes: Buffer) => {
      received += bytes.length;
      if (performance.now() >= until) resolve();
    });
    socket.once("close", () => reject(new Error("the connection was closed during the measurement")));
  });
  socket.removeAllListeners("close");
  socket.destroy();
  return received / 2 ** 20;
}

async function dial(address: string): Promise<Socket> {
  const { hostname, port } = new URL(`tcp://${address}`);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, "connect");
  socket.on("error", () => undefined);
  return socket;
}

async function startEcho(): Promise<Server> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on("error", () => undefined);
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** User and system time of a process so far; null where there is no /proc. */
function cpuMicros(pid: number | undefined): number | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MICROS;
  } catch {
    return null;
  }
}

await main();
