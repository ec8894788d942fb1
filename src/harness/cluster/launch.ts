import { mkdirSync } from "node:fs";
import { Prng } from "../../base/prng.ts";
import type { LogLevel } from "../model/plan.ts";
import { type Cluster, LaunchError } from "./cluster.ts";
import { dialerAnswers, startDialer } from "./dialer.ts";
import { createProxies, localUrl, type ProxyProgram, reserveAddresses } from "./network.ts";
import { Ports } from "./ports.ts";
import { logEnd, logTail, ManagedProcess } from "./process.ts";
import { memberLogFile, PROXY_NAME, ProcessCluster } from "./process-cluster.ts";
import { membersServe, pollPause, READY_LIMIT_MS } from "./ready.ts";
import { ProcessRegistry } from "./registry.ts";
import { memberDataDir, needsDialer, type Program } from "./targets.ts";

const PROXY_GRACE_MS = 1000;

export interface LaunchOptions {
  readonly members: number;
  /** The run's own folder: gets data/, logs/ and, while it runs, processes.json. */
  readonly runDir: string;
  /** `findProgram` makes it from a plan's target. */
  readonly target: Program;
  /** The server between the members, as faults/toxiproxy/program.ts describes it. */
  readonly proxy: ProxyProgram;
  readonly seed: number;
  /** Default: info. */
  readonly logLevel?: LogLevel;
  /** A later sweep leaves the data alone. */
  readonly keepData: boolean;
  /** Ends the launch; afterwards the cluster is ended by `stop` alone. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the proxy with one proxy for each member's clients and one for each ordered pair of members, the peer dialer if the target
 * needs one, then the members n1 to nN, and waits until all serve through their proxies under one leader. When it rejects
 * (LaunchError, or the signal's reason), nothing is left running.
 */
export async function launchCluster(options: LaunchOptions): Promise<Cluster> {
  options.signal?.throwIfAborted();
  const { runDir, members } = options;
  const registry = new ProcessRegistry(runDir, options);
  const ports = new Ports();
  const between: ManagedProcess[] = [];
  let cluster: ProcessCluster | null = null;
  try {
    const addresses = await reserveAddresses(members, ports);
    for (const { name } of addresses) mkdirSync(memberDataDir(runDir, name), { recursive: true });
    const proxyPort = await ports.reserve();
    const proxyUrl = localUrl(proxyPort);
    await ports.release(proxyPort);
    const proxy = startProxy(options, registry, proxyPort);
    between.push(proxy);
    const control = options.proxy.connect(proxyUrl);
    const version = await answer(proxy, "the proxy", () => control.version(), options.signal);
    // The second hop costs time that the report's reader should know of.
    const way = needsDialer(options.target) ? ", to peers by way of SOCKS5" : "";
    const proxyVersion = `${options.proxy.name} ${options.proxy.version ?? version}${way}`;
    await createProxies(addresses, ports, control);
    if (needsDialer(options.target)) {
      for (const { socksPort } of addresses) await ports.release(socksPort);
      const dialer = startDialer(addresses, (name) => memberLogFile(runDir, name), registry);
      between.push(dialer);
      await answer(dialer, "the peer dialer", () => dialerAnswers(addresses), options.signal);
    }
    const prng = new Prng(options.seed);
    const shared = { registry, ports, between, control, addresses, proxyUrl, proxyVersion, prng };
    cluster = new ProcessCluster({ ...options, ...shared });
    await cluster.startMembers();
    const lastWords = (name: string): string => logEnd(memberLogFile(runDir, name));
    await membersServe({ cluster, prng, signal: options.signal, lastWords });
    return cluster;
  } catch (error) {
    if (cluster !== null) await cluster.stop();
    else {
      await Promise.all(between.map((each) => each.stop(PROXY_GRACE_MS)));
      await ports.close();
      registry.close();
    }
    throw error;
  }
}

function startProxy({ proxy, runDir, seed }: LaunchOptions, registry: ProcessRegistry, port: number): ManagedProcess {
  const logFile = memberLogFile(runDir, PROXY_NAME);
  return ManagedProcess.start({ name: PROXY_NAME, command: proxy.command(port, seed), logFile, registry });
}

/** Asks until the program answers. */
async function answer<T>(
  program: ManagedProcess,
  name: string,
  ask: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  const untilMs = performance.now() + READY_LIMIT_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (program.exit !== null || performance.now() > untilMs)
        throw new LaunchError(`${name} did not come up: ${(error as Error).message}\n${logTail(program.logFile)}`);
    }
    await pollPause(signal);
  }
}
