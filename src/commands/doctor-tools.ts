import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CommandFailure, runCommand } from "../harness/cluster/command.ts";
import { askEngine } from "../harness/cluster/docker/ask-engine.ts";
import { cacheFolder } from "../harness/cluster/etcd-build.ts";
import type { Finding } from "./doctor-finding.ts";
import { onPath } from "./on-path.ts";

/** A browser started for the first time takes its time even to say its version. */
const VERSION_LIMIT_MS = 10_000;

interface Tool {
  readonly name: string;
  /** The first of these on the PATH, or at this path, counts. */
  readonly programs: readonly string[];
  readonly versionArguments: readonly string[];
  /** Its first group is the version. */
  readonly versionPattern: RegExp;
  readonly enables: string;
  readonly remedy: string;
}

const DOCKER_CLIENT: Tool = {
  name: "docker",
  programs: ["docker"],
  versionArguments: ["--version"],
  versionPattern: /^Docker version ([^\s,]+)/m,
  enables: "clusters in containers",
  remedy: "install an engine (Debian package docker.io, Docker Desktop, Colima), or point DOCKER_HOST at one",
};

const ETCD: Tool = {
  name: "etcd",
  programs: ["etcd"],
  versionArguments: ["--version"],
  versionPattern: /^etcd Version: (\S+)/m,
  enables: "Go etcd under the same plans (--target etcd)",
  remedy: "Debian package etcd-server, Homebrew etcd; with Go, --target etcd@3.7.3 builds one",
};

const TOOLS: readonly Tool[] = [
  {
    name: "etcdctl",
    programs: ["etcdctl"],
    versionArguments: ["version"],
    versionPattern: /^etcdctl version: (\S+)/m,
    enables: "Go's client beside etcdctl-ts, and the tests that hold etcd-ts against it",
    remedy: "Debian package etcd-client, Homebrew etcd",
  },
  {
    name: "go",
    programs: ["go"],
    versionArguments: ["version"],
    versionPattern: /^go version go(\S+)/m,
    enables: "any release of Go etcd, built once (--target etcd@3.7.3)",
    remedy: "Go from go.dev, Homebrew go",
  },
  {
    name: "toxiproxy",
    programs: ["toxiproxy-server"],
    versionArguments: ["-version"],
    versionPattern: /version (\S+)/m,
    enables: "--proxy toxiproxy for members that are processes, and tests of the embedded Toxiproxy against it",
    remedy:
      "toxiproxy-server 2.x on the PATH: a release of github.com/Shopify/toxiproxy, Homebrew shopify/shopify/toxiproxy",
  },
  {
    name: "chromium",
    programs: [
      "chromium",
      "chromium-browser",
      "google-chrome",
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ],
    versionArguments: ["--version"],
    versionPattern: /^(?:Chromium|Google Chrome) (\S+)/m,
    enables: "the tests that open a report's page; any browser shows it",
    remedy: "Debian package chromium, Homebrew google-chrome",
  },
];

/** Looks for programs on the PATH of `environment`, and asks Docker's engine; nothing of this is needed for the quickstart. */
export async function lookAtTools(environment: NodeJS.ProcessEnv): Promise<readonly Finding[]> {
  return await Promise.all([
    lookAtDocker(environment),
    lookAtEtcd(environment),
    ...TOOLS.map((tool) => lookAtTool(tool, environment)),
  ]);
}

async function lookAtTool(tool: Tool, environment: NodeJS.ProcessEnv): Promise<Finding> {
  const { name, enables, remedy } = tool;
  const path = programPath(tool, environment);
  const about = { name, needed: false, enables };
  if (path === null)
    return {
      ...about,
      state: "missing",
      found: `no ${tool.programs[0]} on the PATH`,
      remedy,
      figures: { path, version: null },
    };
  const { version, problem } = await askVersion(tool, path, environment);
  if (version === null)
    return { ...about, state: "poor", found: `${path} ${problem}`, remedy, figures: { path, version } };
  return { ...about, state: "ok", found: `${version} (${path})`, remedy: null, figures: { path, version } };
}

function programPath({ programs }: Tool, environment: NodeJS.ProcessEnv): string | null {
  for (const program of programs) {
    const path = onPath(program, environment);
    if (path !== null) return path;
  }
  return null;
}

type VersionAnswer =
  | { readonly version: string; readonly problem: null }
  | { readonly version: null; readonly problem: string };

async function askVersion(tool: Tool, path: string, environment: NodeJS.ProcessEnv): Promise<VersionAnswer> {
  const options = { environment, signal: new AbortController().signal, limitMs: VERSION_LIMIT_MS };
  try {
    const output = await runCommand([path, ...tool.versionArguments], options);
    const version = tool.versionPattern.exec(output ?? "")?.[1];
    if (version !== undefined) return { version, problem: null };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    return { version: null, problem: `does not say its version: ${error.message}` };
  }
  return { version: null, problem: "does not say its version" };
}

/** Releases built earlier count beside the one on the PATH. */
async function lookAtEtcd(environment: NodeJS.ProcessEnv): Promise<Finding> {
  const finding = await lookAtTool(ETCD, environment);
  const built = builtReleases(environment);
  if (built.length === 0) return finding;
  return {
    ...finding,
    found: `${finding.found}; built earlier: ${built.join(", ")}`,
    figures: { ...finding.figures, built: built.join(" ") },
  };
}

function builtReleases(environment: NodeJS.ProcessEnv): readonly string[] {
  const cache = cacheFolder(environment);
  if (!existsSync(cache)) return [];
  return readdirSync(cache)
    .filter((version) => !version.startsWith(".") && existsSync(join(cache, version, "etcd")))
    .sort();
}

/** The engine is what counts; the client alone can do nothing, and is not needed beside one. */
async function lookAtDocker(environment: NodeJS.ProcessEnv): Promise<Finding> {
  const { name, enables, remedy } = DOCKER_CLIENT;
  const [engine, client] = await Promise.all([askEngine(environment), lookAtTool(DOCKER_CLIENT, environment)]);
  const about = { name, needed: false, enables };
  const clientVersion = client.figures["version"] ?? null;
  if (engine.kind === "engine") {
    const { host, version, apiVersion } = engine;
    return {
      ...about,
      state: "ok",
      found: `engine ${version} (API ${apiVersion}) at ${host}`,
      remedy: null,
      figures: { host, version, apiVersion, clientVersion },
    };
  }
  const closed = engine.reasons.some((reason) => reason.endsWith("is not open to this user"));
  const without =
    client.state === "missing" ? "no engine" : `a client (${clientVersion ?? "unknown"}) without an engine`;
  return {
    ...about,
    state: "missing",
    found: `${without}: ${engine.reasons.join("; ")}`,
    remedy: closed
      ? "let this user use the socket (group docker)"
      : clientVersion === null
        ? remedy
        : "start the engine, or point DOCKER_HOST at one",
    figures: { host: null, version: null, apiVersion: null, clientVersion },
  };
}
