import { mkdirSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { Prng } from "../../base/prng.ts";
import type { Cluster } from "./cluster.ts";
import { dialerAnswers, startDialer } from "./dialer.ts";
import { createProxies, localUrl, type ProxyProgram, reserveAddresses } from "./network.ts";
import { Ports } from "./ports.ts";
import { MemberProbe, type MemberStatus } from "./probe.ts";
import { logTail, ManagedProcess } from "./process.ts";
import { memberLogFile, PROXY_NAME, ProcessCluster } from "./process-cluster.ts";
import { ProcessRegistry } from "./registry.ts";
import { memberDataDir, needsDialer, type Program } from "./targets.ts";

const READY_LIMIT_MS = 30_000;
const POLL_MS = 25;
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
  /** A later sweep leaves the data alone. */
  readonly keepData: boolean;
  /** Ends the launch; afterwards the cluster is ended by `stop` alone. */
  readonly signal?: AbortSignal;
}

/** A cluster that could not be brought up; the message has the log of whoever did not come up. */
export class LaunchError extends Error {
  override readonly name = "LaunchError";
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
    const proxyVersion = `${options.proxy.name} ${version}${way}`;
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
    await membersServe(cluster, runDir, prng, options.signal);
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
    await pause(signal);
  }
}

/** Waits until each member answers through its proxy and all name the same leader. */
async function membersServe(cluster: ProcessCluster, runDir: string, prng: Prng, signal?: AbortSignal): Promise<void> {
  let ended: string | null = null;
  cluster.onExit((exit) => {
    ended ??= `${exit.member} ended with ${exit.signal ?? `exit code ${exit.code}`}`;
  });
  const probes = cluster.members.map(({ name, clientEndpoint }) => ({
    name,
    probe: new MemberProbe(clientEndpoint, prng.fork()),
  }));
  const untilMs = performance.now() + READY_LIMIT_MS;
  try {
    for (;;) {
      const answers = await Promise.all(
        probes.map(async ({ name, probe }) => ({ name, status: await probe.status() })),
      );
      if (ended !== null) throw new LaunchError(launchFailure(ended, runDir));
      // The cluster's own look, past the proxies, learns which id is whose.
      if (agreeOnLeader(answers.map(({ status }) => status)) && (await cluster.leader()) !== null) return;
      if (performance.now() > untilMs) {
        const silent = answers.find(({ status }) => status === null || status.leaderId === 0n) ?? answers[0];
        throw new LaunchError(launchFailure(`${silent?.name} did not serve within ${READY_LIMIT_MS / 1000} s`, runDir));
      }
      await pause(signal);
    }
  } finally {
    for (const { probe } of probes) probe.close();
  }
}

function agreeOnLeader(statuses: readonly (MemberStatus | null)[]): boolean {
  const first = statuses[0];
  if (first === undefined || first === null || first.leaderId === 0n) return false;
  return statuses.every((status) => status?.leaderId === first.leaderId && status.term === first.term);
}

/** `what` begins with the name of the process that failed. */
function launchFailure(what: string, runDir: string): string {
  const logFile = memberLogFile(runDir, what.split(" ", 1)[0] as string);
  return `${what}; the end of ${logFile}:\n${logTail(logFile)}`;
}

async function pause(signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  await delay(POLL_MS);
}
