/**
 * The two servers that must not be told apart: ours and the real one. The real one is `TOXIPROXY_SERVER`, or `toxiproxy-server`
 * on the PATH, or is built once by the machine's Go toolchain into the user's cache directory.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ToxiproxyClient } from "../../../../src/harness/faults/toxiproxy/client.ts";
import { endsWithUs } from "../../../support/belongings.ts";
import { freePorts } from "../../../support/etcd-server.ts";
import { startToxiproxy } from "./support.ts";

const MODULE = "github.com/Shopify/toxiproxy/v2";
const BUILD_LIMIT_MS = 180_000;
const START_LIMIT_MS = 20_000;
const TEST_LIMIT_MS = 120_000;
const MAIN: string = fileURLToPath(new URL("../../../../src/harness/faults/toxiproxy/main.js", import.meta.url));

export interface Target {
  readonly name: "ours" | "real";
  /** Of the 2.x line whose behaviour it has. */
  readonly minor: number;
  /** Program and first arguments, to which the flags of section 1 are added. */
  readonly command: readonly string[];
  /** A server of the test's own, without proxies. */
  start(t: TestContext): Promise<ToxiproxyClient>;
}

/** The newest release whose behaviour is known here. By name: not every module index lists it, so "latest" can be an old one. */
const NEWEST_MINOR = 12;
const RELEASE = `v2.${NEWEST_MINOR}.0`;

export const OURS: Target = {
  name: "ours",
  minor: NEWEST_MINOR,
  command: [process.execPath, "--enable-source-maps", MAIN],
  start: startToxiproxy,
};

/** The real server, or why there is none. */
export async function findReal(): Promise<Target | string> {
  const binary = await realBinary();
  if (!binary.startsWith("/")) return binary;
  const target: Target = {
    name: "real",
    minor: minorOf(binary),
    command: [binary],
    start: async (t) => (await startProcess(t, target)).client,
  };
  return target;
}

async function realBinary(): Promise<string> {
  const named = process.env["TOXIPROXY_SERVER"];
  if (named !== undefined) return existsSync(named) ? named : `TOXIPROXY_SERVER names no file: ${named}`;
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    const candidate = join(folder, "toxiproxy-server");
    if (folder.startsWith("/") && existsSync(candidate)) return candidate;
  }
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "faultline", "toxiproxy", RELEASE);
  const built = join(folder, "server");
  if (existsSync(built)) return built;
  if (spawnSync("go", ["version"], { stdio: "ignore" }).status !== 0)
    return "neither toxiproxy-server nor a Go toolchain to build it with is on the PATH";
  mkdirSync(folder, { recursive: true });
  return await buildOnce(folder, built);
}

/** Several test files may come here at once: one builds, the others wait for it. */
async function buildOnce(folder: string, built: string): Promise<string> {
  const lock = join(folder, "building");
  try {
    closeSync(openSync(lock, "wx"));
  } catch {
    while (existsSync(lock) && Date.now() - statSync(lock).mtimeMs < BUILD_LIMIT_MS) await sleep(100);
    return existsSync(built) ? built : "another process could not build the real server";
  }
  const scratch = join(folder, `build-${process.pid}`);
  try {
    const environment = { ...process.env, GOBIN: scratch };
    const go = spawn("go", ["install", `${MODULE}/cmd/server@${RELEASE}`], {
      env: environment,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: BUILD_LIMIT_MS,
    });
    let said = "";
    go.stderr.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-2000);
    });
    const [code] = (await once(go, "exit")) as [number | null];
    if (code !== 0) return `go install ${MODULE}/cmd/server@${RELEASE} failed: ${said.trim().split("\n").at(-1)}`;
    renameSync(join(scratch, "server"), built);
    return built;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
    rmSync(lock, { force: true });
  }
}

/** Go notes in each binary from which version of which module it was built; a build from a checkout has none. */
function minorOf(binary: string): number {
  const found = /\bmod\tgithub\.com\/Shopify\/toxiproxy\/v2\tv2\.(\d+)\./.exec(readFileSync(binary, "latin1"));
  return found === null ? NEWEST_MINOR : Number(found[1]);
}

/** Ends what was started for it. */
export interface Owner {
  after(end: () => unknown): void;
}

export interface ServerProcess {
  readonly child: ChildProcess;
  readonly client: ToxiproxyClient;
  /** What it printed so far. */
  readonly output: () => string;
}

/** One as a process of its own, which answers; ended by its owner. */
export async function startProcess(
  t: Owner,
  target: Target,
  flags: readonly string[] = [],
  environment: NodeJS.ProcessEnv = {},
): Promise<ServerProcess> {
  const [port] = await freePorts(t, 1);
  const [program, ...first] = [...target.command, "-host", "127.0.0.1", "-port", String(port), ...flags];
  const child = spawn(program as string, first, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
  });
  endsWithUs(child);
  t.after(() => child.kill("SIGKILL"));
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (bytes: Buffer) => {
      said = (said + bytes.toString()).slice(-100_000);
    });
  const client = new ToxiproxyClient(`http://127.0.0.1:${port}`);
  await answering(client, child, () => said);
  return { child, client, output: () => said };
}

async function answering(client: ToxiproxyClient, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    try {
      await fetch(`${client.url}/version`).then((answer) => answer.text());
      return;
    } catch {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the server does not answer: ${output()}`);
      await sleep(10);
    }
  }
}

export type Claim = (t: TestContext, target: Target) => Promise<void>;

/** One title, tested on ours and on the real one; `sinceMinor`: older versions of the real server behaved otherwise. */
export async function conformance(
  name: string,
  claims: (claim: (title: string, body: Claim, sinceMinor?: number) => void) => void,
): Promise<void> {
  const real = await findReal();
  if (typeof real === "string") console.log(`# the real Toxiproxy is not tested: ${real}`);
  for (const target of [OURS, real]) {
    const title = typeof target === "string" ? "real" : `${target.name}, as of 2.${target.minor}`;
    describe(`${name} (${title})`, { concurrency: 3, skip: typeof target === "string" ? target : false }, () => {
      claims((what, body, sinceMinor = 0) => {
        const skip =
          typeof target === "string"
            ? target
            : target.minor < sinceMinor && `2.${target.minor} is older than 2.${sinceMinor}, which brought this`;
        test(what, { skip, timeout: TEST_LIMIT_MS }, (t) => body(t, target as Target));
      });
    });
  }
}
