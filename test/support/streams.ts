import type { ByteStream, StreamAddress, StreamHandler, StreamListener, StreamNetwork } from "../../src/env/streams.ts";

const HIGH_WATER_MARK_BYTES = 64 * 1024;

/**
 * One end of a byte stream in memory. Bytes arrive in a later turn of the event loop, cut into pieces as `cut` says, and only
 * while the other end reads: a paused reader fills the writer's queue.
 */
export class MemoryStream implements ByteStream {
  readonly remote: string;
  #peer: MemoryStream | null = null;
  #handler: StreamHandler | null = null;
  readonly #cut: (length: number) => number;
  #queue: Uint8Array[] = [];
  queuedBytes = 0;
  /** How often `write` was called: what tests of batching count. */
  writes = 0;
  #paused = false;
  #ending = false;
  #closed = false;
  #needsDrain = false;
  #scheduled = false;

  constructor(remote: string, cut: (length: number) => number) {
    this.remote = remote;
    this.#cut = cut;
  }

  static pair(cut: (length: number) => number = (length) => length): [MemoryStream, MemoryStream] {
    const left = new MemoryStream("memory:1", cut);
    const right = new MemoryStream("memory:2", cut);
    left.#peer = right;
    right.#peer = left;
    return [left, right];
  }

  handle(handler: StreamHandler): void {
    this.#handler = handler;
    setImmediate(() => {
      if (!this.#closed) handler.connected?.();
      this.#wakePeer();
    });
  }

  write(bytes: Uint8Array): boolean {
    if (this.#closed || this.#ending) return true;
    this.writes++;
    this.#queue.push(bytes);
    this.queuedBytes += bytes.length;
    this.#schedule();
    this.#needsDrain ||= this.queuedBytes > HIGH_WATER_MARK_BYTES;
    return this.queuedBytes <= HIGH_WATER_MARK_BYTES;
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#wakePeer();
  }

  end(): void {
    this.#ending = true;
    this.#schedule();
  }

  destroy(): void {
    this.#queue = [];
    this.queuedBytes = 0;
    this.#close(null);
  }

  /** As if the network broke: both ends hear the error. */
  break(error: Error): void {
    this.#closePeer(error);
    this.#close(error);
  }

  #wakePeer(): void {
    if (this.#peer !== null) this.#peer.#schedule();
  }

  #closePeer(error: Error | null): void {
    if (this.#peer !== null) this.#peer.#close(error);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const peer = this.#peer as MemoryStream;
    if (this.#closed || peer.#handler === null || peer.#paused) return;
    const bytes = this.#queue.shift();
    if (bytes !== undefined) {
      const length = Math.max(1, Math.min(bytes.length, this.#cut(bytes.length)));
      if (length < bytes.length) this.#queue.unshift(bytes.subarray(length));
      this.queuedBytes -= length;
      // The receiver owns what it gets: a copy, as from a socket.
      if (!peer.#closed && !peer.#ending) peer.#handler.data(Uint8Array.from(bytes.subarray(0, length)));
    }
    if (this.#queue.length > 0) {
      this.#schedule();
    } else if (this.#ending) {
      this.#close(null);
    } else if (this.#needsDrain) {
      this.#needsDrain = false;
      this.#handler?.drained?.();
    }
  }

  #close(error: Error | null): void {
    if (this.#closed) return;
    this.#closed = true;
    setImmediate(() => {
      this.#handler?.closed(error);
      this.#closePeer(error);
    });
  }
}

/** A network of one process: `listen` and `connect` meet by port. */
export class MemoryNetwork implements StreamNetwork {
  readonly #listeners = new Map<number, (stream: ByteStream) => void>();
  #nextPort = 1;
  /** Dials so far. */
  dials = 0;

  listen(address: StreamAddress, accept: (stream: ByteStream) => void): Promise<StreamListener> {
    const port = address.port === 0 ? this.#nextPort++ : address.port;
    this.#listeners.set(port, accept);
    const close = (): Promise<void> => {
      this.#listeners.delete(port);
      return Promise.resolve();
    };
    return Promise.resolve({ address: { host: address.host, port }, close });
  }

  connect(address: StreamAddress): ByteStream {
    this.dials++;
    const [client, server] = MemoryStream.pair();
    const accept = this.#listeners.get(address.port);
    if (accept === undefined) setImmediate(() => client.break(new Error("connection refused")));
    else accept(server);
    return client;
  }
}
