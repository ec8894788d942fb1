import type { Socket } from "node:net";
import type { Prng } from "../../../base/prng.ts";
import type { Clock } from "../../../env/clock.ts";
import type { Toxic } from "./toxic.ts";
import { NOOP } from "./toxics/noop.ts";
import type { Chunk, Stage, StagePort } from "./toxics/stage.ts";
import { type Receiver, Writer } from "./writer.ts";

/** What a read of the real server brings at most. */
const CHUNK_MAX_BYTES: number = 32 * 1024;

export interface LinkOptions {
  /** May be paused; the link resumes it. */
  readonly source: Socket;
  readonly destination: Socket;
  readonly toxics: readonly Toxic[];
  /** The destination is reset instead of closed. */
  readonly resets: boolean;
  readonly stalled: boolean;
  readonly clock: Clock;
  readonly prng: Prng;
}

/**
 * One direction of one connection: source -> a slot for each toxic, in order of addition -> destination. Toxics come, change
 * and go while data flows; a slot that is interrupted passes on what it holds, so no byte is lost or reordered.
 *
 * There is no half-close: when the stream's end has passed all slots, the whole destination is closed, and its other half, the
 * source of the opposite link, ends with it.
 */
export class Link {
  readonly #source: Socket;
  readonly #writer: Writer;
  readonly #slots: Slot[] = [];
  readonly #clock: Clock;
  readonly #prng: Prng;
  #sourceEnded = false;
  #stalled: boolean;

  constructor({ source, destination, toxics, resets, stalled, clock, prng }: LinkOptions) {
    this.#source = source;
    this.#writer = new Writer(destination, resets);
    this.#clock = clock;
    this.#prng = prng;
    this.#stalled = stalled;
    if (stalled) this.#writer.hold();
    for (const toxic of toxics) this.#append(toxic);
    source.on("data", (bytes: Buffer) => this.#read(bytes));
    source.on("end", () => this.#end());
    source.on("close", () => this.#end());
    destination.on("drain", () => this.#regulate());
    destination.on("close", () => this.#abandon());
    this.#regulate();
  }

  /** Bytes that came from the source. */
  readBytes = 0;

  /** Bytes given to the destination; null when it went away before it had all. */
  get writtenBytes(): number | null {
    return this.#writer.failed ? null : this.#writer.writtenBytes;
  }

  /** The toxics that are at work here now, by name: the others lost the draw. */
  get active(): readonly string[] {
    return this.#slots.filter((slot) => slot.active).map((slot) => slot.toxic.name);
  }

  add(toxic: Toxic): void {
    // A stream whose end has already left the last slot has nothing for a new one.
    if (this.#writer.ended) return;
    this.#slots.at(-1)?.restart();
    this.#append(toxic);
    this.#regulate();
  }

  update(toxic: Toxic): void {
    this.#slots.find((slot) => slot.toxic === toxic)?.restart();
    this.#regulate();
  }

  remove(toxic: Toxic): void {
    const index = this.#slots.findIndex((slot) => slot.toxic === toxic);
    const slot = this.#slots[index];
    // One that is about to end the stream stays until it has.
    if (slot === undefined || !slot.leave()) return;
    this.#slots.splice(index, 1);
    const previous = this.#slots[index - 1];
    if (previous !== undefined) {
      previous.next = slot.next;
      previous.restart();
    }
    this.#regulate();
  }

  /** From now on nothing is read and nothing written, not even an end. */
  stall(): void {
    this.#stalled = true;
    this.#writer.hold();
    this.#regulate();
  }

  resume(): void {
    this.#stalled = false;
    this.#writer.release();
    this.#regulate();
  }

  #append(toxic: Toxic): void {
    const slot = new Slot(toxic, this.#writer, this.#clock, this.#prng, () => this.#regulate());
    const last = this.#slots.at(-1);
    if (last !== undefined) last.next = slot;
    this.#slots.push(slot);
  }

  #read(bytes: Buffer): void {
    this.readBytes += bytes.length;
    const first = this.#slots[0];
    if (first === undefined || this.#writer.ended) this.#writer.write(bytes);
    else {
      const readAtMs = this.#clock.monotonicMs();
      for (let at = 0; at < bytes.length; at += CHUNK_MAX_BYTES)
        first.receive({ bytes: bytes.subarray(at, at + CHUNK_MAX_BYTES), readAtMs });
    }
    this.#regulate();
  }

  #end(): void {
    if (this.#sourceEnded) return;
    this.#sourceEnded = true;
    (this.#slots[0] ?? this.#writer).end();
  }

  /** The destination is gone: what was on its way is dropped, and the source is read on only to see it end. */
  #abandon(): void {
    this.#writer.abandon();
    for (const slot of this.#slots) slot.abandon();
    this.#regulate();
  }

  /** Back-pressure: the source is read only while no slot and not the destination's socket is full. */
  #regulate(): void {
    const full = !this.#writer.ended && (this.#writer.full || this.#slots.some((slot) => slot.full));
    if (full || this.#stalled) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}

/** A toxic's place in a link: draws whether it is active here, and replaces its stage when it changes. */
class Slot implements Receiver {
  readonly toxic: Toxic;
  next: Receiver;
  active = false;
  readonly #port: StagePort;
  /** Chance has a stream of its own, so that a toxic's jitter does not shift the draws. */
  readonly #draws: Prng;
  #stage: Stage;
  #inputEnded = false;
  #outputEnded = false;

  constructor(toxic: Toxic, next: Receiver, clock: Clock, prng: Prng, passed: () => void) {
    this.toxic = toxic;
    this.next = next;
    this.#draws = prng.fork();
    this.#port = {
      clock,
      prng: prng.fork(),
      memory: { passedBytes: 0 },
      forward: (chunk) => {
        if (this.#outputEnded) return;
        this.next.receive(chunk);
        passed();
      },
      end: () => this.#close(),
    };
    this.#stage = this.#start();
  }

  get full(): boolean {
    return !this.#outputEnded && this.#stage.full;
  }

  receive(chunk: Chunk): void {
    if (!this.#inputEnded && !this.#outputEnded) this.#stage.receive(chunk);
  }

  end(): void {
    if (this.#inputEnded || this.#outputEnded) return;
    this.#inputEnded = true;
    this.#stage.end();
  }

  /** Begins anew with the toxic's present attributes and a new draw. */
  restart(): void {
    if (this.#outputEnded || this.#stage.doomed) return;
    const waiting = this.#interrupt();
    this.#stage = this.#start();
    for (const chunk of waiting) if (!this.#outputEnded) this.#stage.receive(chunk);
    if (this.#inputEnded && !this.#outputEnded) this.#stage.end();
  }

  /** Passes on everything, and the end if it had come or the toxic takes its connections with it. False: it cannot leave. */
  leave(): boolean {
    if (!this.#outputEnded && this.#stage.doomed) return false;
    for (const chunk of this.#interrupt()) this.#port.forward(chunk);
    if (this.#inputEnded || this.toxic.kind.closesOnRemoval) this.#close();
    return true;
  }

  /** Nobody is left to hear it. */
  abandon(): void {
    this.#outputEnded = true;
    this.#stage.stop();
  }

  #interrupt(): readonly Chunk[] {
    const { interrupted, waiting } = this.#stage.stop();
    if (interrupted !== null) this.#port.forward(interrupted);
    return waiting;
  }

  #close(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    this.next.end();
  }

  #start(): Stage {
    this.active = this.#draws.float() < this.toxic.toxicity;
    return (this.active ? this.toxic.kind : NOOP).start(this.#port, this.toxic.attributes);
  }
}
