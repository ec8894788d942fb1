import { existsSync, readFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { homedir } from "node:os";
import { join } from "node:path";

const ANSWER_LIMIT_MS = 1000;
const ANSWER_MAX_CHARACTERS = 256 * 1024;
const SYSTEM_HOST = "unix:///var/run/docker.sock";
const PLAIN_PORT = 2375;
const TLS_PORT = 2376;

export type EngineAnswer =
  | { readonly kind: "engine"; readonly host: string; readonly version: string; readonly apiVersion: string }
  /** A reason for each host that was asked. */
  | { readonly kind: "none"; readonly reasons: readonly string[] };

/** Asks Docker's engine for its version, over its HTTP API, for at most a second each host. The first that answers counts. */
export async function askEngine(environment: NodeJS.ProcessEnv): Promise<EngineAnswer> {
  const reasons: string[] = [];
  for (const host of engineHosts(environment)) {
    const signal = AbortSignal.timeout(ANSWER_LIMIT_MS);
    try {
      return { kind: "engine", host, ...readVersion(await askVersion(host, environment, signal)) };
    } catch (error) {
      reasons.push(`${host} ${signal.aborted ? "does not answer within a second" : reason(error)}`);
    }
  }
  return { kind: "none", reasons };
}

/** DOCKER_HOST alone where it is set; else the system's socket, and those of engines without root and of Docker Desktop where they exist. */
export function engineHosts(environment: NodeJS.ProcessEnv): readonly string[] {
  const configured = environment["DOCKER_HOST"] ?? "";
  if (configured !== "") return [configured];
  const runtime = environment["XDG_RUNTIME_DIR"] ?? "";
  const others = [
    ...(runtime === "" ? [] : [join(runtime, "docker.sock")]),
    join(home(environment), ".docker", "run", "docker.sock"),
  ];
  return [SYSTEM_HOST, ...others.filter((path) => existsSync(path)).map((path) => `unix://${path}`)];
}

async function askVersion(host: string, environment: NodeJS.ProcessEnv, signal: AbortSignal): Promise<string> {
  const { secure, options } = address(host, environment);
  const incoming = await new Promise<IncomingMessage>((resolve, reject) => {
    const send = secure ? httpsRequest : httpRequest;
    const outgoing = send({ ...options, path: "/version", agent: false, signal }, resolve);
    outgoing.on("error", reject);
    outgoing.end();
  });
  let text = "";
  incoming.setEncoding("utf8");
  for await (const part of incoming) {
    text += part as string;
    if (text.length > ANSWER_MAX_CHARACTERS) throw new Error("answers without end");
  }
  if (incoming.statusCode !== 200) throw new Error(`answers with HTTP status ${incoming.statusCode}`);
  return text;
}

/** Where a host as Docker writes it is dialled. Throws for what is not HTTP (ssh://). */
function address(
  host: string,
  environment: NodeJS.ProcessEnv,
): { readonly secure: boolean; readonly options: RequestOptions } {
  if (host.startsWith("unix://"))
    return { secure: false, options: { socketPath: host.slice("unix://".length), host: "localhost" } };
  const match = /^(tcp|http|https):\/\/.+/.exec(host);
  if (match === null || !URL.canParse(host.replace(/^tcp:/, "http:")))
    throw new Error("cannot be asked from here: only unix://, tcp://, http:// and https:// can");
  const secure = match[1] === "https" || (match[1] === "tcp" && (environment["DOCKER_TLS_VERIFY"] ?? "") !== "");
  // URL hides the port that is its scheme's own: tcp has none.
  const { hostname } = new URL(host.replace(/^tcp:/, "http:"));
  const port = Number(/:(\d+)\/?$/.exec(host)?.[1] ?? (secure ? TLS_PORT : PLAIN_PORT));
  const options = { host: hostname.replace(/^\[(.*)\]$/, "$1"), port };
  return { secure, options: secure ? { ...options, ...certificates(environment) } : options };
}

/** As Docker's own client has them: ca.pem, cert.pem and key.pem in one folder. */
function certificates(environment: NodeJS.ProcessEnv): RequestOptions {
  const folder = environment["DOCKER_CERT_PATH"] ?? join(home(environment), ".docker");
  const read = (name: string): Buffer | undefined => {
    const path = join(folder, name);
    return existsSync(path) ? readFileSync(path) : undefined;
  };
  return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
}

function home(environment: NodeJS.ProcessEnv): string {
  return environment["HOME"] ?? homedir();
}

function readVersion(text: string): { readonly version: string; readonly apiVersion: string } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  const { Version: version, ApiVersion: apiVersion } = (value ?? {}) as Record<string, unknown>;
  if (typeof version !== "string" || typeof apiVersion !== "string")
    throw new Error("answers, but not as an engine does");
  return { version, apiVersion };
}

function reason(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return "does not exist";
  if (code === "EACCES") return "is not open to this user";
  if (code === "ECONNREFUSED") return "refuses connections";
  return code === undefined ? message : `cannot be asked: ${message}`;
}
