/** Which server stands between members that are processes. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LaunchError } from "../../../src/harness/cluster/cluster.ts";
import { EMBEDDED_TOXIPROXY, proxyProgram } from "../../../src/harness/faults/toxiproxy/program.ts";
import { temporaryDirectory } from "./support.ts";

test("the embedded one unless the real one is asked for", () => {
  assert.equal(proxyProgram("auto", {}), EMBEDDED_TOXIPROXY);
  assert.equal(proxyProgram("embedded", { TOXIPROXY_SERVER: "/bin/true" }), EMBEDDED_TOXIPROXY);
});

test("the real one is the first on the PATH, unless named; a build's version stands in the binary", (t) => {
  const folder = temporaryDirectory(t);
  const binary = join(folder, "toxiproxy-server");
  writeFileSync(binary, "\0mod\tgithub.com/Shopify/toxiproxy/v2\tv2.12.0\th1:abc=\n");
  chmodSync(binary, 0o755);
  mkdirSync(join(folder, "folder", "toxiproxy-server"), { recursive: true });
  const found = proxyProgram("toxiproxy", { PATH: `${join(folder, "folder")}:/nowhere:${folder}` });
  assert.deepEqual(found.command(1234, 7), [binary, "-host", "127.0.0.1", "-port", "1234"]);
  assert.equal(found.version, "2.12.0");
  const released = join(folder, "released");
  writeFileSync(released, "");
  chmodSync(released, 0o755);
  const named = proxyProgram("toxiproxy", { PATH: folder, TOXIPROXY_SERVER: released });
  assert.equal(named.command(1, 1)[0], released);
  assert.equal(named.version, null, "it says its version itself");
});

test("the real one that is not there is an error of the environment that says what to do", () => {
  const absent = (environment: NodeJS.ProcessEnv, message: RegExp): void =>
    assert.throws(
      () => proxyProgram("toxiproxy", environment),
      (error) => error instanceof LaunchError && message.test(error.message),
    );
  absent({ PATH: "/nowhere" }, /^there is no toxiproxy-server on the PATH: install .*, or take --proxy embedded$/);
  absent({ TOXIPROXY_SERVER: "/nowhere/server" }, /^there is no program \/nowhere\/server: /);
});
