/** What the client half promises when things go wrong, above all `reached`: whether a failed call may have happened. */
import assert from "node:assert/strict";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { SILENT } from "../../src/env/trace.ts";
import { GrpcChannel } from "../../src/grpc/channel.ts";
import { type CallOptions, GrpcConnection } from "../../src/grpc/connection.ts";
import { Flag, FrameType } from "../../src/grpc/frames.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { type GrpcError, StatusCode } from "../../src/grpc/status.ts";
import { MemoryNetwork, MemoryStream } from "../support/streams.ts";
import { CHAT, ECHO } from "./echo.ts";
import { ManualClock } from "./manual-clock.ts";
import { message, RawPeer } from "./raw-peer.ts";

interface Rig {
  readonly connection: GrpcConnection;
  /** The server's end. */
  readonly peer: RawPeer;
}

/** A connection whose server is the test; `settings` is what that server says first, null for nothing. */
function rig(settings: string | null = ""): Rig {
  const [near, far] = MemoryStream.pair();
  const connection = new GrpcConnection(near, { clock: nodeClock });
  const peer = new RawPeer(far);
  peer.skipPreface = true;
  if (settings !== null) peer.send(FrameType.SETTINGS, 0, 0, settings);
  return { connection, peer };
}

interface Ended {
  readonly error: GrpcError | null;
  readonly text: string;
}

function call(connection: GrpcConnection, text = "hello", options: CallOptions = {}): Promise<Ended> {
  return new Promise((resolve) => {
    connection.unary(ECHO, Buffer.from(text), options, (error, response) => {
      resolve({ error, text: response === null ? "" : Buffer.from(response).toString() });
    });
  });
}

async function fails(ended: Promise<Ended>, code: number, reached: boolean): Promise<void> {
  const { error } = await ended;
  assert.deepEqual({ code: error?.code, reached: error?.reached }, { code, reached }, error?.message);
}

const OPENED = (streamId: number) => (frame: { streamId: number; type: number }) =>
  frame.streamId === streamId && frame.type === FrameType.DATA;
const HEAD = [":status", "200", "content-type", "application/grpc"];

describe("a client's call", () => {
  it("waits for the server's settings and then leaves", async () => {
    const { connection, peer } = rig(null);
    const ended = call(connection);
    await peer.frame(({ type }) => type === FrameType.SETTINGS);
    assert.equal(connection.state, "connecting");
    peer.send(FrameType.SETTINGS, 0, 0);
    await peer.frame(OPENED(1));
    assert.equal(connection.state, "ready");
    peer.headers(1, HEAD, false);
    peer.send(FrameType.DATA, 0, 1, message("answer"));
    peer.headers(1, ["grpc-status", "0"], true);
    assert.deepEqual(await ended, { error: null, text: "answer" });
    connection.close();
  });

  it("was not reached when the server never said hello", async () => {
    const { connection, peer } = rig(null);
    const ended = call(connection);
    peer.stream.end();
    await fails(ended, StatusCode.UNAVAILABLE, false);
    await fails(call(connection), StatusCode.UNAVAILABLE, false);
  });

  it("was not reached when its server let 20 s pass without a word", async () => {
    const clock = new ManualClock();
    const [near, far] = MemoryStream.pair();
    const connection = new GrpcConnection(near, { clock });
    const peer = new RawPeer(far);
    peer.skipPreface = true;
    const ended = call(connection);
    clock.advance(20_000);
    await fails(ended, StatusCode.UNAVAILABLE, false);
    assert.equal(connection.state, "closed");
    await peer.end();
  });

  it("may have been reached when the connection broke behind it", async () => {
    const { connection, peer } = rig();
    const ended = call(connection);
    await peer.frame(OPENED(1));
    peer.stream.break(new Error("cut"));
    await fails(ended, StatusCode.UNAVAILABLE, true);
    assert.equal(connection.state, "closed");
  });

  it("was not reached when its stream was refused", async () => {
    const { connection, peer } = rig();
    const ended = call(connection);
    await peer.frame(OPENED(1));
    peer.send(FrameType.RST_STREAM, 0, 1, "00000007");
    await fails(ended, StatusCode.UNAVAILABLE, false);
    connection.close();
  });

  it("may have been reached when its stream was cancelled or broke", async () => {
    for (const [code, status] of [
      ["00000008", StatusCode.CANCELLED],
      ["00000002", StatusCode.INTERNAL],
    ] as const) {
      const { connection, peer } = rig();
      const ended = call(connection);
      await peer.frame(OPENED(1));
      peer.send(FrameType.RST_STREAM, 0, 1, code);
      await fails(ended, status, true);
      connection.close();
    }
  });

  it("beyond GOAWAY's last stream was not reached; one before it still ends well", async () => {
    const { connection, peer } = rig();
    const first = call(connection, "1");
    const second = call(connection, "2");
    await peer.frame(OPENED(3));
    peer.send(FrameType.GOAWAY, 0, 0, "0000000100000000");
    await fails(second, StatusCode.UNAVAILABLE, false);
    assert.equal(connection.draining, true);
    await fails(call(connection), StatusCode.UNAVAILABLE, false);
    peer.headers(1, HEAD, false);
    peer.send(FrameType.DATA, 0, 1, message("answer"));
    peer.headers(1, ["grpc-status", "0"], true);
    assert.equal((await first).text, "answer");
    await peer.end();
    assert.equal(connection.state, "closed");
  });

  it("keeps to the server's limit of streams and was not reached when its deadline passes meanwhile", async () => {
    const { connection, peer } = rig("000300000001");
    const first = call(connection, "1");
    const second = call(connection, "2", { timeoutMs: 20 });
    const third = call(connection, "3");
    await fails(second, StatusCode.DEADLINE_EXCEEDED, false);
    peer.headers(1, [...HEAD, "grpc-status", "5", "grpc-message", "gone"], true);
    assert.equal((await first).error?.message, "gone");
    await peer.frame(OPENED(3));
    peer.headers(3, [...HEAD, "grpc-status", "0"], true);
    // OK without a message is no answer to a unary call.
    await fails(third, StatusCode.INTERNAL, true);
    connection.close();
  });

  it("that exceeds its deadline may have been reached, and the server is told", async () => {
    const { connection, peer } = rig();
    await fails(call(connection, "slow", { timeoutMs: 20 }), StatusCode.DEADLINE_EXCEEDED, true);
    const opened = await peer.frame(({ type }) => type === FrameType.HEADERS);
    assert.ok(opened.fields.includes("20m"));
    assert.equal(await peer.reset(1), 8);
    // A late answer harms nobody.
    peer.headers(1, [...HEAD, "grpc-status", "0"], true);
    peer.send(FrameType.DATA, Flag.END_STREAM, 1, message("late"));
    await peer.settle();
    connection.close();
  });

  const broken: readonly (readonly [string, (peer: RawPeer) => void, number])[] = [
    [
      "a proxy's 503",
      (peer) => peer.headers(1, [":status", "503", "content-type", "text/html"], true),
      StatusCode.UNAVAILABLE,
    ],
    ["a proxy's 404", (peer) => peer.headers(1, [":status", "404"], true), StatusCode.UNIMPLEMENTED],
    ["a proxy's 401", (peer) => peer.headers(1, [":status", "401"], false), StatusCode.UNAUTHENTICATED],
    ["no status", (peer) => peer.headers(1, HEAD, true), StatusCode.INTERNAL],
    ["DATA before the head", (peer) => peer.send(FrameType.DATA, 0, 1, message("x")), StatusCode.INTERNAL],
    ["upper-case names", (peer) => peer.headers(1, [...HEAD, "X", "y"], true), StatusCode.INTERNAL],
    ["a status that is no number", (peer) => peer.headers(1, [...HEAD, "grpc-status", "x"], true), StatusCode.UNKNOWN],
    [
      "two messages",
      (peer) => {
        peer.headers(1, HEAD, false);
        peer.send(FrameType.DATA, 0, 1, Buffer.concat([message("a"), message("b")]));
      },
      StatusCode.INTERNAL,
    ],
    [
      "a message that does not decode",
      (peer) => {
        peer.headers(1, HEAD, false);
        peer.send(FrameType.DATA, 0, 1, Buffer.from([0, 0, 0, 0, 1, 0xff]));
        peer.headers(1, ["grpc-status", "0"], true);
      },
      StatusCode.INTERNAL,
    ],
    [
      "a compressed message",
      (peer) => {
        peer.headers(1, HEAD, false);
        peer.send(FrameType.DATA, 0, 1, Buffer.from([1, 0, 0, 0, 1, 1]));
      },
      StatusCode.UNIMPLEMENTED,
    ],
  ];
  for (const [what, answer, code] of broken) {
    it(`fails with a fitting code when it is answered with ${what}`, async () => {
      const { connection, peer } = rig();
      const ended = call(connection);
      await peer.frame(OPENED(1));
      answer(peer);
      await fails(ended, code, true);
      connection.close();
    });
  }

  it("skips an interim response", async () => {
    const { connection, peer } = rig();
    const ended = call(connection);
    await peer.frame(OPENED(1));
    peer.headers(1, [":status", "103"], false);
    peer.headers(1, HEAD, false);
    peer.send(FrameType.DATA, 0, 1, message("answer"));
    peer.headers(1, ["grpc-status", "0"], true);
    assert.equal((await ended).text, "answer");
    connection.close();
  });
});

describe("a client's stream", () => {
  it("collects what is sent before the connection is up, and stops at the server's window", async () => {
    const { connection, peer } = rig(null);
    const stream = connection.stream(CHAT, {}, { message() {}, closed() {} });
    for (const text of ["a", "b"]) stream.send(Buffer.from(text));
    peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 14]));
    await peer.settle();
    stream.send(Buffer.from("cd"));
    stream.end();
    await peer.settle();
    const sent = (): Buffer =>
      Buffer.concat(peer.seen.filter(({ type }) => type === FrameType.DATA).map(({ payload }) => payload));
    assert.deepEqual(sent(), Buffer.concat([message("a"), message("b"), Buffer.from([0, 0])]));
    peer.send(FrameType.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 0, 100]));
    await peer.frame((one) => one.type === FrameType.DATA && (one.flags & Flag.END_STREAM) !== 0);
    assert.deepEqual(sent(), Buffer.concat([message("a"), message("b"), message("cd")]));
    connection.close();
  });
});

describe("a client's stream that was told to wait", () => {
  it("before the connection is up hears when it may go on", async () => {
    const [near, far] = MemoryStream.pair();
    const connection = new GrpcConnection(near, { clock: nodeClock, streamQueueBytes: 10 });
    const peer = new RawPeer(far);
    peer.skipPreface = true;
    let drained = 0;
    const stream = connection.stream(CHAT, {}, { message() {}, drained: () => drained++, closed() {} });
    assert.equal(stream.send(Buffer.from("long enough")), false);
    assert.equal(stream.queuedBytes, 16);
    peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0, 0, 0, 10]));
    await peer.settle();
    assert.equal(drained, 0);
    assert.equal(stream.queuedBytes, 6);
    peer.send(FrameType.WINDOW_UPDATE, 0, 1, Buffer.from([0, 0, 0, 6]));
    await peer.settle();
    assert.equal(drained, 1);
    connection.close();
  });
});

describe("a ping", () => {
  it("is answered, or fails with the connection", async () => {
    const { connection, peer } = rig();
    const first = new Promise<Error | null>((resolve) => connection.ping(resolve));
    const ping = await peer.frame(({ type }) => type === FrameType.PING);
    const second = new Promise<Error | null>((resolve) => connection.ping(resolve));
    peer.send(FrameType.PING, Flag.ACK, 0, ping.payload);
    assert.equal(await first, null);
    peer.stream.end();
    assert.ok((await second) instanceof Error);
  });
});

describe("a server at node:http2", () => {
  it("is called over TCP and its GOAWAY is followed", async () => {
    const server = http2.createServer();
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on("session", (session) => sessions.add(session));
    server.on("stream", (stream) => {
      stream.resume();
      stream.on("end", () => {
        stream.respond({ ":status": 200, "content-type": "application/grpc+proto" }, { waitForTrailers: true });
        stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
        stream.end(message("from node"));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const connection = new GrpcConnection(nodeStreams.connect({ host: "127.0.0.1", port }), { clock: nodeClock });
    assert.equal((await call(connection)).text, "from node");
    const closed = new Promise<Error | null>((resolve) => connection.onClosed(resolve));
    for (const session of sessions) session.goaway();
    assert.equal(await closed, null);
    server.close();
  });
});

describe("a channel", () => {
  it("dials on first use, fails fast while it backs off, and dials again", async () => {
    const network = new MemoryNetwork();
    let nowMs = 0;
    const clock = { ...nodeClock, monotonicMs: () => nowMs };
    const address = { host: "memory", port: 1 };
    const channel = new GrpcChannel({ network, address, clock, prng: new Prng(1) });
    assert.equal(network.dials, 0);
    const refused = (error: GrpcError): boolean => error.code === StatusCode.UNAVAILABLE && !error.reached;
    await assert.rejects(channel.callUnary(ECHO, Buffer.from("a")), refused);
    await assert.rejects(channel.callUnary(ECHO, Buffer.from("a")), refused);
    assert.equal(network.dials, 1);
    const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
    server.unary(ECHO, (request) => request);
    await network.listen(address, (stream) => server.accept(stream));
    nowMs += 1_000;
    assert.equal(Buffer.from(await channel.callUnary(ECHO, Buffer.from("b"))).toString(), "b");
    assert.equal(Buffer.from(await channel.callUnary(ECHO, Buffer.from("c"))).toString(), "c");
    assert.equal(network.dials, 2);
    channel.close();
    await assert.rejects(channel.callUnary(ECHO, Buffer.from("d")), refused);
    await server.close(0);
  });
});
