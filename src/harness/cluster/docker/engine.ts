import { lookup } from "node:dns/promises";
import { createServer, isIP } from "node:net";
import { type ContainerRuntimeClient, getContainerRuntimeClient } from "testcontainers";
import { LaunchError } from "../cluster.ts";
import { askEngine } from "./ask-engine.ts";

export type Dockerode = ContainerRuntimeClient["container"]["dockerode"];
export type EngineContainer = ReturnType<Dockerode["getContainer"]>;

/** A Docker engine that answers. */
export interface Engine {
  readonly client: ContainerRuntimeClient;
  readonly dockerode: Dockerode;
  /** As in DOCKER_HOST. */
  readonly url: string;
  readonly version: string;
  /** Ports are published on this address of the engine's machine and dialled there; 127.0.0.1 when it is this one. */
  readonly address: string;
}

/** For one request; only what runs as long as the cluster has none. */
const REQUEST_LIMIT_MS = 30_000;

/** A limit for a request, as dockerode takes it. */
export function limited(limitMs: number = REQUEST_LIMIT_MS): { readonly abortSignal: AbortSignal } {
  return { abortSignal: AbortSignal.timeout(limitMs) };
}

/**
 * Looks for the engine as Docker's own client does: DOCKER_HOST alone where it is set, else the sockets of this machine. Rejects with
 * LaunchError within seconds when none answers.
 */
export async function connectEngine(environment: NodeJS.ProcessEnv): Promise<Engine> {
  const answer = await askEngine(environment);
  if (answer.kind === "none")
    throw new LaunchError(
      `no Docker engine: ${answer.reasons.join("; ")}; start one, point DOCKER_HOST at one, or take --runtime process`,
    );
  // testcontainers reads both of this process's environment. It would fall back on another engine than the one that was named, and
  // its own cleaner is a container of an image that may not be here; we label everything and sweep it up ourselves (leftovers.ts).
  process.env["DOCKER_HOST"] = answer.host;
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
  try {
    const client = await getContainerRuntimeClient();
    const address = await publishedAddress(client.info.containerRuntime.host);
    return { client, dockerode: client.container.dockerode, url: answer.host, version: answer.version, address };
  } catch (error) {
    throw new LaunchError(`the Docker engine at ${answer.host} cannot be used: ${(error as Error).message}`);
  }
}

/**
 * `host`: the engine's machine as testcontainers sees it, or what TESTCONTAINERS_HOST_OVERRIDE says. In a container that is the gateway
 * of the engine's bridge, also where the engine runs in that same container: then it is an address of our own.
 */
export async function publishedAddress(host: string): Promise<string> {
  if (host === "localhost") return "127.0.0.1";
  const address = isIP(host) === 0 ? (await lookup(host, { family: 4 })).address : host;
  return (await isOwn(address)) ? "127.0.0.1" : address;
}

/** Only an address of this machine can be listened on. A list of its interfaces leaves out a bridge without containers. */
function isOwn(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: address, port: 0 }, () => server.close(() => resolve(true)));
  });
}

export function isLocal({ address }: Engine): boolean {
  return address.startsWith("127.");
}

/** One line for a person; what the engine says is in it. */
export function engineTrouble(error: unknown): string {
  const { json, message } = error as Error & { readonly json?: { readonly message?: string } };
  const said = (json?.message ?? message).trim();
  const advice = /non-overlapping/.test(said)
    ? "; each member takes a network of the engine's address pools: remove unused ones (docker network prune)"
    : "";
  return `${said}${advice}`;
}

/** The engine's answer to a request about something that is not there, or is as it should be already. */
export function isSettled(error: unknown): boolean {
  return [304, 404, 409].includes((error as { readonly statusCode?: number }).statusCode ?? 0);
}
