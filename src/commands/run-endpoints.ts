import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { type TlsOptions, tlsStreams } from "../env/node/streams-tls.ts";
import type { Plan } from "../harness/model/plan.ts";
import { CommandError } from "./exit.ts";

/** Of `faultline run`: how to reach members that run already, named as etcdctl names it. */
export interface AccessOptions {
  readonly cacert?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly yes?: true;
  /** Not for endpoints: these say how members are launched. */
  readonly runtime?: string;
  readonly proxy?: string;
}

/**
 * Keys and certificates for a plan's endpoints. Throws `CommandError` when the plan, the addresses and the options do not go
 * together, before anything is touched.
 */
export function accessOf(plan: Plan, options: AccessOptions): TlsOptions {
  const { target, faults } = plan;
  const given = (["cacert", "cert", "key", "yes"] as const).filter((name) => options[name] !== undefined);
  if (target.kind !== "endpoints") {
    if (given.length === 0) return {};
    throw new CommandError(`--${given[0]} is for a target of endpoints: --target endpoints=HOST:PORT,...`);
  }
  const launching = (["runtime", "proxy"] as const).find((name) => options[name] !== undefined);
  if (launching !== undefined)
    throw new CommandError(`--${launching} is for members that faultline launches: these endpoints run already`);
  if (faults.length > 0)
    throw new CommandError(
      `plan ${plan.name} has faults, and members that run already get load and checks only: name a plan without, for example steady`,
    );
  const secure = target.endpoints.every((endpoint) => endpoint.startsWith("https:"));
  const secret = given.find((name) => name !== "yes");
  if (!secure && secret !== undefined)
    throw new CommandError(`--${secret} is for https endpoints: write https://HOST:PORT`);
  const far = target.endpoints.find((endpoint) => !isLoopback(new URL(endpoint).hostname));
  if (far !== undefined && options.yes !== true)
    throw new CommandError(`${far} is not this machine: --yes says that it may be put under load`);
  if ((options.cert === undefined) !== (options.key === undefined))
    throw new CommandError("--cert and --key belong together");
  const pem = {
    ...(options.cacert === undefined ? {} : { ca: read("cacert", options.cacert) }),
    ...(options.cert === undefined ? {} : { cert: read("cert", options.cert) }),
    ...(options.key === undefined ? {} : { key: read("key", options.key) }),
  };
  try {
    if (secure) tlsStreams(pem);
    return pem;
  } catch (error) {
    throw new CommandError(`--cacert, --cert or --key is not what TLS needs: ${(error as Error).message}`);
  }
}

/** The options as they were given, for the command that repeats the run. */
export function accessArguments(options: AccessOptions): readonly string[] {
  const files = (["cacert", "cert", "key"] as const).flatMap((name) => {
    const file = options[name];
    return file === undefined ? [] : [`--${name}`, file];
  });
  return options.yes === true ? [...files, "--yes"] : files;
}

function read(option: string, file: string): string {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(`--${option} ${file}: ${(error as Error).message}`);
  }
  // Node passes over an authority that it cannot read.
  if (!text.includes("-----BEGIN ")) throw new CommandError(`--${option} ${file}: nothing in it is in PEM`);
  return text;
}

/** Of a URL's host: IPv6 in brackets and in its shortest form. A name other than localhost may lead anywhere. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || (isIPv4(host) && host.startsWith("127."));
}
