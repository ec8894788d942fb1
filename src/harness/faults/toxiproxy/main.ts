import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { nodeClock } from "../../../env/node/clock.ts";
import { formatAddress } from "./address.ts";
import { createApi, VERSION } from "./api.ts";
import { EventLog } from "./events.ts";
import { decodeFirst } from "./json.ts";
import { Log } from "./log.ts";
import { Metrics } from "./metrics.ts";
import { Proxies } from "./proxies.ts";

const USAGE_EXIT_CODE = 64;
const ENVIRONMENT_EXIT_CODE = 69;

const USAGE = `Usage of toxiproxy:
  -host string        host for the HTTP API to listen on (default "localhost")
  -port string        port for the HTTP API to listen on (default "8474")
  -config string      JSON file with proxies to create on startup
  -seed int           seed of every random choice (default 1)
  -proxy-metrics      serve bytes passed by each proxy under /metrics
  -runtime-metrics    serve metrics of the process under /metrics
  -version            print the version
`;

const ON = /^(--(?:proxy-metrics|runtime-metrics|version|help))=true$/;
const OFF = /^--(?:proxy-metrics|runtime-metrics|version|help)=false$/;

interface Flags {
  readonly host: string;
  readonly port: number;
  readonly seed: number;
  readonly config: string | null;
  readonly metrics: { readonly proxy: boolean; readonly runtime: boolean };
  readonly print: "version" | "usage" | null;
}

/** The real server's flags are Go's: one dash or two, "-port 1" or "-port=1", "-version" or "-version=true". Throws Error. */
function readFlags(argv: readonly string[]): Flags {
  const long = argv.map((argument) => argument.replace(/^-(?=[a-z])/, "--"));
  const args = long.filter((argument) => !OFF.test(argument)).map((argument) => argument.replace(ON, "$1"));
  const { values } = parseArgs({
    args,
    options: {
      host: { type: "string", default: "localhost" },
      port: { type: "string", default: "8474" },
      config: { type: "string" },
      seed: { type: "string", default: "1" },
      "proxy-metrics": { type: "boolean", default: false },
      "runtime-metrics": { type: "boolean", default: false },
      version: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const port = Number(values.port);
  const seed = Number(values.seed);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`-port: not a port: ${values.port}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`-seed: not an integer: ${values.seed}`);
  return {
    host: values.host,
    port,
    seed,
    config: values.config ?? null,
    metrics: { proxy: values["proxy-metrics"], runtime: values["runtime-metrics"] },
    print: values.help ? "usage" : values.version ? "version" : null,
  };
}

/** As the real server: a file that cannot be read or populated is told, and the server starts all the same. */
async function populateFrom(file: string, proxies: Proxies, log: Log): Promise<void> {
  try {
    const result = await proxies.populate(decodeFirst(readFileSync(file, "utf8")));
    if (result.error !== null) throw result.error;
    log.line("info", "Populated proxies from file", { config: file, proxies: result.proxies.length });
  } catch (error) {
    log.line("error", "Failed to populate proxies from file", { config: file, error: (error as Error).message });
  }
}

async function serve(flags: Flags): Promise<void> {
  const log = new Log(nodeClock, process.env["LOG_LEVEL"]);
  const events = new EventLog(nodeClock, (event) => log.event(event));
  const metrics = new Metrics(flags.metrics);
  const proxies = new Proxies({ clock: nodeClock, events, metrics }, flags.seed);
  const api = createApi({ proxies, events, metrics });
  if (flags.config !== null) await populateFrom(flags.config, proxies, log);
  api.once("error", (error) => {
    console.error(`toxiproxy: ${error.message}`);
    process.exit(ENVIRONMENT_EXIT_CODE);
  });
  api.listen(flags.port, flags.host, () => {
    const bound = api.address();
    if (bound !== null && typeof bound === "object")
      log.line("info", "Serving the HTTP API", { address: formatAddress({ host: bound.address, port: bound.port }) });
  });
  const stop = async (): Promise<void> => {
    api.close();
    api.closeAllConnections();
    await proxies.stop();
    process.exit(0);
  };
  process.once("SIGINT", () => void stop());
  process.once("SIGTERM", () => void stop());
}

function main(): void {
  let flags: Flags;
  try {
    flags = readFlags(process.argv.slice(2));
  } catch (error) {
    console.error(`toxiproxy: ${(error as Error).message}`);
    process.exit(USAGE_EXIT_CODE);
  }
  if (flags.print === "usage") console.error(USAGE);
  else if (flags.print === "version") console.log(`toxiproxy-server version ${VERSION}`);
  else void serve(flags);
}

main();
