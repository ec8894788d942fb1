import type { Chunk, Stage, StagePort, ToxicKind } from "./stage.ts";

/** Lets everything pass: also what a toxic is on the connections its toxicity spares. */
export const NOOP: ToxicKind = {
  type: "noop",
  attributeNames: [],
  closesOnRemoval: false,
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

  flush(): void {}
}
