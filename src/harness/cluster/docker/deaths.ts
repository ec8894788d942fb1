import type { Readable } from "node:stream";
import type { Engine } from "./engine.ts";
import { LABEL } from "./labels.ts";

export interface DeathWatch {
  close(): void;
}

/**
 * Listens to the engine for ends of one cluster's containers. `died` gets the container's part (a member, or the proxy) and exit
 * code; `lost` is called once when the engine is heard no more.
 */
export async function watchDeaths(
  { dockerode }: Engine,
  cluster: string,
  died: (part: string, exitCode: number) => void,
  lost: () => void,
): Promise<DeathWatch> {
  const end = new AbortController();
  const filters = { label: [`${LABEL.cluster}=${cluster}`], type: ["container" as const], event: ["die"] };
  const stream = (await dockerode.getEvents({ filters, abortSignal: end.signal })) as unknown as Readable;
  stream.on("error", () => undefined);
  stream.once("close", () => {
    if (!end.signal.aborted) lost();
  });
  let text = "";
  stream.setEncoding("utf8");
  stream.on("data", (part: string) => {
    const lines = (text + part).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      const death = readDeath(line);
      if (death !== null) died(death.part, death.exitCode);
    }
  });
  return {
    close: () => {
      end.abort();
      stream.destroy();
    },
  };
}

/** Null for a line that is something else. */
export function readDeath(line: string): { readonly part: string; readonly exitCode: number } | null {
  let event: { readonly Action?: unknown; readonly Actor?: { readonly Attributes?: Record<string, unknown> } };
  try {
    event = JSON.parse(line);
  } catch {
    return null;
  }
  const attributes = event.Actor?.Attributes ?? {};
  const part = attributes[LABEL.part];
  const exitCode = Number(attributes["exitCode"]);
  return event.Action === "die" && typeof part === "string" && Number.isInteger(exitCode) ? { part, exitCode } : null;
}
