import { once } from "node:events";
import http2 from "node:http2";
import grpc from "@grpc/grpc-js";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import { GrpcConnection } from "../../../src/grpc/connection.ts";
import { type Answer, frame, KEY, type Kind, RANGE } from "./shared.ts";

export interface Client {
  /** Makes one call; `done` runs when its answer is complete and decoded. */
  call(done: (answer: Answer) => void): void;
  close(): void;
}

export function connect(kind: Kind, port: number): Promise<Client> {
  switch (kind) {
    case "faultline":
      return connectOurs(port);
    case "node:http2":
      return connectHttp2(port);
    case "grpc-js":
      return connectGrpcJs(port);
  }
}

const TIMEOUT_MS = 10_000;

async function connectOurs(port: number): Promise<Client> {
  const connection = new GrpcConnection(nodeStreams.connect({ host: "127.0.0.1", port }), { clock: nodeClock });
  await new Promise<void>((resolve) => connection.onReady(resolve));
  const options = { timeoutMs: TIMEOUT_MS };
  return {
    call(done) {
      connection.unary(RANGE, KEY, options, (error, answer) => {
        if (error !== null) throw error;
        done(answer as Answer);
      });
    },
    close: () => connection.close(),
  };
}

async function connectHttp2(port: number): Promise<Client> {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  await once(session, "remoteSettings");
  const headers = {
    ":method": "POST",
    ":path": RANGE.path,
    te: "trailers",
    "content-type": "application/grpc",
    "grpc-timeout": "10S",
  };
  return {
    call(done) {
      const stream = session.request(headers);
      const parts: Buffer[] = [];
      let status: unknown;
      stream.on("trailers", (trailers) => {
        status = trailers["grpc-status"];
      });
      stream.on("data", (part: Buffer) => parts.push(part));
      stream.on("end", () => {
        if (String(status) !== "0") throw new Error(`status ${String(status)}`);
        const bytes = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
        done(RANGE.response.decode(bytes.subarray(5)));
      });
      stream.end(frame(RANGE.request.encode(KEY)));
    },
    close: () => session.close(),
  };
}

async function connectGrpcJs(port: number): Promise<Client> {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + TIMEOUT_MS, (error) => (error === undefined ? resolve() : reject(error)));
  });
  const serialize = (message: Uint8Array): Buffer => RANGE.request.encode(message) as Buffer;
  const deserialize = (bytes: Buffer): Answer => RANGE.response.decode(bytes);
  return {
    call(done) {
      const options = { deadline: Date.now() + TIMEOUT_MS };
      client.makeUnaryRequest<Uint8Array, Answer>(RANGE.path, serialize, deserialize, KEY, options, (error, answer) => {
        if (error !== null) throw error;
        done(answer as Answer);
      });
    },
    close: () => client.close(),
  };
}
