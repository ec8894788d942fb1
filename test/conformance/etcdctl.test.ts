/**
 * The real etcdctl against our server, and the same claims against Go etcd where it is installed: that proves the tests themselves right.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  eventually,
  freePorts,
  isInstalled,
  type ServerKind,
  ServerProcess,
  sharedFolder,
  whyNot,
} from "../support/etcd-server.ts";

const missing = isInstalled("etcdctl") ? null : "etcdctl is not installed (Debian package etcd-client)";
const ENVIRONMENT = { ...process.env, ETCDCTL_API: "3" };

interface Ran {
  readonly exit: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

class Etcdctl {
  readonly endpoint: string;

  constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  try(args: readonly string[], stdin = ""): Ran {
    const all = [`--endpoints=${this.endpoint}`, "--command-timeout=10s", ...args];
    const ran = spawnSync("etcdctl", all, { input: stdin, env: ENVIRONMENT, encoding: "utf8", timeout: 20_000 });
    return { exit: ran.status, stdout: ran.stdout, stderr: ran.stderr };
  }

  run(args: readonly string[], stdin = ""): string {
    const { exit, stdout, stderr } = this.try(args, stdin);
    assert.equal(exit, 0, `etcdctl ${args.join(" ")}: ${stderr}`);
    return stdout;
  }
}

async function serverOf(context: TestContext, kind: ServerKind): Promise<Etcdctl> {
  const [clientPort] = (await freePorts(context, 1)) as [number];
  const advertised = { advertisePeerUrl: "http://127.0.0.1:33800", advertiseClientUrl: "http://127.0.0.1:33790" };
  const server = new ServerProcess(context, { kind, clientPort, ...advertised });
  server.start();
  await server.ready();
  return new Etcdctl(server.endpoint);
}

/** Runs a test for our server and for Go etcd; skipped with the reason where a program is not installed. */
function conformance(title: string, run: (etcdctl: Etcdctl, context: TestContext) => Promise<void> | void): void {
  for (const kind of ["etcd-ts", "etcd"] as const) {
    test(`${kind}: ${title}`, { skip: missing ?? whyNot(kind) ?? false }, async (context) => {
      await run(await serverOf(context, kind), context);
    });
  }
}

conformance("put, get and del", (etcdctl) => {
  assert.equal(etcdctl.run(["put", "foo", "bar"]), "OK\n");
  assert.equal(etcdctl.run(["put", "--prev-kv", "foo", "bar2"]), "OK\nfoo\nbar\n");
  etcdctl.run(["put", "foo1", "x"]);
  assert.equal(etcdctl.run(["get", "--prefix", "foo"]), "foo\nbar2\nfoo1\nx\n");
  assert.equal(etcdctl.run(["get", "--prefix", "foo", "--limit=1", "--consistency=s"]), "foo\nbar2\n");
  assert.equal(etcdctl.run(["get", "foo", "--rev=2"]), "foo\nbar\n");
  assert.equal(etcdctl.run(["get", "nothing"]), "");
  assert.equal(etcdctl.run(["del", "--prefix", "--prev-kv", "foo"]), "2\nfoo\nbar2\nfoo1\nx\n");
  assert.equal(etcdctl.run(["get", "--prefix", "foo"]), "");
});

conformance("a transaction takes the branch its compares choose", (etcdctl) => {
  etcdctl.run(["put", "k", "1"]);
  const script = 'value("k") = "1"\n\nput k "2"\nget k\n\nput k "other"\n\n';
  assert.equal(etcdctl.run(["txn"], script), "SUCCESS\n\nOK\n\nk\n2\n");
  assert.equal(etcdctl.run(["txn"], script), "FAILURE\n\nOK\n");
  assert.equal(etcdctl.run(["get", "k"]), "k\nother\n");
});

conformance("a large value comes back whole, and one too large is refused", (etcdctl) => {
  const value = "x".repeat(1_000_000);
  etcdctl.run(["put", "large"], value);
  assert.equal(etcdctl.run(["get", "large", "--print-value-only"]), `${value}\n`);
  const refused = etcdctl.try(["put", "larger"], "x".repeat(1_600_000));
  assert.equal(refused.exit, 1);
  assert.match(refused.stderr, /etcdserver: request is too large/);
});

conformance("refusals have etcd's texts", (etcdctl) => {
  assert.match(etcdctl.try(["put", "", "v"]).stderr, /etcdserver: key is not provided/);
  assert.match(etcdctl.try(["get", "k", "--rev=1000"]).stderr, /required revision is a future revision/);
  assert.match(etcdctl.try(["put", "k", "v", "--lease=1234"]).stderr, /requested lease not found/);
  assert.match(etcdctl.try(["put", "k", "--ignore-value"]).stderr, /etcdserver: key not found/);
  assert.match(etcdctl.try(["txn"], '\nput k "1"\nput k "2"\n\n\n').stderr, /duplicate key given in txn request/);
});

conformance("a watch delivers history and what comes after it, in order", async (etcdctl, context) => {
  etcdctl.run(["put", "w/a", "1"]);
  etcdctl.run(["put", "other", "1"]);
  const args = [`--endpoints=${etcdctl.endpoint}`, "watch", "--prefix", "w/", "--rev=2"];
  const watcher = spawn("etcdctl", args, { env: ENVIRONMENT, stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => watcher.kill("SIGKILL"));
  let seen = "";
  watcher.stdout.on("data", (bytes: Buffer) => {
    seen += bytes.toString();
  });
  await eventually(() => seen === "PUT\nw/a\n1\n", "the past event");
  etcdctl.run(["put", "w/b", "2"]);
  etcdctl.run(["put", "other", "2"]);
  etcdctl.run(["del", "w/a"]);
  await eventually(() => seen.length >= "PUT\nw/a\n1\nPUT\nw/b\n2\nDELETE\nw/a\n\n".length, "the later events");
  assert.equal(seen, "PUT\nw/a\n1\nPUT\nw/b\n2\nDELETE\nw/a\n\n");
});

conformance("the member lists itself, with etcd's id, and says how it is", (etcdctl) => {
  const listed = "80961833613b81b4, started, n1, http://127.0.0.1:33800, http://127.0.0.1:33790, false\n";
  assert.equal(etcdctl.run(["member", "list"]), listed);
  const [status] = JSON.parse(etcdctl.run(["endpoint", "status", "-w", "json"])) as [
    { Status: Record<string, unknown> },
  ];
  const id = JSON.parse(etcdctl.run(["member", "list", "-w", "json"])).header.member_id;
  assert.equal(status.Status["leader"], id);
  assert.match(etcdctl.try(["endpoint", "health"]).stderr, /is healthy: successfully committed proposal/);
});

// ---------------------------------------------------------------------------------------------- recorded transcripts

interface Transcript {
  readonly name: string;
  readonly command: string;
  readonly stdin: string;
  readonly exit: number;
  readonly stdout: string;
  readonly stderr: string;
}

function readTranscript(folder: string, file: string): Transcript {
  const text = readFileSync(join(folder, file), "utf8");
  const parts = text.split(/^--- (stdin|exit|stdout|stderr)\n/m);
  const section = (name: string): string => {
    const at = parts.indexOf(name);
    return at === -1 ? "" : (parts[at + 1] as string);
  };
  return {
    name: file.replace(/\.txt$/, ""),
    command: (parts[0] as string).replace(/^\$ /, "").trimEnd(),
    stdin: section("stdin"),
    exit: Number(section("exit")),
    stdout: section("stdout"),
    stderr: section("stderr"),
  };
}

/** Terms and ids differ (the recorded cluster had a token of its own), and so do addresses and the client's own log lines. */
function masked(text: string): string {
  return text
    .replace(/"(cluster_id|member_id|ID)":\d+/g, '"$1":ID')
    .replace(/"(ClusterID|MemberID|ID)" : \d+/g, '"$1" : ID')
    .replace(/\b[0-9a-f]{16}\b/g, "ID")
    .replace(/"raft_term":\d+/g, '"raft_term":T')
    .replace(/"RaftTerm" : \d+/g, '"RaftTerm" : T')
    .replace(/^\{"level":.*\n/gm, "")
    .replace(/127\.0\.0\.1:\d+/g, "ADDRESS");
}

/** Recorded of etcd 3.4.23: everything up to the first compaction, then the member list. */
const REPLAYED = /^A-(0[0-5]\d|06[01]|10[2-5])-/;
/** Writes that were made while recording, but not recorded, before this transcript. */
const UNRECORDED: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "A-054": [
    ["put", "k1", "a"],
    ["put", "k2", "b"],
    ["put", "k3", "c"],
  ],
};
/** Not text, or about the client alone (which panics at a lease compare). */
const LEFT_OUT = /protobuf|A-001-version|interactive|lease-compare/;

conformance("answers etcdctl as the recorded etcd did, byte for byte", (etcdctl, context) => {
  const folder = sharedFolder("data/etcdctl-golden");
  if (folder === null) return context.skip("the recorded transcripts are not here");
  const files = readdirSync(folder)
    .filter((file) => REPLAYED.test(file))
    .sort();
  assert.ok(files.length > 60, "transcripts were found");
  for (const file of files) {
    for (const args of UNRECORDED[file.slice(0, 5)] ?? []) etcdctl.run(args);
    const { name, command, stdin, exit, stdout, stderr } = readTranscript(folder, file);
    const script = `etcdctl() { command etcdctl --endpoints=${etcdctl.endpoint} "$@"; }; ${command}`;
    const ran = spawnSync("bash", ["-c", script], {
      input: stdin,
      env: ENVIRONMENT,
      encoding: "utf8",
      timeout: 20_000,
    });
    if (LEFT_OUT.test(name)) continue;
    assert.equal(masked(ran.stdout), masked(stdout), `${name}: ${command}`);
    assert.equal(masked(ran.stderr), masked(stderr), `${name}: ${command}`);
    assert.equal(ran.status, exit, `${name}: ${command}`);
  }
});
