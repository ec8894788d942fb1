import type { Timer } from "../../../../env/clock.ts";
import {
  type Attributes,
  type Chunk,
  type Held,
  NOTHING_HELD,
  type Stage,
  type StagePort,
  type ToxicKind,
} from "./stage.ts";

/**
 * Drops all data. With `timeout` > 0 the connection ends after that many ms without data; 0 swallows for ever. Ending on removal
 * makes a clean heal: a stream with a hole in it must not go on.
 */
export const TIMEOUT: ToxicKind = {
  type: "timeout",
  attributeNames: ["timeout"],
  closesOnRemoval: true,
  start: (port, attributes) => new TimeoutStage(port, attributes),
};

class TimeoutStage implements Stage {
  readonly full = false;
  readonly #port: StagePort;
  readonly #timeoutMs: number;
  #timer: Timer | null = null;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#timeoutMs = attributes["timeout"] ?? 0;
    this.#restartTimer();
  }

  receive(_chunk: Chunk): void {
    this.#restartTimer();
  }

  end(): void {
    this.stop();
    this.#port.end();
  }

  stop(): Held {
    this.#timer?.cancel();
    this.#timer = null;
    return NOTHING_HELD;
  }

  #restartTimer(): void {
    if (this.#timeoutMs <= 0) return;
    this.#timer?.cancel();
    this.#timer = this.#port.clock.after(this.#timeoutMs, () => {
      this.#timer = null;
      this.#port.end();
    });
  }
}
