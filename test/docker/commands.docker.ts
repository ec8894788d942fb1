/** faultline with --runtime docker as a person runs it, and what a harness that is killed leaves to the next one. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { sweepEngine } from "../../src/harness/cluster/docker/leftovers.ts";
import { temporaryDirectory } from "../harness/cluster/support.ts";
import { Faultline, faultline } from "../support/faultline.ts";
import { clustersOf, engineFor, timeout } from "./support.ts";

test("after kill -9 the next start sweeps up, and touches nothing that is not labelled", { timeout }, async (t) => {
  const engine = await engineFor(t);
  if (engine === null) return;
  const Name = `faultline-test-${process.pid}`;
  const strange = await engine.dockerode.createNetwork({ Name, Labels: { "faultline.cluster": "0123456789ab" } });
  t.after(() => strange.remove());
  const up = await oneMemberUp(t);
  up.process.kill("SIGKILL");
  await up.ended;
  const pid = up.process.pid as number;
  assert.equal((await clustersOf(engine, pid)).length, 1, "nobody has removed it yet");
  const lines = (await sweepEngine(engine)).filter((line) => /-up-/.test(line));
  assert.match(lines.join(), /was killed in the middle: removed 2 containers, 1 networks, 1 volumes/);
  assert.deepEqual(await clustersOf(engine, pid), []);
  await strange.inspect();
});

test("Ctrl-C ends up in order, and nothing is left", { timeout }, async (t) => {
  const engine = await engineFor(t);
  if (engine === null) return;
  const up = await oneMemberUp(t);
  up.process.kill("SIGINT");
  const { code, stdout, stderr } = await up.ended;
  assert.equal(code, 0, stderr);
  assert.match(stdout, /embedded toxiproxy 2\.\S+, in a container/);
  assert.deepEqual(await clustersOf(engine, up.process.pid as number), []);
});

test("without an engine it is one line and exit code 69, at once; a named engine is never replaced by another", async (t) => {
  const before = process.env["DOCKER_HOST"];
  t.after(() => {
    if (before === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = before;
  });
  const out = temporaryDirectory(t);
  for (const host of ["tcp://127.0.0.1:9", `unix://${join(out, "absent.sock")}`, "ssh://somewhere"]) {
    process.env["DOCKER_HOST"] = host;
    const { code, stderr } = await faultline("up", "--runtime", "docker", "--out", join(out, "reports"));
    assert.equal(code, 69, stderr);
    assert.match(stderr, /^no Docker engine: .*; start one, point DOCKER_HOST at one, or take --runtime process\n$/);
  }
});

/** `faultline up` with one member in a container, which is up. */
async function oneMemberUp(t: TestContext): Promise<Faultline> {
  const flags = ["--runtime", "docker", "--members", "1", "--proxy", "embedded", "--out", temporaryDirectory(t)];
  const up = new Faultline(["up", ...flags]);
  await up.says(/is up: Ctrl-C stops it/);
  return up;
}
