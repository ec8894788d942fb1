import type { Socket } from "node:net";
import type { Prng } from "../../../base/prng.ts";
import type { Clock } from "../../../env/clock.ts";
import type { Toxic } from "./toxic.ts";
import { NOOP } from "./toxics/noop.ts";
import type { Chunk, Stage, StagePort } from "./toxics/stage.ts";

/** What a read of the real server brings at most. */
const CHUNK_MAX_BYTES: number = 32 * 1024;

interface Receiver {
  receive(chunk: Chunk): void;
  end(): void;
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

  constructor(source: Socket, destination: Socket, toxics: readonly Toxic[], clock: Clock, prng: Prng) {
    this.#source = source;
    this.#writer = new Writer(destination);
    this.#clock = clock;
    this.#prng = prng;
    for (const toxic of toxics) this.#append(toxic);
    source.on("data", (bytes: Buffer) => this.#read(bytes));
    source.on("end", () => this.#end());
    source.on("close", () => this.#end());
    destination.on("drain", () => this.#regulate());
    destination.on("close", () => this.#abandon());
    // The source may have been accepted paused.
    this.#regulate();
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
    if (slot === undefined) return;
    slot.interrupt();
    if (toxic.kind.closesOnRemoval) slot.close();
    this.#slots.splice(index, 1);
    const previous = this.#slots[index - 1];
    if (previous !== undefined) {
      previous.next = slot.next;
      previous.restart();
    }
    this.#regulate();
  }

  #append(toxic: Toxic): void {
    const slot = new Slot(toxic, this.#writer, this.#clock, this.#prng, () => this.#regulate());
    const last = this.#slots.at(-1);
    if (last !== undefined) last.next = slot;
    this.#slots.push(slot);
  }

  get #first(): Receiver {
    return this.#slots[0] ?? this.#writer;
  }

  #read(bytes: Buffer): void {
    // Nobody is left to hear it, and a slot that stalls must not collect it.
    if (this.#writer.ended) return;
    const readAtMs = this.#clock.monotonicMs();
    for (let at = 0; at < bytes.length; at += CHUNK_MAX_BYTES)
      this.#first.receive({ bytes: bytes.subarray(at, at + CHUNK_MAX_BYTES), readAtMs });
    this.#regulate();
  }

  #end(): void {
    if (this.#sourceEnded) return;
    this.#sourceEnded = true;
    this.#first.end();
  }

  /** The destination is gone: what was on its way is dropped, and the source is read on only to see it end. */
  #abandon(): void {
    this.#writer.ended = true;
    for (const slot of this.#slots) slot.interrupt();
    this.#regulate();
  }

  /** Back-pressure: the source is read only while no slot and not the destination's socket is full. */
  #regulate(): void {
    const full = !this.#writer.ended && (this.#writer.full || this.#slots.some((slot) => slot.full));
    if (full) this.#source.pause();
    else if (this.#source.isPaused()) this.#source.resume();
  }
}

/** A toxic's place in a link: draws whether it is active here, and replaces its stage when it changes. */
class Slot implements Receiver {
  readonly toxic: Toxic;
  next: Receiver;
  readonly #port: StagePort;
  #stage: Stage;
  #inputEnded = false;
  #outputEnded = false;

  constructor(toxic: Toxic, next: Receiver, clock: Clock, prng: Prng, passed: () => void) {
    this.toxic = toxic;
    this.next = next;
    this.#port = {
      clock,
      prng,
      forward: (chunk) => {
        if (this.#outputEnded) return;
        this.next.receive(chunk);
        passed();
      },
      end: () => this.close(),
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

  /** Passes on what is held and leaves the slot without a working stage: `restart` or removal follows. */
  interrupt(): void {
    this.#stage.flush();
  }

  /** Begins anew with the toxic's present attributes and a new draw. */
  restart(): void {
    this.interrupt();
    if (!this.#outputEnded) this.#stage = this.#start();
  }

  close(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    this.next.end();
  }

  #start(): Stage {
    const active = this.#port.prng.float() < this.toxic.toxicity;
    return (active ? this.toxic.kind : NOOP).start(this.#port, this.toxic.attributes);
  }
}

/** The end of the line: the destination's socket. */
class Writer implements Receiver {
  ended = false;
  readonly #socket: Socket;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  receive(chunk: Chunk): void {
    if (!this.ended) this.#socket.write(chunk.bytes);
  }

  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.#socket.destroySoon();
  }
}
