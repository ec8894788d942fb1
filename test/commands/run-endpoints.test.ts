/** Load and checks on members that run already, while others write there. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import tls from "node:tls";
import { Prng } from "../../src/base/prng.ts";
import { EtcdClient } from "../../src/client/client.ts";
import { CommandError } from "../../src/commands/exit.ts";
import { judgeHistory } from "../../src/commands/judging.ts";
import { loadPlan } from "../../src/commands/plan-file.ts";
import { type AccessOptions, accessOf } from "../../src/commands/run-endpoints.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import type { TlsOptions } from "../../src/env/node/streams-tls.ts";
import { connectEndpoints } from "../../src/harness/cluster/endpoints.ts";
import { TargetError } from "../../src/harness/cluster/targets.ts";
import { openHistory } from "../../src/harness/history/reader.ts";
import { readEvents, readSamples } from "../../src/harness/history/run-files.ts";
import { parseTarget } from "../../src/harness/plan/target.ts";
import { freePorts, type ServerKind, ServerProcess, whyNot } from "../support/etcd-server.ts";
import { faultline, Workplace } from "../support/faultline.ts";
import { startThree } from "../support/three-members.ts";
import { CA, CLIENT, SERVER, STRANGER } from "../support/tls.ts";

const PLAN = `
name: calm
keys: { prefix: calm/, count: 20, valueBytes: 32 }
clients: { connectionsPerMember: 1, deadline: 2s }
phases:
  - name: capacity
    closed: { concurrency: 6 }
    duration: 300ms
    mix: { get-serializable: 1, get-linearizable: 1 }
  - name: steady
    open: { ratePerSecond: 150 }
    duration: 1s
    mix: { get-linearizable: 4, get-serializable: 4, put: 2, delete: 1 }
checks: [linearizable, serializable, watch, converged]
`;

const place = new Workplace(PLAN);
after(() => place.remove());

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Somebody else's writes, one after the other, to keys around those of the run, until told to stop: how many. */
function writeOn(context: TestContext, servers: readonly ServerProcess[]): () => Promise<number> {
  const endpoints = servers.map(({ clientUrl }) => clientUrl);
  const client = new EtcdClient({ endpoints, network: nodeStreams, clock: nodeClock, prng: new Prng(1) });
  let stopped = false;
  const written = (async () => {
    let writes = 0;
    for (const prng = new Prng(2); !stopped; writes++) {
      const key = bytes(prng.pick(["calm", "calm/", "calm/0", "calm/1", "calm0", "zebra"]));
      if (writes > 10 && prng.below(3) === 0) await client.kv.deleteRange({ key });
      else await client.kv.put({ key, value: bytes(`${writes}`) });
    }
    return writes;
  })();
  context.after(async () => {
    stopped = true;
    await written.catch(() => 0);
    client.close();
  });
  return () => {
    stopped = true;
    return written;
  };
}

/** All keys of the store, but those that the other writer has. */
async function keysLeft(context: TestContext, { clientUrl }: ServerProcess): Promise<readonly string[]> {
  const client = new EtcdClient({ endpoints: [clientUrl], network: nodeStreams, clock: nodeClock, prng: new Prng(3) });
  context.after(() => client.close());
  const { kvs } = await client.kv.range({ key: bytes("\0"), rangeEnd: bytes("\0") });
  const others = ["calm", "calm/", "calm/0", "calm/1", "calm0", "zebra"];
  return kvs.map(({ key }) => new TextDecoder().decode(key)).filter((key) => !others.includes(key));
}

const targetOf = (servers: readonly ServerProcess[]): string =>
  `endpoints=${servers.map((server) => server.endpoint).join(",")}`;

/** Stops a run in the middle. */
async function interrupt(servers: readonly ServerProcess[]): Promise<void> {
  const long = new Workplace(PLAN.replace("1s", "60s"));
  const running = long.run("--target", targetOf(servers));
  await running.says(/phase "steady" begins/);
  running.process.kill("SIGINT");
  const { code, stderr } = await running.ended;
  long.remove();
  assert.equal(code, 130, stderr);
  assert.match(stderr, /removed \d+ keys with the prefix calm\//);
}

for (const kind of ["etcd-ts", "etcd"] as const satisfies readonly ServerKind[]) {
  test(`${kind} that runs already, while others write to it: every promise is judged, and only the run's keys are gone`, async (t) => {
    const unavailable = whyNot(kind);
    if (unavailable !== null) return t.skip(unavailable);
    const servers = await startThree(t, kind);
    const stop = writeOn(t, servers);
    const before = place.runs().length;
    const { code, stdout, stderr } = await place.run("--target", targetOf(servers), "--seed", "7").ended;
    const writes = await stop();
    assert.equal(code, 0, stderr + stdout);
    assert.match(stdout, /^VERDICT VALID {2}Every promise was kept/m);
    assert.match(stdout, /^repeat .* --target endpoints=\S+ --seed 7 --out \S+$/m);
    const run = place.runs()[before] as string;
    const { header } = await openHistory(join(run, "history.jsonl.gz"));
    assert.equal(header.exclusive, false);
    assert.deepEqual(header.members, ["a", "b", "c"]);
    assert.deepEqual(await keysLeft(t, servers[0] as ServerProcess), []);
    assert.match(stderr, /removed \d+ keys with the prefix calm\/\d{8}-\d{6}-calm-7-[0-9a-f]{6}\//);

    const events = readEvents(run);
    const converged = events.find((event) => event.kind === "converged");
    assert.ok(converged?.converged && converged.needed !== undefined, JSON.stringify(converged));
    const { environment, capacity } = readSamples(run);
    assert.match(environment.target, /^version 3\.\d+\.\d+ at http:\S+, .*: members that ran already$/);
    assert.match(environment.proxy, /^none/);
    assert.notEqual(capacity[0]?.serverCpuMicrosPerOperation ?? null, null);
    assert.ok(readFileSync(join(run, "report.html"), "utf8").includes("members that ran already"));
    assert.equal(existsSync(join(run, "data")), false);

    // The same writes, unknown of, would look like revisions made out of nothing.
    assert.ok(writes > 10, `${writes} writes of others`);
    assert.equal((await judgeHistory(join(run, "history.jsonl.gz"))).verdict, "valid");

    if (kind === "etcd") return;
    await interrupt(servers);
    assert.deepEqual(await keysLeft(t, servers[0] as ServerProcess), [], "Ctrl-C in the middle removes them, too");
  });
}

/** TLS as a proxy before a member has it, with a certificate asked of clients. */
async function secured(context: TestContext, port: number): Promise<number> {
  const server = tls.createServer({
    ...SERVER,
    ca: CA,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ["h2", "http/1.1"],
  });
  const open = new Set<net.Socket>();
  server.on("tlsClientError", () => undefined);
  server.on("secureConnection", (near) => {
    const far = net.connect(port, "127.0.0.1");
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}

function pem(name: string, text: string): string {
  const file = join(place.folder, `${name}.pem`);
  writeFileSync(file, text);
  return file;
}

const CERTIFICATES = ["--cacert", pem("ca", CA), "--cert", pem("cert", CLIENT.cert), "--key", pem("key", CLIENT.key)];

async function runSecurely(port: number): Promise<void> {
  const before = place.runs().length;
  const { code, stdout, stderr } = await place.run("--target", `endpoints=https://127.0.0.1:${port}`, ...CERTIFICATES)
    .ended;
  assert.equal(code, 0, stderr + stdout);
  const { capacity } = readSamples(place.runs()[before] as string);
  assert.notEqual(capacity[0]?.serverCpuMicrosPerOperation ?? null, null, "metrics over TLS, too");
}

test("https endpoints: the client shows its certificate and believes no stranger", async (t) => {
  const [clientPort] = (await freePorts(t, 1)) as [number];
  const server = new ServerProcess(t, { clientPort });
  server.start();
  await server.ready();
  const port = await secured(t, clientPort);
  await runSecurely(port);
  assert.deepEqual(await keysLeft(t, server), []);
  const believer = (trusted: TlsOptions) =>
    connectEndpoints({
      ...{ endpoints: [`https://127.0.0.1:${port}`], keyPrefix: "x/", prng: new Prng(1), say: () => undefined },
      tls: trusted,
    });
  const refused = (error: unknown) =>
    error instanceof TargetError && /^https:\S+ does not answer: /.test(error.message);
  await assert.rejects(() => believer({ ...CLIENT, ca: STRANGER.cert }), refused);
  await assert.rejects(() => believer({ ca: CA }), refused, "without a certificate of its own it is not let in");
});

test("Go etcd behind its own TLS", async (t) => {
  const unavailable = whyNot("etcd");
  if (unavailable !== null) return t.skip(unavailable);
  const [clientPort, metricsPort] = (await freePorts(t, 2)) as [number, number];
  const url = `https://127.0.0.1:${clientPort}`;
  const server = new ServerProcess(t, {
    ...{ kind: "etcd", clientPort: metricsPort, advertiseClientUrl: url },
    flags: [
      `--listen-client-urls=${url}`,
      `--listen-metrics-urls=http://127.0.0.1:${metricsPort}`,
      ...["--client-cert-auth", `--trusted-ca-file=${pem("ca", CA)}`],
      ...[`--cert-file=${pem("server", SERVER.cert)}`, `--key-file=${pem("server-key", SERVER.key)}`],
    ],
  });
  server.start();
  await server.ready();
  await runSecurely(clientPort);
});

test("what does not go together is one line and exit code 64, before anything is touched", async () => {
  const faulty = new Workplace();
  const cases: readonly [plan: string, target: string | null, options: AccessOptions, line: RegExp][] = [
    [faulty.plan, "127.0.0.1:1", {}, /^plan small has faults, and members that run already get load and checks only/],
    [place.plan, "10.255.255.1,127.0.0.1", {}, /^http:\/\/10\.255\.255\.1:2379 is not this machine: --yes /],
    [place.plan, "127.0.0.1.example.com", {}, /is not this machine: --yes says/],
    [place.plan, null, { yes: true }, /^--yes is for a target of endpoints/],
    [place.plan, null, { cacert: "x.pem" }, /^--cacert is for a target of endpoints/],
    [place.plan, "127.0.0.1:1", { cacert: "x.pem" }, /^--cacert is for https endpoints/],
    [place.plan, "https://127.0.0.1:1", { cert: "x.pem" }, /^--cert and --key belong together/],
    [place.plan, "https://127.0.0.1:1", { cacert: "nowhere.pem" }, /^--cacert nowhere\.pem: ENOENT/],
    [place.plan, "https://127.0.0.1:1", { cacert: place.plan }, /^--cacert .*: nothing in it is in PEM$/],
    [
      place.plan,
      "https://127.0.0.1:1",
      { cert: pem("cert", CLIENT.cert), key: pem("other", SERVER.key) },
      /^--cacert, --cert or --key is not what TLS needs: /,
    ],
  ];
  const access = (plan: string, endpoints: string | null, options: AccessOptions): unknown => {
    const target = endpoints === null ? null : parseTarget(`endpoints=${endpoints}`);
    return accessOf(loadPlan(plan, { target, seed: 1 }), options);
  };
  for (const [plan, target, options, line] of cases)
    assert.throws(
      () => access(plan, target, options),
      (error) => error instanceof CommandError && error.exitCode === 64 && line.test(error.message),
      String(line),
    );
  for (const near of ["127.9.9.9:1", "localhost", "[0:0:0:0:0:0:0:1]:2"])
    assert.deepEqual(access(place.plan, near, {}), {});
  assert.deepEqual(access(place.plan, "10.255.255.1", { yes: true }), {});
  assert.deepEqual(access("steady", "https://10.255.255.1", { yes: true, cacert: pem("ca", CA) }), { ca: CA });

  const { code, stdout, stderr } = await faultline("run", faulty.plan, "--target", "endpoints=127.0.0.1:1");
  assert.deepEqual([code, stdout, stderr.trimEnd().split("\n").length], [64, "", 1], stderr);
  const up = await faultline("up", "--target", "endpoints=127.0.0.1:1");
  assert.equal(up.code, 64);
  assert.match(up.stderr, /endpoints run already/);
  faulty.remove();
});

test("members that do not answer are one line and exit code 69, with no report of a run that never was", async () => {
  const { code, stderr } = await place.run("--target", "endpoints=127.0.0.1:1").ended;
  assert.equal(code, 69, stderr);
  assert.match(stderr, /^http:\/\/127\.0\.0\.1:1 does not answer: /m);
});
