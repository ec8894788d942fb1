import { ConfigError } from "./flags.ts";

/** An address as etcd's flags write it, e.g. `http://127.0.0.1:2380`. `text` is kept as given: member ids are hashes of it. */
export interface Url {
  readonly text: string;
  readonly host: string;
  readonly port: number;
}

const URL_SHAPE = /^([a-z]+):\/\/(\[[0-9A-Fa-f:.%a-z]+\]|[^\s/?#:[\]@]+):([0-9]{1,5})$/;

/** A comma-separated list of at least one URL. */
export function parseUrls(flag: string, text: string): readonly Url[] {
  return text.split(",").map((part) => parseUrl(flag, part.trim()));
}

export function parseUrl(flag: string, text: string): Url {
  const match = URL_SHAPE.exec(text);
  if (match === null) throw new ConfigError(`--${flag}: "${text}" is not of the form http://HOST:PORT`);
  const [, scheme, host, digits] = match as unknown as [string, string, string, string];
  if (scheme === "https")
    throw new ConfigError(`--${flag}: "${text}" asks for TLS, which etcd-ts does not speak: use http`);
  if (scheme !== "http") throw new ConfigError(`--${flag}: "${text}" has the scheme ${scheme}: use http`);
  const port = Number(digits);
  if (port > 65535) throw new ConfigError(`--${flag}: "${text}" has no valid port: 0 to 65535`);
  return { text, host: host.replace(/^\[|\]$/g, ""), port };
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;

/** URLs to bind: an IP address or localhost, as etcd demands, since a name may resolve to an address of another machine. */
export function parseListenUrls(flag: string, text: string): readonly Url[] {
  return parseUrls(flag, text).map((url) => {
    if (url.host !== "localhost" && !url.host.includes(":") && !IPV4.test(url.host))
      throw new ConfigError(`--${flag}: "${url.text}" must name an IP address or localhost to listen on`);
    return url;
  });
}
