/**
 * Snapshots that come in, one at a time: a later stream ends the one before, whose sender has given up or leads no more. What
 * arrives is bounded by the stream's window, because the sender gets no more of it while the sink is busy; only what came whole,
 * with the length and checksum that were announced, is finished.
 */
import { crc32c } from "../../base/crc32c.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { Trace } from "../../env/trace.ts";
import type { SnapshotSink } from "../../env/transport.ts";
import type { ServerStream } from "../../grpc/server.ts";
import { GrpcError, StatusCode } from "../../grpc/status.ts";
import type { SnapshotAnswer, SnapshotPart, SnapshotStart } from "../../proto/gen/peerpb.ts";

export type SnapshotStream = ServerStream<SnapshotPart, SnapshotAnswer>;

export interface SnapshotReceiverOptions {
  readonly clock: Clock;
  readonly trace: Trace;
  /** Null: welcome. */
  readonly refusal: (start: SnapshotStart) => string | null;
  /** Null: it is not wanted. */
  readonly open: (from: MemberId, header: Uint8Array) => Promise<SnapshotSink | null>;
  /** Whether what was offered is here. */
  readonly ended: (from: MemberId, taken: boolean) => void;
}

/** Without a byte from the sender. */
const IDLE_MAX_MS = 60_000;

/** Why a stream ends without a snapshot. */
class SnapshotRefused extends Error {
  override readonly name = "SnapshotRefused";
}

export class SnapshotReceiver {
  readonly #options: SnapshotReceiverOptions;
  #current: Incoming | null = null;
  /** Ends when no sink is open. */
  #idle: Promise<void> = Promise.resolve();

  constructor(options: SnapshotReceiverOptions) {
    this.#options = options;
  }

  accept(stream: SnapshotStream): void {
    const incoming = new Incoming(stream, this.#options);
    stream.receive({
      message: ({ part }) => incoming.take(part),
      ended: () => incoming.break("the stream ended before the snapshot did"),
      cancelled: () => incoming.break("the stream broke"),
    });
    void incoming.started.then((start) => {
      if (start === null) return;
      this.#current?.break("another snapshot follows");
      this.#current = incoming;
      this.#idle = this.#idle.then(() => incoming.run(start));
    });
  }

  /** Resolves when what had begun is discarded. */
  async close(): Promise<void> {
    this.#current?.break("this member stops");
    await this.#idle;
  }
}

class Incoming {
  /** Null: refused, or broken before it began. */
  readonly started: Promise<SnapshotStart | null>;
  readonly #stream: SnapshotStream;
  readonly #options: SnapshotReceiverOptions;
  #resolveStarted: (start: SnapshotStart | null) => void = () => {};
  #begun = false;
  #pieces: Uint8Array[] = [];
  #checksum: number | null = null;
  #broken: string | null = null;
  #wake: (() => void) | null = null;
  #timer: Timer | null = null;

  constructor(stream: SnapshotStream, options: SnapshotReceiverOptions) {
    this.#stream = stream;
    this.#options = options;
    this.started = new Promise((resolve) => {
      this.#resolveStarted = resolve;
    });
    this.#await();
  }

  take(part: SnapshotPart["part"]): void {
    if (this.#broken !== null || this.#checksum !== null) return;
    this.#timer?.cancel();
    if (part === null) this.break("a part that this version does not know");
    else if (this.#begun !== (part.kind !== "start")) this.break("the snapshot's parts are out of order");
    else if (part.kind === "start") this.#begin(part.value);
    else if (part.kind === "end") this.#checksum = part.value.checksum;
    else {
      this.#pieces.push(part.value);
      this.#stream.pause();
    }
    this.#notify();
  }

  #begin(start: SnapshotStart): void {
    const refusal = this.#options.refusal(start);
    if (refusal === null) {
      this.#begun = true;
      this.#resolveStarted(start);
    } else {
      this.break(refusal);
    }
  }

  break(reason: string): void {
    // What came whole is finished, whoever still listens.
    if (this.#broken !== null || this.#checksum !== null) return;
    this.#broken = reason;
    this.#timer?.cancel();
    this.#resolveStarted(null);
    if (!this.#begun) this.#refuse(reason);
    this.#notify();
  }

  /** From the open sink to its end. Never rejects. */
  async run(start: SnapshotStart): Promise<void> {
    const from = start.hello?.from as MemberId;
    this.#options.ended(from, await this.#receive(from, start));
  }

  /** Whether it was taken. */
  async #receive(from: MemberId, start: SnapshotStart): Promise<boolean> {
    const fields = { "remote-snapshot-sender-id": hex(from), bytes: start.bytes };
    const { trace } = this.#options;
    let sink: SnapshotSink | null = null;
    try {
      if (this.#broken !== null) throw new SnapshotRefused(this.#broken);
      sink = await this.#options.open(from, start.header.slice());
      if (sink === null) throw new SnapshotRefused("the snapshot is not wanted");
      await this.#fill(sink, start.bytes);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      trace.warn("failed to receive database snapshot", { ...fields, error: reason });
      await sink?.discard().catch(() => {});
      this.#refuse(reason);
      return false;
    }
    return this.#finish(sink, fields);
  }

  async #fill(sink: SnapshotSink, announcedBytes: number): Promise<void> {
    let bytes = 0;
    let checksum = 0;
    for (;;) {
      const piece = await this.#next();
      if (piece === null) break;
      bytes += piece.length;
      if (bytes > announcedBytes) throw new SnapshotRefused("the snapshot is longer than announced");
      checksum = crc32c(piece, checksum);
      await sink.write(piece);
    }
    if (bytes !== announcedBytes) throw new SnapshotRefused("the snapshot is shorter than announced");
    if (checksum !== this.#checksum) throw new SnapshotRefused("the snapshot's checksum is wrong");
  }

  async #finish(sink: SnapshotSink, fields: Record<string, unknown>): Promise<boolean> {
    try {
      const taken = await sink.finish();
      this.#options.trace.info("received database snapshot", { ...fields, taken });
      this.#stream.send({ taken });
      this.#stream.end();
      return taken;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.trace.warn("failed to receive database snapshot", { ...fields, error: reason });
      this.#refuse(reason);
      return false;
    }
  }

  /** The next piece; null after the last. */
  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#broken !== null) throw new SnapshotRefused(this.#broken);
      const piece = this.#pieces.shift();
      if (piece !== undefined) return piece;
      if (this.#checksum !== null) return null;
      this.#stream.resume();
      this.#await();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #await(): void {
    this.#timer = this.#options.clock.after(IDLE_MAX_MS, () => this.break("nothing comes any more"));
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }

  #refuse(reason: string): void {
    this.#stream.end(new GrpcError(StatusCode.FAILED_PRECONDITION, reason));
  }
}
