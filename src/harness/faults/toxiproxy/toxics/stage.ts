import type { Prng } from "../../../../base/prng.ts";
import type { Clock } from "../../../../env/clock.ts";

/** A piece of the byte stream and the (possibly already delayed) time at which it was read, in the clock's milliseconds. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly readAtMs: number;
}

/** What a stage held when it was stopped, in order. */
export interface Held {
  /** The chunk in work: it leaves at once, whatever follows. */
  readonly interrupted: Chunk | null;
  /** Chunks not yet begun: whoever follows gets them as if they came only now. */
  readonly waiting: readonly Chunk[];
}

export const NOTHING_HELD: Held = { interrupted: null, waiting: [] };

/**
 * One toxic at work on one direction of one connection: a FIFO of chunks with the end of the stream behind them. It knows no
 * sockets: what it lets pass goes to its port.
 */
export interface Stage {
  receive(chunk: Chunk): void;
  /** The stream ended; nothing more is received. */
  end(): void;
  /** Stops its timers and hands back what it holds; nothing but another `stop` follows. */
  stop(): Held;
  /** True while the source should stop reading. */
  readonly full: boolean;
  /** True once it is bound to end the stream: an update or removal no longer touches it. */
  readonly doomed?: boolean;
}

/** Where a stage's output goes and what it may use. */
export interface StagePort {
  readonly clock: Clock;
  readonly prng: Prng;
  /** Belongs to the toxic's place in one link: lasts over updates and new draws, goes with the toxic. */
  readonly memory: { passedBytes: number };
  forward(chunk: Chunk): void;
  /** Ends the stream for everything behind this stage; what it receives afterwards is dropped. A second call does nothing. */
  end(): void;
}

export type Attributes = Readonly<Record<string, number>>;

/** One type of toxic: the API knows it by `type`, a link by `start`. */
export interface ToxicKind {
  readonly type: string;
  /** All are integers and default to 0. */
  readonly attributeNames: readonly string[];
  /** Taking the toxic away ends every connection it was on, whatever its toxicity. */
  readonly closesOnRemoval?: boolean;
  /** A connection that opens with it on either direction is reset instead of closed, whatever its toxicity. */
  readonly resetsConnection?: boolean;
  start(port: StagePort, attributes: Attributes): Stage;
}
