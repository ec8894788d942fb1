/** The real disk keeps its interface's promises, and one process at a time holds a data directory. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import type { ClusterId, LogIndex, MemberId, Term } from "../../src/base/ids.ts";
import { DirectoryInUse, lockDirectory, nodeDisk } from "../../src/env/node/disk.ts";
import { openWal } from "../../src/etcd/wal/wal.ts";

test("files are written at offsets, cut, listed in order, renamed and removed", async (t) => {
  const disk = nodeDisk(await temporary(t));
  assert.deepEqual(await disk.list("x"), []);
  await disk.makeDirectory("x/y");
  await assert.rejects(disk.open("x/y/b", { create: false }), { code: "ENOENT" });
  const file = await disk.open("x/y/b", { create: true });
  await file.write(Buffer.from("hello"), 0);
  await file.write(Buffer.from("J"), 0);
  await file.write(Buffer.from("!"), 6);
  assert.equal(await file.size(), 7);
  assert.equal(Buffer.from(await file.read(1, 4)).toString(), "ello");
  assert.equal(Buffer.from(await file.read(5, 10)).toString(), "\0!", "fewer bytes where the file ends");
  assert.equal((await file.read(7, 1)).length, 0);
  await file.truncate(4);
  await file.sync();
  await file.close();
  const again = await disk.open("x/y/b", { create: true });
  assert.equal(await again.size(), 4, "an existing file is not emptied");
  await again.close();
  await disk.rename("x/y/b", "x/y/a");
  await disk.syncDirectory("x/y");
  assert.equal(Buffer.from(await disk.read("x/y/a")).toString(), "Jell");
  await (await disk.open("x/y/0", { create: true })).close();
  assert.deepEqual(await disk.list("x/y"), ["0", "a"]);
  await disk.remove("x/y/a");
  assert.deepEqual(await disk.list("x/y"), ["0"]);
});

test("the system syncs what is written to a synced file", { skip: process.platform !== "linux" }, async (t) => {
  const root = await temporary(t);
  const file = await nodeDisk(root).open("f", { create: true, synced: true });
  t.after(() => file.close());
  await file.write(Buffer.from("hello"), 0);
  const opened = await readdir("/proc/self/fd");
  const links = await Promise.all(opened.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  const info = await readFile(`/proc/self/fdinfo/${opened[links.indexOf(join(root, "f"))]}`, "utf8");
  const flags = Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(info)?.[1] ?? "", 8);
  assert.equal(flags & constants.O_DSYNC, constants.O_DSYNC);
});

test("a write that the system takes only in part ends with the system's own error", async (t) => {
  const path = await temporary(t);
  const module = new URL("../../src/env/node/disk.js", import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(async ({ nodeDisk }) => {
    const file = await nodeDisk(process.argv[1]).open("f", { create: true });
    await file.write(new Uint8Array(50107), 0);
  }).catch((error) => console.log(error.code));`;
  // A limit of the file's size takes the first bytes and refuses the rest, as a full disk does.
  const child = spawn("sh", ["-c", 'ulimit -f 8 && exec "$@"', "sh", process.execPath, "-e", script, path]);
  child.stdout.setEncoding("utf8");
  assert.deepEqual(await child.stdout.toArray(), ["EFBIG\n"]);
  const { size } = await stat(join(path, "f"));
  assert.ok(size > 0 && size < 50107, `${size} bytes were taken`);
});

test("a log on the real disk comes back", async (t) => {
  const disk = nodeDisk(await temporary(t));
  const identity = { cluster: 1n as ClusterId, member: 2n as MemberId };
  const first = await openWal({ disk, identity });
  assert.equal(first.existed, false);
  const entries = [1, 2].map((index) => ({
    term: 1 as Term,
    index: index as LogIndex,
    kind: "normal" as const,
    data: Buffer.from(`entry ${index}`),
  }));
  const error = await new Promise((resolve) => first.wal.append({ hardState: null, entries }, resolve));
  assert.equal(error, null);
  await first.wal.close();
  const second = await openWal({ disk, identity });
  assert.deepEqual(
    second.entries.map(({ data }) => Buffer.from(data).toString()),
    ["entry 1", "entry 2"],
  );
  await second.wal.close();
});

test("a second lock of a directory names the holder; after release it is free, and one empty file is left behind", async (t) => {
  const path = join(await temporary(t), "data");
  const lock = await lockDirectory(path);
  assert.equal((await stat(path)).mode & 0o777, 0o700);
  await assert.rejects(lockDirectory(path), (error: Error) => {
    return error instanceof DirectoryInUse && error.message.endsWith(`is in use by process ${process.pid}`);
  });
  await lock.release();
  await (await lockDirectory(path)).release();
  assert.deepEqual(await readdir(path), ["lock.2"]);
  assert.equal(await readFile(join(path, "lock.2"), "utf8"), "");
});

test("the lock of a killed process is taken over, also when another process has its pid now", async (t) => {
  const path = await temporary(t);
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
  await once(child, "spawn");
  child.kill("SIGKILL");
  await once(child, "exit");
  const lefts = [`${child.pid} 12345\n`, `${process.pid} some other start\n`, "", "nonsense"];
  for (const [index, left] of lefts.entries()) {
    await writeFile(join(path, `lock.${index + 1}`), left);
    const lock = await lockDirectory(path);
    assert.deepEqual(await readdir(path), [`lock.${index + 2}`]);
    assert.match(await readFile(join(path, `lock.${index + 2}`), "utf8"), new RegExp(`^${process.pid} `));
    await lock.release();
  }
});

test("of many that want one stale lock at once, one gets it, round after round", async (t) => {
  const path = await temporary(t);
  const module = new URL("../../src/env/node/disk.js", import.meta.url).href;
  const script = `
    import { createInterface } from "node:readline";
    import { lockDirectory } from ${JSON.stringify(module)};
    console.log("ready");
    for await (const line of createInterface({ input: process.stdin }))
      await lockDirectory(line).then(() => console.log("held"), (error) => console.log(error.name));`;
  const children = Array.from({ length: 5 }, () => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", script]);
    t.after(() => child.kill("SIGKILL"));
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
  });
  const answers = async () => Promise.all(children.map(async ({ lines }) => (await lines.next()).value as string));
  await answers();
  for (let round = 0; round < 40; round++) {
    const directory = join(path, String(round));
    await mkdir(directory);
    await writeFile(join(directory, "lock.1"), "999999999 1\n");
    for (const { child } of children) child.stdin.write(`${directory}\n`);
    const refused = Array.from({ length: children.length - 1 }, () => "DirectoryInUse");
    assert.deepEqual((await answers()).sort(), [...refused, "held"], `round ${round}`);
  }
});

async function temporary(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "faultline-disk-"));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
