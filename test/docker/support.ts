/** What the tests in an engine share. Without an engine they skip and say why; in CI they fail. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { EtcdClient } from "../../src/client/client.ts";
import { askEngine } from "../../src/harness/cluster/docker/ask-engine.ts";
import type { DockerCluster } from "../../src/harness/cluster/docker/docker-cluster.ts";
import { type DockerLaunchOptions, launchInContainers } from "../../src/harness/cluster/docker/docker-launch.ts";
import { connectEngine, type Engine } from "../../src/harness/cluster/docker/engine.ts";
import { embeddedProxyImage, memberImage } from "../../src/harness/cluster/docker/images.ts";
import { LABEL } from "../../src/harness/cluster/docker/labels.ts";
import { ToxiproxyClient } from "../../src/harness/faults/toxiproxy/client.ts";
import { temporaryDirectory } from "../harness/cluster/support.ts";

export const timeout = 180_000;

/** Null: the test has been skipped. */
export async function engineFor(t: TestContext): Promise<Engine | null> {
  const answer = await askEngine(process.env);
  if (answer.kind === "engine") return await connectEngine(process.env);
  const reason = `no Docker engine: ${answer.reasons.join("; ")}`;
  assert.ok((process.env["CI"] ?? "") === "", reason);
  t.skip(reason);
  return null;
}

export interface Launched {
  readonly cluster: DockerCluster;
  readonly runDir: string;
}

/** A cluster of ours; gone after the test. */
export async function launch(
  t: TestContext,
  engine: Engine,
  options: Partial<Pick<DockerLaunchOptions, "members" | "resources" | "signal">> = {},
): Promise<Launched> {
  const signal = new AbortController().signal;
  const environment = process.env;
  const say = (text: string): void => t.diagnostic(text);
  const imageOptions = { dockerode: engine.dockerode, environment, say, signal };
  let cluster: DockerCluster | null = null;
  const runDir = temporaryDirectory(t, () => cluster?.stop());
  cluster = await launchInContainers({
    engine,
    images: {
      member: await memberImage({ kind: "ts" }, imageOptions),
      kind: "ts",
      proxy: await embeddedProxyImage(imageOptions),
    },
    members: 3,
    resources: { cpus: null, memoryMegabytes: null, dataMegabytes: null },
    logLevel: "info",
    runDir,
    connect: (url) => new ToxiproxyClient(url),
    seed: 1,
    keepData: false,
    say,
    signal,
    ...options,
  });
  return { cluster, runDir };
}

/** Of what is labelled as this cluster's: names of containers, networks and volumes. */
export async function labelled({ dockerode }: Engine, cluster: string): Promise<readonly string[]> {
  const filters = { label: [`${LABEL.cluster}=${cluster}`] };
  const containers = await dockerode.listContainers({ all: true, filters });
  const networks = await dockerode.listNetworks({ filters });
  const { Volumes: volumes } = await dockerode.listVolumes({ filters });
  return [
    ...containers.map(({ Names }) => `container ${Names[0]?.slice(1)}`),
    ...networks.map(({ Name }) => `network ${Name}`),
    ...(volumes ?? []).map(({ Name }) => `volume ${Name}`),
  ].sort();
}

/** Clusters that a harness with this process id has made and not removed. */
export async function clustersOf({ dockerode }: Engine, pid: number): Promise<readonly string[]> {
  const label = [`${LABEL.pid}=${pid}`];
  const [containers, networks, { Volumes: volumes }] = await Promise.all([
    dockerode.listContainers({ all: true, filters: { label } }),
    dockerode.listNetworks({ filters: { label } }),
    dockerode.listVolumes({ filters: { label } }),
  ]);
  const labels = [...containers, ...networks, ...(volumes ?? [])].map((each) => each.Labels?.[LABEL.cluster]);
  return [...new Set(labels.filter((each) => each !== undefined))];
}

/** The revision; null when it was not acknowledged. */
export async function put(client: EtcdClient, key: string, value: string | Uint8Array): Promise<number | null> {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  try {
    const request = { key: bytes(key), value: typeof value === "string" ? bytes(value) : value };
    return (await client.kv.put(request)).header?.revision ?? null;
  } catch {
    return null;
  }
}

/** Polls a condition that no event announces; the test's time-out is the limit. */
export async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await delay(20);
}
