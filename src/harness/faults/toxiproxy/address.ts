import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { systemError } from "./errors.ts";

/** `host` empty: every interface. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

const PORT_MAX = 65535;

/** Takes "host:port", "[v6]:port" and ":port" apart; empty is any port on every interface. Throws 500 with Go's text. */
export function parseAddress(text: string): Address {
  if (text === "") return { host: "", port: 0 };
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^:]*)$/.exec(text);
  if (match === null) {
    const reason = text.includes(":") ? "too many colons in address" : "missing port in address";
    throw systemError(`address ${text}: ${reason}`);
  }
  // Names of services are not looked up.
  if (!/^\d*$/.test(match[3] ?? "")) throw systemError(`lookup tcp/${match[3]}: unknown port`);
  const port = Number(match[3]);
  if (!Number.isInteger(port) || port < 0 || port > PORT_MAX) throw systemError(`address ${match[3]}: invalid port`);
  return { host: match[1] ?? match[2] ?? "", port };
}

/** The same with the host's name looked up, IPv4 first. Throws 500. */
export async function resolveAddress(text: string): Promise<Address> {
  const { host, port } = parseAddress(text);
  if (host === "" || isIP(host) !== 0) return { host, port };
  try {
    const found = await lookup(host, { verbatim: false });
    return { host: found.address, port };
  } catch {
    throw systemError(`lookup ${host}: no such host`);
  }
}

export function formatAddress({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
