/** Answers that come later than their handler returned: made when there is room for them, and a slice at a time. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { SILENT } from "../../src/env/trace.ts";
import { Flag, FrameType } from "../../src/grpc/frames.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import { MemoryStream } from "../support/streams.ts";
import { ECHO } from "./echo.ts";
import { ManualClock } from "./manual-clock.ts";
import { message, RawPeer, REQUEST } from "./raw-peer.ts";

const ANSWER_BYTES = 10_000;
const LIMIT_BYTES = 35_000;

const servers: GrpcServer[] = [];
after(() => Promise.all(servers.map((server) => server.close(0))));

interface Rig {
  readonly clock: ManualClock;
  readonly server: GrpcServer;
  /** The requests whose answers were made, in that order. */
  readonly made: string[];
  /** Lets every call that waits be answered, as a round of reads does. */
  release(): void;
}

/** A server whose answers are made in `costMs` of its clock's time; "refuse" fails then. */
function rig(costMs: number): Rig {
  const clock = new ManualClock();
  const server = new GrpcServer({ trace: SILENT, clock, connectionQueueBytes: LIMIT_BYTES });
  servers.push(server);
  const made: string[] = [];
  let waiting: (() => void)[] = [];
  server.unary(ECHO, (request) => {
    const text = Buffer.from(request).toString();
    const make = (): Uint8Array => {
      made.push(text);
      clock.nowMs += costMs;
      if (text === "refuse") throw new GrpcError(StatusCode.NOT_FOUND, "gone");
      return Buffer.alloc(ANSWER_BYTES);
    };
    return new Promise((resolve) => waiting.push(() => resolve(make)));
  });
  const release = (): void => {
    const all = waiting;
    waiting = [];
    for (const one of all) one();
  };
  return { clock, server, made, release };
}

/** A client that takes `windowBytes` over all streams, and as much as comes on each. */
async function connect({ server }: Rig, windowBytes: number): Promise<RawPeer> {
  const [near, far] = MemoryStream.pair();
  server.accept(far);
  const peer = new RawPeer(near);
  peer.hello();
  peer.send(FrameType.SETTINGS, 0, 0, Buffer.from([0, 4, 0x7f, 0xff, 0xff, 0xff]));
  if (windowBytes > 65_535) grow(peer, windowBytes - 65_535);
  await peer.settle();
  return peer;
}

function grow(peer: RawPeer, bytes: number): void {
  const increment = Buffer.alloc(4);
  increment.writeUInt32BE(bytes);
  peer.send(FrameType.WINDOW_UPDATE, 0, 0, increment);
}

function call(peer: RawPeer, streamId: number, text: string): void {
  peer.headers(streamId, REQUEST, false);
  peer.send(FrameType.DATA, Flag.END_STREAM, streamId, message(text));
}

function ended(peer: RawPeer): number {
  return peer.seen.filter((one) => one.type === FrameType.HEADERS && (one.flags & Flag.END_STREAM) !== 0).length;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i));

describe("late answers", () => {
  it("are made only while their connection has room, then in order as the client takes them", async () => {
    const one = rig(0);
    const peer = await connect(one, 0);
    const calls = numbers(50);
    for (const [i, text] of calls.entries()) call(peer, 2 * i + 1, text);
    await peer.settle();
    one.release();
    await peer.settle();
    // The window's 65,535 bytes are sent; the queue has exceeded its limit by one answer at most.
    const most = Math.ceil((65_535 + LIMIT_BYTES) / ANSWER_BYTES) + 1;
    assert.ok(one.made.length < most, `${one.made.length} were made`);
    for (let sent = 65_535; ended(peer) < calls.length; sent += 7_000) {
      grow(peer, 7_000);
      await peer.settle();
      await turn();
      assert.ok(one.made.length * ANSWER_BYTES <= sent + 7_000 + LIMIT_BYTES + ANSWER_BYTES, `at ${sent}`);
    }
    assert.deepEqual(one.made, calls);
  });

  it("of a connection without room do not keep others waiting", async () => {
    const one = rig(0);
    const [full, other] = [await connect(one, 0), await connect(one, 10_000_000)];
    for (let i = 0; i < 50; i++) call(full, 2 * i + 1, "full");
    await full.settle();
    for (let i = 0; i < 50; i++) call(other, 2 * i + 1, "other");
    await other.settle();
    one.release();
    while (ended(other) < 50) await turn();
    assert.ok(one.made.filter((text) => text === "full").length < 15);
  });

  it("are not made for calls that were cancelled while they waited, and what those held makes room", async () => {
    const one = rig(0);
    const peer = await connect(one, 0);
    for (const [i, text] of numbers(20).entries()) call(peer, 2 * i + 1, text);
    await peer.settle();
    one.release();
    await peer.settle();
    const before = one.made.length;
    // Those that wait first, then those whose answers take the room.
    for (let i = 18; i >= 0; i--) peer.send(FrameType.RST_STREAM, 0, 2 * i + 1, "00000008");
    await peer.settle();
    while (one.made.length === before) await turn();
    assert.deepEqual(one.made.slice(before), ["19"]);
  });

  it("leave the event loop to others when they have taken 10 ms of it", async () => {
    const one = rig(4);
    const [left, right] = [await connect(one, 10_000_000), await connect(one, 10_000_000)];
    const calls = numbers(40);
    for (const peer of [left, right]) {
      for (const [i, text] of calls.entries()) call(peer, 2 * i + 1, text);
      await peer.settle();
    }
    one.release();
    for (let before = 0; one.made.length < 80; before = one.made.length) {
      await turn();
      assert.ok(one.made.length - before <= 3, `${one.made.length - before} in one turn`);
    }
    await left.settle();
    await right.settle();
    assert.deepEqual([ended(left), ended(right)], [40, 40]);
    // Both connections have their turns, and each keeps its order.
    assert.ok(one.made.slice(0, 40).includes("15") && one.made.lastIndexOf("3") < 40);
  });

  it("fail their call when making them fails", async () => {
    const one = rig(0);
    const peer = await connect(one, 0);
    call(peer, 1, "refuse");
    await peer.settle();
    one.release();
    const end = await peer.frame(({ type }) => type === FrameType.HEADERS);
    assert.equal(end.fields[end.fields.indexOf("grpc-status") + 1], String(StatusCode.NOT_FOUND));
  });

  it("are dropped with their connection", async () => {
    const one = rig(0);
    const peer = await connect(one, 0);
    for (const [i, text] of numbers(50).entries()) call(peer, 2 * i + 1, text);
    await peer.settle();
    one.release();
    await peer.settle();
    const before = one.made.length;
    peer.stream.end();
    await peer.end();
    await turn();
    assert.equal(one.made.length, before);
  });
});
