import type { Socket } from "node:net";
import type { Chunk } from "./toxics/stage.ts";

export interface Receiver {
  receive(chunk: Chunk): void;
  end(): void;
}

/** The end of a link: the destination's socket, which a stall keeps waiting. */
export class Writer implements Receiver {
  writtenBytes = 0;
  /** Something came too late for the destination. */
  failed = false;
  readonly #socket: Socket;
  readonly #resets: boolean;
  #ended = false;
  #abandoned = false;
  /** What came during a stall: no more than the link's stages held, because the source is not read. */
  #held: Uint8Array[] | null = null;
  #endHeld = false;

  /** `resets`: the socket's end is a reset. */
  constructor(socket: Socket, resets: boolean) {
    this.#socket = socket;
    this.#resets = resets;
  }

  /** Nothing is written any more. */
  get ended(): boolean {
    return this.#ended;
  }

  get full(): boolean {
    return this.#socket.writableNeedDrain;
  }

  receive(chunk: Chunk): void {
    this.write(chunk.bytes);
  }

  write(bytes: Uint8Array): void {
    if (this.#ended) this.failed ||= this.#abandoned;
    else if (this.#held !== null) this.#held.push(bytes);
    else {
      this.writtenBytes += bytes.length;
      this.#socket.write(bytes);
    }
  }

  /** Closes the socket once all is written. */
  end(): void {
    if (this.#ended) return;
    if (this.#held !== null) {
      this.#endHeld = true;
      return;
    }
    this.#ended = true;
    // The empty write is done when those before it have reached the kernel.
    if (this.#resets) this.#socket.write("", () => this.#socket.resetAndDestroy());
    else this.#socket.destroySoon();
  }

  /** The socket is gone. */
  abandon(): void {
    if (!this.#ended) {
      this.#abandoned = true;
      this.failed = (this.#held ?? []).length > 0;
    }
    this.#ended = true;
    this.#held = null;
  }

  hold(): void {
    if (!this.#ended) this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const bytes of held) this.write(bytes);
    if (this.#endHeld) this.end();
  }
}
