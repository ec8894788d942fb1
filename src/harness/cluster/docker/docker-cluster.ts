import { spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Prng } from "../../../base/prng.ts";
import { nodeClock } from "../../../env/node/clock.ts";
import { makeDirectories } from "../../../env/node/directories.ts";
import type { Cluster, ClusterMember } from "../cluster.ts";
import type { StorageEnvironment } from "../environment.ts";
import { MemberProbes } from "../member-probes.ts";
import type { ProxyControl } from "../network.ts";
import type { Ports } from "../ports.ts";
import { memberLogFile, PROXY_NAME } from "../process-cluster.ts";
import type { MemberExit } from "../supervisor.ts";
import { memberDataDir } from "../targets.ts";
import { type DeathWatch, watchDeaths } from "./deaths.ts";
import { type Engine, type EngineContainer, engineTrouble, limited } from "./engine.ts";
import { removeCluster } from "./leftovers.ts";
import { LogFile } from "./log-file.ts";
import { exitOf, MemberContainer } from "./member-container.ts";
import { inspectStorage } from "./storage.ts";
import { DATA_DIR, type MemberPlace, type Topology } from "./topology.ts";

/** As which the engine is told to have ended, when it does not answer any more. */
const ENGINE_NAME = "docker engine";
const MEMBER_GRACE_MS = 3000;
const PROXY_GRACE_MS = 1000;
const HEAL_LIMIT_MS = 2000;
const LOGS_LIMIT_MS = 2000;

/** Ports on the engine's address. */
export interface PublishedPorts {
  readonly proxyApi: number;
  /** By member: through the proxy, and past it. */
  readonly client: ReadonlyMap<string, number>;
  readonly direct: ReadonlyMap<string, number>;
}

export interface DockerClusterOptions {
  readonly engine: Engine;
  readonly topology: Topology;
  readonly runDir: string;
  readonly ports: Ports;
  readonly published: PublishedPorts;
  readonly connect: (url: string) => ProxyControl;
  /** The members' data directories are copied to <run>/data as tar files before they are removed. */
  readonly keepData: boolean;
  readonly prng: Prng;
  /** Told what goes wrong in the end, when it is too late to fail. */
  readonly say: (text: string) => void;
}

interface Member {
  readonly place: MemberPlace;
  readonly container: MemberContainer;
}

/** Members as containers (topology.ts). It owns everything labelled with its topology's id, and its ports, from its construction on. */
export class DockerCluster implements Cluster {
  readonly proxyUrl: string;
  readonly control: ProxyControl;
  /** Set by whoever launches it, once the proxy has said it. */
  proxyVersion = "";
  readonly #options: DockerClusterOptions;
  readonly #members: readonly Member[];
  readonly #proxyLog: LogFile;
  readonly #direct: MemberProbes;
  readonly #exitListeners: ((exit: MemberExit) => void)[] = [];
  readonly #startListeners: ((member: string, pid: number) => void)[] = [];
  #deaths: DeathWatch | null = null;
  #stopping: Promise<void> | null = null;
  /** From now on no end of anything is a crash. */
  #ending = false;

  /** Nothing is there yet. */
  constructor(options: DockerClusterOptions) {
    this.#options = options;
    const { topology, published } = options;
    this.proxyUrl = this.#url(published.proxyApi);
    this.control = options.connect(this.proxyUrl);
    this.#members = topology.members.map((place) => ({ place, container: this.#memberContainer(place) }));
    this.#proxyLog = this.#logFile(PROXY_NAME, topology.proxyContainer);
    const endpoints = [...published.direct].map(([name, port]) => [name, this.#url(port)] as const);
    this.#direct = new MemberProbes(new Map(endpoints), options.prng);
  }

  /** Before the first container. */
  async listen(): Promise<void> {
    const { engine, topology } = this.#options;
    const died = (part: string, exitCode: number): void => {
      const member = this.#members.find(({ place }) => place.name === part);
      if (member !== undefined) member.container.died(exitCode);
      else {
        this.#proxyLog.follow();
        this.#emitExit({ member: part, ...exitOf(exitCode), planned: this.#ending, crashed: !this.#ending });
      }
    };
    this.#deaths = await watchDeaths(engine, topology.id, died, () => {
      if (!this.#ending)
        this.#emitExit({ member: ENGINE_NAME, code: null, signal: null, planned: false, crashed: true });
    });
  }

  async startMember(name: string, start: () => Promise<void>): Promise<void> {
    await this.#member(name).container.startFirst(start);
  }

  async startProxy(start: () => Promise<void>): Promise<void> {
    await start();
    this.#proxyLog.follow();
  }

  /** Its log is complete after its end. Does not wait for one that goes on. */
  async logOf(name: string): Promise<string> {
    const log = this.#members.find(({ place }) => place.name === name)?.container.log ?? this.#proxyLog;
    await Promise.race([log.ended, delay(LOGS_LIMIT_MS, undefined, { ref: false })]);
    return log.path;
  }

  get members(): readonly ClusterMember[] {
    const { published, runDir } = this.#options;
    return this.#members.map(({ place: { name }, container }) => ({
      name,
      clientEndpoint: this.#url(published.client.get(name) as number),
      directClientEndpoint: this.#url(published.direct.get(name) as number),
      pid: container.pid,
      dataDir: memberDataDir(runDir, name),
    }));
  }

  /** What the members' data lies on, measured in the first one. */
  async storage(): Promise<StorageEnvironment> {
    const { engine, topology } = this.#options;
    return await inspectStorage(engine, (topology.members[0] as MemberPlace).object, DATA_DIR);
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
    await this.#member(member).container.kill();
  }

  /** SIGTERM, so that it ends in order; it stays down until `restart`. */
  async terminate(member: string): Promise<void> {
    await this.#member(member).container.terminate(MEMBER_GRACE_MS);
  }

  async restart(member: string): Promise<void> {
    const { container } = this.#member(member);
    await container.kill();
    await container.start();
  }

  async pause(member: string): Promise<void> {
    await this.#member(member).container.pause();
  }

  async resume(member: string): Promise<void> {
    await this.#member(member).container.resume();
  }

  /** Takes its network from a member, as when its cable is pulled: from peers, clients and probes alike. */
  async disconnect(member: string): Promise<void> {
    const { object } = this.#member(member).place;
    const request = { Container: object, Force: true, ...limited() };
    await this.#options.engine.dockerode.getNetwork(object).disconnect(request);
  }

  async reconnect(member: string): Promise<void> {
    const { object, alias } = this.#member(member).place;
    // Neither its name nor its published ports outlive a disconnection; the ports come back by themselves.
    const request = { Container: object, EndpointConfig: { Aliases: [alias] }, ...limited() };
    await this.#options.engine.dockerode.getNetwork(object).connect(request);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** A process of its own does it: the one who asks is about to exit, and the engine is asked over a socket. */
  killAll(): void {
    this.#end();
    const program = fileURLToPath(new URL("./remove-main.js", import.meta.url));
    const child = spawn(process.execPath, [program, this.#options.topology.id], { detached: true, stdio: "ignore" });
    child.on("error", () => undefined);
    child.unref();
  }

  /** For a launch that failed: `starting` settles when nothing new can come into being. */
  async discard(starting: Promise<unknown>): Promise<void> {
    this.#stopping ??= (async () => {
      this.#end();
      await this.#remove();
      await starting;
      await this.#remove();
      await this.#close();
    })();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    this.#end();
    const { engine, topology, keepData } = this.#options;
    // A heal that hangs must not keep anything alive; stopping the proxy ends its request.
    const healed = this.control.reset().catch(() => undefined);
    await Promise.race([healed, delay(HEAL_LIMIT_MS, undefined, { ref: false })]);
    await Promise.allSettled(this.#members.map(({ container }) => container.stop(MEMBER_GRACE_MS)));
    const proxy = engine.dockerode.getContainer(topology.proxyContainer);
    await proxy.stop({ t: Math.ceil(PROXY_GRACE_MS / 1000), ...limited() }).catch(() => undefined);
    await Promise.all([...this.#members.map(({ place }) => place.name), PROXY_NAME].map((name) => this.logOf(name)));
    if (keepData) await Promise.all(this.#members.map(({ place }) => this.#saveData(place)));
    await this.#remove();
    await this.#close();
  }

  #end(): void {
    this.#ending = true;
    for (const { container } of this.#members) container.abandon();
  }

  async #remove(): Promise<void> {
    const { engine, topology, say } = this.#options;
    try {
      await removeCluster(engine, topology.id);
    } catch (error) {
      say(`containers of this run are left in the engine, the next start tries again: ${engineTrouble(error)}`);
    }
  }

  async #close(): Promise<void> {
    this.#deaths?.close();
    this.#direct.close();
    await this.#options.ports.close();
  }

  async #saveData({ name, object }: MemberPlace): Promise<void> {
    const { engine, runDir, say } = this.#options;
    const file = `${memberDataDir(runDir, name)}.tar`;
    try {
      makeDirectories(join(file, ".."));
      const archive = await engine.dockerode.getContainer(object).getArchive({ path: DATA_DIR });
      await pipeline(archive as Readable, createWriteStream(file));
    } catch (error) {
      say(`the data of ${name} could not be kept: ${engineTrouble(error)}`);
    }
  }

  #memberContainer(place: MemberPlace): MemberContainer {
    const { name, object } = place;
    return new MemberContainer({
      member: name,
      container: this.#container(object),
      log: this.#logFile(name, object),
      clock: nodeClock,
      started: (pid) => {
        for (const listener of this.#startListeners) listener(name, pid);
      },
      exited: (exit) => this.#emitExit(exit),
    });
  }

  /** By name: known before it is there. */
  #container(name: string): EngineContainer {
    return this.#options.engine.dockerode.getContainer(name);
  }

  #logFile(name: string, container: string): LogFile {
    const { engine, runDir } = this.#options;
    return new LogFile(memberLogFile(runDir, name), this.#container(container), engine.dockerode.modem);
  }

  #url(port: number): string {
    return `http://${this.#options.engine.address}:${port}`;
  }

  #emitExit(exit: MemberExit): void {
    for (const listener of this.#exitListeners) listener(exit);
  }

  #member(name: string): Member {
    const member = this.#members.find(({ place }) => place.name === name);
    if (member === undefined) throw new Error(`the cluster has no member ${name}`);
    return member;
  }
}
