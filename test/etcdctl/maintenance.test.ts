/** compaction, alarms, defrag, hashes and the table of status: what etcdctl printed for the same answers. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import {
  AlarmResponse,
  CompactionResponse,
  DefragmentResponse,
  HashKVResponse,
  StatusResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { KV, Maintenance } from "../../src/proto/gen/rpc.ts";
import { type FakeMember, startMember } from "../client/member.ts";
import { fromGoJson, readTranscript, skipGolden } from "./golden.ts";
import { answering, etcdctl } from "./world.ts";

const seen: unknown[] = [];
let answer: unknown = null;
let member: FakeMember;

before(async () => {
  member = await startMember((server) => {
    const reply = answering(seen, () => answer);
    server.unary(KV.Compact, reply);
    server.unary(Maintenance.Alarm, reply);
    server.unary(Maintenance.Defragment, reply);
    server.unary(Maintenance.HashKV, reply);
    server.unary(Maintenance.Status, reply);
  });
});
after(() => member.close());

/** The recorded endpoint stands for this one: it is as long. */
async function same(name: string, given: unknown): Promise<void> {
  const transcript = readTranscript(name);
  answer = given;
  seen.length = 0;
  const result = await etcdctl(member.endpoint, transcript.args, transcript.stdin);
  const there = (text: string): string => text.replaceAll(member.endpoint, "127.0.0.1:33790");
  const { stdout, stderr, exit } = transcript;
  assert.deepEqual(
    { ...result, stdout: there(result.stdout), stderr: there(result.stderr) },
    { exit, stdout, stderr },
    name,
  );
}

const refusal = (text: string): GrpcError => new GrpcError(StatusCode.OUT_OF_RANGE, text);
const COMPACTED = "etcdserver: mvcc: required revision has been compacted";

test("compaction", { skip: skipGolden }, async () => {
  await same("A-062-compact", CompactionResponse.create());
  assert.deepEqual(seen, [{ revision: 5, physical: false }]);
  await same("A-065-compact-physical", CompactionResponse.create());
  assert.deepEqual(seen, [{ revision: 6, physical: true }]);
  await same("A-063-compact-again", refusal(COMPACTED));
  await same("A-064-compact-future", refusal("etcdserver: mvcc: required revision is a future revision"));
  await same("A-066-compact-badarg", null);
});

test("alarm list and disarm", { skip: skipGolden }, async () => {
  const raised = fromGoJson<AlarmResponse>(AlarmResponse, readTranscript("B-019-alarm-list-json").stdout);
  await same("A-126-alarm-list-empty", AlarmResponse.create());
  await same("A-127-alarm-disarm-empty", AlarmResponse.create());
  await same("B-018-alarm-list", raised);
  await same("B-019-alarm-list-json", raised);
  await same("B-027-alarm-disarm", raised);
  assert.deepEqual(seen.at(-1), { action: 2, memberId: raised.alarms[0]?.memberId, alarm: 1 });
});

test("defrag", { skip: skipGolden }, async () => {
  await same("A-128-defrag", DefragmentResponse.create());
});

test("endpoint hashkv", { skip: skipGolden }, async () => {
  await same("A-121-endpoint-hashkv", HashKVResponse.create({ hash: 2670903923 }));
  await same("A-123-endpoint-hashkv-table", HashKVResponse.create({ hash: 2670903923 }));
  await same("A-124-endpoint-hashkv-rev", HashKVResponse.create({ hash: 3667626951 }));
  assert.deepEqual(seen, [{ revision: 8 }]);
  await same("A-125-endpoint-hashkv-rev-compacted", refusal(COMPACTED));
});

test("endpoint status as a table", { skip: skipGolden }, async () => {
  const json = readTranscript("A-118-endpoint-status-json").stdout;
  const [, status = ""] = /"Status":(.*)\}\]$/s.exec(json.trim()) ?? [];
  await same("A-120-endpoint-status-table", fromGoJson<StatusResponse>(StatusResponse, status));
});
