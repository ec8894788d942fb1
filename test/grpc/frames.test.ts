import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ConnectionError, ErrorCode, FrameParser, writeFrameHeader } from "../../src/grpc/frames.ts";
import { MessageReader, type MessageSink } from "../../src/grpc/messages.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import fc from "../support/fast-check.ts";

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Uint8Array;
}

const frame = fc.record(
  {
    type: fc.integer({ min: 0, max: 255 }),
    flags: fc.integer({ min: 0, max: 255 }),
    streamId: fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    payload: fc.uint8Array({ maxLength: 100 }),
  },
  { noNullPrototype: true },
);

function encode(frames: readonly Frame[]): Buffer {
  const parts = frames.map(({ type, flags, streamId, payload }) => {
    const header = Buffer.alloc(9);
    writeFrameHeader(header, 0, payload.length, type, flags, streamId);
    return Buffer.concat([header, payload]);
  });
  return Buffer.concat(parts);
}

/** Cuts `bytes` at the given places, modulo its length. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b);
  const pieces: Buffer[] = [];
  let from = 0;
  for (const place of [...places, bytes.length]) {
    pieces.push(Buffer.from(bytes.subarray(from, place)));
    from = place;
  }
  return pieces;
}

describe("the frame parser", () => {
  it("finds the same frames however the bytes are split, and their views stay valid", () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.array(fc.nat(), { maxLength: 40 }), (frames, cuts) => {
        const found: Frame[] = [];
        const parser = new FrameParser(100, {
          frame(type, flags, streamId, bytes, start, end) {
            found.push({ type, flags, streamId, payload: bytes.subarray(start, end) });
          },
        });
        for (const piece of split(encode(frames), cuts)) parser.push(piece);
        assert.deepEqual(
          found.map((one) => ({ ...one, payload: Uint8Array.from(one.payload) })),
          frames,
        );
      }),
    );
  });

  it("refuses a frame above the limit as soon as its header is there", () => {
    const header = Buffer.alloc(9);
    writeFrameHeader(header, 0, 101, 0, 0, 1);
    for (const cut of [0, 3, 8]) {
      const parser = new FrameParser(100, { frame() {} });
      parser.push(header.subarray(0, cut));
      assert.throws(
        () => parser.push(header.subarray(cut)),
        (error) => error instanceof ConnectionError && error.code === ErrorCode.FRAME_SIZE_ERROR,
      );
    }
  });
});

function prefixed(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

class Collector implements MessageSink {
  readonly messages: Uint8Array[] = [];
  message(bytes: Uint8Array): void {
    this.messages.push(bytes);
  }
}

describe("the message reader", () => {
  it("finds the same messages however the bytes are split", () => {
    const messages = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 10 });
    fc.assert(
      fc.property(messages, fc.array(fc.nat(), { maxLength: 40 }), (sent, cuts) => {
        const reader = new MessageReader(200);
        const sink = new Collector();
        for (const piece of split(Buffer.concat(sent.map(prefixed)), cuts)) reader.push(piece, 0, piece.length, sink);
        assert.deepEqual(
          sink.messages.map((message) => Uint8Array.from(message)),
          sent,
        );
        assert.equal(reader.partial, false);
      }),
    );
  });

  it("refuses compressed and oversized messages by their prefix", () => {
    const cases: readonly (readonly [number[], number])[] = [
      [[1, 0, 0, 0, 1], StatusCode.UNIMPLEMENTED],
      [[0, 0, 0, 0, 201], StatusCode.RESOURCE_EXHAUSTED],
      [[0, 255, 255, 255, 255], StatusCode.RESOURCE_EXHAUSTED],
    ];
    for (const [prefix, code] of cases) {
      const reader = new MessageReader(200);
      assert.throws(
        () => reader.push(Buffer.from(prefix), 0, 5, new Collector()),
        (error) => error instanceof GrpcError && error.code === code,
      );
    }
  });
});
