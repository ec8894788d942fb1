/** The HTTP surface, held against what the real server answers. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { ToxiproxyRequestError } from "../../../../src/harness/faults/toxiproxy/client.ts";
import { conformance } from "./servers.ts";
import { dial, echo, startServer } from "./support.ts";

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

/** Method, path and body; status and text. */
type Refusal = readonly [string, string, string | undefined, number, string | RegExp];

const UPSTREAM = "127.0.0.1:1";
const proxyBody = (name: string, more: object = {}) =>
  JSON.stringify({ name, listen: "127.0.0.1:0", upstream: UPSTREAM, ...more });

await conformance("HTTP API", (claim) => {
  claim("a new server has no proxies", async (t, target) => {
    const { url } = await target.start(t);
    const index = await call(url, "GET", "/proxies");
    assert.equal(index.status, 200);
    assert.equal(index.body, "{}");
    assert.equal(index.headers["content-type"], "application/json");
    assert.ok(index.headers["x-toxiproxy-request-id"]);
  });

  claim(
    "the version is JSON with a space and a line end of its own",
    async (t, target) => {
      const { url } = await target.start(t);
      const version = await call(url, "GET", "/version");
      assert.match(version.body, /^\{"version": "[^"]+"\}\n$/);
      assert.equal(version.headers["content-type"], "application/json;charset=utf-8");
    },
    7,
  );

  claim("a created proxy is answered with its bound address, its fields in order", async (t, target) => {
    const { url } = await target.start(t);
    const created = await call(url, "POST", "/proxies", proxyBody("a", { listen: "localhost:0", toxics: [{}] }));
    assert.equal(created.status, 201);
    const parsed = JSON.parse(created.body);
    // A field that got out by accident, which ours leaves out.
    const names = Object.keys(parsed).filter((name) => name !== "Logger");
    assert.deepEqual(names, ["name", "listen", "upstream", "enabled", "toxics"]);
    assert.match(parsed.listen, /^127\.0\.0\.1:[1-9]\d*$/);
    assert.equal(parsed.enabled, true);
    assert.deepEqual(parsed.toxics, []);
    assert.equal((await call(url, "GET", "/proxies/a")).body, created.body);
    assert.deepEqual(JSON.parse((await call(url, "GET", "/proxies")).body), { a: parsed });
  });

  claim("every refusal has the real server's status, text and headers", async (t, target) => {
    const { url } = await target.start(t);
    const taken = JSON.parse((await call(url, "POST", "/proxies", proxyBody("a"))).body).listen;
    await call(url, "POST", "/proxies/a/toxics", JSON.stringify({ type: "latency" }));
    const cases: readonly Refusal[] = [
      ["POST", "/proxies", "", 400, "bad request body: EOF"],
      ["POST", "/proxies", "{", 400, "bad request body: unexpected EOF"],
      ["POST", "/proxies", '{"name":"x', 400, "bad request body: unexpected EOF"],
      [
        "POST",
        "/proxies",
        '{"name":"x",}',
        400,
        "bad request body: invalid character '}' looking for beginning of object key string",
      ],
      ["POST", "/proxies", "[]", 400, /^bad request body: json: cannot unmarshal array/],
      ["POST", "/proxies", '"x"', 400, /^bad request body: json: cannot unmarshal string/],
      ["POST", "/proxies", '{"enabled":1}', 400, /^bad request body: json: cannot unmarshal number/],
      ["POST", "/proxies/a", "", 400, "bad request body: EOF"],
      ["POST", "/proxies/a", '{"upstream":[]}', 400, /^bad request body: json: cannot unmarshal array/],
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
      ...(
        [
          ["a:b:c", "listen tcp: address a:b:c: too many colons in address"],
          ["127.0.0.1:99999", "listen tcp: address 99999: invalid port"],
          ["127.0.0.1:x", "listen tcp: lookup tcp/x: unknown port"],
          ["192.0.2.1:80", "listen tcp 192.0.2.1:80: bind: cannot assign requested address"],
          ["nohost.invalid:1", /^listen tcp: lookup nohost\.invalid.*: (no such host|.*)$/],
        ] as const
      ).map(([listen, text]): Refusal => ["POST", "/proxies", proxyBody("b", { listen }), 500, text]),
      ["GET", "/proxies/b", undefined, 404, "proxy not found"],
      ["POST", "/proxies/b", "{", 404, "proxy not found"],
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
      ["POST", "/proxies/a/toxics", '{"type":"latency","stream":""}', 400, /^stream was invalid/],
      ["POST", "/proxies/a/toxics", '{"stream":"sideways","attributes":5}', 400, /^bad request body: /],
      ["POST", "/proxies/a/toxics", '{"type":"down"}', 400, "invalid toxic type"],
      ["POST", "/proxies/a/toxics", "{}", 400, "invalid toxic type"],
      ["POST", "/proxies/a/toxics", '{"type":"latency","toxicity":1e39}', 400, /number 1e39 into .* float32$/],
      ["POST", "/proxies/a/toxics", '{"type":"noop","toxicity":"1"}', 400, /^bad request body: /],
      ...["1e3", "5.0", "9223372036854775808", "[]", "true"].map(
        (value): Refusal => [
          "POST",
          "/proxies/a/toxics",
          `{"type":"latency","name":"x","attributes":{"jitter":${value}}}`,
          400,
          /^bad request body: json: cannot unmarshal /,
        ],
      ),
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
      ["POST", "/proxies/a/toxics/x", "{", 404, "toxic not found"],
      ["DELETE", "/proxies/a/toxics/x", undefined, 404, "toxic not found"],
    ];
    for (const [method, path, body, status, text] of cases) {
      const answer = await call(url, method, path, body);
      const label = `${method} ${path} ${body}`;
      assert.equal(answer.status, status, label);
      assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8", label);
      assert.equal(answer.headers["x-content-type-options"], "nosniff", label);
      assert.ok(answer.headers["x-toxiproxy-request-id"], label);
      assert.ok(answer.body.endsWith("}\n"), label);
      const parsed = JSON.parse(answer.body);
      assert.deepEqual(Object.keys(parsed), ["error", "status"], label);
      assert.equal(parsed.status, status, label);
      if (typeof text === "string") assert.equal(parsed.error, text, label);
      else assert.match(parsed.error, text, label);
    }
    assert.deepEqual(Object.keys(JSON.parse((await call(url, "GET", "/proxies")).body)), ["a"]);
  });

  claim(
    "unknown paths, wrong methods, doubled slashes and browsers are turned away as by the real server",
    async (t, target) => {
      const { url } = await target.start(t);
      const unknown = await call(url, "GET", "/nothing");
      assert.deepEqual([unknown.status, unknown.body], [404, "404 page not found\n"]);
      assert.equal(unknown.headers["x-toxiproxy-request-id"], undefined);
      const wrong = await call(url, "DELETE", "/version");
      assert.deepEqual([wrong.status, wrong.body, wrong.headers["allow"]], [405, "", undefined]);
      const doubled = await call(url, "GET", "//version");
      assert.deepEqual([doubled.status, doubled.headers["location"]], [301, "/version"]);
      for (const path of ["/proxies/", "/proxies/a%2Fb", "/metrics"])
        assert.equal((await call(url, "GET", path)).status, 404, path);
      for (const method of ["HEAD", "PUT", "OPTIONS"]) {
        const answer = await call(url, method, "/proxies/a");
        assert.deepEqual([answer.status, answer.body], [405, ""], method);
      }
      assert.equal((await call(url, "GET", "//proxies/./a?x=1")).headers["location"], "/proxies/a?x=1");
      const broken = await call(url, "GET", "/proxies/%zz");
      assert.deepEqual([broken.status, broken.body], [400, "400 Bad Request"]);
      const elsewhere = await call(url, "GET", "/nothing", undefined, { "user-agent": "Mozilla/5.0" });
      assert.equal(elsewhere.status, 404, "browsers are turned away on known paths only");
      const browser = await call(url, "GET", "/proxies", undefined, { "user-agent": "Mozilla/5.0" });
      assert.deepEqual([browser.status, browser.body], [403, "User agent not allowed\n"]);
    },
  );

  claim(
    "bodies are read as Go reads them: any case, extra fields, anything after the first value",
    async (t, target) => {
      const { url } = await target.start(t);
      const body = `{"NAME":"a","Listen":"127.0.0.1:0","upStream":"${UPSTREAM}","enabled":null,"x":{"}":"]"}} trailing {`;
      const created = await call(url, "POST", "/proxies", body);
      assert.equal(created.status, 201, created.body);
      assert.equal(JSON.parse(created.body).enabled, true);
    },
  );

  claim("toxics: defaults, echo of what was given, partial updates, listing order", async (t, target) => {
    const { url } = await target.start(t);
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
    for (const method of target.minor < 6 ? ["POST"] : ["POST", "PATCH"]) {
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

  claim(
    "populate checks all before it creates any, keeps what is the same, and stops at the first failure",
    async (t, target) => {
      const { url } = await target.start(t);
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
      await call(url, "POST", "/proxies/a", JSON.stringify({ enabled: false }));
      const same = await populate([spec("a", target.minor < 12 ? listen : listen.replace("127.0.0.1", "localhost"))]);
      assert.equal(same.status, 201);
      const kept = JSON.parse((await call(url, "GET", "/proxies/a")).body);
      assert.deepEqual([kept.toxics.length, kept.enabled], [1, false], "toxics kept, not enabled again");
      // Older ones answered what was asked instead of what there is.
      if (target.minor >= 12) assert.deepEqual(same.json.proxies, [kept]);
      await call(url, "POST", "/proxies/a", JSON.stringify({ enabled: true }));
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
    },
  );

  claim(
    "an update that cannot bind leaves the proxy disabled with the new address; reset repairs what it can",
    async (t, target) => {
      const { url } = await target.start(t);
      const listen = async (name: string) =>
        JSON.parse((await call(url, "POST", "/proxies", proxyBody(name))).body).listen;
      const a = await listen("a");
      await listen("b");
      const update = await call(url, "POST", "/proxies/b", JSON.stringify({ listen: a, upstream: "127.0.0.1:2" }));
      assert.equal(update.status, 500);
      const b = JSON.parse((await call(url, "GET", "/proxies/b")).body);
      assert.deepEqual([b.listen, b.upstream, b.enabled], [a, "127.0.0.1:2", false]);
      assert.equal((await call(url, "POST", "/reset")).status, 500);
      await call(url, "DELETE", "/proxies/a");
      await call(url, "POST", "/proxies/b/toxics", JSON.stringify({ type: "timeout" }));
      assert.equal((await call(url, "POST", "/reset")).status, 204);
      const after = JSON.parse((await call(url, "GET", "/proxies/b")).body);
      assert.deepEqual([after.listen, after.enabled, after.toxics], [a, true, []]);
    },
  );

  claim(
    "through toxiproxy-node-client: everything the harness uses, with the server's status and text in errors",
    async (t, target) => {
      const client = await target.start(t);
      const { address } = await startServer(t, echo);
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
      await assert.rejects(
        new (client.constructor as new (url: string) => typeof client)("http://127.0.0.1:1").version(),
        {
          status: null,
        },
      );
    },
  );

  claim(
    "an update to an address that cannot be parsed changes nothing and is told without the word listen",
    async (t, target) => {
      const { url } = await target.start(t);
      const { listen } = JSON.parse((await call(url, "POST", "/proxies", proxyBody("a"))).body);
      for (const [given, text] of [
        ["nonsense", "address nonsense: missing port in address"],
        ["a:b:c", "address a:b:c: too many colons in address"],
        ["127.0.0.1:99999", "address 99999: invalid port"],
      ]) {
        const refused = await call(url, "PATCH", "/proxies/a", JSON.stringify({ listen: given }));
        assert.deepEqual([refused.status, JSON.parse(refused.body).error], [500, text]);
        const populated = await call(url, "POST", "/populate", `[${proxyBody("a", { listen: given })}]`);
        assert.deepEqual(JSON.parse(populated.body), { error: text, status: 500, proxies: null });
      }
      const after = JSON.parse((await call(url, "GET", "/proxies/a")).body);
      assert.deepEqual([after.listen, after.enabled], [listen, true]);
    },
    12,
  );

  claim("a disabled proxy keeps its address as given; listening everywhere is told as IPv6", async (t, target) => {
    const { url } = await target.start(t);
    const created = await call(url, "POST", "/proxies", proxyBody("a", { listen: "localhost:0", enabled: false }));
    assert.equal(JSON.parse(created.body).listen, "localhost:0");
    const update = await call(url, "POST", "/proxies/a", JSON.stringify({ upstream: "127.0.0.1:2", name: "b" }));
    const { name, listen, upstream, enabled } = JSON.parse(update.body);
    assert.deepEqual([name, listen, upstream, enabled], ["a", "localhost:0", "127.0.0.1:2", false]);
    const enable = await call(url, "POST", "/proxies/a", JSON.stringify({ enabled: true }));
    assert.match(JSON.parse(enable.body).listen, /^127\.0\.0\.1:[1-9]/);
    for (const [which, everywhere] of Object.entries({ b: "0.0.0.0:0", c: ":0", d: "" })) {
      const answer = await call(url, "POST", "/proxies", proxyBody(which, { listen: everywhere }));
      assert.match(JSON.parse(answer.body).listen, /^\[::\]:[1-9]/, everywhere);
      await call(url, "DELETE", `/proxies/${which}`);
    }
  });

  claim(
    "the index is sorted by name, also where names are numbers; names with spaces can be addressed",
    async (t, target) => {
      const { url } = await target.start(t);
      for (const name of ["sp ace", "9", "10", "a<b>&", "ä"]) await call(url, "POST", "/proxies", proxyBody(name));
      const { body } = await call(url, "GET", "/proxies");
      const order = [...body.matchAll(/"([^"]+)":\{"name":/g)].map((match) => match[1]);
      assert.deepEqual(order, ["10", "9", "a\\u003cb\\u003e\\u0026", "sp ace", "ä"]);
      assert.equal(JSON.parse((await call(url, "GET", "/proxies/sp%20ace")).body).name, "sp ace");
      assert.equal((await call(url, "DELETE", "/proxies/%C3%A4")).status, 204);
      assert.equal((await call(url, "DELETE", "/proxies/%C3%A4")).status, 404);
    },
  );

  claim("every type of toxic has its attributes, in order, zero by default", async (t, target) => {
    const { url } = await target.start(t);
    await call(url, "POST", "/proxies", proxyBody("a"));
    for (const [type, attributes] of Object.entries({
      noop: [],
      latency: ["latency", "jitter"],
      bandwidth: ["rate"],
      slow_close: ["delay"],
      timeout: ["timeout"],
      reset_peer: ["timeout"],
      slicer: ["average_size", "size_variation", "delay"],
      limit_data: ["bytes"],
    })) {
      const zero = attributes.map((name) => `"${name}":0`).join(",");
      const text = `{"attributes":{${zero}},"name":"${type}_downstream","type":"${type}","stream":"downstream","toxicity":1}`;
      assert.equal((await call(url, "POST", "/proxies/a/toxics", JSON.stringify({ type }))).body, text);
      assert.equal((await call(url, "GET", `/proxies/a/toxics/${type}_downstream`)).body, text);
    }
  });

  claim("toxicity is a 32-bit float; a refused attribute does not keep the ones beside it out", async (t, target) => {
    const { url } = await target.start(t);
    await call(url, "POST", "/proxies", proxyBody("a"));
    const path = "/proxies/a/toxics/latency_downstream";
    const toxic = (text: string) => call(url, "POST", "/proxies/a/toxics", text);
    assert.equal(JSON.parse((await toxic('{"type":"latency","toxicity":0.123456789}')).body).toxicity, 0.12345679);
    for (const [given, shown] of [
      ["0.3", "0.3"],
      ["1e-9", "1e-9"],
      ["1e21", "1e+21"],
      ["16777217", "16777216"],
    ])
      assert.ok((await call(url, "POST", path, `{"toxicity":${given}}`)).body.endsWith(`"toxicity":${shown}}`), given);
    const refused = await call(url, "POST", path, '{"toxicity":0.5,"attributes":{"latency":"x","jitter":5}}');
    assert.equal(refused.status, 400);
    const after = JSON.parse((await call(url, "GET", path)).body);
    assert.deepEqual([after.attributes, after.toxicity], [{ latency: 0, jitter: 5 }, 16777216]);
  });

  claim("a replacement that cannot be started leaves the old proxy, disabled, with its toxics", async (t, target) => {
    const { url } = await target.start(t);
    const taken = JSON.parse((await call(url, "POST", "/proxies", proxyBody("a"))).body).listen;
    const b = JSON.parse((await call(url, "POST", "/proxies", proxyBody("b"))).body).listen;
    await call(url, "POST", "/proxies/b/toxics", JSON.stringify({ type: "latency" }));
    const failed = await call(url, "POST", "/populate", `[${proxyBody("b", { listen: taken })}]`);
    assert.equal(failed.status, 500);
    const after = JSON.parse((await call(url, "GET", "/proxies/b")).body);
    assert.deepEqual([after.listen, after.enabled, after.toxics.length], [b, false, 1]);
    for (const body of ["", "{}", "[5]", "[{]"]) {
      const answer = await call(url, "POST", "/populate", body);
      assert.equal(answer.headers["content-type"], "application/json", body);
      assert.match(answer.body, /^\{"error":"bad request body: .*","status":400,"proxies":null\}$/, body);
    }
    assert.equal((await call(url, "POST", "/populate", "null")).body, '{"proxies":null}');
  });

  claim(
    "a deleted proxy frees its port; reset brings up what was disabled and takes all toxics away",
    async (t, target) => {
      const { url } = await target.start(t);
      const { listen } = JSON.parse((await call(url, "POST", "/proxies", proxyBody("a"))).body);
      const deleted = await call(url, "DELETE", "/proxies/a");
      assert.deepEqual([deleted.status, deleted.body], [204, ""]);
      assert.equal((await call(url, "DELETE", "/proxies/a")).status, 404);
      assert.equal((await call(url, "POST", "/proxies", proxyBody("b", { listen }))).status, 201);
      for (const [type, stream] of [
        ["latency", "upstream"],
        ["latency", "downstream"],
        ["timeout", "downstream"],
      ])
        await call(url, "POST", "/proxies/b/toxics", JSON.stringify({ type, stream }));
      await call(url, "POST", "/proxies/b", '{"enabled":false}');
      const reset = await call(url, "POST", "/reset");
      assert.deepEqual([reset.status, reset.body], [204, ""]);
      const after = JSON.parse((await call(url, "GET", "/proxies/b")).body);
      assert.deepEqual([after.listen, after.enabled, after.toxics], [listen, true, []]);
      assert.equal((await call(url, "GET", "/proxies/b/toxics")).body, "[]");
    },
  );
});
