/** One process of `bench:grpc`: a server or a client of one kind, told over IPC what to do. */
import { type Client, connect } from "./clients.ts";
import { listen } from "./servers.ts";
import type { Ask, Reply } from "./shared.ts";

let clients: Client[] = [];

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Closed loop: each client keeps `inFlight` calls going. Resolves when the last one after `durationMs` has ended. */
function load(inFlight: number, durationMs: number): Promise<number> {
  return new Promise((resolve) => {
    const endMs = performance.now() + durationMs;
    let calls = 0;
    let running = clients.length * inFlight;
    let checked = 0;
    let over = false;
    for (const client of clients) {
      const next = (): void => {
        calls++;
        if (++checked % 64 === 0) over = performance.now() >= endMs;
        if (!over) client.call(next);
        else if (--running === 0) resolve(calls);
      };
      for (let i = 0; i < inFlight; i++) client.call(next);
    }
  });
}

async function carryOut(ask: Ask): Promise<Reply> {
  switch (ask.ask) {
    case "listen":
      return { port: await listen(ask.kind) };
    case "cpu":
      return { cpuMicros: cpuMicros() };
    case "connect":
      clients = await Promise.all(Array.from({ length: ask.connections }, () => connect(ask.kind, ask.port)));
      return {};
    case "load": {
      const before = cpuMicros();
      const calls = await load(ask.inFlight, ask.durationMs);
      return { calls, cpuMicros: cpuMicros() - before };
    }
    case "disconnect":
      for (const client of clients) client.close();
      clients = [];
      return {};
  }
}

process.on("message", (ask: Ask) => {
  carryOut(ask).then((reply) => process.send?.(reply));
});
process.on("disconnect", () => process.exit(0));
