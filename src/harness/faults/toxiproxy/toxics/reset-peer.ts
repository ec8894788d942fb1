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
 * The first data, or the end, is dropped and ends the connection `timeout` ms later: with a reset where the toxic was there when
 * the connection opened, else like any other end. An idle connection stays. Once begun, it cannot be called off.
 */
export const RESET_PEER: ToxicKind = {
  type: "reset_peer",
  attributeNames: ["timeout"],
  resetsConnection: true,
  start: (port, attributes) => new ResetPeerStage(port, attributes),
};

class ResetPeerStage implements Stage {
  readonly full = false;
  readonly #port: StagePort;
  readonly #timeoutMs: number;
  #timer: Timer | null = null;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#timeoutMs = attributes["timeout"] ?? 0;
  }

  get doomed(): boolean {
    return this.#timer !== null;
  }

  receive(_chunk: Chunk): void {
    this.end();
  }

  end(): void {
    this.#timer ??= this.#port.clock.after(Math.max(0, this.#timeoutMs), () => this.#port.end());
  }

  stop(): Held {
    this.#timer?.cancel();
    return NOTHING_HELD;
  }
}
