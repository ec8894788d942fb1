/** @grpc/grpc-js on one end, ours on the other; and ours on both. The same claims hold for every pairing, over TCP and over TLS. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import grpc from "@grpc/grpc-js";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import { tlsStreams } from "../../src/env/node/streams-tls.ts";
import type { StreamListener, StreamNetwork } from "../../src/env/streams.ts";
import { SILENT } from "../../src/env/trace.ts";
import { type ClientStream, GrpcConnection } from "../../src/grpc/connection.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { GrpcError, StatusCode } from "../../src/grpc/status.ts";
import { CA, CLIENT, SERVER } from "../support/tls.ts";
import { CHAT, ECHO, EXPAND } from "./echo.ts";

const MB = 1024 * 1024;
const ERROR_TEXT = "key „ключ“ not found: 100 %\n🔑";

/** How both ends are connected: for ours, and the same for theirs. */
interface Wire {
  readonly name: string;
  readonly network: StreamNetwork;
  readonly scheme: "http" | "https";
  serverCredentials(): grpc.ServerCredentials;
  channelCredentials(): grpc.ChannelCredentials;
}

const TCP: Wire = {
  name: "TCP",
  network: nodeStreams,
  scheme: "http",
  serverCredentials: () => grpc.ServerCredentials.createInsecure(),
  channelCredentials: () => grpc.credentials.createInsecure(),
};

/** Both ends prove who they are. */
const TLS: Wire = {
  name: "TLS",
  network: {
    listen: (address, accept) => tlsStreams({ ...SERVER, ca: CA, requireClientCert: true }).listen(address, accept),
    connect: (address) => tlsStreams({ ...CLIENT, ca: CA }).connect(address),
  },
  scheme: "https",
  serverCredentials() {
    const pair = { private_key: Buffer.from(SERVER.key), cert_chain: Buffer.from(SERVER.cert) };
    return grpc.ServerCredentials.createSsl(Buffer.from(CA), [pair], true);
  },
  channelCredentials: () =>
    grpc.credentials.createSsl(Buffer.from(CA), Buffer.from(CLIENT.key), Buffer.from(CLIENT.cert)),
};

/** What both servers do: echo; "fail" fails; "silent" never answers; Expand counts down; Chat echoes until it is told "fail". */
interface Running {
  readonly port: number;
  /** Chats that are over for the server. (node:http2 says END_STREAM before it cancels, so either may come first.) */
  over(): number;
  stop(): Promise<void>;
}

async function startOurs(wire: Wire): Promise<Running> {
  let over = 0;
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock, maxRequestBytes: 16 * MB });
  server.unary(ECHO, (request, call) => {
    const text = request.length < 100 ? Buffer.from(request).toString() : "";
    if (text === "fail") throw new GrpcError(StatusCode.NOT_FOUND, ERROR_TEXT);
    if (text === "silent") return new Promise(() => {});
    if (text === "metadata") return Buffer.from(call.metadata.get("token") ?? "");
    return text === "later" ? new Promise((resolve) => setImmediate(() => resolve(request))) : request;
  });
  server.streaming(EXPAND, (stream) => {
    stream.receive({
      message: (request) => {
        for (let i = Number(Buffer.from(request).toString()); i > 0; i--) stream.send(Buffer.from(String(i)));
        stream.end();
      },
      ended() {},
      cancelled() {},
    });
  });
  server.streaming(CHAT, (stream) => {
    stream.receive({
      message: (request) => {
        if (Buffer.from(request).toString() === "fail") stream.end(new GrpcError(StatusCode.ABORTED, ERROR_TEXT));
        else stream.send(request);
      },
      ended: () => {
        over++;
        stream.end();
      },
      cancelled: () => over++,
    });
  });
  const listener: StreamListener = await wire.network.listen({ host: "127.0.0.1", port: 0 }, (s) => server.accept(s));
  return {
    port: listener.address.port,
    over: () => over,
    async stop() {
      await listener.close();
      await server.close(0);
    },
  };
}

const identity = {
  requestSerialize: (message: Uint8Array) => Buffer.from(message),
  requestDeserialize: (bytes: Buffer): Uint8Array => bytes,
  responseSerialize: (message: Uint8Array) => Buffer.from(message),
  responseDeserialize: (bytes: Buffer): Uint8Array => bytes,
};

type Bytes = Uint8Array;

async function startTheirs(wire: Wire): Promise<Running> {
  let over = 0;
  const server = new grpc.Server({ "grpc.max_receive_message_length": 16 * MB });
  const failure = (code: number): Partial<grpc.ServiceError> => ({ code, details: ERROR_TEXT });
  server.addService(
    {
      unary: { ...identity, path: ECHO.path, requestStream: false, responseStream: false },
      expand: { ...identity, path: EXPAND.path, requestStream: false, responseStream: true },
      chat: { ...identity, path: CHAT.path, requestStream: true, responseStream: true },
    },
    {
      unary: (call: grpc.ServerUnaryCall<Bytes, Bytes>, done: grpc.sendUnaryData<Bytes>) => {
        const text = call.request.length < 100 ? Buffer.from(call.request).toString() : "";
        if (text === "silent") return;
        if (text === "fail") done(failure(StatusCode.NOT_FOUND));
        else if (text === "metadata") done(null, Buffer.from(String(call.metadata.get("token")[0])));
        else done(null, call.request);
      },
      expand: (call: grpc.ServerWritableStream<Bytes, Bytes>) => {
        for (let i = Number(Buffer.from(call.request).toString()); i > 0; i--) call.write(Buffer.from(String(i)));
        call.end();
      },
      chat: (call: grpc.ServerDuplexStream<Bytes, Bytes>) => {
        call.on("data", (request: Bytes) => {
          if (Buffer.from(request).toString() === "fail") call.emit("error", failure(StatusCode.ABORTED));
          else call.write(request);
        });
        call.on("end", () => {
          over++;
          call.end();
        });
        call.on("error", () => {});
        call.on("cancelled", () => over++);
      },
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", wire.serverCredentials(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  return {
    port,
    over: () => over,
    stop: async () => server.forceShutdown(),
  };
}

interface Failure {
  readonly code: number;
  readonly text: string;
}

interface Chat {
  send(message: Bytes): void;
  end(): void;
  cancel(): void;
}

/** The little that the claims need of a client. */
interface Client {
  unary(request: Bytes, options: { timeoutMs?: number; token?: string }): Promise<Bytes>;
  expand(request: Bytes): Promise<Bytes[]>;
  chat(message: (response: Bytes) => void, closed: (failure: Failure | null) => void): Chat;
  stop(): void;
}

function failureOf(error: GrpcError | grpc.ServiceError): Failure {
  return error instanceof GrpcError
    ? { code: error.code, text: error.message }
    : { code: error.code, text: error.details };
}

function connectOurs(wire: Wire, port: number): Client {
  const stream = wire.network.connect({ host: "127.0.0.1", port });
  const connection = new GrpcConnection(stream, { clock: nodeClock, scheme: wire.scheme });
  return {
    unary: (request, { timeoutMs, token }) =>
      new Promise((resolve, reject) => {
        const options = {
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          ...(token === undefined ? {} : { metadata: new Map([["token", token]]) }),
        };
        connection.unary(ECHO, request, options, (error, response) => {
          if (error === null) resolve(response as Bytes);
          else reject(failureOf(error));
        });
      }),
    expand: (request) =>
      new Promise((resolve, reject) => {
        const messages: Bytes[] = [];
        const stream = connection.stream(
          EXPAND,
          {},
          {
            message: (message) => messages.push(message),
            closed: (error) => (error === null ? resolve(messages) : reject(failureOf(error))),
          },
        );
        stream.send(request);
        stream.end();
      }),
    chat: (message, closed): ClientStream<Bytes> =>
      connection.stream(CHAT, {}, { message, closed: (error) => closed(error === null ? null : failureOf(error)) }),
    stop: () => connection.close(),
  };
}

function connectTheirs(wire: Wire, port: number): Client {
  const client = new grpc.Client(`127.0.0.1:${port}`, wire.channelCredentials(), {
    "grpc.max_receive_message_length": 16 * MB,
    "grpc.use_local_subchannel_pool": 1,
    "grpc.ssl_target_name_override": "localhost",
  });
  const { requestSerialize, responseDeserialize } = identity;
  return {
    unary: (request, { timeoutMs, token }) =>
      new Promise((resolve, reject) => {
        const metadata = new grpc.Metadata();
        if (token !== undefined) metadata.set("token", token);
        const options = timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
        client.makeUnaryRequest<Bytes, Bytes>(
          ...([ECHO.path, requestSerialize, responseDeserialize, request, metadata, options] as const),
          (error, response) => {
            if (error === null) resolve(response as Bytes);
            else reject(failureOf(error));
          },
        );
      }),
    expand: (request) =>
      new Promise((resolve, reject) => {
        const messages: Bytes[] = [];
        const call = client.makeServerStreamRequest<Bytes, Bytes>(
          ...([EXPAND.path, requestSerialize, responseDeserialize, request] as const),
        );
        call.on("data", (message: Bytes) => messages.push(message));
        call.on("error", (error: grpc.ServiceError) => reject(failureOf(error)));
        call.on("end", () => resolve(messages));
      }),
    chat: (message, closed) => {
      const call = client.makeBidiStreamRequest<Bytes, Bytes>(CHAT.path, requestSerialize, responseDeserialize);
      call.on("data", message);
      call.on("error", () => {});
      call.on("status", (status) => closed(status.code === 0 ? null : { code: status.code, text: status.details }));
      return { send: (request) => call.write(request), end: () => call.end(), cancel: () => call.cancel() };
    },
    stop: () => client.close(),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

const PAIRINGS = [
  { name: "grpc-js client, our server", start: startOurs, connect: connectTheirs },
  { name: "our client, grpc-js server", start: startTheirs, connect: connectOurs },
  { name: "our client, our server", start: startOurs, connect: connectOurs },
] as const;

for (const [wire, { name, start, connect }] of [TCP, TLS].flatMap((wire) =>
  PAIRINGS.map((pairing) => [wire, pairing] as const),
)) {
  describe(`${name}, over ${wire.name}`, () => {
    let server: Running;
    let client: Client;
    before(async () => {
      server = await start(wire);
      client = connect(wire, server.port);
    });
    after(async () => {
      client.stop();
      await server.stop();
    });

    it("carries unary calls, empty messages included", async () => {
      for (const text of ["", "a", "later", "x".repeat(10_000)]) {
        assert.equal(Buffer.from(await client.unary(Buffer.from(text), {})).toString(), text);
      }
    });

    it("carries messages of some megabytes", async () => {
      const big = Buffer.alloc(7 * MB + 3);
      for (let i = 0; i < big.length; i++) big[i] = (i * 7919) >>> 3;
      big[0] = 1;
      const answer = await client.unary(big, {});
      assert.equal(Buffer.compare(answer, big), 0);
    });

    it("carries many calls at a time, each with its own answer", async () => {
      const texts = Array.from({ length: 2_000 }, (_, i) => (i % 3 === 0 ? `call ${i}`.repeat(200) : `call ${i}`));
      const answers = await Promise.all(texts.map((text) => client.unary(Buffer.from(text), { timeoutMs: 60_000 })));
      assert.deepEqual(
        answers.map((answer) => Buffer.from(answer).toString()),
        texts,
      );
    });

    it("carries status codes and texts in UTF-8", async () => {
      await assert.rejects(client.unary(Buffer.from("fail"), {}), { code: StatusCode.NOT_FOUND, text: ERROR_TEXT });
    });

    it("carries metadata", async () => {
      const answer = await client.unary(Buffer.from("metadata"), { token: "simple.1 and more" });
      assert.equal(Buffer.from(answer).toString(), "simple.1 and more");
    });

    it("ends a call at its deadline", async () => {
      await assert.rejects(client.unary(Buffer.from("silent"), { timeoutMs: 40 }), {
        code: StatusCode.DEADLINE_EXCEEDED,
      });
    });

    it("streams from the server", async () => {
      const messages = await client.expand(Buffer.from("5000"));
      assert.equal(messages.length, 5_000);
      assert.equal(Buffer.from(messages[0] as Bytes).toString(), "5000");
      assert.equal(Buffer.from(messages[4_999] as Bytes).toString(), "1");
    });

    it("streams in both directions until the client ends", async () => {
      const received: string[] = [];
      const failure = await new Promise<Failure | null>((resolve) => {
        const chat = client.chat((message) => {
          received.push(Buffer.from(message).toString());
          if (received.length < 50) chat.send(Buffer.from(`message ${received.length}`));
          else chat.end();
        }, resolve);
        chat.send(Buffer.from("message 0"));
      });
      assert.equal(failure, null);
      assert.deepEqual(
        received,
        Array.from({ length: 50 }, (_, i) => `message ${i}`),
      );
    });

    it("ends a stream with the server's error", async () => {
      const failure = await new Promise<Failure | null>((resolve) => {
        const chat = client.chat(() => chat.send(Buffer.from("fail")), resolve);
        chat.send(Buffer.from("hello"));
      });
      assert.deepEqual(failure, { code: StatusCode.ABORTED, text: ERROR_TEXT });
    });

    it("tells the server of a cancelled stream", async () => {
      const before = server.over();
      const failure = await new Promise<Failure | null>((resolve) => {
        const chat = client.chat(() => chat.cancel(), resolve);
        chat.send(Buffer.from("hello"));
      });
      assert.equal(failure?.code, StatusCode.CANCELLED);
      await until(() => server.over() > before);
    });
  });
}
