import assert from "node:assert/strict";
import { ErrorCode, Flag, FrameParser, FrameType, PREFACE, uint31At, writeFrameHeader } from "../../src/grpc/frames.ts";
import { HpackDecoder, HpackEncoder } from "../../src/grpc/hpack.ts";
import type { MemoryStream } from "../support/streams.ts";

export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** Of HEADERS. */
  readonly fields: readonly string[];
}

/** One end of a connection that sends whatever frames a test wants and records what it gets. */
export class RawPeer {
  readonly stream: MemoryStream;
  readonly encoder: HpackEncoder = new HpackEncoder(4_096);
  readonly seen: SeenFrame[] = [];
  closed = false;
  #waiting: (() => void)[] = [];

  constructor(stream: MemoryStream) {
    this.stream = stream;
    const hpack = new HpackDecoder<readonly string[]>({
      tableMaxBytes: 4_096,
      listMaxBytes: 1_000_000,
      interpret: (fields) => fields,
    });
    const parser = new FrameParser(16_777_215, {
      frame: (type, flags, streamId, bytes, start, end) => {
        const fields = type === FrameType.HEADERS ? hpack.decode(bytes, start, end) : [];
        this.seen.push({ type, flags, streamId, payload: Buffer.from(bytes.subarray(start, end)), fields });
        this.#wake();
      },
    });
    let preface = 0;
    stream.handle({
      data: (bytes) => {
        let buffer = Buffer.from(bytes);
        if (this.skipPreface && preface < PREFACE.length) {
          const taken = Math.min(PREFACE.length - preface, buffer.length);
          preface += taken;
          buffer = buffer.subarray(taken);
        }
        parser.push(buffer);
      },
      closed: () => {
        this.closed = true;
        this.#wake();
      },
    });
  }

  /** A server's peer expects the client's preface first. */
  skipPreface = false;

  /** Preface and empty SETTINGS, as a client. */
  hello(): void {
    this.stream.write(PREFACE);
    this.send(FrameType.SETTINGS, 0, 0);
  }

  send(type: number, flags: number, streamId: number, payload: Uint8Array | string = ""): void {
    const bytes = typeof payload === "string" ? Buffer.from(payload, "hex") : payload;
    const header = Buffer.alloc(9);
    writeFrameHeader(header, 0, bytes.length, type, flags, streamId);
    this.stream.write(Buffer.concat([header, bytes]));
  }

  block(...fields: string[]): Buffer {
    for (let i = 0; i < fields.length; i += 2) {
      this.encoder.field(fields[i] as string, fields[i + 1] as string, "plain");
    }
    return this.encoder.finish();
  }

  headers(streamId: number, fields: readonly string[], endStream: boolean): void {
    const flags = Flag.END_HEADERS | (endStream ? Flag.END_STREAM : 0);
    this.send(FrameType.HEADERS, flags, streamId, this.block(...fields));
  }

  /** Waits for a frame that fits; fails when the connection ends first. */
  async frame(fits: (frame: SeenFrame) => boolean): Promise<SeenFrame> {
    for (;;) {
      const found = this.seen.find(fits);
      if (found !== undefined) return found;
      if (this.closed) assert.fail(`closed; seen: ${JSON.stringify(this.seen)}`);
      await this.#next();
    }
  }

  async goaway(): Promise<number> {
    const frame = await this.frame(({ type }) => type === FrameType.GOAWAY);
    return frame.payload.readUInt32BE(4);
  }

  async reset(streamId: number): Promise<number> {
    const frame = await this.frame((one) => one.type === FrameType.RST_STREAM && one.streamId === streamId);
    return frame.payload.readUInt32BE(0);
  }

  /** Everything sent so far has been handled: our ping is answered. */
  async settle(): Promise<void> {
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(this.seen.length + 1, 0);
    this.send(FrameType.PING, 0, 0, payload);
    await this.frame((one) => one.type === FrameType.PING && one.flags === Flag.ACK && one.payload.equals(payload));
  }

  async end(): Promise<void> {
    while (!this.closed) await this.#next();
  }

  /** Sum of WINDOW_UPDATE on a stream. */
  credited(streamId: number): number {
    let sum = 0;
    for (const one of this.seen) {
      if (one.type === FrameType.WINDOW_UPDATE && one.streamId === streamId) sum += uint31At(one.payload, 0);
    }
    return sum;
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

export function nameOf(code: number): string {
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
}

export const REQUEST: readonly string[] = [
  ...[":method", "POST", ":scheme", "http", ":path", "/test.Echo/Unary", ":authority", "a"],
  ...["te", "trailers", "content-type", "application/grpc"],
];

/** A gRPC message as it stands in DATA. */
export function message(text: string): Buffer {
  const body = Buffer.from(text, "utf8");
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(body.length, 1);
  return Buffer.concat([prefix, body]);
}
