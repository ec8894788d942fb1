import type { Clock } from "../../../env/clock.ts";
import type { LoggedEvent } from "./events.ts";

/** Zerolog's names, which the real server takes from LOG_LEVEL, mildest first. */
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"] as const;
type Level = (typeof LEVELS)[number];

/** One line of JSON on stdout for each thing that is at least as grave as the level. */
export class Log {
  readonly #clock: Clock;
  readonly #least: number;

  /** `level`: LOG_LEVEL as it came; without one everything is printed, and an unknown one is told. */
  constructor(clock: Clock, level: string | undefined) {
    this.#clock = clock;
    this.#least = Math.max(0, LEVELS.indexOf((level ?? "trace") as Level));
    if (level !== undefined && !LEVELS.includes(level as Level))
      this.line("error", `unknown LOG_LEVEL value: "${level}"`);
  }

  line(level: Level, message: string, details: object = {}): void {
    if (LEVELS.indexOf(level) < this.#least) return;
    const time = new Date(this.#clock.wallMs()).toISOString();
    console.log(JSON.stringify({ level, time, message, ...details }));
  }

  event({ seq: _seq, atMs: _atMs, kind, ...details }: LoggedEvent): void {
    this.line(kind.endsWith("failed") ? "error" : "info", kind, details);
  }
}
