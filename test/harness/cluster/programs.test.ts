/** Finding and building Go etcd, with a `go` and an `etcd` that are shell scripts. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { cacheFolder } from "../../../src/harness/cluster/etcd-build.ts";
import { type FindOptions, findProgram } from "../../../src/harness/cluster/programs.ts";
import { type Program, programLabel, TargetError } from "../../../src/harness/cluster/targets.ts";
import type { EtcdSource } from "../../../src/harness/model/plan.ts";
import { eventually, temporaryDirectory } from "./support.ts";

const timeout = 30_000;

class Machine {
  readonly folder: string;
  readonly bin: string;
  readonly cache: string;
  readonly said: string[] = [];
  readonly abort: AbortController = new AbortController();
  readonly environment: NodeJS.ProcessEnv;

  constructor(t: TestContext) {
    this.folder = temporaryDirectory(t);
    this.bin = join(this.folder, "bin");
    mkdirSync(this.bin);
    const home = join(this.folder, "cache");
    this.cache = join(home, "faultline", "etcd");
    this.environment = { PATH: `${this.bin}:/usr/bin:/bin`, XDG_CACHE_HOME: home };
  }

  script(name: string, lines: string): string {
    const path = join(this.bin, name);
    writeFileSync(path, `#!/bin/sh\n${lines}\n`);
    chmodSync(path, 0o755);
    return path;
  }

  /** Writes down how it was called; its build "is" an etcd of the version that `get` was asked for. */
  go(slow = ""): void {
    this.script(
      "go",
      `echo "$@" >> ${this.folder}/calls
       case "$1" in
         get) echo "\${2##*@v}" > version ;;
         build) ${slow}
           { echo "#!/bin/sh"; echo "echo etcd Version: $(cat version)"; echo "echo Go Version: go1.99"; } > etcd
           chmod +x etcd ;;
       esac`,
    );
  }

  calls(): string[] {
    const path = join(this.folder, "calls");
    return existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  }

  find(source: EtcdSource): Promise<Program> {
    const options: FindOptions = {
      environment: this.environment,
      say: (text) => this.said.push(text),
      signal: this.abort.signal,
    };
    return findProgram({ kind: "etcd", source }, options);
  }

  release(version: string): Promise<Program> {
    return this.find({ kind: "version", version });
  }

  binary(binary: string): Promise<Program> {
    return this.find({ kind: "binary", binary });
  }
}

/** One line, of the kind that ends a run with exit code 69. */
const fails = (matching: RegExp) => (error: unknown) => {
  assert.ok(error instanceof TargetError, String(error));
  assert.match(error.message, matching);
  assert.equal(error.message.includes("\n"), false, error.message);
  return true;
};

test("a binary is asked for its version; a path counts from here, a name is looked up", { timeout }, async (t) => {
  const machine = new Machine(t);
  const path = machine.script("etcd-x", "echo etcd Version: 3.5.9; echo Git SHA: abc; echo Go Version: go1.20.1");
  const program = await machine.binary(path);
  assert.deepEqual(program, { kind: "etcd", binary: path, version: "3.5.9", compiler: "go1.20.1" });
  assert.equal(programLabel(program), "etcd 3.5.9 (go1.20.1)");
  assert.equal(programLabel(await machine.binary("etcd-x")), "etcd 3.5.9 (go1.20.1)");
  await assert.rejects(machine.binary("./etcd-x"), fails(/etcd-x is not a program that can be run; name another/));
});

test("what is not etcd, or fails, is named", { timeout }, async (t) => {
  const machine = new Machine(t);
  await assert.rejects(machine.binary("no-such-etcd"), fails(/^no-such-etcd is not a program .* --target etcd=BINARY/));
  await assert.rejects(machine.binary(machine.script("a", "echo hello")), fails(/a does not say that it is etcd/));
  await assert.rejects(
    machine.binary(machine.script("b", "echo first >&2; echo last word >&2; exit 3")),
    fails(/b --version ended with 3: last word$/),
  );
});

test("a release is built once, from its module, and then taken from the cache", { timeout }, async (t) => {
  const machine = new Machine(t);
  machine.go();
  const program = await machine.release("3.7.3");
  const binary = join(machine.cache, "3.7.3", "etcd");
  assert.deepEqual(program, { kind: "etcd", binary, version: "3.7.3", compiler: "go1.99" });
  assert.match(readFileSync(join(machine.cache, "3.7.3", "main.go"), "utf8"), /etcdmain\.Main\(os\.Args\)/);
  assert.equal(machine.calls()[1], "get go.etcd.io/etcd/server/v3@v3.7.3");
  assert.equal(machine.said.length, 1);
  const calls = machine.calls().length;
  assert.deepEqual(await machine.release("3.7.3"), program);
  assert.equal(machine.calls().length, calls, "nothing is built the second time");
  assert.equal(machine.said.length, 1);
  assert.equal((await machine.release("3.6.0")).kind, "etcd");
  assert.deepEqual(readdirSync(machine.cache).sort(), ["3.6.0", "3.7.3"], "nothing else is left");
});

test("two runs that build the same at once both get it", { timeout }, async (t) => {
  const machine = new Machine(t);
  // Both are building before either is done.
  machine.go(`while [ "$(grep -c ^build ${machine.folder}/calls)" -lt 2 ]; do sleep 0.01; done`);
  const [first, second] = await Promise.all([machine.release("3.7.3"), machine.release("3.7.3")]);
  assert.deepEqual(first, second);
  assert.deepEqual(readdirSync(machine.cache), ["3.7.3"]);
});

test("the one on the PATH is taken when it is the release asked for", { timeout }, async (t) => {
  const machine = new Machine(t);
  machine.script("etcd", "echo etcd Version: 3.4.23; echo Go Version: go1.19");
  assert.deepEqual(await machine.release("3.4.23"), {
    kind: "etcd",
    binary: "etcd",
    version: "3.4.23",
    compiler: "go1.19",
  });
  await assert.rejects(machine.release("3.4.22"), fails(/^etcd 3\.4\.22 is too old to be built here: install/));
  assert.equal(existsSync(machine.cache), false);
});

test("without Go, and when Go fails, it is said what to do, and the cache stays clean", { timeout }, async (t) => {
  const machine = new Machine(t);
  machine.environment["PATH"] = machine.bin;
  await assert.rejects(machine.release("3.7.3"), fails(/^etcd 3\.7\.3 is not on this machine .* install Go, or/));
  machine.script("go", 'echo one >&2; echo "unknown revision" >&2; exit 1');
  await assert.rejects(machine.release("3.7.99"), fails(/ended with 1: unknown revision$/));
  assert.deepEqual(readdirSync(machine.cache), []);
});

test("a cache that cannot be written is no bug of ours", { timeout }, async (t) => {
  const machine = new Machine(t);
  machine.go();
  machine.environment["XDG_CACHE_HOME"] = join(machine.bin, "go");
  await assert.rejects(
    machine.release("3.7.3"),
    fails(/^ENOTDIR.*; set XDG_CACHE_HOME to a folder that can be written$/),
  );
});

test("an abort ends the build with all it has started, and leaves nothing", { timeout }, async (t) => {
  const machine = new Machine(t);
  machine.go(`sh -c 'echo $$ > ${machine.folder}/pid; exec sleep 60'`);
  const building = machine.release("3.7.3");
  const pidFile = join(machine.folder, "pid");
  await eventually(() => existsSync(pidFile) && readFileSync(pidFile, "utf8").endsWith("\n"));
  machine.abort.abort(new Error("enough"));
  await assert.rejects(building, /enough/);
  const pid = Number(readFileSync(pidFile, "utf8"));
  await eventually(() => !existsSync(`/proc/${pid}/exe`));
  assert.deepEqual(readdirSync(machine.cache), []);
});

test("a cached program of another version is not used, and builds of the dead are removed", { timeout }, async (t) => {
  const machine = new Machine(t);
  machine.go();
  mkdirSync(join(machine.cache, ".building-3.7.3-old"), { recursive: true });
  mkdirSync(join(machine.cache, ".building-3.7.3-new"));
  utimesSync(join(machine.cache, ".building-3.7.3-old"), 1, 1);
  await machine.release("3.7.3");
  assert.deepEqual(readdirSync(machine.cache).sort(), [".building-3.7.3-new", "3.7.3"]);
  writeFileSync(join(machine.cache, "3.7.3", "etcd"), "#!/bin/sh\necho etcd Version: 3.7.2\n");
  await assert.rejects(machine.release("3.7.3"), fails(/is not etcd 3\.7\.3: remove .*3\.7\.3 and run again$/));
});

test("the cache lies where the machine's conventions say", () => {
  assert.equal(cacheFolder({ XDG_CACHE_HOME: "/c", HOME: "/h" }), "/c/faultline/etcd");
  assert.equal(cacheFolder({ XDG_CACHE_HOME: "relative", HOME: "/h" }), "/h/.cache/faultline/etcd");
  assert.equal(cacheFolder({ HOME: "/h" }), "/h/.cache/faultline/etcd");
});
