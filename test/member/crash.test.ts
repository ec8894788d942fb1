/** A member on its real storage, cut everywhere: from whatever a crash leaves it starts again, and comes to the leader's state. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ClusterId, MemberId } from "../../src/base/ids.ts";
import { openMemoryBackend } from "../../src/etcd/backend/memory.ts";
import { encodeMember } from "../../src/etcd/cluster/member-codec.ts";
import { isEtcdError } from "../../src/etcd/errors.ts";
import { openStorage, type Storage } from "../../src/etcd/storage.ts";
import { PutRequest } from "../../src/proto/gen/etcdserverpb.ts";
import { MemoryDisk } from "../support/disk.ts";
import { MemberCluster, memberOf, type TestNode } from "../support/members.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const CUT_OFTEN = { member: { snapshotCount: 8, catchUpEntries: 2 } };
const JOINER = 2n as MemberId;

function open(cluster: MemberCluster, disk: MemoryDisk): Promise<Storage> {
  return openStorage({
    disk,
    identity: { cluster: 0xc1n as ClusterId, member: JOINER },
    founding: null,
    clock: cluster.clock,
    openBackend: (name) => openMemoryBackend(disk, name),
    failed: (error) => assert.fail(error),
    segmentMaxBytes: 600,
    preallocateBytes: 200,
  });
}

async function putMany(cluster: MemberCluster, leader: TestNode, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    let answer: object | null = null;
    const put = PutRequest.create({ key: bytes(`k${i % 5}`), value: bytes(`${leader.member.status.revision}`) });
    void Promise.resolve(leader.requests.put(put)).then((found) => {
      answer = found;
    });
    await cluster.until(() => answer !== null, "a write is answered");
    assert.ok(answer !== null && !isEtcdError(answer));
    await cluster.advance(40);
  }
  await cluster.advance(200);
}

const keys = ({ log }: { readonly log: { readonly buffer: Storage["buffer"] } }): readonly string[] =>
  (["key", "members"] as const).flatMap((bucket) =>
    [...log.buffer.range(bucket, {})].map(({ key, value }) => Buffer.from([...key, ...value]).toString("hex")),
  );

/** The joiner's life: a first snapshot into nothing, entries, a cut log, and a second snapshot over a store that it has. */
async function live(cluster: MemberCluster, disk: MemoryDisk): Promise<TestNode> {
  const leader = await cluster.serving();
  await putMany(cluster, leader, 10);
  const context = encodeMember({ ...memberOf(JOINER), isLearner: true });
  void leader.member.changeMembers({ kind: "add-learner", member: JOINER }, context);
  await cluster.until(() => leader.member.members.get(JOINER) !== null, "the joiner is added");
  const joiner = cluster.join(Number(JOINER), await open(cluster, disk));
  await cluster.serving();
  await putMany(cluster, leader, 12);
  cluster.isolate(joiner);
  await putMany(cluster, leader, 14);
  cluster.heal();
  const isSame = (): boolean => joiner.member.status.revision === leader.member.status.revision;
  await cluster.until(isSame, "the joiner has caught up");
  await cluster.advance(300);
  return joiner;
}

test("from whatever a crash leaves a member starts again, has what it acknowledged, and comes to the leader's state", async () => {
  const cluster = new MemberCluster(1, CUT_OFTEN);
  const disk = new MemoryDisk();
  const images: { readonly disk: MemoryDisk; readonly acknowledged: number }[] = [];
  disk.before = () => {
    const accepted = cluster.sent.flatMap((message) =>
      message.kind === "append-response" && message.from === JOINER && message.rejected === null ? [message.index] : [],
    );
    const keeps = images.length % 2 === 0;
    images.push({ disk: disk.crash(() => keeps), acknowledged: Math.max(0, ...accepted) });
  };
  const joiner = await live(cluster, disk);
  disk.before = () => {};
  cluster.drop(joiner);
  assert.equal(cluster.snapshotsTaken, 2);
  const installs = disk.calls.filter((call) => call.includes(".received snap/db"));
  assert.equal(installs.length, 2, "snapshots were installed");
  assert.ok(
    disk.calls.some((call) => /^remove wal/.test(call)),
    "the log was cut",
  );
  assert.ok(images.length > 100, `${images.length} images`);
  for (const { disk: image, acknowledged } of images) {
    const storage = await open(cluster, image);
    const lastIndex = (storage.base?.index ?? 0) + storage.entries.length;
    assert.ok(lastIndex >= acknowledged, `${lastIndex} entries, ${acknowledged} acknowledged`);
    // A leader of a later term, which does not know how far the member once was.
    const leader = cluster.node(0);
    cluster.restart(leader);
    const again = cluster.join(Number(JOINER), storage);
    await cluster.serving();
    const isSame = (): boolean => again.member.status.appliedIndex === leader.member.status.appliedIndex;
    await cluster.until(isSame, "it has caught up");
    assert.equal(again.member.status.revision, leader.member.status.revision);
    assert.deepEqual(again.member.members.list(), leader.member.members.list());
    assert.deepEqual(keys({ log: storage }), keys(leader));
    cluster.drop(again);
  }
  await cluster.stop();
});
