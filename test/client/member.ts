import { Prng } from "../../src/base/prng.ts";
import { type ClientOptions, EtcdClient } from "../../src/client/client.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { nodeStreams } from "../../src/env/node/streams.ts";
import type { ByteStream, StreamListener } from "../../src/env/streams.ts";
import { SILENT } from "../../src/env/trace.ts";
import { GrpcServer } from "../../src/grpc/server.ts";

/** A gRPC server on a free port of 127.0.0.1 whose methods a test provides. */
export interface FakeMember {
  readonly endpoint: string;
  readonly port: number;
  readonly server: GrpcServer;
  /** Breaks every connection and takes no more until `restart`. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

export async function startMember(setUp: (server: GrpcServer) => void, port = 0): Promise<FakeMember> {
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  setUp(server);
  const streams = new Set<ByteStream>();
  const listener: StreamListener = await nodeStreams.listen({ host: "127.0.0.1", port }, (stream) => {
    streams.add(stream);
    server.accept(stream);
  });
  const stop = async (): Promise<void> => {
    await listener.close();
    for (const stream of streams) stream.destroy();
  };
  return {
    endpoint: `127.0.0.1:${listener.address.port}`,
    port: listener.address.port,
    server,
    stop,
    async close() {
      await stop();
      await server.close(0);
    },
  };
}

export function clientOf(endpoints: readonly string[], options: Partial<ClientOptions> = {}): EtcdClient {
  return new EtcdClient({ endpoints, network: nodeStreams, clock: nodeClock, prng: new Prng(1), ...options });
}
