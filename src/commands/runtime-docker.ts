import { launchInContainers } from "../harness/cluster/docker/docker-launch.ts";
import { connectEngine } from "../harness/cluster/docker/engine.ts";
import { ImageError, type ImageOptions, type ProxyImage } from "../harness/cluster/docker/image.ts";
import { embeddedProxyImage, memberImage, releaseImage, shopifyProxyImage } from "../harness/cluster/docker/images.ts";
import { sweepEngine } from "../harness/cluster/docker/leftovers.ts";
import { inspectMachine } from "../harness/cluster/environment.ts";
import { findProgram } from "../harness/cluster/programs.ts";
import { programLabel } from "../harness/cluster/targets.ts";
import { ToxiproxyClient } from "../harness/faults/toxiproxy/client.ts";
import type { LaunchedTarget, ProxyChoice } from "../harness/model.ts";
import type { Runtime, RuntimeOptions } from "./runtime.ts";

/** Members as containers of the engine that DOCKER_HOST names, or of this machine's. */
export async function findContainers(options: RuntimeOptions): Promise<Runtime> {
  const { members, resources, logLevel, keep, environment, say, signal } = options;
  const engine = await connectEngine(environment);
  for (const line of await sweepEngine(engine)) say(`swept up: ${line}`);
  const imageOptions = { dockerode: engine.dockerode, environment, say, signal };
  const member = await findMember(options.target, imageOptions);
  const proxy = await findProxy(options.proxy, imageOptions);
  const images = { member: member.image, kind: options.target.kind, proxy };
  const connect = (url: string): ToxiproxyClient => new ToxiproxyClient(url);
  return {
    label: member.label,
    launch: async (runDir, seed) => {
      const made = { engine, images, members, resources, logLevel, runDir, connect, seed, keepData: keep, say, signal };
      const cluster = await launchInContainers(made);
      const machine = { ...inspectMachine(), ...(await cluster.storage()) };
      return { cluster, machine, place: `containers (Docker ${engine.version})` };
    },
  };
}

/** A release of etcd is taken from its own image where that can be had; else its program is put into one. */
async function findMember(
  target: LaunchedTarget,
  options: ImageOptions,
): Promise<{ readonly image: string; readonly label: string }> {
  if (target.kind === "etcd" && target.source.kind === "version") {
    const { version } = target.source;
    const image = await releaseImage(version, options);
    if (image !== null) return { image, label: `etcd ${version} (its own image)` };
  }
  const program = await findProgram(target, options);
  return { image: await memberImage(program, options), label: programLabel(program) };
}

/** `auto`: no fault needs what only the embedded one has (`stall`, chances drawn from the seed). */
async function findProxy(choice: ProxyChoice, options: ImageOptions): Promise<ProxyImage> {
  const real = choice === "embedded" ? null : await shopifyProxyImage(options);
  if (real !== null) return real;
  if (choice === "toxiproxy")
    throw new ImageError(
      "Shopify's Toxiproxy image cannot be had: name one with FAULTLINE_TOXIPROXY_IMAGE, or take --proxy embedded",
    );
  return await embeddedProxyImage(options);
}
