/** The server as a program: flags, the configuration file, metrics, signals. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { conformance, startProcess, type Target } from "./servers.ts";
import { dial, echo, eventually, startServer } from "./support.ts";

function run(target: Target, ...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  const [program, ...first] = target.command;
  return spawnSync(program as string, [...first, ...flags], { encoding: "utf8" });
}

function configFile(t: TestContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), "toxiproxy-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "proxies.json");
  writeFileSync(file, text);
  return file;
}

async function metrics(url: string): Promise<string> {
  const answer = await fetch(`${url}/metrics`);
  assert.equal(answer.status, 200);
  assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4; charset=utf-8/);
  return await answer.text();
}

/** Without what the real one's library counts about itself. */
async function proxyMetrics(url: string): Promise<readonly string[]> {
  return (await metrics(url)).split("\n").filter((line) => line.includes("toxiproxy_"));
}

await conformance("program", (claim) => {
  claim("-version prints the version and nothing runs; an unknown flag is refused", async (_t, target) => {
    const { status, stdout } = run(target, "-version");
    assert.equal(status, 0);
    assert.match(stdout, /^toxiproxy-server version \S+\n$/);
    assert.notEqual(run(target, "-nonsense").status, 0);
  });

  claim(
    "-config creates the proxies of a file; what is wrong with one is told and the server runs on",
    async (t, target) => {
      const proxies = [
        { name: "a", listen: "127.0.0.1:0", upstream: "127.0.0.1:1" },
        { name: "b", listen: "127.0.0.1:0", upstream: "127.0.0.1:1", enabled: false },
      ];
      const { client } = await startProcess(t, target, ["-config", configFile(t, JSON.stringify(proxies))]);
      const states = await client.proxies();
      assert.deepEqual(
        states.map(({ name, enabled }) => [name, enabled]),
        [
          ["a", true],
          ["b", false],
        ],
      );
      for (const file of [configFile(t, "nonsense"), "/no/such/file"]) {
        const broken = await startProcess(t, target, [`--config=${file}`]);
        assert.deepEqual(await broken.client.proxies(), []);
        await eventually(() => /"level":"error".*populate|"level":"error".*config/.test(broken.output()));
      }
    },
  );

  claim("LOG_LEVEL decides what is printed, one JSON object a line", async (t, target) => {
    const loud = await startProcess(t, target);
    const quiet = await startProcess(t, target, [], { LOG_LEVEL: "error" });
    for (const { client, output } of [loud, quiet]) {
      await client.populate([{ name: "a", listen: "127.0.0.1:0", upstream: "127.0.0.1:1" }]);
      for (const line of output().trim().split("\n"))
        if (line !== "") assert.equal(typeof JSON.parse(line).level, "string");
    }
    await eventually(() => loud.output().includes('"level":"info"'));
    assert.equal(quiet.output(), "");
  });

  claim(
    "SIGTERM ends it in good order",
    async (t, target) => {
      const { child } = await startProcess(t, target);
      child.kill("SIGTERM");
      const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
      assert.deepEqual([code, signal], [0, null]);
    },
    6,
  );

  claim("-proxy-metrics counts the bytes of each direction once its connection has ended", async (t, target) => {
    const { client } = await startProcess(t, target, ["-proxy-metrics"]);
    const { address } = await startServer(t, echo);
    const [proxy] = await client.populate([{ name: 'a "b"', listen: "127.0.0.1:0", upstream: address }]);
    assert.ok(proxy);
    assert.deepEqual(await proxyMetrics(client.url), [], "no counter before the first connection");
    const peer = await dial(t, proxy.listen);
    peer.socket.write("12345");
    await peer.until(() => peer.length === 5);
    assert.deepEqual(await proxyMetrics(client.url), [], "nor before it has ended");
    peer.socket.end();
    await peer.until(() => peer.closed);
    const line = (name: string, direction: string): string =>
      `toxiproxy_proxy_${name}_bytes_total{direction="${direction}",listener="${proxy.listen}",proxy="a \\"b\\"",upstream="${address}"} 5`;
    const expected = ["received", "sent"].flatMap((name) => [
      `# HELP toxiproxy_proxy_${name}_bytes_total `,
      `# TYPE toxiproxy_proxy_${name}_bytes_total counter`,
      line(name, "downstream"),
      line(name, "upstream"),
    ]);
    await eventually(async () => (await proxyMetrics(client.url)).length === expected.length);
    assert.deepEqual(await proxyMetrics(client.url), expected);
  });

  claim("dropped bytes are received but not sent", async (t, target) => {
    const { client } = await startProcess(t, target, ["-proxy-metrics=true"]);
    const { address } = await startServer(t, echo);
    const [proxy] = await client.populate([{ name: "a", listen: "127.0.0.1:0", upstream: address }]);
    assert.ok(proxy);
    await client.addToxic("a", {
      name: "t",
      type: "limit_data",
      stream: "upstream",
      toxicity: 1,
      attributes: { bytes: 3 },
    });
    const peer = await dial(t, proxy.listen);
    peer.socket.write("12345");
    await peer.until(() => peer.closed);
    const has = (text: string, name: string, count: number): boolean =>
      new RegExp(`${name}_bytes_total\\{direction="upstream",.*\\} ${count}\\n`).test(text);
    await eventually(async () => has(await metrics(client.url), "received", 5));
    await eventually(async () => has(await metrics(client.url), "sent", 3));
  });

  claim("-runtime-metrics tells about the process, and nothing about proxies", async (t, target) => {
    const { client } = await startProcess(t, target, ["-runtime-metrics"]);
    const text = await metrics(client.url);
    for (const name of ["process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds"])
      assert.match(text, new RegExp(`^${name} \\d`, "m"));
    assert.doesNotMatch(text, /toxiproxy_/);
  });
});
