/** One TLS port for gRPC and for HTTP/1.1, whatever the handshake agreed on. */
import assert from "node:assert/strict";
import https from "node:https";
import { after, before, describe, it } from "node:test";
import tls from "node:tls";
import grpc from "@grpc/grpc-js";
import { Prng } from "../../src/base/prng.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { tlsStreams } from "../../src/env/node/streams-tls.ts";
import type { StreamListener } from "../../src/env/streams.ts";
import { SILENT } from "../../src/env/trace.ts";
import { GrpcChannel } from "../../src/grpc/channel.ts";
import { PREFACE } from "../../src/grpc/frames.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import { CA, CLIENT, SERVER, STRANGER } from "../support/tls.ts";
import { BYTES, ECHO } from "./echo.ts";

let server: GrpcServer;
let listener: StreamListener;
let careful: StreamListener;

before(async () => {
  server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  server.unary(ECHO, (request) => request);
  server.http1(({ path }) => ({ status: path === "/health" ? 200 : 404, body: `${path}\n` }));
  const address = { host: "127.0.0.1", port: 0 };
  const demanding = { ...SERVER, ca: CA, requireClientCert: true };
  listener = await tlsStreams(SERVER).listen(address, (stream) => server.accept(stream));
  careful = await tlsStreams(demanding).listen(address, (stream) => server.accept(stream));
});

after(async () => {
  await listener.close();
  await careful.close();
  await server.close(0);
});

/** One call over a connection of its own. */
async function call(port: number, options: Parameters<typeof tlsStreams>[0]): Promise<string> {
  const channel = new GrpcChannel({
    network: tlsStreams(options),
    address: { host: "127.0.0.1", port },
    clock: nodeClock,
    prng: new Prng(1),
    scheme: "https",
  });
  try {
    return Buffer.from(await channel.callUnary(ECHO, Buffer.from("hello"))).toString();
  } finally {
    channel.close();
  }
}

const refused = (error: unknown): boolean => {
  assert.ok(error instanceof GrpcError);
  assert.deepEqual([error.code, error.reached], [StatusCode.UNAVAILABLE, false]);
  return true;
};

describe("a gRPC channel over TLS", () => {
  it("calls a server of its authority", async () => {
    assert.equal(await call(listener.address.port, { ca: CA }), "hello");
    assert.equal(await call(careful.address.port, { ca: CA, ...CLIENT }), "hello");
  });

  it("does not call a server that it cannot trust", async () => {
    await assert.rejects(call(listener.address.port, {}), (error) => {
      assert.match(String(error), /unable to verify/);
      return refused(error);
    });
  });

  it("has not reached a server that does not trust it", async () => {
    await assert.rejects(call(careful.address.port, { ca: CA }), refused);
    await assert.rejects(call(careful.address.port, { ca: CA, ...STRANGER }), refused);
  });
});

describe("a TLS port", () => {
  it("answers HTTP/1.1", async () => {
    const text = await new Promise<string>((resolve, reject) => {
      const { port } = listener.address;
      const request = https.get({ host: "127.0.0.1", port, path: "/health", ca: CA, agent: false }, (response) => {
        response.setEncoding("utf8");
        let body = "";
        response.on("data", (part: string) => {
          body += part;
        });
        response.on("end", () => resolve(`${response.statusCode} ${body}`));
      });
      request.on("error", reject);
    });
    assert.equal(text, "200 /health\n");
  });

  it("goes by the first bytes, not by what the handshake agreed on", async () => {
    const first = (ALPNProtocols: string[], text: Uint8Array | string): Promise<Buffer> =>
      new Promise((resolve, reject) => {
        const { port } = listener.address;
        const socket = tls.connect({ host: "127.0.0.1", port, ca: CA, ALPNProtocols });
        socket.on("error", reject);
        socket.on("data", (bytes) => {
          resolve(bytes);
          socket.destroy();
        });
        socket.write(text);
      });
    const get = "GET /health HTTP/1.1\r\nhost: a\r\n\r\n";
    assert.match((await first(["h2"], get)).toString(), /^HTTP\/1\.1 200 OK\r\n/);
    assert.match((await first([], get)).toString(), /^HTTP\/1\.1 200 OK\r\n/);
    const settings = await first(["http/1.1"], Buffer.concat([PREFACE, Buffer.from("000000040000000000", "hex")]));
    assert.equal(settings[3], 4, "a SETTINGS frame");
  });

  it("refuses a grpc-js client that comes without the certificate asked for", async () => {
    const client = new grpc.Client(`127.0.0.1:${careful.address.port}`, grpc.credentials.createSsl(Buffer.from(CA)), {
      "grpc.ssl_target_name_override": "localhost",
    });
    const { encode, decode } = BYTES;
    const error = await new Promise<grpc.ServiceError | null>((resolve) => {
      client.makeUnaryRequest(ECHO.path, (m: Uint8Array) => Buffer.from(encode(m)), decode, Buffer.from("a"), resolve);
    });
    client.close();
    assert.equal(error?.code, StatusCode.UNAVAILABLE);
  });
});
