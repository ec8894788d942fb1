import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import {
  DeleteRangeResponse,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  PutResponse,
  RangeRequest,
  RangeResponse,
  ResponseHeader,
  StatusResponse,
  type TxnRequest,
  TxnResponse,
  type WatchRequest,
  WatchResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { KeyValue } from "../../src/proto/gen/mvccpb.ts";
import { Cluster, KV, Maintenance, Watch } from "../../src/proto/gen/rpc.ts";
import { type FakeMember, startMember } from "../client/member.ts";
import { fromGoJson, readTranscript, skipGolden } from "./golden.ts";
import { answering, etcdctl } from "./world.ts";

/** What the fake member answers next; every request it saw. */
let answer: unknown = null;
let members: unknown = null;
const seen: unknown[] = [];
let member: FakeMember;

before(async () => {
  member = await startMember((server) => {
    const reply = answering(seen, () => answer);
    server.unary(KV.Range, reply);
    server.unary(KV.Put, reply);
    server.unary(KV.DeleteRange, reply);
    server.unary(KV.Txn, reply);
    server.unary(Cluster.MemberList, () => members as MemberListResponse);
    server.unary(Cluster.MemberAdd, reply);
    server.unary(Cluster.MemberRemove, reply);
    server.unary(Cluster.MemberUpdate, reply);
    server.unary(Cluster.MemberPromote, reply);
    server.unary(Maintenance.MoveLeader, reply);
    server.unary(Maintenance.Status, reply);
    server.streaming(Watch.Watch, (stream) => {
      stream.receive({
        message(request) {
          seen.push(request);
          for (const response of answer as WatchResponse[]) stream.send(response);
        },
        ended: () => stream.end(),
        cancelled() {},
      });
    });
  });
});
after(() => member.close());

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const kv = (key: string, value = ""): KeyValue => KeyValue.create({ key: bytes(key), value: bytes(value) });
const range = (...pairs: [string, string?][]): RangeResponse =>
  RangeResponse.create({ kvs: pairs.map(([key, value]) => kv(key, value)), count: pairs.length });

/** The same command with the same answer prints the same and ends the same. */
async function same(name: string, given: unknown): Promise<unknown> {
  const transcript = readTranscript(name);
  answer = given;
  seen.length = 0;
  // Recorded with the endpoints of three members.
  const args = transcript.args.filter((word) => !word.startsWith("--endpoints="));
  const result = await etcdctl(member.endpoint, args, transcript.stdin);
  const { stdout, stderr, exit } = transcript;
  assert.deepEqual(result, { exit, stdout, stderr }, name);
  return seen[0];
}

test("simple output of get, put and del is what etcdctl printed", { skip: skipGolden }, async () => {
  const answers: Record<string, unknown> = {
    "A-002-get-missing": range(),
    "A-005-put": PutResponse.create(),
    "A-010-put-prevkv": PutResponse.create({ prevKv: kv("foo", "bar2") }),
    "A-013-put-stdin": PutResponse.create(),
    "A-014-put-ignore-value": PutResponse.create(),
    "A-022-get-simple": range(["foo", "bar5"]),
    "A-023-get-value-only": range(["foo", "bar5"]),
    "A-024-get-hex": range(["foo", "bar5"]),
    "A-029-get-prefix": range(["foo", "bar5"], ["foo1", "v1b"], ["foo2", "v2"]),
    "A-031-get-prefix-desc": range(["foo2", "v2"], ["foo1", "v1b"], ["foo", "bar5"]),
    "A-034-get-keys-only": range(["foo"], ["foo1"], ["foo2"]),
    "A-042-get-rev": range(["foo", "bar"]),
    "A-048-del-one": DeleteRangeResponse.create({ deleted: 1 }),
    "A-049-del-missing": DeleteRangeResponse.create(),
    "A-051-del-prefix-prevkv": DeleteRangeResponse.create({
      deleted: 2,
      prevKvs: [kv("foo", "bar5"), kv("foo2", "v2")],
    }),
  };
  for (const [name, given] of Object.entries(answers)) await same(name, given);
});

test("JSON output is byte for byte what etcdctl printed", { skip: skipGolden }, async () => {
  const names = {
    "A-003-get-missing-json": RangeResponse,
    "A-006-put-json": PutResponse,
    "A-011-put-prevkv-json": PutResponse,
    "A-025-get-json": RangeResponse,
    "A-030-get-prefix-limit-json": RangeResponse,
    "A-035-get-keys-only-json": RangeResponse,
    "A-050-del-missing-json": DeleteRangeResponse,
    "A-052-del-json": DeleteRangeResponse,
    "D-032-member-update-json": MemberUpdateResponse,
    "D-039-member-remove-unstarted": MemberRemoveResponse,
    "F-007-txn-success-json": TxnResponse,
    "F-008-txn-failure-json": TxnResponse,
  };
  for (const [name, codec] of Object.entries(names))
    await same(name, fromGoJson<unknown>(codec, readTranscript(name).stdout));
});

test("what etcdctl refuses itself is refused with its words and exit code", { skip: skipGolden }, async () => {
  const names = [
    "A-016-put-ignore-value-with-value",
    "A-019-put-lease-bad",
    "A-021-put-noargs",
    "A-027-get-table",
    "A-033-get-sort-bad",
    "A-041-get-prefix-fromkey-conflict",
    "A-045-get-consistency-bad",
    "A-056-txn-json",
    "A-060-txn-bad-compare",
    "A-061-txn-interactive",
    "A-101-watch-badargs",
    "A-107-member-remove-badid",
    "A-109-member-add-noargs",
    "A-110-member-add-badurl",
  ];
  for (const name of names) assert.equal(await same(name, null), undefined, `${name} asks no server`);
});

test("a server's refusal is printed with its text and exit code 1", { skip: skipGolden }, async () => {
  const answers: Record<string, GrpcError> = {
    "A-015-put-ignore-value-missing": new GrpcError(StatusCode.INVALID_ARGUMENT, "etcdserver: key not found"),
    "A-018-put-lease-notfound": new GrpcError(StatusCode.NOT_FOUND, "etcdserver: requested lease not found"),
    "A-020-put-emptykey": new GrpcError(StatusCode.INVALID_ARGUMENT, "etcdserver: key is not provided"),
    "A-043-get-rev-future": new GrpcError(
      StatusCode.OUT_OF_RANGE,
      "etcdserver: mvcc: required revision is a future revision",
    ),
    "A-058-txn-duplicate-key": new GrpcError(
      StatusCode.INVALID_ARGUMENT,
      "etcdserver: duplicate key given in txn request",
    ),
    "A-106-member-remove-missing": new GrpcError(StatusCode.NOT_FOUND, "etcdserver: member not found"),
    "A-108-member-promote-missing": new GrpcError(StatusCode.NOT_FOUND, "etcdserver: member not found"),
    "A-111-member-add-dup": new GrpcError(StatusCode.FAILED_PRECONDITION, "etcdserver: Peer URLs already exists"),
    "A-112-member-update-missing": new GrpcError(StatusCode.NOT_FOUND, "etcdserver: member not found"),
  };
  for (const [name, error] of Object.entries(answers)) await same(name, error);
});

test("unknown flags and commands end with 1 and name the culprit", { skip: skipGolden }, async () => {
  for (const name of ["A-139-bad-command", "A-140-bad-flag"]) {
    const { args, exit, stderr } = readTranscript(name);
    const result = await etcdctl(member.endpoint, args);
    assert.equal(result.exit, exit);
    assert.equal(result.stderr.split("\n")[0], stderr.split("\n")[0]);
  }
});

test("txn reads compares and operations as etcdctl does", { skip: skipGolden }, async () => {
  const succeeded = TxnResponse.create({
    succeeded: true,
    responses: [
      { response: { kind: "responsePut", value: PutResponse.create() } },
      { response: { kind: "responseRange", value: range(["k1", "a"]) } },
      { response: { kind: "responseDeleteRange", value: DeleteRangeResponse.create({ deleted: 1 }) } },
    ],
  });
  const request = (await same("A-054-txn-success", succeeded)) as TxnRequest;
  assert.deepEqual(
    request.compare.map((compare) => [compare.target, compare.result, compare.targetUnion]),
    [
      [3, 0, { kind: "value", value: bytes("a") }],
      [0, 1, { kind: "version", value: 0 }],
    ],
  );
  assert.deepEqual(
    request.success.map(({ request: operation }) => operation?.kind),
    ["requestPut", "requestRange", "requestDeleteRange"],
  );
  assert.equal(request.failure.length, 1);
  await same(
    "A-055-txn-failure",
    TxnResponse.create({
      responses: ["k1,a", "k2,b"].map((pair) => ({
        response: { kind: "responseRange", value: range(pair.split(",") as [string, string]) },
      })),
    }),
  );
  await same(
    "F-009-txn-interactive",
    TxnResponse.create({
      succeeded: true,
      responses: [{ response: { kind: "responsePut", value: PutResponse.create() } }],
    }),
  );
});

test("flags become the request etcdctl sends", async () => {
  const ask = async (...args: string[]): Promise<RangeRequest> => {
    answer = range();
    seen.length = 0;
    assert.equal((await etcdctl(member.endpoint, args)).exit, 0, args.join(" "));
    return seen[0] as RangeRequest;
  };
  const create = RangeRequest.create;
  assert.deepEqual(
    await ask("get", "a", "b", "--limit=2", "--rev", "7"),
    create({ key: bytes("a"), rangeEnd: bytes("b"), limit: 2, revision: 7 }),
  );
  assert.deepEqual(await ask("get", "--prefix", "a"), create({ key: bytes("a"), rangeEnd: bytes("b") }));
  assert.deepEqual(await ask("get", "", "--prefix=true"), create({ key: bytes("\0"), rangeEnd: bytes("\0") }));
  assert.deepEqual(
    await ask("get", "x", "--from-key", "--prefix=false"),
    create({ key: bytes("x"), rangeEnd: bytes("\0") }),
  );
  assert.deepEqual(
    await ask("get", "x", "--consistency=s", "--keys-only"),
    create({ key: bytes("x"), serializable: true, keysOnly: true }),
  );
  assert.deepEqual(
    await ask("get", "x", "--order=descend", "--sort-by=modify"),
    create({ key: bytes("x"), sortOrder: 2, sortTarget: 3 }),
  );
  assert.deepEqual(await ask("--hex", "get", "x"), create({ key: bytes("x") }));
});

test("member list, endpoint status and health are what etcdctl printed", { skip: skipGolden }, async () => {
  members = fromGoJson(MemberListResponse, readTranscript("A-103-member-list-json").stdout);
  for (const name of ["A-102-member-list", "A-103-member-list-json", "A-105-member-list-table"]) await same(name, null);
  members = fromGoJson(MemberListResponse, readTranscript("D-008-member-list-hex-json").stdout);
  for (const name of ["D-006-member-list", "D-007-member-list-table"]) await same(name, null);
  const [, text = ""] = /"Status":(.*)\}\]\n$/s.exec(readTranscript("A-118-endpoint-status-json").stdout) ?? [];
  answer = fromGoJson(StatusResponse, text);
  for (const name of ["A-117-endpoint-status", "A-118-endpoint-status-json"]) {
    const { args, stdout } = readTranscript(name);
    const result = await etcdctl(member.endpoint, args);
    assert.deepEqual(result, { exit: 0, stdout: stdout.replace("127.0.0.1:33790", member.endpoint), stderr: "" });
  }
  answer = range();
  const took = /[\d.]+(µs|ms|s)\b/;
  const healthy = await etcdctl(member.endpoint, ["endpoint", "health"]);
  const recorded = readTranscript("A-113-endpoint-health").stderr.replace("127.0.0.1:33790", member.endpoint);
  assert.equal(healthy.stderr.replace(took, "T"), recorded.replace(/[\d.]+ms/, "T"));
  const json = await etcdctl(member.endpoint, ["endpoint", "health", "-w", "json"]);
  assert.match(json.stdout, /^\[\{"endpoint":"[^"]+","health":true,"took":"[^"]+"\}\]\n$/);
});

test("changes of the membership print what etcdctl printed, ids in columns", { skip: skipGolden }, async () => {
  const header = ResponseHeader.create({ clusterId: 0xc538b2ee42afe368n });
  const urls = ["http://127.0.0.1:33804"];
  const d4 = { id: 0xb4dc2c6df9e7875dn, name: "", peerUrls: urls, clientUrls: [], isLearner: true };
  const four = [
    { id: 1n, name: "d3", peerUrls: ["http://127.0.0.1:33803"], clientUrls: [], isLearner: false },
    { id: 2n, name: "d1", peerUrls: ["http://127.0.0.1:33801"], clientUrls: [], isLearner: false },
    d4,
    { id: 3n, name: "d2", peerUrls: ["http://127.0.0.1:33802"], clientUrls: [], isLearner: false },
  ];
  const added = MemberAddResponse.create({ header, member: d4, members: four });
  assert.deepEqual(await same("D-015-learner-add", added), { peerUrls: urls, isLearner: true });
  assert.deepEqual(await same("D-029-learner-promote", MemberPromoteResponse.create({ header })), { id: d4.id });
  const moved = { id: d4.id, peerUrls: ["http://127.0.0.1:33814"] };
  assert.deepEqual(await same("D-031-member-update", MemberUpdateResponse.create({ header })), moved);
  assert.deepEqual(await same("D-033-member-remove", MemberRemoveResponse.create({ header })), { id: d4.id });
  const short = MemberAddResponse.create({
    header: { ...header, clusterId: 0x43a92949fa1eac2n },
    member: { ...d4, id: 0xd31d2f27962fff25n },
  });
  answer = short;
  const args = ["member", "add", "e2", "--peer-urls=http://127.0.0.1:33801"];
  const [line] = (await etcdctl(member.endpoint, args)).stdout.split("\n");
  assert.equal(line, readTranscript("E-013-member-add-1to2").stdout.split("\n")[0]);
});

test("move-leader asks the endpoint that leads, and says so when none does", { skip: skipGolden }, async () => {
  const header = ResponseHeader.create({ memberId: 0x835a6a06930b139fn });
  answer = StatusResponse.create({ header, leader: 0xff288a3918f140b4n });
  const refused = await etcdctl(member.endpoint, ["move-leader", "ff288a3918f140b4"]);
  const recorded = readTranscript("D-009-move-leader-follower-ep");
  assert.deepEqual(refused, {
    exit: recorded.exit,
    stdout: "",
    stderr: recorded.stderr.replace("127.0.0.1:33792", member.endpoint),
  });
  answer = StatusResponse.create({ header, leader: 0x835a6a06930b139fn });
  assert.equal(
    (await etcdctl(member.endpoint, ["move-leader", "ff288a3918f140b4"])).stdout,
    readTranscript("D-010-move-leader").stdout,
  );
  for (const args of [[], ["zz"], ["11111111111111111"]])
    assert.equal((await etcdctl(member.endpoint, ["move-leader", ...args])).exit, 128);
});

test("watch prints events and ends with 5 when the server cancels", { skip: skipGolden }, async () => {
  const header = ResponseHeader.create({
    clusterId: 11181292361725890910n,
    memberId: 4246855703801386168n,
    raftTerm: 2,
  });
  const at = (key: string, value: string, createRevision: number, modRevision: number, version: number): KeyValue =>
    KeyValue.create({ key: bytes(key), value: bytes(value), createRevision, modRevision, version });
  const events = [
    { type: 0, kv: at("w1", "1", 21, 21, 1), prevKv: null },
    { type: 0, kv: at("w1", "2", 21, 22, 2), prevKv: null },
    { type: 1, kv: at("w1", "", 0, 23, 0), prevKv: null },
  ] as const;
  const created = WatchResponse.create({ header, watchId: 1n, created: true });
  const delivered = WatchResponse.create({ header: { ...header, revision: 23 }, watchId: 1n, events });
  const compacted = WatchResponse.create({ header, watchId: 1n, canceled: true, compactRevision: 6 });
  for (const name of ["A-097-watch-compacted", "A-098-watch-compacted-json"]) await same(name, [created, compacted]);
  const request = seen[0] as WatchRequest;
  assert.equal(request.requestUnion?.kind === "createRequest" && request.requestUnion.value.startRevision, 2);
  for (const name of ["A-092-watch-rev", "A-094-watch-rev-json"]) {
    answer = [created, delivered, compacted];
    const { args, stdout } = readTranscript(name);
    const result = await etcdctl(member.endpoint, args);
    assert.ok(result.stdout.startsWith(stdout), `${name}: ${result.stdout}`);
  }
});

test("a flag given by the environment and the command line is refused", async () => {
  const result = await etcdctl(member.endpoint, ["get", "x", "--endpoints", member.endpoint]);
  assert.equal(result.exit, 1);
  assert.match(result.stderr, /conflicting environment variable "ETCDCTL_ENDPOINTS" is shadowed/);
  answer = range(["k", "v"]);
  const json = await etcdctl(member.endpoint, ["get", "k"], "", { ETCDCTL_WRITE_OUT: "json" });
  assert.match(json.stdout, /^\{"kvs"/);
});

test("an endpoint nobody listens on ends with 1 within the command's time-out", async () => {
  const result = await etcdctl("127.0.0.1:1", ["get", "x", "--command-timeout=300ms"]);
  assert.equal(result.exit, 1);
  assert.match(result.stderr, /^Error: /);
  const health = await etcdctl("127.0.0.1:1", ["endpoint", "health", "--command-timeout=200ms"]);
  assert.equal(health.exit, 1);
  assert.match(
    health.stderr,
    /127\.0\.0\.1:1 is unhealthy: failed to commit proposal: .*\nError: unhealthy cluster\n$/,
  );
});

test("the program ends at the first bad line, though its input stays open", async () => {
  const main = fileURLToPath(new URL("../../src/etcdctl/main.js", import.meta.url));
  const child = spawn(process.execPath, [main, "txn"], { stdio: ["pipe", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (bytes) => {
    stderr += String(bytes);
  });
  child.stdin.write('bogus("k") = "1"\n');
  const [code] = await once(child, "close");
  assert.equal(code, 3);
  assert.equal(stderr, 'Error: malformed comparison: bogus("k") = "1" (unknown target bogus)\n');
});

test("help goes to standard output and is no failure", async () => {
  for (const args of [[], ["--help"], ["get", "--help"], ["member"]]) {
    const { exit, stdout, stderr } = await etcdctl(member.endpoint, args);
    assert.deepEqual([exit, stderr], [0, ""], args.join(" "));
    assert.match(stdout, /^Usage: etcdctl/, args.join(" "));
  }
});

test("version prints the etcd release it behaves like", async () => {
  const result = await etcdctl(member.endpoint, ["version"]);
  assert.match(result.stdout, /^etcdctl version: \d+\.\d+\.\d+\nAPI version: \d+\.\d+\n$/);
});
