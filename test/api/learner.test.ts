import assert from "node:assert/strict";
import { test } from "node:test";
import type { Method } from "../../src/base/codec.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import { ClientServer } from "../../src/etcd/api/learner.ts";
import { GrpcConnection } from "../../src/grpc/connection.ts";
import {
  MemberListRequest,
  MemberListResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  SnapshotRequest,
  SnapshotResponse,
  StatusRequest,
  StatusResponse,
  WatchRequest,
  WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { Cluster, KV, Maintenance, Watch } from "../../src/proto/gen/rpc.ts";
import { MemoryStream } from "../support/streams.ts";

const REFUSED = "etcdserver: rpc not supported for learner";

test("a learner serves its status, serializable ranges and snapshots, and everything once it votes", async (context) => {
  let isLearner = true;
  const server = new ClientServer({ trace: SILENT, clock: nodeClock }, () => isLearner);
  server.unary(KV.Range, () => RangeResponse.create());
  server.unary(KV.Put, () => PutResponse.create());
  server.unary(Cluster.MemberList, () => MemberListResponse.create());
  server.unary(Maintenance.Status, () => StatusResponse.create());
  server.streaming(Maintenance.Snapshot, (stream) => {
    stream.send(SnapshotResponse.create());
    stream.end();
  });
  server.streaming(Watch.Watch, (stream) => {
    stream.send(WatchResponse.create());
    stream.end();
  });
  const [client, accepted] = MemoryStream.pair();
  server.accept(accepted);
  const connection = new GrpcConnection(client, { clock: nodeClock });
  context.after(async () => {
    connection.close();
    await server.close(0);
  });
  /** How the call ended; null: well. */
  const call = <Request>(method: Method<Request, unknown>, request: Request): Promise<string | null> =>
    new Promise((resolve) => {
      if (method.responseStream) {
        const closed = (error: Error | null): void => resolve(error?.message ?? null);
        const stream = connection.stream(method, {}, { message: () => {}, closed });
        stream.send(request);
        stream.end();
      } else connection.unary(method, request, {}, (error) => resolve(error?.message ?? null));
    });
  const outcomes = async (): Promise<readonly (string | null)[]> => [
    await call(Maintenance.Status, StatusRequest.create()),
    await call(KV.Range, RangeRequest.create({ serializable: true })),
    await call(Maintenance.Snapshot, SnapshotRequest.create()),
    await call(KV.Range, RangeRequest.create()),
    await call(KV.Put, PutRequest.create()),
    await call(Cluster.MemberList, MemberListRequest.create()),
    await call(Watch.Watch, WatchRequest.create()),
  ];
  assert.deepEqual(await outcomes(), [null, null, null, REFUSED, REFUSED, REFUSED, REFUSED]);
  isLearner = false;
  assert.ok((await outcomes()).every((outcome) => outcome === null));
});
