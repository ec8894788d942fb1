/** The rules of RFC 9113 and of gRPC that a server keeps, frame by frame. h2spec goes further; these show what we rely on. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Method, Pieces } from "../../src/base/codec.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import { Flag, FrameType } from "../../src/grpc/frames.ts";
import { GrpcServer, type GrpcServerOptions, type ServerStream } from "../../src/grpc/server.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import fc from "../support/fast-check.ts";
import { MemoryStream } from "../support/streams.ts";
import { CHAT, ECHO, EXPAND } from "./echo.ts";
import { ManualClock } from "./manual-clock.ts";
import { message, nameOf, RawPeer, REQUEST } from "./raw-peer.ts";

interface Rig {
  readonly peer: RawPeer;
  readonly server: GrpcServer;
  readonly serverStream: MemoryStream;
  readonly streams: ServerStream<Uint8Array, Uint8Array>[];
  readonly events: string[];
}

/** Some of them are more than a window. */
const PIECE_BYTES = 9_000;
const NOTHING = new Uint8Array(0);

const servers: GrpcServer[] = [];
after(() => Promise.all(servers.map((server) => server.close(0))));

function rig(options: Partial<GrpcServerOptions> = {}): Rig {
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock, ...options });
  servers.push(server);
  const streams: ServerStream<Uint8Array, Uint8Array>[] = [];
  const events: string[] = [];
  server.unary(ECHO, (request, call) => {
    const text = Buffer.from(request).toString();
    if (text === "later") return Promise.resolve(request);
    if (text === "never") return new Promise(() => {});
    if (text === "refuse") throw new GrpcError(StatusCode.NOT_FOUND, "nö 100%");
    if (text === "bug") throw new TypeError("a bug");
    if (text === "metadata") return Buffer.from(JSON.stringify([...call.metadata]));
    return request;
  });
  const keep = (stream: ServerStream<Uint8Array, Uint8Array>): void => {
    streams.push(stream);
    stream.receive({
      message: (request) => events.push(`message ${Buffer.from(request).toString()}`),
      ended: () => events.push("ended"),
      cancelled: () => events.push("cancelled"),
      drained: () => events.push("drained"),
    });
  };
  server.streaming(CHAT, keep);
  server.streaming(EXPAND, keep);
  const [near, far] = MemoryStream.pair();
  server.accept(far);
  const peer = new RawPeer(near);
  peer.hello();
  return { peer, server, serverStream: far, streams, events };
}

const to = (path: string, ...more: string[]): string[] => [
  ...REQUEST.map((value) => (value === "/test.Echo/Unary" ? path : value)),
  ...more,
];

function inPieces(pieces: readonly Uint8Array[], done: Pieces["done"] = null): Pieces {
  return { pieces, length: pieces.reduce((sum, piece) => sum + piece.length, 0), done };
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Value of a field in a HEADERS frame. */
function value(fields: readonly string[], name: string): string | undefined {
  const index = fields.findIndex((field, i) => i % 2 === 0 && field === name);
  return index < 0 ? undefined : fields[index + 1];
}

async function status(
  peer: RawPeer,
  streamId: number,
): Promise<{ code: string | undefined; text: string | undefined }> {
  const end = await peer.frame(
    (one) => one.streamId === streamId && one.type === FrameType.HEADERS && (one.flags & Flag.END_STREAM) !== 0,
  );
  return { code: value(end.fields, "grpc-status"), text: value(end.fields, "grpc-message") };
}

describe("a unary call", () => {
  it("is answered with head, message and trailers in one write", async () => {
    const { peer, serverStream } = rig();
    await peer.settle();
    const writes = serverStream.writes;
    const header = peer.block(...REQUEST);
    peer.send(FrameType.HEADERS, Flag.END_HEADERS, 1, header);
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("hello"));
    assert.equal((await status(peer, 1)).code, "0");
    assert.equal(serverStream.writes, writes + 1);
    const frames = peer.seen.filter(({ streamId }) => streamId === 1);
    assert.deepEqual(
      frames.map(({ type }) => type),
      [FrameType.HEADERS, FrameType.DATA, FrameType.HEADERS],
    );
    assert.equal(value(frames[0]?.fields ?? [], ":status"), "200");
    assert.equal(value(frames[0]?.fields ?? [], "content-type"), "application/grpc");
    assert.deepEqual(frames[1]?.payload, message("hello"));
  });

  it("is assembled from padded and split DATA, CONTINUATION and a bare END_STREAM", async () => {
    const { peer } = rig();
    const header = peer.block(...REQUEST);
    peer.send(
      FrameType.HEADERS,
      Flag.PADDED | Flag.PRIORITY,
      1,
      Buffer.concat([Buffer.from([3, 0, 0, 0, 0, 7]), header.subarray(0, 10), Buffer.alloc(3)]),
    );
    peer.send(FrameType.CONTINUATION, 0, 1, header.subarray(10, 20));
    peer.send(FrameType.CONTINUATION, Flag.END_HEADERS, 1, header.subarray(20));
    const body = message("in pieces");
    peer.send(FrameType.DATA, Flag.PADDED, 1, Buffer.concat([Buffer.from([2]), body.subarray(0, 3), Buffer.alloc(2)]));
    peer.send(FrameType.DATA, 0, 1, body.subarray(3, 8));
    peer.send(FrameType.DATA, 0, 1, body.subarray(8));
    peer.send(FrameType.DATA, Flag.END_STREAM, 1);
    assert.equal((await status(peer, 1)).code, "0");
    const data = await peer.frame(({ type }) => type === FrameType.DATA);
    assert.deepEqual(data.payload, body);
  });

  const failures: readonly (readonly [string, Buffer, string[], string, string | undefined])[] = [
    ["an error thrown as GrpcError", message("refuse"), [], "5", "n%C3%B6 100%25"],
    ["a bug in the handler", message("bug"), [], "13", "internal error"],
    [
      "a request that does not decode",
      Buffer.from([0, 0, 0, 0, 1, 0xff]),
      [],
      "13",
      "malformed request: starts with 0xff",
    ],
    ["a compressed message", Buffer.from([1, 0, 0, 0, 1, 7]), [], "12", "compressed messages are not supported"],
    ["no message", Buffer.alloc(0), [], "13", "the request message is missing"],
    ["two messages", Buffer.concat([message("a"), message("b")]), [], "13", "more than one request message"],
    ["half a message", Buffer.from([0, 0, 0, 0, 9, 1]), [], "13", "the request ends inside a message"],
    ["a malformed time-out", message("a"), ["grpc-timeout", "123456789S"], "13", "malformed grpc-timeout"],
    ["an exceeded deadline", message("never"), ["grpc-timeout", "20m"], "4", "deadline exceeded"],
  ];
  for (const [what, body, more, code, text] of failures) {
    it(`ends with a status after ${what}`, async () => {
      const { peer } = rig();
      peer.headers(1, [...REQUEST, ...more], false);
      peer.send(FrameType.DATA, Flag.END_STREAM, 1, body);
      assert.deepEqual(await status(peer, 1), { code, text });
    });
  }

  it("above the size limit is refused by its prefix, without waiting for the rest", async () => {
    const { peer } = rig({ maxRequestBytes: 100 });
    peer.headers(1, REQUEST, false);
    peer.send(FrameType.DATA, 0, 1, Buffer.from([0, 0, 0, 0, 101, 1]));
    assert.equal((await status(peer, 1)).code, "8");
    assert.equal(nameOf(await peer.reset(1)), "NO_ERROR");
  });

  it("ends at its deadline though its request never comes to an end", async () => {
    const { peer } = rig();
    peer.headers(1, [...REQUEST, "grpc-timeout", "20m"], false);
    peer.headers(3, [...REQUEST, "grpc-timeout", "30m"], false);
    peer.send(FrameType.DATA, 0, 3, message("half").subarray(0, 7));
    for (const streamId of [1, 3]) {
      assert.equal((await status(peer, streamId)).code, String(StatusCode.DEADLINE_EXCEEDED));
      assert.equal(nameOf(await peer.reset(streamId)), "NO_ERROR");
    }
    // The rest may still be on its way: it harms nobody.
    peer.send(FrameType.DATA, Flag.END_STREAM, 3, message("half").subarray(7));
    await peer.settle();
  });

  it("to an unknown method ends with UNIMPLEMENTED", async () => {
    const { peer } = rig();
    peer.headers(1, to("/test.Echo/Nothing"), false);
    assert.equal((await status(peer, 1)).code, "12");
  });

  it("sees metadata, but not the protocol's own fields", async () => {
    const { peer } = rig();
    peer.headers(1, [...REQUEST, "user-agent", "x", "token", "a", "token", "b", "grpc-encoding", "identity"], false);
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("metadata"));
    const data = await peer.frame(({ type }) => type === FrameType.DATA);
    assert.equal(data.payload.subarray(5).toString(), JSON.stringify([["token", "a, b"]]));
  });

  it("answered later leaves in a write of its own turn", async () => {
    const { peer } = rig();
    peer.headers(1, REQUEST, false);
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("later"));
    assert.equal((await status(peer, 1)).code, "0");
  });

  it("that is not gRPC gets an HTTP answer", async () => {
    const { peer, server } = rig();
    server.http1((request) => ({ status: 200, body: `${request.method} ${request.path} ${request.query.get("a")}` }));
    peer.headers(1, [":method", "GET", ":scheme", "http", ":path", "/health?a=b"], true);
    const first = await peer.frame(({ streamId }) => streamId === 1);
    assert.ok(value(first.fields, ":status") === "200" || value(first.fields, ":status") === "415");
  });
});

describe("an answer in pieces", () => {
  const megabytes = Buffer.alloc(64 * 1024 * 1024);
  const left: string[] = [];
  const PARTS: Method<Uint8Array, Uint8Array> = {
    ...ECHO,
    path: "/test.Echo/Parts",
    response: {
      ...ECHO.response,
      pieces: (answer) => {
        const text = Buffer.from(answer).toString();
        const done = (piece: Uint8Array): void => void left.push(String.fromCharCode(piece[0] ?? 0));
        if (text === "huge") return inPieces(new Array<Buffer>(32).fill(megabytes), done);
        return text === "whole"
          ? null
          : inPieces(
              [...text].flatMap((letter) => [Buffer.alloc(PIECE_BYTES, letter), NOTHING]),
              done,
            );
      },
    },
  };

  it("is one message, and refused with etcd's text when it is larger than one may be", async () => {
    const { peer, server } = rig();
    server.unary(PARTS, (request) => request);
    for (const [index, text] of ["whole", "pieces", "", "huge"].entries()) {
      const streamId = 2 * index + 1;
      peer.headers(streamId, to(PARTS.path), false);
      peer.send(FrameType.DATA, Flag.END_STREAM, streamId, message(text));
      const { code, text: reason } = await status(peer, streamId);
      const data = peer.seen.filter((one) => one.type === FrameType.DATA && one.streamId === streamId);
      const sent = Buffer.concat(data.map(({ payload }) => payload));
      if (text === "huge") {
        assert.equal(sent.length, 0);
        assert.equal(code, "8");
        assert.equal(reason, "grpc: trying to send message larger than max (2147483648 vs. 2147483647)");
      } else {
        assert.equal(code, "0");
        const wanted = text === "whole" ? text : [...text].map((letter) => letter.repeat(PIECE_BYTES)).join("");
        assert.ok(sent.equals(message(wanted)), text);
      }
    }
  });

  it("says of each piece, in order, that it has left: one that goes at once, and those that wait for a window", async () => {
    const { peer, server } = rig();
    server.unary(PARTS, (request) => request);
    const ask = (streamId: number, text: string): void => {
      peer.headers(streamId, to(PARTS.path), false);
      peer.send(FrameType.DATA, Flag.END_STREAM, streamId, message(text));
    };
    left.length = 0;
    ask(1, "a");
    await status(peer, 1);
    assert.deepEqual(left, ["a", "\0"]);
    // The connection's window of 65,535 bytes ends within the seventh piece of 9,000.
    ask(3, "bcdefghij");
    await peer.settle();
    assert.equal(left.filter((letter) => letter >= "b").join(""), "bcdefg");
    peer.send(FrameType.WINDOW_UPDATE, 0, 0, uint32(2 ** 20));
    peer.send(FrameType.WINDOW_UPDATE, 0, 3, uint32(2 ** 20));
    await status(peer, 3);
    assert.equal(left.filter((letter) => letter >= "a").join(""), "abcdefghij");
  });
});

describe("a stream", () => {
  it("carries messages both ways until both ends are done", async () => {
    const { peer, streams, events } = rig();
    peer.headers(1, to("/test.Echo/Chat"), false);
    peer.send(FrameType.DATA, 0, 1, Buffer.concat([message("a"), message("b")]));
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("c"));
    await peer.settle();
    assert.deepEqual(events, ["message a", "message b", "message c", "ended"]);
    const stream = streams[0] as ServerStream<Uint8Array, Uint8Array>;
    assert.equal(stream.send(Buffer.from("x")), true);
    assert.equal(stream.sendEncoded(inPieces([Buffer.from("y"), Buffer.alloc(100, "z")])), true);
    assert.equal(stream.sendEncoded(inPieces([Buffer.alloc(0), Buffer.from("!")])), true);
    stream.end();
    assert.equal((await status(peer, 1)).code, "0");
    const data = peer.seen.filter(({ type }) => type === FrameType.DATA);
    assert.deepEqual(
      Buffer.concat(data.map(({ payload }) => payload)),
      Buffer.concat([message("x"), message(`y${"z".repeat(100)}`), message("!")]),
    );
  });

  it("stops at the peer's window, says so, and goes on when the window grows", async () => {
    const { peer, streams, events } = rig({ streamQueueBytes: 1_000 });
    const settings = Buffer.from([0, 4, 0, 0, 0, 100]);
    peer.send(FrameType.SETTINGS, 0, 0, settings);
    peer.headers(1, to("/test.Echo/Chat"), false);
    await peer.settle();
    const stream = streams[0] as ServerStream<Uint8Array, Uint8Array>;
    assert.equal(stream.send(Buffer.alloc(500)), true);
    assert.equal(stream.queuedBytes, 405);
    assert.equal(stream.sendEncoded(inPieces([Buffer.alloc(1), Buffer.alloc(999)])), false);
    stream.end();
    await peer.settle();
    const sent = (): number =>
      peer.seen.reduce((sum, one) => sum + (one.type === FrameType.DATA ? one.payload.length : 0), 0);
    assert.equal(sent(), 100);
    // Lowering the initial window makes this one negative; then it takes more to go on (RFC 9113, section 6.9.2).
    peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 50]));
    peer.send(FrameType.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 0, 53]));
    await peer.settle();
    assert.equal(sent(), 103);
    peer.send(FrameType.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 255, 255]));
    assert.equal((await status(peer, 1)).code, "0");
    assert.equal(sent(), 1_510);
    assert.deepEqual(events, []);
  });

  it("sends what was queued, whole, in order and within the windows, whatever pieces and windows there are", async () => {
    const pieces = fc.array(
      fc.nat({ max: 40 }).map((length) => (length > 35 ? 1_000 * length : length)),
      { maxLength: 5 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ pieces, window: fc.nat({ max: 60_000 }) }), { minLength: 1, maxLength: 12 }),
        fc.nat({ max: 40_000 }),
        async (steps, firstWindow) => {
          const { peer, streams } = rig();
          const settings = Buffer.from([0, 4, 0, 0, 0, 0]);
          settings.writeUInt32BE(firstWindow, 2);
          peer.send(FrameType.SETTINGS, 0, 0, settings);
          peer.send(FrameType.WINDOW_UPDATE, 0, 0, uint32(2 ** 30));
          peer.headers(1, to("/test.Echo/Chat"), false);
          await peer.settle();
          const stream = streams[0] as ServerStream<Uint8Array, Uint8Array>;
          const payloads = (): Buffer[] =>
            peer.seen.filter(({ type }) => type === FrameType.DATA).map(({ payload }) => payload);
          const wanted: Buffer[] = [];
          let window = firstWindow;
          let letter = 0;
          for (const step of steps) {
            const parts = step.pieces.map((length) => Buffer.alloc(length, 97 + (letter++ % 26)));
            if (parts.length === 1) stream.send(parts[0] as Buffer);
            else stream.sendEncoded(inPieces(parts));
            wanted.push(message(Buffer.concat(parts).toString()));
            await peer.settle();
            const whole = wanted.reduce((sum, { length }) => sum + length, 0);
            const sent = payloads().reduce((sum, { length }) => sum + length, 0);
            assert.equal(sent, Math.min(whole, window));
            assert.equal(stream.queuedBytes, whole - sent);
            if (step.window === 0) continue;
            peer.send(FrameType.WINDOW_UPDATE, 0, 1, uint32(step.window));
            window += step.window;
          }
          stream.end();
          peer.send(FrameType.WINDOW_UPDATE, 0, 1, uint32(2 ** 30));
          assert.equal((await status(peer, 1)).code, "0");
          assert.ok(payloads().every(({ length }) => length <= 16_384));
          assert.ok(Buffer.concat(payloads()).equals(Buffer.concat(wanted)));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("whose handler does not wait is cut before it fills the memory", async () => {
    const { peer, streams, events } = rig({ streamQueueBytes: 100, connectionQueueBytes: 1_000 });
    peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 0]));
    peer.headers(1, to("/test.Echo/Chat"), false);
    await peer.settle();
    for (let i = 0; i < 11; i++) streams[0]?.send(Buffer.alloc(100));
    assert.equal(nameOf(await peer.reset(1)), "ENHANCE_YOUR_CALM");
    assert.deepEqual(events, ["cancelled"]);
    assert.equal(streams[0]?.queuedBytes, 0);
  });

  it("tells its handler when the queue has drained", async () => {
    const { peer, streams, events } = rig({ streamQueueBytes: 10 });
    peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 1]));
    peer.headers(1, to("/test.Echo/Chat"), false);
    await peer.settle();
    assert.equal(streams[0]?.send(Buffer.alloc(100)), false);
    peer.send(FrameType.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 1, 0]));
    await peer.settle();
    assert.deepEqual(events, ["drained"]);
    assert.equal(streams[0]?.queuedBytes, 0);
  });

  it("is cancelled by RST_STREAM, by its deadline and by the end of the connection", async () => {
    for (const how of ["reset", "deadline", "end"]) {
      const { peer, streams, events } = rig();
      peer.headers(1, to("/test.Echo/Chat", ...(how === "deadline" ? ["grpc-timeout", "10m"] : [])), false);
      await peer.settle();
      if (how === "reset") peer.send(FrameType.RST_STREAM, 0, 1, Buffer.from([0, 0, 0, 8]));
      if (how === "deadline") assert.equal((await status(peer, 1)).code, "4");
      if (how === "end") peer.stream.end();
      while (events.length === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(events, ["cancelled"], how);
      assert.equal(streams[0]?.cancelled, true);
      assert.equal(streams[0]?.send(Buffer.from("late")), true);
    }
  });

  it("gives the peer's window back in large steps, and not while it is paused", async () => {
    const { peer, streams } = rig();
    peer.headers(1, to("/test.Echo/Chat"), false);
    await peer.settle();
    const block = message("z".repeat(16_000));
    for (let i = 0; i < 20; i++) peer.send(FrameType.DATA, 0, 1, block);
    await peer.settle();
    const updates = peer.seen.filter((one) => one.type === FrameType.WINDOW_UPDATE && one.streamId === 1);
    assert.equal(updates.length, 1);
    const before = peer.credited(1);
    streams[0]?.pause();
    for (let i = 0; i < 40; i++) peer.send(FrameType.DATA, 0, 1, block);
    await peer.settle();
    assert.equal(peer.credited(1), before);
    streams[0]?.resume();
    await peer.settle();
    assert.equal(peer.credited(1), 60 * block.length);
  });
});

describe("a client that begins many requests and ends none", () => {
  it("is told that its requests take too much room, and only then", async () => {
    const { peer } = rig({ connectionQueueBytes: 200_000 });
    const start = Buffer.concat([Buffer.from([0, 0, 0, 255, 255]), Buffer.alloc(100)]);
    for (const id of [1, 3, 5, 7]) {
      peer.headers(id, REQUEST, false);
      peer.send(FrameType.DATA, 0, id, start);
    }
    assert.equal((await status(peer, 7)).code, "8");
    peer.send(FrameType.RST_STREAM, 0, 1, "00000008");
    peer.headers(9, REQUEST, false);
    peer.send(FrameType.DATA, 0, 9, start);
    await peer.settle();
    assert.equal(
      peer.seen.some(({ streamId }) => streamId === 9),
      false,
    );
  });
});

describe("a client that does not read its answers", () => {
  it("is not read either, and gets every answer once it reads again", async () => {
    const { peer } = rig();
    peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
    peer.send(FrameType.WINDOW_UPDATE, 0, 0, "7fff0000");
    await peer.settle();
    peer.stream.pause();
    const header = peer.block(...REQUEST);
    const calls = 200;
    for (let i = 0; i < calls; i++) {
      peer.send(FrameType.HEADERS, Flag.END_HEADERS, 2 * i + 1, header);
      peer.send(FrameType.DATA, Flag.END_STREAM, 2 * i + 1, message("z".repeat(10_000)));
    }
    for (let i = 0; i < 1_000; i++) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(peer.stream.queuedBytes > 1_000_000, `${peer.stream.queuedBytes} bytes unread`);
    peer.stream.resume();
    for (let i = 0; i < calls; i++) assert.equal((await status(peer, 2 * i + 1)).code, "0");
    assert.equal(peer.stream.queuedBytes, 0);
  });
});

describe("a connection ends with GOAWAY when the client", () => {
  const one = "00000001";
  const broken: readonly (readonly [string, (peer: RawPeer) => void, string])[] = [
    ["sends DATA on stream 0", (peer) => peer.send(FrameType.DATA, 0, 0, "00"), "PROTOCOL_ERROR"],
    ["sends DATA on an idle stream", (peer) => peer.send(FrameType.DATA, 0, 1, "00"), "PROTOCOL_ERROR"],
    ["sends HEADERS on an even stream", (peer) => peer.headers(2, REQUEST, true), "PROTOCOL_ERROR"],
    [
      "reuses a closed stream",
      (peer) => {
        peer.headers(1, to("/x"), true);
        peer.headers(1, REQUEST, true);
      },
      "STREAM_CLOSED",
    ],
    [
      "goes back in stream ids",
      (peer) => {
        peer.headers(5, to("/x"), true);
        peer.headers(3, REQUEST, true);
      },
      "STREAM_CLOSED",
    ],
    [
      "interrupts a header block",
      (peer) => {
        peer.send(FrameType.HEADERS, 0, 1, peer.block(...REQUEST));
        peer.send(FrameType.PING, 0, 0, "0000000000000000");
      },
      "PROTOCOL_ERROR",
    ],
    ["continues nothing", (peer) => peer.send(FrameType.CONTINUATION, 4, 1, "82"), "PROTOCOL_ERROR"],
    ["breaks the compression", (peer) => peer.send(FrameType.HEADERS, 5, 1, "ff80808080808080"), "COMPRESSION_ERROR"],
    ["sends SETTINGS of odd length", (peer) => peer.send(FrameType.SETTINGS, 0, 0, "000300"), "FRAME_SIZE_ERROR"],
    [
      "acknowledges SETTINGS with a payload",
      (peer) => peer.send(FrameType.SETTINGS, 1, 0, "000300000001"),
      "FRAME_SIZE_ERROR",
    ],
    ["sets an impossible window", (peer) => peer.send(FrameType.SETTINGS, 0, 0, "000480000000"), "FLOW_CONTROL_ERROR"],
    ["sets an impossible frame size", (peer) => peer.send(FrameType.SETTINGS, 0, 0, "000500003fff"), "PROTOCOL_ERROR"],
    [
      "sends a frame above the limit",
      (peer) => peer.send(FrameType.DATA, 0, 1, Buffer.alloc(16_385)),
      "FRAME_SIZE_ERROR",
    ],
    ["sends a short PING", (peer) => peer.send(FrameType.PING, 0, 0, "00"), "FRAME_SIZE_ERROR"],
    ["resets an idle stream", (peer) => peer.send(FrameType.RST_STREAM, 0, 9, one), "PROTOCOL_ERROR"],
    ["grows the window by 0", (peer) => peer.send(FrameType.WINDOW_UPDATE, 0, 0, "00000000"), "PROTOCOL_ERROR"],
    [
      "grows the window beyond 2^31",
      (peer) => peer.send(FrameType.WINDOW_UPDATE, 0, 0, "7fffffff"),
      "FLOW_CONTROL_ERROR",
    ],
    ["pushes", (peer) => peer.send(FrameType.PUSH_PROMISE, 4, 1, "00000002"), "PROTOCOL_ERROR"],
    [
      "pads beyond the frame",
      (peer) => {
        peer.headers(1, REQUEST, false);
        peer.send(FrameType.DATA, Flag.PADDED, 1, "05");
      },
      "PROTOCOL_ERROR",
    ],
    [
      "floods with PING",
      (peer) => {
        for (let i = 0; i < 2_000; i++) peer.send(FrameType.PING, 0, 0, "0000000000000000");
      },
      "ENHANCE_YOUR_CALM",
    ],
    [
      "floods with SETTINGS",
      (peer) => {
        for (let i = 0; i < 2_000; i++) peer.send(FrameType.SETTINGS, 0, 0);
      },
      "ENHANCE_YOUR_CALM",
    ],
    [
      "floods with empty DATA",
      (peer) => {
        peer.headers(1, REQUEST, false);
        for (let i = 0; i < 2_000; i++) peer.send(FrameType.DATA, 0, 1);
      },
      "ENHANCE_YOUR_CALM",
    ],
    [
      "never ends a header block",
      (peer) => {
        peer.send(FrameType.HEADERS, 0, 1);
        for (let i = 0; i < 50; i++) peer.send(FrameType.CONTINUATION, 0, 1);
      },
      "ENHANCE_YOUR_CALM",
    ],
  ];
  it("takes a PING with every frame of data, however many, as Go's clients send them", async () => {
    const { peer, events } = rig();
    peer.headers(1, to(CHAT.path), false);
    for (let i = 0; i < 3_000; i++) {
      peer.send(FrameType.DATA, 0, 1, message("m"));
      peer.send(FrameType.PING, 0, 0, "0000000000000000");
    }
    peer.send(FrameType.PING, 0, 0, "00000000000000ff");
    await peer.frame((one) => one.type === FrameType.PING && one.payload[7] === 0xff);
    assert.equal(events.length, 3_000);
    await peer.end();
  });

  for (const [what, act, code] of broken) {
    it(what, async () => {
      const { peer } = rig();
      act(peer);
      assert.equal(nameOf(await peer.goaway()), code);
      await peer.end();
    });
  }

  it("never acknowledges our settings", async () => {
    const clock = new ManualClock();
    const [acknowledging, silent] = [rig({ clock }).peer, rig({ clock }).peer];
    acknowledging.send(FrameType.SETTINGS, Flag.ACK, 0);
    await acknowledging.settle();
    await silent.settle();
    clock.advance(19_999);
    await silent.settle();
    clock.advance(1);
    assert.equal(nameOf(await silent.goaway()), "SETTINGS_TIMEOUT");
    await silent.end();
    await acknowledging.settle();
    assert.equal(acknowledging.closed, false);
  });

  it("does not start with SETTINGS", async () => {
    const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
    servers.push(server);
    const [near, far] = MemoryStream.pair(() => 7);
    server.accept(far);
    const peer = new RawPeer(near);
    near.write(Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    peer.send(FrameType.PING, 0, 0, "0000000000000000");
    assert.equal(nameOf(await peer.goaway()), "PROTOCOL_ERROR");
  });
});

describe("a connection that asks for nothing", () => {
  const PREFACE_TEXT = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  const HEAD = "GET /x HTTP/1.1\r\nhost: a\r\n";

  /** A connection on a clock of its own; `say` also waits until the server has heard it. */
  function slow(): { clock: ManualClock; say(text: string): Promise<void>; closed(): Promise<boolean> } {
    const clock = new ManualClock();
    const server = new GrpcServer({ trace: SILENT, clock });
    servers.push(server);
    server.http1(({ path }) => (path === "/never" ? new Promise(() => {}) : { status: 200, body: "" }));
    const [near, far] = MemoryStream.pair();
    server.accept(far);
    let closed = false;
    near.handle({
      data() {},
      closed() {
        closed = true;
      },
    });
    const settle = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
    };
    return {
      clock,
      say: (text) => {
        near.write(Buffer.from(text));
        return settle();
      },
      closed: () => settle().then(() => closed),
    };
  }

  const beginnings: readonly (readonly [string, string])[] = [
    ["nothing", ""],
    ["a part of an HTTP/1.1 head", "GET /he"],
    ["a head without its end", HEAD],
    ["a head without its body", `${HEAD.replace("GET", "POST")}content-length: 9\r\n\r\nhalf`],
    ["a refused request", "PUT / HTTP/1.1\r\n\r\n"],
    ["half of HTTP/2's preface", PREFACE_TEXT.slice(0, 9)],
    ["the preface without SETTINGS", PREFACE_TEXT],
  ];
  for (const [what, text] of beginnings) {
    it(`is closed 10 s after it was opened when all it said was ${what}`, async () => {
      const { clock, say, closed } = slow();
      await say(text.slice(0, -1));
      clock.advance(9_000);
      await say(text.slice(-1));
      clock.advance(999);
      if (!text.startsWith("PUT")) assert.equal(await closed(), false);
      clock.advance(20);
      assert.equal(await closed(), true);
    });
  }

  it("is closed 60 s after its last HTTP/1.1 answer, though bytes of a next request trickle in", async () => {
    const { clock, say, closed } = slow();
    await say(`${HEAD}\r\n`);
    clock.advance(59_000);
    await say(`${HEAD}\r\n`);
    clock.advance(59_000);
    await say("GET /");
    clock.advance(999);
    assert.equal(await closed(), false);
    clock.advance(20);
    assert.equal(await closed(), true);
  });

  it("stays, however long its request is being answered", async () => {
    const { clock, say, closed } = slow();
    await say("GET /never HTTP/1.1\r\nhost: a\r\n\r\n");
    clock.advance(3_600_000);
    assert.equal(await closed(), false);
  });

  it("gets GOAWAY when it speaks HTTP/2 and has had no call for 60 s; one that had a call stays", async () => {
    const clock = new ManualClock();
    const [idle, used] = [rig({ clock }).peer, rig({ clock }).peer];
    for (const peer of [idle, used]) peer.send(FrameType.SETTINGS, Flag.ACK, 0);
    used.headers(1, REQUEST, false);
    used.send(FrameType.DATA, Flag.END_STREAM, 1, message("hello"));
    await status(used, 1);
    await idle.settle();
    clock.advance(59_999);
    await idle.settle();
    clock.advance(20);
    assert.equal(nameOf(await idle.goaway()), "NO_ERROR");
    await idle.end();
    clock.advance(3_600_000);
    await used.settle();
    assert.equal(used.closed, false);
  });
});

describe("a stream is reset, and the connection lives on, when the client", () => {
  const pairs = (fields: readonly string[]): string[][] =>
    Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i] as string, fields[2 * i + 1] as string]);
  const without = (name: string): string[] =>
    pairs(REQUEST)
      .filter(([field]) => field !== name)
      .flat();
  const malformed: readonly (readonly [string, readonly string[]])[] = [
    ["sends upper-case names", [...REQUEST, "X-Upper", "1"]],
    ["sends an unknown pseudo-header", [":unknown", "1", ...REQUEST]],
    ["sends a response's pseudo-header", [":status", "200", ...REQUEST]],
    ["sends a pseudo-header behind a field", [...without(":path"), ":path", "/"]],
    ["sends a pseudo-header twice", [":path", "/", ...REQUEST]],
    ["leaves out :method", without(":method")],
    ["leaves out :path", without(":path")],
    ["sends a connection-specific field", [...REQUEST, "connection", "close"]],
    ["sends another te", [...without("te"), "te", "gzip"]],
    ["sends a line break in a value", [...REQUEST, "x", "a\nb"]],
    ["sends a malformed content-length", [...REQUEST, "content-length", "-1"]],
    ["sends only regular fields", ["x", "y"]],
  ];
  for (const [what, fields] of malformed) {
    it(what, async () => {
      const { peer } = rig();
      peer.headers(1, fields, true);
      assert.equal(nameOf(await peer.reset(1)), "PROTOCOL_ERROR");
      peer.headers(3, REQUEST, false);
      peer.send(FrameType.DATA, Flag.END_STREAM, 3, message("alive"));
      assert.equal((await status(peer, 3)).code, "0");
    });
  }

  it("announces a content-length that the body does not have", async () => {
    const { peer } = rig();
    peer.headers(1, [...REQUEST, "content-length", "7"], false);
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("hello"));
    assert.equal(nameOf(await peer.reset(1)), "PROTOCOL_ERROR");
  });

  it("sends more after END_STREAM", async () => {
    const { peer } = rig();
    peer.headers(1, REQUEST, false);
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("never"));
    peer.send(FrameType.DATA, 0, 1, "00");
    assert.equal(nameOf(await peer.reset(1)), "STREAM_CLOSED");
    peer.send(FrameType.DATA, 0, 1, "00");
    await peer.settle();
  });

  it("opens more streams than announced", async () => {
    const { peer } = rig({ maxConcurrentStreams: 2 });
    for (const id of [1, 3, 5]) peer.headers(id, REQUEST, false);
    assert.equal(nameOf(await peer.reset(5)), "REFUSED_STREAM");
    peer.send(FrameType.DATA, Flag.END_STREAM, 3, message("alive"));
    assert.equal((await status(peer, 3)).code, "0");
  });

  it("overflows a stream's window", async () => {
    const { peer } = rig();
    peer.headers(1, REQUEST, false);
    peer.send(FrameType.WINDOW_UPDATE, 0, 1, "7fffffff");
    assert.equal(nameOf(await peer.reset(1)), "FLOW_CONTROL_ERROR");
  });
});

describe("a server that closes", () => {
  it("says so, lets running calls end, and then closes", async () => {
    const { peer, server, streams } = rig();
    peer.headers(1, to("/test.Echo/Chat"), false);
    await peer.settle();
    const closed = server.close(60_000);
    assert.equal(nameOf(await peer.goaway()), "NO_ERROR");
    peer.headers(3, REQUEST, true);
    await peer.settle();
    assert.equal(
      peer.seen.some(({ streamId }) => streamId === 3),
      false,
    );
    peer.send(FrameType.DATA, Flag.END_STREAM, 1);
    streams[0]?.end();
    assert.equal((await status(peer, 1)).code, "0");
    await closed;
    await peer.end();
  });

  it("cuts what is left when the grace is over", async () => {
    const { peer, server, events } = rig();
    peer.headers(1, to("/test.Echo/Chat"), false);
    await peer.settle();
    await server.close(10);
    await peer.end();
    assert.deepEqual(events, ["cancelled"]);
  });
});
