/**
 * A snapshot's way to a peer: a connection of its own, dialled by the sender (D7), so that messages and heartbeats never wait behind
 * it. Pieces are read as the peer takes them. A peer that gives no sign of life for some election time-outs, neither by taking
 * bytes nor by answering pings, or takes nothing for very long, is given up; raft asks for another snapshot then.
 */
import { crc32c } from "../../base/crc32c.ts";
import { hex, type MemberId } from "../../base/ids.ts";
import type { Clock, Timer } from "../../env/clock.ts";
import type { StreamAddress, StreamNetwork } from "../../env/streams.ts";
import type { Trace } from "../../env/trace.ts";
import type { SnapshotSource } from "../../env/transport.ts";
import { type ClientStream, GrpcConnection } from "../../grpc/connection.ts";
import type { SnapshotPart } from "../../proto/gen/peerpb.ts";
import { Peer } from "../../proto/gen/rpc.ts";
import { type Introduced, makeHello } from "./hello.ts";
import type { PeerTimes } from "./sender.ts";

export interface SnapshotSenderOptions extends PeerTimes, Introduced {
  readonly peer: MemberId;
  readonly address: StreamAddress;
  readonly network: StreamNetwork;
  readonly clock: Clock;
  readonly trace: Trace;
}

const PIECE_BYTES = 256 * 1024;
/** A slow way has a window's bytes under way: an election time-out alone would be too short for it. */
const SILENT_MAX_ELECTIONS = 3;
/** The peer's last step is to sync all of the file. */
const STILL_MAX_MS = 120_000;

/** How an await in the middle of the stream ends when the stream has. */
class StreamOver extends Error {
  override readonly name = "StreamOver";
}

export class SnapshotSender {
  readonly peer: MemberId;
  readonly #options: SnapshotSenderOptions;
  readonly #source: SnapshotSource;
  readonly #connection: GrpcConnection;
  readonly #stream: ClientStream<SnapshotPart>;
  #timer: Timer | null = null;
  #sentBytes = 0;
  #seenBytes = 0;
  /** Beats since the last sign of life, and since the last byte that left. */
  #silent = 0;
  #still = 0;
  #taken = false;
  /** Why it is over; null while it is not. */
  #over: string | null = null;
  #resume: (() => void) | null = null;

  constructor(options: SnapshotSenderOptions, source: SnapshotSource) {
    this.peer = options.peer;
    this.#options = options;
    this.#source = source;
    const { network, clock, address } = options;
    this.#connection = new GrpcConnection(network.connect(address), { clock });
    this.#stream = this.#connection.stream(
      Peer.Snapshot,
      {},
      {
        message: ({ taken }) => {
          this.#taken = taken;
        },
        drained: () => this.#wake(),
        closed: (error) => this.#end(error?.message ?? "the peer has answered"),
      },
    );
    this.#watch();
  }

  /** Sends all of it: whether the peer has taken it. Never rejects; called once. */
  async run(): Promise<boolean> {
    const { trace, peer } = this.#options;
    try {
      await this.#send();
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
    }
    this.#timer?.cancel();
    this.#connection.close();
    await this.#source.close().catch(() => {});
    if (!this.#taken) trace.warn("a snapshot's stream ended early", { "remote-peer-id": hex(peer), error: this.#over });
    return this.#taken;
  }

  close(): void {
    this.#end("given up");
  }

  async #send(): Promise<void> {
    const { peer } = this.#options;
    const { header, bytes } = this.#source;
    await this.#part({ kind: "start", value: { hello: makeHello(this.#options, peer), header, bytes } });
    let checksum = 0;
    for (let at = 0; at < bytes; ) {
      const piece = await this.#source.read(at, Math.min(PIECE_BYTES, bytes - at));
      if (piece.length === 0) throw new StreamOver("the snapshot's file is shorter than it was");
      at += piece.length;
      checksum = crc32c(piece, checksum);
      await this.#part({ kind: "bytes", value: piece });
    }
    await this.#part({ kind: "end", value: { checksum } });
    this.#stream.end();
    while (this.#over === null) await this.#woken();
  }

  /** Resolves when there is room for the next. */
  async #part(part: NonNullable<SnapshotPart["part"]>): Promise<void> {
    if (this.#over !== null) throw new StreamOver(this.#over);
    if (part.kind === "bytes") this.#sentBytes += part.value.length;
    if (!this.#stream.send({ part })) await this.#woken();
    if (this.#over !== null) throw new StreamOver(this.#over);
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #wake(): void {
    const resume = this.#resume;
    this.#resume = null;
    resume?.();
  }

  #end(reason: string): void {
    if (this.#over !== null) return;
    this.#over = reason;
    this.#timer?.cancel();
    this.#stream.cancel();
    this.#wake();
  }

  /** Beats are counted, not measured: time in which this process did not run is no evidence against a peer. */
  #watch(): void {
    const { clock, heartbeatMs, electionMs } = this.#options;
    this.#timer = clock.after(heartbeatMs, () => {
      const bytes = this.#sentBytes - this.#stream.queuedBytes;
      const isMoving = bytes > this.#seenBytes;
      this.#seenBytes = Math.max(this.#seenBytes, bytes);
      this.#silent = isMoving ? 0 : this.#silent + 1;
      this.#still = isMoving ? 0 : this.#still + 1;
      if (this.#silent * heartbeatMs > SILENT_MAX_ELECTIONS * electionMs) this.#end("the peer gives no sign of life");
      else if (this.#still * heartbeatMs > STILL_MAX_MS) this.#end("the stream stands still");
      else this.#watch();
    });
    if (this.#connection.state !== "ready") return;
    this.#connection.ping((error) => {
      if (error === null) this.#silent = 0;
    });
  }
}
