import { ConnectionError, ErrorCode } from "./frames.ts";
import type { Http2Stream } from "./http2-stream.ts";
import type { Output } from "./output.ts";

export const STREAM_WINDOW_BYTES: number = 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

/**
 * What the peer may still send (RFC 9113, section 5.2): received bytes are given back in large steps, the connection's always, a
 * stream's unless its reader has paused it. The other direction is `Sender`'s.
 */
export class ReceiveWindows {
  readonly #output: Output;
  #window = CONNECTION_WINDOW_BYTES;
  #uncredited = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Opens the connection's window wider than its first 65,535 bytes, which no setting changes. */
  open(): void {
    this.#output.windowUpdate(0, CONNECTION_WINDOW_BYTES - 65_535);
  }

  /** `size` bytes of DATA have arrived, on whatever stream. */
  received(size: number): void {
    this.#window -= size;
    if (this.#window < 0) {
      throw new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "the connection's window is exceeded");
    }
    this.#uncredited += size;
    if (this.#uncredited < CONNECTION_WINDOW_BYTES / 4) return;
    this.#output.windowUpdate(0, this.#uncredited);
    this.#window += this.#uncredited;
    this.#uncredited = 0;
  }

  /** Gives `size` more bytes back to the stream's window, or keeps them for later. */
  credit(stream: Http2Stream, size: number): void {
    stream.uncredited += size;
    if (stream.creditPaused || stream.detached || stream.uncredited < STREAM_WINDOW_BYTES / 4) return;
    this.#output.windowUpdate(stream.id, stream.uncredited);
    stream.receiveWindow += stream.uncredited;
    stream.uncredited = 0;
  }
}
