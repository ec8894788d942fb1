import { pino } from "pino";
import type { Trace, TraceFields } from "../trace.ts";

export type TraceLevel = "debug" | "info" | "warn" | "error" | "fatal";

/**
 * One JSON line for each event on stderr, with etcd's keys: level, ts, msg, then the event's own. Written at once, so that the last
 * words of a process that ends are there.
 */
export function nodeTrace(level: TraceLevel): Trace {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ dest: 2, sync: true }),
  );
  return {
    debug: (message: string, fields: TraceFields = {}) => logger.debug(fields, message),
    info: (message: string, fields: TraceFields = {}) => logger.info(fields, message),
    warn: (message: string, fields: TraceFields = {}) => logger.warn(fields, message),
    error: (message: string, fields: TraceFields = {}) => logger.error(fields, message),
  };
}
