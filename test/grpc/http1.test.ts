import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import fc from "../support/fast-check.ts";
import { MemoryStream } from "../support/streams.ts";

const servers: GrpcServer[] = [];
after(() => Promise.all(servers.map((server) => server.close(0))));

function serve(): GrpcServer {
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock, maxRequestBytes: 1_000 });
  servers.push(server);
  server.http1((request) => {
    const { method, path, query, body } = request;
    if (path === "/bug") throw new TypeError("a bug");
    const text = `${method} ${path} ${query.toString()} ${Buffer.from(body).toString()}`;
    const response = { status: 200, headers: { "content-type": "text/plain" }, body: text };
    return path === "/later" ? new Promise((resolve) => setImmediate(() => resolve(response))) : response;
  });
  return server;
}

/** Sends `request` in pieces, half-closes when told, and returns everything that comes back until the server closes. */
function exchange(request: string, cut?: (length: number) => number): Promise<string> {
  const [near, far] = MemoryStream.pair(cut);
  serve().accept(far);
  return new Promise((resolve) => {
    let received = "";
    near.handle({
      data: (bytes) => {
        received += Buffer.from(bytes).toString("latin1");
      },
      closed: () => resolve(received),
    });
    near.write(Buffer.from(request, "latin1"));
  });
}

const CLOSE = "host: a\r\nconnection: close\r\n\r\n";

function statuses(text: string): string[] {
  return [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => match[1] as string);
}

/** The bodies of the 200s, cut out by their content-length. */
function bodies(text: string): string[] {
  const found: string[] = [];
  for (const match of text.matchAll(/content-length: (\d+)\r\n(?:connection: close\r\n)?\r\n/g)) {
    const start = (match.index as number) + match[0].length;
    found.push(text.slice(start, start + Number(match[1])));
  }
  return found;
}

describe("HTTP/1.1 on the same port", () => {
  it("answers GET with query, in however small pieces it comes", async () => {
    for (const cut of [undefined, () => 1, () => 7]) {
      const text = await exchange(`GET /health?serializable=true HTTP/1.1\r\n${CLOSE}`, cut);
      assert.match(text, /^HTTP\/1\.1 200 OK\r\ncontent-type: text\/plain\r\n/);
      assert.deepEqual(bodies(text), ["GET /health serializable=true "]);
    }
  });

  it("answers pipelined requests in order, slow ones included", async () => {
    const pipeline =
      "GET /later HTTP/1.1\r\nhost: a\r\n\r\n" +
      "POST /post HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello" +
      "POST /chunks HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nt: 1\r\n\r\n" +
      `GET /last HTTP/1.1\r\n${CLOSE}`;
    for (const cut of [undefined, () => 1, () => 13]) {
      const text = await exchange(pipeline, cut);
      assert.deepEqual(bodies(text), ["GET /later  ", "POST /post  hello", "POST /chunks  abcde", "GET /last  "]);
    }
  });

  it("answers HEAD without a body and 500 for a bug", async () => {
    const text = await exchange(`HEAD /x HTTP/1.1\r\nhost: a\r\n\r\nGET /bug HTTP/1.1\r\n${CLOSE}`);
    assert.deepEqual(statuses(text), ["200", "500"]);
    assert.match(text, /content-length: 9\r\n\r\nHTTP\/1\.1 500/);
  });

  it("closes behind an HTTP/1.0 request", async () => {
    assert.deepEqual(statuses(await exchange("GET / HTTP/1.0\r\n\r\n")), ["200"]);
  });

  const refused: readonly (readonly [string, string, string[]])[] = [
    ["another method", `DELETE / HTTP/1.1\r\n${CLOSE}`, ["405"]],
    ["another version", `GET / HTTP/3.0\r\n${CLOSE}`, ["505"]],
    ["a missing host", "GET / HTTP/1.1\r\n\r\n", ["400"]],
    ["two hosts", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", ["400"]],
    ["a blank before the colon", "GET / HTTP/1.1\r\nhost : a\r\n\r\n", ["400"]],
    ["a folded field", "GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n", ["400"]],
    ["a bare line feed in a field", "GET / HTTP/1.1\r\nhost: a\nx: y\r\n\r\n", ["400"]],
    ["a relative target", `GET x HTTP/1.1\r\n${CLOSE}`, ["400"]],
    ["two lengths", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", ["400"]],
    [
      "a length and chunks",
      "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
      ["400"],
    ],
    ["a signed length", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na", ["400"]],
    ["another coding", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n", ["501"]],
    ["a chunk that is no number", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n", ["400"]],
    ["a chunk without its end", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\nabcdef", ["400"]],
    ["a body above the limit", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1001\r\n\r\n", ["413"]],
    ["chunks above the limit", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n", ["413"]],
    ["a head above the limit", `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}`, ["431"]],
    ["too many fields", `GET / HTTP/1.1\r\n${"x: y\r\n".repeat(101)}${CLOSE}`, ["431"]],
    ["something that is no HTTP", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001", []],
    ["a line of something else", "EHLO example.org\r\n", []],
    ["almost HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", ["505"]],
  ];
  for (const [what, request, expected] of refused) {
    it(`refuses ${what} and closes`, async () => {
      assert.deepEqual(statuses(await exchange(request)), expected);
    });
  }

  it("survives garbage", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.nat(20), async (garbage, cut) => {
        const [near, far] = MemoryStream.pair(() => cut + 1);
        serve().accept(far);
        let closed = false;
        near.handle({ data() {}, closed: () => (closed = true) });
        near.write(garbage);
        near.end();
        while (!closed) await new Promise((resolve) => setImmediate(resolve));
      }),
      { numRuns: 50 },
    );
  });
});
