import { GenericContainer, Wait } from "testcontainers";
import type { Resources } from "../../model/plan.ts";
import type { Engine, EngineContainer } from "./engine.ts";

const MEGABYTE: number = 1024 * 1024;
/** Of what a container says: the engine keeps two files of this size. */
const LOG_OPTIONS = { Type: "json-file", Config: { "max-size": "32m", "max-file": "2" } } as const;

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** Arguments of the image's entry point. */
  readonly command: readonly string[];
  readonly labels: Record<string, string>;
  /** The first one is that of its published ports. */
  readonly networks: readonly { readonly name: string; readonly aliases: readonly string[] }[];
  /** Port inside -> port outside. */
  readonly ports: ReadonlyMap<number, number>;
  /** Volume -> path. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly limits: Pick<Resources, "cpus" | "memoryMegabytes">;
  /** Between creation and start. Throws to prevent the start. */
  readonly created: (container: EngineContainer) => Promise<void>;
}

/** A container as testcontainers makes one, with what it has no words for. */
class Container extends GenericContainer {
  readonly #engine: Engine;
  readonly #spec: ContainerSpec;

  constructor(engine: Engine, spec: ContainerSpec) {
    super(spec.image);
    this.#engine = engine;
    this.#spec = spec;
    const { name, command, labels, networks, ports, volumes } = spec;
    this.withName(name)
      .withCommand([...command])
      .withLabels(labels)
      .withNetworkMode(networks[0]?.name ?? "none")
      .withExposedPorts(...[...ports].map(([container, host]) => ({ container, host })))
      .withBindMounts([...volumes].map(([source, target]) => ({ source, target })))
      // Whether it serves is asked by those who know what serving means (ready.ts).
      .withWaitStrategy(Wait.forAll([]));
  }

  protected override async beforeContainerCreated(): Promise<void> {
    const { networks, limits } = this.#spec;
    // Left alone, ports are open to the whole network this machine is in.
    for (const bindings of Object.values(this.hostConfig.PortBindings as Record<string, { HostIp?: string }[]>))
      for (const binding of bindings) binding.HostIp = this.#engine.address;
    // Aliases at the creation, of one network: with testcontainers' own the container would also be in the default network.
    const [first] = networks;
    if (first !== undefined)
      this.createOpts.NetworkingConfig = { EndpointsConfig: { [first.name]: { Aliases: [...first.aliases] } } };
    this.hostConfig.LogConfig = LOG_OPTIONS;
    // An image's own check would start a program in every container from time to time, in the middle of what is measured.
    this.createOpts.Healthcheck = { Test: ["NONE"] };
    // Names of members that are down must not be asked of the world: nobody answers there, so that it fails at once.
    this.hostConfig.Dns = ["127.0.0.1"];
    this.hostConfig.DnsSearch = ["."];
    if (limits.cpus !== null) this.hostConfig.NanoCpus = Math.round(limits.cpus * 1e9);
    if (limits.memoryMegabytes !== null) {
      this.hostConfig.Memory = limits.memoryMegabytes * MEGABYTE;
      // The same for memory and swap together: no swap.
      this.hostConfig.MemorySwap = this.hostConfig.Memory;
    }
  }

  protected override async containerCreated(id: string): Promise<void> {
    const { dockerode } = this.#engine;
    for (const { name, aliases } of this.#spec.networks.slice(1))
      await dockerode.getNetwork(name).connect({ Container: id, EndpointConfig: { Aliases: [...aliases] } });
    await this.#spec.created(dockerode.getContainer(id));
  }
}

/** Resolves when it has been started and its ports are published. */
export async function startContainer(engine: Engine, spec: ContainerSpec): Promise<void> {
  await new Container(engine, spec).start();
}
