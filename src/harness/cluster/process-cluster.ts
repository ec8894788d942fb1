import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Prng } from "../../base/prng.ts";
import { nodeClock } from "../../env/node/clock.ts";
import type { LogLevel } from "../model/plan.ts";
import type { Cluster, ClusterMember } from "./cluster.ts";
import { MemberProbes } from "./member-probes.ts";
import { localUrl, type MemberAddresses, type ProxyControl } from "./network.ts";
import type { Ports } from "./ports.ts";
import { ManagedProcess } from "./process.ts";
import type { ProcessRegistry } from "./registry.ts";
import { type MemberExit, Supervisor } from "./supervisor.ts";
import { memberDataDir, memberStart, type Program } from "./targets.ts";

export const PROXY_NAME = "toxiproxy";
const MEMBER_GRACE_MS = 3000;
const PROXY_GRACE_MS = 1000;
const HEAL_LIMIT_MS = 2000;

export interface ProcessClusterOptions {
  readonly target: Program;
  readonly runDir: string;
  readonly logLevel?: LogLevel;
  readonly addresses: readonly MemberAddresses[];
  readonly ports: Ports;
  readonly registry: ProcessRegistry;
  /** What stands between the members: the proxy, and the peer dialer where the target needs it. */
  readonly between: readonly ManagedProcess[];
  readonly proxyUrl: string;
  readonly proxyVersion: string;
  readonly control: ProxyControl;
  readonly prng: Prng;
}

interface Member {
  readonly addresses: MemberAddresses;
  readonly supervisor: Supervisor;
}

/** Members as processes on 127.0.0.1. It owns everything in its options from its construction to the end of `stop`. */
export class ProcessCluster implements Cluster {
  readonly proxyUrl: string;
  readonly proxyVersion: string;
  readonly #options: ProcessClusterOptions;
  readonly #members: readonly Member[];
  readonly #direct: MemberProbes;
  readonly #exitListeners: ((exit: MemberExit) => void)[] = [];
  readonly #startListeners: ((member: string, pid: number) => void)[] = [];
  #stopping: Promise<void> | null = null;
  /** From now on the end of what stands between the members is no crash. */
  #ending = false;

  /** Nothing runs yet but what stands between the members. */
  constructor(options: ProcessClusterOptions) {
    this.#options = options;
    this.proxyUrl = options.proxyUrl;
    this.proxyVersion = options.proxyVersion;
    this.#members = options.addresses.map((addresses) => ({
      addresses,
      supervisor: this.#supervise(addresses),
    }));
    const endpoints = options.addresses.map(({ name, clientPort }) => [name, localUrl(clientPort)] as const);
    this.#direct = new MemberProbes(new Map(endpoints), options.prng);
    for (const { name, exited } of options.between)
      void exited.then((exit) => {
        this.#emitExit({ member: name, ...exit, planned: this.#ending, crashed: !this.#ending });
      });
  }

  /** Frees the members' ports and starts them. */
  async startMembers(): Promise<void> {
    for (const { addresses, supervisor } of this.#members) {
      await this.#options.ports.release(addresses.clientPort);
      await this.#options.ports.release(addresses.peerPort);
      supervisor.start();
    }
  }

  get members(): readonly ClusterMember[] {
    return this.#members.map(({ addresses, supervisor }) => ({
      name: addresses.name,
      clientEndpoint: localUrl(addresses.proxiedClientPort),
      directClientEndpoint: localUrl(addresses.clientPort),
      pid: supervisor.process?.pid ?? null,
      dataDir: memberDataDir(this.#options.runDir, addresses.name),
    }));
  }

  leader(): ReturnType<Cluster["leader"]> {
    return this.#direct.leader();
  }

  revisions(): ReturnType<Cluster["revisions"]> {
    return this.#direct.revisions();
  }

  servesLinearizable(member: string, timeoutMs: number): Promise<boolean> {
    return this.#direct.servesLinearizable(member, timeoutMs);
  }

  cpuSeconds(): ReturnType<Cluster["cpuSeconds"]> {
    return this.#direct.cpuSeconds();
  }

  onExit(listener: (exit: MemberExit) => void): void {
    this.#exitListeners.push(listener);
  }

  onStart(listener: (member: string, pid: number) => void): void {
    this.#startListeners.push(listener);
  }

  async kill(member: string): Promise<void> {
    await this.#member(member).supervisor.kill();
  }

  async restart(member: string): Promise<void> {
    const { supervisor } = this.#member(member);
    await supervisor.kill();
    supervisor.start();
  }

  async pause(member: string): Promise<void> {
    this.#member(member).supervisor.process?.pause();
  }

  async resume(member: string): Promise<void> {
    this.#member(member).supervisor.process?.resume();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  killAll(): void {
    this.#ending = true;
    for (const { supervisor } of this.#members) supervisor.abandon();
    for (const each of this.#options.between) void each.kill();
  }

  async #stop(): Promise<void> {
    this.#ending = true;
    const { control, between, ports, registry } = this.#options;
    // A heal that hangs must not keep the processes alive; stopping them ends its request.
    const healed = control.reset().catch(() => undefined);
    const limit = new AbortController();
    await Promise.race([healed, delay(HEAL_LIMIT_MS, undefined, { signal: limit.signal }).catch(() => undefined)]);
    limit.abort();
    await Promise.all(this.#members.map(({ supervisor }) => supervisor.stop(MEMBER_GRACE_MS)));
    this.#direct.close();
    await Promise.all(between.map((each) => each.stop(PROXY_GRACE_MS)));
    await ports.close();
    registry.close();
  }

  #supervise(addresses: MemberAddresses): Supervisor {
    const { target, runDir, registry, logLevel } = this.#options;
    return new Supervisor({
      member: addresses.name,
      start: () =>
        ManagedProcess.start({
          name: addresses.name,
          ...memberStart(target, addresses, this.#options.addresses, runDir, logLevel),
          logFile: memberLogFile(runDir, addresses.name),
          registry,
        }),
      clock: nodeClock,
      started: (pid) => {
        for (const listener of this.#startListeners) listener(addresses.name, pid);
      },
      exited: (exit) => this.#emitExit(exit),
    });
  }

  #emitExit(exit: MemberExit): void {
    for (const listener of this.#exitListeners) listener(exit);
  }

  #member(name: string): Member {
    const member = this.#members.find(({ addresses }) => addresses.name === name);
    if (member === undefined) throw new Error(`the cluster has no member ${name}`);
    return member;
  }
}

export function memberLogFile(runDir: string, name: string): string {
  return join(runDir, "logs", `${name}.log`);
}
