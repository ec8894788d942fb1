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

/** Data passes; only the end of the stream is held back, by `delay` ms. */
export const SLOW_CLOSE: ToxicKind = {
  type: "slow_close",
  attributeNames: ["delay"],
  start: (port, attributes) => new SlowCloseStage(port, attributes),
};

class SlowCloseStage implements Stage {
  readonly full = false;
  readonly #port: StagePort;
  readonly #delayMs: number;
  #timer: Timer | null = null;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#delayMs = attributes["delay"] ?? 0;
  }

  receive(chunk: Chunk): void {
    this.#port.forward(chunk);
  }

  end(): void {
    this.#timer = this.#port.clock.after(Math.max(0, this.#delayMs), () => this.#port.end());
  }

  stop(): Held {
    this.#timer?.cancel();
    return NOTHING_HELD;
  }
}
