/** Where the server says what it does. Fields are plain JSON values; ids are given as hex strings. */
export interface Trace {
  debug(message: string, fields?: TraceFields): void;
  info(message: string, fields?: TraceFields): void;
  warn(message: string, fields?: TraceFields): void;
  error(message: string, fields?: TraceFields): void;
}

export type TraceFields = Readonly<Record<string, unknown>>;

export const SILENT: Trace = { debug() {}, info() {}, warn() {}, error() {} };
