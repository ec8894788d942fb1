/** Who starts a member gives Node its options: here is looked at what is no TypeScript. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MEMBER_NODE_OPTIONS } from "../../src/base/node-options.ts";

test("the image runs Node with a member's options", () => {
  const entrypoint = ["node", ...MEMBER_NODE_OPTIONS, "/app/dist/src/etcd/main.js"];
  const dockerfile = readFileSync(new URL("../../../docker/Dockerfile", import.meta.url), "utf8");
  const found = [...dockerfile.matchAll(/^ENTRYPOINT (.*)$/gm)].map(([, list]) => JSON.parse(list ?? ""));
  assert.ok(found.some((each) => JSON.stringify(each) === JSON.stringify(entrypoint)));
});

test("this Node knows each of them", () => {
  const { status, stdout } = spawnSync(process.execPath, ["--v8-options"], { encoding: "utf8" });
  assert.equal(status, 0);
  const ofNode = process.allowedNodeEnvironmentFlags;
  for (const option of MEMBER_NODE_OPTIONS) {
    const [name] = option.split("=") as [string];
    assert.ok(ofNode.has(name) || stdout.includes(name), option);
  }
});
