/** snapshot save and status: what etcdctl printed, files that are whole or not there, and files that are not ours. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import { SnapshotResponse } from "../../src/proto/gen/etcdserverpb.ts";
import { Maintenance } from "../../src/proto/gen/rpc.ts";
import { type FakeMember, startMember } from "../client/member.ts";
import { readTranscript, skipGolden } from "./golden.ts";
import { etcdctl, type Result } from "./world.ts";

const STORE = Uint8Array.from({ length: 6 * 4096 }, (_, i) => i * 7);
const SUM = new Uint8Array(createHash("sha256").update(STORE).digest());

let folder = "";
let path = "";
let member: FakeMember;
/** What the member sends. */
let blobs: readonly Uint8Array[] = [];
let refusal: GrpcError | null = null;

before(async () => {
  member = await startMember((server) => {
    server.streaming(Maintenance.Snapshot, (stream) => {
      stream.receive({
        message() {
          for (const blob of blobs) stream.send(SnapshotResponse.create({ blob }));
          stream.end(refusal ?? undefined);
        },
        ended() {},
        cancelled() {},
      });
    });
  });
});
after(() => member.close());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "faultline-snapshot-"));
  path = join(folder, "snap.db");
  blobs = [STORE.subarray(0, 5000), STORE.subarray(5000), SUM];
  refusal = null;
});

/** The folder is gone afterwards. */
function clean(context: { after(end: () => void): void }): void {
  const made = folder;
  context.after(() => rmSync(made, { recursive: true, force: true }));
}

async function same(name: string, readStore?: Parameters<typeof etcdctl>[4]): Promise<void> {
  const { args, exit, stdout } = readTranscript(name);
  const here = args.map((word) => word.replace("DATA-DIR", folder));
  const result = await etcdctl(member.endpoint, here, "", {}, readStore);
  // Its log on stderr is not imitated.
  assert.deepEqual(result, { exit, stdout: stdout.replace("DATA-DIR", folder), stderr: "" }, name);
}

const save = (endpoint = member.endpoint): Promise<Result> => etcdctl(endpoint, ["snapshot", "save", path]);
const failure = (message: string, exit: number): Result => ({ exit, stdout: "", stderr: `Error: ${message}\n` });

test("save leaves the store and its SHA-256 in the file, and nothing else", { skip: skipGolden }, async (context) => {
  clean(context);
  await same("A-130-snapshot-save");
  assert.deepEqual(readdirSync(folder), ["snap.db"]);
  assert.ok(readFileSync(path).equals(Buffer.concat([STORE, SUM])));
});

test("status prints what etcdctl printed", { skip: skipGolden }, async (context) => {
  clean(context);
  writeFileSync(path, Buffer.concat([STORE, SUM]));
  const readStore = async (asked: string): Promise<{ hash: number; revision: number; keys: number }> => {
    assert.equal(asked, path);
    return { hash: 0x2b78402c, revision: 23, keys: 30 };
  };
  for (const name of ["A-131-snapshot-status", "A-132-snapshot-status-json", "A-133-snapshot-status-table"])
    await same(name, readStore);
});

test("a copy that is not whole is not kept, and one that was there stays", async (context) => {
  clean(context);
  writeFileSync(path, "the one before");
  const damaged = STORE.slice();
  damaged[777] = 1;
  const cases: readonly (readonly [readonly Uint8Array[], GrpcError | null, string])[] = [
    [[damaged, SUM], null, "the snapshot was damaged on its way: its sha256 is not that of its bytes"],
    [[STORE], null, `sha256 checksum not found [bytes: ${STORE.length}]`],
    [[STORE.subarray(0, 9)], new GrpcError(StatusCode.UNKNOWN, "EIO: i/o error, read"), "EIO: i/o error, read"],
  ];
  for (const [sent, error, message] of cases) {
    blobs = sent;
    refusal = error;
    assert.deepEqual(await save(), failure(message, 5));
    assert.deepEqual(readdirSync(folder), ["snap.db"]);
  }
  assert.equal(readFileSync(path, "utf8"), "the one before");
});

test("what cannot be saved says why", async (context) => {
  clean(context);
  const two = "127.0.0.1:1,127.0.0.1:2";
  const many = "snapshot must be requested to one selected node, not multiple [127.0.0.1:1 127.0.0.1:2]";
  assert.deepEqual(await save(two), failure(many, 5));
  assert.deepEqual(
    await etcdctl(member.endpoint, ["snapshot", "save"]),
    failure("snapshot save expects one argument", 128),
  );
  path = join(folder, "absent", "snap.db");
  const { exit, stderr } = await save();
  assert.deepEqual([exit, /ENOENT.*snap\.db\.part/.test(stderr)], [5, true], stderr);
});

test("status says of a bbolt file that it is etcd's own, and of a damaged or absent one what it is", async (context) => {
  clean(context);
  const status = (): Promise<Result> => etcdctl(member.endpoint, ["snapshot", "status", path]);
  const absent = await status();
  assert.deepEqual([absent.exit, /ENOENT/.test(absent.stderr)], [1, true]);
  const bbolt = Buffer.alloc(8192);
  bbolt.writeUInt32LE(0xed0cdaed, 16);
  writeFileSync(path, bbolt);
  const foreign = await status();
  assert.deepEqual([foreign.exit, /snapshot of Go etcd's \(a bbolt file\)/.test(foreign.stderr)], [1, true]);
  writeFileSync(path, Buffer.concat([STORE, STORE.subarray(0, 32)]));
  assert.deepEqual(await status(), failure(`${path}: damaged: its sha256 is not that of its bytes`, 1));
  writeFileSync(path, "");
  assert.deepEqual(await status(), failure(`${path}: empty`, 1));
  writeFileSync(path, Buffer.concat([STORE, SUM]));
  assert.deepEqual(await status(), failure(`${path}: not a database of LMDB's`, 1));
  const bare = await etcdctl(member.endpoint, ["snapshot", "status"]);
  assert.deepEqual(bare, failure("snapshot status requires exactly one argument", 128));
});
