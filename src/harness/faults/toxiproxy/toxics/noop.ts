import { type Chunk, type Held, NOTHING_HELD, type Stage, type StagePort, type ToxicKind } from "./stage.ts";

/** Lets everything pass: also what a toxic is on the connections its toxicity spares. */
export const NOOP: ToxicKind = {
  type: "noop",
  attributeNames: [],
  start: (port) => new NoopStage(port),
};

class NoopStage implements Stage {
  readonly full = false;
  readonly #port: StagePort;

  constructor(port: StagePort) {
    this.#port = port;
  }

  receive(chunk: Chunk): void {
    this.#port.forward(chunk);
  }

  end(): void {
    this.#port.end();
  }

  stop(): Held {
    return NOTHING_HELD;
  }
}
