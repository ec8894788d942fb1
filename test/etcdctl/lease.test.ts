/** The lease commands with a member that answers as the recorded one did. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import {
  LeaseGrantResponse,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  type PutRequest,
  PutResponse,
  type ResponseHeader,
} from "../../src/proto/gen/etcdserverpb.ts";
import { KV, Lease } from "../../src/proto/gen/rpc.ts";
import { type FakeMember, startMember } from "../client/member.ts";
import { readTranscript, skipGolden } from "./golden.ts";
import { answering, etcdctl } from "./world.ts";

/** What the fake member answers next; every request it saw. */
let answer: unknown = null;
const seen: unknown[] = [];
let member: FakeMember;

before(async () => {
  member = await startMember((server) => {
    const reply = answering(seen, () => answer);
    server.unary(KV.Put, reply);
    server.unary(Lease.LeaseGrant, reply);
    server.unary(Lease.LeaseRevoke, reply);
    server.unary(Lease.LeaseTimeToLive, reply);
    server.unary(Lease.LeaseLeases, reply);
    server.streaming(Lease.LeaseKeepAlive, (stream) => {
      stream.receive({
        message(request) {
          seen.push(request);
          if (answer instanceof GrpcError) stream.end(answer);
          else stream.send(answer as LeaseKeepAliveResponse);
        },
        ended: () => stream.end(),
        cancelled() {},
      });
    });
  });
});
after(() => member.close());

/** The same command with the same answer prints the same and ends the same. */
async function same(name: string, given: unknown): Promise<unknown> {
  const { args, stdin, stdout, stderr, exit } = readTranscript(name);
  answer = given;
  seen.length = 0;
  assert.deepEqual(await etcdctl(member.endpoint, args, stdin), { exit, stdout, stderr }, name);
  return seen[0];
}

const LEASE = 0x54b8a202ddbdd837n;
const lk1 = new TextEncoder().encode("lk1");
const at = (revision: number): ResponseHeader => ({
  clusterId: 11181292361725890910n,
  memberId: 4246855703801386168n,
  revision,
  raftTerm: 2,
});

test("grant, revoke, timetolive and list are what etcdctl printed", { skip: skipGolden }, async () => {
  const timeLeft = LeaseTimeToLiveResponse.create;
  const ids = [0x54b8a202ddbdd83dn, 0x54b8a202ddbdd83fn, LEASE, 0x54b8a202ddbdd839n, 0x54b8a202ddbdd83bn];
  const listed = LeaseLeasesResponse.create({ header: at(19), leases: ids.map((id) => ({ id })) });
  const answers: Record<string, unknown> = {
    "A-068-lease-grant": LeaseGrantResponse.create({ id: LEASE, ttl: 600 }),
    "A-069-lease-grant-json": LeaseGrantResponse.create({ header: at(18), id: LEASE + 2n, ttl: 601 }),
    "A-071-lease-grant-small": LeaseGrantResponse.create({ id: LEASE + 6n, ttl: 2 }),
    "A-072-lease-grant-zero": LeaseGrantResponse.create({ id: LEASE + 8n, ttl: 2 }),
    "A-076-lease-ttl": timeLeft({ id: LEASE, ttl: 599, grantedTtl: 600 }),
    "A-077-lease-ttl-keys": timeLeft({ id: LEASE, ttl: 599, grantedTtl: 600, keys: [lk1] }),
    "A-078-lease-ttl-keys-json": timeLeft({ header: at(19), id: LEASE, ttl: 598, grantedTtl: 600, keys: [lk1] }),
    "A-080-lease-list": listed,
    "A-081-lease-list-json": listed,
    "A-086-lease-revoke": LeaseRevokeResponse.create(),
    "A-089-lease-ttl-gone": timeLeft({ id: LEASE, ttl: -1 }),
    "A-090-lease-ttl-gone-json": timeLeft({ header: at(20), id: LEASE, ttl: -1 }),
  };
  for (const [name, given] of Object.entries(answers)) await same(name, given);
  const put = (await same("A-075-put-lease", PutResponse.create())) as PutRequest;
  assert.equal(put.lease, LEASE);
});

test("keep-alive prints each renewal, and that the lease is gone", { skip: skipGolden }, async () => {
  const renewed = LeaseKeepAliveResponse.create({ header: at(19), id: LEASE, ttl: 600 });
  for (const name of ["A-082-lease-keepalive-once", "A-083-lease-keepalive-once-json"]) await same(name, renewed);
  await same("A-084-lease-keepalive-missing", LeaseKeepAliveResponse.create({ id: 0x1234n }));
  answer = LeaseKeepAliveResponse.create({ id: 0x1234n });
  const kept = await etcdctl(member.endpoint, ["lease", "keep-alive", "1234"]);
  assert.deepEqual(kept, { exit: 0, stdout: "lease 0000000000001234 expired or revoked.\n", stderr: "" });
});

test("what the server or the command itself refuses has etcdctl's words and exit code", {
  skip: skipGolden,
}, async () => {
  await same("A-018-put-lease-notfound", new GrpcError(StatusCode.NOT_FOUND, "etcdserver: requested lease not found"));
  await same("A-074-lease-grant-toolarge", new GrpcError(StatusCode.OUT_OF_RANGE, "etcdserver: too large lease TTL"));
  await same("A-087-lease-revoke-again", new GrpcError(StatusCode.NOT_FOUND, "etcdserver: requested lease not found"));
  for (const name of ["A-073-lease-grant-bad", "A-088-lease-revoke-badid"])
    assert.equal(await same(name, null), undefined, `${name} asks no server`);
  answer = new GrpcError(StatusCode.PERMISSION_DENIED, "etcdserver: permission denied");
  for (const command of [["timetolive", "12"], ["list"], ["keep-alive", "--once", "12"]]) {
    const { exit, stderr } = await etcdctl(member.endpoint, ["lease", ...command]);
    assert.deepEqual([exit, stderr], [2, "Error: etcdserver: permission denied\n"], command.join(" "));
  }
});

test("a lease command without its argument says which one it needs", async () => {
  const usages = {
    grant: "lease grant command needs TTL argument",
    revoke: "lease revoke command needs 1 argument",
    timetolive: "lease timetolive command needs lease ID as argument",
    "keep-alive": "lease keep-alive command needs lease ID as argument",
  };
  for (const [command, usage] of Object.entries(usages))
    assert.deepEqual(await etcdctl(member.endpoint, ["lease", command]), {
      exit: 128,
      stdout: "",
      stderr: `Error: ${usage}\n`,
    });
});
