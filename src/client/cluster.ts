import {
  MemberAddRequest,
  type MemberAddResponse,
  MemberListRequest,
  type MemberListResponse,
  MemberPromoteRequest,
  type MemberPromoteResponse,
  MemberRemoveRequest,
  type MemberRemoveResponse,
  MemberUpdateRequest,
  type MemberUpdateResponse,
} from "../proto/gen/etcdserverpb.ts";
import { Cluster } from "../proto/gen/rpc.ts";
import type { Caller, CallOptions } from "./retry.ts";

/** Membership. Every method rejects with GrpcError. */
export class ClusterClient {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /** Linearizable unless the request says otherwise, as etcd's own client asks. */
  memberList(request: Partial<MemberListRequest> = {}, options?: CallOptions): Promise<MemberListResponse> {
    const full = MemberListRequest.create({ linearizable: true, ...request });
    return this.#caller.call(Cluster.MemberList, full, "read", options);
  }

  memberAdd(request: Partial<MemberAddRequest>, options?: CallOptions): Promise<MemberAddResponse> {
    return this.#caller.call(Cluster.MemberAdd, MemberAddRequest.create(request), "write", options);
  }

  memberRemove(id: bigint, options?: CallOptions): Promise<MemberRemoveResponse> {
    return this.#caller.call(Cluster.MemberRemove, MemberRemoveRequest.create({ id }), "write", options);
  }

  memberUpdate(id: bigint, peerUrls: readonly string[], options?: CallOptions): Promise<MemberUpdateResponse> {
    return this.#caller.call(Cluster.MemberUpdate, MemberUpdateRequest.create({ id, peerUrls }), "write", options);
  }

  memberPromote(id: bigint, options?: CallOptions): Promise<MemberPromoteResponse> {
    return this.#caller.call(Cluster.MemberPromote, MemberPromoteRequest.create({ id }), "write", options);
  }
}
