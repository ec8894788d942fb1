/** The services over a real gRPC connection in memory; the member behind them is a puppet that each test sets up. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Method } from "../../src/base/codec.ts";
import type { ClusterId, LogIndex, MemberId, Revision, Term } from "../../src/base/ids.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import { serveCluster } from "../../src/etcd/api/cluster.ts";
import { serveHealth } from "../../src/etcd/api/health.ts";
import { serveHttp } from "../../src/etcd/api/http.ts";
import { serveKv } from "../../src/etcd/api/kv.ts";
import { LedStreams } from "../../src/etcd/api/led-streams.ts";
import { serveMaintenance } from "../../src/etcd/api/maintenance.ts";
import { Metrics } from "../../src/etcd/api/metrics.ts";
import type { ServedMember, ServedRequests } from "../../src/etcd/api/served.ts";
import { WatchService } from "../../src/etcd/api/watch.ts";
import { ETCD_ERRORS, type EtcdError } from "../../src/etcd/errors.ts";
import type { MemberStatus } from "../../src/etcd/model.ts";
import { GrpcConnection } from "../../src/grpc/connection.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import {
  AlarmResponse,
  CompactionResponse,
  DefragmentResponse,
  DeleteRangeResponse,
  DowngradeRequest,
  HashKVResponse,
  HashResponse,
  MemberListRequest,
  MoveLeaderRequest,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  StatusRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { HealthCheckRequest } from "../../src/proto/gen/healthpb.ts";
import { Cluster, Health, KV, Maintenance, Watch } from "../../src/proto/gen/rpc.ts";
import { eventually } from "../support/etcd-server.ts";
import { MemoryStream } from "../support/streams.ts";

const STATUS: MemberStatus = {
  identity: { cluster: 0xc1n as ClusterId, member: 7n as MemberId },
  role: "leader",
  term: 3 as Term,
  leader: 7n as MemberId,
  commitIndex: 12 as LogIndex,
  appliedIndex: 11 as LogIndex,
  revision: 9 as Revision,
  compactedRevision: -1 as Revision,
  sizeBytes: 4096,
  sizeInUseBytes: 1024,
  alarms: [],
  leaderChangesTotal: 2,
  proposalsPending: 5,
  proposalsFailedTotal: 1,
};

interface Puppet {
  requests: ServedRequests;
  status: MemberStatus;
  isServing: boolean;
  whenServing: () => EtcdError | null | Promise<EtcdError | null>;
  moveLeader: ServedMember["moveLeader"];
  watchCalls: string[];
}

function puppet(): Puppet {
  return {
    requests: {
      range: () => RangeResponse.create({ count: 1 }),
      put: async () => PutResponse.create(),
      deleteRange: () => DeleteRangeResponse.create(),
      txn: () => TxnResponse.create(),
      rangeStream: async () => ETCD_ERRORS.stopped,
      compact: async () => CompactionResponse.create(),
      alarm: async () => AlarmResponse.create(),
      hashKv: async () => HashKVResponse.create(),
      hash: async () => HashResponse.create(),
      defragment: async () => DefragmentResponse.create(),
      snapshot: async () => ETCD_ERRORS.stopped,
      members: async () => [{ id: 7n as MemberId, name: "n", peerUrls: ["p"], clientUrls: ["c"], isLearner: false }],
    },
    status: STATUS,
    isServing: true,
    whenServing: () => null,
    moveLeader: async () => null,
    watchCalls: [],
  };
}

function memberOf(puppet: Puppet): ServedMember {
  return {
    get status() {
      return puppet.status;
    },
    get isServing() {
      return puppet.isServing;
    },
    makeHeader: (revision) => ({ clusterId: 0xc1n, memberId: 7n, revision, raftTerm: 3 }),
    whenServing: () => puppet.whenServing(),
    moveLeader: (target) => puppet.moveLeader(target),
    watches: {
      streamCount: 0,
      watcherCount: 0,
      openStream: (sink) => ({
        blocked: false,
        create: ({ key }) => {
          puppet.watchCalls.push(`create ${new TextDecoder().decode(key)}`);
          sink.send({ own: new Uint8Array(0), shared: WatchResponse.encode(WatchResponse.create({ created: true })) });
        },
        cancel: (id) => puppet.watchCalls.push(`cancel ${id}`),
        progress: () => puppet.watchCalls.push("progress"),
        drained() {},
        close: () => puppet.watchCalls.push("close"),
      }),
    },
  };
}

interface Served {
  readonly puppet: Puppet;
  readonly connection: GrpcConnection;
  readonly watchService: WatchService;
  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response>;
  http(request: string): Promise<string>;
}

function serve(context: TestContext): Served {
  const made = puppet();
  const requests: ServedRequests = {
    range: (request) => made.requests.range(request),
    put: (request) => made.requests.put(request),
    deleteRange: (request) => made.requests.deleteRange(request),
    txn: (request) => made.requests.txn(request),
    rangeStream: (request) => made.requests.rangeStream(request),
    compact: (request) => made.requests.compact(request),
    alarm: (request) => made.requests.alarm(request),
    hashKv: (request) => made.requests.hashKv(request),
    hash: () => made.requests.hash(),
    defragment: () => made.requests.defragment(),
    snapshot: () => made.requests.snapshot(),
    members: (options) => made.requests.members(options),
  };
  const member = memberOf(made);
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  serveKv(server, requests);
  serveCluster(server, member, requests, {
    add: async () => ETCD_ERRORS.invalidMemberUrls,
    remove: async () => ETCD_ERRORS.memberNotFound,
    update: async () => ETCD_ERRORS.memberNotFound,
    promote: async () => ETCD_ERRORS.memberNotLearner,
  });
  serveMaintenance(server, member, requests, 1_000_000);
  serveHealth(server);
  serveHttp(server, member, requests, new Metrics({ member, quotaBytes: 1_000_000, startedSeconds: 1 }));
  const watchService = new WatchService(
    server,
    member,
    new LedStreams({ clock: nodeClock, electionMs: 1000, hasLeader: () => true }),
  );
  const [client, accepted] = MemoryStream.pair();
  server.accept(accepted);
  const connection = new GrpcConnection(client, { clock: nodeClock });
  context.after(async () => {
    connection.close();
    await server.close(0);
  });
  return {
    puppet: made,
    connection,
    watchService,
    call: (method, request) =>
      new Promise((resolve, reject) =>
        connection.unary(method, request, { timeoutMs: 10_000 }, (error, response) =>
          error === null && response !== null ? resolve(response) : reject(error),
        ),
      ),
    http: (request) =>
      new Promise((resolve) => {
        const [end, other] = MemoryStream.pair();
        server.accept(other);
        let text = "";
        end.handle({
          data: (bytes) => {
            text += new TextDecoder().decode(bytes);
          },
          closed: () => resolve(text),
        });
        end.write(new TextEncoder().encode(`${request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`));
      }),
  };
}

test("answers pass through, at once or later, and refusals become etcd's codes and texts", async (context) => {
  const served = serve(context);
  assert.equal((await served.call(KV.Range, RangeRequest.create())).count, 1);
  await served.call(KV.Put, PutRequest.create());
  served.puppet.requests = {
    ...served.puppet.requests,
    range: () => ETCD_ERRORS.compacted,
    put: async () => ETCD_ERRORS.timeout,
  };
  await assert.rejects(
    served.call(KV.Range, RangeRequest.create()),
    (error: GrpcError) => error.code === 11 && error.message === ETCD_ERRORS.compacted.message,
  );
  await assert.rejects(
    served.call(KV.Put, PutRequest.create()),
    (error: GrpcError) => error.code === 14 && error.message === "etcdserver: request timed out",
  );
});

test("a read that is made later passes through, and so does its refusal", async (context) => {
  const served = serve(context);
  served.puppet.requests = { ...served.puppet.requests, range: async () => () => RangeResponse.create({ count: 7 }) };
  assert.equal((await served.call(KV.Range, RangeRequest.create())).count, 7);
  served.puppet.requests = { ...served.puppet.requests, range: async () => () => ETCD_ERRORS.compacted };
  await assert.rejects(
    served.call(KV.Range, RangeRequest.create()),
    (error: GrpcError) => error.code === 11 && error.message === ETCD_ERRORS.compacted.message,
  );
});

test("what this server does not do is unimplemented", async (context) => {
  await assert.rejects(
    serve(context).call(Maintenance.Downgrade, DowngradeRequest.create()),
    (error: GrpcError) => error instanceof GrpcError && error.code === 12,
  );
});

test("headers of the cluster service carry no revision", async (context) => {
  const response = await serve(context).call(Cluster.MemberList, MemberListRequest.create());
  assert.deepEqual(response.header, { clusterId: 0xc1n, memberId: 7n, revision: 0, raftTerm: 3 });
  assert.deepEqual(response.members, [{ id: 7n, name: "n", peerUrls: ["p"], clientUrls: ["c"], isLearner: false }]);
});

test("status says what the member knows, and that there is no leader when there is none", async (context) => {
  const served = serve(context);
  const status = await served.call(Maintenance.Status, StatusRequest.create());
  assert.deepEqual([status.leader, status.raftIndex, status.raftAppliedIndex, status.raftTerm], [7n, 12, 11, 3]);
  assert.deepEqual([status.version, status.dbSize, status.header?.revision], ["3.7.1", 4096, 9]);
  assert.deepEqual(status.errors, []);
  served.puppet.status = { ...STATUS, leader: 0n as MemberId };
  const alone = await served.call(Maintenance.Status, StatusRequest.create());
  assert.deepEqual(alone.errors, ["etcdserver: no leader"]);
});

test("leadership is handed over on request, or the refusal is the answer", async (context) => {
  const served = serve(context);
  const targets: bigint[] = [];
  served.puppet.moveLeader = async (target) => {
    targets.push(target);
    return target === 9n ? ETCD_ERRORS.badTransferee : null;
  };
  const response = await served.call(Maintenance.MoveLeader, MoveLeaderRequest.create({ targetId: 2n }));
  assert.equal(response.header, null, "as in etcd");
  await assert.rejects(
    served.call(Maintenance.MoveLeader, MoveLeaderRequest.create({ targetId: 9n })),
    (error) => error instanceof GrpcError && error.message.includes("bad leader transferee"),
  );
  assert.deepEqual(targets, [2n, 9n]);
});

test("the health service knows the server as a whole and nothing else", async (context) => {
  const served = serve(context);
  assert.equal((await served.call(Health.Check, HealthCheckRequest.create())).status, 1);
  await assert.rejects(
    served.call(Health.Check, HealthCheckRequest.create({ service: "x" })),
    (error: GrpcError) => error.code === 5 && error.message === "unknown service",
  );
});

const create = (key: string): WatchRequest => {
  const value = { key: new TextEncoder().encode(key) };
  return WatchRequest.decode(
    WatchRequest.encode({ requestUnion: { kind: "createRequest", value: { ...EMPTY_CREATE, ...value } } }),
  );
};
const EMPTY_CREATE = {
  rangeEnd: new Uint8Array(0),
  startRevision: 0,
  progressNotify: false,
  filters: [],
  prevKv: false,
  watchId: 0n,
  fragment: false,
};

test("watch requests made before the member serves are carried out when it does, in order", async (context) => {
  const served = serve(context);
  let begin: (refusal: EtcdError | null) => void = () => {};
  served.puppet.whenServing = () =>
    new Promise((resolve) => {
      begin = resolve;
    });
  const responses: WatchResponse[] = [];
  const stream = served.connection.stream(Watch.Watch, {}, { message: (m) => responses.push(m), closed() {} });
  stream.send(create("a"));
  stream.send(create("b"));
  stream.send(WatchRequest.create({ requestUnion: { kind: "cancelRequest", value: { watchId: 5n } } }));
  stream.send(WatchRequest.create({ requestUnion: { kind: "progressRequest", value: {} } }));
  // A call behind the requests on the same connection: they have arrived when it is answered.
  await served.call(KV.Range, RangeRequest.create());
  assert.deepEqual(served.puppet.watchCalls, []);
  begin(null);
  await eventually(() => responses.length === 2, "both are created");
  assert.deepEqual(served.puppet.watchCalls, ["create a", "create b", "cancel 5", "progress"]);
  stream.end();
  await eventually(() => served.puppet.watchCalls.at(-1) === "close", "the watches end with their stream");
});

test("a server that stops ends its watch streams with a reason to go elsewhere", async (context) => {
  const served = serve(context);
  let ended: GrpcError | null = null;
  const responses: WatchResponse[] = [];
  const stream = served.connection.stream(
    Watch.Watch,
    {},
    {
      message: (message) => responses.push(message),
      closed: (error) => {
        ended = error;
      },
    },
  );
  stream.send(create("a"));
  await eventually(() => responses.length === 1, "created");
  served.watchService.close();
  await eventually(() => ended !== null, "the stream ends");
  const error = ended as GrpcError | null;
  assert.deepEqual([error?.code, error?.message], [14, "etcdserver: server stopped"]);
});

test("health is a read, and says why when it fails", async (context) => {
  const served = serve(context);
  const modes: boolean[] = [];
  served.puppet.requests = {
    ...served.puppet.requests,
    range: (request) => {
      modes.push(request.serializable);
      return RangeResponse.create();
    },
  };
  assert.match(await served.http("GET /health"), /^HTTP\/1.1 200 OK\r\n[\s\S]*\{"health":"true","reason":""\}$/);
  await served.http("GET /health?serializable=true");
  assert.deepEqual(modes, [false, true]);
  served.puppet.status = { ...STATUS, leader: 0n as MemberId };
  assert.match(
    await served.http("GET /health"),
    /^HTTP\/1.1 503 [\s\S]*\{"health":"false","reason":"RAFT NO LEADER"\}$/,
  );
  assert.match(await served.http("GET /health?serializable=true"), /^HTTP\/1.1 200 /);
  served.puppet.requests = { ...served.puppet.requests, range: () => ETCD_ERRORS.timeout };
  served.puppet.status = STATUS;
  assert.match(await served.http("GET /health"), /503 [\s\S]*"RANGE ERROR:etcdserver: request timed out"/);
  served.puppet.isServing = false;
  assert.match(await served.http("GET /health"), /^HTTP\/1.1 503 /);
});

test("other pages: version, metrics, and what is not there", async (context) => {
  const served = serve(context);
  assert.match(await served.http("GET /version"), /\{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"\}$/);
  assert.match(await served.http("GET /nothing"), /^HTTP\/1.1 404 [\s\S]*404 page not found\n$/);
  assert.match(await served.http("POST /health"), /^HTTP\/1.1 405 [\s\S]*allow: GET/);
  const metrics = await served.http("GET /metrics");
  for (const line of [
    "etcd_server_has_leader 1",
    "etcd_server_is_leader 1",
    "etcd_server_leader_changes_seen_total 2",
    "etcd_server_proposals_committed_total 12",
    "etcd_server_proposals_applied_total 11",
    "etcd_server_proposals_pending 5",
    "etcd_server_proposals_failed_total 1",
    "etcd_debugging_mvcc_current_revision 9",
    'etcd_server_id{server_id="7"} 1',
    "process_start_time_seconds 1",
  ])
    assert.ok(metrics.includes(`\n${line}\n`), `${line} is missing in\n${metrics}`);
  assert.match(metrics, /\nprocess_cpu_seconds_total \d/);
  assert.match(metrics, /\nprocess_resident_memory_bytes \d/);
  assert.match(metrics, /\netcd_disk_wal_fsync_duration_seconds_bucket\{le="0.001"\} 0\n/);
});
