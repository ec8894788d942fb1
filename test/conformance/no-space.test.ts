/** A member whose disk is full, and one whose store has reached its quota: processes of their own. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Prng } from "../../src/base/prng.ts";
import { EtcdClient } from "../../src/client/client.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import { AlarmAction, AlarmType } from "../../src/proto/gen/etcdserverpb.ts";
import { freePorts, type ServerKind, ServerProcess, whyNot } from "../support/etcd-server.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const QUICK = ["--heartbeat-interval=20", "--election-timeout=200"];

function clientOf(context: TestContext, server: ServerProcess): EtcdClient {
  const options = { network: nodeStreams, clock: nodeClock, prng: new Prng(1), timeoutMs: 60_000 };
  const client = new EtcdClient({ ...options, endpoints: [server.endpoint], pinned: true });
  context.after(() => client.close());
  return client;
}

// ------------------------------------------------------------------------------------------------------------ full disk

const whyNoSmallDisk = ((): string | false => {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root can mount a small disk";
  const folder = mkdtempSync(join(tmpdir(), "faultline-mount-"));
  const canMount = spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).status === 0;
  if (canMount) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return canMount ? false : "a small disk cannot be mounted here";
})();

interface SmallDisk {
  readonly folder: string;
  grow(): void;
  end(): void;
}

function smallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), "faultline-full-"));
  const mount = (options: string): void => {
    const { status, stderr } = spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  };
  mount("size=4m");
  return {
    folder,
    grow: () => mount("remount,size=16m"),
    end() {
      spawnSync("umount", ["-l", folder]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function fullDiskStory(
  context: TestContext,
  valueBytes: number,
  fill: (folder: string) => Promise<void>,
): Promise<void> {
  const [clientPort = 0] = await freePorts(context, 1);
  const disk = smallDisk();
  const server = new ServerProcess(context, { clientPort, folder: disk.folder, flags: QUICK });
  context.after(() => disk.end());
  server.start();
  await server.ready();
  const client = clientOf(context, server);
  const textOf = (index: number): string => `${index} `.padEnd(valueBytes, "x");
  const put = (index: number): Promise<unknown> =>
    client.kv.put({ key: bytes(`k${index}`), value: bytes(textOf(index)) });
  await put(0);
  await fill(disk.folder);
  let acknowledged = 1;
  await assert.rejects(async () => {
    for (;;) {
      await put(acknowledged);
      acknowledged++;
    }
  }, GrpcError);
  assert.equal(await server.exited(), 69, server.log);
  assert.match(
    server.log,
    /etcd-ts: the storage in .* failed, and no promise can be kept: .*: no space is left on its disk; make room there/,
  );
  disk.grow();
  server.start();
  await server.ready();
  const again = clientOf(context, server);
  for (let i = 0; i < acknowledged; i++) {
    const { kvs } = await again.kv.range({ key: bytes(`k${i}`) });
    assert.equal(
      new TextDecoder().decode(kvs[0]?.value),
      textOf(i),
      `what was acknowledged is there: ${i} of ${acknowledged}`,
    );
  }
  await again.kv.put({ key: bytes("after"), value: bytes("room was made") });
}

test(
  "a disk that is full of the log: nothing more is acknowledged, the cause is named, all comes back when there is room",
  {
    skip: whyNoSmallDisk,
  },
  (context) => fullDiskStory(context, 64 * 1024, async () => {}),
);

test("a disk that is full when the store is to be committed: the same", { skip: whyNoSmallDisk }, (context) =>
  fullDiskStory(context, 500, async (folder) => {
    const { bavail, bsize } = await statfs(folder);
    // The log has its next megabyte already; the store finds 16 kB.
    writeFileSync(join(folder, "filler"), new Uint8Array(bavail * bsize - 16 * 1024));
  }),
);

// ---------------------------------------------------------------------------------------------------------------- quota

const QUOTA_BYTES = 2 * 1024 * 1024;
const NO_SPACE = "etcdserver: mvcc: database space exceeded";

for (const kind of ["etcd-ts", "etcd"] as const satisfies readonly ServerKind[]) {
  test(`${kind}: at the quota puts are refused, what makes room is not, and disarmed all is as before`, {
    skip: whyNot(kind) ?? false,
  }, async (context) => {
    const [clientPort = 0, peerPort = 0] = await freePorts(context, 2);
    const flags = [...QUICK, `--quota-backend-bytes=${QUOTA_BYTES}`];
    const server = new ServerProcess(context, { kind, clientPort, peerPort, flags });
    server.start();
    await server.ready();
    const { kv, lease, maintenance } = clientOf(context, server);
    const value = new Uint8Array(100 * 1024);
    const put = (key: string): Promise<unknown> => kv.put({ key: bytes(key), value });
    const refused = (call: Promise<unknown>): Promise<void> =>
      assert.rejects(call, (error: GrpcError) => error.code === 8 && error.message === NO_SPACE);
    let count = 0;
    await refused(
      (async () => {
        for (; count < 100; count++) await put("key");
      })(),
    );
    assert.ok(count > 5, `${count} puts went before`);
    const { alarms } = await maintenance.alarm({});
    const { header, errors } = await maintenance.status();
    const memberId = header?.memberId as bigint;
    assert.deepEqual(alarms, [{ memberId, alarm: AlarmType.NOSPACE }]);
    assert.ok(errors.some((text) => /NOSPACE/.test(text)));
    await refused(kv.put({ key: bytes("a"), value: bytes("small") }));
    await refused(lease.grant({ ttl: 60 }));
    // What makes room.
    const { kvs } = await kv.range({ key: bytes("key") });
    await kv.deleteRange({ key: bytes("key") });
    await kv.compact({ revision: (kvs[0]?.modRevision as number) + 1, physical: true });
    const before = await maintenance.status();
    await maintenance.defragment();
    const after = await maintenance.status();
    assert.ok(after.dbSize < before.dbSize / 2, `${before.dbSize} bytes before, ${after.dbSize} after`);
    await refused(put("still refused"));
    await maintenance.alarm({ action: AlarmAction.DEACTIVATE, memberId, alarm: AlarmType.NOSPACE });
    await put("key");
    await lease.grant({ ttl: 60 });
    assert.deepEqual((await maintenance.alarm({})).alarms, []);
  });
}
