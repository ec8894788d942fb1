import type { Prng } from "../../../../base/prng.ts";
import type { Clock } from "../../../../env/clock.ts";

/** A piece of the byte stream and the (possibly already delayed) time at which it was read, in the clock's milliseconds. */
export interface Chunk {
  readonly bytes: Uint8Array;
  readonly readAtMs: number;
}

/**
 * One toxic at work on one direction of one connection: a FIFO of chunks with the end of the stream behind them. It knows no
 * sockets: what it lets pass goes to its port.
 */
export interface Stage {
  receive(chunk: Chunk): void;
  /** The stream ended; nothing more is received. */
  end(): void;
  /** Interrupted: passes on everything held, the end included, at once and in order, and stops its timers. Its last call. */
  flush(): void;
  /** True while the source should stop reading. */
  readonly full: boolean;
}

/** Where a stage's output goes and what it may use. */
export interface StagePort {
  readonly clock: Clock;
  readonly prng: Prng;
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
  readonly closesOnRemoval: boolean;
  start(port: StagePort, attributes: Attributes): Stage;
}
