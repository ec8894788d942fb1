import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { basename } from "node:path";
import { assert } from "../../../base/assert.ts";
import { Prng } from "../../../base/prng.ts";
import type { LogLevel, Resources } from "../../model/plan.ts";
import { LaunchError } from "../cluster.ts";
import { processStart } from "../identity.ts";
import type { ProxyControl } from "../network.ts";
import { Ports } from "../ports.ts";
import { logEnd } from "../process.ts";
import { PROXY_NAME } from "../process-cluster.ts";
import { membersServe, pollPause, READY_LIMIT_MS } from "../ready.ts";
import { etcdFlags, logFlags, type Program } from "../targets.ts";
import { type ContainerSpec, startContainer } from "./container.ts";
import { DockerCluster, type PublishedPorts } from "./docker-cluster.ts";
import { type Engine, engineTrouble, isLocal, limited } from "./engine.ts";
import type { ProxyImage } from "./image.ts";
import { labelsOf, type Owner } from "./labels.ts";
import {
  CLIENT_PORT,
  DATA_DIR,
  type MemberPlace,
  PROXY_API_PORT,
  peerUrl,
  proxyAliases,
  proxySpecs,
  type Topology,
  topologyOf,
} from "./topology.ts";

/** As whom our images run, and who owns DATA_DIR in them. */
const IMAGE_USER = 1000;

/** What the cluster's containers are made of: images that are in the engine. */
export interface ClusterImages {
  /** Its entry point takes etcd's flags and may write in DATA_DIR. */
  readonly member: string;
  /** Whose flags exactly. */
  readonly kind: Program["kind"];
  readonly proxy: ProxyImage;
}

export interface DockerLaunchOptions {
  readonly engine: Engine;
  readonly images: ClusterImages;
  readonly members: number;
  readonly resources: Resources;
  readonly logLevel: LogLevel;
  /** The run's own folder: gets logs/, and data/ when that is to be kept. */
  readonly runDir: string;
  readonly connect: (url: string) => ProxyControl;
  readonly seed: number;
  readonly keepData: boolean;
  readonly say: (text: string) => void;
  /** Ends the launch; afterwards the cluster is ended by `stop` alone. */
  readonly signal: AbortSignal;
}

/**
 * Makes the star of networks, the members' volumes and all containers, side by side; then the proxies, and waits until all members
 * serve through them under one leader. When it rejects (LaunchError, or the signal's reason), nothing is left in the engine.
 */
export async function launchInContainers(options: DockerLaunchOptions): Promise<DockerCluster> {
  const { engine, members, signal, say } = options;
  signal.throwIfAborted();
  if (!isLocal(engine))
    say(
      `the engine is not on this machine: ports are open at its address ${engine.address} to whoever reaches it, without passwords`,
    );
  const topology = topologyOf(randomBytes(6).toString("hex"), members);
  const ports = new Ports();
  const prng = new Prng(options.seed);
  const published = await publish(topology, ports);
  const cluster = new DockerCluster({ ...options, topology, ports, published, prng });
  const launch = new Launch(options, topology, published, ports, cluster);
  try {
    await cluster.listen();
    await launch.firstOf(launch.start());
    await launch.firstOf(launch.connectProxy());
    await membersServe({ cluster, prng, signal, lastWords: (name) => launch.lastWords(name) });
    return cluster;
  } catch (error) {
    await cluster.discard(launch.settled);
    if (signal.aborted || error instanceof LaunchError) throw error;
    throw new LaunchError(`the cluster could not be made in ${engine.url}: ${engineTrouble(error)}`);
  }
}

async function publish({ members }: Topology, ports: Ports): Promise<PublishedPorts> {
  const reserve = async (): Promise<ReadonlyMap<string, number>> => {
    const reserved = new Map<string, number>();
    for (const { name } of members) reserved.set(name, await ports.reserve());
    return reserved;
  };
  return { proxyApi: await ports.reserve(), client: await reserve(), direct: await reserve() };
}

class Launch {
  readonly #options: DockerLaunchOptions;
  readonly #topology: Topology;
  readonly #published: PublishedPorts;
  readonly #ports: Ports;
  readonly #cluster: DockerCluster;
  readonly #owner: Owner;
  readonly #begun: Promise<unknown>[] = [];
  /** Nothing new is begun. */
  #failed = false;

  constructor(
    options: DockerLaunchOptions,
    topology: Topology,
    published: PublishedPorts,
    ports: Ports,
    cluster: DockerCluster,
  ) {
    this.#options = options;
    this.#topology = topology;
    this.#published = published;
    this.#ports = ports;
    this.#cluster = cluster;
    const start = processStart(process.pid);
    assert(start !== null, "a running process has a start time", { pid: process.pid });
    const harness = { pid: process.pid, start };
    this.#owner = { cluster: topology.id, run: basename(options.runDir), host: hostname(), harness };
  }

  /** Resolves when nothing new can come into being any more. */
  get settled(): Promise<unknown> {
    this.#failed = true;
    return Promise.allSettled(this.#begun);
  }

  async start(): Promise<void> {
    const { members } = this.#topology;
    await Promise.all(
      members.flatMap((member) => [this.#begin(this.#network(member)), this.#begin(this.#volume(member))]),
    );
    const starts = members.map((member) =>
      this.#cluster.startMember(member.name, () => startContainer(this.#options.engine, this.#memberSpec(member))),
    );
    const proxy = this.#cluster.startProxy(() => startContainer(this.#options.engine, this.#proxySpec()));
    await Promise.all([proxy, ...starts].map((each) => this.#begin(each)));
  }

  /** Waits for the proxy's API and makes the proxies. */
  async connectProxy(): Promise<void> {
    const { engine, images, signal } = this.#options;
    const { control, proxyUrl } = this.#cluster;
    const untilMs = performance.now() + READY_LIMIT_MS;
    for (;;) {
      try {
        this.#cluster.proxyVersion = `${images.proxy.name} ${await control.version()}, in a container`;
        break;
      } catch (error) {
        if (performance.now() > untilMs)
          throw new LaunchError(
            `the proxy does not answer at ${proxyUrl}: ${(error as Error).message}; is the engine at ${engine.url} reached through a tunnel? Its ports are published on its own machine: name that machine in DOCKER_HOST; ${await this.lastWords(PROXY_NAME)}`,
          );
      }
      await pollPause(signal);
    }
    const { NetworkSettings } = await engine.dockerode.getContainer(this.#topology.proxyContainer).inspect(limited());
    const addressIn = ({ object }: MemberPlace): string => {
      const address = NetworkSettings.Networks[object]?.IPAddress ?? "";
      assert(address !== "", "the proxy has an address in every member's network", { object });
      return address;
    };
    await control.populate(proxySpecs(this.#topology, addressIn));
  }

  /** Of a step and what makes waiting for it pointless: an abort, the end of a container. */
  async firstOf(step: Promise<void>): Promise<void> {
    const { signal } = this.#options;
    const given = new AbortController();
    step.catch(() => undefined);
    try {
      await Promise.race([
        step,
        new Promise<never>((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true, signal: given.signal });
          this.#cluster.onExit(({ member, code, signal: by }) => {
            if (given.signal.aborted) return;
            void this.lastWords(member).then((words) =>
              reject(new LaunchError(`${member} ended with ${by ?? `exit code ${code}`}; ${words}`)),
            );
          });
        }),
      ]);
    } finally {
      given.abort();
    }
  }

  async lastWords(name: string): Promise<string> {
    return logEnd(await this.#cluster.logOf(name));
  }

  async #begin<T>(made: Promise<T>): Promise<T> {
    this.#begun.push(made.catch(() => undefined));
    return await made;
  }

  async #network({ name, object }: MemberPlace): Promise<void> {
    const { dockerode } = this.#options.engine;
    const Labels = labelsOf(this.#owner, name);
    await dockerode.createNetwork({ Name: object, CheckDuplicate: true, Driver: "bridge", Labels, ...limited() });
  }

  async #volume({ name, object }: MemberPlace): Promise<void> {
    const { dockerode } = this.#options.engine;
    const { dataMegabytes } = this.#options.resources;
    const Labels = labelsOf(this.#owner, name);
    const o = `size=${dataMegabytes}m,uid=${IMAGE_USER},gid=${IMAGE_USER},mode=0700`;
    const inMemory = dataMegabytes === null ? {} : { DriverOpts: { type: "tmpfs", device: "tmpfs", o } };
    await dockerode.createVolume({ Name: object, Labels, Driver: "local", ...inMemory, ...limited() });
  }

  #memberSpec(member: MemberPlace): ContainerSpec {
    const { name, object, alias } = member;
    const { images, resources, engine, logLevel } = this.#options;
    const client = this.#published.client.get(name) as number;
    const direct = this.#published.direct.get(name) as number;
    const flags = etcdFlags({
      name,
      token: this.#topology.id,
      dataDir: `${DATA_DIR}/${name}`,
      listenPeerUrl: `http://0.0.0.0:${member.peerPort}`,
      listenClientUrl: `http://0.0.0.0:${CLIENT_PORT}`,
      advertiseClientUrl: `http://${engine.address}:${client}`,
      peerUrls: new Map(this.#topology.members.map((each) => [each.name, peerUrl(each)])),
    });
    return {
      name: object,
      image: images.member,
      command: [...flags, ...logFlags(images.kind, logLevel)],
      labels: labelsOf(this.#owner, name),
      networks: [{ name: object, aliases: [alias] }],
      ports: new Map([[CLIENT_PORT, direct]]),
      volumes: new Map([[object, DATA_DIR]]),
      limits: resources,
      created: () => this.#release([direct]),
    };
  }

  #proxySpec(): ContainerSpec {
    const { images, seed, resources } = this.#options;
    const { members, proxyContainer } = this.#topology;
    const ports = new Map([[PROXY_API_PORT, this.#published.proxyApi]]);
    for (const { name, proxiedClientPort } of members)
      ports.set(proxiedClientPort, this.#published.client.get(name) as number);
    // A file system in memory lasts as long as someone has it mounted: a member that is killed must find its data again.
    const held = resources.dataMegabytes === null ? [] : members;
    return {
      name: proxyContainer,
      image: images.proxy.image,
      command: images.proxy.command(PROXY_API_PORT, seed),
      labels: labelsOf(this.#owner, PROXY_NAME),
      networks: members.map((member) => ({ name: member.object, aliases: proxyAliases(member, this.#topology) })),
      ports,
      volumes: new Map(held.map(({ name, object }) => [object, `/held/${name}`])),
      limits: { cpus: null, memoryMegabytes: null },
      created: () => this.#release([...ports.values()]),
    };
  }

  /** Just before the engine binds them. */
  async #release(ports: readonly number[]): Promise<void> {
    if (this.#failed || this.#options.signal.aborted) throw new Error("the launch has ended");
    for (const port of ports) await this.#ports.release(port);
  }
}
