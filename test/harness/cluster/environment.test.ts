import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { filesystemOf, inspectEnvironment } from "../../../src/harness/cluster/environment.ts";
import { temporaryDirectory } from "./support.ts";

test("the machine is described, and the measurement leaves nothing behind", (t) => {
  const dataDir = join(temporaryDirectory(t), "data");
  const environment = inspectEnvironment(dataDir);
  assert.equal(environment.node, process.version);
  assert.ok(environment.cores >= 1 && environment.cpu !== "");
  assert.notEqual(environment.filesystem, "unknown");
  assert.ok(environment.fsyncP99Ns === null || environment.fsyncP99Ns > 0);
  assert.deepEqual(readdirSync(dataDir), []);
});

test("data in memory is recognized and warned of", { skip: process.platform !== "linux" && "needs /dev/shm" }, (t) => {
  const type = filesystemOf("/dev/shm");
  if (type !== "tmpfs") return t.skip(`/dev/shm is ${type}`);
  const dataDir = `/dev/shm/faultline-test-${process.pid}`;
  t.after(async () => (await import("node:fs")).rmSync(dataDir, { recursive: true, force: true }));
  assert.match(inspectEnvironment(dataDir).warnings[0] ?? "", /lies in memory \(tmpfs\)/);
});
