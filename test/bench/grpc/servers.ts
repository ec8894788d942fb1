import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import grpc from "@grpc/grpc-js";
import { nodeClock } from "../../../src/env/node/clock.ts";
import { nodeStreams } from "../../../src/env/node/streams.ts";
import { SILENT } from "../../../src/env/trace.ts";
import { GrpcServer } from "../../../src/grpc/server.ts";
import { type Answer, frame, type Kind, RANGE, VALUE } from "./shared.ts";

let revision = 0;

function answer(key: Uint8Array): Answer {
  revision = (revision + 1) >>> 0;
  return { revision, key, value: VALUE };
}

/** Starts a server of one kind in this process and returns its port. */
export function listen(kind: Kind): Promise<number> {
  switch (kind) {
    case "faultline":
      return listenOurs();
    case "node:http2":
      return listenHttp2();
    case "grpc-js":
      return listenGrpcJs();
  }
}

async function listenOurs(): Promise<number> {
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  server.unary(RANGE, answer);
  const listener = await nodeStreams.listen({ host: "127.0.0.1", port: 0 }, (stream) => server.accept(stream));
  return listener.address.port;
}

function listenHttp2(): Promise<number> {
  const server = http2.createServer({ settings: { maxConcurrentStreams: 4_096 } });
  server.on("stream", (stream) => {
    const parts: Buffer[] = [];
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("error", () => {});
    stream.on("end", () => {
      const request = parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      const message = RANGE.response.encode(answer(RANGE.request.decode(request.subarray(5))));
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(frame(message));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

function listenGrpcJs(): Promise<number> {
  const server = new grpc.Server();
  server.addService(
    {
      range: {
        path: RANGE.path,
        requestStream: false,
        responseStream: false,
        requestSerialize: (message: Uint8Array) => Buffer.from(message),
        requestDeserialize: (bytes: Buffer) => RANGE.request.decode(bytes),
        responseSerialize: (message: Answer) => RANGE.response.encode(message) as Buffer,
        responseDeserialize: (bytes: Buffer) => RANGE.response.decode(bytes),
      },
    },
    {
      range: (call: grpc.ServerUnaryCall<Uint8Array, Answer>, done: grpc.sendUnaryData<Answer>) =>
        done(null, answer(call.request)),
    },
  );
  return new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}
