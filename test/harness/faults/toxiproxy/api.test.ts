/** The HTTP surface, held against what the real server answers. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { test } from "node:test";
import { ToxiproxyRequestError } from "../../../../src/harness/faults/toxiproxy/client.ts";
import { dial, echo, startServer, startToxiproxy } from "./support.ts";

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

function call(url: string, method: string, path: string, body?: string, headers = {}): Promise<Answer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers, agent: false }, async (incoming) => {
      let text = "";
      for await (const part of incoming) text += part;
      resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

const timeout = 20_000;
const UPSTREAM = "127.0.0.1:1";
const proxyBody = (name: string, more: object = {}) =>
  JSON.stringify({ name, listen: "127.0.0.1:0", upstream: UPSTREAM, ...more });

test("a new server has no proxies and tells its version as the real one does", { timeout }, async (t) => {
  const { url } = await startToxiproxy(t);
  const index = await call(url, "GET", "/proxies");
  assert.equal(index.status, 200);
  assert.equal(index.body, "{}");
  assert.equal(index.headers["content-type"], "application/json");
  assert.ok(index.headers["x-toxiproxy-request-id"]);
  const version = await call(url, "GET", "/version");
  assert.match(version.body, /^\{"version": "[^"]+"\}\n$/);
  assert.equal(version.headers["content-type"], "application/json;charset=utf-8");
});

test("a created proxy is answered with its bound address, its fields in order", { timeout }, async (t) => {
  const { url } = await startToxiproxy(t);
  const created = await call(url, "POST", "/proxies", proxyBody("a", { listen: "localhost:0", toxics: [{}] }));
  assert.equal(created.status, 201);
  const parsed = JSON.parse(created.body);
  assert.deepEqual(Object.keys(parsed), ["name", "listen", "upstream", "enabled", "toxics"]);
  assert.match(parsed.listen, /^127\.0\.0\.1:[1-9]\d*$/);
  assert.equal(parsed.enabled, true);
  assert.deepEqual(parsed.toxics, []);
  assert.equal((await call(url, "GET", "/proxies/a")).body, created.body);
  assert.deepEqual(JSON.parse((await call(url, "GET", "/proxies")).body), { a: parsed });
});

test("every refusal has the real server's status, text and headers", { timeout }, async (t) => {
  const { url } = await startToxiproxy(t);
  const taken = JSON.parse((await call(url, "POST", "/proxies", proxyBody("a"))).body).listen;
  await call(url, "POST", "/proxies/a/toxics", JSON.stringify({ type: "latency" }));
  const cases: [string, string, string | undefined, number, string | RegExp][] = [
    ["POST", "/proxies", "", 400, "bad request body: EOF"],
    ["POST", "/proxies", "{", 400, /^bad request body: /],
    ["POST", "/proxies", '{"name":5}', 400, /^bad request body: json: cannot unmarshal number/],
    ["POST", "/proxies", "null", 400, "missing required field: name"],
    ["POST", "/proxies", '{"upstream":"x:1"}', 400, "missing required field: name"],
    ["POST", "/proxies", '{"name":"b"}', 400, "missing required field: upstream"],
    ["POST", "/proxies", proxyBody("a"), 409, "proxy already exists"],
    ["POST", "/proxies", proxyBody("b", { listen: taken }), 500, `listen tcp ${taken}: bind: address already in use`],
    [
      "POST",
      "/proxies",
      proxyBody("b", { listen: "nonsense" }),
      500,
      "listen tcp: address nonsense: missing port in address",
    ],
    ["GET", "/proxies/b", undefined, 404, "proxy not found"],
    ["PATCH", "/proxies/b", "{", 404, "proxy not found"],
    ["DELETE", "/proxies/b", undefined, 404, "proxy not found"],
    ["GET", "/proxies/b/toxics", undefined, 404, "proxy not found"],
    ["POST", "/proxies/b/toxics", "{", 404, "proxy not found"],
    [
      "POST",
      "/proxies/a/toxics",
      '{"stream":"sideways"}',
      400,
      "stream was invalid, can be either upstream or downstream",
    ],
    ["POST", "/proxies/a/toxics", '{"type":"down"}', 400, "invalid toxic type"],
    ["POST", "/proxies/a/toxics", '{"type":"latency"}', 409, "toxic already exists"],
    [
      "POST",
      "/proxies/a/toxics",
      '{"type":"latency","name":"latency_downstream","stream":"upstream"}',
      409,
      "toxic already exists",
    ],
    [
      "POST",
      "/proxies/a/toxics",
      '{"type":"latency","name":"x","attributes":{"latency":"9"}}',
      400,
      /^bad request body: /,
    ],
    [
      "POST",
      "/proxies/a/toxics",
      '{"type":"latency","name":"x","attributes":{"latency":5.5}}',
      400,
      /^bad request body: /,
    ],
    ["GET", "/proxies/a/toxics/x", undefined, 404, "toxic not found"],
    ["PATCH", "/proxies/a/toxics/x", "{", 404, "toxic not found"],
    ["DELETE", "/proxies/a/toxics/x", undefined, 404, "toxic not found"],
  ];
  for (const [method, path, body, status, text] of cases) {
    const answer = await call(url, method, path, body);
    const label = `${method} ${path} ${body}`;
    assert.equal(answer.status, status, label);
    assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8", label);
    assert.equal(answer.headers["x-content-type-options"], "nosniff", label);
    assert.ok(answer.body.endsWith("}\n"), label);
    const parsed = JSON.parse(answer.body);
    assert.deepEqual(Object.keys(parsed), ["error", "status"], label);
    assert.equal(parsed.status, status, label);
    if (typeof text === "string") assert.equal(parsed.error, text, label);
    else assert.match(parsed.error, text, label);
  }
  assert.deepEqual(Object.keys(JSON.parse((await call(url, "GET", "/proxies")).body)), ["a"]);
});

test("unknown paths, wrong methods, doubled slashes and browsers are turned away as by the real server", {
  timeout,
}, async (t) => {
  const { url } = await startToxiproxy(t);
  const unknown = await call(url, "GET", "/nothing");
  assert.deepEqual([unknown.status, unknown.body], [404, "404 page not found\n"]);
  assert.equal(unknown.headers["x-toxiproxy-request-id"], undefined);
  const wrong = await call(url, "DELETE", "/version");
  assert.deepEqual([wrong.status, wrong.body, wrong.headers["allow"]], [405, "", undefined]);
  const doubled = await call(url, "GET", "//version");
  assert.deepEqual([doubled.status, doubled.headers["location"]], [301, "/version"]);
  const browser = await call(url, "GET", "/proxies", undefined, { "user-agent": "Mozilla/5.0" });
  assert.deepEqual([browser.status, browser.body], [403, "User agent not allowed\n"]);
});

test("bodies are read as Go reads them: any case, extra fields, anything after the first value", {
  timeout,
}, async (t) => {
  const { url } = await startToxiproxy(t);
  const body = `{"NAME":"a","Listen":"127.0.0.1:0","upStream":"${UPSTREAM}","enabled":null,"x":{"}":"]"}} trailing {`;
  const created = await call(url, "POST", "/proxies", body);
  assert.equal(created.status, 201, created.body);
  assert.equal(JSON.parse(created.body).enabled, true);
});

test("toxics: defaults, echo of what was given, partial updates, listing order", { timeout }, async (t) => {
  const { url } = await startToxiproxy(t);
  await call(url, "POST", "/proxies", proxyBody("a"));
  const add = (toxic: object) => call(url, "POST", "/proxies/a/toxics", JSON.stringify(toxic));
  const latency = await add({ type: "latency", attributes: { latency: -5, unknown: 1 }, toxicity: 7 });
  assert.equal(latency.status, 200);
  assert.equal(
    latency.body,
    '{"attributes":{"latency":-5,"jitter":0},"name":"latency_downstream","type":"latency","stream":"downstream","toxicity":7}',
  );
  assert.equal(JSON.parse((await add({ type: "latency", stream: "UPSTREAM" })).body).name, "latency_UPSTREAM");
  await add({ type: "noop", name: "n", stream: "upstream", attributes: null });
  const names = JSON.parse((await call(url, "GET", "/proxies/a/toxics")).body).map(
    (toxic: { name: string }) => toxic.name,
  );
  assert.deepEqual(names, ["latency_UPSTREAM", "n", "latency_downstream"]);
  for (const method of ["POST", "PATCH"]) {
    const jitter = method === "POST" ? 3 : 4;
    const updated = await call(
      url,
      method,
      "/proxies/a/toxics/latency_downstream",
      JSON.stringify({ attributes: { jitter }, name: "ignored", stream: "upstream", type: "noop" }),
    );
    assert.equal(updated.status, 200);
    const parsed = JSON.parse(updated.body);
    assert.deepEqual(parsed.attributes, { latency: -5, jitter });
    assert.deepEqual([parsed.name, parsed.stream, parsed.toxicity], ["latency_downstream", "downstream", 7]);
  }
  const removed = await call(url, "DELETE", "/proxies/a/toxics/n");
  assert.deepEqual([removed.status, removed.body], [204, ""]);
  assert.equal((await call(url, "GET", "/proxies/a/toxics/n")).status, 404);
});

test("populate checks all before it creates any, keeps what is the same, and stops at the first failure", {
  timeout,
}, async (t) => {
  const { url } = await startToxiproxy(t);
  const populate = async (list: unknown) => {
    const answer = await call(url, "POST", "/populate", JSON.stringify(list));
    return { ...answer, json: JSON.parse(answer.body) };
  };
  const spec = (name: string, listen = "127.0.0.1:0") => ({ name, listen, upstream: UPSTREAM });
  const bad = await populate([spec("a"), { upstream: UPSTREAM }]);
  assert.deepEqual([bad.status, bad.json.error], [400, "missing required field: name at proxy 2"]);
  assert.equal((await call(url, "GET", "/proxies")).body, "{}");
  assert.deepEqual((await populate([])).json, { proxies: null });

  const first = await populate([spec("a"), { ...spec("b"), enabled: false }]);
  assert.equal(first.status, 201);
  assert.deepEqual(
    first.json.proxies.map((proxy: { name: string; enabled: boolean }) => [proxy.name, proxy.enabled]),
    [
      ["a", true],
      ["b", false],
    ],
  );
  const { listen } = first.json.proxies[0];
  await call(url, "POST", "/proxies/a/toxics", JSON.stringify({ type: "latency" }));
  await call(url, "PATCH", "/proxies/a", JSON.stringify({ enabled: false }));
  const same = await populate([spec("a", listen.replace("127.0.0.1", "localhost"))]);
  assert.equal(same.json.proxies[0].toxics.length, 1, "toxics kept");
  assert.equal(same.json.proxies[0].enabled, false, "not enabled again");
  await call(url, "PATCH", "/proxies/a", JSON.stringify({ enabled: true }));
  const replaced = await populate([{ ...spec("a", listen), upstream: "127.0.0.1:2" }]);
  assert.deepEqual(replaced.json.proxies[0].toxics, []);
  assert.equal(replaced.json.proxies[0].listen, listen);

  const broken = await populate([spec("c"), spec("d", listen), spec("e")]);
  assert.equal(broken.status, 500);
  assert.match(broken.json.error, /address already in use/);
  assert.equal(broken.headers["content-type"], "application/json");
  assert.deepEqual(
    broken.json.proxies.map((proxy: { name: string }) => proxy.name),
    ["c"],
  );
  assert.deepEqual(Object.keys(JSON.parse((await call(url, "GET", "/proxies")).body)).sort(), ["a", "b", "c"]);
});

test("an update that cannot bind leaves the proxy disabled with the new address; reset repairs what it can", {
  timeout,
}, async (t) => {
  const { url } = await startToxiproxy(t);
  const listen = async (name: string) => JSON.parse((await call(url, "POST", "/proxies", proxyBody(name))).body).listen;
  const a = await listen("a");
  await listen("b");
  const update = await call(url, "POST", "/proxies/b", JSON.stringify({ listen: a, upstream: "127.0.0.1:2" }));
  assert.equal(update.status, 500);
  const b = JSON.parse((await call(url, "GET", "/proxies/b")).body);
  assert.deepEqual([b.listen, b.upstream, b.enabled], [a, "127.0.0.1:2", false]);
  assert.equal((await call(url, "POST", "/reset")).status, 500);
  const unparsable = await call(url, "POST", "/proxies/a", JSON.stringify({ listen: "x" }));
  assert.equal(unparsable.status, 500);
  assert.equal(JSON.parse((await call(url, "GET", "/proxies/a")).body).listen, a);
  await call(url, "DELETE", "/proxies/a");
  await call(url, "POST", "/proxies/b/toxics", JSON.stringify({ type: "timeout" }));
  assert.equal((await call(url, "POST", "/reset")).status, 204);
  const after = JSON.parse((await call(url, "GET", "/proxies/b")).body);
  assert.deepEqual([after.listen, after.enabled, after.toxics], [a, true, []]);
});

test("through toxiproxy-node-client: everything the harness uses, with the server's status and text in errors", {
  timeout,
}, async (t) => {
  const client = await startToxiproxy(t);
  const { address } = await startServer(t, echo);
  assert.match(await client.version(), /^2\.12/);
  assert.deepEqual(await client.populate([]), []);
  const [proxy] = await client.populate([{ name: "a", listen: "127.0.0.1:0", upstream: address }]);
  assert.ok(proxy);
  assert.deepEqual(await client.proxies(), [proxy]);
  const toxic = {
    name: "t",
    type: "latency",
    stream: "upstream",
    toxicity: 1,
    attributes: { latency: 1, jitter: 0 },
  } as const;
  await client.addToxic("a", toxic);
  await assert.rejects(client.addToxic("a", toxic), (error) => {
    assert.ok(error instanceof ToxiproxyRequestError);
    assert.equal(error.status, 409);
    assert.match(error.message, /toxic already exists/);
    return true;
  });
  await client.updateToxic("a", { ...toxic, attributes: { latency: 2, jitter: 1 } });
  const peer = await dial(t, proxy.listen);
  peer.socket.write("hello");
  await peer.until(() => peer.length === 5);
  await client.removeToxic("a", "t");
  await client.removeToxic("a", "t");
  assert.equal((await client.setEnabled("a", false)).enabled, false);
  await peer.until(() => peer.closed);
  await client.reset();
  await client.removeProxy("a");
  await assert.rejects(client.removeProxy("a"), { status: 404 });
  await assert.rejects(new (client.constructor as new (url: string) => typeof client)("http://127.0.0.1:1").version(), {
    status: null,
  });
});
