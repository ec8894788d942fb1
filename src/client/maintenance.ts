import { StatusCode } from "../grpc/status.ts";
import {
  AlarmRequest,
  type AlarmResponse,
  DefragmentRequest,
  type DefragmentResponse,
  HashKVRequest,
  type HashKVResponse,
  HashRequest,
  type HashResponse,
  MoveLeaderRequest,
  type MoveLeaderResponse,
  SnapshotRequest,
  StatusRequest,
  type StatusResponse,
} from "../proto/gen/etcdserverpb.ts";
import { Maintenance } from "../proto/gen/rpc.ts";
import type { Balancer } from "./balancer.ts";
import type { Caller, CallOptions } from "./retry.ts";

/** What one member says of itself: for these a client pinned to that member makes sense. Every method rejects with GrpcError. */
export class MaintenanceClient {
  readonly #caller: Caller;
  readonly #balancer: Balancer;

  constructor(caller: Caller, balancer: Balancer) {
    this.#caller = caller;
    this.#balancer = balancer;
  }

  status(options?: CallOptions): Promise<StatusResponse> {
    return this.#caller.call(Maintenance.Status, StatusRequest.create(), "read", options);
  }

  hashKv(request: Partial<HashKVRequest> = {}, options?: CallOptions): Promise<HashKVResponse> {
    return this.#caller.call(Maintenance.HashKV, HashKVRequest.create(request), "read", options);
  }

  /** Of the whole store of one member; only of use to compare it with another at rest. */
  hash(options?: CallOptions): Promise<HashResponse> {
    return this.#caller.call(Maintenance.Hash, HashRequest.create(), "read", options);
  }

  /** Without an action: those that are raised. */
  alarm(request: Partial<AlarmRequest>, options?: CallOptions): Promise<AlarmResponse> {
    return this.#caller.call(Maintenance.Alarm, AlarmRequest.create(request), "write", options);
  }

  defragment(options?: CallOptions): Promise<DefragmentResponse> {
    return this.#caller.call(Maintenance.Defragment, DefragmentRequest.create(), "write", options);
  }

  /** Only the leader can. */
  moveLeader(targetId: bigint, options?: CallOptions): Promise<MoveLeaderResponse> {
    return this.#caller.call(Maintenance.MoveLeader, MoveLeaderRequest.create({ targetId }), "write", options);
  }

  /**
   * A copy of the store: its file, piece by piece, behind it the SHA-256 of that. The next piece comes when `take` has resolved;
   * rejects as that does, too. No time limit, and no second attempt.
   */
  snapshot(take: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    const route = this.#balancer.pick();
    return new Promise((resolve, reject) => {
      let taken: Promise<void> = Promise.resolve();
      const stream = route.channel.stream(
        Maintenance.Snapshot,
        {},
        {
          message: ({ blob }) => {
            stream.pause();
            taken = taken.then(() => take(blob));
            taken.then(
              () => stream.resume(),
              (error: unknown) => {
                reject(error);
                stream.cancel();
              },
            );
          },
          closed: (error) => {
            if (error?.code === StatusCode.UNAVAILABLE) this.#balancer.failed(route);
            if (error === null) taken.then(resolve, reject);
            else reject(error);
          },
        },
      );
      stream.send(SnapshotRequest.create());
      stream.end();
    });
  }
}
