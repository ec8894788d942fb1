import { BANDWIDTH } from "./bandwidth.ts";
import { LATENCY } from "./latency.ts";
import { NOOP } from "./noop.ts";
import type { ToxicKind } from "./stage.ts";
import { TIMEOUT } from "./timeout.ts";

/** Every type of toxic the API accepts. */
export const TOXIC_KINDS: ReadonlyMap<string, ToxicKind> = new Map(
  [NOOP, LATENCY, BANDWIDTH, TIMEOUT].map((kind) => [kind.type, kind]),
);
