import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { hints, shellWord } from "../../src/commands/up-hints.ts";
import { isRunning } from "../../src/harness/cluster/identity.ts";
import { type RegisteredProcess, readRegistry } from "../../src/harness/cluster/registry.ts";
import { eventually, isInstalled, whyNot } from "../support/etcd-server.ts";
import { type Ended, Faultline, faultline } from "../support/faultline.ts";

const folder = mkdtempSync(join(tmpdir(), "faultline-up-"));
const started: Faultline[] = [];
after(async () => {
  // A test that failed half way has left its cluster running.
  for (const { process, ended } of started) {
    process.kill("SIGTERM");
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
});

/** A cluster that stays until it is told to go. */
class Up {
  readonly out: string = mkdtempSync(join(folder, "reports-"));
  readonly program: Faultline;
  #printed = "";

  constructor(args: readonly string[] = [], out?: string) {
    if (out !== undefined) this.out = out;
    this.program = new Faultline(["up", "--out", this.out, ...args]);
    started.push(this.program);
    this.program.process.stdout?.on("data", (text: Buffer) => {
      this.#printed += text.toString();
    });
  }

  /** What it prints for the person, when it is complete. */
  async overview(): Promise<string> {
    await this.program.says(/is up: Ctrl-C stops it/);
    // The two streams need not arrive in the order they were written.
    await eventually(() => this.#printed.endsWith("\n"), "the overview is printed");
    return this.#printed;
  }

  folders(): string[] {
    return readdirSync(this.out).map((name) => join(this.out, name));
  }

  processes(): readonly RegisteredProcess[] {
    return readRegistry(this.folders()[0] as string)?.processes ?? [];
  }

  member(name: string): RegisteredProcess {
    const found = this.processes().find((process) => process.name === name);
    assert.ok(found !== undefined, `${name} runs`);
    return found;
  }

  signal(signal: NodeJS.Signals): Promise<Ended> {
    this.program.process.kill(signal);
    return this.program.ended;
  }
}

const NO_CURL = "curl is not installed";

interface Shell {
  readonly code: number;
  readonly stdout: string;
}

/** A line as it is pasted into a terminal, in a folder that knows nothing of faultline. */
function paste(line: string): Promise<Shell> {
  return new Promise((resolve) => {
    execFile("sh", ["-c", line], { cwd: "/", encoding: "utf8" }, (error, stdout) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), stdout }),
    );
  });
}

/** The lines to try: about -> commands. */
function tries(overview: string): ReadonlyMap<string, readonly string[]> {
  const groups = new Map<string, string[]>();
  let commands: string[] = [];
  for (const line of overview.split("Try in another terminal:\n")[1]?.trimEnd().split("\n") ?? []) {
    assert.ok(line.startsWith("  "), line);
    if (line.startsWith("  # ")) {
      commands = [];
      groups.set(line.slice(4), commands);
    } else commands.push(line.trim());
  }
  return groups;
}

async function healthy(command: string): Promise<boolean> {
  const { stdout } = await paste(command);
  return stdout !== "" && (JSON.parse(stdout) as { health: string }).health === "true";
}

/** Runs every command that is printed, in the order printed, and sees that each does what it says. */
async function tryEverything(overview: string): Promise<void> {
  const groups = [...tries(overview)];
  const expected = isInstalled("etcdctl") ? 5 : 4;
  assert.equal(groups.length, expected, overview);
  const [cut, heal] = groups.slice(-2).map(([, [command = ""]]) => command) as [string, string];
  const [, [linearizable = "", serializable = ""] = []] = groups.at(-3) ?? [];
  for (const [about, [put = "", get = ""]] of groups.slice(0, -3)) {
    assert.deepEqual(await paste(put), { code: 0, stdout: "OK\n" }, `${about}: ${put}`);
    assert.match((await paste(get)).stdout, /^greeting\S*\nhello\n$/, `${about}: ${get}`);
  }
  assert.equal(await healthy(linearizable), true, linearizable);
  assert.equal(await healthy(serializable), true, serializable);
  const cutOff = await paste(cut);
  assert.equal(cutOff.code, 0);
  assert.equal(cutOff.stdout.match(/"enabled":false/g)?.length, 4, cutOff.stdout);
  await eventually(async () => !(await healthy(linearizable)), "the cut member confirms no read");
  // Still reached by its clients: it answers, if only for itself.
  assert.match((await paste(serializable)).stdout, /"health"/);
  const healed = await paste(heal);
  assert.equal(healed.stdout.match(/"enabled":true/g)?.length, 4, healed.stdout);
  await eventually(() => healthy(linearizable), "the member is back");
}

test("up prints endpoints and commands that work as they are pasted, and Ctrl-C, delivered twice, leaves nothing behind", async (t) => {
  if (!isInstalled("curl")) return t.skip(NO_CURL);
  const up = new Up();
  const overview = await up.overview();
  const processes = up.processes();
  assert.deepEqual(processes.map(({ name }) => name).sort(), ["n1", "n2", "n3", "toxiproxy"]);
  const rows = [...overview.matchAll(/^(n\d) +(http:\S+) +(http:\S+) +(\d+)$/gm)];
  assert.deepEqual(
    rows.map(([, name]) => name),
    ["n1", "n2", "n3"],
  );
  for (const [, name, proxied, direct, pid] of rows) {
    assert.equal(up.member(name as string).pid, Number(pid));
    for (const url of [proxied, direct]) assert.ok(await healthy(`curl '${url}/health'`), `${name} at ${url}`);
  }
  const proxy = /^proxy +(http:\S+) /m.exec(overview)?.[1];
  assert.match((await paste(`curl '${proxy}/proxies'`)).stdout, /"peer-n1-n2"/);
  await up.program.says(/n\d leads term \d+/);
  await tryEverything(overview);
  // The first to be asked for its health is the leader, so cutting it off made another.
  await up.program.says(/n\d leads term[\s\S]*n\d leads term/);
  up.program.process.kill("SIGINT");
  const { code, stdout, stderr } = await up.signal("SIGINT");
  assert.equal(code, 0, stderr);
  assert.equal(stdout, overview, "what happens on the way goes to the other stream");
  assert.equal(stderr.match(/SIGINT: healing and stopping/g)?.length, 1);
  assert.deepEqual(processes.filter(isRunning), []);
  assert.deepEqual(up.folders(), []);
});

test("Go etcd as the target: the same commands work", async (t) => {
  const unavailable = whyNot("etcd") ?? (isInstalled("curl") ? null : NO_CURL);
  if (unavailable !== null) return t.skip(unavailable);
  const up = new Up(["--target", "etcd"]);
  const overview = await up.overview();
  const processes = up.processes();
  await tryEverything(overview);
  const { code, stderr } = await up.signal("SIGINT");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /etcd 3\.\d+\.\d+ \(go\S+\) is up/);
  assert.deepEqual(processes.filter(isRunning), []);
  assert.deepEqual(up.folders(), []);
});

test("a member that is killed is said so and comes back; with --keep its data stays", async () => {
  const up = new Up(["--keep"]);
  await up.overview();
  const { pid } = up.member("n2");
  process.kill(pid, "SIGKILL");
  await up.program.says(/n2 was ended by SIGKILL: it is started again/);
  await up.program.says(/n2 started again \(pid \d+\)/);
  assert.notEqual(up.member("n2").pid, pid);
  const { code, stderr } = await up.signal("SIGTERM");
  assert.equal(code, 0, stderr);
  const [kept = ""] = up.folders();
  assert.ok(existsSync(join(kept, "data", "n2")));
  assert.equal(readRegistry(kept), null);
});

test("who reads what it says may go away, and a terminal that is closed (SIGHUP) stops it: nothing is left behind", async () => {
  const up = new Up(["--members", "1"]);
  await up.overview();
  const processes = up.processes();
  assert.deepEqual(processes.map(({ name }) => name).sort(), ["n1", "toxiproxy"]);
  for (const stream of [up.program.process.stdout, up.program.process.stderr]) stream?.destroy();
  // It says so, to nobody.
  const { pid } = up.member("n1");
  process.kill(pid, "SIGKILL");
  const isBack = () => up.processes().some((each) => each.name === "n1" && each.pid !== pid);
  await eventually(isBack, "the member is started again");
  const restarted = up.processes();
  const { code, signal } = await up.signal("SIGHUP");
  assert.deepEqual([code, signal], [0, null]);
  assert.deepEqual([...processes, ...restarted].filter(isRunning), []);
  assert.deepEqual(up.folders(), []);
});

test("a crash is said so, and its logs outlive the cluster", async () => {
  const up = new Up(["--members", "1"]);
  const overview = await up.overview();
  assert.equal(tries(overview).has("heal it"), false, "one member has no peers to be cut off from");
  process.kill(up.member("n1").pid, "SIGABRT");
  await up.program.says(/n1 was ended by SIGABRT: it crashed and stays down, its log is .*n1\.log/);
  const { code, stderr } = await up.signal("SIGINT");
  assert.equal(code, 0, stderr);
  assert.match(stderr, /the logs stay in /);
  const [left = ""] = up.folders();
  assert.deepEqual(readdirSync(left), ["logs"]);
});

test("after kill -9 the next start sweeps up; a second Ctrl-C, a second later, ends at once with 130", async () => {
  const killed = new Up();
  await killed.overview();
  const processes = killed.processes();
  const [left = ""] = killed.folders();
  await killed.signal("SIGKILL");
  assert.equal(processes.filter(isRunning).length, 4, "nobody has ended them yet");
  const next = new Up(["--members", "1"], killed.out);
  await next.program.says(/swept up: .* was killed in the middle: stopped .*n1.*data removed/);
  assert.deepEqual(processes.filter(isRunning), []);
  assert.equal(existsSync(join(left, "data")), false);
  rmSync(left, { recursive: true });
  await next.overview();
  const running = next.processes();
  // A proxy that stands still is waited for longer than the second after which another Ctrl-C counts.
  process.kill(-next.member("toxiproxy").pid, "SIGSTOP");
  let ended = false;
  void next.program.ended.then(() => {
    ended = true;
  });
  while (!ended) {
    next.program.process.kill("SIGINT");
    await delay(50);
  }
  const { code, stderr } = await next.program.ended;
  assert.equal(code, 130, stderr);
  assert.match(stderr, /stopped at once; the next start removes what it left\n$/);
  await eventually(() => !running.some(isRunning), "every process is killed");
});

test("Ctrl-C before it is up stops it all the same: 130, and nothing is left", async () => {
  const up = new Up();
  await up.program.says(/launching 3 members of etcd-ts/);
  const { code, stderr } = await up.signal("SIGINT");
  assert.equal(code, 130, stderr);
  assert.match(stderr, /interrupted before the cluster was up\n$/);
  assert.deepEqual(up.folders(), []);
});

test("a cluster that does not come up is exit code 69 with the log's last words, which stay", async () => {
  const notEtcd = join(folder, "not-etcd");
  writeFileSync(
    notEtcd,
    '#!/bin/sh\n[ "$1" = --version ] && exec echo "etcd Version: 3.6.5"\necho no licence >&2\nexit 7\n',
  );
  chmodSync(notEtcd, 0o755);
  const up = new Up(["--target", `etcd=${notEtcd}`]);
  const { code, stderr } = await up.program.ended;
  assert.equal(code, 69, stderr);
  assert.match(stderr, /n\d ended with exit code 7; the end of .*n\d\.log:\nno licence/);
  const [left = ""] = up.folders();
  assert.deepEqual(readdirSync(left), ["logs"]);
});

test("what cannot be is one clear line: sizes, targets, folders", async () => {
  for (const [args, code, line] of [
    [["--members", "0"], 64, /^faultline: .*--members.*a cluster has 1 to 7 members\.\n$/],
    [["--members", "three"], 64, /^faultline: .*--members.*a cluster has 1 to 7 members\.\n$/],
    [["--target", "zookeeper"], 64, /^faultline: .*--target.*a target is ts, etcd/],
    [["--target", "etcd=/nowhere/etcd"], 69, /^\/nowhere\/etcd is not a program that can be run;.*\n$/],
    [["--out", "/dev/null/inside"], 69, /^\/dev\/null\/inside: ENOTDIR.*; name another folder with --out\n$/],
  ] as const) {
    const ended = await faultline("up", ...args);
    assert.equal(ended.code, code, ended.stderr);
    assert.match(ended.stderr, line);
    assert.equal(ended.stdout, "");
  }
});

test("a shell reads back any path that is put into a command", async () => {
  const paths = ["/plain/main.js", "/with blank/a", "/it's/$HOME/`x`/\\", '/"quoted"/*', "/line\nbreak"];
  for (const path of paths) assert.equal((await paste(`printf %s ${shellWord(path)}`)).stdout, path);
});

test("a partition names both directions to every peer, and health is asked of the one that is cut off", () => {
  const members = ["n1", "n2", "n3"].map((name, i) => ({ name, clientEndpoint: `http://127.0.0.1:${20_001 + i}` }));
  const printed = hints({ members, subject: "n2", proxyUrl: "http://127.0.0.1:20000", etcdctl: false });
  const [first, health, cut, heal] = printed;
  assert.equal(printed.length, 4);
  assert.match(first?.commands[0] ?? "", / --endpoints 127\.0\.0\.1:20001,127\.0\.0\.1:20002,127\.0\.0\.1:20003 put /);
  assert.equal(health?.commands[1], "curl 'http://127.0.0.1:20002/health?serializable=true'");
  const proxies = "http://127.0.0.1:20000/proxies/{peer-n2-n1,peer-n1-n2,peer-n2-n3,peer-n3-n2}";
  assert.deepEqual(cut?.commands, [`curl '${proxies}' -d '{"enabled":false}'`]);
  assert.deepEqual(heal?.commands, [`curl '${proxies}' -d '{"enabled":true}'`]);
});
