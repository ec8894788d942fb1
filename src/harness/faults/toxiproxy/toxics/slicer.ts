import type { Prng } from "../../../../base/prng.ts";
import type { Timer } from "../../../../env/clock.ts";
import type { Attributes, Chunk, Held, Stage, StagePort, ToxicKind } from "./stage.ts";

/** A timer late by no more than this is made up for: timers are coarser than the delays asked for. */
const CATCH_UP_MS = 2;

/**
 * Cuts each chunk into pieces of about `average_size` bytes, give or take `size_variation`, and waits `delay` microseconds after
 * each. Where the two leave no size at all (the real server would cut for ever) pieces have one byte.
 */
export const SLICER: ToxicKind = {
  type: "slicer",
  attributeNames: ["average_size", "size_variation", "delay"],
  start: (port, attributes) => new SlicerStage(port, attributes),
};

class SlicerStage implements Stage {
  readonly #port: StagePort;
  readonly #averageBytes: number;
  readonly #variationBytes: number;
  readonly #delayMs: number;
  readonly #waiting: Chunk[] = [];
  #current: Chunk | null = null;
  /** Of the current chunk: what has left, and where the other pieces end, the next one last. */
  #sentBytes = 0;
  #ends: number[] = [];
  /** When the next piece may leave. */
  #nextAtMs = Number.NEGATIVE_INFINITY;
  #ended = false;
  #timer: Timer | null = null;

  constructor(port: StagePort, attributes: Attributes) {
    this.#port = port;
    this.#averageBytes = attributes["average_size"] ?? 0;
    this.#variationBytes = attributes["size_variation"] ?? 0;
    this.#delayMs = Math.max(0, attributes["delay"] ?? 0) / 1000;
  }

  /** One chunk is worked on; others wait at the source. */
  get full(): boolean {
    return this.#current !== null || this.#waiting.length > 0;
  }

  receive(chunk: Chunk): void {
    this.#waiting.push(chunk);
    this.#advance();
  }

  end(): void {
    this.#ended = true;
    this.#advance();
  }

  stop(): Held {
    this.#timer?.cancel();
    this.#timer = null;
    const current = this.#current;
    this.#current = null;
    const interrupted =
      current === null ? null : { bytes: current.bytes.subarray(this.#sentBytes), readAtMs: current.readAtMs };
    return { interrupted, waiting: this.#waiting.splice(0) };
  }

  #advance(): void {
    if (this.#timer !== null) return;
    const nowMs = this.#port.clock.monotonicMs();
    while (this.#current !== null || this.#waiting.length > 0 || this.#ended) {
      if (this.#nextAtMs > nowMs) {
        this.#wait(this.#nextAtMs - nowMs);
        return;
      }
      if (this.#current === null && !this.#begin()) {
        this.#port.end();
        return;
      }
      this.#sendPiece(nowMs);
    }
  }

  #wait(delayMs: number): void {
    this.#timer = this.#port.clock.after(Math.ceil(delayMs), () => {
      this.#timer = null;
      this.#advance();
    });
  }

  /** False: there is no more. */
  #begin(): boolean {
    const chunk = this.#waiting.shift();
    if (chunk === undefined) return false;
    this.#current = chunk;
    this.#sentBytes = 0;
    this.#ends = pieceEnds(chunk.bytes.length, this.#averageBytes, this.#variationBytes, this.#port.prng).reverse();
    return true;
  }

  #sendPiece(nowMs: number): void {
    const { bytes, readAtMs } = this.#current as Chunk;
    const piece = bytes.subarray(this.#sentBytes, this.#ends.pop());
    this.#sentBytes += piece.length;
    if (this.#ends.length === 0) this.#current = null;
    this.#nextAtMs = (nowMs - this.#nextAtMs < CATCH_UP_MS ? this.#nextAtMs : nowMs) + this.#delayMs;
    this.#port.forward({ bytes: piece, readAtMs });
  }
}

/** Halves again and again, the middle moved at random, until every piece is small enough. Ends of the pieces, ascending. */
export function pieceEnds(length: number, averageBytes: number, variationBytes: number, prng: Prng): number[] {
  const maxBytes = Math.max(1, averageBytes + variationBytes);
  const ends: number[] = [];
  const cut = (start: number, end: number): void => {
    if (end - start <= maxBytes) {
      ends.push(end);
      return;
    }
    const moved = variationBytes > 0 ? Math.floor(prng.float() * 2 * variationBytes) - variationBytes : 0;
    // A variation above the average could reach beyond the piece.
    const middle = Math.min(end - 1, Math.max(start + 1, start + Math.floor((end - start) / 2) + moved));
    cut(start, middle);
    cut(middle, end);
  };
  cut(0, length);
  return ends;
}
