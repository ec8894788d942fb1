/** Byte streams: what grpc runs over. env/node has TCP and TLS, tests and the simulator bring pairs in memory. */
export interface ByteStream {
  readonly remote: string;
  /** Set once, before the first turn of the event loop ends. Bytes handed over belong to the receiver. */
  handle(handler: StreamHandler): void;
  /** Queues `bytes` in order. False when more than the stream's high-water mark is queued: then wait for `drained`. */
  write(bytes: Uint8Array): boolean;
  /** Bytes queued and not yet given to the kernel: what the owner's limit counts. */
  readonly queuedBytes: number;
  /** Written bytes are copied before they leave the queue: their memory may be used again when nothing is queued. Default: never. */
  readonly copies?: boolean;
  /** Stop and resume reading: back-pressure towards the sender. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once and drops what is queued. */
  destroy(): void;
}

export interface StreamHandler {
  connected?(): void;
  data(bytes: Uint8Array): void;
  drained?(): void;
  /** Exactly once, last: null after an orderly end by either side. */
  closed(error: Error | null): void;
}

export interface StreamNetwork {
  /** Binds before it resolves; rejects with the system's error (its `code`, e.g. EADDRINUSE). Port 0 picks a free one. */
  listen(address: StreamAddress, accept: (stream: ByteStream) => void): Promise<StreamListener>;
  connect(address: StreamAddress): ByteStream;
}

export interface StreamAddress {
  readonly host: string;
  readonly port: number;
}

export interface StreamListener {
  readonly address: StreamAddress;
  /** Stops accepting; streams already open stay their owners'. */
  close(): Promise<void>;
}
