/**
 * Memory for the pieces of something large, given back to the system block by block as they are done with. Left to the collector of
 * garbage all of it is given back at once: of 300 MB that takes 30 ms, for which malloc's lock is held or the next collection waits.
 */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** So much may come from the heap and be left to the collector. */
const HEAP_BYTES = 2 * 1024 * 1024;

/** Blocks of a memory that nobody holds any more, as where an answer was given up: given back a block a turn of the event loop. */
const abandoned = new FinalizationRegistry<ArrayBuffer[]>(giveBackAll);

/** Whoever holds pieces holds their memory, too: once nobody does, they are gone. */
export class BlockMemory {
  #fromHeap = 0;
  /** Null: all is from the heap. Once there is one nothing else is: pieces of one block follow each other. */
  #block: ArrayBuffer | null = null;
  #used = 0;
  /** Not yet given back, oldest first. */
  readonly #blocks: ArrayBuffer[] = [];
  /** The block of the piece that was done with last. */
  #leaving: ArrayBuffer | null = null;

  /** Until `done` is called for it. */
  take(bytes: number): Uint8Array {
    if (this.#block === null && this.#fromHeap + bytes <= HEAP_BYTES) {
      this.#fromHeap += bytes;
      return Buffer.allocUnsafeSlow(bytes);
    }
    if (this.#block === null || this.#used + bytes > this.#block.byteLength) {
      const size = Math.max(BLOCK_BYTES, bytes);
      if (this.#block === null) abandoned.register(this, this.#blocks);
      this.#block = new ArrayBuffer(size, { maxByteLength: size });
      this.#blocks.push(this.#block);
      this.#used = 0;
    }
    this.#used += bytes;
    return new Uint8Array(this.#block, this.#used - bytes, bytes);
  }

  /** A piece, or something else behind the pieces, will not be looked at again, nor will what was taken before it. */
  done({ buffer }: Uint8Array): void {
    if (buffer === this.#leaving) return;
    if (this.#leaving !== null) giveBack(this.#blocks);
    this.#leaving = buffer instanceof ArrayBuffer && buffer.resizable ? buffer : null;
  }
}

/** The oldest. */
function giveBack(blocks: ArrayBuffer[]): void {
  // Its pages go at once. Whoever looked all the same would get an error, nobody else's bytes.
  blocks.shift()?.resize(0);
}

function giveBackAll(blocks: ArrayBuffer[]): void {
  giveBack(blocks);
  if (blocks.length > 0) setImmediate(giveBackAll, blocks);
}
