import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { SMALL_PLAN } from "../support/faultline.ts";

/** Tests run from the folder of the package. */
const REPOSITORY = process.cwd();
const ELSEWHERE: string = mkdtempSync(join(tmpdir(), "faultline-pack-"));
const PROJECT: string = join(ELSEWHERE, "project");
after(() => rmSync(ELSEWHERE, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(folder: string, command: string, ...args: readonly string[]): Promise<Ended> {
  const child = spawn(command, args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1" },
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, stdout, stderr }));
  });
}

interface Lock {
  readonly packages: Record<string, { readonly dev?: boolean } & Record<string, unknown>>;
}

/**
 * A lock of a project that has nothing but the packed package: with the versions that this repository is tested with, npm needs
 * nothing that it did not keep when they were installed here.
 */
function projectLock(tarball: string): Lock {
  const lock = JSON.parse(readFileSync(join(REPOSITORY, "package-lock.json"), "utf8")) as Lock;
  const manifest = JSON.parse(readFileSync(join(REPOSITORY, "package.json"), "utf8")) as Record<string, unknown>;
  const { version, bin, dependencies, engines } = manifest;
  const others = Object.entries(lock.packages).filter(([path, { dev }]) => path !== "" && dev !== true);
  return {
    ...{ name: "project", lockfileVersion: 3, requires: true },
    packages: {
      "": { name: "project", dependencies: { faultline: tarball } },
      "node_modules/faultline": { version, resolved: tarball, bin, dependencies, engines },
      ...Object.fromEntries(others),
    },
  };
}

/** One word for why the package cannot be installed here, or null. */
async function install(): Promise<string | null> {
  mkdirSync(PROJECT);
  // dist/ is built already; to build it again would take it away from the other tests.
  const packed = await run(REPOSITORY, "npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", PROJECT);
  assert.equal(packed.code, 0, packed.stderr);
  const tarball = `file:${packed.stdout.trim()}`;
  writeFileSync(
    join(PROJECT, "package.json"),
    JSON.stringify({ name: "project", dependencies: { faultline: tarball } }),
  );
  writeFileSync(join(PROJECT, "package-lock.json"), JSON.stringify(projectLock(tarball)));
  const quiet = ["--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"];
  const installed = await run(PROJECT, "npm", "ci", ...quiet);
  if (installed.code === 0) return null;
  if (process.env["CI"] === undefined && /ENOTCACHED|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|ETIMEDOUT/.test(installed.stderr))
    return "npm reaches no registry and its cache is empty";
  assert.fail(installed.stderr);
}

test("packed and installed in an empty folder, the programs run and a plan leaves its report", async (context) => {
  const unable = await install();
  if (unable !== null) return context.skip(unable);

  await context.test("the package carries what docker needs, and no tests", () => {
    const root = join(PROJECT, "node_modules", "faultline");
    const files = ["Dockerfile", "local-base", "compose.yaml", "server/package.json", "server/npm-shrinkwrap.json"];
    for (const file of files) assert.ok(existsSync(join(root, "docker", file)), file);
    assert.deepEqual(readdirSync(join(root, "dist")), ["src"]);
  });

  await context.test("the three programs start", async () => {
    const schema = await run(PROJECT, "npx", "--no-install", "faultline", "schema", "plan");
    assert.equal(schema.code, 0, schema.stderr);
    assert.equal(typeof JSON.parse(schema.stdout), "object");
    const server = await run(PROJECT, "node_modules/.bin/etcd-ts", "--version");
    assert.match(server.stdout, /^etcd Version: /, server.stderr);
    const client = await run(PROJECT, "node_modules/.bin/etcdctl-ts", "version");
    assert.match(client.stdout, /^etcdctl version: /, client.stderr);
  });

  await context.test("faultline/client can be imported", async () => {
    const script = 'console.log(typeof (await import("faultline/client")).EtcdClient)';
    const imported = await run(PROJECT, process.execPath, "--input-type=module", "-e", script);
    assert.equal(imported.stdout, "function\n", imported.stderr);
  });

  await context.test("a plan of the package is found by its name", async () => {
    // The target is looked for after the plan was read, so that its absence proves that it was.
    const absent = await run(PROJECT, "node_modules/.bin/faultline", "run", "quickstart", "--target", "etcd=./absent");
    assert.equal(absent.code, 69, absent.stderr);
    assert.match(absent.stderr, /absent is not a program that can be run/);
  });

  await context.test("a run writes reports/ in the working directory", async () => {
    writeFileSync(join(PROJECT, "small.yaml"), SMALL_PLAN);
    const { code, stderr } = await run(PROJECT, "node_modules/.bin/faultline", "run", "small.yaml");
    assert.equal(code, 0, stderr);
    const [folder = ""] = readdirSync(join(PROJECT, "reports"));
    const verdict = JSON.parse(readFileSync(join(PROJECT, "reports", folder, "verdict.json"), "utf8")) as object;
    assert.equal((verdict as { readonly verdict: string }).verdict, "valid");
    assert.ok(existsSync(join(PROJECT, "reports", folder, "report.html")));
  });
});
