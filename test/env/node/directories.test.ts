import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeDirectories } from "../../../src/env/node/directories.ts";

const folder = mkdtempSync(join(tmpdir(), "faultline-directories-"));
after(() => rmSync(folder, { recursive: true }));

test("missing parents are made, with the mode asked for, and what is there stays", () => {
  const made = makeDirectories(join(folder, "a", "b", "c"), 0o700);
  assert.deepEqual(made, [join(folder, "a"), join(folder, "a", "b"), join(folder, "a", "b", "c")]);
  assert.equal(statSync(join(folder, "a", "b")).mode & 0o777, 0o700);
  assert.deepEqual(makeDirectories(join(folder, "a", "b", "c"), 0o700), []);
});

test("a path that cannot be made is refused at once", () => {
  writeFileSync(join(folder, "file"), "");
  assert.throws(() => makeDirectories(join(folder, "file", "x")), { code: "ENOTDIR" });
  if (existsSync("/proc/self")) assert.throws(() => makeDirectories("/proc/nope/deeper"), { code: "ENOENT" });
});
