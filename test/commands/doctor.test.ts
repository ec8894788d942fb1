import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import type { Finding } from "../../src/commands/doctor-finding.ts";
import { engineHosts } from "../../src/harness/cluster/docker/ask-engine.ts";
import { FAULTLINE } from "../support/faultline.ts";

const folder = mkdtempSync(join(tmpdir(), "faultline-doctor-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const ABSENT_ENGINE = `unix://${join(folder, "absent.sock")}`;

interface Examined {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `faultline doctor` on a machine that has only what `programs` says: name -> what it prints, or a script. */
async function doctor(
  options: { readonly programs?: Readonly<Record<string, string>>; readonly environment?: NodeJS.ProcessEnv },
  ...args: readonly string[]
): Promise<Examined> {
  const bin = mkdtempSync(join(folder, "bin-"));
  for (const [name, script] of Object.entries(options.programs ?? {})) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(join(bin, name), 0o755);
  }
  const environment = { PATH: bin, HOME: bin, DOCKER_HOST: ABSENT_ENGINE, ...options.environment };
  const child = spawn(process.execPath, [FAULTLINE, "doctor", ...args], {
    cwd: folder,
    env: environment,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (text: Buffer) => {
    stdout += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    stderr += text.toString();
  });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout, stderr };
}

function findings({ stdout }: Examined): ReadonlyMap<string, Finding> {
  const { findings: all } = JSON.parse(stdout) as { findings: Finding[] };
  return new Map(all.map((finding) => [finding.name, finding]));
}

const FAKES = {
  docker: 'echo "Docker version 27.5.1, build 9f9e405"',
  etcd: 'printf "etcd Version: 3.6.5\\nGit SHA: abc\\nGo Version: go1.24.4\\n"',
  etcdctl: 'printf "etcdctl version: 3.6.5\\nAPI version: 3.6\\n"',
  go: 'echo "go version go1.26.8 linux/amd64"',
  "toxiproxy-server": 'echo "toxiproxy-server version 2.12.0"',
  chromium: 'echo "complaint" >&2; echo "Chromium 156.0.8078.79 built on Debian GNU/Linux 12 (bookworm)"',
};

test("a machine with nothing but Node can run the quickstart, and is told what more it could do and how", async () => {
  const { code, stdout, stderr } = await doctor({});
  assert.equal(code, 0, stderr + stdout);
  assert.match(stdout, /^ok {7}node {7}\d+\.\d+\.\d+$/m);
  // macOS keeps its programs off the PATH.
  const browser = existsSync("/Applications/Google Chrome.app") ? [] : ["chromium"];
  for (const name of ["docker", "etcd", "etcdctl", "go", "toxiproxy", ...browser])
    assert.match(stdout, new RegExp(`^missing {2}${name} +no .*\\n +for {2}\\S.*\\n +do {3}\\S.*$`, "m"), name);
  assert.match(stdout, /\nThis machine can run the quickstart: .*faultline run quickstart\n$/);
  // Aligned: every row's third column begins in the same place.
  const columns = stdout.split("\n").flatMap((line) => /^(?:ok|poor|missing) +\S+ +/.exec(line)?.[0].length ?? []);
  assert.deepEqual([...new Set(columns)].length, 1, stdout);
  assert.equal(stdout.includes("\u001b"), false, "no colour where nobody sees it");
  assert.deepEqual(
    readdirSync(folder).filter((name) => !name.startsWith("bin-")),
    [],
    "looking leaves nothing behind",
  );
});

test("programs on the PATH are named with version and place, releases built earlier too", async () => {
  const home = mkdtempSync(join(folder, "bin-home-"));
  const release = join(home, ".cache", "faultline", "etcd", "3.7.3");
  mkdirSync(release, { recursive: true });
  writeFileSync(join(release, "etcd"), "");
  const examined = await doctor({ programs: FAKES, environment: { HOME: home } }, "--json");
  assert.equal(examined.code, 0, examined.stderr);
  const found = findings(examined);
  for (const [name, version] of [
    ["etcd", "3.6.5"],
    ["etcdctl", "3.6.5"],
    ["go", "1.26.8"],
    ["toxiproxy", "2.12.0"],
    ["chromium", "156.0.8078.79"],
  ] as const) {
    const finding = found.get(name);
    assert.equal(finding?.state, "ok", name);
    assert.equal(finding.figures["version"], version);
    assert.match(finding.found, /^\S+ \(\/.*\/bin-[^/]+\/[\w-]+\)/);
  }
  assert.match(found.get("etcd")?.found ?? "", /; built earlier: 3\.7\.3$/);
  const docker = found.get("docker");
  assert.equal(docker?.state, "missing", "a client is not enough");
  assert.equal(docker.found, `a client (27.5.1) without an engine: ${ABSENT_ENGINE} does not exist`);
});

test("a program that fails or says something else is poor, and its last word is shown", async () => {
  const examined = await doctor(
    { programs: { etcd: "echo broken library >&2; exit 127", go: "echo hello", etcdctl: "kill -9 $$" } },
    "--json",
  );
  assert.equal(examined.code, 0);
  const found = findings(examined);
  assert.match(found.get("etcd")?.found ?? "", /does not say its version: .*ended with 127: broken library$/);
  assert.match(found.get("go")?.found ?? "", /does not say its version$/);
  assert.match(found.get("etcdctl")?.found ?? "", /ended with SIGKILL/);
  for (const name of ["etcd", "go", "etcdctl"]) assert.equal(found.get(name)?.state, "poor");
});

test("the JSON has for each finding a state, whether it is needed, texts for people and figures for programs", async () => {
  const examined = await doctor({}, "--json");
  const diagnosis = JSON.parse(examined.stdout) as Record<string, unknown>;
  assert.deepEqual(Object.keys(diagnosis), ["faultlineVersion", "platform", "ready", "findings"]);
  assert.equal(diagnosis["ready"], true);
  const found = findings(examined);
  assert.deepEqual(
    [...found.keys()],
    ["node", "cores", "memory", "disk", "ports", "docker", "etcd", "etcdctl", "go", "toxiproxy", "chromium"],
  );
  for (const finding of found.values()) {
    assert.deepEqual(Object.keys(finding).sort(), ["enables", "figures", "found", "name", "needed", "remedy", "state"]);
    assert.ok(["ok", "poor", "missing"].includes(finding.state));
    assert.equal(finding.remedy === null, finding.state === "ok", finding.name);
  }
  const needed = [...found.values()].filter((finding) => finding.needed).map(({ name }) => name);
  assert.deepEqual(needed, ["node", "disk", "ports"]);
  const { fsyncP50Ns, fsyncP99Ns, filesystem } = found.get("disk")?.figures ?? {};
  assert.equal(typeof filesystem, "string");
  // Both null on a disk too slow to say.
  assert.ok(fsyncP50Ns === null || Number(fsyncP99Ns) >= Number(fsyncP50Ns), `${fsyncP50Ns} ${fsyncP99Ns}`);
  assert.ok(
    Number(found.get("memory")?.figures["totalBytes"]) >= Number(found.get("memory")?.figures["availableBytes"]),
  );
});

test("where reports cannot be written the quickstart cannot run: exit code 69 and what to do", async () => {
  const file = join(folder, "bin-file");
  writeFileSync(file, "");
  const { code, stdout } = await doctor({}, "--out", join(file, "reports"));
  assert.equal(code, 69);
  assert.match(
    stdout,
    /^missing {2}disk .* cannot be written: ENOTDIR.*\n.*\n +do {3}name another folder with --out$/m,
  );
  assert.match(stdout, /\nThis machine cannot run the quickstart yet\.\n$/);
});

test("a folder that exists is measured in itself and left as it was", async () => {
  const out = mkdtempSync(join(folder, "bin-out-"));
  const { code } = await doctor({}, "--out", out);
  assert.equal(code, 0);
  assert.deepEqual(readdirSync(out), []);
  await doctor({}, "--out", join(out, "not", "yet"));
  assert.equal(existsSync(join(out, "not")), false);
});

/** A fake engine at a socket, or on a port of 127.0.0.1. */
async function engine(context: TestContext, listener: RequestListener, at?: string): Promise<string> {
  const server = createServer(listener);
  if (at === undefined) server.listen(0, "127.0.0.1");
  else server.listen(at);
  await once(server, "listening");
  context.after(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? `tcp://127.0.0.1:${address.port}` : `unix://${at}`;
}

const SPEAKS: RequestListener = (request, response) => {
  assert.equal(`${request.method} ${request.url}`, "GET /version");
  response.end(JSON.stringify({ Version: "20.10.24+dfsg1", ApiVersion: "1.41", Os: "linux", Arch: "amd64" }));
};

async function dockerFinding(host: string): Promise<Finding> {
  const examined = await doctor({ environment: { DOCKER_HOST: host } }, "--json");
  assert.equal(examined.code, 0, examined.stderr);
  return findings(examined).get("docker") as Finding;
}

test("the engine at DOCKER_HOST is asked, by socket or by TCP, and needs no client", async (t) => {
  const socket = await engine(t, SPEAKS, join(folder, "bin-engine.sock"));
  const port = await engine(t, SPEAKS);
  for (const host of [socket, port]) {
    const { state, found, figures } = await dockerFinding(host);
    assert.equal(state, "ok", found);
    assert.equal(found, `engine 20.10.24+dfsg1 (API 1.41) at ${host}`);
    assert.deepEqual(figures, { host, version: "20.10.24+dfsg1", apiVersion: "1.41", clientVersion: null });
  }
});

test("an engine that hangs, refuses, or is none is said so, and holds nobody up", async (t) => {
  const hangs = await engine(t, () => undefined);
  const stalls = await engine(t, (_, response) => response.write("{"));
  const fails = await engine(t, (_, response) => response.writeHead(500).end("no"));
  const talks = await engine(t, (_, response) => response.end("<html>"));
  for (const [host, found] of [
    [hangs, `no engine: ${hangs} does not answer within a second`],
    [stalls, `no engine: ${stalls} does not answer within a second`],
    [fails, `no engine: ${fails} answers with HTTP status 500`],
    [talks, `no engine: ${talks} answers, but not as an engine does`],
    ["tcp://127.0.0.1:1", "no engine: tcp://127.0.0.1:1 refuses connections"],
    [
      "ssh://somewhere",
      "no engine: ssh://somewhere cannot be asked from here: only unix://, tcp://, http:// and https:// can",
    ],
  ] as const) {
    const finding = await dockerFinding(host);
    assert.equal(finding.state, "missing");
    assert.equal(finding.found, found);
  }
});

test("without DOCKER_HOST the usual sockets are asked: the system's, and those of this user that exist", () => {
  const home = mkdtempSync(join(folder, "bin-home-"));
  const rootless = join(home, "docker.sock");
  assert.deepEqual(engineHosts({ HOME: home, XDG_RUNTIME_DIR: home }), ["unix:///var/run/docker.sock"]);
  writeFileSync(rootless, "");
  assert.deepEqual(engineHosts({ HOME: home, XDG_RUNTIME_DIR: home, DOCKER_HOST: "" }), [
    "unix:///var/run/docker.sock",
    `unix://${rootless}`,
  ]);
  assert.deepEqual(engineHosts({ HOME: home, DOCKER_HOST: "tcp://engine:2375" }), ["tcp://engine:2375"]);
});
