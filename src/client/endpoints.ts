import type { StreamAddress } from "../env/streams.ts";

/** One member's client address. */
export interface Endpoint {
  /** As the user wrote it: what messages show. */
  readonly text: string;
  readonly address: StreamAddress;
  /** https: the connection is wrapped in TLS. */
  readonly secure: boolean;
}

export class EndpointError extends Error {
  override readonly name = "EndpointError";
}

const DEFAULT_PORT = 2379;

/** Reads `host:port`, `http://host:port` or `https://host:port` (2379 when no port is given); throws EndpointError. */
export function parseEndpoint(text: string): Endpoint {
  const trimmed = text.trim();
  const withScheme = /^[a-z]+:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  if (trimmed === "" || !URL.canParse(withScheme)) throw new EndpointError(`"${text}" is not an endpoint`);
  const url = new URL(withScheme);
  const secure = url.protocol === "https:";
  if (!secure && url.protocol !== "http:") throw new EndpointError(`"${text}": an endpoint is http or https`);
  // URL hides a scheme's default port and wraps IPv6 addresses in brackets.
  const explicitPort = /:(\d+)\/?$/.exec(withScheme)?.[1];
  const port = explicitPort === undefined ? DEFAULT_PORT : Number(explicitPort);
  return { text: trimmed, address: { host: url.hostname.replace(/^\[(.*)\]$/, "$1"), port }, secure };
}

/** Endpoints separated by commas, as command lines give them; empty parts are dropped. */
export function splitEndpoints(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
