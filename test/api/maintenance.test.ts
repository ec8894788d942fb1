/** Defragment, Hash and Snapshot over a real gRPC connection in memory; what the member does is each test's. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { type TestContext, test } from "node:test";
import type { Method } from "../../src/base/codec.ts";
import { nodeClock } from "../../src/env/node/clock.ts";
import { SILENT } from "../../src/env/trace.ts";
import type { SnapshotSource } from "../../src/env/transport.ts";
import { serveMaintenance } from "../../src/etcd/api/maintenance.ts";
import type { ServedMember, ServedRequests } from "../../src/etcd/api/served.ts";
import { ETCD_ERRORS, type EtcdError } from "../../src/etcd/errors.ts";
import { type ClientStream, GrpcConnection } from "../../src/grpc/connection.ts";
import { GrpcServer } from "../../src/grpc/server.ts";
import { GrpcError } from "../../src/grpc/status.ts";
import {
  DefragmentRequest,
  HashRequest,
  SnapshotRequest,
  type SnapshotResponse,
} from "../../src/proto/gen/etcdserverpb.ts";
import { Maintenance } from "../../src/proto/gen/rpc.ts";
import { eventually } from "../support/etcd-server.ts";
import { MemoryStream } from "../support/streams.ts";

const CHUNK_BYTES = 32 * 1024;

function connect(context: TestContext, requests: Partial<ServedRequests>): GrpcConnection {
  const server = new GrpcServer({ trace: SILENT, clock: nodeClock });
  serveMaintenance(server, {} as ServedMember, requests as ServedRequests, null);
  const [end, accepted] = MemoryStream.pair();
  server.accept(accepted);
  const connection = new GrpcConnection(end, { clock: nodeClock });
  context.after(async () => {
    connection.close();
    await server.close(0);
  });
  return connection;
}

function call<Request, Response>(
  connection: GrpcConnection,
  method: Method<Request, Response>,
  request: Request,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    connection.unary(method, request, { timeoutMs: 10_000 }, (error, response) =>
      error === null ? resolve(response as Response) : reject(error),
    );
  });
}

interface Taken {
  readonly messages: SnapshotResponse[];
  stream: ClientStream<SnapshotRequest>;
  /** Undefined while it goes on. */
  end: GrpcError | null | undefined;
}

function take(connection: GrpcConnection, each: () => void = () => {}): Taken {
  const taken = { messages: [], end: undefined } as unknown as Taken;
  taken.stream = connection.stream(
    Maintenance.Snapshot,
    {},
    {
      message: (message) => {
        taken.messages.push(message);
        each();
      },
      closed: (error) => {
        taken.end = error;
      },
    },
  );
  taken.stream.send(SnapshotRequest.create());
  taken.stream.end();
  return taken;
}

/** A file, and how often it was closed. */
function sourceOf(file: Uint8Array, read: SnapshotSource["read"]): SnapshotSource & { closed: number } {
  return {
    header: new Uint8Array(0),
    bytes: file.length,
    read,
    closed: 0,
    async close() {
      this.closed++;
    },
  };
}

const CHUNKS = 100;
const FILE = Uint8Array.from({ length: (CHUNKS - 1) * CHUNK_BYTES + 777 }, (_, i) => (i * 31) ^ (i >> 8));
const readFile = async (offset: number, length: number): Promise<Uint8Array> => FILE.subarray(offset, offset + length);

test("a defragmentation is answered when it is done, and why it is not", async (context) => {
  let answer: EtcdError | null = null;
  const connection = connect(context, { defragment: async () => answer ?? { header: null } });
  assert.deepEqual(await call(connection, Maintenance.Defragment, DefragmentRequest.create()), { header: null });
  answer = ETCD_ERRORS.stopped;
  await assert.rejects(
    call(connection, Maintenance.Defragment, DefragmentRequest.create()),
    new GrpcError(answer.code, answer.message),
  );
});

test("a hash is answered with the revision it is of", async (context) => {
  const header = { clusterId: 1n, memberId: 2n, revision: 3, raftTerm: 4 } as never;
  const connection = connect(context, { hash: async () => ({ header, hash: 4_000_000_000 }) });
  assert.deepEqual(await call(connection, Maintenance.Hash, HashRequest.create()), { header, hash: 4_000_000_000 });
});

test("a snapshot comes in chunks that count down, then its SHA-256, and the file is closed", async (context) => {
  const source = sourceOf(FILE, readFile);
  const taken = take(connect(context, { snapshot: async () => source }));
  await eventually(() => taken.end !== undefined, "the stream ends");
  assert.equal(taken.end, null);
  const chunks = taken.messages.slice(0, -1);
  const file = Buffer.concat(chunks.map(({ blob }) => blob));
  assert.ok(file.equals(FILE));
  assert.deepEqual(taken.messages.at(-1)?.blob, new Uint8Array(createHash("sha256").update(FILE).digest()));
  let left = FILE.length;
  for (const { blob, remainingBytes, header, version } of chunks) {
    assert.ok(blob.length <= CHUNK_BYTES);
    left -= blob.length;
    assert.deepEqual([remainingBytes, header, version], [left, null, "3.7.0"]);
  }
  assert.equal(source.closed, 1);
});

test("a client that does not take more is not sent more, and one that leaves closes the file", async (context) => {
  let reads = 0;
  const source = sourceOf(FILE, async (offset, length) => {
    reads++;
    return readFile(offset, length);
  });
  const taken = take(connect(context, { snapshot: async () => source }), () => taken.stream.pause());
  await eventually(() => taken.messages.length > 0, "the first chunk");
  let before = -1;
  await eventually(() => {
    const isStill = reads === before;
    before = reads;
    return isStill;
  }, "nothing more is read");
  assert.ok(reads < CHUNKS - 20, `${reads} of ${CHUNKS} chunks were read for a client that takes no more`);
  taken.stream.cancel();
  await eventually(() => source.closed === 1, "the file is closed");
});

test("a file that cannot be read to its end, and one that cannot be had, end the stream with the reason", async (context) => {
  const failing = sourceOf(FILE, async (offset, length) => {
    if (offset > 2 * CHUNK_BYTES) throw new Error("EIO: i/o error, read");
    return readFile(offset, length);
  });
  const short = sourceOf(FILE, async (offset, length) => readFile(offset, offset === 0 ? length : 0));
  const cases: readonly (readonly [SnapshotSource | EtcdError, string])[] = [
    [failing, "EIO: i/o error, read"],
    [short, `the snapshot ends after ${CHUNK_BYTES} of ${FILE.length} bytes`],
    [ETCD_ERRORS.tooManyRequests, ETCD_ERRORS.tooManyRequests.message],
  ];
  for (const [source, message] of cases) {
    const taken = take(connect(context, { snapshot: async () => source }));
    await eventually(() => taken.end !== undefined, "the stream ends");
    assert.equal(taken.end?.message, message);
  }
  assert.deepEqual([failing.closed, short.closed], [1, 1]);
});
