import {
  type Attributes,
  type Chunk,
  type Held,
  NOTHING_HELD,
  type Stage,
  type StagePort,
  type ToxicKind,
} from "./stage.ts";

/** Passes `bytes` bytes of each connection and then ends it; the count lasts over updates. 0 ends it on the first data. */
export const LIMIT_DATA: ToxicKind = {
  type: "limit_data",
  attributeNames: ["bytes"],
  start: (port, attributes) => new LimitDataStage(port, attributes),
};

class LimitDataStage implements Stage {
  readonly full = false;
  readonly #port: StagePort;
  readonly #limitBytes: number;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#limitBytes = attributes["bytes"] ?? 0;
  }

  receive(chunk: Chunk): void {
    const { memory } = this.#port;
    const bytes = chunk.bytes.subarray(0, Math.max(0, this.#limitBytes - memory.passedBytes));
    if (bytes.length > 0) {
      memory.passedBytes += bytes.length;
      this.#port.forward({ bytes, readAtMs: chunk.readAtMs });
    }
    if (memory.passedBytes >= this.#limitBytes) this.#port.end();
  }

  end(): void {
    this.#port.end();
  }

  stop(): Held {
    return NOTHING_HELD;
  }
}
