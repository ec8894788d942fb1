import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { FAULTLINE, Faultline, faultline, SMALL_PLAN, Workplace } from "../support/faultline.ts";

const place = new Workplace();
after(() => place.remove());

test("an unknown flag, command or seed is one clear line and exit code 64", async () => {
  for (const [args, line] of [
    [["run", place.plan, "--sed", "7"], /^faultline: unknown option '--sed'/],
    [["rum"], /^faultline: unknown command 'rum'/],
    [["run"], /^faultline: missing required argument 'plan'/],
    [["run", place.plan, "--seed", "many"], /^faultline: .*--seed.*a seed is a whole number/],
    [["run", place.plan, "--target", "etcd@3"], /^faultline: .*--target.*a target is ts, etcd, etcd=BINARY, etcd@/],
    [["schema", "verdict"], /^faultline: unknown schema "verdict"; there is: plan/],
  ] as const) {
    const { code, stdout, stderr } = await faultline(...args);
    assert.equal(code, 64, stderr);
    assert.match(stderr, line);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  }
});

test("a plan that is not there or broken is named with file, line and column", async () => {
  const absent = await faultline("run", "no-such-plan.yaml");
  assert.equal(absent.code, 64);
  assert.match(absent.stderr, /^no-such-plan\.yaml: ENOENT.*; name a plan file/);
  const broken = join(place.folder, "broken.yaml");
  writeFileSync(broken, SMALL_PLAN.replace("duration: 2500ms", "duration: 9s"));
  const { code, stderr } = await faultline("run", broken);
  assert.equal(code, 64);
  assert.equal(stderr, `${broken}:19:5 faults.0.duration: the fault ends after its phase (4000 ms)\n`);
});

test("check and report say what they miss", async () => {
  const check = await faultline("check", "nowhere");
  assert.deepEqual([check.code, check.stderr], [64, "nowhere does not exist: name a run's folder or a history file\n"]);
  const garbage = join(place.folder, "garbage.jsonl");
  writeFileSync(garbage, '{"type":"history"');
  const parsed = await faultline("check", garbage);
  assert.equal(parsed.code, 64);
  assert.match(parsed.stderr, /garbage\.jsonl/);
  const report = await faultline("report", place.folder);
  assert.equal(report.code, 64);
  assert.match(report.stderr, /plan\.json is missing: name the folder of a run/);
});

test("a Node that is too old is told so before anything else", async () => {
  const pretend =
    "data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.19.1'}})";
  const { code, stderr } = await new Faultline(["--version"], ["--import", pretend]).ended;
  assert.equal(code, 69);
  assert.equal(stderr, "faultline needs Node 20.19 or newer, this is 18.19.1: install a newer Node\n");
});

test("a folder that cannot be written is exit code 69", async () => {
  const { code, stderr } = await new Faultline(["run", place.plan, "--out", join(place.plan, "inside-a-file")]).ended;
  assert.equal(code, 69, stderr);
  assert.match(stderr, /name another folder with --out\n$/);
});

test("a target that is not on this machine is one line and exit code 69, and leaves no run behind", async () => {
  const { code, stderr } = await place.run("--target", "etcd=/nowhere/etcd").ended;
  assert.equal(code, 69);
  assert.match(
    stderr,
    /^\/nowhere\/etcd is not a program that can be run; name another with --target etcd=BINARY.*\n$/,
  );
  assert.deepEqual(place.runs(), []);
});

test("reports that would go into a file are refused", async () => {
  const { code, stderr } = await new Faultline(["run", place.plan, "--out", place.plan]).ended;
  assert.deepEqual([code, stderr], [64, `${place.plan} is not a folder; name another one with --out\n`]);
});

test("a result that cannot be written is no pass", {
  skip: existsSync("/dev/full") ? false : "this system has no /dev/full",
}, async () => {
  const full = openSync("/dev/full", "w");
  const program = spawn(process.execPath, [FAULTLINE, "schema", "plan"], { stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  let stderr = "";
  program.stderr?.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  const [code] = (await once(program, "close")) as [number];
  assert.equal(code, 69, stderr);
  assert.match(stderr, /the result could not be written: ENOSPC/);
});

test("the schema of a plan is JSON", async () => {
  const { code, stdout } = await faultline("schema", "plan");
  assert.equal(code, 0);
  assert.ok((JSON.parse(stdout) as { properties: object }).properties);
});
