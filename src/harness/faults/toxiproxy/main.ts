import { parseArgs } from "node:util";
import { nodeClock } from "../../../env/node/clock.ts";
import { formatAddress } from "./address.ts";
import { createApi } from "./api.ts";
import { Proxies } from "./proxies.ts";

const USAGE_EXIT_CODE = 64;
const ENVIRONMENT_EXIT_CODE = 69;

/** The real server's flags are Go's: one dash or two, "-port 1" or "-port=1". */
function readFlags(argv: readonly string[]): { host: string; port: number; seed: number } {
  const { values } = parseArgs({
    args: argv.map((argument) => argument.replace(/^-(?=[a-z])/, "--")),
    options: {
      host: { type: "string", default: "localhost" },
      port: { type: "string", default: "8474" },
      seed: { type: "string", default: "1" },
    },
  });
  const port = Number(values.port);
  const seed = Number(values.seed);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`-port: not a port: ${values.port}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`-seed: not an integer: ${values.seed}`);
  return { host: values.host, port, seed };
}

function main(): void {
  let flags: ReturnType<typeof readFlags>;
  try {
    flags = readFlags(process.argv.slice(2));
  } catch (error) {
    console.error(`toxiproxy: ${(error as Error).message}`);
    process.exit(USAGE_EXIT_CODE);
  }
  const proxies = new Proxies(nodeClock, flags.seed);
  const api = createApi(proxies);
  api.once("error", (error) => {
    console.error(`toxiproxy: ${error.message}`);
    process.exit(ENVIRONMENT_EXIT_CODE);
  });
  api.listen(flags.port, flags.host, () => {
    const bound = api.address();
    if (bound !== null && typeof bound === "object")
      console.log(`toxiproxy: listening on ${formatAddress({ host: bound.address, port: bound.port })}`);
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

main();
