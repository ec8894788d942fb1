import { createHash } from "node:crypto";
import type { SnapshotSource } from "../../env/transport.ts";
import type { ServerStream } from "../../grpc/server.ts";
import { GrpcError, StatusCode } from "../../grpc/status.ts";
import { type SnapshotRequest, SnapshotResponse } from "../../proto/gen/etcdserverpb.ts";
import { isEtcdError } from "../errors.ts";
import { grpcErrorOf, type ServedRequests } from "./served.ts";
import { STORAGE_VERSION } from "./version.ts";

type Stream = ServerStream<SnapshotRequest, SnapshotResponse>;

/** etcd's. */
const CHUNK_BYTES = 32 * 1024;

/**
 * Maintenance.Snapshot: the store's file in chunks, each read when the client has room for it, and last the SHA-256 of all of them
 * in a message of its own.
 */
export function streamSnapshot(stream: Stream, requests: ServedRequests): void {
  let wake: () => void = () => {};
  stream.receive({
    message: () => void send(stream, requests, () => new Promise((resolve) => (wake = resolve))),
    ended() {},
    cancelled: () => wake(),
    drained: () => wake(),
  });
}

async function send(stream: Stream, requests: ServedRequests, room: () => Promise<void>): Promise<void> {
  try {
    const source = await requests.snapshot();
    if (isEtcdError(source)) stream.end(grpcErrorOf(source));
    else await sendFile(stream, source, room).finally(() => source.close());
  } catch (error) {
    // The disk's: this copy cannot be had, and the member has lost nothing by it.
    stream.end(new GrpcError(StatusCode.UNKNOWN, error instanceof Error ? error.message : String(error)));
  }
}

/** Rejects when the file cannot be read to its end. */
async function sendFile(stream: Stream, source: SnapshotSource, room: () => Promise<void>): Promise<void> {
  const version = STORAGE_VERSION;
  const sha256 = createHash("sha256");
  for (let sent = 0; sent < source.bytes; ) {
    const blob = await source.read(sent, CHUNK_BYTES);
    if (stream.cancelled) return;
    if (blob.length === 0) throw new Error(`the snapshot ends after ${sent} of ${source.bytes} bytes`);
    sha256.update(blob);
    sent += blob.length;
    const hasRoom = stream.send(SnapshotResponse.create({ remainingBytes: source.bytes - sent, blob, version }));
    if (!hasRoom && !stream.cancelled) await room();
  }
  stream.send(SnapshotResponse.create({ blob: sha256.digest(), version }));
  stream.end();
}
