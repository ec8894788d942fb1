import type { EtcdSource, Target } from "../model/plan.ts";

/** What a person may write, for messages. */
export const TARGET_FORMS = "ts, etcd, etcd=BINARY, etcd@3.7.3 or endpoints=HOST:PORT,...";

/** Becomes a folder's name and a Go module's version: nothing else may get in. */
const RELEASE = /^\d{1,3}\.\d{1,3}\.\d{1,3}(-(alpha|beta|rc)\.\d{1,3})?$/;

const ENDPOINT = /^(?:(https?):\/\/)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(\d{1,5}))?\/?$/;
const DEFAULT_PORT = "2379";
const PORT_MAX = 65_535;
const ENDPOINTS_MAX = 7;

/**
 * "ts", "etcd" (the one on the PATH), "etcd=BINARY" (a path, or a name on the PATH), "etcd@VERSION", or "endpoints=A,B,C" with an
 * address for each member as etcdctl takes them (http without a scheme, 2379 without a port) as a target; null when it is none
 * of these.
 */
export function parseTarget(text: string): Target | null {
  if (text === "ts") return { kind: "ts" };
  if (text.startsWith("endpoints=")) return parseEndpoints(text.slice("endpoints=".length));
  const source = text === "etcd" ? binary("etcd") : parseSource(text);
  return source === null ? null : { kind: "etcd", source };
}

function parseSource(text: string): EtcdSource | null {
  const rest = text.slice("etcd=".length);
  if (rest === "") return null;
  if (text.startsWith("etcd=")) return binary(rest);
  return text.startsWith("etcd@") && RELEASE.test(rest) ? { kind: "version", version: rest } : null;
}

function binary(name: string): EtcdSource {
  return { kind: "binary", binary: name };
}

/** Each address once, and all of them with the same scheme. */
function parseEndpoints(text: string): Target | null {
  const endpoints = text.split(",").map(normalized);
  const schemes = new Set(endpoints.map((endpoint) => endpoint?.split(":", 1)[0]));
  if (endpoints.length > ENDPOINTS_MAX || new Set(endpoints).size < endpoints.length || schemes.size > 1) return null;
  return endpoints.includes(null) ? null : { kind: "endpoints", endpoints: endpoints as string[] };
}

function normalized(text: string): string | null {
  const match = ENDPOINT.exec(text);
  if (match === null) return null;
  const [, scheme = "http", host, port = DEFAULT_PORT] = match;
  if (Number(port) < 1 || Number(port) > PORT_MAX) return null;
  return `${scheme}://${(host as string).toLowerCase()}:${Number(port)}`;
}
