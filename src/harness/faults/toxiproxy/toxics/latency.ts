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

/** With chunks of at most 32 KiB: 32 MiB in flight on one direction, so that delay alone does not cap the bandwidth. */
const QUEUE_MAX_CHUNKS = 1024;

/**
 * Each chunk leaves at its read time plus `latency` ms, varied uniformly by up to `jitter` ms but never out of order. Chunks
 * travel side by side: the delay shifts the stream, it does not stretch it.
 */
export const LATENCY: ToxicKind = {
  type: "latency",
  attributeNames: ["latency", "jitter"],
  start: (port, attributes) => new LatencyStage(port, attributes),
};

interface Delayed {
  readonly chunk: Chunk;
  readonly dueMs: number;
}

class LatencyStage implements Stage {
  readonly #port: StagePort;
  readonly #latencyMs: number;
  readonly #jitterMs: number;
  #queue: Delayed[] = [];
  #head = 0;
  #lastDueMs = Number.NEGATIVE_INFINITY;
  #ended = false;
  #timer: Timer | null = null;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#latencyMs = attributes["latency"] ?? 0;
    this.#jitterMs = attributes["jitter"] ?? 0;
  }

  get full(): boolean {
    return this.#queue.length - this.#head >= QUEUE_MAX_CHUNKS;
  }

  receive(chunk: Chunk): void {
    this.#lastDueMs = Math.max(this.#lastDueMs, chunk.readAtMs + this.#drawDelayMs());
    this.#queue.push({ chunk, dueMs: this.#lastDueMs });
    this.#release();
  }

  end(): void {
    this.#ended = true;
    this.#release();
  }

  stop(): Held {
    this.#timer?.cancel();
    this.#timer = null;
    const [interrupted, ...waiting] = this.#queue.slice(this.#head).map(({ chunk }) => chunk);
    this.#queue = [];
    this.#head = 0;
    return interrupted === undefined ? NOTHING_HELD : { interrupted, waiting };
  }

  #drawDelayMs(): number {
    if (this.#jitterMs <= 0) return this.#latencyMs;
    return this.#latencyMs - this.#jitterMs + Math.floor(this.#port.prng.float() * 2 * this.#jitterMs);
  }

  /** Passes on what is due; one timer waits for the head of the queue. */
  #release(): void {
    if (this.#timer !== null) return;
    const nowMs = this.#port.clock.monotonicMs();
    let next = this.#queue[this.#head];
    while (next !== undefined && next.dueMs <= nowMs) {
      this.#head++;
      // The time it was due is its new read time, so that two latencies in a row add up.
      this.#port.forward({ bytes: next.chunk.bytes, readAtMs: next.dueMs });
      next = this.#queue[this.#head];
    }
    if (this.#head > QUEUE_MAX_CHUNKS || next === undefined) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
    if (next === undefined) {
      if (this.#ended) this.#port.end();
      return;
    }
    this.#timer = this.#port.clock.after(Math.ceil(next.dueMs - nowMs), () => {
      this.#timer = null;
      this.#release();
    });
  }
}
