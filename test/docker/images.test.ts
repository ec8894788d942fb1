import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { contextFiles } from "../../src/harness/cluster/docker/images.ts";
import { packTar } from "../../src/harness/cluster/docker/tar.ts";
import fc from "../support/fast-check.ts";
import { wantedLock } from "./server-lock.ts";

const BUILT = join(import.meta.dirname, "..", "..");
const IMPORT = /(?:^|\n)(?:import|export)\s[^;]*?from\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']\s*\)/g;
const DOCKERFILE = readFileSync("docker/Dockerfile", "utf8");
const folder = mkdtempSync(join(tmpdir(), "faultline-images-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("the locked versions of the server's image are those of package-lock.json", () => {
  const held = readFileSync("docker/server/npm-shrinkwrap.json", "utf8");
  assert.equal(held, wantedLock(), "run npm run generate:lock");
  assert.doesNotMatch(held, /"resolved"/, "a lock names no registry");
  const versions = (path: string): Record<string, string> => JSON.parse(readFileSync(path, "utf8")).dependencies;
  const ours = versions("package.json");
  for (const [name, version] of Object.entries(versions("docker/server/package.json")))
    assert.equal(version, ours[name], name);
});

test("the image holds every file and package that its programs import", () => {
  const names = new Set(contextFiles(DOCKERFILE, ".", BUILT).map((file) => file.name));
  const packages = JSON.parse(readFileSync("docker/server/package.json", "utf8")).dependencies as object;
  const seen = new Set<string>();
  const missing: string[] = [];
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    if (!names.has(file)) missing.push(file);
    const text = readFileSync(join(BUILT, file.slice("dist/".length)), "utf8");
    for (const match of text.matchAll(IMPORT)) {
      const imported = (match[1] ?? match[2]) as string;
      if (imported.startsWith(".")) visit(join(dirname(file), imported));
      else if (!imported.startsWith("node:") && !builtinModules.includes(imported) && !(imported in packages))
        missing.push(`${imported}, which ${file} imports`);
    }
  };
  for (const program of ["etcd", "etcdctl", "harness/faults/toxiproxy"]) visit(`dist/src/${program}/main.js`);
  assert.ok(seen.size > 50, `followed imports (${seen.size})`);
  assert.deepEqual(missing, []);
});

test("the Dockerfile needs nothing that the classic builder and a base of busybox and node lack", () => {
  assert.doesNotMatch(DOCKERFILE, /^# *syntax|--mount|--chmod|--link|<<|apt|curl|bash/m);
  for (const [, user] of DOCKERFILE.matchAll(/^USER (.*)$/gm)) assert.equal(user, "node");
  assert.equal(DOCKERFILE.match(/^HEALTHCHECK /gm)?.length, 2);
});

test("an archive unpacks to what was packed", { skip: existsSync("/bin/tar") ? false : "no tar here" }, () => {
  const name = fc
    .array(fc.stringMatching(/^[a-z0-9_-]{1,12}$/), { minLength: 1, maxLength: 4 })
    .map((parts) => `f/${parts.join("/")}.x`);
  const file = fc.record({ name, bytes: fc.uint8Array({ maxLength: 1600 }), executable: fc.boolean() });
  fc.assert(
    fc.property(fc.uniqueArray(file, { maxLength: 8, selector: (each) => each.name }), (files) => {
      const packed = packTar(files);
      assert.deepEqual(packTar([...files].reverse()), packed, "the order does not matter");
      rmSync(join(folder, "f"), { recursive: true, force: true });
      const unpacked = spawnSync("/bin/tar", ["-xf", "-"], { cwd: folder, input: packed, encoding: "utf8" });
      assert.deepEqual([unpacked.status, unpacked.stderr], [0, ""]);
      for (const { name: path, bytes, executable } of files) {
        assert.deepEqual(new Uint8Array(readFileSync(join(folder, path))), bytes);
        assert.equal((statSync(join(folder, path)).mode & 0o100) !== 0, executable);
      }
    }),
    { numRuns: 20 },
  );
});
