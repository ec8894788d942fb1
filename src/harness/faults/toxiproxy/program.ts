import { fileURLToPath } from "node:url";
import type { ProxyProgram } from "../../cluster/network.ts";
import { ToxiproxyClient } from "./client.ts";

/** The embedded server, as a process of its own: the load's event loop must not carry its bytes. */
export const EMBEDDED_TOXIPROXY: ProxyProgram = {
  name: "embedded toxiproxy",
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
