import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { LaunchError } from "../../cluster/cluster.ts";
import type { ProxyProgram } from "../../cluster/network.ts";
import type { ProxyChoice } from "../../model/plan.ts";
import { ToxiproxyClient } from "./client.ts";

/** The embedded server, as a process of its own: the load's event loop must not carry its bytes. */
export const EMBEDDED_TOXIPROXY: ProxyProgram = {
  name: "embedded toxiproxy",
  version: null,
  command: (port, seed) => [
    process.execPath,
    "--enable-source-maps",
    fileURLToPath(new URL("./main.js", import.meta.url)),
    "-host",
    "127.0.0.1",
    "-port",
    String(port),
    "-seed",
    String(seed),
  ],
  connect: (url) => new ToxiproxyClient(url),
};

const REAL_NAME = "toxiproxy-server";

/**
 * The server for members that are processes: the embedded one unless the real one was asked for, which is TOXIPROXY_SERVER (a
 * path) or on the PATH. Throws LaunchError when it is not on this machine.
 */
export function proxyProgram(choice: ProxyChoice, environment: NodeJS.ProcessEnv): ProxyProgram {
  if (choice !== "toxiproxy") return EMBEDDED_TOXIPROXY;
  const named = environment["TOXIPROXY_SERVER"] ?? "";
  const candidates =
    named !== ""
      ? [resolve(named)]
      : (environment["PATH"] ?? "").split(delimiter).map((folder) => resolve(folder, REAL_NAME));
  const binary = candidates.find(isProgram);
  if (binary === undefined)
    throw new LaunchError(
      `there is no ${named === "" ? `${REAL_NAME} on the PATH` : `program ${named}`}: install Shopify's Toxiproxy, name it with TOXIPROXY_SERVER, or take --proxy embedded`,
    );
  return {
    name: "Shopify's toxiproxy",
    version: moduleVersion(binary),
    command: (port) => [binary, "-host", "127.0.0.1", "-port", String(port)],
    connect: (url) => new ToxiproxyClient(url),
  };
}

/** Built with go install it calls itself "git"; but Go notes in each binary which version of which module it is. */
function moduleVersion(binary: string): string | null {
  return /\bmod\tgithub\.com\/Shopify\/toxiproxy\/v2\tv(\d[\w.-]*)/.exec(readFileSync(binary, "latin1"))?.[1] ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
