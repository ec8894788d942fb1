import { launchInContainers } from "../harness/cluster/docker/docker-launch.ts";
import { connectEngine } from "../harness/cluster/docker/engine.ts";
import { findImages } from "../harness/cluster/docker/images.ts";
import { sweepEngine } from "../harness/cluster/docker/leftovers.ts";
import { inspectMachine } from "../harness/cluster/environment.ts";
import { ToxiproxyClient } from "../harness/faults/toxiproxy/client.ts";
import type { Runtime, RuntimeOptions } from "./runtime.ts";

/** Members as containers of the engine that DOCKER_HOST names, or of this machine's. */
export async function findContainers(options: RuntimeOptions): Promise<Runtime> {
  const { members, resources, logLevel, keep, environment, say, signal } = options;
  const engine = await connectEngine(environment);
  for (const line of await sweepEngine(engine)) say(`swept up: ${line}`);
  const imageOptions = { dockerode: engine.dockerode, environment, say, signal };
  const { label, member, proxy } = await findImages(options.target, options.proxy, imageOptions);
  const images = { member, kind: options.target.kind, proxy };
  const connect = (url: string): ToxiproxyClient => new ToxiproxyClient(url);
  return {
    label,
    launch: async (runDir, seed) => {
      const made = { engine, images, members, resources, logLevel, runDir, connect, seed, keepData: keep, say, signal };
      const cluster = await launchInContainers(made);
      const machine = { ...inspectMachine(), ...(await cluster.storage()) };
      return { cluster, machine, place: `containers (Docker ${engine.version})` };
    },
  };
}
