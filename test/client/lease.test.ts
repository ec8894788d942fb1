/** The client's leases: the loop that keeps them alive in time that stands still, and the calls over real connections. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type KeepAliveStreamHandler, type LeaseHandler, LeaseKeeper } from "../../src/client/lease-keeper.ts";
import type { ServerStream } from "../../src/grpc/server.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import {
  LeaseGrantResponse,
  type LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { Lease } from "../../src/proto/gen/rpc.ts";
import { ManualClock } from "../grpc/manual-clock.ts";
import { clientOf, type FakeMember, startMember } from "./member.ts";

interface Stream {
  readonly handler: KeepAliveStreamHandler;
  readonly sent: bigint[];
  closed: "open" | "given up" | "left";
}

/** A keeper, its clock, and the streams it opened; the test answers itself. */
class Desk {
  readonly clock = new ManualClock();
  readonly streams: Stream[] = [];
  readonly log: string[] = [];
  takes = true;
  readonly keeper: LeaseKeeper = new LeaseKeeper({
    clock: this.clock,
    open: (handler) => {
      const stream: Stream = { handler, sent: [], closed: "open" };
      this.streams.push(stream);
      return {
        send: ({ id }) => {
          stream.sent.push(id);
          return this.takes;
        },
        close: (isFault) => {
          stream.closed = isFault ? "given up" : "left";
        },
      };
    },
  });

  handler(name: string): LeaseHandler {
    return {
      renewed: ({ ttl }) => this.log.push(`${name} renewed for ${ttl}`),
      lost: ({ kind }) => this.log.push(`${name} ${kind}`),
    };
  }

  get stream(): Stream {
    const stream = this.streams.at(-1);
    assert.ok(stream !== undefined, "a stream is open");
    return stream;
  }

  answer(id: bigint, ttl: number): void {
    this.stream.handler.message(LeaseKeepAliveResponse.create({ id, ttl }));
  }

  pass(ms: number): void {
    this.clock.advance(ms);
  }
}

test("a lease is renewed at once and then after each third of its time, all over one stream", () => {
  const desk = new Desk();
  desk.keeper.keep(1n, desk.handler("a"));
  desk.keeper.keep(2n, desk.handler("b"), 60);
  desk.pass(0);
  assert.deepEqual(desk.stream.sent, [1n, 2n]);
  desk.answer(1n, 3);
  desk.answer(2n, 60);
  desk.pass(900);
  assert.deepEqual(desk.stream.sent, [1n, 2n]);
  desk.pass(150);
  assert.deepEqual(desk.stream.sent, [1n, 2n, 1n]);
  desk.answer(1n, 3);
  desk.pass(1_100);
  assert.deepEqual(desk.stream.sent, [1n, 2n, 1n, 1n]);
  assert.equal(desk.streams.length, 1);
  assert.deepEqual(desk.log, ["a renewed for 3", "b renewed for 60", "a renewed for 3"]);
});

test("a lease that the store does not know is lost, once, and the others are kept", () => {
  const desk = new Desk();
  desk.keeper.keep(1n, desk.handler("a"));
  desk.keeper.keep(2n, desk.handler("b"));
  desk.pass(0);
  desk.answer(1n, 0);
  desk.answer(1n, 0);
  desk.answer(2n, 3);
  desk.pass(1_100);
  assert.deepEqual(desk.log, ["a gone", "b renewed for 3"]);
  assert.deepEqual(desk.stream.sent, [1n, 2n, 2n]);
});

test("a member that does not answer is given up for another, and the lease lives on", () => {
  const desk = new Desk();
  desk.keeper.keep(1n, desk.handler("a"), 6);
  desk.pass(2_050);
  assert.deepEqual(
    desk.streams.map(({ closed }) => closed),
    ["given up"],
  );
  desk.pass(100);
  assert.deepEqual(
    desk.streams.map(({ closed, sent }) => [closed, sent]),
    [
      ["given up", [1n]],
      ["open", [1n]],
    ],
  );
  desk.answer(1n, 6);
  // An answer of the first, late: it is not listened to any more.
  desk.streams[0]?.handler.message(LeaseKeepAliveResponse.create({ id: 1n, ttl: 0 }));
  assert.deepEqual(desk.log, ["a renewed for 6"]);
});

test("without any answer a lease is lost when its time is up, counted from the keepalive that was acknowledged", () => {
  const desk = new Desk();
  desk.keeper.keep(1n, desk.handler("a"));
  desk.pass(0);
  desk.pass(400);
  desk.answer(1n, 3);
  desk.pass(2_500);
  assert.deepEqual(desk.log, ["a renewed for 3"]);
  desk.pass(150);
  assert.deepEqual(desk.log, ["a renewed for 3", "a late"], "3 s after it was sent, not after it was answered");
  desk.pass(1_000);
  assert.equal(desk.stream.closed, "left", "nothing is left to keep");
  const count = desk.streams.length;
  desk.pass(5_000);
  assert.equal(desk.streams.length, count, "and no timer runs on");
});

test("a broken stream is opened again and sends what was in flight; a refusal for good loses all", () => {
  const desk = new Desk();
  desk.keeper.keep(1n, desk.handler("a"), 30);
  desk.keeper.keep(2n, desk.handler("b"), 30);
  desk.pass(0);
  desk.answer(2n, 30);
  desk.stream.handler.closed(new GrpcError(StatusCode.UNAVAILABLE, "etcdserver: no leader"));
  desk.pass(200);
  assert.deepEqual(
    desk.streams.map(({ sent }) => sent),
    [[1n, 2n], [1n]],
  );
  desk.stream.handler.closed(new GrpcError(StatusCode.PERMISSION_DENIED, "etcdserver: permission denied"));
  assert.deepEqual(desk.log, ["b renewed for 30", "a refused", "b refused"]);
});

test("a lease kept twice is sent once; who stopped hears nothing, and the last to stop ends it", () => {
  const desk = new Desk();
  const first = desk.keeper.keep(1n, desk.handler("a"));
  const second = desk.keeper.keep(1n, desk.handler("b"));
  desk.pass(0);
  assert.deepEqual(desk.stream.sent, [1n]);
  first.stop();
  desk.answer(1n, 3);
  second.stop();
  desk.pass(5_000);
  assert.deepEqual(desk.log, ["b renewed for 3"]);
  assert.deepEqual(desk.stream.sent, [1n]);
  // Stopped for good: a lease kept anew is not ended by it.
  desk.keeper.keep(1n, desk.handler("c"));
  second.stop();
  desk.pass(0);
  desk.answer(1n, 3);
  desk.keeper.close();
  assert.deepEqual(desk.log, ["b renewed for 3", "c renewed for 3", "c closed"]);
  desk.keeper.keep(1n, desk.handler("d"));
  desk.pass(0);
  assert.equal(desk.log.at(-1), "d closed");
});

test("a stream that takes no more is left alone until it has drained", () => {
  const desk = new Desk();
  desk.takes = false;
  for (const id of [1n, 2n, 3n]) desk.keeper.keep(id, desk.handler(String(id)), 600);
  desk.pass(500);
  assert.deepEqual(desk.stream.sent, [1n]);
  desk.takes = true;
  desk.stream.handler.drained();
  desk.pass(100);
  assert.deepEqual(desk.stream.sent, [1n, 2n, 3n]);
});

// ----------------------------------------------------------------------------------------------- over real connections

type ServedStream = ServerStream<LeaseKeepAliveRequest, LeaseKeepAliveResponse>;

async function memberWith(
  context: TestContext,
  answer: (stream: ServedStream, id: bigint) => void,
): Promise<FakeMember> {
  const member = await startMember((server) => {
    server.unary(Lease.LeaseGrant, ({ id, ttl }) =>
      LeaseGrantResponse.create({ id: id || 77n, ttl: Math.max(2, ttl) }),
    );
    server.unary(Lease.LeaseRevoke, () => LeaseRevokeResponse.create());
    server.streaming(Lease.LeaseKeepAlive, (stream) => {
      stream.receive({
        message: ({ id }) => answer(stream, id),
        ended: () => stream.end(),
        cancelled() {},
      });
    });
  });
  context.after(() => member.close());
  return member;
}

const alive = (stream: ServedStream, id: bigint): void => {
  stream.send(LeaseKeepAliveResponse.create({ id, ttl: 60 }));
};

test("a lease is granted, kept alive over a member that refuses by one that does not, and revoked", async (context) => {
  const refusing = await memberWith(context, (stream) =>
    stream.end(new GrpcError(StatusCode.UNAVAILABLE, "no leader")),
  );
  const working = await memberWith(context, alive);
  const client = clientOf([refusing.endpoint, working.endpoint]);
  context.after(() => client.close());
  const { id, ttl } = await client.lease.grant({ ttl: 1 });
  assert.deepEqual([id, ttl], [77n, 2]);
  const renewed = await new Promise<LeaseKeepAliveResponse>((resolve, reject) => {
    client.lease.keepAlive(id, { renewed: resolve, lost: reject }, 60);
  });
  assert.equal(renewed.ttl, 60);
  assert.equal((await client.lease.keepAliveOnce(id)).ttl, 60);
  await client.lease.revoke(id);
});

test("a single keepalive rejects with what the members say when none of them can answer in time", async (context) => {
  const member = await memberWith(context, (stream) =>
    stream.end(new GrpcError(StatusCode.UNAVAILABLE, "etcdserver: no leader")),
  );
  const client = clientOf([member.endpoint], { timeoutMs: 200 });
  context.after(() => client.close());
  await assert.rejects(client.lease.keepAliveOnce(1n), /etcdserver: no leader/);
});
