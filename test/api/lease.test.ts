/** The lease service over a real gRPC connection in memory; what answers behind it is a puppet. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import { LeaseService, type ServedLeases } from "../../src/etcd/api/lease.ts";
import { Metrics } from "../../src/etcd/api/metrics.ts";
import type { ServedMember } from "../../src/etcd/api/served.ts";
import { ETCD_ERRORS, type EtcdError } from "../../src/etcd/errors.ts";
import { type ClientStream, GrpcConnection } from "../../src/grpc/connection.ts";
import { GrpcServer, type ServerStreamHandler } from "../../src/grpc/server.ts";
import type { GrpcError } from "../../src/grpc/status.ts";
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { Lease } from "../../src/proto/gen/rpc.ts";
import { eventually } from "../support/etcd-server.ts";
import { MemoryStream } from "../support/streams.ts";

/** Keepalives wait until the test answers them. */
interface Waiting {
  readonly id: bigint;
  readonly answer: (answer: LeaseKeepAliveResponse | EtcdError) => void;
}

interface Served {
  readonly connection: GrpcConnection;
  readonly service: LeaseService;
  readonly waiting: Waiting[];
  readonly answers: LeaseKeepAliveResponse[];
  ended: GrpcError | null | undefined;
  open(): ClientStream<LeaseKeepAliveRequest>;
}

function serve(context: TestContext, leases: Partial<ServedLeases> = {}): Served {
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  const waiting: Waiting[] = [];
  const service = new LeaseService(server, {
    counts: { granted: 0, revoked: 0, renewed: 0, expired: 0 },
    grant: async ({ id, ttl }) => LeaseGrantResponse.create({ id, ttl }),
    revoke: async ({ id }) => (id === 1n ? LeaseRevokeResponse.create() : ETCD_ERRORS.leaseNotFound),
    timeToLive: async ({ id, keys }) => LeaseTimeToLiveResponse.create({ id, ttl: keys ? 1 : -1 }),
    list: async () => LeaseLeasesResponse.create({ leases: [{ id: 5n }] }),
    keepAlive: ({ id }) => new Promise((answer) => waiting.push({ id, answer })),
    ...leases,
  });
  const [client, accepted] = MemoryStream.pair();
  server.accept(accepted);
  const connection = new GrpcConnection(client, { clock: nodeClock });
  context.after(async () => {
    connection.close();
    await server.close(0);
  });
  const served: Served = {
    ...{ connection, service, waiting },
    answers: [],
    ended: undefined,
    open: () =>
      connection.stream(
        Lease.LeaseKeepAlive,
        {},
        {
          message: (answer) => served.answers.push(answer),
          closed: (error) => {
            served.ended = error;
          },
        },
      ),
  };
  return served;
}

const keep = (id: bigint): LeaseKeepAliveRequest => LeaseKeepAliveRequest.create({ id });
const alive = (id: bigint, ttl = 60): LeaseKeepAliveResponse => LeaseKeepAliveResponse.create({ id, ttl });

test("unary calls come to the leases and back, refusals as statuses", async (context) => {
  const { connection } = serve(context);
  const call = <Request, Response>(
    method: Parameters<typeof connection.unary<Request, Response>>[0],
    request: Request,
  ): Promise<unknown> =>
    new Promise((resolve) =>
      connection.unary(method, request, { timeoutMs: 10_000 }, (error, response) => resolve(error ?? response)),
    );
  const granted = await call(Lease.LeaseGrant, LeaseGrantRequest.create({ id: -1n, ttl: 9 }));
  assert.deepEqual(granted, LeaseGrantResponse.create({ id: -1n, ttl: 9 }));
  assert.deepEqual(await call(Lease.LeaseRevoke, LeaseRevokeRequest.create({ id: 1n })), LeaseRevokeResponse.create());
  const refused = (await call(Lease.LeaseRevoke, LeaseRevokeRequest.create({ id: 2n }))) as GrpcError;
  assert.deepEqual([refused.code, refused.message], [5, "etcdserver: requested lease not found"]);
  const left = await call(Lease.LeaseTimeToLive, LeaseTimeToLiveRequest.create({ id: 3n, keys: true }));
  assert.deepEqual(left, LeaseTimeToLiveResponse.create({ id: 3n, ttl: 1 }));
  const list = (await call(Lease.LeaseLeases, LeaseLeasesRequest.create())) as LeaseLeasesResponse;
  assert.deepEqual(list.leases, [{ id: 5n }]);
});

test("one stream keeps many leases, and none waits for another", async (context) => {
  const served = serve(context);
  const stream = served.open();
  for (const id of [1n, 2n, 3n]) stream.send(keep(id));
  await eventually(() => served.waiting.length === 3, "all are asked for");
  served.waiting[1]?.answer(alive(2n));
  await eventually(() => served.answers.length === 1, "the second is answered first");
  served.waiting[0]?.answer(alive(1n, 0));
  stream.end();
  await eventually(() => served.answers.length === 2, "an unknown lease's zero leaves the stream open");
  assert.equal(served.ended, undefined, "the third is not answered yet");
  served.waiting[2]?.answer(alive(3n));
  await eventually(() => served.ended !== undefined, "the stream ends after the last answer");
  assert.equal(served.ended, null);
  assert.deepEqual(
    served.answers.map(({ id, ttl }) => [id, ttl]),
    [
      [2n, 60],
      [1n, 0],
      [3n, 60],
    ],
  );
});

test("a refused keepalive ends its stream, and what is answered after it is nobody's", async (context) => {
  const served = serve(context);
  const stream = served.open();
  for (const id of [1n, 2n]) stream.send(keep(id));
  await eventually(() => served.waiting.length === 2, "both are asked for");
  served.waiting[0]?.answer(ETCD_ERRORS.noLeader);
  await eventually(() => served.ended !== undefined, "the stream ends");
  assert.deepEqual([served.ended?.code, served.ended?.message], [14, "etcdserver: no leader"]);
  served.waiting[1]?.answer(alive(2n));
  assert.deepEqual(served.answers, []);
});

test("a stream with a thousand unanswered keepalives, or one that is not read, is not read on", async () => {
  const waiting: ((answer: LeaseKeepAliveResponse) => void)[] = [];
  const calls: string[] = [];
  let takes = true;
  let handler: ServerStreamHandler<LeaseKeepAliveRequest> | null = null;
  const stream = {
    receive: (given: ServerStreamHandler<LeaseKeepAliveRequest>) => {
      handler = given;
    },
    send: () => takes,
    pause: () => calls.push("pause"),
    resume: () => calls.push("resume"),
  };
  const server = { unary() {}, streaming: (_: unknown, accept: (given: unknown) => void) => accept(stream) };
  const leases = { keepAlive: () => new Promise((answer) => waiting.push(answer)) };
  new LeaseService(server as unknown as GrpcServer, leases as unknown as ServedLeases);
  const other = handler as unknown as ServerStreamHandler<LeaseKeepAliveRequest>;
  const answerOne = async (): Promise<void> => {
    waiting.shift()?.(alive(1n));
    await new Promise((resolve) => setImmediate(resolve));
  };
  for (let i = 0; i < 999; i++) other.message(keep(1n));
  assert.deepEqual(calls, []);
  other.message(keep(1n));
  assert.deepEqual(calls, ["pause"]);
  await answerOne();
  assert.deepEqual(calls, ["pause", "resume"]);
  takes = false;
  await answerOne();
  await answerOne();
  assert.deepEqual(calls, ["pause", "resume", "pause"]);
  takes = true;
  other.drained?.();
  assert.deepEqual(calls, ["pause", "resume", "pause", "resume"]);
});

test("when the server stops, streams end with its word for it", async (context) => {
  const served = serve(context);
  served.open().send(keep(1n));
  await eventually(() => served.waiting.length === 1, "it is asked for");
  served.service.close();
  await eventually(() => served.ended !== undefined, "the stream ends");
  assert.equal(served.ended?.message, "etcdserver: server stopped");
});

test("what was granted, revoked, renewed and expired is counted under etcd's names", async () => {
  const numbers = { leaderChangesTotal: 0, commitIndex: 0, appliedIndex: 0, proposalsPending: 0, sizeBytes: 0 };
  const status = {
    ...numbers,
    proposalsFailedTotal: 0,
    identity: { member: 7n },
    sizeInUseBytes: 0,
    revision: 1,
    compactedRevision: -1,
  };
  const member = { status, watches: { watcherCount: 0, streamCount: 0 } } as unknown as ServedMember;
  const metrics = new Metrics({ member, quotaBytes: null, startedSeconds: 1 });
  metrics.leases({ counts: { granted: 5, revoked: 3, renewed: 9, expired: 2 } });
  const page = await metrics.text();
  for (const line of [
    "etcd_debugging_lease_granted_total 5",
    "etcd_debugging_lease_revoked_total 3",
    "etcd_debugging_lease_renewed_total 9",
    "etcd_debugging_server_lease_expired_total 2",
  ])
    assert.ok(page.includes(`\n${line}\n`), `${line} is missing in\n${page}`);
});
