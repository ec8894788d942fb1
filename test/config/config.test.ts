import assert from "node:assert/strict";
import { test } from "node:test";
import type { MemberId } from "../../src/base/ids.ts";
import { type Config, parseConfig } from "../../src/etcd/config/config.ts";
import { addressesOf } from "../../src/etcd/config/dialling.ts";

function config(argv: readonly string[], env: Record<string, string> = {}): Config {
  const result = parseConfig(argv, env);
  assert.ok(result.kind === "config", JSON.stringify(result));
  return result.config;
}

function refusal(argv: readonly string[], env: Record<string, string> = {}): string {
  const result = parseConfig(argv, env);
  assert.ok(result.kind === "error", `${argv.join(" ")} was accepted`);
  return result.message;
}

test("without flags it is etcd's default member", () => {
  const defaults = config([]);
  assert.equal(defaults.name, "default");
  assert.equal(defaults.dataDir, "default.etcd");
  assert.deepEqual(
    defaults.listenClientUrls.map((url) => [url.host, url.port]),
    [["localhost", 2379]],
  );
  assert.deepEqual([...defaults.initialCluster.keys()], ["default"]);
  assert.equal(defaults.initialCluster.get("default")?.[0]?.text, "http://localhost:2380");
  assert.equal(defaults.initialClusterToken, "etcd-cluster");
  assert.deepEqual([defaults.heartbeatMs, defaults.electionMs], [100, 1000]);
  assert.equal(defaults.quotaBytes, 2 * 1024 ** 3);
  assert.equal(defaults.requestMaxBytes, 1572864);
});

test("an empty data directory is the default one, as in etcd", () => {
  for (const argv of [[], ["--data-dir="], ["--data-dir", ""]])
    assert.equal(config([...argv, "--name=a", "--initial-cluster=a=http://localhost:2380"]).dataDir, "a.etcd");
  assert.equal(config(["--data-dir=", "--data-dir=x"]).dataDir, "x");
  assert.equal(config([], { ETCD_DATA_DIR: "" }).dataDir, "default.etcd");
});

test("the progress interval of watches is one of Go's durations, under its old name or its new one", () => {
  const of = (...argv: string[]): number => config(argv).watchProgressMs;
  assert.equal(of(), 600_000);
  assert.equal(of("--watch-progress-notify-interval=1h2m3.5s"), 3_723_500);
  assert.equal(of("--experimental-watch-progress-notify-interval", "250ms"), 250);
  assert.equal(of("--watch-progress-notify-interval=0"), 600_000, "as in etcd");
  assert.equal(of("--watch-progress-notify-interval=5000us"), 100, "as in etcd");
  for (const wrong of ["5", "-1s", "1s!", "s", ""])
    assert.match(refusal([`--watch-progress-notify-interval=${wrong}`]), /is not a duration/);
  const both = ["--watch-progress-notify-interval=1s", "--experimental-watch-progress-notify-interval=1s"];
  assert.match(refusal(both), /leave one out/);
});

test("flags are read as Go reads them", () => {
  for (const argv of [["-name", "a"], ["--name", "a"], ["-name=a"], ["--name=a"], ["--name=b", "--name=a"]])
    assert.equal(config(argv).name, "a");
});

test("the environment fills in what flags leave out, and never contradicts them", () => {
  assert.equal(config([], { ETCD_NAME: "env", ETCD_ELECTION_TIMEOUT: "900" }).electionMs, 900);
  assert.equal(config(["--name=a"], { ETCD_NAME: "" }).name, "a");
  assert.match(refusal(["--name=a"], { ETCD_NAME: "b" }), /both ETCD_NAME and --name are set/);
  const result = parseConfig([], { ETCD_NONSENSE: "1", PATH: "/bin" });
  assert.ok(result.kind === "config");
  assert.deepEqual(result.warnings, ["unrecognized environment variable ETCD_NONSENSE=1"]);
});

const THREE = "--initial-cluster=a=http://127.0.0.1:1,b=http://127.0.0.1:2,c=http://[::1]:3,c=http://h.example:4";
const OWN = ["--name=a", "--initial-advertise-peer-urls=http://127.0.0.1:1", THREE];

test("a cluster names every founder, some with several URLs", () => {
  const { initialCluster } = config(OWN);
  assert.deepEqual([...initialCluster.keys()], ["a", "b", "c"]);
  assert.deepEqual(
    initialCluster.get("c")?.map((url) => [url.text, url.host, url.port]),
    [
      ["http://[::1]:3", "::1", 3],
      ["http://h.example:4", "h.example", 4],
    ],
  );
});

test("dial overrides are repeated or listed", () => {
  const overrides = config([
    ...OWN,
    "--peer-dial-override=b=http://127.0.0.1:12",
    "--peer-dial-override=c=http://127.0.0.1:13",
  ]);
  const listed = config([...OWN, "--peer-dial-override", "b=http://127.0.0.1:12,c=http://127.0.0.1:13"]);
  assert.deepEqual(overrides.peerDialOverrides, listed.peerDialOverrides);
  assert.equal(overrides.peerDialOverrides.get("c")?.port, 13);
});

test("a member is dialled where the flags say, by its name, a peer URL or its id; else at its URLs", () => {
  const url = (port: number): string => `http://127.0.0.1:${port}`;
  const [later, known] = [0x8e9e05c52164694dn as MemberId, 0x1n as MemberId];
  const given = config([...OWN, `--peer-dial-override=b=${url(11)},${url(7)}=${url(12)},8e9e05c52164694d=${url(13)}`]);
  const dialled = (id: MemberId, ...urls: string[]): readonly number[] =>
    addressesOf(given, id, urls).map(({ port }) => port);
  const [b] = given.initialCluster.get("b") ?? [];
  assert.deepEqual(dialled(known, b?.text ?? ""), [11]);
  assert.deepEqual(dialled(known, url(7)), [12]);
  assert.deepEqual(dialled(later, url(8)), [13]);
  assert.deepEqual(dialled(known, url(8), url(9)), [8, 9]);
  assert.deepEqual(dialled(known, "https://127.0.0.1:8", "unix://x"), [], "what this server cannot dial");
});

test("switches need no value, and take Go's", () => {
  assert.equal(config([]).strictReconfigCheck, true);
  assert.equal(config(["--strict-reconfig-check=f", "--name=default"]).strictReconfigCheck, false);
  assert.equal(config(["--strict-reconfig-check", "--max-learners=2"]).learnersMax, 2);
  assert.match(refusal(["--strict-reconfig-check=maybe"]), /neither true nor false/);
});

test("what is wrong is refused with the flag's name and what to do", () => {
  const refused: readonly (readonly [readonly string[], RegExp])[] = [
    [["--nmae=a"], /unknown flag --nmae: --help lists the flags/],
    [["serve"], /unexpected argument "serve"/],
    [["--name"], /--name needs a value/],
    [["--name=a b"], /--name/],
    [["--listen-peer-urls=http://example.com:1"], /must name an IP address or localhost/],
    [["--listen-peer-urls=127.0.0.1:1"], /not of the form http:\/\/HOST:PORT/],
    [["--listen-peer-urls=http://127.0.0.1:1/x"], /not of the form/],
    [["--listen-peer-urls=http://127.0.0.1:65536"], /no valid port/],
    [["--listen-peer-urls=https://127.0.0.1:1"], /asks for TLS/],
    [["--listen-client-urls=http://127.0.0.1:1"], /--advertise-client-urls is required/],
    [["--initial-cluster=b=http://localhost:2380"], /no entry for --name default/],
    [["--initial-cluster=default=http://localhost:1"], /--initial-cluster lacks default=http:\/\/localhost:2380/],
    [
      [...OWN, "--initial-cluster=a=http://127.0.0.1:1,a=http://127.0.0.1:9"],
      /advertise-peer-urls lacks http:\/\/127.0.0.1:9/,
    ],
    [[...OWN, "--initial-cluster=a=http://127.0.0.1:1,b=http://127.0.0.1:1"], /share the URL/],
    [["--initial-cluster=http://localhost:2380"], /not of the form NAME=/],
    [["--initial-cluster-state=old"], /none of new, existing/],
    [["--heartbeat-interval=1e2"], /not a whole number/],
    [["--heartbeat-interval=0"], /above 0/],
    [["--election-timeout=400"], /at least 5 times/],
    [["--election-timeout=50001"], /at most 50000/],
    [["--log-level=loud"], /none of debug/],
    [[...OWN, "--peer-dial-override=d=http://127.0.0.1:1"], /has no member d/],
    [[...OWN, "--peer-dial-override=b=http://127.0.0.1:1,b=http://127.0.0.1:2"], /more than one URL/],
  ];
  for (const [argv, pattern] of refused) {
    const message = refusal(argv);
    assert.match(message, pattern);
    assert.ok(!message.includes("\n"), "one line");
  }
});

test("a negative quota means none, 0 etcd's default", () => {
  assert.equal(config(["--quota-backend-bytes=-1"]).quotaBytes, null);
  assert.equal(config(["--quota-backend-bytes", "4096"]).quotaBytes, 4096);
});

test("batches of the backend: 0 means the default, as in etcd, whose limit is larger", () => {
  const limits = (argv: readonly string[]): readonly number[] => {
    const { backendCommitMs, backendOperationsMax } = config(argv);
    return [backendCommitMs, backendOperationsMax];
  };
  assert.deepEqual(limits([]), [100, 2500]);
  assert.deepEqual(limits(["--backend-batch-interval=0", "--backend-batch-limit=0"]), [100, 2500]);
  assert.deepEqual(limits(["--backend-batch-interval=1m500ms", "--backend-batch-limit=7"]), [60_500, 7]);
  assert.match(refusal(["--backend-batch-interval=100"]), /is not a duration/);
  assert.match(refusal(["--backend-batch-limit=-1"]), /above 0/);
});

test("help and version win over everything else", () => {
  assert.equal(parseConfig(["--nonsense", "--help"], {}).kind, "help");
  assert.equal(parseConfig(["-version"], {}).kind, "version");
});
