import { BANDWIDTH } from "./bandwidth.ts";
import { LATENCY } from "./latency.ts";
import { LIMIT_DATA } from "./limit-data.ts";
import { NOOP } from "./noop.ts";
import { RESET_PEER } from "./reset-peer.ts";
import { SLICER } from "./slicer.ts";
import { SLOW_CLOSE } from "./slow-close.ts";
import type { ToxicKind } from "./stage.ts";
import { TIMEOUT } from "./timeout.ts";

/** Every type of toxic the API accepts. */
export const TOXIC_KINDS: ReadonlyMap<string, ToxicKind> = new Map(
  [NOOP, LATENCY, BANDWIDTH, SLOW_CLOSE, TIMEOUT, RESET_PEER, SLICER, LIMIT_DATA].map((kind) => [kind.type, kind]),
);
