/** The peer dialer (dialer.ts) as a process: its one argument is a JSON list of `DialerRoute`. Ends by SIGTERM. */
import type { DialerRoute } from "./dialer.ts";
import { createSocksServer } from "./socks.ts";

const USAGE_EXIT_CODE = 64;
const ENVIRONMENT_EXIT_CODE = 69;

function main(): void {
  const routes = readRoutes(process.argv[2] ?? "");
  if (routes === null) {
    console.error("peer-dialer: the argument is not a list of routes");
    process.exitCode = USAGE_EXIT_CODE;
    return;
  }
  const servers = routes.map(({ socksPort, ports }) => {
    const portOf = new Map(Object.entries(ports));
    const server = createSocksServer((destination) => portOf.get(destination) ?? null);
    server.listen({ host: "127.0.0.1", port: socksPort, exclusive: true });
    return server;
  });
  for (const server of servers)
    server.once("error", (error) => {
      console.error(`peer-dialer: ${error.message}`);
      process.exitCode = ENVIRONMENT_EXIT_CODE;
      for (const each of servers) each.close();
    });
}

/** Null when it is something else. */
function readRoutes(text: string): readonly DialerRoute[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.length > 0 && value.every(isRoute) ? value : null;
  } catch {
    return null;
  }
}

function isRoute(value: unknown): value is DialerRoute {
  const route = value as DialerRoute | null;
  return (
    Number.isInteger(route?.socksPort) &&
    typeof route?.ports === "object" &&
    route.ports !== null &&
    Object.values(route.ports).every(Number.isInteger)
  );
}

main();
