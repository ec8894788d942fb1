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

/** Little is held back here: what the line cannot take waits in the kernel's buffers and at the sender. */
const QUEUE_MAX_BYTES: number = 64 * 1024;
/** A chunk that takes longer than this leaves in pieces this long. */
const PIECE_MS = 100;

/**
 * A line of `rate` KB/s (1 KB = 1000 bytes) for each direction of each connection. Rate 0 stalls it for ever but keeps the
 * data; taking the toxic away delivers what was held.
 */
export const BANDWIDTH: ToxicKind = {
  type: "bandwidth",
  attributeNames: ["rate"],
  start: (port, attributes) => new BandwidthStage(port, attributes),
};

class BandwidthStage implements Stage {
  readonly #port: StagePort;
  /** KB/s, and so also bytes per millisecond. */
  readonly #rate: number;
  readonly #queue: Chunk[] = [];
  #heldBytes = 0;
  /** When the line has carried all it was given so far: counted from the last such time, so that late timers are made up for. */
  #freeAtMs = Number.NEGATIVE_INFINITY;
  #ended = false;
  #timer: Timer | null = null;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#rate = Math.max(0, attributes["rate"] ?? 0);
  }

  get full(): boolean {
    return this.#heldBytes >= QUEUE_MAX_BYTES;
  }

  receive(chunk: Chunk): void {
    this.#queue.push(chunk);
    this.#heldBytes += chunk.bytes.length;
    this.#sendNext();
  }

  end(): void {
    this.#ended = true;
    if (this.#queue.length === 0) this.#port.end();
  }

  stop(): Held {
    this.#timer?.cancel();
    this.#timer = null;
    const [interrupted, ...waiting] = this.#queue.splice(0);
    this.#heldBytes = 0;
    return interrupted === undefined ? NOTHING_HELD : { interrupted, waiting };
  }

  #sendNext(): void {
    const chunk = this.#queue[0];
    if (chunk === undefined || this.#timer !== null || this.#rate === 0) return;
    const nowMs = this.#port.clock.monotonicMs();
    const pieceBytes = Math.min(chunk.bytes.length, this.#rate * PIECE_MS);
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + pieceBytes / this.#rate;
    this.#timer = this.#port.clock.after(Math.max(0, this.#freeAtMs - nowMs), () => {
      this.#timer = null;
      this.#sent(chunk, pieceBytes);
    });
  }

  #sent(chunk: Chunk, pieceBytes: number): void {
    this.#heldBytes -= pieceBytes;
    if (pieceBytes === chunk.bytes.length) this.#queue.shift();
    else this.#queue[0] = { bytes: chunk.bytes.subarray(pieceBytes), readAtMs: chunk.readAtMs };
    this.#port.forward({ bytes: chunk.bytes.subarray(0, pieceBytes), readAtMs: chunk.readAtMs });
    if (this.#queue.length > 0) this.#sendNext();
    else if (this.#ended) this.#port.end();
  }
}
