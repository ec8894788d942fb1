import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { clientOf } from "../client/member.ts";
import { GOLDEN_DIRECTORY, readTranscript, skipGolden } from "./golden.ts";
import { ended, type Server, skipTarget, startServer, TARGETS } from "./server.ts";
import { etcdctl } from "./world.ts";

const main = fileURLToPath(new URL("../../src/etcdctl/main.js", import.meta.url));

/** The term depends on how often a cluster of one elects itself; the recorded one needed two. */
const mask = (text: string): string => text.replace(/"raft_term":\d+/, '"raft_term":T');

for (const target of TARGETS) {
  describe(`against ${target}`, { skip: skipTarget(target) }, () => {
    let server: Server;
    before(async () => {
      server = await startServer(target);
    });
    after(() => server?.stop());

    test("the recorded session, replayed from the first get to the last del, gives the same output and the same revisions", {
      skip: skipGolden,
    }, async () => {
      const names = readdirSync(GOLDEN_DIRECTORY).filter((name) => name >= "A-002" && name < "A-054");
      for (const file of names.sort()) {
        const name = file.replace(/\.txt$/, "");
        const { args, stdin, exit, stdout, stderr } = readTranscript(name);
        if (args.includes("--count-only")) continue;
        // Formats this etcdctl lacks: the command runs all the same, because it may write.
        const other = args.some((arg) => ["fields", "table", "protobuf"].includes(arg));
        const given = other ? args.filter((arg, i) => arg !== "-w" && args[i - 1] !== "-w") : args;
        const result = await etcdctl(server.endpoint, given, stdin);
        if (other) continue;
        assert.deepEqual({ ...result, stdout: mask(result.stdout) }, { exit, stdout: mask(stdout), stderr }, name);
      }
    });

    test("recorded transactions give the recorded output", { skip: skipGolden }, async () => {
      for (const [key, value] of [
        ["k1", "a"],
        ["k2", "b"],
        ["k3", "c"],
      ] as const)
        await etcdctl(server.endpoint, ["put", key, value]);
      for (const name of ["A-054-txn-success", "A-055-txn-failure", "A-058-txn-duplicate-key"]) {
        const { args, stdin, exit, stdout, stderr } = readTranscript(name);
        assert.deepEqual(await etcdctl(server.endpoint, args, stdin), { exit, stdout, stderr }, name);
      }
    });

    test("member list and endpoint health are the recorded ones", { skip: skipGolden }, async () => {
      const list = readTranscript("A-102-member-list");
      assert.equal((await etcdctl(server.endpoint, list.args)).stdout, list.stdout);
      const health = await etcdctl(server.endpoint, ["endpoint", "health"]);
      assert.match(health.stderr, /is healthy: successfully committed proposal: took = [\d.]+(µs|ms|s)\n$/);
      assert.equal(health.exit, 0);
    });

    test("endpoint status names the member, its leader and the indexes", async () => {
      const { stdout } = await etcdctl(server.endpoint, ["endpoint", "status"]);
      assert.match(stdout, /^127\.0\.0\.1:\d+, [0-9a-f]+, 3\.\d+\.\d+, [\d.]+ \w+, true, false, \d+, \d+, \d+, \n$/);
    });

    test("a snapshot is saved; the program itself tells what is in ours, and that Go etcd's is none of ours", async (context) => {
      const folder = mkdtempSync(join(tmpdir(), "faultline-snapshot-"));
      context.after(() => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, "snap.db");
      for (const word of ["s/1", "s/2", "s/3"]) await etcdctl(server.endpoint, ["put", word, "v"]);
      await etcdctl(server.endpoint, ["del", "s/2"]);
      const saved = await etcdctl(server.endpoint, ["snapshot", "save", path]);
      assert.deepEqual(saved, { exit: 0, stdout: `Snapshot saved at ${path}\n`, stderr: "" });
      const keys = await etcdctl(server.endpoint, ["get", "", "--from-key", "--keys-only", "-w", "json"]);
      const { header, count } = JSON.parse(keys.stdout) as { header: { revision: number }; count: number };
      const client = clientOf([server.endpoint]);
      context.after(() => client.close());
      const { hash, header: hashed } = await client.maintenance.hash();
      assert.equal(hashed?.revision, header.revision);
      const args = [main, "snapshot", "status", path, "-w", "json"];
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
      if (target === "etcd-ts") {
        const { size } = statSync(path);
        const told = { hash, revision: header.revision, totalKey: count, totalSize: size - 32 };
        assert.deepEqual([status, JSON.parse(stdout || "null"), stderr], [0, told, ""]);
        assert.deepEqual(readdirSync(folder), ["snap.db"]);
      } else {
        assert.deepEqual([status, stdout], [1, ""]);
        assert.match(stderr, /snapshot of Go etcd's/);
      }
    });

    test("the program itself prints events as they come, until it is ended", async () => {
      const put = await etcdctl(server.endpoint, ["put", "w/1", "before", "-w", "json"]);
      const { revision } = (JSON.parse(put.stdout) as { header: { revision: number } }).header;
      const args = [main, "--endpoints", server.endpoint, "watch", "w/", "--prefix", "--prev-kv", `--rev=${revision}`];
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
      try {
        let text = "";
        const printed = async (expected: string): Promise<void> => {
          for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
            text += String(chunk);
            if (text.length >= expected.length) break;
          }
          assert.equal(text, expected);
        };
        await printed("PUT\nw/1\nbefore\n");
        await etcdctl(server.endpoint, ["put", "w/1", "after"]);
        await etcdctl(server.endpoint, ["del", "w/1"]);
        await printed("PUT\nw/1\nbefore\nPUT\nw/1\nbefore\nw/1\nafter\nDELETE\nw/1\nafter\nw/1\n\n");
      } finally {
        await ended(child);
      }
    });
  });
}
