import {
  AlarmRequest,
  type AlarmResponse,
  DefragmentRequest,
  type DefragmentResponse,
  HashKVRequest,
  type HashKVResponse,
  MoveLeaderRequest,
  type MoveLeaderResponse,
  StatusRequest,
  type StatusResponse,
} from "../proto/gen/etcdserverpb.ts";
import { Maintenance } from "../proto/gen/rpc.ts";
import type { Caller, CallOptions } from "./retry.ts";

/** What one member says of itself: for these a client pinned to that member makes sense. Every method rejects with GrpcError. */
export class MaintenanceClient {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  status(options?: CallOptions): Promise<StatusResponse> {
    return this.#caller.call(Maintenance.Status, StatusRequest.create(), "read", options);
  }

  hashKv(request: Partial<HashKVRequest> = {}, options?: CallOptions): Promise<HashKVResponse> {
    return this.#caller.call(Maintenance.HashKV, HashKVRequest.create(request), "read", options);
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
}
