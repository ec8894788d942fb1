/** Whoever starts a member gives Node the same options: those of them that are no TypeScript are looked at here. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { MEMBER_NODE_OPTIONS } from "../../src/base/node-options.ts";

const ROOT: URL = new URL("../../../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, ROOT), "utf8");

test("the program started by its name, and the image, run Node with a member's options", () => {
  const [shebang] = read("dist/src/etcd/main.js").split("\n");
  assert.equal(shebang, `#!/usr/bin/env -S node ${MEMBER_NODE_OPTIONS.join(" ")}`);
  const entrypoint = ["node", ...MEMBER_NODE_OPTIONS, "/app/dist/src/etcd/main.js"];
  const entrypoints = [...read("docker/Dockerfile").matchAll(/^ENTRYPOINT (.*)$/gm)].map(([, list]) =>
    JSON.parse(list ?? ""),
  );
  assert.ok(entrypoints.some((found) => JSON.stringify(found) === JSON.stringify(entrypoint)));
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
