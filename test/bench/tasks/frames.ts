import type { Bench } from "tinybench";
import { FrameParser, FrameType, writeFrameHeader } from "../../../src/grpc/frames.ts";
import { MessageReader } from "../../../src/grpc/messages.ts";

const CALLS = 100;
const HEADERS_BYTES = 10;
const DATA_BYTES = 45;

/** What 100 unary requests look like on a connection: HEADERS and DATA in turn. */
function requests(): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < CALLS; i++) {
    const header = Buffer.alloc(9 + HEADERS_BYTES);
    writeFrameHeader(header, 0, HEADERS_BYTES, FrameType.HEADERS, 4, 2 * i + 1);
    const data = Buffer.alloc(9 + DATA_BYTES);
    writeFrameHeader(data, 0, DATA_BYTES, FrameType.DATA, 1, 2 * i + 1);
    data.writeUInt32BE(DATA_BYTES - 5, 10);
    parts.push(header, data);
  }
  return Buffer.concat(parts);
}

export function addTasks(bench: Bench): void {
  const bytes = requests();
  const sink = {
    frames: 0,
    frame(): void {
      this.frames++;
    },
  };
  bench.add("frames: parse 200 frames in one chunk", () => {
    new FrameParser(16_384, sink).push(bytes);
  });
  bench.add("frames: parse 200 frames in chunks of 1,000 bytes", () => {
    const parser = new FrameParser(16_384, sink);
    for (let offset = 0; offset < bytes.length; offset += 1_000) parser.push(bytes.subarray(offset, offset + 1_000));
  });
  const message = Buffer.alloc(5 + 100_000);
  message.writeUInt32BE(100_000, 1);
  bench.add("messages: gather 100 kB from frames of 16 kB", () => {
    const reader = new MessageReader(1_000_000);
    for (let offset = 0; offset < message.length; offset += 16_384) {
      reader.push(message, offset, Math.min(message.length, offset + 16_384), { message() {} });
    }
  });
}
