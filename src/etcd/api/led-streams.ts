import type { Clock, Timer } from "../../env/clock.ts";
import type { GrpcError } from "../../grpc/status.ts";
import { ETCD_ERRORS } from "../errors.ts";
import { grpcErrorOf } from "./served.ts";

/** Metadata by which a client asks not to be left with a member that has no leader. */
const REQUIRED = "hasleader";
/** After so many looks in a row without a leader streams are ended, as in etcd. */
const LOOKS_MAX = 3;

export interface LedStream {
  readonly metadata: ReadonlyMap<string, string>;
  end(error: GrpcError): void;
}

export interface LedStreamsOptions {
  readonly clock: Clock;
  /** Between two looks. */
  readonly electionMs: number;
  readonly hasLeader: () => boolean;
}

/** The open streams whose clients want a leader behind them: ended with "no leader" when there is none. Owns a timer while it has any. */
export class LedStreams {
  readonly #options: LedStreamsOptions;
  readonly #streams = new Set<LedStream>();
  #timer: Timer | null = null;
  #looks = 0;

  constructor(options: LedStreamsOptions) {
    this.#options = options;
  }

  /** False: there is no leader now, and the stream has been ended. */
  admit(stream: LedStream): boolean {
    if (stream.metadata.get(REQUIRED) !== "true") return true;
    if (!this.#options.hasLeader()) {
      stream.end(grpcErrorOf(ETCD_ERRORS.noLeader));
      return false;
    }
    this.#streams.add(stream);
    if (this.#timer === null) this.#wait();
    return true;
  }

  /** The stream is over. */
  remove(stream: LedStream): void {
    if (!this.#streams.delete(stream) || this.#streams.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
    this.#looks = 0;
  }

  /** Forgets all streams. */
  close(): void {
    for (const stream of [...this.#streams]) this.remove(stream);
  }

  #wait(): void {
    this.#timer = this.#options.clock.after(this.#options.electionMs, () => this.#look());
  }

  #look(): void {
    this.#looks = this.#options.hasLeader() ? 0 : this.#looks + 1;
    this.#wait();
    if (this.#looks < LOOKS_MAX) return;
    for (const stream of [...this.#streams]) {
      this.remove(stream);
      stream.end(grpcErrorOf(ETCD_ERRORS.noLeader));
    }
  }
}
